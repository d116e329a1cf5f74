//! A shape gathered from path, query string, headers and body.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::BodyForm;
use super::text::{Place, Text, TextReader};
use super::uri::Labels;
use crate::protocol::Progress;
use crate::protocol::json::{self, JsonReader};
use crate::protocol::xml::{self, Element, XmlReader};
use crate::shape::{
    EachElement, EachEntry, EachMember, Kind, Location, Member, ReadError, Reader, Schema, Segment,
};
use crate::timestamp::Timestamp;

/// A message's parts. Of a request there is no status, of an answer neither labels nor parameters.
pub struct Incoming<'a> {
    pub labels: Labels,
    pub parameters: Vec<(String, String)>,
    pub headers: &'a HeaderMap,
    pub status: Option<u16>,
    pub body: &'a Bytes,
    pub form: BodyForm,
}

/// Reads a whole input or output; the members' own readers do the rest.
pub struct BoundReader<'a> {
    pub incoming: &'a Incoming<'a>,
    pub progress: &'a mut Progress,
}

/// The body, taken apart once.
enum Document {
    Json(Value),
    Xml(Element),
    /// No member is in there.
    None,
}

/// What was found of one member.
enum Found<'a> {
    Text(Text, Place),
    Json(&'a Value),
    Xml(&'a Element),
    Raw(&'a Bytes),
}

impl<'a> Incoming<'a> {
    /// Errors: a body that is not of its form.
    fn document(&self, schema: &Schema) -> Result<Document, ReadError> {
        let in_body = |member: &Member| match member.location {
            Location::Body => true,
            Location::Payload => !is_raw(member.schema),
            Location::Uri | Location::Query | Location::Header | Location::Headers | Location::StatusCode => {
                false
            }
        };
        if self.body.is_empty() || !schema.members().iter().any(in_body) {
            return Ok(Document::None);
        }
        match self.form {
            BodyForm::Json => json::parse(self.body).map(Document::Json),
            BodyForm::Xml => xml::parse(self.body).map(Document::Xml),
        }
    }

    fn find<'d>(
        &'d self,
        schema: &Schema,
        member: &'static Member,
        document: &'d Document,
    ) -> Option<Found<'d>> {
        match member.location {
            Location::Body => match document {
                Document::Json(body) => {
                    body.get(member.wire).filter(|value| !value.is_null()).map(Found::Json)
                }
                // The element of the member itself is looked up by the reader of its parent.
                Document::Xml(root) => Some(Found::Xml(root)),
                Document::None => None,
            },
            Location::Payload if is_raw(member.schema) => {
                (!self.body.is_empty() || member.required).then_some(Found::Raw(self.body))
            }
            Location::Payload => match document {
                Document::Json(body) => Some(Found::Json(body)),
                Document::Xml(root) => Some(Found::Xml(root)),
                Document::None => None,
            },
            Location::Uri => self
                .labels
                .get(member.wire)
                .map(|value| Found::Text(Text::Values(vec![value.clone()]), Place::Uri)),
            Location::Query => self.query(schema, member).map(|text| Found::Text(text, Place::Uri)),
            Location::Header => {
                let lines: Vec<&str> = self
                    .headers
                    .get_all(member.wire)
                    .iter()
                    .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
                    .collect();
                (!lines.is_empty()).then(|| Found::Text(Text::of_header(lines, member.schema), Place::Header))
            }
            Location::Headers => self.prefixed(member.wire).map(|text| Found::Text(text, Place::Header)),
            Location::StatusCode => {
                self.status.map(|status| Found::Text(Text::Values(vec![status.to_string()]), Place::Uri))
            }
        }
    }

    fn query(&self, schema: &Schema, member: &Member) -> Option<Text> {
        if !matches!(member.schema.kind, Kind::Map { .. }) {
            let named = self.parameters.iter().filter(|(name, _)| name == member.wire);
            let values: Vec<String> = named.map(|(_, value)| value.clone()).collect();
            return (!values.is_empty()).then_some(Text::Values(values));
        }
        // A map takes every parameter that no other member has.
        let is_taken = |name: &str| {
            schema.members().iter().any(|other| other.location == Location::Query && other.wire == name)
        };
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in self.parameters.iter().filter(|(name, _)| !is_taken(name)) {
            entries.entry(name.clone()).or_default().push(value.clone());
        }
        (!entries.is_empty()).then_some(Text::Entries(entries))
    }

    fn prefixed(&self, prefix: &str) -> Option<Text> {
        let prefix = prefix.to_ascii_lowercase();
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in self.headers {
            if let Some(key) = name.as_str().strip_prefix(&prefix)
                && let Ok(text) = std::str::from_utf8(value.as_bytes())
            {
                entries.entry(key.to_owned()).or_default().push(text.to_owned());
            }
        }
        (!entries.is_empty()).then_some(Text::Entries(entries))
    }
}

