//! Requests and answers as the audit record has them.

use serde_json::Value;

use super::json::JsonWriter;
use crate::router::AnyShape;
use crate::shape::{Member, Schema, Writer};
use crate::timestamp::Timestamp;

/// What a record holds of a request, and of an answer: larger ones are left out of it.
/// Source: CloudTrail User Guide, "CloudTrail record contents".
pub const LARGEST_AUDITED_BYTES: usize = 100 * 1024;

/// The JSON value with every sensitive value hidden; null where its text would be too large for a record.
///
/// A batch of log events or the content of a file is given up as soon as that is clear, and costs no more than that.
pub fn audited_value(shape: &dyn AnyShape, schema: &'static Schema) -> Value {
    let mut writer = Audited { writer: JsonWriter::redacting(), left: Some(LARGEST_AUDITED_BYTES) };
    shape.write(schema, &mut writer);
    match writer.left {
        Some(_) => writer.writer.finish(),
        None => Value::Null,
    }
}

struct Audited {
    writer: JsonWriter,
    /// Bytes that the text may still have, names and values alone; none once there were more.
    left: Option<usize>,
}

impl Audited {
    /// The writer, if there is room for that many bytes more.
    fn room_for(&mut self, bytes: usize) -> Option<&mut JsonWriter> {
        self.left = self.left.and_then(|left| left.checked_sub(bytes));
        self.left.map(|_| &mut self.writer)
    }
}

/// A value's shortest text, and a comma or bracket.
const SHORTEST: usize = 2;

macro_rules! passed_on {
    ($($method:ident($($argument:ident: $kind:ty),*) takes $bytes:expr;)*) => {
        impl Writer for Audited {
            $(fn $method(&mut self, $($argument: $kind),*) {
                if let Some(writer) = self.room_for($bytes) {
                    writer.$method($($argument),*);
                }
            })*
        }
    };
}

passed_on! {
    boolean(schema: &'static Schema, value: bool) takes SHORTEST;
    integer(schema: &'static Schema, value: i64) takes SHORTEST;
    double(schema: &'static Schema, value: f64) takes SHORTEST;
    string(schema: &'static Schema, value: &str) takes if schema.sensitive { SHORTEST } else { value.len() + SHORTEST };
    blob(schema: &'static Schema, value: &[u8]) takes if schema.sensitive { SHORTEST } else { value.len() + SHORTEST };
    timestamp(schema: &'static Schema, value: Timestamp) takes SHORTEST;
    begin_structure(schema: &'static Schema) takes 1;
    member(member: &'static Member) takes member.wire.len();
    end_structure(schema: &'static Schema) takes 1;
    begin_list(schema: &'static Schema, length: usize) takes length + 1;
    element(schema: &'static Schema, index: usize) takes 0;
    end_list(schema: &'static Schema) takes 1;
    begin_map(schema: &'static Schema, length: usize) takes length + 1;
    key(schema: &'static Schema, key: &str) takes key.len();
    end_map(schema: &'static Schema) takes 1;
}
