//! What a generated crate imports: the unconstrained scalars and the names that its declarations use.

pub use super::schema::TimestampFormat;
pub use super::{Blob, Kind, Location, Map, Member, Pattern, Schema, XmlNamespace};
pub use crate::operation::{ErrorShape, Protocol, Service, ValidationStyle};
pub use crate::timestamp::Timestamp;

pub static BOOLEAN: Schema = Schema::new("Boolean", Kind::Boolean);
pub static INTEGER: Schema = Schema::new("Integer", Kind::Integer);
pub static LONG: Schema = Schema::new("Long", Kind::Integer);
pub static DOUBLE: Schema = Schema::new("Double", Kind::Double);
pub static STRING: Schema = Schema::new("String", Kind::String);
pub static SENSITIVE_STRING: Schema = Schema::new("String", Kind::String).sensitive();
pub static BLOB: Schema = Schema::new("Blob", Kind::Blob);
pub static TIMESTAMP: Schema = Schema::new("Timestamp", Kind::Timestamp);
