use super::*;

fn list(records: &[&str], blocking: &Blocking) -> List {
    let mut list = List::default();
    for record in records {
        let record = serde_json::from_str(record).unwrap();
        assert_eq!(osv::take(record, blocking, &mut list).unwrap().unclear, Vec::<String>::new());
    }
    list
}

fn record(ecosystem: &str, name: &str, more: &str) -> String {
    format!(
        r#"{{"id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2024-1"], "summary": "It leaks.",
            "database_specific": {{"severity": "HIGH"}}{more},
            "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "{name}"}},
                "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "1.0.0"}}, {{"fixed": "2.0.0"}}]}}],
                "versions": ["0.5.0", "1.5.0"]}}]}}"#
    )
}

fn high() -> Blocking {
    Blocking { severities: [Severity::High].into(), ..Blocking::default() }
}

#[test]
fn packages_are_found_under_their_names_in_each_ecosystem() {
    for (ecosystem, said, format, namespace, name) in [
        ("npm", "@acme/Web", Format::Npm, "acme", "Web"),
        ("npm", "web", Format::Npm, "", "web"),
        ("PyPI", "Acme_Web", Format::Pypi, "", "acme.web"),
        ("Maven", "com.acme:web", Format::Maven, "com.acme", "web"),
        ("Maven:https://repo.example.com", "com.acme:web", Format::Maven, "com.acme", "web"),
        ("crates.io", "acme_web", Format::Cargo, "", "Acme-Web"),
        ("NuGet", "Acme.Web", Format::Nuget, "", "acme.WEB"),
        ("RubyGems", "acme-web", Format::Ruby, "", "acme-web"),
    ] {
        let list = list(&[&record(ecosystem, said, "")], &high());
        let package = Coordinates::normal(format, namespace, name);
        for (version, is_blocked) in
            [("0.5.0", true), ("0.9.0", false), ("1.0.0", true), ("1.9.9", true), ("2.0.0", false)]
        {
            assert_eq!(list.is_blocked(&package, version), is_blocked, "{ecosystem} {name} {version}");
        }
        assert_eq!(list.of(&Coordinates::normal(format, namespace, "other")), &[]);
    }
    for (ecosystem, name) in [("Go", "acme"), ("Maven", "web"), ("Debian:12", "web")] {
        assert_eq!(list(&[&record(ecosystem, name, "")], &high()).count(), (0, 0));
    }
}

#[test]
fn versions_that_are_named_are_those_of_their_format() {
    let one = record("PyPI", "web", "").replace("0.5.0", "v0.5-RC1");
    let python = list(&[&one], &high());
    let package = Coordinates::normal(Format::Pypi, "", "web");
    assert!(python.is_blocked(&package, "0.5rc1") && !python.is_blocked(&package, "0.5"));
    let gems = list(&[&record("RubyGems", "web", "")], &high());
    let package = Coordinates::normal(Format::Ruby, "", "web");
    assert!(gems.is_blocked(&package, "0.5.0-java") && !gems.is_blocked(&package, "0.6.0-java"));
}

#[test]
fn severities_and_ids_block() {
    let blocks = |blocking: Blocking, record: &str| {
        list(&[record], &blocking).is_blocked(&Coordinates::normal(Format::Npm, "", "web"), "1.0.0")
    };
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let one = record("npm", "web", "");
    assert!(blocks(high(), &one));
    assert!(!blocks(Blocking { severities: [Severity::Critical].into(), ..Blocking::default() }, &one));
    assert!(!blocks(Blocking::default(), &one));
    for id in ["GHSA-aaaa-bbbb-cccc", "CVE-2024-1"] {
        assert!(blocks(Blocking { ids: ids(&[id]), ..Blocking::default() }, &one), "{id}");
        assert!(!blocks(Blocking { except: ids(&[id]), ..high() }, &one), "{id}");
    }
    assert!(!blocks(high(), &record("npm", "web", r#", "withdrawn": "2024-01-01T00:00:00Z""#)));
}

#[test]
fn how_bad_it_is_follows_from_what_is_said() {
    let severity = |record: &str| {
        let list = list(&[record], &Blocking::default());
        let found = list.of(&Coordinates::normal(Format::Npm, "", "web")).first().unwrap();
        found.advisory.severity
    };
    let said = record("npm", "web", "");
    assert_eq!(severity(&said), Some(Severity::High));
    assert_eq!(severity(&said.replace("HIGH", "MODERATE")), Some(Severity::Moderate));
    assert_eq!(severity(&said.replace("GHSA-", "MAL-")), Some(Severity::Malicious));
    assert_eq!(severity(&said.replace("CVE-", "MAL-")), Some(Severity::Malicious));
    let unsaid = said.replace("HIGH", "");
    assert_eq!(severity(&unsaid), None);
    for (vector, expected) in [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(Severity::Critical)),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", Some(Severity::High)),
        ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Some(Severity::Low)),
        ("CVSS:3.1/nonsense", None),
    ] {
        let kind = format!(r#"{{"id": "X-1", "severity": [{{"type": "CVSS_V3", "score": "{vector}"}}]"#);
        let scored = unsaid.replacen(r#"{"id": "GHSA-aaaa-bbbb-cccc""#, &kind, 1);
        assert_eq!(severity(&scored), expected, "{vector}");
    }
}

#[test]
fn a_refusal_says_which_advisory_and_what_to_take_instead() {
    let list = list(&[&record("npm", "@acme/web", "")], &high());
    let package = Coordinates::normal(Format::Npm, "acme", "web");
    let why = list.check(&package, "1.0.0").unwrap_err().to_string();
    assert_eq!(
        why,
        "Version 1.0.0 of package @acme/web is blocked by the operator of this server, because of advisory \
         GHSA-aaaa-bbbb-cccc (high): It leaks. See https://github.com/advisories/GHSA-aaaa-bbbb-cccc. It is mended in 2.0.0."
    );
    assert!(list.reason(&package).unwrap().contains("GHSA-aaaa-bbbb-cccc"));
    assert_eq!(list.reason(&Coordinates::normal(Format::Npm, "", "web")), None);
}

#[test]
fn bounds_that_are_no_versions_are_told() {
    let one = record("npm", "web", "").replace(r#""fixed": "2.0.0""#, r#""fixed": "two""#);
    let mut list = List::default();
    let taken = osv::take(serde_json::from_str(&one).unwrap(), &high(), &mut list).unwrap();
    assert_eq!(taken.unclear, ["two in GHSA-aaaa-bbbb-cccc"]);
    // What is named goes on to be blocked.
    assert!(list.is_blocked(&Coordinates::normal(Format::Npm, "", "web"), "1.5.0"));
}
