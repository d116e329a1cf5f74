//! YAML as a tree of texts with their places. What a text means is decided by who reads it: `3.10` stays `3.10`.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::Error;

/// A buildspec is flat; deeper nesting is an attack on the stack.
const MAX_DEPTH: usize = 64;
/// Nodes of a document, those that aliases repeat included.
const MAX_NODES: usize = 100_000;

/// Where something stands, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `plain` is a text without quotes, which may stand for nothing (`~`) or for a truth (`yes`).
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    /// In the document's order; keys may repeat, the reader refuses it.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Whether this is an absent value: `key:` with nothing after it.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::Sequence(items) => items.iter().map(Self::count).sum(),
            Value::Mapping(entries) => entries.iter().map(|(key, value)| key.count() + value.count()).sum(),
        }
    }
}

/// The first document; none if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Error> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| malformed(&error))?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

fn malformed(error: &ScanError) -> Error {
    let marker = error.marker();
    Error::new(error.info(), Place { line: marker.line(), column: marker.col() + 1 })
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    place: Place,
    anchor: usize,
    /// Of a mapping: keys and values in turn.
    children: Vec<Node>,
    is_mapping: bool,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let place = Place { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, _tag) => {
                let value =
                    Value::Scalar { text: text.into_owned(), plain: matches!(style, ScalarStyle::Plain) };
                self.add(Node { place, value }, anchor)
            }
            Event::SequenceStart(anchor, _tag) => self.begin(place, anchor, false),
            Event::MappingStart(anchor, _tag) => self.begin(place, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let repeated = self.anchors.get(&anchor).cloned();
                let node = repeated.ok_or_else(|| Error::new("unknown anchor", place))?;
                self.nodes += node.count();
                self.add(Node { place, ..node }, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, is_mapping: bool) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::new(format!("nested more than {MAX_DEPTH} levels deep"), place));
        }
        self.open.push(Open { place, anchor, children: Vec::new(), is_mapping });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Open { place, anchor, children, is_mapping }) = self.open.pop() else { return Ok(()) };
        let value = if is_mapping {
            let mut entries = Vec::with_capacity(children.len() / 2);
            let mut children = children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                entries.push((key, value));
            }
            Value::Mapping(entries)
        } else {
            Value::Sequence(children)
        };
        self.add(Node { place, value }, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::new(format!("more than {MAX_NODES} values"), node.place));
        }
        if anchor != 0 {
            self.nodes += node.count();
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.root = self.root.take().or(Some(node)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_are_refused() {
        assert!(parse(&"[".repeat(100)).unwrap_err().to_string().contains("levels deep"));
        parse(&"[".repeat(100_000)).unwrap_err();
        parse(&"- ".repeat(100_000)).unwrap_err();
        parse(&"{a: ".repeat(100_000)).unwrap_err();
        let laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
            + &(1..9)
                .map(|n| {
                    let (this, before) = (char::from(b'a' + n), char::from(b'a' + n - 1));
                    format!("{this}: &{this} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n")
                })
                .collect::<String>();
        assert!(parse(&laughs).unwrap_err().to_string().contains("values"));
    }

    #[test]
    fn empty_document_is_nothing() {
        assert!(parse("").unwrap().is_none());
        assert!(parse("# only a comment\n").unwrap().is_none());
    }
}
