//! Which versions of a package a rule lets go. Pure.

use std::cmp::Reverse;

use aws::Timestamp;

use crate::names::Format;
use crate::settings::DAY;
use crate::versions::{self, maven, ruby};

const WANTED: &str =
    "like 'newest=20 prerelease-days=30 unused-days=90', with at least newest or prerelease-days";
const WANTED_OF_REPOSITORY: &str = "like 'newest=20 prerelease-days=30 unused-days=90', with at least newest or prerelease-days, and with \
     mode=report or mode=enforce if it is to hold by itself";
const MOST: u32 = 100_000;

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// So many of the highest versions that are no pre-releases; others may go.
    pub newest: Option<u32>,
    /// Pre-releases and snapshots may go when they are older than so many days.
    pub prerelease_days: Option<u32>,
    /// Whatever else: what was published or downloaded in the last so many days stays.
    pub unused_days: Option<u32>,
}

/// What a repository's own rules do by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They hold when somebody asks.
    #[default]
    Asked,
    /// From time to time it is told in the log and in the audit what would go.
    Report,
    /// From time to time it goes.
    Enforce,
}

/// The rules of a repository: `newest=20 unused-days=90 mode=enforce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub rules: Rules,
    pub mode: Mode,
}

/// What is known of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub version: String,
    pub published: Timestamp,
    /// `None`: never, as far as is known.
    pub downloaded: Option<Timestamp>,
    /// A name as `latest` points to it.
    pub is_named: bool,
}

/// Why a version goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    NotAmongNewest,
    OldPrerelease,
}

impl Why {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAmongNewest => "not among the newest",
            Self::OldPrerelease => "an old pre-release",
        }
    }
}

impl Retention {
    /// Errors: what would be right.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (mut rules, mut modes) = (Vec::new(), Vec::new());
        for part in text.split_whitespace() {
            match part.strip_prefix("mode=") {
                Some("report") => modes.push(Mode::Report),
                Some("enforce") => modes.push(Mode::Enforce),
                Some(_) => return Err(WANTED_OF_REPOSITORY),
                None => rules.push(part),
            }
        }
        let rules = Rules::parse(&rules.join(" ")).map_err(|_| WANTED_OF_REPOSITORY)?;
        match modes[..] {
            [] => Ok(Self { rules, mode: Mode::Asked }),
            [mode] => Ok(Self { rules, mode }),
            _ => Err(WANTED_OF_REPOSITORY),
        }
    }
}

impl Rules {
    /// Errors: what would be right.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rules = Self::default();
        for part in text.split_whitespace() {
            let (key, value) = part.split_once('=').ok_or(WANTED)?;
            let number = value.parse().ok().filter(|number| (1..=MOST).contains(number)).ok_or(WANTED)?;
            let place = match key {
                "newest" => &mut rules.newest,
                "prerelease-days" => &mut rules.prerelease_days,
                "unused-days" => &mut rules.unused_days,
                _ => return Err(WANTED),
            };
            if place.replace(number).is_some() {
                return Err(WANTED);
            }
        }
        // What only protects lets nothing go.
        let is_any = rules.newest.is_some() || rules.prerelease_days.is_some();
        if is_any { Ok(rules) } else { Err(WANTED) }
    }

    /// The versions of one package that go. The highest one and those with a name of their own always stay.
    pub fn let_go(&self, format: Format, mut all: Vec<Candidate>, now: Timestamp) -> Vec<(Candidate, Why)> {
        all.sort_by(|a, b| match format {
            // Without an order of versions, what came last is the newest.
            Format::Generic => b.published.cmp(&a.published),
            Format::Npm
            | Format::Cargo
            | Format::Swift
            | Format::Pypi
            | Format::Maven
            | Format::Nuget
            | Format::Ruby => versions::compare(format, &b.version, &a.version),
        });
        let is_older = |at: Timestamp, days: u32| now.since(at) > DAY * days;
        let (mut numbers, mut finals, mut gone) = (0_u32, 0_u32, Vec::new());
        let mut before: Option<String> = None;
        for one in all {
            let is_prerelease = is_prerelease(format, &one.version);
            let is_other = before.is_none_or(|before| !is_same_number(format, &before, &one.version));
            before = Some(one.version.clone());
            numbers += u32::from(is_other);
            finals += u32::from(is_other && !is_prerelease);
            let why = match (is_prerelease, self.prerelease_days, self.newest) {
                (true, Some(days), _) if is_older(one.published, days) => Why::OldPrerelease,
                (false, _, Some(newest)) if finals > newest => Why::NotAmongNewest,
                _ => continue,
            };
            let last = one.downloaded.map_or(one.published, |at| at.max(one.published));
            let is_used = self.unused_days.is_some_and(|days| !is_older(last, days));
            if numbers > 1 && !one.is_named && !is_used {
                gone.push((one, why));
            }
        }
        gone.sort_by_key(|(one, _)| Reverse(one.published));
        gone
    }
}

/// A gem of several platforms is one version for each of them, with the same number.
fn is_same_number(format: Format, a: &str, b: &str) -> bool {
    format == Format::Ruby && ruby::compare(a, b).is_eq()
}

