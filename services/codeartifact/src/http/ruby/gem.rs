//! What an archive of a gem says: a tar with its specification in YAML, its files, and the checksums of both.
//! Source: RubyGems, `Gem::Package`, `Gem::Specification#to_yaml`.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use blob::{Blobs, Digest};
use document::Node;
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256, Sha512};
use tar::Archive;

use super::version_of;
pub use super::{is_name, is_platform};
use crate::error::Error;
use crate::records::{Dependency, Gem, GemDependency, Metadata, Requirement};
use crate::versions::ruby;

/// Of an archive that has to be held in memory to be read, which is so where blobs are no files. In bytes.
const IN_MEMORY: usize = 128 * 1024 * 1024;
const LONGEST_SPECIFICATION: u64 = 4 * 1024 * 1024;
const MOST_ENTRIES: usize = 1_000;
const MOST_DEPENDENCIES: usize = 2_000;
const OPERATORS: [&str; 7] = ["=", "!=", ">", "<", ">=", "<=", "~>"];

/// Reads an archive. Errors: `Validation` for what is no whole gem.
pub async fn read(blobs: &Blobs, blob: Digest) -> Result<Gem, Error> {
    let read = match blobs.path(blob) {
        Some(path) => tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&path).map_err(|error| Error::Internal(error.to_string()))?;
            inside(file)
        }),
        None => {
            let bytes = blobs.read(blob, IN_MEMORY).await?;
            tokio::task::spawn_blocking(move || inside(Cursor::new(bytes)))
        }
    };
    read.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn inside(packed: impl Read) -> Result<Gem, Error> {
    let no_gem = |why: &str| Error::field(format!("The file is not a gem: {why}."));
    let broken = |_| no_gem("it is no whole tar archive");
    let mut archive = Archive::new(packed);
    // What is there, by its name, with its hashes; the small ones with their bytes.
    let mut found: BTreeMap<String, (String, String, Vec<u8>)> = BTreeMap::new();
    // A gem has short names: long ones would be read into memory, however long they are.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_small = matches!(name.as_str(), "metadata.gz" | "checksums.yaml.gz");
        let (mut sha256, mut sha512, mut kept) = (Sha256::new(), Sha512::new(), Vec::new());
        let (mut piece, mut size) = (vec![0; 64 * 1024], 0_u64);
        loop {
            let length = entry.read(&mut piece).map_err(broken)?;
            let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { break };
            size += read.len() as u64;
            sha256.update(read);
            sha512.update(read);
            if is_small && size > LONGEST_SPECIFICATION {
                return Err(no_gem("its specification is too large"));
            }
            if is_small {
                kept.extend_from_slice(read);
            }
        }
        if size != entry.header().entry_size().map_err(broken)? {
            return Err(no_gem("it is cut off"));
        }
        let hashes = (hex::encode(sha256.finalize()), hex::encode(sha512.finalize()), kept);
        if found.insert(name, hashes).is_some() || found.len() > MOST_ENTRIES {
            return Err(no_gem("it has a file more than once, or too many"));
        }
    }
    let (_, _, metadata) = found.get("metadata.gz").ok_or_else(|| no_gem("it has no metadata.gz"))?;
    if !found.contains_key("data.tar.gz") {
        return Err(no_gem("it has no data.tar.gz"));
    }
    if let Some((_, _, checksums)) = found.get("checksums.yaml.gz") {
        check(&yaml(checksums)?, &found)?;
    }
    specification(&yaml(metadata)?)
}

fn yaml(packed: &[u8]) -> Result<Node, Error> {
    let mut text = String::new();
    let read = MultiGzDecoder::new(packed).take(LONGEST_SPECIFICATION + 1).read_to_string(&mut text);
    let length = read.map_err(|_| Error::field("The specification of the gem cannot be unpacked."))?;
    if length as u64 > LONGEST_SPECIFICATION {
        return Err(Error::field("The specification of the gem is too large."));
    }
    let parsed = document::parse(&text)
        .map_err(|error| Error::field(format!("The specification is not valid: {error}.")))?;
    parsed.ok_or_else(|| Error::field("The specification of the gem is empty."))
}

