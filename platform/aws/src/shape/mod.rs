//! Shapes: the typed inputs and outputs of every operation, each with a static [`Schema`] that codecs and
//! validation walk. Generated crates declare them with [`structure!`](crate::structure) and
//! [`string_enum!`](crate::string_enum); a codec is one [`Writer`] and one [`Reader`] for all shapes.

mod macros;
pub mod path;
pub mod prelude;
mod scalars;
pub mod schema;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::timestamp::Timestamp;
pub use path::{Path, Segment};
pub use schema::{Kind, Location, Member, Pattern, Schema, XmlNamespace};

/// A map of a model; ordered, so that what we write is the same every time.
pub type Map<V> = BTreeMap<String, V>;

/// Bytes of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

/// A value with a place in a model. The schema is passed in, as constraints and wire names belong to the
/// place (a list of tags), not to the Rust type (`Vec<Tag>`).
pub trait Shape: Sized {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer);
    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError>;

    /// True for `None`: such a member is not written at all.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Receives a shape, part by part. Containers are closed by their `end_` call; a member, element or key is
/// announced before its value.
pub trait Writer {
    fn boolean(&mut self, schema: &'static Schema, value: bool);
    fn integer(&mut self, schema: &'static Schema, value: i64);
    fn double(&mut self, schema: &'static Schema, value: f64);
    fn string(&mut self, schema: &'static Schema, value: &str);
    fn blob(&mut self, schema: &'static Schema, value: &[u8]);
    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp);
    fn begin_structure(&mut self, schema: &'static Schema);
    fn member(&mut self, member: &'static Member);
    fn end_structure(&mut self, schema: &'static Schema);
    fn begin_list(&mut self, schema: &'static Schema, length: usize);
    /// `index` counts from 0.
    fn element(&mut self, schema: &'static Schema, index: usize);
    fn end_list(&mut self, schema: &'static Schema);
    fn begin_map(&mut self, schema: &'static Schema, length: usize);
    fn key(&mut self, schema: &'static Schema, key: &str);
    fn end_map(&mut self, schema: &'static Schema);
}

/// Gives a shape, part by part. Unknown members are passed over, an explicit null counts as absent.
pub trait Reader {
    fn boolean(&mut self, schema: &'static Schema) -> Result<bool, ReadError>;
    fn integer(&mut self, schema: &'static Schema) -> Result<i64, ReadError>;
    fn double(&mut self, schema: &'static Schema) -> Result<f64, ReadError>;
    fn string(&mut self, schema: &'static Schema) -> Result<String, ReadError>;
    fn blob(&mut self, schema: &'static Schema) -> Result<Bytes, ReadError>;
    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, ReadError>;
    /// Calls `each` with the index of every member that is present; notes required members that are not.
    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError>;
    fn list(&mut self, schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError>;
    fn map(&mut self, schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError>;
}

pub type EachMember<'a> = &'a mut dyn FnMut(usize, &mut dyn Reader) -> Result<(), ReadError>;
pub type EachElement<'a> = &'a mut dyn FnMut(&mut dyn Reader) -> Result<(), ReadError>;
pub type EachEntry<'a> = &'a mut dyn FnMut(String, &mut dyn Reader) -> Result<(), ReadError>;

/// A body whose form does not fit the shape: wrong JSON type, unreadable number.
/// Answered as `SerializationException` or the protocol's like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

impl<T: Shape> Shape for Option<T> {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        if let Some(value) = self {
            value.write(schema, writer);
        }
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        T::read(schema, reader).map(Some)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Shape> Shape for Box<T> {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        (**self).write(schema, writer);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        T::read(schema, reader).map(Box::new)
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.begin_list(schema, self.len());
        for (index, item) in self.iter().enumerate() {
            writer.element(schema, index);
            item.write(schema.element(), writer);
        }
        writer.end_list(schema);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        let mut items = Self::new();
        reader.list(schema, &mut |element| {
            items.push(T::read(schema.element(), element)?);
            Ok(())
        })?;
        Ok(items)
    }
}

impl<T: Shape> Shape for Map<T> {
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.begin_map(schema, self.len());
        for (key, value) in self {
            writer.key(schema, key);
            value.write(schema.element(), writer);
        }
        writer.end_map(schema);
    }

    fn read(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, ReadError> {
        let mut entries = Self::new();
        reader.map(schema, &mut |key, value| {
            entries.insert(key, T::read(schema.element(), value)?);
            Ok(())
        })?;
        Ok(entries)
    }
}
