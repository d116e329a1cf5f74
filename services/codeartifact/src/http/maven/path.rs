//! What is at an address of a Maven repository. Pure. Source: Maven, "Repository Layout".

use crate::names::{Coordinates, Format};
use crate::versions::maven::{self, SNAPSHOT};

/// Of a group, an artifact or a version. Longer ones are nobody's.
const LONGEST: usize = 255;
const LONGEST_FILE: usize = 512;
const METADATA: &str = "maven-metadata.xml";

/// What is at an address, or the checksum of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub place: Place,
    pub checksum: Option<Algorithm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The metadata of a package. The same address is that of the plugins of a group: `package` is the group's last part
    /// in what is before that.
    Metadata {
        package: Coordinates,
        group: String,
    },
    /// The metadata of the builds of a snapshot.
    SnapshotMetadata {
        package: Coordinates,
        snapshot: String,
    },
    File(File),
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub package: Coordinates,
    /// The folder that it is in: `1.0`, `1.0-SNAPSHOT`.
    pub folder: String,
    /// The version that its name says; of a file in the folder of a snapshot, the snapshot or one of its builds.
    pub version: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// With which the names of checksum files end.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Md5 => ".md5",
            Self::Sha1 => ".sha1",
            Self::Sha256 => ".sha256",
            Self::Sha512 => ".sha512",
        }
    }
}

impl File {
    /// Whether it is in the folder of a snapshot.
    pub fn is_of_snapshot(&self) -> bool {
        self.folder.ends_with(SNAPSHOT)
    }
}

/// Takes an address apart, as it is behind that of the repository. Errors: what is wrong with it.
pub fn parse(rest: &str) -> Result<Path, &'static str> {
    let segments: Vec<&str> = rest.split('/').collect();
    let (last, folders) = segments.split_last().ok_or("There is nothing at this address.")?;
    let split = |algorithm: Algorithm| Some((last.strip_suffix(algorithm.suffix())?, algorithm));
    let (name, checksum) = match Algorithm::ALL.into_iter().find_map(split) {
        Some((name, algorithm)) => (name, Some(algorithm)),
        None => (*last, None),
    };
    if !folders.iter().all(|folder| is_name(folder)) {
        return Err("The address has a part that is no name of a group, artifact or version.");
    }
    let place = if name == METADATA { metadata(folders)? } else { Place::File(file(folders, name)?) };
    Ok(Path { place, checksum })
}

fn metadata(folders: &[&str]) -> Result<Place, &'static str> {
    match folders {
        [group @ .., artifact, snapshot] if !group.is_empty() && snapshot.ends_with(SNAPSHOT) => {
            let package = package(group, artifact)?;
            Ok(Place::SnapshotMetadata { package, snapshot: (*snapshot).to_owned() })
        }
        [group @ .., artifact] => {
            let package = package(group, artifact)?;
            Ok(Place::Metadata { package, group: folders.join(".") })
        }
        [] => Err("The metadata of a package is in its folder."),
    }
}

fn file(folders: &[&str], name: &str) -> Result<File, &'static str> {
    let [group @ .., artifact, folder] = folders else {
        return Err("A file is at GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION.EXTENSION.");
    };
    if group.is_empty() {
        return Err("A file is at GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION.EXTENSION.");
    }
    let fits = |byte: u8| is_of_name(byte) || matches!(byte, b'@' | b'$' | b'=');
    if name.len() > LONGEST_FILE || !name.bytes().all(fits) {
        return Err("The name of the file is too long or has letters that no file of a repository has.");
    }
    const OTHER: &str = "The name of the file is not that of its artifact and version.";
    let rest = name.strip_prefix(artifact).and_then(|rest| rest.strip_prefix('-')).ok_or(OTHER)?;
    let version = version_of(rest, folder).ok_or(OTHER)?;
    Ok(File {
        package: package(group, artifact)?,
        folder: (*folder).to_owned(),
        version: version.to_owned(),
        name: name.to_owned(),
    })
}

