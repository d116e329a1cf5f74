//! Values as messages print them: the way of the Java objects behind the services.

use super::walk::Walk;
use crate::protocol::tree::{Building, Open};
use crate::router::AnyShape;
use crate::shape::{Member, Path, Schema, Segment, Writer};
use crate::timestamp::Timestamp;

const REDACTED: &str = "***Sensitive Data Redacted***";

/// The containers at the given paths, in their order; empty for a path that is not there.
pub fn at(input: &dyn AnyShape, schema: &'static Schema, paths: &[&Path]) -> Vec<String> {
    let mut printer = Printer {
        wanted: paths,
        printed: vec![String::new(); paths.len()],
        walk: Walk::default(),
        building: Building::default(),
    };
    input.write(schema, &mut printer);
    printer.printed
}

pub fn blob(length: usize) -> String {
    format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
}

struct Printer<'a> {
    wanted: &'a [&'a Path],
    printed: Vec<String>,
    walk: Walk,
    building: Building<String>,
}

impl Printer<'_> {
    fn put(&mut self, schema: &Schema, value: String) {
        self.building.put(if schema.sensitive { REDACTED.to_owned() } else { value });
    }

    fn close(&mut self, schema: &'static Schema, of: impl FnOnce(Open<String>) -> String) {
        self.walk.end();
        let (wanted, printed, path) = (self.wanted, &mut self.printed, &self.walk.path);
        self.building.close(|open| {
            let text = if schema.sensitive { REDACTED.to_owned() } else { of(open) };
            for (slot, _) in printed.iter_mut().zip(wanted).filter(|(_, wanted)| **wanted == path) {
                slot.clone_from(&text);
            }
            text
        });
    }
}

impl Writer for Printer<'_> {
    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        self.put(schema, value.to_string());
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.put(schema, value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.put(schema, format!("{value:?}"));
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.put(schema, value.to_owned());
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.put(schema, blob(value.len()));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(schema, value.format("%a %b %d %H:%M:%S UTC %Y"));
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.walk.begin();
        self.building.begin_named();
    }

    fn member(&mut self, member: &'static Member) {
        self.walk.enter(Segment::Member(member.name));
        self.building.name_next(member.name);
    }

    /// `Tag(key=a, value=null)`: what is absent is told too.
    fn end_structure(&mut self, schema: &'static Schema) {
        self.close(schema, |open| {
            let entries = match open {
                Open::Named { entries, .. } => entries,
                Open::Listed(_) => Vec::new(),
            };
            let value = |member: &Member| {
                let entry = entries.iter().find(|(name, _)| name == member.name);
                format!("{}={}", member.name, entry.map_or("null", |(_, value)| value))
            };
            let members: Vec<String> = schema.members().iter().map(value).collect();
            format!("{}({})", schema.name, members.join(", "))
        });
    }

    fn begin_list(&mut self, _schema: &'static Schema, length: usize) {
        self.walk.begin();
        self.building.begin_listed(length);
    }

    fn element(&mut self, _schema: &'static Schema, index: usize) {
        self.walk.enter(Segment::Element(index));
    }

    fn end_list(&mut self, schema: &'static Schema) {
        self.close(schema, |open| match open {
            Open::Listed(items) => format!("[{}]", items.join(", ")),
            Open::Named { .. } => String::new(),
        });
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.walk.begin();
        self.building.begin_named();
    }

    fn key(&mut self, _schema: &'static Schema, key: &str) {
        self.walk.enter(Segment::Key(key.to_owned()));
        self.building.name_next(key);
    }

    fn end_map(&mut self, schema: &'static Schema) {
        self.close(schema, |open| match open {
            Open::Named { entries, .. } => {
                let entries: Vec<String> =
                    entries.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Open::Listed(_) => String::new(),
        });
    }
}