/// What is said of the bytes must be true. Errors: `Validation`.
fn check(said: &Node, found: &BTreeMap<String, (String, String, Vec<u8>)>) -> Result<(), Error> {
    for (name, (sha256, sha512, _)) in found {
        for (algorithm, hash) in [("SHA256", sha256), ("SHA512", sha512)] {
            let said = said.get(algorithm).and_then(|files| files.get(name)).and_then(Node::text);
            if said.is_some_and(|said| said != hash) {
                return Err(Error::field(format!(
                    "{name} of the gem does not have the {algorithm} that it says."
                )));
            }
        }
    }
    Ok(())
}

fn specification(root: &Node) -> Result<Gem, Error> {
    let invalid = |what: &str| Error::field(format!("The {what} of the gem is not valid."));
    let text = |name: &str| words(root.get(name)?);
    let name = text("name").filter(|name| is_name(name)).ok_or_else(|| invalid("name"))?;
    let number =
        root.get("version").and_then(version).filter(|number| ruby::is_number(number) && number.len() <= 100);
    let number = number.ok_or_else(|| invalid("version"))?;
    let platform = match root.get("platform") {
        None => "ruby".to_owned(),
        Some(node) => {
            platform(node).filter(|platform| is_platform(platform)).ok_or_else(|| invalid("platform"))?
        }
    };
    let mut dependencies = Vec::new();
    for node in items(root.get("dependencies")).iter().take(MOST_DEPENDENCIES) {
        dependencies.push(dependency(node).ok_or_else(|| invalid("dependencies"))?);
    }
    let all = |name: &str| items(root.get(name)).iter().filter_map(words).collect();
    let entries = root.get("metadata").map(Node::entries).unwrap_or_default();
    let required = |name: &str| requirement(root.get(name)).ok_or_else(|| invalid(name));
    Ok(Gem {
        name,
        number,
        platform,
        summary: text("summary"),
        description: text("description"),
        homepage: text("homepage"),
        authors: all("authors"),
        licenses: all("licenses"),
        ruby: required("required_ruby_version")?,
        rubygems: required("required_rubygems_version")?,
        dependencies,
        metadata: entries.iter().filter_map(|(key, value)| Some((words(key)?, words(value)?))).collect(),
    })
}

