//! Versions in the normal form and the order of each package format.

pub mod maven;
pub mod nuget;
pub mod ruby;

use std::cmp::Ordering;
use std::str::FromStr;

use crate::error::Error;
use crate::names::Format;

/// A version as its format writes it. Errors: `Validation` for what the format has no such version.
pub fn normal(format: Format, version: &str) -> Result<String, Error> {
    let invalid =
        |why: &str| Error::field(format!("{version} is not a version of {}: {why}", format.as_str()));
    match format {
        Format::Npm | Format::Cargo | Format::Swift => {
            semver::Version::parse(version).map_err(|cause| invalid(&cause.to_string()))?;
            Ok(version.to_owned())
        }
        Format::Pypi => {
            let parsed =
                pep440_rs::Version::from_str(version).map_err(|cause| invalid(&cause.to_string()))?;
            Ok(parsed.to_string())
        }
        Format::Nuget => Ok(nuget::normal(version)),
        Format::Maven | Format::Generic | Format::Ruby => Ok(version.to_owned()),
    }
}

/// Which of two versions comes first by the rules of the format. Where it has no order, texts are compared.
pub fn compare(format: Format, a: &str, b: &str) -> Ordering {
    order(format, a, b).unwrap_or(Ordering::Equal).then_with(|| a.cmp(b))
}

/// Which of two versions comes first by the rules of the format, in which different texts can be the same version. `None` if
/// it has no order, or one of them is no version of it.
pub fn order(format: Format, a: &str, b: &str) -> Option<Ordering> {
    match format {
        Format::Npm | Format::Cargo | Format::Swift => {
            let parse = |text| semver::Version::parse(text).ok();
            parse(a).zip(parse(b)).map(|(a, b)| a.cmp_precedence(&b))
        }
        Format::Pypi => {
            let parse = |text| pep440_rs::Version::from_str(text).ok();
            parse(a).zip(parse(b)).map(|(a, b)| a.cmp(&b))
        }
        Format::Maven => Some(maven::compare(a, b)),
        Format::Nuget => nuget::compare(a, b),
        Format::Ruby => Some(ruby::compare(a, b)),
        Format::Generic => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(format: Format, versions: &[&str]) -> Vec<String> {
        let mut versions: Vec<String> = versions.iter().rev().map(|text| (*text).to_owned()).collect();
        versions.sort_by(|a, b| compare(format, a, b));
        versions
    }

    #[test]
    fn versions_stand_in_the_order_of_their_format() {
        // Source: Semantic Versioning 2.0.0, item 11; PEP 440, "Summary of permitted suffixes".
        let npm =
            ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.2.0", "1.10.0"];
        assert_eq!(sorted(Format::Npm, &npm), npm);
        let python = ["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.2", "1.10"];
        assert_eq!(sorted(Format::Pypi, &python), python);
    }

    #[test]
    fn versions_take_the_normal_form_of_their_format() {
        assert_eq!(normal(Format::Pypi, "v1.0-RC1").unwrap(), "1.0rc1");
        for (given, expected) in [("1.0", "1.0.0"), ("01.1.0.0", "1.1.0"), ("1.0.0.1-Beta+5", "1.0.0.1-beta")]
        {
            assert_eq!(normal(Format::Nuget, given).unwrap(), expected);
        }
        assert!(normal(Format::Npm, "1.0").is_err() && normal(Format::Pypi, "one").is_err());
        assert_eq!(normal(Format::Generic, "any-thing").unwrap(), "any-thing");
    }
}
