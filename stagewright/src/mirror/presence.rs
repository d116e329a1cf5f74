//! What a repository has already, and what of a bundle is therefore still to be sent.

use std::collections::BTreeMap;

use codeartifact_model::PackageVersionStatus;
use nodejs_semver::Version;

use super::npm::Packument;

/// A version that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub status: PackageVersionStatus,
    /// By name: the SHA-256, in hexadecimal digits.
    pub assets: BTreeMap<String, String>,
}

/// What is to be done about a file of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Send,
    /// It is there, whether it is listed or not.
    Keep,
    /// Its version takes nothing more: whoever made it so decided that.
    Closed,
    /// Another one is there in its place.
    Other,
}

impl Step {
    /// `name` is that of the asset where versions grow file by file; elsewhere a version has one file.
    pub fn of(known: Option<&Presence>, name: Option<&str>, sha256: &str) -> Self {
        let Some(known) = known else { return Self::Send };
        let mut assets = known.assets.iter().filter(|(asset, _)| name.is_none_or(|name| name == *asset));
        match (assets.next(), &known.status) {
            (Some((_, found)), _) if found == sha256 => Self::Keep,
            (_, PackageVersionStatus::Disposed) => Self::Closed,
            (Some(_), _) => Self::Other,
            (None, PackageVersionStatus::Published | PackageVersionStatus::Unfinished) => Self::Send,
            (None, _) => Self::Closed,
        }
    }
}

/// The names of versions that are to be moved, with their versions: those that are not there yet, or name a lower version.
pub fn moved<'p>(packument: &'p Packument, there: &BTreeMap<String, String>) -> BTreeMap<&'p str, &'p str> {
    let parse = |version: &str| Version::parse(version).ok();
    let goes_on = |(tag, version): &(&String, &String)| {
        there.get(*tag).is_none_or(|known| parse(known) < parse(version))
            && packument.versions.contains_key(*version)
    };
    packument.tags.iter().filter(goes_on).map(|(tag, version)| (tag.as_str(), version.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_is_not_sent_again() {
        let known = |status: &str, assets: &[(&str, &str)]| Presence {
            status: PackageVersionStatus::from(status),
            assets: assets.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect(),
        };
        assert_eq!(Step::of(None, None, "a"), Step::Send);
        for (status, assets, name, expected) in [
            ("Published", &[("package.tgz", "a")][..], None, Step::Keep),
            ("Unlisted", &[("package.tgz", "a")], None, Step::Keep),
            ("Archived", &[("package.tgz", "a")], None, Step::Keep),
            ("Archived", &[("package.tgz", "b")], None, Step::Other),
            ("Disposed", &[], None, Step::Closed),
            ("Published", &[("p.whl", "a")], Some("p.whl"), Step::Keep),
            ("Published", &[("p.whl", "b")], Some("p.whl"), Step::Other),
            ("Published", &[("p.whl", "a")], Some("p.tar.gz"), Step::Send),
            ("Unlisted", &[("p.whl", "a")], Some("p.tar.gz"), Step::Closed),
        ] {
            assert_eq!(Step::of(Some(&known(status, assets)), name, "a"), expected, "{status} {assets:?}");
        }
    }

    #[test]
    fn names_move_forward_only() {
        let packument: Packument = serde_json::from_value(json!({
            "dist-tags": {"latest": "1.9.0", "next": "2.0.0-rc.1", "old": "1.0.0", "gone": "7.0.0"},
            "versions": {"1.0.0": {}, "1.9.0": {}, "2.0.0-rc.1": {}},
        }))
        .unwrap();
        let there = |tags: &[(&str, &str)]| {
            tags.iter().map(|(tag, version)| ((*tag).to_owned(), (*version).to_owned())).collect()
        };
        let all = BTreeMap::from([("latest", "1.9.0"), ("next", "2.0.0-rc.1"), ("old", "1.0.0")]);
        assert_eq!(moved(&packument, &BTreeMap::new()), all);
        let later = there(&[("latest", "1.10.0"), ("next", "2.0.0-rc.0"), ("old", "1.0.0")]);
        assert_eq!(moved(&packument, &later), BTreeMap::from([("next", "2.0.0-rc.1")]));
    }
}
