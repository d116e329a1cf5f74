//! Which packages belong to a group. Pure.
//! Source: CodeArtifact User Guide, "Package group definition syntax and matching behavior".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_security::confusable_detection::skeleton;

use crate::error::Error;
use crate::names::{Coordinates, Format};

/// The pattern of a group, which is also its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// `/*`
    Root,
    /// `/npm/*`
    Format(Format),
    /// `/maven/com.example~`: namespaces that begin with these words.
    Namespaces { format: Format, prefix: String },
    /// `/npm/scope/*`
    Namespace { format: Format, namespace: String },
    /// `/npm/scope/ui~`: names that begin with these words.
    Names { format: Format, namespace: String, prefix: String },
    /// `/npm/scope/ui$`
    Package(Coordinates),
}

/// How a package fits a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It only looks as if it fitted: nobody may bring in such a package.
    Weak,
    Strong,
}

impl Pattern {
    /// How precise it is: of two patterns that a package fits, the one with the higher rank is part of the other.
    pub fn rank(&self) -> (u8, usize) {
        match self {
            Self::Root => (0, 0),
            Self::Format(_) => (1, 0),
            Self::Namespaces { prefix, .. } => (2, prefix.len()),
            Self::Namespace { .. } => (3, 0),
            Self::Names { prefix, .. } => (4, prefix.len()),
            Self::Package(_) => (5, 0),
        }
    }

    /// How a package fits; `None` if it does not.
    pub fn fits(&self, package: &Coordinates) -> Option<Fit> {
        let by = |form: fn(&str) -> String| {
            let name = form(&package.name);
            let namespace = form(&package.namespace);
            match self {
                Self::Root => true,
                Self::Format(format) => *format == package.format,
                Self::Namespaces { format, prefix } => {
                    *format == package.format && begins(&namespace, &form(prefix))
                }
                Self::Namespace { format, namespace: own } => {
                    *format == package.format && namespace == form(own)
                }
                Self::Names { format, namespace: own, prefix } => {
                    *format == package.format && namespace == form(own) && begins(&name, &form(prefix))
                }
                Self::Package(own) => {
                    own.format == package.format
                        && namespace == form(&own.namespace)
                        && name == form(&own.name)
                }
            }
        };
        if by(str::to_owned) {
            return Some(Fit::Strong);
        }
        by(looks).then_some(Fit::Weak)
    }

    /// What the pattern looks like: patterns that a reader may take for each other look alike.
    pub fn looks(&self) -> String {
        match self {
            Self::Root | Self::Format(_) => self.to_string(),
            Self::Namespaces { format, prefix } => format!("/{}/{}~", format.as_str(), looks(prefix)),
            Self::Namespace { format, namespace } => format!("/{}/{}/*", format.as_str(), looks(namespace)),
            Self::Names { format, namespace, prefix } => {
                format!("/{}/{}/{}~", format.as_str(), looks(namespace), looks(prefix))
            }
            Self::Package(Coordinates { format, namespace, name }) => {
                format!("/{}/{}/{}$", format.as_str(), looks(namespace), looks(name))
            }
        }
    }

    /// All patterns of which a package can be, but for the root, the most precise first.
    pub fn of_package(package: &Coordinates) -> Vec<Self> {
        let mut all = vec![Self::Package(package.clone())];
        all.extend(Self::beyond(package.format, Some(&package.namespace), Some(&package.name)));
        all
    }

    /// All patterns that contain this one, but for the root, the most precise first.
    pub fn broader(&self) -> Vec<Self> {
        let beyond = match self {
            Self::Root | Self::Format(_) => Vec::new(),
            Self::Namespaces { format, prefix } => {
                let words = word_prefixes(prefix).into_iter().filter(|shorter| shorter != prefix);
                let words = words.map(|prefix| Self::Namespaces { format: *format, prefix });
                words.chain([Self::Format(*format)]).collect()
            }
            Self::Namespace { format, namespace } => Self::beyond(*format, Some(namespace), None),
            Self::Names { format, namespace, prefix } => {
                let all = Self::beyond(*format, Some(namespace), Some(prefix));
                all.into_iter().filter(|pattern| pattern != self).collect()
            }
            Self::Package(package) => {
                Self::beyond(package.format, Some(&package.namespace), Some(&package.name))
            }
        };
        beyond.into_iter().filter(|pattern| pattern != self).collect()
    }