/// A text that says something.
fn words(node: &Node) -> Option<String> {
    node.text().filter(|text| !node.is_null() && !text.is_empty()).map(str::to_owned)
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(document::Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// `version: "1.0"`, as an object of its own.
fn version(node: &Node) -> Option<String> {
    words(node.get("version")?)
}

fn platform(node: &Node) -> Option<String> {
    if let Some(text) = words(node) {
        return Some(text);
    }
    let part = |name: &str| node.get(name).and_then(words);
    let parts: Vec<String> = [part("cpu"), part("os"), part("version")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("-"))
}

pub fn is_operator(text: &str) -> bool {
    OPERATORS.contains(&text)
}

/// None of it is any version. `None` for what is no requirement.
fn requirement(node: Option<&Node>) -> Option<Requirement> {
    let mut all = Requirement::new();
    for pair in items(node.and_then(|node| node.get("requirements"))) {
        let [operator, number] = items(Some(pair)) else { return None };
        let operator = operator.text().filter(|operator| is_operator(operator))?.to_owned();
        let number = version(number).filter(|number| ruby::is_number(number))?;
        if (operator.as_str(), number.as_str()) != (">=", "0") {
            all.push((operator, number));
        }
    }
    Some(all)
}

fn dependency(node: &Node) -> Option<GemDependency> {
    let said = node.get("requirement").or_else(|| node.get("version_requirements"));
    Some(GemDependency {
        name: words(node.get("name")?).filter(|name| is_name(name))?,
        is_development: node.get("type").and_then(Node::text) == Some(":development"),
        requirement: requirement(said)?,
    })
}

/// The name of the version that a gem is.
pub fn full_version(gem: &Gem) -> String {
    version_of(&gem.number, &gem.platform)
}

pub fn metadata(gem: &Gem) -> Metadata {
    let link = |name: &str| gem.metadata.get(name).cloned();
    let dependencies = gem.dependencies.iter().map(|dependency| Dependency {
        namespace: None,
        package: dependency.name.clone(),
        kind: if dependency.is_development { "development" } else { "runtime" }.to_owned(),
        requirement: shown(&dependency.requirement, ", "),
    });
    Metadata {
        display_name: Some(gem.name.clone()),
        summary: gem.summary.clone().or_else(|| gem.description.clone()),
        home_page: gem.homepage.clone(),
        source_code: link("source_code_uri"),
        licenses: gem.licenses.clone(),
        readme: None,
        dependencies: dependencies.collect(),
    }
}

/// `>= 1.0, < 2`; `>= 0` for any version.
pub fn shown(requirement: &Requirement, separator: &str) -> String {
    if requirement.is_empty() {
        return ">= 0".to_owned();
    }
    let all: Vec<String> =
        requirement.iter().map(|(operator, number)| format!("{operator} {number}")).collect();
    all.join(separator)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, EntryType, Header};

    use super::*;

    const SPECIFICATION: &str = "--- !ruby/object:Gem::Specification
name: acme-web
version: !ruby/object:Gem::Version
  version: 1.0.0.pre1
platform: ruby
authors:
- Us
dependencies:
- !ruby/object:Gem::Dependency
  name: rack
  requirement: &1 !ruby/object:Gem::Requirement
    requirements:
    - - \"~>\"
      - !ruby/object:Gem::Version
        version: '2.0'
    - - \">=\"
      - !ruby/object:Gem::Version
        version: 2.0.1
  type: :runtime
  version_requirements: *1
description:
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - \">=\"
    - !ruby/object:Gem::Version
      version: '0'
metadata: {}
summary: What it is
";

    fn read(text: &str) -> Result<Gem, Error> {
        specification(&document::parse(text).unwrap().unwrap())
    }

    #[test]
    fn a_specification_is_read() {
        let gem = read(SPECIFICATION).unwrap();
        assert_eq!(
            (gem.name.as_str(), gem.number.as_str(), gem.platform.as_str()),
            ("acme-web", "1.0.0.pre1", "ruby")
        );
        assert_eq!(shown(&gem.dependencies[0].requirement, "&"), "~> 2.0&>= 2.0.1");
        assert_eq!((gem.description, gem.ruby), (None, Requirement::new()));
    }

    #[test]
    fn what_is_no_specification_is_refused() {
        for (from, to) in [
            ("name: acme-web", "name: ../web"),
            ("version: 1.0.0.pre1", "version: one"),
            ("platform: ruby", "platform: a/b"),
            ("\"~>\"", "\"^\""),
            ("name: rack", "name: ra ck"),
        ] {
            assert!(read(&SPECIFICATION.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert!(inside(&b"not a tar"[..]).is_err() && inside(&[0; 1024][..]).is_err());
    }

    fn archive(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, name, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn a_name_is_not_read_however_long_it_is() {
        let (metadata, data) = (packed(SPECIFICATION.as_bytes()), packed(b"data"));
        let file = EntryType::Regular;
        let plain = archive(&[(file, "metadata.gz", &metadata), (file, "data.tar.gz", &data)]);
        assert_eq!(inside(plain.as_slice()).unwrap().name, "acme-web");
        // Were it taken for the name of the next file, that would not be found.
        let long = archive(&[
            (EntryType::GNULongName, "long", &[b'x'; 4096]),
            (file, "metadata.gz", &metadata),
            (file, "data.tar.gz", &data),
        ]);
        assert_eq!(inside(long.as_slice()).unwrap().name, "acme-web");
    }

    #[test]
    fn a_specification_that_is_too_large_is_not_cut() {
        let long = format!("{SPECIFICATION}description: {}\n", "a".repeat(4 * 1024 * 1024));
        let why = yaml(&packed(long.as_bytes())).unwrap_err().to_string();
        assert!(why.contains("too large"), "{why}");
        let exact = format!("{SPECIFICATION}#{}", " ".repeat(4 * 1024 * 1024 - SPECIFICATION.len() - 1));
        assert!(yaml(&packed(exact.as_bytes())).is_ok());
    }
}
