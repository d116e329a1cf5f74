//! Terms that a message contains, or does not.

use regex::Regex;

use super::value::regex;
use super::{InvalidPattern, invalid};

/// The syntax has at most so many regular expressions in a pattern.
const MOST_REGEXES: usize = 2;

/// The terms of a pattern. Matching is case-sensitive.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// All of these.
    required: Vec<Term>,
    /// At least one of these; they count only where nothing else is asked for.
    optional: Vec<Term>,
    /// None of these.
    excluded: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub fn match_message(&self, message: &str) -> bool {
        let contains = |term: &Term| match term {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Regex(regex) => regex.is_match(message),
        };
        if self.excluded.iter().any(contains) || !self.required.iter().all(contains) {
            return false;
        }
        let mixed = !self.required.is_empty() || !self.excluded.is_empty();
        mixed || self.optional.is_empty() || self.optional.iter().any(contains)
    }
}

pub fn parse(text: &str) -> Result<Terms, InvalidPattern> {
    let mut terms = Terms::default();
    let mut regexes = 0;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let kind = match first {
            '?' => &mut terms.optional,
            '-' => &mut terms.excluded,
            _ => &mut terms.required,
        };
        rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
        let (term, after) = term(rest)?;
        if matches!(term, Term::Regex(_)) {
            regexes += 1;
        }
        kind.push(term);
        rest = after.trim_start();
    }
    if regexes > MOST_REGEXES {
        return Err(invalid(format!("a pattern has at most {MOST_REGEXES} regular expressions")));
    }
    Ok(terms)
}

fn term(text: &str) -> Result<(Term, &str), InvalidPattern> {
    if let Some(rest) = text.strip_prefix('"') {
        let (phrase, after) = quoted(rest)?;
        return Ok((Term::Text(phrase), after));
    }
    if let Some(rest) = text.strip_prefix('%') {
        let (expression, after) = rest.split_once('%').ok_or_else(|| invalid("a `%` has no partner"))?;
        return Ok((Term::Regex(regex(expression)?), after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(invalid(format!("Invalid character(s) in term '{word}'")));
    }
    Ok((Term::Text(word.to_owned()), after))
}

/// Reads up to the closing quote; `\"` and `\\` stand for themselves.
pub fn quoted(text: &str) -> Result<(String, &str), InvalidPattern> {
    let mut phrase = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((phrase, text.get(at + 1..).unwrap_or_default())),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => phrase.push(escaped),
                Some((_, other)) => phrase.extend(['\\', other]),
                None => return Err(invalid("a quote is not closed")),
            },
            other => phrase.push(other),
        }
    }
    Err(invalid("a quote is not closed"))
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;

    fn matching(pattern: &str) -> Vec<&'static str> {
        let messages = [
            "[ERROR 400] BAD REQUEST",
            "[ERROR 419] MISSING ARGUMENTS",
            "[WARN] slow",
            "ARGUMENTS missing, error",
        ];
        let pattern = Pattern::parse(pattern).unwrap();
        messages.into_iter().filter(|message| pattern.matches(message)).collect()
    }

    #[test]
    fn all_words_must_be_there() {
        assert_eq!(matching("ERROR ARGUMENTS"), ["[ERROR 419] MISSING ARGUMENTS"]);
        assert_eq!(matching("error"), ["ARGUMENTS missing, error"]);
        assert_eq!(matching("ERR"), ["[ERROR 400] BAD REQUEST", "[ERROR 419] MISSING ARGUMENTS"]);
    }

    #[test]
    fn a_phrase_is_exact() {
        assert_eq!(matching("\"BAD REQUEST\""), ["[ERROR 400] BAD REQUEST"]);
        assert!(matching("\"REQUEST BAD\"").is_empty());
    }

    #[test]
    fn question_marks_ask_for_one_of_several() {
        assert_eq!(matching("?slow ?MISSING"), ["[ERROR 419] MISSING ARGUMENTS", "[WARN] slow"]);
        assert_eq!(matching("?slow ERROR"), ["[ERROR 400] BAD REQUEST", "[ERROR 419] MISSING ARGUMENTS"]);
    }

    #[test]
    fn a_minus_excludes() {
        assert_eq!(matching("ERROR -ARGUMENTS"), ["[ERROR 400] BAD REQUEST"]);
        assert_eq!(matching("-\"ERROR 4\" -slow"), ["ARGUMENTS missing, error"]);
    }

    #[test]
    fn expressions_stand_between_percent_signs() {
        assert_eq!(matching("%ERROR 4[0-9]0%"), ["[ERROR 400] BAD REQUEST"]);
        assert!(Pattern::parse("%a% %b% %c%").is_err());
        assert!(Pattern::parse("%a").is_err());
    }

    #[test]
    fn odd_characters_need_quotes() {
        let error = Pattern::parse("a:b").unwrap_err();
        assert_eq!(error.to_string(), "Invalid filter pattern: Invalid character(s) in term 'a:b'");
        assert!(Pattern::parse("\"a:b\"").is_ok());
        assert!(Pattern::parse("\"open").is_err());
    }
}
