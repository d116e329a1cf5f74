//! A gem as a compact index shows it, and the list of all gems.
//! Source: RubyGems guides, "Compact Index API", versions 1 and 2 of the format.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use aws::Timestamp;
use bytes::Bytes;

use super::npm::Seen;
use super::{Origin, Trouble, fetch};
use crate::CodeArtifact;
use crate::http::ruby_gem;
use crate::names::Coordinates;
use crate::records::{Gem, GemDependency, Native, RemoteFile, RemoteVersion, Requirement};
use crate::versions::ruby;

/// How long the list of all gems is good.
const FRESH: Duration = Duration::from_secs(300);
const LONGEST_VERSION: usize = 255;

/// Of the lines of a gem.
pub fn url(origin: &Origin, package: &Coordinates) -> String {
    format!("{}/info/{}", origin.url, package.name)
}

/// Reads the lines of a gem. A version that cannot be verified, or that no repository can have, is left out.
/// Errors: what is wrong with the document.
pub fn read(origin: &Origin, package: &Coordinates, body: &[u8]) -> Result<Seen, String> {
    let text = std::str::from_utf8(body).map_err(|_| "lines of a gem that are not UTF-8".to_owned())?;
    let mut lines = text.lines().skip_while(|line| *line != "---");
    lines.next().ok_or_else(|| format!("no lines of gem {}", package.name))?;
    let versions = lines.filter_map(|line| version(origin, package, line));
    Ok((versions.collect(), BTreeMap::new()))
}

/// `1.0.0-java rack:~> 2.0&>= 2.0.1|checksum:…,ruby:>= 3.0,created_at:…`
fn version(origin: &Origin, package: &Coordinates, line: &str) -> Option<(String, RemoteVersion)> {
    let (version, rest) = line.split_once(' ')?;
    let (dependencies, told) = rest.split_once('|')?;
    let (number, platform) = version.split_once('-').unwrap_or((version, "ruby"));
    if version.len() > LONGEST_VERSION || !ruby::is_number(number) || !ruby_gem::is_platform(platform) {
        return None;
    }
    let mut gem = Gem {
        name: package.name.clone(),
        number: number.to_owned(),
        platform: platform.to_owned(),
        ..Gem::default()
    };
    for dependency in dependencies.split(',').filter(|dependency| !dependency.is_empty()) {
        let (name, required) = dependency.split_once(':')?;
        let requirement = requirement(required)?;
        let name = Some(name.to_owned()).filter(|name| ruby_gem::is_name(name))?;
        gem.dependencies.push(GemDependency { name, is_development: false, requirement });
    }
    let (mut checksum, mut created) = (None, None);
    for told in told.split(',') {
        match told.split_once(':')? {
            ("checksum", digits) => checksum = Some(digits.to_ascii_lowercase()),
            ("created_at", at) => created = Timestamp::parse_iso8601(at),
            ("ruby", required) => gem.ruby = requirement(required)?,
            ("rubygems", required) => gem.rubygems = requirement(required)?,
            _ => {}
        }
    }
    let is_hash = |digits: &String| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 = checksum.filter(is_hash)?;
    let name = format!("{}-{version}.gem", package.name);
    let published = created.unwrap_or(Timestamp::from_millis(0));
    let file = RemoteFile {
        url: format!("{}/gems/{name}", origin.url),
        sha256: Some(sha256),
        uploaded: published,
        ..RemoteFile::default()
    };
    let remote = RemoteVersion {
        published,
        is_yanked: false,
        native: Some(Native::Ruby(gem)),
        files: BTreeMap::from([(name, file)]),
    };
    Some((version.to_owned(), remote))
}

/// `~> 2.0&>= 2.0.1`. Any version is none of it.
fn requirement(text: &str) -> Option<Requirement> {
    let mut all = Requirement::new();
    for part in text.split('&') {
        let (operator, number) = part.trim().split_once(' ')?;
        if !ruby_gem::is_operator(operator) || !ruby::is_number(number) {
            return None;
        }
        if (operator, number) != (">=", "0") {
            all.push((operator.to_owned(), number.to_owned()));
        }
    }
    Some(all)
}

