//! Environment markers: whether a dependency is needed, as far as that is known.
//! Source: Python Packaging User Guide, "Dependency specifiers".

use std::collections::BTreeSet;

use codeartifact::package_names::python_name;
use pep440_rs::{VersionSpecifier, VersionSpecifiers};

use super::python::Python;

/// Brackets within brackets.
const DEEPEST: usize = 32;

/// Whether a dependency with this marker is needed, with these extras. `python` is the version that is meant, if one is.
pub fn apply(marker: &str, extras: &BTreeSet<String>, python: Option<&Python>) -> Known {
    if marker.trim().is_empty() {
        return Known::Yes;
    }
    let Some(tokens) = tokens(marker) else { return Known::Unknown };
    let mut reader = Reader { tokens: &tokens, at: 0, extras, python };
    reader.any(0).filter(|_| reader.at == tokens.len()).unwrap_or(Known::Unknown)
}

/// Whether a marker is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Yes,
    No,
    /// That depends on what is not known of the environment, or it cannot be read.
    Unknown,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Operator(String),
    Open,
    Close,
}

fn tokens(marker: &str) -> Option<Vec<Token>> {
    let (mut tokens, mut rest) = (Vec::new(), marker.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => {
                tokens.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '"' | '\'' => {
                let end = rest.get(1..)?.find(first)?;
                tokens.push(Token::Text(rest.get(1..=end)?.to_owned()));
                end + 2
            }
            '<' | '>' | '=' | '!' | '~' => {
                let length = rest.find(|c| !"<>=!~".contains(c)).unwrap_or(rest.len());
                tokens.push(Token::Operator(rest.get(..length)?.to_owned()));
                length
            }
            _ => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length).filter(|word| !word.is_empty())?.to_owned()));
                length
            }
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    extras: &'a BTreeSet<String>,
    python: Option<&'a Python>,
}

impl Reader<'_> {
    fn word(&mut self, word: &str) -> bool {
        let is_it = self.tokens.get(self.at) == Some(&Token::Word(word.to_owned()));
        self.at += usize::from(is_it);
        is_it
    }

    fn any(&mut self, depth: usize) -> Option<Known> {
        let mut known = self.all(depth)?;
        while self.word("or") {
            known = match (known, self.all(depth)?) {
                (Known::Yes, _) | (_, Known::Yes) => Known::Yes,
                (Known::No, Known::No) => Known::No,
                _ => Known::Unknown,
            };
        }
        Some(known)
    }

    fn all(&mut self, depth: usize) -> Option<Known> {
        let mut known = self.one(depth)?;
        while self.word("and") {
            known = match (known, self.one(depth)?) {
                (Known::No, _) | (_, Known::No) => Known::No,
                (Known::Yes, Known::Yes) => Known::Yes,
                _ => Known::Unknown,
            };
        }
        Some(known)
    }

    fn one(&mut self, depth: usize) -> Option<Known> {
        if self.tokens.get(self.at)? == &Token::Open {
            self.at += 1;
            let known = if depth < DEEPEST { self.any(depth + 1)? } else { return None };
            self.at += 1;
            return (self.tokens.get(self.at - 1)? == &Token::Close).then_some(known);
        }
        let left = self.tokens.get(self.at)?;
        self.at += 1;
        let is_negated = self.word("not");
        let operator = match self.tokens.get(self.at)? {
            Token::Operator(operator) => operator.clone(),
            Token::Word(word) if word == "in" => if is_negated { "not in" } else { "in" }.to_owned(),
            _ => return None,
        };
        let right = self.tokens.get(self.at + 1)?;
        self.at += 2;
        let known = match (left, right) {
            (Token::Word(name), Token::Text(value)) => self.compare(name, &operator, value),
            (Token::Text(value), Token::Word(name)) => self.compare(name, reversed(&operator), value),
            _ => return None,
        };
        Some(known)
    }

    fn compare(&self, name: &str, operator: &str, value: &str) -> Known {
        let known = |is_so| if is_so { Known::Yes } else { Known::No };
        match (name, operator) {
            ("extra", "==") => known(self.extras.contains(&python_name(value))),
            ("extra", "!=") => known(!self.extras.contains(&python_name(value))),
            ("python_version" | "python_full_version", _) => {
                let specifier = format!("{operator}{value}").parse::<VersionSpecifier>();
                let Some((python, specifier)) = self.python.zip(specifier.ok()) else {
                    return Known::Unknown;
                };
                let meant = if name == "python_version" { &python.series } else { &python.full };
                known(VersionSpecifiers::from(specifier).contains(meant))
            }
            _ => Known::Unknown,
        }
    }
}

/// The operator with its sides exchanged.
fn reversed(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_the_environment_is_not_known() {
        let python: Python = "3.11".parse().unwrap();
        let extras = BTreeSet::from(["socks".to_owned()]);
        for (marker, expected) in [
            ("extra == 'socks'", Known::Yes),
            ("extra == 'test'", Known::No),
            ("'socks' == extra", Known::Yes),
            ("extra != 'test'", Known::Yes),
            ("python_version < '3.8'", Known::No),
            ("python_version >= '3.8'", Known::Yes),
            ("'3.8' > python_version", Known::No),
            ("python_version <= '3.11'", Known::Yes),
            ("python_full_version >= '3.11.4'", Known::Yes),
            ("python_full_version < '3.11.4'", Known::No),
            ("python_full_version < '3.12'", Known::Yes),
            ("sys_platform == 'win32'", Known::Unknown),
            ("sys_platform == 'win32' and extra == 'test'", Known::No),
            ("sys_platform == 'win32' and extra == 'socks'", Known::Unknown),
            ("sys_platform == 'win32' or extra == 'test'", Known::Unknown),
            ("(python_version < '3' or extra == 'test') and os_name == 'nt'", Known::No),
            ("python_version in '2.7 3.0'", Known::Unknown),
            ("platform_machine not in 'x86_64'", Known::Unknown),
            ("extra == 'test' and", Known::Unknown),
            ("nonsense $$", Known::Unknown),
            ("", Known::Yes),
        ] {
            assert_eq!(apply(marker, &extras, Some(&python)), expected, "{marker}");
        }
        assert_eq!(apply("python_version < '3.8'", &extras, None), Known::Unknown);
        let exact: Python = "3.11.2".parse().unwrap();
        assert_eq!(apply("python_full_version >= '3.11.4'", &extras, Some(&exact)), Known::No);
        assert_eq!(apply("python_version <= '3.11'", &extras, Some(&exact)), Known::Yes);
        let deep = format!("{}extra == 'test'{}", "(".repeat(100), ")".repeat(100));
        assert_eq!(apply(&deep, &extras, None), Known::Unknown);
    }
}
