//! XML bodies of the Query protocol (and of restXml): a writer that prints elements as it goes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;

use crate::router::AnyShape;
use crate::shape::schema::TimestampFormat;
use crate::shape::{Kind, Member, Schema, Writer};
use crate::timestamp::Timestamp;

/// The elements of a structure's members, without an element of its own around them.
pub fn members_of(shape: &dyn AnyShape, schema: &'static Schema) -> String {
    let mut writer = XmlWriter::default();
    shape.write(schema, &mut writer);
    writer.out
}

/// Text that may stand in an element. Characters that XML 1.0 cannot hold are replaced.
pub fn text(value: &str) -> String {
    let holdable = |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    if value.chars().all(holdable) {
        escape(value).into_owned()
    } else {
        let replaced: String = value.chars().map(|c| if holdable(c) { c } else { '\u{fffd}' }).collect();
        escape(replaced.as_str()).into_owned()
    }
}

#[derive(Default)]
struct XmlWriter {
    out: String,
    /// The element that the next value opens; none for the outermost structure.
    next: Option<&'static str>,
    /// What each open container has to close.
    open: Vec<Opened>,
}

struct Opened {
    /// `None` for the outermost structure and for flattened containers.
    element: Option<&'static str>,
    /// For a flattened container the name that every item repeats.
    item: &'static str,
    /// A map's entry that waits for the value to be closed.
    in_entry: bool,
}

impl XmlWriter {
    fn leaf(&mut self, value: &str) {
        let name = self.next.take().unwrap_or("Value");
        self.out.push_str(&format!("<{name}>{value}</{name}>"));
        self.close_entry();
    }

    fn open_element(&mut self, flattened: bool, item: &'static str) {
        let name = self.next.take();
        if flattened {
            let item = name.unwrap_or(item);
            self.open.push(Opened { element: None, item, in_entry: false });
            return;
        }
        if let Some(name) = name {
            self.out.push_str(&format!("<{name}>"));
        }
        self.open.push(Opened { element: name, item, in_entry: false });
    }

    fn close_element(&mut self) {
        if let Some(Opened { element: Some(name), .. }) = self.open.pop() {
            self.out.push_str(&format!("</{name}>"));
        }
        self.close_entry();
    }

    /// After an entry's value, the entry itself ends.
    fn close_entry(&mut self) {
        if let Some(opened) = self.open.last_mut() && opened.in_entry {
            opened.in_entry = false;
            let item = opened.item;
            self.out.push_str(&format!("</{item}>"));
        }
    }

    fn item_name(&self) -> &'static str {
        self.open.last().map_or("member", |opened| opened.item)
    }
}

impl Writer for XmlWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.leaf(if value { "true" } else { "false" });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.leaf(&value.to_string());
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        let shown = if value.is_nan() {
            "NaN".to_owned()
        } else if value.is_infinite() {
            if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        } else {
            value.to_string()
        };
        self.leaf(&shown);
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.leaf(&text(value));
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.leaf(&STANDARD.encode(value));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.leaf(&match schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601) {
            TimestampFormat::Iso8601 => value.to_iso8601(),
            TimestampFormat::HttpDate => value.to_http_date(),
            TimestampFormat::EpochSeconds => value.as_secs().to_string(),
        });
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.open_element(false, "");
    }

    fn member(&mut self, member: &'static Member) {
        self.next = Some(member.wire);
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.close_element();
    }

    fn begin_list(&mut self, schema: &'static Schema, _length: usize) {
        let item = match &schema.kind {
            Kind::List { wire, .. } => wire,
            _ => "member",
        };
        self.open_element(schema.flattened, item);
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {
        self.next = Some(self.item_name());
    }

    fn end_list(&mut self, _schema: &'static Schema) {
        self.close_element();
    }

    fn begin_map(&mut self, schema: &'static Schema, _length: usize) {
        self.open_element(schema.flattened, "entry");
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        let item = self.item_name();
        let (key_wire, value_wire) = match &schema.kind {
            Kind::Map { key_wire, value_wire, .. } => (*key_wire, *value_wire),
            _ => ("key", "value"),
        };
        self.out.push_str(&format!("<{item}><{key_wire}>{}</{key_wire}>", text(key)));
        if let Some(opened) = self.open.last_mut() {
            opened.in_entry = true;
        }
        self.next = Some(value_wire);
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.close_element();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::prelude::*;

    crate::structure! { TAG: Tag = Structure "Tag" { key: String = "Key" STRING; value: Option<String> = "Value" STRING; } }
    static TAGS: Schema = Schema::list("Tags", &TAG);
    static FLAT: Schema = Schema::list("Flat", &STRING).flattened();
    static PAIRS: Schema = Schema::map("Pairs", &STRING, &TAG);
    crate::structure! { USER: User = Structure "User" {
        name: Option<String> = "UserName" STRING;
        tags: Option<Vec<Tag>> = "Tags" TAGS;
        flat: Option<Vec<String>> = "Flat" FLAT;
        pairs: Option<Map<Tag>> = "Pairs" PAIRS;
        created: Option<Timestamp> = "CreateDate" TIMESTAMP;
    } }

    #[test]
    fn structures_lists_and_maps_become_elements() {
        let tag = |key: &str| Tag { key: key.to_owned(), value: None };
        let user = User {
            name: Some("a<b>&\u{1}".to_owned()),
            tags: Some(vec![tag("x"), tag("y")]),
            flat: Some(vec!["1".to_owned(), "2".to_owned()]),
            pairs: Some(Map::from([("p".to_owned(), tag("q")), ("r".to_owned(), tag("s"))])),
            created: Some(Timestamp::from_millis(0)),
        };
        assert_eq!(
            members_of(&user, &USER),
            "<UserName>a&lt;b&gt;&amp;\u{fffd}</UserName>\
             <Tags><member><Key>x</Key></member><member><Key>y</Key></member></Tags>\
             <Flat>1</Flat><Flat>2</Flat>\
             <Pairs><entry><key>p</key><value><Key>q</Key></value></entry>\
             <entry><key>r</key><value><Key>s</Key></value></entry></Pairs>\
             <CreateDate>1970-01-01T00:00:00Z</CreateDate>"
        );
    }

    #[test]
    fn an_empty_list_keeps_its_element() {
        let user = User { tags: Some(Vec::new()), ..User::default() };
        assert_eq!(members_of(&user, &USER), "<Tags></Tags>");
    }
}