/// The lines of the list of all gems of an origin: each has the name of one, versions, and the hash of its lines. Asked for
/// once for all who want it; while the origin cannot be reached, the last one stays good.
pub async fn list(ca: &CodeArtifact, connection: &str) -> Result<Bytes, Trouble> {
    let kept = || ca.outside.gems.lock().unwrap_or_else(PoisonError::into_inner);
    let known = || kept().get(connection).cloned();
    let fresh = || known().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, list)| list);
    if let Some(list) = fresh() {
        return Ok(list);
    }
    let _turn = ca.outside.turns.take(format!("gems/{connection}")).await;
    if let Some(list) = fresh() {
        return Ok(list);
    }
    let asked = match ca.outside.recent_trouble(connection) {
        Some(trouble) => Err(trouble),
        None => ask(ca, connection).await,
    };
    match (asked, known()) {
        (Ok(list), _) => {
            kept().insert(connection.to_owned(), (Instant::now(), list.clone()));
            Ok(list)
        }
        (Err(trouble), known) => {
            ca.outside.note_trouble(connection, &trouble);
            known.map(|(_, list)| list).ok_or(trouble)
        }
    }
}

async fn ask(ca: &CodeArtifact, connection: &str) -> Result<Bytes, Trouble> {
    let origin = ca.outside.origin(connection)?;
    let url = format!("{}/versions", origin.url);
    let page = ca.outside.page(connection, &url, "text/plain").await?;
    let lines = page.body.and_then(|body| lines_of(&body));
    lines.ok_or_else(|| fetch::answered(connection, &format!("no list of gems for {url}")))
}

/// What comes after the head of a list.
fn lines_of(list: &Bytes) -> Option<Bytes> {
    const END: &[u8] = b"---\n";
    let is_line = |at: usize| at == 0 || list.get(at - 1) == Some(&b'\n');
    let mut ends = list.windows(END.len()).enumerate().filter(|(at, window)| *window == END && is_line(*at));
    let (at, _) = ends.next()?;
    Some(list.slice(at + END.len()..)).filter(|lines| lines.is_empty() || lines.ends_with(b"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    #[test]
    fn lines_become_versions() {
        let origin = Origin { url: "http://origin.test".into(), file_hosts: Vec::new() };
        let package = Coordinates::normal(Format::Ruby, "", "acme-web");
        assert_eq!(url(&origin, &package), "http://origin.test/info/acme-web");
        let hash = "ab".repeat(32);
        let body = format!(
            "created_at: now\n---\n1.0.0 |checksum:{hash}\n\
             1.1.0-java rack:~> 2.0&>= 2.0.1,json:>= 0|checksum:{hash},ruby:>= 2.5&< 4,rubygems:> 1.3.1,created_at:2026-01-02T03:04:05Z,new:x\n\
             2.0 |ruby:>= 2\n2.1 |checksum:abc\n../3 |checksum:{hash}\n2.2-a/b |checksum:{hash}\n\
             2.3 ra/ck:>= 1|checksum:{hash}\n2.4 rack:^ 1|checksum:{hash}\n-1.0 x\nnonsense\n"
        );
        let (seen, _) = read(&origin, &package, body.as_bytes()).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["1.0.0", "1.1.0-java"]);
        let java = &seen["1.1.0-java"];
        let file = &java.files["acme-web-1.1.0-java.gem"];
        assert_eq!(file.url, "http://origin.test/gems/acme-web-1.1.0-java.gem");
        assert_eq!(
            (file.sha256.as_deref(), java.published.to_iso8601_secs().as_str()),
            (Some(hash.as_str()), "2026-01-02T03:04:05Z")
        );
        let Some(Native::Ruby(gem)) = &java.native else { panic!("no gem") };
        assert_eq!((gem.platform.as_str(), ruby_gem::shown(&gem.ruby, "&").as_str()), ("java", ">= 2.5&< 4"));
        assert_eq!(ruby_gem::shown(&gem.dependencies[0].requirement, "&"), "~> 2.0&>= 2.0.1");
        assert_eq!(gem.dependencies[1].requirement, Requirement::new());
        for wrong in [&b"<html>"[..], b"", &[255, 254]] {
            assert!(read(&origin, &package, wrong).is_err());
        }
    }

    #[test]
    fn a_list_begins_after_its_head() {
        let lines = |list: &'static str| lines_of(&Bytes::from_static(list.as_bytes()));
        assert_eq!(lines("created_at: x\n---\na 1 aa\n").unwrap(), "a 1 aa\n");
        assert_eq!(lines("---\n").unwrap(), "");
        for wrong in ["<html>", "", "created_at: x\n---\na 1 cut", "x---\n"] {
            assert!(lines(wrong).is_none(), "{wrong}");
        }
    }
}
