//! What a parameter may be called, and which one a caller means.
//! Source: Systems Manager API Reference, PutParameter and GetParameter.

use aws::{Arn, Scope};

use crate::error::Error;

/// `/Level-1/L2/…/L15`.
pub const MOST_LEVELS: usize = 15;
/// Of a name together with the rest of its ARN.
const LONGEST_ARN: usize = 1011;

/// A parameter as a call names it: by name or by ARN, perhaps with a version or a label behind a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub name: String,
    pub selector: Option<Selector>,
    /// In an ARN, `a` and `/a` look alike.
    pub is_arn: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Version(u64),
    Label(String),
}

impl Reference {
    /// `None` for an ARN of something else, or of another account or region.
    pub fn parse(given: &str, scope: &Scope) -> Option<Self> {
        if !given.starts_with("arn:") {
            let (name, selector) = split(given);
            return Some(Self { name: name.to_owned(), selector, is_arn: false });
        }
        let arn: Arn = given.parse().ok()?;
        if arn != scope.arn("ssm", &arn.resource) {
            return None;
        }
        let (path, selector) = split(arn.resource.strip_prefix("parameter")?);
        let flat = path.strip_prefix('/')?;
        let name = if flat.contains('/') { path } else { flat };
        Some(Self { name: name.to_owned(), selector, is_arn: true })
    }
}

impl Selector {
    /// As answers show it, `:3` or `:stable`.
    pub fn shown(&self) -> String {
        match self {
            Self::Version(number) => format!(":{number}"),
            Self::Label(label) => format!(":{label}"),
        }
    }

    /// As messages name it.
    pub fn described(&self) -> String {
        match self {
            Self::Version(number) => format!("version {number}"),
            Self::Label(label) => format!("label {label}"),
        }
    }
}

fn split(given: &str) -> (&str, Option<Selector>) {
    let Some((name, selector)) = given.rsplit_once(':') else { return (given, None) };
    let selector = match selector.parse() {
        Ok(number) => Selector::Version(number),
        Err(_) => Selector::Label(selector.to_owned()),
    };
    (name, Some(selector))
}

/// `arn:aws:ssm:us-east-1:123456789012:parameter/path/name`, for a name with or without a slash at its beginning.
pub fn arn_of(scope: &Scope, name: &str) -> Arn {
    scope.arn("ssm", format_args!("parameter/{}", name.strip_prefix('/').unwrap_or(name)))
}

/// The ARN that policies are asked about for what a call names.
pub fn arn_named(scope: &Scope, given: &str) -> String {
    if given.starts_with("arn:") {
        // Its sixth part begins after five colons; a selector would be behind one more.
        return given.splitn(7, ':').take(6).collect::<Vec<_>>().join(":");
    }
    arn_of(scope, split(given).0).to_string()
}

/// Whether a parameter may be made under this name. Errors: `Validation`, `ReservedName`, `TooManyLevels`.
pub fn check(scope: &Scope, name: &str) -> Result<(), Error> {
    let symbols = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
    let lower = name.trim_start_matches('/').to_ascii_lowercase();
    let hierarchical = name.contains('/');
    if let Some(prefix) = ["aws", "ssm"].into_iter().find(|prefix| lower.starts_with(prefix)) {
        if prefix == "aws" && name.starts_with('/') {
            return Err(Error::ReservedName(name.to_owned()));
        }
        return Err(Error::validation(format!(
            "Parameter name: can't be prefixed with \"{prefix}\" (case-insensitive)."
        )));
    }
    if !symbols(name) || name.contains("//") || name.ends_with('/') {
        return Err(Error::validation(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        ));
    }
    if hierarchical && !name.starts_with('/') {
        return Err(Error::validation("Parameter name must be a fully qualified name."));
    }
    if name.matches('/').count() > MOST_LEVELS {
        return Err(Error::TooManyLevels);
    }
    if arn_of(scope, name).to_string().len() > LONGEST_ARN {
        return Err(Error::validation(format!(
            "Parameter name: together with the rest of its ARN it can't have more than {LONGEST_ARN} characters."
        )));
    }
    Ok(())
}

/// The beginning of the names below a path, `/a/` for `/a`. Errors: `Validation`.
pub fn below(path: &str) -> Result<String, Error> {
    let fine = path.starts_with('/')
        && !path.contains("//")
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
    if !fine {
        return Err(Error::validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
             numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not \
             allowed. All sub-paths, if specified, must use the forward slash symbol \"/\".",
        ));
    }
    Ok(if path.ends_with('/') { path.to_owned() } else { format!("{path}/") })
}

/// Whether a version may have this label. Source: Systems Manager User Guide, "Working with parameter labels".
pub fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    label.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
    }

    fn reference(given: &str) -> Option<(String, Option<Selector>)> {
        Reference::parse(given, &scope()).map(|found| (found.name, found.selector))
    }

    #[test]
    fn a_parameter_is_named_with_or_without_a_selector() {
        assert_eq!(reference("/a/b"), Some(("/a/b".into(), None)));
        assert_eq!(reference("/a/b:3"), Some(("/a/b".into(), Some(Selector::Version(3)))));
        assert_eq!(reference("a:stable"), Some(("a".into(), Some(Selector::Label("stable".into())))));
        let arn = "arn:aws:ssm:us-east-1:123456789012:parameter";
        assert_eq!(reference(&format!("{arn}/a/b:3")), Some(("/a/b".into(), Some(Selector::Version(3)))));
        assert_eq!(reference(&format!("{arn}/a")), Some(("a".into(), None)));
        assert_eq!(reference("arn:aws:ssm:us-east-1:999999999999:parameter/a"), None);
        assert_eq!(reference("arn:aws:s3:::a"), None);
    }

    #[test]
    fn policies_see_the_arn_without_selector() {
        let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/a/b";
        for given in ["/a/b", "a/b", "/a/b:3", "/a/b:x", arn, &format!("{arn}:3")] {
            assert_eq!(arn_named(&scope(), given), arn, "{given}");
        }
    }

    #[test]
    fn names_are_checked() {
        let fifteen = "/a".repeat(15);
        for good in ["a", "A.b-c_1", "/a/b", fifteen.as_str(), &"a".repeat(900)] {
            assert!(check(&scope(), good).is_ok(), "{good}");
        }
        for bad in
            ["", "a b", "a/b", "/a//b", "/a/", "ssm-x", "AWSx", "/ssm/x", "a:1", "ü", &"a".repeat(1011)]
        {
            let error = check(&scope(), bad).map_err(|error| error.code());
            // The model refuses the empty name before.
            assert!(bad.is_empty() || error == Err("ValidationException"), "{bad}: {error:?}");
        }
        let code = |name: &str| check(&scope(), name).unwrap_err().code();
        assert_eq!(code("/aws/service/x"), "AccessDeniedException");
        assert_eq!(code(&"/a".repeat(16)), "HierarchyLevelLimitExceededException");
    }

    #[test]
    fn labels_are_checked() {
        assert!(["stable", "v1.0", "_x", "-"].into_iter().all(is_label));
        assert!(!["1st", "AWSx", "ssm", "a b", "ä"].into_iter().any(is_label));
    }
}
