//! What plugins are called on the command line: their own archives say it, and the metadata of their group tells it.
//! Source: Maven, "Introduction to Plugin Prefix Resolution".

use std::collections::BTreeMap;

use aws::protocol::xml;
use blob::{Blobs, Digest};
use store::{Range, ReadTx};

use super::super::zipped::{self, Found};
use super::metadata::Prefix;
use crate::error::Error;
use crate::names::Format;
use crate::packages::chain::Link;
use crate::records::{Package, Plugin, Status, Version};

/// Of a `plugin.xml`, in bytes.
pub const LONGEST: u64 = 8 * 1024 * 1024;
const LONGEST_PREFIX: usize = 255;
/// Packages of one group that are looked at, in each repository.
const MOST_PACKAGES: usize = 1_000;
/// Versions of one package that are looked at.
const MOST_VERSIONS: usize = 20;

/// What an archive says that it is called, if it is a plugin. What is no archive is none.
pub async fn inside(blobs: &Blobs, blob: Digest, size: u64) -> Result<Option<Plugin>, Error> {
    match zipped::find(blobs, blob, size, is_description, LONGEST).await {
        Ok(Found::File(content)) => Ok(read(&content)),
        Ok(Found::Nothing | Found::TooLarge) | Err(Error::Validation { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file of an archive is the one that says it.
pub fn is_description(path: &str) -> bool {
    path == "META-INF/maven/plugin.xml"
}

/// What it says.
pub fn read(content: &[u8]) -> Option<Plugin> {
    let root = xml::parse(content).ok().filter(|root| root.name == "plugin")?;
    let text = |name: &str| root.child(name).map(|child| child.text.trim().to_owned());
    let fits = |text: &String| !text.is_empty() && text.len() <= LONGEST_PREFIX;
    Some(Plugin { prefix: text("goalPrefix").filter(fits)?, name: text("name").filter(fits) })
}

/// The plugins of a group along a chain, and those that were seen outside. The nearest repository decides.
pub fn of_group(
    tx: &mut ReadTx<'_>,
    links: &[Link],
    group: &str,
) -> Result<BTreeMap<String, Prefix>, store::Error> {
    let mut all = BTreeMap::new();
    for link in links {
        let in_group = Package::all_of(link.repository.id).and(Format::Maven.as_str()).and(group);
        for package in tx.scan::<Package>(in_group, MOST_PACKAGES)?.into_records() {
            if let Some(Plugin { prefix, name }) = of_package(tx, &package)? {
                all.entry(package.coordinates.name).or_insert(Prefix { prefix, name });
            }
        }
        for (artifact, prefix) in link.external.iter().flat_map(|external| &external.tags) {
            let seen = || Prefix { prefix: prefix.clone(), name: None };
            all.entry(artifact.clone()).or_insert_with(seen);
        }
    }
    Ok(all)
}

/// What one of its published versions says: that is the same in all of them.
pub fn of_package(tx: &mut ReadTx<'_>, package: &Package) -> Result<Option<Plugin>, store::Error> {
    let published = Version::all_of(package.repository, &package.coordinates).and(Status::Published.as_str());
    let some = tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(published), MOST_VERSIONS)?;
    Ok(some.records.iter().find_map(|version| version.contents.maven()?.plugin.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_says_what_it_is_called() {
        let plugin =
            read(b"<plugin><name>Site</name><goalPrefix> site </goalPrefix><mojos/></plugin>").unwrap();
        assert_eq!((plugin.prefix.as_str(), plugin.name.as_deref()), ("site", Some("Site")));
        for other in ["", "<plugin/>", "<mojo><goalPrefix>x</goalPrefix></mojo>"] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }
}
