//! The Query protocol: form parameters in, XML out. Source: Smithy, "AWS Query protocol".

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{MAX_DEPTH, MAX_VALUES, Progress, scalar, too_many_values, xml};
use crate::error::Error;
use crate::operation::Service;
use crate::router::AnyShape;
use crate::shape::schema::TimestampFormat;
use crate::shape::{EachElement, EachEntry, EachMember, Kind, ReadError, Reader, Schema, Segment};
use crate::timestamp::Timestamp;

/// One parameter of a form that is not taken apart yet.
pub fn parameter(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Parameters arranged by the dots in their names: `Tags.member.1.Key` is three steps down.
#[derive(Debug, Default)]
pub struct Form {
    value: Option<String>,
    parts: BTreeMap<String, Self>,
}

impl Form {
    /// Errors: a name with more steps than any shape has, or too many names.
    pub fn parse(body: &[u8]) -> Result<Self, ReadError> {
        let mut root = Self::default();
        let mut steps = 0;
        for (name, value) in form_urlencoded::parse(body) {
            let mut at = &mut root;
            for (depth, step) in name.split('.').enumerate() {
                if depth >= MAX_DEPTH {
                    return Err(ReadError(format!("The parameter {name} nests too deeply")));
                }
                steps += 1;
                if steps > MAX_VALUES {
                    return Err(too_many_values());
                }
                at = at.parts.entry(step.to_owned()).or_default();
            }
            at.value = Some(value.into_owned());
        }
        Ok(root)
    }

    /// Sets a parameter that was not given.
    pub fn set_default(&mut self, name: &str, value: impl FnOnce() -> String) {
        self.parts.entry(name.to_owned()).or_insert_with(|| Self { value: Some(value()), ..Self::default() });
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.parts.get(name)?.value.as_deref()
    }

    /// Numbered parts in the order of their numbers; gaps are passed over.
    fn numbered(&self) -> Vec<&Self> {
        let mut parts: Vec<(u32, &Self)> =
            self.parts.iter().filter_map(|(number, part)| Some((number.parse().ok()?, part))).collect();
        parts.sort_by_key(|(number, _)| *number);
        parts.into_iter().map(|(_, part)| part).collect()
    }
}

/// Reads a shape out of a form.
pub struct FormReader<'a> {
    pub form: &'a Form,
    pub progress: &'a mut Progress,
}

impl FormReader<'_> {
    fn text(&self) -> Result<&str, ReadError> {
        match &self.form.value {
            Some(value) => Ok(value),
            None => Err(ReadError("Start of structure or map found where not expected".to_owned())),
        }
    }
}

impl Reader for FormReader<'_> {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        scalar::parse_boolean(self.text()?)
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        scalar::parse_integer(self.text()?)
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        scalar::parse_double(self.text()?)
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        self.text().map(str::to_owned)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        let decoded = STANDARD.decode(self.text()?);
        decoded.map(Bytes::from).map_err(|_| ReadError("Invalid base64 in a binary value".to_owned()))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, ReadError> {
        let format = schema.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        scalar::parse_timestamp(self.text()?, format)
    }

    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        for (index, member) in schema.members().iter().enumerate() {
            match self.form.parts.get(member.form_name()) {
                None if member.required => self.progress.note_missing(member),
                None => {}
                Some(form) => self.progress.within(Segment::Member(member.name), |progress| {
                    each(index, &mut FormReader { form, progress })
                })?,
            }
        }
        Ok(())
    }

    fn list(&mut self, schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        let items = match &schema.kind {
            Kind::List { wire, .. } if !schema.flattened => self.form.parts.get(*wire),
            _ => Some(self.form),
        };
        for (index, form) in items.map(Form::numbered).unwrap_or_default().into_iter().enumerate() {
            self.progress
                .within(Segment::Element(index), |progress| each(&mut FormReader { form, progress }))?;
        }
        Ok(())
    }

    fn map(&mut self, schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        let entries = if schema.flattened { Some(self.form) } else { self.form.parts.get("entry") };
        let (key_wire, value_wire) = schema.entry_wires();
        for entry in entries.map(Form::numbered).unwrap_or_default() {
            let Some(key) = entry.get(key_wire) else {
                return Err(ReadError(format!("A map entry has no {key_wire}")));
            };
            let Some(form) = entry.parts.get(value_wire) else {
                return Err(ReadError(format!("The map entry {key} has no {value_wire}")));
            };
            self.progress.within(Segment::Key(key.to_owned()), |progress| {
                each(key.to_owned(), &mut FormReader { form, progress })
            })?;
        }
        Ok(())
    }
}