/// Whether a payload is the body's bytes themselves.
fn is_raw(schema: &Schema) -> bool {
    matches!(schema.kind, Kind::Blob | Kind::String | Kind::Enum(_))
}

impl Reader for BoundReader<'_> {
    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        let document = self.incoming.document(schema)?;
        for (index, member) in schema.members().iter().enumerate() {
            let found = self.incoming.find(schema, member, &document);
            let present = self.progress.within(Segment::Member(member.name), |progress| match found {
                None => Ok(false),
                Some(Found::Text(text, place)) => {
                    each(index, &mut TextReader { text: &text, place, progress }).map(|()| true)
                }
                Some(Found::Json(value)) => each(index, &mut JsonReader { value, progress }).map(|()| true),
                Some(Found::Raw(body)) => each(index, &mut RawReader(body)).map(|()| true),
                Some(Found::Xml(root)) if member.location == Location::Payload => {
                    each(index, &mut XmlReader::new(root, progress)).map(|()| true)
                }
                Some(Found::Xml(root)) => match XmlReader::of_member(root, member, progress) {
                    Some(mut reader) => each(index, &mut reader).map(|()| true),
                    None => Ok(false),
                },
            })?;
            if !present && member.required {
                self.progress.note_missing(member);
            }
        }
        Ok(())
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        Err(not_a_message())
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        Err(not_a_message())
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        Err(not_a_message())
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        Err(not_a_message())
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        Err(not_a_message())
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, ReadError> {
        Err(not_a_message())
    }

    fn list(&mut self, _schema: &'static Schema, _each: EachElement<'_>) -> Result<(), ReadError> {
        Err(not_a_message())
    }

    fn map(&mut self, _schema: &'static Schema, _each: EachEntry<'_>) -> Result<(), ReadError> {
        Err(not_a_message())
    }
}

/// Inputs and outputs are structures in every model.
fn not_a_message() -> ReadError {
    ReadError("Only a structure can be spread over a message".to_owned())
}

/// A payload of text or bytes.
struct RawReader<'a>(&'a Bytes);

impl RawReader<'_> {
    fn mismatch<T>(&self, wanted: &str) -> Result<T, ReadError> {
        Err(ReadError(format!("The body can not be converted to {wanted}")))
    }
}

impl Reader for RawReader<'_> {
    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        std::str::from_utf8(self.0).map(str::to_owned).or_else(|_| self.mismatch("String"))
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        Ok(self.0.clone())
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        self.mismatch("Boolean")
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        self.mismatch("Integer")
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        self.mismatch("Double")
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, ReadError> {
        self.mismatch("Timestamp")
    }

    fn structure(&mut self, _schema: &'static Schema, _each: EachMember<'_>) -> Result<(), ReadError> {
        self.mismatch("Structure")
    }

    fn list(&mut self, _schema: &'static Schema, _each: EachElement<'_>) -> Result<(), ReadError> {
        self.mismatch("List")
    }

    fn map(&mut self, _schema: &'static Schema, _each: EachEntry<'_>) -> Result<(), ReadError> {
        self.mismatch("Map")
    }
}
