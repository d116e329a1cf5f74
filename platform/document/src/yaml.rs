//! YAML.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::{Error, MAX_DEPTH, MAX_NODES, Node, Place, Value};

/// The first document; none if there is nothing in it.
pub fn parse(text: &str) -> Result<Option<Node>, Error> {
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

fn width(span: Span) -> usize {
    if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col()).max(1)
    } else {
        1
    }
}

/// The name of a tag that is not YAML's: `Ref` of `!Ref`.
fn own(tag: Option<&Tag>) -> Option<Box<str>> {
    tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()).map(|tag| tag.suffix.as_str().into())
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
    tag: Option<Box<str>>,
    /// Of a mapping: keys and values in turn.
    children: Vec<Node>,
    is_mapping: bool,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let place = Place { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let says_text =
                    tag.as_deref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let plain = matches!(style, ScalarStyle::Plain) && !says_text;
                let value = Value::Scalar { text: text.into_owned(), plain };
                self.add(Node { place, width: width(span), tag: own(tag.as_deref()), value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(place, anchor, own(tag.as_deref()), false),
            Event::MappingStart(anchor, tag) => self.begin(place, anchor, own(tag.as_deref()), true),
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

    fn begin(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<Box<str>>,
        is_mapping: bool,
    ) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::too_deep(place));
        }
        self.open.push(Open { place, anchor, tag, children: Vec::new(), is_mapping });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Open { place, anchor, tag, children, is_mapping }) = self.open.pop() else { return Ok(()) };
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
        self.add(Node { place, width: 1, tag, value }, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::too_many(node.place));
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
