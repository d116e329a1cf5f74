//! A shape spread over path, query string, headers and body.

use bytes::Bytes;

use super::BodyForm;
use super::text::{Place, TextWriter};
use super::uri::Labels;
use crate::protocol::json::JsonWriter;
use crate::protocol::xml::XmlWriter;
use crate::router::AnyShape;
use crate::shape::{Kind, Location, Member, Schema, Writer, XmlNamespace};
use crate::timestamp::Timestamp;

/// A message's parts. Of a request `status` stays empty, of an answer the labels and the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub status: Option<u16>,
    pub labels: Labels,
    pub query: Vec<(String, String)>,
    /// Free of control characters, which no header can hold: they are blanks.
    pub headers: Vec<(String, String)>,
    /// `None` where the shape has no member in the body.
    pub body: Option<Bytes>,
    /// What the body is, unless a member in a header says otherwise.
    pub content_type: Option<&'static str>,
}

/// Spreads a shape over a message; `namespace` is that of an XML body's root.
pub fn write(
    shape: &dyn AnyShape,
    schema: &'static Schema,
    form: BodyForm,
    namespace: Option<XmlNamespace>,
) -> Outgoing {
    let body = match form {
        BodyForm::Json => BodyWriter::Json(JsonWriter::default()),
        BodyForm::Xml => BodyWriter::Xml(XmlWriter::with_root(schema.name, namespace)),
    };
    let mut writer = BoundWriter {
        form,
        namespace,
        body,
        has_body: schema.members().iter().any(|member| member.location == Location::Body),
        has_payload: schema.members().iter().any(|member| member.location == Location::Payload),
        depth: 0,
        member: None,
        text: TextWriter::default(),
        out: Outgoing::default(),
    };
    shape.write(schema, &mut writer);
    writer.finish()
}

struct BoundWriter {
    form: BodyForm,
    namespace: Option<XmlNamespace>,
    body: BodyWriter,
    has_body: bool,
    has_payload: bool,
    /// How many containers are open; the message itself is the first.
    depth: usize,
    /// The member of the message that is being written.
    member: Option<&'static Member>,
    text: TextWriter,
    out: Outgoing,
}

enum BodyWriter {
    Json(JsonWriter),
    Xml(XmlWriter),
}

impl BodyWriter {
    fn writer(&mut self) -> &mut dyn Writer {
        match self {
            Self::Json(writer) => writer,
            Self::Xml(writer) => writer,
        }
    }

    fn finish(self) -> Bytes {
        match self {
            Self::Json(writer) => writer.finish().to_string().into(),
            Self::Xml(writer) => writer.finish().into(),
        }
    }
}

impl BoundWriter {
    fn finish(self) -> Outgoing {
        let mut out = self.out;
        if self.has_body && !self.has_payload {
            out.body = Some(self.body.finish());
            out.content_type = Some(self.form.content_type());
        }
        out
    }

    fn location(&self) -> Location {
        self.member.map_or(Location::Body, |member| member.location)
    }

    /// Who writes the current value.
    fn target(&mut self) -> &mut dyn Writer {
        match self.location() {
            Location::Body | Location::Payload => self.body.writer(),
            Location::Uri | Location::Query | Location::Header | Location::Headers | Location::StatusCode => {
                &mut self.text
            }
        }
    }

    fn begin_member(&mut self, member: &'static Member) {
        self.end_member();
        self.member = Some(member);
        match member.location {
            Location::Body => self.body.writer().member(member),
            Location::Payload => {
                if self.form == BodyForm::Xml {
                    let namespace = member.xml_namespace.or(self.namespace);
                    self.body = BodyWriter::Xml(XmlWriter::with_root(member.wire, namespace));
                }
            }
            Location::Header | Location::Headers => self.text = TextWriter::new(Place::Header),
            Location::Uri | Location::Query | Location::StatusCode => self.text = TextWriter::new(Place::Uri),
        }
    }

    /// Puts what was collected of the last member where it belongs.
    fn end_member(&mut self) {
        let Some(member) = self.member.take() else { return };
        let text = std::mem::take(&mut self.text);
        let wire = member.wire.to_owned();
        match member.location {
            Location::Body => {}
            Location::Payload => {
                if self.out.body.is_none() {
                    let empty = match self.form {
                        BodyForm::Json => BodyWriter::Json(JsonWriter::default()),
                        BodyForm::Xml => BodyWriter::Xml(XmlWriter::default()),
                    };
                    self.out.body = Some(std::mem::replace(&mut self.body, empty).finish());
                    self.out.content_type = Some(self.form.content_type());
                }
            }
            Location::Uri => {
                self.out.labels.insert(wire, text.values.concat());
            }
            Location::Query => {
                self.out.query.extend(text.values.into_iter().map(|value| (wire.clone(), value)));
                for (key, values) in text.entries {
                    self.out.query.extend(values.into_iter().map(|value| (key.clone(), value)));
                }
            }
            Location::Header if text.values.is_empty() => {}
            Location::Header => self.out.headers.push((wire, header_value(&text.values.join(", ")))),
            Location::Headers => {
                for (key, values) in text.entries {
                    self.out.headers.push((format!("{wire}{key}"), header_value(&values.join(", "))));
                }
            }
            Location::StatusCode => {
                self.out.status = text.values.first().and_then(|value| value.parse().ok());
            }
        }
    }

    /// A payload that is text or bytes goes into the body as it is.
    fn put_raw(&mut self, value: &[u8], content_type: &'static str) -> bool {
        let is_raw = self.depth == 1 && self.location() == Location::Payload;
        if is_raw {
            self.out.body = Some(Bytes::copy_from_slice(value));
            self.out.content_type = Some(content_type);
        }
        is_raw
    }
}

fn header_value(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Writer for BoundWriter {
    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        self.target().boolean(schema, value);
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.target().integer(schema, value);
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.target().double(schema, value);
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        if matches!(schema.kind, Kind::String | Kind::Enum(_)) && self.put_raw(value.as_bytes(), "text/plain")
        {
            return;
        }
        self.target().string(schema, value);
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        if !self.put_raw(value, "application/octet-stream") {
            self.target().blob(schema, value);
        }
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.target().timestamp(schema, value);
    }

    fn begin_structure(&mut self, schema: &'static Schema) {
        if self.depth > 0 || !self.has_payload {
            self.target().begin_structure(schema);
        }
        self.depth += 1;
    }

    fn member(&mut self, member: &'static Member) {
        if self.depth == 1 {
            self.begin_member(member);
        } else {
            self.target().member(member);
        }
    }

    fn end_structure(&mut self, schema: &'static Schema) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.end_member();
        }
        if self.depth > 0 || !self.has_payload {
            self.target().end_structure(schema);
        }
    }

    fn begin_list(&mut self, schema: &'static Schema, length: usize) {
        self.target().begin_list(schema, length);
        self.depth += 1;
    }

    fn element(&mut self, schema: &'static Schema, index: usize) {
        self.target().element(schema, index);
    }

    fn end_list(&mut self, schema: &'static Schema) {
        self.depth = self.depth.saturating_sub(1);
        self.target().end_list(schema);
    }

    fn begin_map(&mut self, schema: &'static Schema, length: usize) {
        self.target().begin_map(schema, length);
        self.depth += 1;
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        self.target().key(schema, key);
    }

    fn end_map(&mut self, schema: &'static Schema) {
        self.depth = self.depth.saturating_sub(1);
        self.target().end_map(schema);
    }
}
