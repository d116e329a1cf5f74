//! `npm audit`, answered from the operator's list of advisories: by name and version at once, as npm asks today, and for a
//! whole tree, as npm 6, yarn and pnpm ask. Source: npm's registry documentation; what the stock clients send.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use aws::http::{Body, Response};
use flate2::read::MultiGzDecoder;
use http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::answer::{Refusal, typed};
use super::super::{Action, Call, read_body};
use super::JSON;
use super::request::Audit;
use crate::advisories::{Affected, Bound, List, Range, Severity};
use crate::error::Error;
use crate::names::{Coordinates, Format};

/// Of a body as it comes, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;
/// Of a body that was packed.
const LARGEST_UNPACKED: usize = 32 * 1024 * 1024;
/// Of the memory that reading a body takes.
const ROOM: usize = 2 * LARGEST_UNPACKED;
/// Versions of all packages that one request asks about.
const MOST_VERSIONS: usize = 20_000;
/// Places in the tree that are told of one version.
const MOST_PATHS: usize = 100;
/// What npm believes of an advisory that does not say how bad it is.
const UNRATED: Severity = Severity::High;

/// By package, the versions that are asked about, and where they are in the tree.
type Asked = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Errors: 400, 413; 501 if there is no list.
pub async fn answer(call: &Call<'_>, kind: Audit, body: Body) -> Result<Response, Refusal> {
    if !call.codeartifact.advisories.are_given() {
        let message = "npm audit is not supported, as in AWS CodeArtifact: this repository knows nothing of \
                       vulnerabilities.";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    call.carried_out(Action::Read, None, None, Box::pin(async { Ok(()) })).await?;
    let _room = call.budget.room(Some(ROOM)).await;
    let is_packed =
        call.header(header::CONTENT_ENCODING).is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
    let sent = read_body(body, LARGEST).await?;
    let list = call.codeartifact.advisories.current();
    let work = tokio::task::spawn_blocking(move || {
        let sent = if is_packed { unpacked(&sent)? } else { sent.to_vec() };
        let (asked, count) = asked(kind, &sent)?;
        Ok::<_, Refusal>(match kind {
            Audit::Bulk => bulk(&list, &asked),
            Audit::Tree => report(&list, &asked, count),
        })
    });
    let answer = work.await.map_err(|error| Error::Internal(error.to_string()))??;
    Ok(typed(JSON, answer.to_string()))
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(packed).take(LARGEST_UNPACKED as u64 + 1).read_to_end(&mut text);
    read.map_err(|_| Refusal::bad("The body is not packed with gzip, as its Content-Encoding says."))?;
    if text.len() > LARGEST_UNPACKED {
        let message = format!("The body has more than {LARGEST_UNPACKED} bytes when it is unpacked.");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(text)
}

/// What is asked about, and how many packages the tree has. Errors: 400, 413.
fn asked(kind: Audit, body: &[u8]) -> Result<(Asked, usize), Refusal> {
    let mut asked = Asked::new();
    match kind {
        Audit::Bulk => {
            let versions: BTreeMap<String, BTreeSet<String>> =
                serde_json::from_slice(body).map_err(|_| {
                    Refusal::bad("The body must have the versions of each package: {\"name\": [\"1.0.0\"]}.")
                })?;
            for (name, versions) in versions {
                asked.insert(name, versions.into_iter().map(|version| (version, Vec::new())).collect());
            }
        }
        Audit::Tree => {
            let tree: Value =
                serde_json::from_slice(body).ok().filter(Value::is_object).ok_or_else(|| {
                    Refusal::bad("The body must be a tree of dependencies, as that of npm-shrinkwrap.json.")
                })?;
            walk(&tree, "", &mut asked);
        }
    }
    let count = asked.values().map(BTreeMap::len).sum();
    if count > MOST_VERSIONS {
        let message = format!("The request asks about more than {MOST_VERSIONS} versions of packages.");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok((asked, count))
}

/// The depth is bounded by the parser.
fn walk(node: &Value, path: &str, asked: &mut Asked) {
    for (name, inner) in node.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}>{name}") };
        if let Some(version) = inner.get("version").and_then(Value::as_str) {
            let paths = asked.entry(name.clone()).or_default().entry(version.to_owned()).or_default();
            if paths.len() < MOST_PATHS {
                paths.push(path.clone());
            }
        }
        walk(inner, &path, asked);
    }
}

fn package(name: &str) -> Coordinates {
    let (scope, name) = name.strip_prefix('@').and_then(|name| name.split_once('/')).unwrap_or(("", name));
    Coordinates::normal(Format::Npm, scope, name)
}

/// An advisory with the versions that it is about, and where they are.
type Meant<'l> = (&'l Affected, Vec<(&'l String, &'l Vec<String>)>);

