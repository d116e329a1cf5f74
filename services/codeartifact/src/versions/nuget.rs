//! Versions of NuGet: those of SemVer 2 with a fourth number. Pure.
//! Source: NuGet documentation, "Package versioning".

use std::cmp::Ordering;

use semver::Prerelease;

/// The numbers of a version, and the label of one that comes before the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub numbers: [u64; 4],
    pub label: Option<String>,
}

/// Takes a version apart; what comes after `+` does not count, nor does case. `None` for what is none.
pub fn parse(version: &str) -> Option<Parts> {
    let (version, build) = version.split_once('+').unwrap_or((version, "0"));
    let (numbers, label) = match version.split_once('-') {
        Some((numbers, label)) => (numbers, Some(label.to_lowercase())),
        None => (version, None),
    };
    let is_label = |label: &str| {
        label.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 4
        || !parts.iter().all(is_number)
        || !is_label(build)
        || !label.as_deref().is_none_or(is_label)
    {
        return None;
    }
    let mut found = [0; 4];
    for (number, part) in found.iter_mut().zip(parts) {
        *number = part.parse().ok().filter(|number| *number <= u64::from(u32::MAX))?;
    }
    Some(Parts { numbers: found, label })
}

/// Without leading zeros, without a fourth part that is zero, without what comes after `+`, in lower case. What is no
/// version stays as it is, in lower case.
pub fn normal(version: &str) -> String {
    let Some(Parts { numbers: [major, minor, patch, fourth], label }) = parse(version) else {
        return version.to_lowercase();
    };
    let fourth = if fourth == 0 { String::new() } else { format!(".{fourth}") };
    let label = label.map(|label| format!("-{label}")).unwrap_or_default();
    format!("{major}.{minor}.{patch}{fourth}{label}")
}

/// Which of two versions comes first; `None` if one of them is none.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (parse(a)?, parse(b)?);
    let labels = match (&a.label, &b.label) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => match (Prerelease::new(a), Prerelease::new(b)) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            // Numbers with leading zeros, which SemVer does not have.
            (Ok(_) | Err(_), Ok(_) | Err(_)) => a.cmp(b),
        },
    };
    Some(a.numbers.cmp(&b.numbers).then(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_their_order() {
        let sorted = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-Beta.2",
            "1.0.0-beta.11",
            "1.0",
            "1.0.0.1",
            "1.2",
            "1.10",
        ];
        for (at, low) in sorted.iter().enumerate() {
            for high in &sorted[at + 1..] {
                assert_eq!(compare(low, high), Some(Ordering::Less), "{low} < {high}");
                assert_eq!(compare(high, low), Some(Ordering::Greater), "{high} > {low}");
            }
        }
        for (a, b) in [("1.0", "1.0.0.0"), ("01.1", "1.1"), ("1.0-RC", "1.0.0-rc+build")] {
            assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} = {b}");
        }
    }

    #[test]
    fn what_is_no_version_is_told() {
        for version in
            ["", "1.", "a", "1.0.0.0.0", "1.0-", "1.0-a..b", "1.0+", "-1", "1.0-\u{e9}", "4294967296.0"]
        {
            assert_eq!(parse(version), None, "{version}");
        }
    }
}
