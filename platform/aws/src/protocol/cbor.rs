//! rpc-v2-cbor. Source: Smithy, "Smithy RPC v2 CBOR protocol"; RFC 8949.

use bytes::Bytes;
use ciborium::Value;

use super::tree::{Building, Open};
use super::{MAX_DEPTH, MAX_VALUES, Progress, too_many_values};
use crate::error::Error;
use crate::router::AnyShape;
use crate::shape::{EachElement, EachEntry, EachMember, Member, ReadError, Reader, Schema, Segment, Writer};
use crate::timestamp::Timestamp;

pub const CONTENT_TYPE: &str = "application/cbor";
/// The value of the header `smithy-protocol`.
pub const PROTOCOL_HEADER: &str = "rpc-v2-cbor";
/// The tag of "seconds since the epoch".
const EPOCH_TAG: u64 = 1;

/// The bytes of a body.
pub fn to_bytes(shape: &dyn AnyShape, schema: &'static Schema) -> Bytes {
    let mut writer = CborWriter::default();
    shape.write(schema, &mut writer);
    encoded(&writer.0.finish().unwrap_or(Value::Map(Vec::new())))
}

/// Parses a body; an empty one is an empty map.
pub fn parse(body: &[u8]) -> Result<Value, ReadError> {
    if body.is_empty() {
        return Ok(Value::Map(Vec::new()));
    }
    if holds_too_many(body) {
        return Err(too_many_values());
    }
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| ReadError("Unable to parse the body as CBOR".to_owned()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(ReadError("The body goes on after its CBOR value".to_owned()))
    }
}

/// Counts the heads of values, without building any. What is malformed ends the count: the parser tells.
fn holds_too_many(body: &[u8]) -> bool {
    let (mut values, mut at) = (0, 0);
    while let Some(head) = body.get(at) {
        let (kind, info) = (head >> 5, head & 0x1f);
        let argument = match info {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => 0,
        };
        let Some(bytes) = body.get(at + 1..at + 1 + argument) else { break };
        at += 1 + argument;
        // Bytes and text of known length are passed over.
        if matches!(kind, 2 | 3) && info < 28 {
            let length = if argument == 0 {
                u64::from(info)
            } else {
                bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
            };
            at = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        }
        values += 1;
        if values > MAX_VALUES {
            return true;
        }
    }
    false
}

/// The body of an error.
pub fn error_body(error: &Error) -> Bytes {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut entries = vec![(text("__type"), text(&error.code)), (text("message"), text(&error.message))];
    entries.extend(error.members.iter().map(|(name, value)| (text(name), of_json(value))));
    encoded(&Value::Map(entries))
}

fn encoded(value: &Value) -> Bytes {
    let mut out = Vec::new();
    // Writing into memory fails for no value of ours: maps and lists have known lengths.
    match ciborium::into_writer(value, &mut out) {
        Ok(()) => out.into(),
        Err(_) => Bytes::new(),
    }
}

fn of_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer.into()),
            None => number.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(of_json).collect()),
        Json::Object(entries) => Value::Map(
            entries.iter().map(|(name, value)| (Value::Text(name.clone()), of_json(value))).collect(),
        ),
    }
}

#[derive(Default)]
struct CborWriter(Building<Value>);

impl CborWriter {
    fn close(&mut self) {
        self.0.close(|open| match open {
            Open::Named { entries, .. } => {
                Value::Map(entries.into_iter().map(|(name, value)| (Value::Text(name), value)).collect())
            }
            Open::Listed(items) => Value::Array(items),
        });
    }
}

impl Writer for CborWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.0.put(Value::Bool(value));
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.0.put(Value::Integer(value.into()));
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        self.0.put(Value::Float(value));
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.0.put(Value::Text(value.to_owned()));
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.0.put(Value::Bytes(value.to_vec()));
    }

    fn timestamp(&mut self, _schema: &'static Schema, value: Timestamp) {
        let seconds = if value.as_millis() % 1000 == 0 {
            Value::Integer(value.as_secs().into())
        } else {
            Value::Float(value.as_secs_f64())
        };
        self.0.put(Value::Tag(EPOCH_TAG, Box::new(seconds)));
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.0.begin_named();
    }

    fn member(&mut self, member: &'static Member) {
        self.0.name_next(member.name);
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.close();
    }

    fn begin_list(&mut self, _schema: &'static Schema, length: usize) {
        self.0.begin_listed(length);
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {}

    fn end_list(&mut self, _schema: &'static Schema) {
        self.close();
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.0.begin_named();
    }

    fn key(&mut self, _schema: &'static Schema, key: &str) {
        self.0.name_next(key);
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.close();
    }
}