/// What of the list is about one of the versions.
fn found<'l>(list: &'l List, name: &str, versions: &'l BTreeMap<String, Vec<String>>) -> Vec<Meant<'l>> {
    let of = |affected: &'l Affected| {
        let meant =
            versions.iter().filter(|(version, _)| affected.has(Format::Npm, version)).collect::<Vec<_>>();
        (!meant.is_empty()).then_some((affected, meant))
    };
    list.of(&package(name)).iter().filter_map(of).collect()
}

fn bulk(list: &List, asked: &Asked) -> Value {
    let mut answer = serde_json::Map::new();
    for (name, versions) in asked {
        let told: Vec<Value> =
            found(list, name, versions).iter().map(|(affected, _)| told(name, affected)).collect();
        if !told.is_empty() {
            answer.insert(name.clone(), Value::from(told));
        }
    }
    Value::Object(answer)
}

/// Both protocols tell this of an advisory.
fn told(name: &str, affected: &Affected) -> Value {
    let advisory = &affected.advisory;
    let cvss = advisory.cvss.as_ref();
    json!({
        "id": number(&advisory.id, name),
        "url": advisory.url,
        "title": format!("{} ({})", advisory.summary, advisory.id),
        "severity": level(affected).0,
        "vulnerable_versions": vulnerable(affected),
        "cwe": advisory.weaknesses,
        "cvss": { "score": cvss.map_or(0.0, |(score, _)| *score), "vectorString": cvss.map(|(_, vector)| vector) },
    })
}

