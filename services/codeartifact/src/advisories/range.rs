//! Which versions an advisory is about, by the order of versions of the package's format. Pure.
//! Source: OSV, "Open Source Vulnerability format", `affected[].ranges[].events`, "Evaluation".

use std::cmp::Ordering;

use crate::names::Format;
use crate::versions;

/// Where the versions that are meant begin or end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It is the last of those that are not meant any more.
    Fixed(String),
    /// The first one that is meant; `None` for all from the beginning.
    Introduced(Option<String>),
    /// The last one that is meant.
    LastAffected(String),
}

/// Versions between bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// In their order.
    bounds: Vec<Bound>,
    /// Only versions below one of these are meant, if there are any.
    limits: Vec<String>,
}

impl Bound {
    /// `None` is before all versions.
    fn at(&self) -> Option<&str> {
        match self {
            Self::Introduced(at) => at.as_deref(),
            Self::Fixed(at) | Self::LastAffected(at) => Some(at),
        }
    }

    /// Of bounds at the same version: what ends there comes before what begins there.
    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Introduced(_) => 1,
            Self::LastAffected(_) => 2,
        }
    }
}

impl Range {
    /// Errors: a bound that is no version of the format.
    pub fn of(format: Format, mut bounds: Vec<Bound>, mut limits: Vec<String>) -> Result<Self, String> {
        let given = bounds.iter().filter_map(Bound::at).chain(limits.iter().map(String::as_str));
        if let Some(wrong) = given.into_iter().find(|at| versions::order(format, at, at).is_none()) {
            return Err(wrong.to_owned());
        }
        let in_order = |a: &Bound, b: &Bound| match (a.at(), b.at()) {
            (Some(x), Some(y)) => versions::order(format, x, y).unwrap_or(Ordering::Equal),
            (x, y) => x.is_some().cmp(&y.is_some()),
        };
        bounds.sort_by(|a, b| in_order(a, b).then_with(|| a.rank().cmp(&b.rank())));
        limits.sort_by(|a, b| versions::compare(format, a, b));
        Ok(Self { bounds, limits })
    }

    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// The highest limit.
    pub fn limit(&self) -> Option<&str> {
        self.limits.last().map(String::as_str)
    }

    /// Whether a version is meant. What is no version of the format is where all versions are.
    pub fn has(&self, format: Format, version: &str) -> bool {
        let order = |at: &str| versions::order(format, version, at);
        let is_below = |limit: &str| order(limit).is_none_or(Ordering::is_lt);
        if self.limit().is_some_and(|limit| !is_below(limit)) {
            return false;
        }
        let mut is_meant = false;
        for bound in &self.bounds {
            match bound {
                Bound::Introduced(None) => is_meant = true,
                Bound::Introduced(Some(at)) if order(at).is_some_and(Ordering::is_ge) => is_meant = true,
                Bound::Fixed(at) if order(at).is_some_and(Ordering::is_ge) => is_meant = false,
                Bound::LastAffected(at) if order(at).is_some_and(Ordering::is_gt) => is_meant = false,
                Bound::Introduced(_) | Bound::Fixed(_) | Bound::LastAffected(_) => {}
            }
        }
        is_meant
    }

