//! Members in headers, query strings and paths: values as text.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::protocol::{Progress, scalar};
use crate::shape::schema::TimestampFormat;
use crate::shape::{
    EachElement, EachEntry, EachMember, Kind, Member, ReadError, Reader, Schema, Segment, Writer,
};
use crate::timestamp::Timestamp;

/// Where the text stands: headers have a form of timestamps and of lists that is their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    Header,
    #[default]
    Uri,
}

impl Place {
    fn timestamp_format(self, schema: &Schema) -> TimestampFormat {
        let usual = match self {
            Self::Header => TimestampFormat::HttpDate,
            Self::Uri => TimestampFormat::Iso8601,
        };
        schema.timestamp_format.unwrap_or(usual)
    }
}

/// Collects the text of one member: a value, a list of values, or a map of either.
#[derive(Debug, Default)]
pub struct TextWriter {
    pub place: Place,
    pub values: Vec<String>,
    /// In the map's order.
    pub entries: Vec<(String, Vec<String>)>,
    in_map: bool,
    in_list: bool,
}

impl TextWriter {
    pub fn new(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    fn put(&mut self, value: String) {
        match self.entries.last_mut() {
            Some((_, values)) if self.in_map => values.push(value),
            Some(_) | None => self.values.push(value),
        }
    }
}

impl Writer for TextWriter {
    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.put(scalar::boolean(value).to_owned());
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.put(value.to_string());
    }

    fn double(&mut self, _schema: &'static Schema, value: f64) {
        self.put(scalar::double(value));
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        let in_header_list = self.in_list && self.place == Place::Header;
        self.put(if in_header_list { quoted(value) } else { value.to_owned() });
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.put(STANDARD.encode(value));
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(scalar::timestamp(value, self.place.timestamp_format(schema)));
    }

    // No model binds a structure to text.
    fn begin_structure(&mut self, _schema: &'static Schema) {}
    fn member(&mut self, _member: &'static Member) {}
    fn end_structure(&mut self, _schema: &'static Schema) {}

    fn begin_list(&mut self, _schema: &'static Schema, _length: usize) {
        self.in_list = true;
    }

    fn element(&mut self, _schema: &'static Schema, _index: usize) {}

    fn end_list(&mut self, _schema: &'static Schema) {
        self.in_list = false;
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.in_map = true;
    }

    fn key(&mut self, _schema: &'static Schema, key: &str) {
        self.entries.push((key.to_owned(), Vec::new()));
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.in_map = false;
    }
}

/// An element of a header's list: in quotes where its comma or quote would end it.
fn quoted(value: &str) -> String {
    if value.contains([',', '"']) {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        value.to_owned()
    }
}

/// The text found for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    Values(Vec<String>),
    Entries(BTreeMap<String, Vec<String>>),
}

impl Text {
    /// The lines of one header, taken apart where the member is a list.
    pub fn of_header(lines: Vec<&str>, schema: &'static Schema) -> Self {
        let Kind::List { element, .. } = &schema.kind else {
            return Self::Values(vec![lines.join(",")]);
        };
        let dates = matches!(element.kind, Kind::Timestamp)
            && Place::Header.timestamp_format(element) == TimestampFormat::HttpDate;
        let split = if dates { split_dates } else { split_list };
        Self::Values(lines.into_iter().flat_map(split).collect())
    }
}

/// `a, "b, c"` in its elements.
fn split_list(line: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut element = String::new();
    let (mut in_quotes, mut was_quoted) = (false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_quotes => element.extend(chars.next()),
            '"' if in_quotes => in_quotes = false,
            '"' if element.trim().is_empty() && !was_quoted => {
                element.clear();
                (in_quotes, was_quoted) = (true, true);
            }
            ',' if !in_quotes => {
                elements.push(finished(&mut element, was_quoted));
                was_quoted = false;
            }
            _ if was_quoted && !in_quotes => {} // Blanks between the quote and the comma.
            _ => element.push(c),
        }
    }
    if !elements.is_empty() || was_quoted || !element.trim().is_empty() {
        elements.push(finished(&mut element, was_quoted));
    }
    elements
}

fn finished(element: &mut String, was_quoted: bool) -> String {
    let text = std::mem::take(element);
    if was_quoted { text } else { text.trim().to_owned() }
}

/// Dates have a comma of their own: `Mon, 16 Dec 2019 23:48:18 GMT, Mon, …`.
fn split_dates(line: &str) -> Vec<String> {
    let parts: Vec<&str> = line.split(',').map(str::trim).collect();
    parts.chunks(2).map(|pair| pair.join(", ")).collect()
}

/// Reads one member out of its text.
pub struct TextReader<'a> {
    pub text: &'a Text,
    pub place: Place,
    pub progress: &'a mut Progress,
}

impl TextReader<'_> {
    fn value(&self) -> Result<&str, ReadError> {
        match self.text {
            Text::Values(values) => Ok(values.first().map_or("", String::as_str)),
            Text::Entries(_) => Err(ReadError("A map was found where a value was expected".to_owned())),
        }
    }
}

impl Reader for TextReader<'_> {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        scalar::parse_boolean(self.value()?)
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        scalar::parse_integer(self.value()?)
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        scalar::parse_double(self.value()?)
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, ReadError> {
        self.value().map(str::to_owned)
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        let decoded = STANDARD.decode(self.value()?);
        decoded.map(Bytes::from).map_err(|_| ReadError("Invalid base64 in a binary value".to_owned()))
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, ReadError> {
        scalar::parse_timestamp(self.value()?, self.place.timestamp_format(schema))
    }

    fn structure(&mut self, schema: &'static Schema, _each: EachMember<'_>) -> Result<(), ReadError> {
        Err(ReadError(format!("{} cannot be read from text", schema.name)))
    }

    fn list(&mut self, _schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        let Text::Values(values) = self.text else {
            return Err(ReadError("A map was found where a list was expected".to_owned()));
        };
        let place = self.place;
        for (index, value) in values.iter().enumerate() {
            let text = Text::Values(vec![value.clone()]);
            self.progress.within(Segment::Element(index), |progress| {
                each(&mut TextReader { text: &text, place, progress })
            })?;
        }
        Ok(())
    }

    fn map(&mut self, _schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        let Text::Entries(entries) = self.text else {
            return Err(ReadError("A value was found where a map was expected".to_owned()));
        };
        let place = self.place;
        for (key, values) in entries {
            let text = Text::Values(values.clone());
            self.progress.within(Segment::Key(key.clone()), |progress| {
                each(key.clone(), &mut TextReader { text: &text, place, progress })
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lists_are_taken_apart_as_they_were_joined() {
        assert_eq!(split_list("a, b,c"), ["a", "b", "c"]);
        assert_eq!(split_list(r#""b,c", "\"def\"", a"#), ["b,c", "\"def\"", "a"]);
        assert_eq!(split_list(""), [""; 0]);
        assert_eq!(split_list("a,"), ["a", ""]);
        for value in ["plain", "a,b", "q\"q", "\\,\""] {
            assert_eq!(split_list(&quoted(value)), [value], "{value}");
        }
        let two = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(split_dates(two), ["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"]);
    }
}
