//! JSON written straight into a body, without a tree of values in between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::scalar;
use crate::shape::schema::TimestampFormat;
use crate::shape::{Member, Schema, Writer};
use crate::timestamp::Timestamp;

/// Writes the text of a JSON value.
#[derive(Default)]
pub struct JsonText {
    text: Vec<u8>,
    /// Of each open container, innermost last: whether something stands in it.
    open: Vec<bool>,
    /// The name of the member or entry whose value comes next. It is written with the value, if there is one.
    name: Option<Name>,
}

enum Name {
    Member(&'static str),
    Key(String),
}

impl JsonText {
    /// With room for so many bytes, before it has to grow.
    pub fn with_capacity(bytes: usize) -> JsonText {
        JsonText { text: Vec::with_capacity(bytes), ..JsonText::default() }
    }

    /// What was written; `null` for nothing.
    pub fn finish(self) -> Vec<u8> {
        if self.text.is_empty() { b"null".to_vec() } else { self.text }
    }

    /// What stands before a value.
    fn begin_value(&mut self) {
        if let Some(filled) = self.open.last_mut()
            && std::mem::replace(filled, true)
        {
            self.text.push(b',');
        }
        match self.name.take() {
            Some(Name::Member(name)) => self.put(name),
            Some(Name::Key(name)) => self.put(&name),
            None => return,
        }
        self.text.push(b':');
    }

    fn begin(&mut self, bracket: u8) {
        self.begin_value();
        self.text.push(bracket);
        self.open.push(false);
    }

    fn end(&mut self, bracket: u8) {
        self.name = None;
        self.open.pop();
        self.text.push(bracket);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        self.begin_value();
        self.put(value);
    }

    fn put(&mut self, value: &(impl Serialize + ?Sized)) {
        // A number or a text always has a JSON form, and memory takes what is written to it.
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.extend_from_slice(b"null");
        }
    }
}

impl Writer for JsonText {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.value(&value);
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.value(&value);
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        match scalar::non_finite(value) {
            Some(name) => self.value(name),
            None => self.value(&value),
        }
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.value(value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.value(&STANDARD.encode(value));
    }

    /// Whole seconds as an integer, else with the fraction.
    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        match schema.timestamp_format.unwrap_or(TimestampFormat::EpochSeconds) {
            TimestampFormat::EpochSeconds if value.as_millis() % 1000 == 0 => self.value(&value.as_secs()),
            TimestampFormat::EpochSeconds => self.value(&value.as_secs_f64()),
            TimestampFormat::Iso8601 => self.value(&value.to_iso8601()),
            TimestampFormat::HttpDate => self.value(&value.to_http_date()),
        }
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.begin(b'{');
    }

    fn member(&mut self, member: &'static Member) {
        self.name = Some(Name::Member(member.wire));
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.end(b'}');
    }

    fn begin_list(&mut self, _schema: &'static Schema, _length: usize) {
        self.begin(b'[');
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {}

    fn end_list(&mut self, _schema: &'static Schema) {
        self.end(b']');
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.begin(b'{');
    }

    fn key(&mut self, _schema: &'static Schema, key: &str) {
        self.name = Some(Name::Key(key.to_owned()));
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.end(b'}');
    }
}
