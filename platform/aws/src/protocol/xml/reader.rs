//! Reads a shape out of elements.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::Element;
use crate::protocol::{Progress, scalar};
use crate::shape::schema::TimestampFormat;
use crate::shape::{EachElement, EachEntry, EachMember, Kind, Member, ReadError, Reader, Schema, Segment};
use crate::timestamp::Timestamp;

/// Reads one value.
pub struct XmlReader<'a> {
    part: Part<'a>,
    progress: &'a mut Progress,
}

/// Where a value stands in a document.
enum Part<'a> {
    Element(&'a Element),
    /// Every item of a flattened list or map, as elements of the same name side by side.
    Items(Vec<&'a Element>),
    Attribute(&'a str),
}

impl<'a> XmlReader<'a> {
    pub fn new(element: &'a Element, progress: &'a mut Progress) -> Self {
        Self { part: Part::Element(element), progress }
    }

    /// The value of one member of a structure; `None` when it is not there.
    pub fn of_member(parent: &'a Element, member: &Member, progress: &'a mut Progress) -> Option<Self> {
        part_of_member(parent, member).map(|part| Self { part, progress })
    }

    fn text(&self) -> Result<&'a str, ReadError> {
        match &self.part {
            Part::Element(element) if element.children.is_empty() => Ok(&element.text),
            Part::Attribute(text) => Ok(text),
            Part::Element(_) | Part::Items(_) => {
                Err(ReadError("Start of structure or map found where not expected".to_owned()))
            }
        }
    }

    fn element(&self) -> Result<&'a Element, ReadError> {
        match &self.part {
            Part::Element(element) => Ok(element),
            Part::Items(_) | Part::Attribute(_) => {
                Err(ReadError("Unexpected text where a structure was expected".to_owned()))
            }
        }
    }

    /// The elements of a list's items or a map's entries.
    fn items(&self, name: &str) -> Result<Vec<&'a Element>, ReadError> {
        match &self.part {
            Part::Items(items) => Ok(items.clone()),
            Part::Element(element) => {
                Ok(element.children.iter().filter(|child| child.name == name).collect())
            }
            Part::Attribute(_) => Err(ReadError("Unexpected text where a list was expected".to_owned())),
        }
    }
}

fn part_of_member<'a>(parent: &'a Element, member: &Member) -> Option<Part<'a>> {
    if member.xml_attribute {
        return parent.attribute(member.wire).map(Part::Attribute);
    }
    if member.schema.flattened {
        let items: Vec<&Element> =
            parent.children.iter().filter(|child| child.name == member.form_name()).collect();
        return (!items.is_empty()).then_some(Part::Items(items));
    }
    parent.child(member.form_name()).map(Part::Element)
}

impl Reader for XmlReader<'_> {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        scalar::parse_boolean(self.text()?.trim())
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        scalar::parse_integer(self.text()?.trim())
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        scalar::parse_double(self.text()?.trim())
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        self.text().map(str::to_owned)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        let decoded = STANDARD.decode(self.text()?.trim());
        decoded.map(Bytes::from).map_err(|_| ReadError("Invalid base64 in a binary value".to_owned()))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, ReadError> {
        let format = schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        scalar::parse_timestamp(self.text()?.trim(), format)
    }

    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        let element = self.element()?;
        for (index, member) in schema.members().iter().enumerate() {
            match part_of_member(element, member) {
                None if member.required => self.progress.note_missing(member),
                None => {}
                Some(part) => self.progress.within(Segment::Member(member.name), |progress| {
                    each(index, &mut XmlReader { part, progress })
                })?,
            }
        }
        Ok(())
    }

    fn list(&mut self, schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        let wire = match &schema.kind {
            Kind::List { wire, .. } => wire,
            _ => "member",
        };
        for (index, item) in self.items(wire)?.into_iter().enumerate() {
            self.progress
                .within(Segment::Element(index), |progress| each(&mut XmlReader::new(item, progress)))?;
        }
        Ok(())
    }

    fn map(&mut self, schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        let (key_wire, value_wire) = schema.entry_wires();
        for entry in self.items("entry")? {
            let key =
                entry.child(key_wire).ok_or_else(|| ReadError(format!("A map entry has no {key_wire}")))?;
            let value = entry
                .child(value_wire)
                .ok_or_else(|| ReadError(format!("The map entry {} has no {value_wire}", key.text)))?;
            self.progress.within(Segment::Key(key.text.clone()), |progress| {
                each(key.text.clone(), &mut XmlReader::new(value, progress))
            })?;
        }
        Ok(())
    }
}