    fn beyond(format: Format, namespace: Option<&str>, name: Option<&str>) -> Vec<Self> {
        let mut all = Vec::new();
        if let (Some(namespace), Some(name)) = (namespace, name) {
            let words = word_prefixes(name).into_iter();
            all.extend(words.map(|prefix| Self::Names { format, namespace: namespace.to_owned(), prefix }));
            all.push(Self::Namespace { format, namespace: namespace.to_owned() });
        }
        if let Some(namespace) = namespace {
            all.extend(
                word_prefixes(namespace).into_iter().map(|prefix| Self::Namespaces { format, prefix }),
            );
        }
        all.push(Self::Format(format));
        all
    }
}

/// The beginnings of a text that end with a word, the longest first.
fn word_prefixes(text: &str) -> Vec<String> {
    const MOST: usize = 32;
    let ends = text.char_indices().filter(|(_, letter)| is_of_word(*letter));
    let ends = ends.map(|(at, letter)| at + letter.len_utf8());
    let ends = ends.filter(|end| !text[*end..].chars().next().is_some_and(is_of_word));
    let mut prefixes: Vec<String> = ends.take(MOST).map(|end| text[..end].to_owned()).collect();
    prefixes.reverse();
    prefixes
}

/// Whether a text begins with these words, and not only with some letters of them.
fn begins(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| !rest.chars().next().is_some_and(is_of_word))
}

/// Letters, digits, and the marks on them.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || is_mark(letter)
}