/// The body of a successful answer. Never empty: some clients fail on that.
pub fn response(
    service: &Service,
    operation: &str,
    output: &dyn AnyShape,
    schema: &'static Schema,
    request_id: &str,
) -> String {
    let namespace = service.xml_namespace;
    let members = xml::members_of(output, schema);
    let result = if has_result(operation, schema) {
        format!("<{operation}Result>{members}</{operation}Result>")
    } else {
        String::new()
    };
    format!(
        "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    )
}

/// Clients look for the result of an operation whose model has an output, be it an empty one. Where the model has
/// none, the shape is the generator's, which names it after the operation.
pub fn has_result(operation: &str, output: &Schema) -> bool {
    !output.members().is_empty() || output.name != format!("{operation}Output")
}

/// The body of an error; `namespace` is the service's, and empty where that is not known.
pub fn error_document(namespace: &str, error: &Error, request_id: &str) -> String {
    let kind = if error.is_fault() { "Receiver" } else { "Sender" };
    let (code, message) = (xml::text(&error.code), xml::text(&error.message));
    let declared = if namespace.is_empty() { String::new() } else { format!(" xmlns=\"{namespace}\"") };
    let texts = error.members.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let members: String =
        texts.map(|(name, value)| format!("<{name}>{}</{name}>", xml::text(value))).collect();
    format!(
        "<ErrorResponse{declared}><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message>{members}\
         </Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use crate::shape::prelude::*;

    crate::structure! { TAG: Tag = Structure "Tag" { key: String = "Key" STRING required(); value: Option<String> = "Value" STRING; } }
    static TAGS: Schema = Schema::list("Tags", &TAG);
    static PAIRS: Schema = Schema::map("Pairs", &STRING, &INTEGER);
    crate::structure! { CREATE: Create = Structure "Create" {
        name: String = "Name" STRING required();
        tags: Option<Vec<Tag>> = "Tags" TAGS;
        pairs: Option<Map<i64>> = "Pairs" PAIRS;
        force: Option<bool> = "Force" BOOLEAN;
    } }
    static ENTRIES: Schema = Schema::list("Entries", &TAG).flattened().item_name("Entry");
    static ATTRIBUTES: Schema = Schema::new(
        "Attributes",
        Kind::Map { key: &STRING, value: &STRING, key_wire: "Name", value_wire: "Value" },
    )
    .flattened()
    .item_name("Attribute");
    crate::structure! { FLAT: Flat = Structure "Flat" {
        entries: Option<Vec<Tag>> = "Entries" ENTRIES;
        attributes: Option<Map<String>> = "Attributes" ATTRIBUTES;
    } }

    fn read(body: &str) -> (Result<Create, ReadError>, Vec<String>) {
        let form = Form::parse(body.as_bytes()).unwrap();
        let mut progress = Progress::default();
        let created = Create::read(&CREATE, &mut FormReader { form: &form, progress: &mut progress });
        (created, progress.missing.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_form_becomes_a_shape() {
        let body = "Action=Create&Name=a+b&Tags.member.2.Key=y&Tags.member.1.Key=x&Tags.member.1.Value=%26\
                    &Pairs.entry.1.key=n&Pairs.entry.1.value=7&Force=true";
        let (created, missing) = read(body);
        let created = created.unwrap();
        assert_eq!(created.name, "a b");
        let tags = created.tags.unwrap();
        assert_eq!(tags[0], Tag { key: "x".to_owned(), value: Some("&".to_owned()) });
        assert_eq!(tags[1].key, "y");
        assert_eq!(created.pairs.unwrap()["n"], 7);
        assert_eq!(created.force, Some(true));
        assert!(missing.is_empty());
    }

    #[test]
    fn flattened_lists_and_maps_go_by_the_name_of_their_items() {
        let body = "Entry.1.Key=x&Entry.2.Key=y&Attribute.1.Name=n&Attribute.1.Value=v";
        let form = Form::parse(body.as_bytes()).unwrap();
        let flat =
            Flat::read(&FLAT, &mut FormReader { form: &form, progress: &mut Progress::default() }).unwrap();
        assert_eq!(flat.entries.as_ref().map(Vec::len), Some(2));
        assert_eq!(flat.attributes.as_ref().unwrap()["n"], "v");
        assert_eq!(
            xml::members_of(&flat, &FLAT),
            "<Entry><Key>x</Key></Entry><Entry><Key>y</Key></Entry><Attribute><Name>n</Name><Value>v</Value></Attribute>"
        );
    }

    #[test]
    fn missing_members_are_noted_with_their_path() {
        let (_, missing) = read("Tags.member.1.Value=v");
        assert_eq!(missing, ["name", "tags.1.member.key"]);
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert_eq!(read("Name=n&Tags=").0.unwrap().tags, Some(Vec::new()));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(read("Name=n&Force=maybe").0.is_err());
        let deep = "a.".repeat(200);
        assert!(Form::parse(format!("{deep}=1").as_bytes()).is_err());
    }
}