/// The version at the beginning of what follows the artifact in the name of a file in a folder.
fn version_of<'n>(rest: &'n str, folder: &str) -> Option<&'n str> {
    let ends = |length: usize| rest.get(length..).is_some_and(|rest| rest.starts_with(['.', '-']));
    if rest.starts_with(folder) && ends(folder.len()) {
        return rest.get(..folder.len());
    }
    // `1.0-20210728.194552-1` of `1.0-SNAPSHOT`.
    let base = folder.strip_suffix(SNAPSHOT)?;
    let stamp = rest.strip_prefix(base)?.strip_prefix('-')?;
    let (_, number) = stamp.split_once('-')?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let length = rest.len() - number.len() + digits;
    let build = rest.get(..length).filter(|_| ends(length))?;
    (maven::base_of_build(build) == Some(base)).then_some(build)
}

fn package(group: &[&str], artifact: &str) -> Result<Coordinates, &'static str> {
    let group = group.join(".");
    if group.len() > LONGEST {
        return Err("The group is too long.");
    }
    Ok(Coordinates::normal(Format::Maven, &group, artifact))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && !matches!(text, "." | "..") && text.bytes().all(is_of_name)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rest: &str) -> (String, String, String) {
        match parse(rest).unwrap().place {
            Place::File(file) => (file.package.shown(), file.version, file.name),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_are_found_by_their_addresses() {
        for (rest, package, version) in [
            ("com/acme/app/1.0/app-1.0.jar", "com.acme:app", "1.0"),
            ("com/acme/app/1.0/app-1.0-sources.jar", "com.acme:app", "1.0"),
            ("g/a-1/1/a-1-1.pom.asc", "g:a-1", "1"),
            ("g/a/1.0-SNAPSHOT/a-1.0-SNAPSHOT.jar", "g:a", "1.0-SNAPSHOT"),
            ("g/a/1.0-SNAPSHOT/a-1.0-20210728.194552-12-sources.jar", "g:a", "1.0-20210728.194552-12"),
            ("g/a/1.0-SNAPSHOT/a-1.0-20210728.194552-12.tar.gz", "g:a", "1.0-20210728.194552-12"),
        ] {
            let name = rest.rsplit('/').next().unwrap();
            assert_eq!(found(rest), (package.to_owned(), version.to_owned(), name.to_owned()));
        }
        assert_eq!(parse("g/a/1/a-1.jar.sha256").unwrap().checksum, Some(Algorithm::Sha256));
    }

    #[test]
    fn metadata_is_of_a_package_a_snapshot_or_a_group() {
        let place = |rest| parse(rest).unwrap().place;
        let package = Coordinates::normal(Format::Maven, "com.acme", "app");
        let group = "com.acme.app".to_owned();
        assert_eq!(
            place("com/acme/app/maven-metadata.xml"),
            Place::Metadata { package: package.clone(), group }
        );
        let snapshot = "1-SNAPSHOT".to_owned();
        let expected = Place::SnapshotMetadata { package, snapshot };
        assert_eq!(place("com/acme/app/1-SNAPSHOT/maven-metadata.xml.md5"), expected);
        let package = Coordinates::normal(Format::Maven, "", "commons-io");
        let group = "commons-io".to_owned();
        assert_eq!(place("commons-io/maven-metadata.xml"), Place::Metadata { package, group });
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("g/{}/1/a-1.jar", "a".repeat(256));
        for rest in [
            "",
            "maven-metadata.xml",
            "a/1.0/a-1.0.jar",
            "g/a/1.0/b-1.0.jar",
            "g/a/1.0/a-1.1.jar",
            "g/a/1.0/a-1.0",
            "g/a/1.0/a-1.00.jar",
            "g/../a/1.0/a-1.0.jar",
            "g//a/1.0/a-1.0.jar",
            "g/a/1.0/",
            "g/a/1.0/a-1.0.jar/..",
            "g/a/1.0/a-1.0.j\\ar",
            "g/a b/1.0/a b-1.0.jar",
            "g/a/1.0-SNAPSHOT/a-1.1-20210728.194552-1.jar",
            "g/a/1.0-SNAPSHOT/a-1.0-20210728-1.jar",
            "g/a/1.0-SNAPSHOT/a-1.0-20210728.194552-.jar",
            &long,
        ] {
            assert!(parse(rest).is_err(), "{rest}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_leads_out_of_its_folder(rest in "[a-z0-9./-]{0,40}|\\PC{0,40}") {
            if let Ok(Path { place: Place::File(file), .. }) = parse(&rest) {
                assert!(!file.name.contains('/') && file.name.starts_with(&file.package.name));
                assert!(!rest.split('/').any(|part| matches!(part, "" | "." | "..")));
            }
        }
    }
}