/// Whether a version is one on the way to another.
fn is_prerelease(format: Format, version: &str) -> bool {
    match format {
        Format::Pypi => version.parse().is_ok_and(|version: pep440_rs::Version| version.any_prerelease()),
        Format::Maven => {
            let lower = version.to_lowercase();
            let words = ["snapshot", "alpha", "beta", "milestone", "-rc", "-cr"];
            maven::base_of_build(version).is_some() || words.iter().any(|word| lower.contains(word))
        }
        Format::Npm | Format::Cargo | Format::Swift | Format::Nuget => {
            version.split('+').next().is_some_and(|version| version.contains('-'))
        }
        Format::Ruby => ruby::number(version).chars().any(char::is_alphabetic),
        Format::Generic => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: u32) -> Timestamp {
        Timestamp::from_millis(0).plus(DAY * days)
    }

    /// Versions that were published on these days.
    fn gone(rules: &str, versions: &[(&str, u32)], change: impl Fn(&mut Candidate)) -> Vec<String> {
        gone_of(Format::Npm, rules, versions, change)
    }

    fn gone_of(
        format: Format,
        rules: &str,
        versions: &[(&str, u32)],
        change: impl Fn(&mut Candidate),
    ) -> Vec<String> {
        let candidate = |(version, day): &(&str, u32)| {
            let version = (*version).to_owned();
            let mut one = Candidate { version, published: at(*day), downloaded: None, is_named: false };
            change(&mut one);
            one
        };
        let all = versions.iter().map(candidate).collect();
        let gone = Rules::parse(rules).unwrap().let_go(format, all, at(100));
        gone.into_iter().map(|(one, _)| one.version).collect()
    }

    const ALL: [(&str, u32); 5] =
        [("1.0.0", 10), ("1.10.0", 30), ("1.9.0", 20), ("2.0.0-rc.1", 40), ("2.0.0-rc.2", 99)];

    #[test]
    fn the_newest_stay() {
        assert_eq!(gone("newest=2", &ALL, |_| {}), ["1.0.0"]);
        assert_eq!(gone("newest=1", &ALL, |_| {}), ["1.9.0", "1.0.0"]);
        assert_eq!(gone("newest=9", &ALL, |_| {}), [""; 0]);
    }

    #[test]
    fn the_newest_are_those_that_are_highest_in_the_order_of_the_format() {
        let late = [("1.9", 20), ("1.10", 30), ("2.0", 10), ("1.9.1", 90)];
        for format in [Format::Maven, Format::Nuget, Format::Ruby] {
            assert_eq!(gone_of(format, "newest=2", &late, |_| {}), ["1.9.1", "1.9"], "{format:?}");
        }
        assert_eq!(gone_of(Format::Generic, "newest=2", &late, |_| {}), ["1.9", "2.0"]);
    }

    #[test]
    fn a_gem_of_many_platforms_counts_once() {
        let gems =
            [("1.0", 1), ("1.1", 2), ("1.1-java", 3), ("1.2", 4), ("1.2-java", 5), ("1.2-x86_64-linux", 6)];
        assert_eq!(gone_of(Format::Ruby, "newest=2", &gems, |_| {}), ["1.0"]);
        assert_eq!(gone_of(Format::Ruby, "newest=1", &gems, |_| {}), ["1.1-java", "1.1", "1.0"]);
        let early = [("1.0.a", 1), ("1.0.a-java", 2)];
        assert_eq!(gone_of(Format::Ruby, "prerelease-days=30", &early, |_| {}), [""; 0]);
    }

    #[test]
    fn old_prereleases_go_but_never_the_highest() {
        assert_eq!(gone("prerelease-days=30", &ALL, |_| {}), ["2.0.0-rc.1"]);
        assert_eq!(gone("prerelease-days=30", &[("2.0.0-rc.1", 1)], |_| {}), [""; 0]);
    }

    #[test]
    fn what_is_used_or_named_stays() {
        let used = |one: &mut Candidate| one.downloaded = (one.version == "1.0.0").then(|| at(95));
        assert_eq!(gone("newest=1 unused-days=10", &ALL, used), ["1.9.0"]);
        assert_eq!(gone("newest=1 unused-days=85", &ALL, |_| {}), ["1.0.0"]);
        assert_eq!(gone("newest=1", &ALL, |one| one.is_named = one.version == "1.9.0"), ["1.0.0"]);
    }

    #[test]
    fn rules_are_checked() {
        for wrong in ["", "unused-days=3", "newest=0", "newest=x", "newest=1 newest=2", "oldest=1", "newest"]
        {
            assert_eq!(Rules::parse(wrong), Err(WANTED), "{wrong}");
        }
    }

    #[test]
    fn a_repository_says_what_its_rules_do_by_themselves() {
        let mode = |text: &str| Retention::parse(text).map(|retention| retention.mode).ok();
        assert_eq!(mode("newest=3"), Some(Mode::Asked));
        assert_eq!(mode("mode=report newest=3"), Some(Mode::Report));
        assert_eq!(mode("newest=3 unused-days=9 mode=enforce"), Some(Mode::Enforce));
        for wrong in
            ["mode=enforce", "newest=3 mode=now", "newest=3 mode=report mode=enforce", "newest=3 mode="]
        {
            assert_eq!(mode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prereleases_are_known_by_their_format() {
        for (format, version, expected) in [
            (Format::Pypi, "1.0rc1", true),
            (Format::Pypi, "1.0.post1", false),
            (Format::Maven, "1.0-SNAPSHOT", true),
            (Format::Maven, "1.0-20210728.194552-1", true),
            (Format::Maven, "31.1-jre", false),
            (Format::Cargo, "1.0.0-alpha", true),
            (Format::Ruby, "1.0.pre", true),
            (Format::Ruby, "1.0-java", false),
            (Format::Ruby, "1.0.pre-java", true),
            (Format::Generic, "1-2", false),
        ] {
            assert_eq!(is_prerelease(format, version), expected, "{version}");
        }
    }
}