/// Reads a shape out of a parsed body.
pub struct CborReader<'a> {
    pub value: &'a Value,
    pub progress: &'a mut Progress,
}

impl CborReader<'_> {
    fn mismatch<T>(&self, wanted: &str) -> Result<T, ReadError> {
        Err(ReadError(match self.value {
            Value::Map(_) => "Start of structure or map found where not expected".to_owned(),
            Value::Array(_) => "Start of list found where not expected".to_owned(),
            Value::Text(_) => format!("STRING_VALUE can not be converted to {wanted}"),
            Value::Integer(_) | Value::Float(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
            Value::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
            Value::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
            Value::Null => format!("NULL_VALUE can not be converted to {wanted}"),
            Value::Bytes(_) => format!("BLOB_VALUE can not be converted to {wanted}"),
            // Tags, and whatever kinds a later version of the parser may tell apart.
            _ => format!("The value can not be converted to {wanted}"),
        }))
    }
}

impl Reader for CborReader<'_> {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => self.mismatch("Boolean"),
        }
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        match self.value {
            Value::Integer(value) => i64::try_from(*value).or_else(|_| self.mismatch("Long")),
            _ => self.mismatch("Integer"),
        }
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        match self.value {
            Value::Float(value) => Ok(*value),
            Value::Integer(value) => as_double(*value).map_or_else(|| self.mismatch("Double"), Ok),
            _ => self.mismatch("Double"),
        }
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        match self.value {
            Value::Text(text) => Ok(text.clone()),
            _ => self.mismatch("String"),
        }
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        match self.value {
            Value::Bytes(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            _ => self.mismatch("Blob"),
        }
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, ReadError> {
        let seconds = match self.value {
            Value::Tag(EPOCH_TAG, seconds) => match seconds.as_ref() {
                Value::Integer(value) => as_double(*value),
                Value::Float(value) => Some(*value),
                _ => None,
            },
            _ => None,
        };
        seconds.and_then(Timestamp::from_secs_f64).map_or_else(|| self.mismatch("Timestamp"), Ok)
    }

    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        let Value::Map(entries) = self.value else { return self.mismatch(schema.name) };
        for (index, member) in schema.members().iter().enumerate() {
            let found = entries.iter().find(|(name, _)| name.as_text() == Some(member.name));
            match found.map(|(_, value)| value) {
                Some(Value::Null) | None if member.required => self.progress.note_missing(member),
                Some(Value::Null) | None => {}
                Some(value) => self.progress.within(Segment::Member(member.name), |progress| {
                    each(index, &mut CborReader { value, progress })
                })?,
            }
        }
        Ok(())
    }

    fn list(&mut self, _schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        let Value::Array(items) = self.value else { return self.mismatch("List") };
        for (index, value) in items.iter().enumerate().filter(|(_, value)| !value.is_null()) {
            self.progress
                .within(Segment::Element(index), |progress| each(&mut CborReader { value, progress }))?;
        }
        Ok(())
    }

    fn map(&mut self, _schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        let Value::Map(entries) = self.value else { return self.mismatch("Map") };
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            let Some(key) = key.as_text() else {
                return Err(ReadError("A map's key must be a string".to_owned()));
            };
            self.progress.within(Segment::Key(key.to_owned()), |progress| {
                each(key.to_owned(), &mut CborReader { value, progress })
            })?;
        }
        Ok(())
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a double holds what a client wrote as an integer nearly enough"
)]
fn as_double(value: ciborium::value::Integer) -> Option<f64> {
    i64::try_from(value).ok().map(|value| value as f64)
}
