//! `*` stands for any number of characters, `\*` and `\\` for themselves.

use super::token::Problem;

/// A compiled wildcard: the literal pieces between its stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard {
    /// At least one; a text without star is one piece.
    pieces: Vec<String>,
}

impl Wildcard {
    /// Errors: two stars in a row, or a backslash before anything else. Positions count the opening quote.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut pieces = vec![String::new()];
        let mut characters = text.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => push(&mut pieces, escaped),
                    _ => {
                        return Err(Problem::alone(format!("Invalid escape character at pos {}", index + 2)));
                    }
                },
                '*' => {
                    if characters.peek().is_some_and(|(_, next)| *next == '*') {
                        let reason = format!("Consecutive wildcard characters at pos {}", index + 1);
                        return Err(Problem::alone(reason));
                    }
                    pieces.push(String::new());
                }
                other => push(&mut pieces, other),
            }
        }
        Ok(Self { pieces })
    }

    /// In time proportional to the length of the text times that of the wildcard at worst.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return text.is_empty() };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            let Some(found) = left.find(piece.as_str()) else { return false };
            left = left.get(found + piece.len()..).unwrap_or_default();
        }
        left.ends_with(last.as_str())
    }
}

fn push(pieces: &mut [String], character: char) {
    if let Some(last) = pieces.last_mut() {
        last.push(character);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(wildcard: &str, text: &str) -> bool {
        Wildcard::parse(wildcard).unwrap().matches(text)
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(matches("a*b*c", "abc") && matches("a*b*c", "a--b--b-c") && !matches("a*b*c", "ab"));
        assert!(matches("*", "") && matches("", "") && !matches("", "a") && !matches("ab*ba", "aba"));
        assert!(matches(r"a\*\\", r"a*\") && !matches(r"a\*", "ab"));
    }

    #[test]
    fn mistakes_count_the_quote() {
        let reason = |text: &str| Wildcard::parse(text).unwrap_err().reason;
        assert_eq!(reason("**"), "Consecutive wildcard characters at pos 1");
        assert_eq!(reason(r"a\b"), "Invalid escape character at pos 3");
        assert_eq!(reason(r"a\"), "Invalid escape character at pos 3");
    }

    /// The obvious definition.
    fn naive(wildcard: &[char], text: &[char]) -> bool {
        match wildcard.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            Some((first, rest)) => {
                text.split_first().is_some_and(|(next, left)| next == first && naive(rest, left))
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(wildcard in "[ab]{0,2}(\\*[ab]{1,2}){0,3}\\*?", text in "[ab]{0,8}") {
            let (pattern, characters): (Vec<char>, Vec<char>) = (wildcard.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&wildcard, &text), naive(&pattern, &characters));
        }
    }
}