    /// The next version above that is mended.
    pub fn mended(&self, format: Format, version: &str) -> Option<&str> {
        self.bounds.iter().find_map(|bound| match bound {
            Bound::Fixed(at) => versions::order(format, at, version)?.is_gt().then_some(at.as_str()),
            Bound::Introduced(_) | Bound::LastAffected(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduced(at: &str) -> Bound {
        Bound::Introduced((at != "0").then(|| at.to_owned()))
    }

    fn fixed(at: &str) -> Bound {
        Bound::Fixed(at.to_owned())
    }

    fn last(at: &str) -> Bound {
        Bound::LastAffected(at.to_owned())
    }

    #[test]
    fn versions_are_held_against_bounds_in_the_order_of_their_format() {
        for (format, bounds, meant, others) in [
            (
                Format::Npm,
                vec![introduced("0"), fixed("1.10.0"), introduced("2.0.0"), fixed("2.1.0")],
                vec!["0.0.1", "1.9.0", "1.10.0-rc.1", "2.0.0", "2.0.9"],
                vec!["1.10.0", "1.11.0", "2.0.0-rc.1", "2.1.0", "3.0.0"],
            ),
            // The order in which they stand does not matter.
            (
                Format::Cargo,
                vec![fixed("2.1.0"), introduced("2.0.0"), introduced("1.0.0"), fixed("1.2.0")],
                vec!["1.0.0", "1.1.9", "2.0.0"],
                vec!["0.9.0", "1.2.0", "1.9.0", "2.1.0"],
            ),
            (
                Format::Pypi,
                vec![introduced("1.0"), last("1.10")],
                vec!["1.0", "1.0.0", "1.0.post1", "1.9", "1.10.0"],
                vec!["1.0rc1", "1.10.post1", "1.10.1", "1!1.5"],
            ),
            (
                Format::Maven,
                vec![introduced("2.0-beta9"), fixed("2.15.0")],
                vec!["2.0-beta9", "2.0-rc1", "2.0", "2.0.0", "2.14.1", "2.15.0-rc1"],
                vec!["2.0-beta8", "2.0-alpha1", "2.15.0", "2.15", "2.15.0.Final", "2.16"],
            ),
            (
                Format::Nuget,
                vec![introduced("0"), fixed("13.0.1")],
                vec!["12.0.3", "13.0.1-beta1", "13.0.0.9"],
                vec!["13.0.1", "13.0.1.0", "13.0.2"],
            ),
            (
                Format::Ruby,
                vec![introduced("6.0"), fixed("6.0.3.1"), introduced("7.0.0.a"), last("7.0.1")],
                vec!["6.0.0", "6.0.3", "6.0.3-java", "7.0.0.rc1", "7.0.1", "7.0.1-x86_64-linux"],
                vec!["5.9", "6.0.3.1", "6.1", "7.0.2"],
            ),
            // Fixed, and broken again by the same version.
            (
                Format::Npm,
                vec![introduced("1.0.0"), fixed("2.0.0"), introduced("2.0.0")],
                vec!["2.0.0", "3.0.0"],
                vec!["0.1.0"],
            ),
            (Format::Npm, vec![introduced("1.0.0"), last("1.0.0")], vec!["1.0.0"], vec!["1.0.1", "0.9.9"]),
        ] {
            let range = Range::of(format, bounds, Vec::new()).unwrap();
            for version in meant {
                assert!(range.has(format, version), "{format:?} {version}");
            }
            for version in others {
                assert!(!range.has(format, version), "{format:?} {version}");
            }
        }
    }

    #[test]
    fn limits_end_a_range() {
        let range = Range::of(Format::Npm, vec![introduced("1.0.0")], vec!["3.0.0".into(), "2.0.0".into()]);
        let range = range.unwrap();
        assert!(range.has(Format::Npm, "2.5.0") && !range.has(Format::Npm, "3.0.0"));
    }

    #[test]
    fn what_is_no_version_is_no_bound() {
        assert_eq!(
            Range::of(Format::Npm, vec![introduced("0"), fixed("one")], Vec::new()),
            Err("one".to_owned())
        );
        let all = Range::of(Format::Pypi, vec![introduced("0")], Vec::new()).unwrap();
        assert!(all.has(Format::Pypi, "2004d"));
    }

    #[test]
    fn the_next_mended_version_is_told() {
        let bounds = vec![introduced("0"), fixed("1.10.0"), introduced("2.0.0"), fixed("2.1.0")];
        let range = Range::of(Format::Npm, bounds, Vec::new()).unwrap();
        assert_eq!(range.mended(Format::Npm, "1.9.0"), Some("1.10.0"));
        assert_eq!(range.mended(Format::Npm, "2.0.0"), Some("2.1.0"));
        assert_eq!(range.mended(Format::Npm, "3.0.0"), None);
    }
}
