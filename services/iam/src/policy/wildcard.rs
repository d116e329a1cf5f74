//! Wildcards of policies: `*` stands for any run of characters, `?` for exactly one.

use std::borrow::Cow;

/// One piece of a pattern. Text that came from a policy variable is always `Text`, so that a value such as a
/// user's tag can never act as a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(Cow<'a, str>),
    One,
    Many,
}

/// A pattern without variables, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Piece<'static>>);

impl Pattern {
    /// Compiles `text`; every text is a valid pattern.
    pub fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        push_pattern(&mut pieces, text);
        Pattern(pieces)
    }

    pub fn from_pieces(pieces: Vec<Piece<'static>>) -> Self {
        Pattern(pieces)
    }

    pub fn pieces(&self) -> &[Piece<'static>] {
        &self.0
    }

    /// True when the whole of `text` matches, case-sensitively.
    pub fn matches(&self, text: &str) -> bool {
        matches(&self.0, text)
    }

    /// The pattern read as plain text, wildcards as the characters they were written with.
    pub fn as_text(&self) -> Cow<'_, str> {
        plain_text(&self.0)
    }
}

/// Appends the pieces of `text`, joining neighbouring literal characters.
fn push_pattern(pieces: &mut Vec<Piece<'static>>, text: &str) {
    let mut literal = String::new();
    for character in text.chars() {
        let wildcard = match character {
            '*' => Piece::Many,
            '?' => Piece::One,
            other => {
                literal.push(other);
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Text(Cow::Owned(std::mem::take(&mut literal))));
        }
        pieces.push(wildcard);
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(Cow::Owned(literal)));
    }
}

/// Joins pieces to the text they were written as.
pub fn plain_text<'a>(pieces: &'a [Piece<'_>]) -> Cow<'a, str> {
    if let [Piece::Text(text)] = pieces {
        return Cow::Borrowed(text);
    }
    let text = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_ref(),
        Piece::One => "?",
        Piece::Many => "*",
    });
    Cow::Owned(text.collect())
}

/// True when `pieces` match the whole of `text`.
///
/// Backtracks to the latest `*` only, which suffices for this kind of pattern: time is at most the product of
/// both lengths, so a hostile policy cannot make it explode.
pub fn matches(pieces: &[Piece<'_>], text: &str) -> bool {
    let (mut index, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        match pieces.get(index) {
            None if rest.is_empty() => return true,
            Some(Piece::Many) => {
                index += 1;
                if index == pieces.len() {
                    return true;
                }
                retry = Some((index, rest));
                continue;
            }
            Some(Piece::Text(literal)) => {
                if let Some(after) = rest.strip_prefix(literal.as_ref()) {
                    (index, rest) = (index + 1, after);
                    continue;
                }
            }
            Some(Piece::One) => {
                if let Some(after) = skip_character(rest) {
                    (index, rest) = (index + 1, after);
                    continue;
                }
            }
            None => {}
        }
        let Some((after_star, from)) = retry else { return false };
        let Some(next) = skip_character(from) else { return false };
        (index, rest) = (after_star, next);
        retry = Some((after_star, next));
    }
}

fn skip_character(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, read aloud: slow and obviously right.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => naive(&pattern[1..], text) || (!text.is_empty() && naive(pattern, &text[1..])),
            (Some('?'), Some(_)) => naive(&pattern[1..], &text[1..]),
            (Some(p), Some(t)) if p == t => naive(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    #[test]
    fn examples() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("Get*", "GetObject", true),
            ("Get*", "getobject", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aüc", true),
            ("*/x/*.zip", "b/x/y/z.zip", true),
            ("*abab", "abababab", true),
            ("**", "x", true),
            ("?", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_pattern_ends_soon() {
        let pattern = Pattern::new(&"*a".repeat(500));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(5_000))));
    }

    proptest! {
        #[test]
        fn equals_the_naive_matcher(pattern in "[abü*?]{0,8}", text in "[abü]{0,8}") {
            let expected = naive(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }

        #[test]
        fn plain_text_is_what_was_written(pattern in "[ab*?]{0,12}") {
            let compiled = Pattern::new(&pattern);
            prop_assert_eq!(compiled.as_text(), pattern);
        }
    }
}
