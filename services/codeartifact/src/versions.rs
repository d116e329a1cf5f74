//! Versions in the normal form and the order of each package format.

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
        Format::Nuget => Ok(nuget(version)),
        Format::Maven | Format::Generic | Format::Ruby => Ok(version.to_owned()),
    }
}

/// Which of two versions comes first by the rules of the format. Where it has no order, texts are compared.
pub fn compare(format: Format, a: &str, b: &str) -> Ordering {
    let by_rules = match format {
        Format::Npm | Format::Cargo | Format::Swift => {
            let parse = |text| semver::Version::parse(text).ok();
            parse(a).zip(parse(b)).map(|(a, b)| a.cmp_precedence(&b))
        }
        Format::Pypi => {
            let parse = |text| pep440_rs::Version::from_str(text).ok();
            parse(a).zip(parse(b)).map(|(a, b)| a.cmp(&b))
        }
        Format::Maven | Format::Nuget | Format::Generic | Format::Ruby => None,
    };
    by_rules.unwrap_or(Ordering::Equal).then_with(|| a.cmp(b))
}

/// Without leading zeros, without a fourth part that is zero, without what comes after `+`, in lower case.
/// Source: NuGet documentation, "Package versioning", normalized version numbers.
fn nuget(version: &str) -> String {
    let version = version.split('+').next().unwrap_or_default().to_lowercase();
    let (numbers, label) = match version.split_once('-') {
        Some((numbers, label)) => (numbers, Some(label)),
        None => (version.as_str(), None),
    };
    let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    let Some(mut parts) = parts.filter(|parts| parts.len() <= 4) else { return version };
    while parts.len() < 3 {
        parts.push(0);
    }
    if parts.len() == 4 && parts.last() == Some(&0) {
        parts.pop();
    }
    let numbers: Vec<String> = parts.iter().map(u64::to_string).collect();
    label.map_or_else(|| numbers.join("."), |label| format!("{}-{label}", numbers.join(".")))
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
