//! Shapes of single values.

use serde_json::Value;

use super::{Blob, ReadError, Reader, Schema, Shape, Writer};
use crate::timestamp::Timestamp;

impl Shape for bool {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.boolean(schema, *self);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.boolean(schema)
    }
}

impl Shape for i32 {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.integer(schema, i64::from(*self));
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        let value = reader.integer(schema)?;
        Self::try_from(value)
            .map_err(|_| ReadError(format!("NUMBER_VALUE {value} can not be converted to Integer")))
    }
}

impl Shape for i64 {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.integer(schema, *self);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.integer(schema)
    }
}

impl Shape for f64 {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.double(schema, *self);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.double(schema)
    }
}

impl Shape for String {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.string(schema, self);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.string(schema)
    }
}

impl Shape for Blob {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.blob(schema, &self.0);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.blob(schema).map(Blob)
    }
}

impl Shape for Timestamp {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.timestamp(schema, *self);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        reader.timestamp(schema)
    }
}

/// A document of a model (any JSON) travels as its JSON text.
impl Shape for Value {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.string(schema, &self.to_string());
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        serde_json::from_str(&reader.string(schema)?).map_err(|error| ReadError(error.to_string()))
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(bytes::Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}
