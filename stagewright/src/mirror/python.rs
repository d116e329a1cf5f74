//! The version of Python that packages are meant for.
//! Source: Python Packaging User Guide, "Platform compatibility tags"; pip's documentation, `--python-version`.

use std::str::FromStr;

use pep440_rs::Version;

/// A last number that no release reaches.
const NEWEST: u64 = 9_999;

/// Two numbers mean the newest of their releases: what needs 3.11.4 is there for 3.11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// As `python_version` has it: 3.11.
    pub series: Version,
    /// As `python_full_version` has it.
    pub full: Version,
    numbers: (u64, u64),
}

impl FromStr for Python {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Result<Vec<u64>, _> = text.split('.').map(str::parse).collect();
        let (first, second, third) = match numbers.as_deref() {
            Ok([first, second]) => (*first, *second, NEWEST),
            Ok([first, second, third]) => (*first, *second, *third),
            _ => return Err(format!("'{text}' is no version of Python, as 3.11 or 3.11.4")),
        };
        let (series, full) = (Version::new([first, second]), Version::new([first, second, third]));
        Ok(Self { series, full, numbers: (first, second) })
    }
}

impl Python {
    /// Whether wheels with these tags run on it. What is no tag of a version is left to whoever installs it.
    pub fn has(&self, python: &str, abi: &str) -> bool {
        python.split('.').any(|tag| self.has_tag(tag, abi))
    }

    fn has_tag(&self, tag: &str, abi: &str) -> bool {
        let (major, minor) = self.numbers;
        let digits = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len());
        let (implementation, version) = tag.split_at(digits);
        // The first digit is the major version, all others are the minor one.
        let (told, rest) = version.split_at(version.len().min(1));
        let Ok(told_major) = told.parse::<u64>() else { return true };
        if rest.is_empty() {
            return told_major == major;
        }
        let Ok(told_minor) = rest.parse::<u64>() else { return true };
        // What is written in Python alone, or for the stable interface of CPython, goes on running.
        let goes_on = implementation == "py" || abi.split('.').any(|abi| abi == "abi3");
        told_major == major && (told_minor == minor || (goes_on && told_minor < minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_run_where_their_tags_say() {
        let python: Python = "3.11".parse().unwrap();
        for (tags, expected) in [
            (("py3", "none"), true),
            (("py2.py3", "none"), true),
            (("py2", "none"), false),
            (("py38", "none"), true),
            (("py312", "none"), false),
            (("cp311", "cp311"), true),
            (("cp310", "cp310"), false),
            (("cp36", "abi3"), true),
            (("cp312", "abi3"), false),
            (("cp310.cp311", "none"), true),
            (("pp310", "pypy310_pp73"), false),
            (("strange", "none"), true),
        ] {
            assert_eq!(python.has(tags.0, tags.1), expected, "{tags:?}");
        }
        for text in ["3", "three", "3.11rc1", "3.11.1.1", ""] {
            assert!(text.parse::<Python>().is_err(), "{text}");
        }
    }
}
