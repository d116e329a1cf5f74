//! Packages as a repository of Maven shows them: their metadata lists versions, and each file has a checksum beside it.
//! Source: Maven, "Repository Layout", "Repository Metadata".

use std::collections::BTreeMap;

use aws::Timestamp;

use super::npm::Seen;
use super::{Origin, Trouble, fetch};
use crate::CodeArtifact;
use crate::http::maven_metadata;
use crate::names::Coordinates;
use crate::records::{RemoteFile, RemoteVersion};
use crate::versions::maven::SNAPSHOT;

/// Of a file with a checksum, in bytes.
const LONGEST_CHECKSUM: usize = 4 * 1024;
const LONGEST_VERSION: usize = 255;
/// The checksums that are believed, in the order in which they are asked for, with their digits. MD5 is none of them.
const BELIEVED: [(&str, usize); 3] = [(".sha1", 40), (".sha256", 64), (".sha512", 128)];

/// Of the metadata.
pub fn url(origin: &Origin, package: &Coordinates) -> String {
    format!("{}/maven-metadata.xml", folder(origin, package))
}

fn folder(origin: &Origin, package: &Coordinates) -> String {
    let group = package.namespace.replace('.', "/");
    let separator = if group.is_empty() { "" } else { "/" };
    format!("{}/{group}{separator}{}", origin.url, package.name)
}

/// Reads metadata: releases, without their files, and the prefixes of plugins by artifact, as tags. Snapshots do not come
/// from outside. Source: CodeArtifact User Guide, "Use Maven snapshots". Errors: what is wrong with the document.
pub fn read(package: &Coordinates, body: &[u8]) -> Result<Seen, String> {
    let said = maven_metadata::read(body)?;
    let is_other = |said: Option<String>, expected: &str| said.is_some_and(|said| said != expected);
    if !said.versions.is_empty() && is_other(said.artifact, &package.name) {
        return Err(format!("metadata of another package than {}", package.shown()));
    }
    let fits = |number: &String| {
        let is_of_version = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte);
        (1..=LONGEST_VERSION).contains(&number.len())
            && number.bytes().all(is_of_version)
            && !number.ends_with(SNAPSHOT)
    };
    let version = || RemoteVersion {
        published: Timestamp::from_millis(0),
        is_yanked: false,
        native: None,
        files: BTreeMap::new(),
    };
    let versions = said.versions.into_iter().filter(fits).map(|number| (number, version()));
    let plugins = said.plugins.into_iter().map(|(artifact, plugin)| (artifact, plugin.prefix));
    Ok((versions.collect(), plugins.collect()))
}

/// A file of a version, if the origin has it with a checksum; asked once for all who want to know.
pub async fn offered(
    ca: &CodeArtifact,
    connection: &str,
    package: &Coordinates,
    version: &str,
    name: &str,
) -> Result<Option<RemoteFile>, Trouble> {
    let origin = ca.outside.origin(connection)?;
    let url = format!("{}/{version}/{name}", folder(origin, package));
    let _turn = ca.outside.turns.take(url.clone()).await;
    if let Some(known) = ca.outside.offers.get(&url) {
        return Ok(known);
    }
    if let Some(trouble) = ca.outside.recent_trouble(connection) {
        return Err(trouble);
    }
    let asked = ask(ca, connection, &url).await;
    match &asked {
        Ok(offer) => ca.outside.offers.put(url, offer.clone()),
        Err(trouble) => ca.outside.note_trouble(connection, trouble),
    }
    asked
}

async fn ask(ca: &CodeArtifact, connection: &str, url: &str) -> Result<Option<RemoteFile>, Trouble> {
    for (suffix, digits) in BELIEVED {
        let address = format!("{url}{suffix}");
        let page = ca.outside.page(connection, &address, "*/*").await?;
        let Some(body) = page.body else { continue };
        let hash = hash(&body, digits)
            .ok_or_else(|| fetch::answered(connection, &format!("no checksum for {address}")))?;
        let is = |kind: &str| (kind == suffix).then(|| hash.clone());
        return Ok(Some(RemoteFile {
            url: url.to_owned(),
            sha256: is(".sha256"),
            sha512: is(".sha512"),
            sha1: is(".sha1"),
            uploaded: page.modified.unwrap_or(Timestamp::from_millis(0)),
            ..RemoteFile::default()
        }));
    }
    Ok(None)
}

/// The digits of a checksum file: alone, or before or after the name of the file.
fn hash(body: &[u8], digits: usize) -> Option<String> {
    let text = std::str::from_utf8(body.get(..LONGEST_CHECKSUM).unwrap_or(body)).ok()?;
    let is_hash = |word: &&str| word.len() == digits && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_whitespace().find(is_hash).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    #[test]
    fn releases_and_plugins_are_read() {
        let package = Coordinates::normal(Format::Maven, "com.acme", "app");
        let origin = Origin { url: "http://origin.test/maven2".into(), file_hosts: Vec::new() };
        assert_eq!(url(&origin, &package), "http://origin.test/maven2/com/acme/app/maven-metadata.xml");
        let document = |artifact: &str| {
            format!(
                "<metadata><artifactId>{artifact}</artifactId><versioning><versions><version>1.0</version>\
                 <version>1.1-SNAPSHOT</version><version>../2</version></versions></versioning></metadata>"
            )
        };
        let (versions, _) = read(&package, document("app").as_bytes()).unwrap();
        assert_eq!(versions.keys().collect::<Vec<_>>(), ["1.0"]);
        assert!(read(&package, document("other").as_bytes()).is_err());
        assert!(read(&package, b"<html>Sign in</html>").is_err());
        let plugins = b"<metadata><plugins><plugin><prefix>p</prefix><artifactId>a</artifactId></plugin></plugins></metadata>";
        assert_eq!(read(&package, plugins).unwrap().1, BTreeMap::from([("a".to_owned(), "p".to_owned())]));
    }

    #[test]
    fn checksums_are_found_in_their_files() {
        let digits = "ABCDEF".repeat(7)[..40].to_owned();
        for text in [digits.clone(), format!("{digits}  app.jar\n"), format!("SHA1 (app.jar) = {digits}")] {
            assert_eq!(hash(text.as_bytes(), 40), Some(digits.to_lowercase()), "{text}");
        }
        for text in ["", "<html>", "abc", &digits[1..]] {
            assert_eq!(hash(text.as_bytes(), 40), None, "{text}");
        }
    }
}
