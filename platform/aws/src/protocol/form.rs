//! Requests of the Query protocol as clients write them. Source: Smithy, "AWS Query protocol", "Query key
//! resolution".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;

use super::scalar;
use crate::operation::{OperationModel, Service};
use crate::router::AnyShape;
use crate::shape::schema::TimestampFormat;
use crate::shape::{Kind, Member, Schema, Writer};
use crate::timestamp::Timestamp;

pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The body of a call.
pub fn request(service: &Service, model: &OperationModel, input: &dyn AnyShape) -> Bytes {
    let mut writer = FormWriter::default();
    writer.pairs.append_pair("Action", model.name).append_pair("Version", service.api_version);
    input.write(model.input, &mut writer);
    writer.pairs.finish().into()
}

/// Writes every leaf as a parameter named by its way from the root.
struct FormWriter {
    pairs: Serializer<'static, String>,
    /// The name of the next parameter.
    name: String,
    open: Vec<Container>,
}

struct Container {
    /// How much of the name is the container's own.
    length: usize,
    entries: usize,
}

impl Default for FormWriter {
    fn default() -> Self {
        Self { pairs: Serializer::new(String::new()), name: String::new(), open: Vec::new() }
    }
}

impl FormWriter {
    fn put(&mut self, value: &str) {
        self.pairs.append_pair(&self.name, value);
    }

    fn begin(&mut self) {
        self.open.push(Container { length: self.name.len(), entries: 0 });
    }

    fn end(&mut self) {
        self.open.pop();
    }

    /// Back to the innermost container's own name.
    fn rewind(&mut self) {
        self.name.truncate(self.open.last().map_or(0, |container| container.length));
    }

    fn push(&mut self, step: &str) {
        if !self.name.is_empty() {
            self.name.push('.');
        }
        self.name.push_str(step);
    }
}

impl Writer for FormWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.put(scalar::boolean(value));
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.put(&value.to_string());
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        self.put(&scalar::double(value));
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.put(value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.put(&STANDARD.encode(value));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(&scalar::timestamp(value, schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601)));
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.begin();
    }

    fn member(&mut self, member: &'static Member) {
        self.rewind();
        self.push(member.form_name());
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.end();
    }

    fn begin_list(&mut self, _schema: &'static Schema, length: usize) {
        if length == 0 {
            self.put("");
        }
        self.begin();
    }

    fn element(&mut self, schema: &'static Schema, index: usize) {
        self.rewind();
        if let Kind::List { wire, .. } = &schema.kind
            && !schema.flattened
        {
            self.push(wire);
        }
        self.push(&(index + 1).to_string());
    }

    fn end_list(&mut self, _schema: &'static Schema) {
        self.end();
    }

    fn begin_map(&mut self, _schema: &'static Schema, length: usize) {
        if length == 0 {
            self.put("");
        }
        self.begin();
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        self.rewind();
        if !schema.flattened {
            self.push("entry");
        }
        let number = self.open.last_mut().map_or(1, |container| {
            container.entries += 1;
            container.entries
        });
        self.push(&number.to_string());
        let entry = self.name.len();
        let (key_wire, value_wire) = schema.entry_wires();
        self.push(key_wire);
        self.put(key);
        self.name.truncate(entry);
        self.push(value_wire);
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.end();
    }
}
