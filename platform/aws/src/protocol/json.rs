//! awsJson 1.0 and 1.1, and the JSON bodies of restJson. Source: Smithy, "AWS JSON protocols".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::json_text::JsonText;
use super::tree::{Building, Open};
use super::{MAX_VALUES, Progress, scalar, too_many_values};
use crate::router::AnyShape;
use crate::shape::schema::TimestampFormat;
use crate::shape::{
    EachElement, EachEntry, EachMember, Member, ReadError, Reader, Schema, Segment, Shape, Writer,
};
use crate::timestamp::Timestamp;

/// The JSON value of a shape.
pub fn to_value(shape: &dyn AnyShape, schema: &'static Schema) -> Value {
    let mut writer = JsonWriter::default();
    shape.write(schema, &mut writer);
    writer.finish()
}

/// The bytes of a body.
pub fn to_bytes(shape: &dyn AnyShape, schema: &'static Schema) -> Bytes {
    let mut writer = JsonText::with_capacity(1024);
    shape.write(schema, &mut writer);
    writer.finish().into()
}

/// The JSON value of a typed shape with every sensitive value hidden: what `Debug` prints.
pub fn redacted<T: Shape>(shape: &T, schema: &'static Schema) -> Value {
    let mut writer = JsonWriter::redacting();
    shape.write(schema, &mut writer);
    writer.finish()
}

/// A typed shape from a JSON value; `missing` is not an error here, validation tells it.
pub fn from_value<T: Shape>(schema: &'static Schema, value: &Value) -> Result<T, ReadError> {
    T::read(schema, &mut JsonReader { value, progress: &mut Progress::default() })
}

/// Parses a body; an empty one is `{}`. Errors: `SerializationException` in the words of the services.
pub fn parse(body: &[u8]) -> Result<Value, ReadError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if holds_too_many(body) {
        return Err(too_many_values());
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ReadError(format!("Unable to parse the body: {error}")))?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Array(_) => Err(ReadError("Start of list found where not expected".to_owned())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(ReadError("Unexpected token at the start of the body".to_owned()))
        }
    }
}

/// Counts what begins a value, without building any.
fn holds_too_many(body: &[u8]) -> bool {
    let mut values = 0;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' | b',' => values += 1,
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    values > MAX_VALUES
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// Writes a JSON value.
#[derive(Default)]
pub struct JsonWriter {
    building: Building<Value>,
    redacts: bool,
}

impl JsonWriter {
    /// Hides every sensitive value.
    pub fn redacting() -> Self {
        Self { redacts: true, ..Self::default() }
    }

    /// What was written; null for nothing.
    pub fn finish(self) -> Value {
        self.building.finish().unwrap_or(Value::Null)
    }

    fn put(&mut self, value: Value) {
        self.building.put(value);
    }

    fn close(&mut self) {
        self.building.close(|open| match open {
            Open::Named { entries, .. } => Value::Object(entries.into_iter().collect()),
            Open::Listed(items) => Value::Array(items),
        });
    }

    fn put_unless_hidden(&mut self, schema: &Schema, value: impl FnOnce() -> Value) {
        if self.redacts && schema.sensitive {
            self.put(Value::String("***".to_owned()));
        } else {
            self.put(value());
        }
    }
}

impl Writer for JsonWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.put(Value::Bool(value));
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.put(Value::Number(value.into()));
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        self.put(double_value(value));
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.put_unless_hidden(schema, || Value::String(value.to_owned()));
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.put_unless_hidden(schema, || Value::String(STANDARD.encode(value)));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(match schema.timestamp_format.unwrap_or(TimestampFormat::EpochSeconds) {
            TimestampFormat::EpochSeconds => epoch_seconds(value),
            TimestampFormat::Iso8601 => Value::String(value.to_iso8601()),
            TimestampFormat::HttpDate => Value::String(value.to_http_date()),
        });
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.building.begin_named();
    }

    fn member(&mut self, member: &'static Member) {
        self.building.name_next(member.wire);
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.close();
    }

    fn begin_list(&mut self, _schema: &'static Schema, length: usize) {
        self.building.begin_listed(length);
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {}

    fn end_list(&mut self, _schema: &'static Schema) {
        self.close();
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.building.begin_named();
    }

    fn key(&mut self, _schema: &'static Schema, key: &str) {
        self.building.name_next(key);
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.close();
    }
}