/// Combining marks, by the blocks that hold them.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Case, the kind and number of separators, and letters that look like others do not count.
fn looks(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.to_lowercase().chars() {
        let is_separator = matches!(letter, '-' | '_' | '.');
        if is_separator && folded.ends_with('-') {
            continue;
        }
        folded.push(if is_separator { '-' } else { letter });
    }
    skeleton(&folded).collect::<String>().to_lowercase()
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("/*"),
            Self::Format(format) => write!(f, "/{}/*", format.as_str()),
            Self::Namespaces { format, prefix } => write!(f, "/{}/{prefix}~", format.as_str()),
            Self::Namespace { format, namespace } => write!(f, "/{}/{namespace}/*", format.as_str()),
            Self::Names { format, namespace, prefix } => {
                write!(f, "/{}/{namespace}/{prefix}~", format.as_str())
            }
            Self::Package(Coordinates { format, namespace, name }) => {
                write!(f, "/{}/{namespace}/{name}$", format.as_str())
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    /// Errors: `Validation`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid =
            |why: &str| Error::field(format!("{text} is not the pattern of a package group: {why}"));
        let rest = text.strip_prefix('/').ok_or_else(|| invalid("it must begin with /."))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let format =
            |name: &str| Format::parse(name).ok_or_else(|| invalid("it must begin with a package format."));
        let fits = |part: &str| {
            !part.chars().any(|letter| letter.is_whitespace() || matches!(letter, '*' | '~' | '$'))
        };
        let words = |part: &str| fits(part) && part.chars().next_back().is_some_and(is_of_word);
        let normal =
            |format: Format, namespace: &str, name: &str| Coordinates::normal(format, namespace, name);
        match parts.as_slice() {
            ["*"] => Ok(Self::Root),
            [name, "*"] => Ok(Self::Format(format(name)?)),
            [name, last] => {
                let prefix = last.strip_suffix('~').filter(|prefix| words(prefix));
                let prefix =
                    prefix.ok_or_else(|| invalid("a namespace ends with ~ after a word, or with /*."))?;
                let format = format(name)?;
                Ok(Self::Namespaces { format, prefix: normal(format, prefix, "").namespace })
            }
            [name, namespace, "*"] if fits(namespace) => {
                let format = format(name)?;
                Ok(Self::Namespace { format, namespace: normal(format, namespace, "").namespace })
            }
            [name, namespace, last] if fits(namespace) => {
                let format = format(name)?;
                if let Some(prefix) = last.strip_suffix('~').filter(|prefix| words(prefix)) {
                    let Coordinates { namespace, name, .. } = normal(format, namespace, prefix);
                    return Ok(Self::Names { format, namespace, prefix: name });
                }
                let name = last.strip_suffix('$').filter(|name| !name.is_empty() && fits(name));
                let name =
                    name.ok_or_else(|| invalid("a name ends with $, or with ~ after a word, or is *."))?;
                Ok(Self::Package(normal(format, namespace, name)))
            }
            _ => Err(invalid("it has the form /FORMAT/NAMESPACE/NAME.")),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npm(namespace: &str, name: &str) -> Coordinates {
        Coordinates::normal(Format::Npm, namespace, name)
    }

    fn fit(pattern: &str, package: &Coordinates) -> Option<Fit> {
        pattern.parse::<Pattern>().unwrap().fits(package)
    }

    #[test]
    fn patterns_have_six_forms() {
        for text in [
            "/*",
            "/npm/*",
            "/maven/com.example~",
            "/npm/scope/*",
            "/npm//*",
            "/npm/scope/ui~",
            "/npm//react$",
        ] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        assert_eq!("/pypi//Foo_Bar$".parse::<Pattern>().unwrap().to_string(), "/pypi//foo-bar$");
        for text in [
            "",
            "*",
            "/",
            "/tar/*",
            "/npm",
            "/npm/a",
            "/npm/a-~",
            "/npm/a/b",
            "/npm/a/b-~",
            "/npm/a*",
            "/npm/a/b/c$",
            "/npm/a/$",
            "/npm/a~/b$",
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_whole() {
        // Source: CodeArtifact User Guide, "Words, word boundaries, and prefix matching".
        for name in ["foo", "foo-bar", "foo.x", "foo_"] {
            assert_eq!(fit("/npm//foo~", &npm("", name)), Some(Fit::Strong), "{name}");
        }
        assert_eq!(fit("/npm//foo~", &npm("", "food")), None);
        assert_eq!(fit("/npm/a/*", &npm("b", "x")), None);
        assert_eq!(fit("/npm/acme~", &npm("acme-web", "x")), Some(Fit::Strong));
    }

    #[test]
    fn what_only_looks_alike_fits_weakly() {
        for name in ["FOO-bar", "foo_bar", "foo..bar", "f\u{43e}o-bar", "foo-b\u{430}r"] {
            assert_eq!(fit("/npm//foo-bar$", &npm("", name)), Some(Fit::Weak), "{name}");
        }
        assert_eq!(fit("/npm//foo-bar$", &npm("", "foobar")), None);
        assert_eq!(fit("/npm/acme/*", &npm("\u{430}cme", "x")), Some(Fit::Weak));
    }

    #[test]
    fn broader_patterns_come_in_their_order() {
        let text = |patterns: Vec<Pattern>| patterns.iter().map(Pattern::to_string).collect::<Vec<_>>();
        let of = text(Pattern::of_package(&npm("acme", "ui-core")));
        let expected = [
            "/npm/acme/ui-core$",
            "/npm/acme/ui-core~",
            "/npm/acme/ui~",
            "/npm/acme/*",
            "/npm/acme~",
            "/npm/*",
        ];
        assert_eq!(of, expected);
        let pattern: Pattern = "/npm/acme/ui~".parse().unwrap();
        assert_eq!(text(pattern.broader()), ["/npm/acme/*", "/npm/acme~", "/npm/*"]);
        for pattern in Pattern::of_package(&npm("acme", "ui-core")) {
            let ranks: Vec<_> = pattern.broader().iter().map(Pattern::rank).collect();
            assert!(ranks.iter().all(|rank| *rank < pattern.rank()), "{pattern}");
        }
    }
}
