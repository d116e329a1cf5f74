//! JSON. `serde_json` judges the syntax; what passes is walked once more for the places.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;

use serde::de::IgnoredAny;

use crate::{Error, MAX_DEPTH, MAX_NODES, Node, Place, Value};

/// What keeps a text from being JSON, and where; none if it is JSON.
pub fn why_not_json(text: &str) -> Option<Error> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let told = error.to_string();
    let end = format!(" at line {} column {}", error.line(), error.column());
    let (offset, place) = place_of(text, error.line(), error.column());
    let closes = text[offset..].starts_with([']', '}']);
    let message = if closes && text[..offset].trim_end().ends_with(',') {
        // serde_json says what it expected instead.
        "trailing comma"
    } else {
        told.strip_suffix(&end).unwrap_or(&told)
    };
    Some(Error::new(message, place))
}

/// serde_json counts the bytes of a line up to and with the one that is wrong.
fn place_of(text: &str, line: usize, bytes: usize) -> (usize, Place) {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start..];
    let before = rest.char_indices().take_while(|(index, c)| index + c.len_utf8() < bytes).count();
    let offset = rest.char_indices().nth(before).map_or(rest.len(), |(offset, _)| offset);
    (start + offset, Place { line: line.max(1), column: before + 1 })
}

/// The tree of a text that is JSON.
pub fn parse(text: &str) -> Result<Node, Error> {
    let place = Place { line: 1, column: 1 };
    let mut walk = Walk { text, chars: text.char_indices().peekable(), place, nodes: 0 };
    walk.value(0)
}

struct Walk<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    /// Of the next character.
    place: Place,
    nodes: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self, depth: usize) -> Result<Node, Error> {
        self.skip(|c| c.is_ascii_whitespace());
        let place = self.place;
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::too_many(place));
        }
        if depth > MAX_DEPTH {
            return Err(Error::too_deep(place));
        }
        let value = match self.chars.peek() {
            Some((_, '{')) => Value::Mapping(self.mapping(depth)?),
            Some((_, '[')) => Value::Sequence(self.sequence(depth)?),
            Some((_, '"')) => Value::Scalar { text: self.string().into_owned(), plain: false },
            _ => {
                let text = self.skip(|c| !c.is_ascii_whitespace() && !matches!(c, ',' | ']' | '}'));
                Value::Scalar { text: text.to_owned(), plain: true }
            }
        };
        let is_scalar = matches!(value, Value::Scalar { .. });
        let width = if is_scalar { self.place.column.saturating_sub(place.column).max(1) } else { 1 };
        Ok(Node { place, width, tag: None, value })
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Error> {
        let mut entries = Vec::new();
        while self.has_next('}') {
            let key = self.value(depth + 1)?;
            self.skip(|c| c.is_ascii_whitespace() || c == ':');
            entries.push((key, self.value(depth + 1)?));
        }
        Ok(entries)
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        while self.has_next(']') {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    /// Passes the opening bracket or the comma before a value; at the closing one, passes that.
    fn has_next(&mut self, closing: char) -> bool {
        self.skip(|c| c.is_ascii_whitespace());
        let passed = self.next();
        self.skip(|c| c.is_ascii_whitespace());
        let ended = passed.is_none_or(|c| c == closing) || self.chars.peek().is_none();
        if !ended && self.chars.peek().is_some_and(|(_, c)| *c == closing) {
            self.next();
            return false;
        }
        !ended
    }

    fn string(&mut self) -> Cow<'a, str> {
        let start = self.offset();
        self.next();
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => _ = self.next(),
                _ => {}
            }
        }
        let quoted = &self.text[start..self.offset()];
        serde_json::from_str(quoted).map_or(Cow::Borrowed(quoted), Cow::Owned)
    }

    fn skip(&mut self, passes: impl Fn(char) -> bool) -> &'a str {
        let start = self.offset();
        while self.chars.peek().is_some_and(|(_, c)| passes(*c)) {
            self.next();
        }
        &self.text[start..self.offset()]
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(offset, _)| *offset)
    }

    fn next(&mut self) -> Option<char> {
        let (_, c) = self.chars.next()?;
        if c == '\n' {
            self.place = Place { line: self.place.line + 1, column: 1 };
        } else {
            self.place.column += 1;
        }
        Some(c)
    }
}
