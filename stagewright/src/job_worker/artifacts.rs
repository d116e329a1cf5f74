//! Artifacts between S3 and folders.

use std::fs::File;
use std::path::{Path, PathBuf};

use aws::Remote;
use aws::objects::ObjectId;
use codepipeline_model::Artifact;
use runner::archive::{self, Limits, Writer};

use super::command::is_folder_name;
use super::job::{Failure, Place};

/// What every ZIP begins with.
const ZIP_MAGIC: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Fetches an input artifact and unpacks it; what is no ZIP lies in its folder as it is.
pub async fn fetch(s3: &Remote, place: &Place, artifact: &Artifact) -> Result<(), Failure> {
    let (name, object) = named(artifact)?;
    let packed = place.packed(&name);
    let mut file = tokio::fs::File::create(&packed).await.map_err(Failure::io(packed.display()))?;
    s3.get_object(&object, &mut file).await?;
    let folder = place.input(&name);
    blocking(move || {
        std::fs::create_dir(&folder).map_err(Failure::io(folder.display()))?;
        if is_zip(&packed)? {
            let archive = File::open(&packed).map_err(Failure::io(packed.display()))?;
            archive::extract(archive, &folder, Limits::default()).map_err(refused(&name))?;
            std::fs::remove_file(&packed).map_err(Failure::io(packed.display()))
        } else {
            std::fs::rename(&packed, folder.join(&name)).map_err(Failure::io(packed.display()))
        }
    })
    .await
}

/// Packs the folder of an output artifact and puts it; a file that stands in its place is put as it is.
pub async fn put(s3: &Remote, place: &Place, artifact: &Artifact, key: Option<&str>) -> Result<(), Failure> {
    let (name, object) = named(artifact)?;
    let (folder, packed) = (place.output(&name), place.packed(&name));
    let file = blocking(move || {
        if folder.is_file() {
            return Ok(folder);
        }
        let target = File::create(&packed).map_err(Failure::io(packed.display()))?;
        let mut writer = Writer::new(target);
        pack(&mut writer, &folder, Path::new("")).map_err(|failure| match failure {
            Packing::Archive(error) => refused(&name)(error),
            Packing::Io(cause) => Failure::io(folder.display())(cause),
        })?;
        writer.finish().map_err(refused(&name))?;
        Ok(packed)
    })
    .await?;
    let source = tokio::fs::File::open(&file).await.map_err(Failure::io(file.display()))?;
    let length = source.metadata().await.map_err(Failure::io(file.display()))?.len();
    Ok(s3.put_object(&object, source, length, key).await?)
}

/// The artifact's name and place. Errors: a name that no folder can have, or no place.
fn named(artifact: &Artifact) -> Result<(String, ObjectId), Failure> {
    let name = artifact.name.clone().filter(|name| is_folder_name(name));
    let place = artifact.location.as_ref().and_then(|location| location.s3_location.as_ref());
    match (name, place) {
        (Some(name), Some(place)) => Ok((name, ObjectId::new(&place.bucket_name, &place.object_key))),
        (name, _) => Err(Failure::Artifact(format!("Artifact {name:?} has no name or no place"))),
    }
}

fn refused(name: &str) -> impl Fn(archive::Error) -> Failure {
    move |error| Failure::Artifact(format!("Artifact '{name}': {error}"))
}

fn is_zip(path: &Path) -> Result<bool, Failure> {
    let mut begin = [0; 4];
    let mut file = File::open(path).map_err(Failure::io(path.display()))?;
    match std::io::Read::read_exact(&mut file, &mut begin) {
        Ok(()) => Ok(ZIP_MAGIC.contains(&begin.as_slice())),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Failure::io(path.display())(error)),
    }
}

enum Packing {
    Archive(archive::Error),
    Io(std::io::Error),
}

impl From<archive::Error> for Packing {
    fn from(error: archive::Error) -> Self {
        Self::Archive(error)
    }
}

impl From<std::io::Error> for Packing {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Entries in the order of their names, so that the same files make the same archive.
fn pack(writer: &mut Writer<File>, folder: &Path, name: &Path) -> Result<(), Packing> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
    let mut entries = entries?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    if entries.is_empty() && name != Path::new("") {
        writer.add_directory(name)?;
    }
    for entry in entries {
        let (path, name): (PathBuf, PathBuf) = (entry.path(), name.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            pack(writer, &path, &name)?;
        } else if kind.is_symlink() {
            writer.add_symlink(&name, &std::fs::read_link(&path)?)?;
        } else if kind.is_file() {
            writer.add_file(&name, &mut File::open(&path)?)?;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::Artifact(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_packed_and_unpacked_as_it_was() {
        let place = tempfile::tempdir().expect("a folder");
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::create_dir_all(from.join("a/empty")).expect("made");
        std::fs::create_dir(&to).expect("made");
        std::fs::write(from.join("a/file"), "text").expect("written");
        std::os::unix::fs::symlink("file", from.join("a/link")).expect("linked");
        let packed = place.path().join("packed.zip");
        let mut writer = Writer::new(File::create(&packed).expect("made"));
        assert!(pack(&mut writer, &from, Path::new("")).is_ok());
        writer.finish().expect("finished");
        assert!(is_zip(&packed).is_ok_and(|zip| zip) && is_zip(&from.join("a/file")).is_ok_and(|zip| !zip));
        archive::extract(File::open(&packed).expect("there"), &to, Limits::default()).expect("unpacked");
        assert_eq!(std::fs::read_to_string(to.join("a/link")).expect("there"), "text");
        assert!(to.join("a/empty").is_dir());
    }
}