/// Whole seconds as an integer, else with the fraction.
fn epoch_seconds(at: Timestamp) -> Value {
    if at.as_millis() % 1000 == 0 {
        Value::Number(at.as_secs().into())
    } else {
        Number::from_f64(at.as_secs_f64()).map_or(Value::Null, Value::Number)
    }
}

fn double_value(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => scalar::non_finite(value).map_or(Value::Null, Value::from),
    }
}

/// Reads a shape out of a parsed body.
pub struct JsonReader<'a> {
    pub value: &'a Value,
    pub progress: &'a mut Progress,
}

impl JsonReader<'_> {
    fn mismatch<T>(&self, wanted: &str) -> Result<T, ReadError> {
        Err(ReadError(match self.value {
            Value::Object(_) => "Start of structure or map found where not expected".to_owned(),
            Value::Array(_) => "Start of list found where not expected".to_owned(),
            Value::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
            Value::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
            Value::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
            Value::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
            Value::Null => format!("NULL_VALUE can not be converted to {wanted}"),
        }))
    }
}

impl Reader for JsonReader<'_> {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => self.mismatch("Boolean"),
        }
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        match self.value {
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Ok(value),
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "a fraction is cut as the services do; range is checked"
                )]
                (None, Some(value)) if value.abs() < 9.0e15 => Ok(value.trunc() as i64),
                (None, _) => self.mismatch("Long"),
            },
            _ => self.mismatch("Integer"),
        }
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        match self.value {
            Value::Number(number) => number.as_f64().map_or_else(|| self.mismatch("Double"), Ok),
            Value::String(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => self.mismatch("Double"),
            },
            _ => self.mismatch("Double"),
        }
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            _ => self.mismatch("String"),
        }
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        match self.value {
            Value::String(text) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(bytes.into()),
                Err(_) => Err(ReadError("Invalid base64 in a binary value".to_owned())),
            },
            _ => self.mismatch("Blob"),
        }
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, ReadError> {
        let read = match self.value {
            Value::Number(number) => number.as_f64().and_then(Timestamp::from_secs_f64),
            Value::String(text) => match schema.timestamp_format {
                Some(TimestampFormat::HttpDate) => Timestamp::parse_http_date(text),
                Some(TimestampFormat::Iso8601 | TimestampFormat::EpochSeconds) | None => {
                    Timestamp::parse_iso8601(text)
                }
            },
            _ => None,
        };
        read.map_or_else(|| self.mismatch("Timestamp"), Ok)
    }

    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        let Value::Object(entries) = self.value else { return self.mismatch(schema.name) };
        for (index, member) in schema.members().iter().enumerate() {
            match entries.get(member.wire) {
                Some(Value::Null) | None if member.required => self.progress.note_missing(member),
                Some(Value::Null) | None => {}
                Some(value) => self.progress.within(Segment::Member(member.name), |progress| {
                    each(index, &mut JsonReader { value, progress })
                })?,
            }
        }
        Ok(())
    }

    fn list(&mut self, _schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        let Value::Array(items) = self.value else { return self.mismatch("List") };
        for (index, value) in items.iter().enumerate().filter(|(_, value)| !value.is_null()) {
            self.progress
                .within(Segment::Element(index), |progress| each(&mut JsonReader { value, progress }))?;
        }
        Ok(())
    }

    fn map(&mut self, _schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        let Value::Object(entries) = self.value else { return self.mismatch("Map") };
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            self.progress.within(Segment::Key(key.clone()), |progress| {
                each(key.clone(), &mut JsonReader { value, progress })
            })?;
        }
        Ok(())
    }
}
