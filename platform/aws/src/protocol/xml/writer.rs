//! Prints elements as it goes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{attribute_text, text};
use crate::protocol::scalar;
use crate::router::AnyShape;
use crate::shape::schema::{TimestampFormat, XmlNamespace};
use crate::shape::{Kind, Member, Schema, Writer};
use crate::timestamp::Timestamp;

/// The elements of a structure's members, without an element of its own around them.
pub fn members_of(shape: &dyn AnyShape, schema: &'static Schema) -> String {
    let mut writer = XmlWriter::default();
    shape.write(schema, &mut writer);
    writer.finish()
}

/// Writes elements.
#[derive(Default)]
pub struct XmlWriter {
    out: String,
    /// What the next value opens; none for an outermost structure without root.
    next: Option<Next>,
    /// What each open container has to close.
    open: Vec<Opened>,
}

/// How a value is announced.
#[derive(Clone, Copy)]
struct Next {
    name: &'static str,
    namespace: Option<XmlNamespace>,
    attribute: bool,
}

struct Opened {
    /// `None` for an outermost structure without root and for flattened containers.
    element: Option<&'static str>,
    /// The name of a list's items or a map's entries.
    item: &'static str,
    /// A map's entry that waits for the value to be closed.
    in_entry: bool,
    /// Where attributes of the start tag are put in, as a structure may have one after its children.
    tag_end: usize,
}

impl Next {
    fn element(name: &'static str) -> Self {
        Self { name, namespace: None, attribute: false }
    }
}

impl XmlWriter {
    /// A writer whose outermost structure has an element of its own.
    pub fn with_root(name: &'static str, namespace: Option<XmlNamespace>) -> Self {
        Self { next: Some(Next { name, namespace, attribute: false }), ..Self::default() }
    }

    pub fn finish(self) -> String {
        self.out
    }

    /// `value` is escaped already.
    fn leaf(&mut self, value: &str) {
        let next = self.next.take().unwrap_or(Next::element("Value"));
        if next.attribute {
            self.attribute(next.name, value);
            return;
        }
        self.start_tag(next);
        self.out.push_str(value);
        self.end_tag(next.name);
        self.close_entry();
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let Some(opened) = self.open.last_mut() else { return };
        let attribute = format!(" {name}=\"{value}\"");
        self.out.insert_str(opened.tag_end, &attribute);
        opened.tag_end += attribute.len();
    }

    /// Where its attributes end.
    fn start_tag(&mut self, next: Next) -> usize {
        self.out.push('<');
        self.out.push_str(next.name);
        match next.namespace {
            Some(XmlNamespace { prefix: "", uri }) => self.out.push_str(&format!(" xmlns=\"{uri}\"")),
            Some(XmlNamespace { prefix, uri }) => self.out.push_str(&format!(" xmlns:{prefix}=\"{uri}\"")),
            None => {}
        }
        let end = self.out.len();
        self.out.push('>');
        end
    }

    fn end_tag(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn open_container(&mut self, flattened: bool, item: &'static str) {
        let next = self.next.take();
        if flattened {
            let item = next.map_or(item, |next| next.name);
            self.open.push(Opened { element: None, item, in_entry: false, tag_end: self.out.len() });
            return;
        }
        let tag_end = next.map_or(self.out.len(), |next| self.start_tag(next));
        self.open.push(Opened { element: next.map(|next| next.name), item, in_entry: false, tag_end });
    }

    fn close_container(&mut self) {
        if let Some(Opened { element: Some(name), .. }) = self.open.pop() {
            self.end_tag(name);
        }
        self.close_entry();
    }

    /// After an entry's value, the entry itself ends.
    fn close_entry(&mut self) {
        if let Some(opened) = self.open.last_mut()
            && opened.in_entry
        {
            opened.in_entry = false;
            let item = opened.item;
            self.end_tag(item);
        }
    }

    fn item_name(&self) -> &'static str {
        self.open.last().map_or("member", |opened| opened.item)
    }
}

impl Writer for XmlWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.leaf(scalar::boolean(value));
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.leaf(&value.to_string());
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        self.leaf(&scalar::double(value));
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        let escaped =
            if self.next.is_some_and(|next| next.attribute) { attribute_text(value) } else { text(value) };
        self.leaf(&escaped);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.leaf(&STANDARD.encode(value));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.leaf(&scalar::timestamp(value, schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601)));
    }

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.open_container(false, "");
    }

    fn member(&mut self, member: &'static Member) {
        self.next = Some(Next {
            name: member.form_name(),
            namespace: member.xml_namespace,
            attribute: member.xml_attribute,
        });
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.close_container();
    }

    fn begin_list(&mut self, schema: &'static Schema, _length: usize) {
        let item = match &schema.kind {
            Kind::List { wire, .. } => wire,
            _ => "member",
        };
        self.open_container(schema.flattened, item);
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {
        self.next = Some(Next::element(self.item_name()));
    }

    fn end_list(&mut self, _schema: &'static Schema) {
        self.close_container();
    }

    fn begin_map(&mut self, schema: &'static Schema, _length: usize) {
        self.open_container(schema.flattened, "entry");
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        let item = self.item_name();
        let (key_wire, value_wire) = schema.entry_wires();
        self.out.push_str(&format!("<{item}><{key_wire}>{}</{key_wire}>", text(key)));
        if let Some(opened) = self.open.last_mut() {
            opened.in_entry = true;
        }
        self.next = Some(Next::element(value_wire));
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.close_container();
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