/// Clients know advisories by numbers.
fn number(id: &str, name: &str) -> u64 {
    let digest = Sha256::digest(format!("{id} {name}"));
    // As many bits as a number of JavaScript holds exactly.
    digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// As npm calls it; and its place among its levels.
fn level(affected: &Affected) -> (&'static str, usize) {
    match affected.advisory.severity.unwrap_or(UNRATED) {
        Severity::Low => ("low", 1),
        Severity::Moderate => ("moderate", 2),
        Severity::High => ("high", 3),
        Severity::Critical | Severity::Malicious => ("critical", 4),
    }
}

const LEVELS: [&str; 5] = ["info", "low", "moderate", "high", "critical"];

/// The versions that are meant, as a range of npm's.
fn vulnerable(affected: &Affected) -> String {
    let mut parts: Vec<String> = affected.ranges.iter().flat_map(intervals).collect();
    let is_beside = |version: &&String| !affected.ranges.iter().any(|range| range.has(Format::Npm, version));
    parts.extend(affected.versions.iter().filter(is_beside).map(|version| format!("={version}")));
    if parts.is_empty() { NONE.to_owned() } else { parts.join(" || ") }
}

/// A range that no version is in.
const NONE: &str = "<0.0.0-0";

fn intervals(range: &Range) -> Vec<String> {
    let (mut all, mut from): (Vec<String>, Option<&Option<String>>) = (Vec::new(), None);
    let between = |from: &Option<String>, end: Option<String>| match (from, end) {
        (None, None) => "*".to_owned(),
        (None, Some(end)) => end,
        (Some(from), None) => format!(">={from}"),
        (Some(from), Some(end)) => format!(">={from} {end}"),
    };
    for bound in range.bounds() {
        let end = match bound {
            Bound::Introduced(at) => {
                from = from.or(Some(at));
                continue;
            }
            Bound::Fixed(at) => format!("<{at}"),
            Bound::LastAffected(at) => format!("<={at}"),
        };
        all.extend(from.take().map(|from| between(from, Some(end))));
    }
    all.extend(from.map(|from| between(from, range.limit().map(|limit| format!("<{limit}")))));
    all
}

/// The versions in which it is mended.
fn patched(affected: &Affected) -> String {
    let bounds = affected.ranges.iter().flat_map(Range::bounds);
    let fixed: Vec<String> = bounds
        .filter_map(|bound| match bound {
            Bound::Fixed(at) => Some(format!(">={at}")),
            Bound::Introduced(_) | Bound::LastAffected(_) => None,
        })
        .collect();
    if fixed.is_empty() { NONE.to_owned() } else { fixed.join(" || ") }
}

fn report(list: &List, asked: &Asked, count: usize) -> Value {
    let (mut advisories, mut levels) = (serde_json::Map::new(), [0_usize; LEVELS.len()]);
    for (name, versions) in asked {
        for (affected, meant) in found(list, name, versions) {
            if let Some(level) = levels.get_mut(level(affected).1) {
                *level += meant.len();
            }
            let findings: Vec<Value> =
                meant.iter().map(|(version, paths)| json!({ "version": version, "paths": paths })).collect();
            let mut told = told(name, affected);
            let cves: Vec<&String> =
                affected.advisory.aliases.iter().filter(|alias| alias.starts_with("CVE-")).collect();
            for (member, value) in [
                ("module_name", json!(name)),
                ("patched_versions", json!(patched(affected))),
                ("overview", json!(affected.advisory.summary)),
                ("recommendation", json!(format!("Take a version of {}", patched(affected)))),
                ("cves", json!(cves)),
                ("references", json!(affected.advisory.url)),
                ("github_advisory_id", json!(affected.advisory.id)),
                ("findings", json!(findings)),
                ("access", json!("public")),
            ] {
                told[member] = value;
            }
            advisories.insert(number(&affected.advisory.id, name).to_string(), told);
        }
    }
    let levels: serde_json::Map<String, Value> =
        LEVELS.iter().zip(levels).map(|(level, count)| ((*level).to_owned(), json!(count))).collect();
    json!({
        "actions": [],
        "advisories": advisories,
        "muted": [],
        "metadata": {
            "vulnerabilities": levels,
            "dependencies": count,
            "devDependencies": 0,
            "optionalDependencies": 0,
            "totalDependencies": count,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn affected(bounds: &[(&str, &str)], versions: &[&str]) -> Affected {
        let bound = |(kind, at): &(&str, &str)| match *kind {
            "introduced" => Bound::Introduced((*at != "0").then(|| (*at).to_owned())),
            "fixed" => Bound::Fixed((*at).to_owned()),
            _ => Bound::LastAffected((*at).to_owned()),
        };
        let range = Range::of(Format::Npm, bounds.iter().map(bound).collect(), Vec::new()).unwrap();
        let advisory = crate::advisories::Advisory {
            id: "GHSA-1".into(),
            aliases: vec!["CVE-1".into(), "X-1".into()],
            summary: "It leaks".into(),
            url: "https://example.com".into(),
            severity: None,
            cvss: None,
            weaknesses: Vec::new(),
        };
        Affected {
            advisory: Arc::new(advisory),
            ranges: if bounds.is_empty() { Vec::new() } else { vec![range] },
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            is_blocking: false,
        }
    }

    #[test]
    fn ranges_are_told_as_npm_writes_them() {
        for (bounds, versions, vulnerable_expected, patched_expected) in [
            (&[("introduced", "0"), ("fixed", "1.2.3")][..], &["1.0.0"][..], "<1.2.3", ">=1.2.3"),
            (
                &[("introduced", "1.0.0"), ("last", "1.2.3"), ("introduced", "2.0.0"), ("fixed", "2.1.0")],
                &["3.0.0"],
                ">=1.0.0 <=1.2.3 || >=2.0.0 <2.1.0 || =3.0.0",
                ">=2.1.0",
            ),
            (&[("introduced", "0")], &[], "*", NONE),
            (&[("introduced", "1.0.0")], &[], ">=1.0.0", NONE),
            (&[], &["1.0.0", "1.0.1"], "=1.0.0 || =1.0.1", NONE),
            (&[], &[], NONE, NONE),
        ] {
            let affected = affected(bounds, versions);
            assert_eq!(vulnerable(&affected), vulnerable_expected);
            assert_eq!(patched(&affected), patched_expected);
        }
    }

    #[test]
    fn a_tree_is_walked_to_its_leaves() {
        let tree = br#"{"name": "app", "dependencies": {"a": {"version": "1.0.0", "dependencies":
            {"@s/b": {"version": "2.0.0"}}}, "@s/b": {"version": "2.0.0"}, "odd": 3}}"#;
        let (asked, count) = asked(Audit::Tree, tree).unwrap();
        assert_eq!(count, 2);
        assert_eq!(asked["@s/b"]["2.0.0"], ["a>@s/b", "@s/b"]);
        assert_eq!(package("@s/b"), Coordinates::normal(Format::Npm, "s", "b"));
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for (kind, body) in [
            (Audit::Bulk, "[]"),
            (Audit::Bulk, r#"{"a": "1.0.0"}"#),
            (Audit::Bulk, "x"),
            (Audit::Tree, "[]"),
            (Audit::Tree, "x"),
        ] {
            assert!(asked(kind, body.as_bytes()).is_err(), "{body}");
        }
        let versions: Vec<String> = (0..=MOST_VERSIONS).map(|number| format!("1.0.{number}")).collect();
        assert!(asked(Audit::Bulk, json!({ "a": versions }).to_string().as_bytes()).is_err());
        assert!(unpacked(b"not packed").is_err());
    }
}
