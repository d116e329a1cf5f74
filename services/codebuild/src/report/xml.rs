//! Elements of a document that may be hostile, one at a time.

use std::io::{self, BufRead, Read};

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::{MAX_FILE_BYTES, Refusal};

/// Test suites nest with folders or namespaces, no deeper.
const MAX_DEPTH: usize = 200;
/// Of one tag, with its attributes, or one text: what a failing test has printed may be long.
const MAX_PIECE_BYTES: u64 = 16 << 20;
/// Attributes of one element that are looked at.
const MAX_ATTRIBUTES: usize = 64;

/// Of names, which nobody reads when they are longer.
const MAX_TEXT_CHARS: usize = 1000;

/// A file that ends with an error when it, or one piece of it, is too long.
pub(crate) struct Bounded<'a> {
    inner: &'a mut dyn BufRead,
    total: u64,
    piece: u64,
}

impl<'a> Bounded<'a> {
    pub fn new(inner: &'a mut dyn BufRead) -> Self {
        Self { inner, total: 0, piece: 0 }
    }

    /// The next piece begins.
    pub fn begin(&mut self) {
        self.piece = 0;
    }

    /// How many bytes came already.
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.total > MAX_FILE_BYTES {
            return Err(io::Error::other(format!("the file has more than {MAX_FILE_BYTES} bytes")));
        }
        if self.piece > MAX_PIECE_BYTES {
            return Err(io::Error::other(format!("one tag or text has more than {MAX_PIECE_BYTES} bytes")));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.total += length as u64;
        self.piece += length as u64;
        self.inner.consume(length);
    }
}

/// What comes next in a document.
pub(super) enum Piece {
    Open(Element),
    /// Part of a text; the next part may follow.
    Text(String),
    /// The name of the element that ends.
    Close(String),
}

/// A start tag. Names are without prefixes of namespaces.
#[derive(Debug)]
pub(super) struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A name. It may be copied for each of many cases, so it is cut.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().chars().take(MAX_TEXT_CHARS).collect()
    }

    /// A whole number that is not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }

    /// `line` numbers and the like.
    pub fn line(&self, name: &str) -> Option<u32> {
        self.get(name)?.trim().parse().ok()
    }
}

/// A document whose root is known.
pub(super) struct Document<'a, 'b> {
    reader: quick_xml::Reader<&'a mut Bounded<'b>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<'a, 'b> Document<'a, 'b> {
    /// Reads up to the root, which must have one of these names, and gives it.
    pub fn open(file: &'a mut Bounded<'b>, roots: &[&str]) -> Result<(Self, Element), Refusal> {
        let expected = || format!("expected an XML document whose root is {}", roots.join(" or "));
        let mut reader = quick_xml::Reader::from_reader(file);
        reader.config_mut().expand_empty_elements = true;
        let mut document = Self { reader, buffer: Vec::new(), depth: 0 };
        match document.next()? {
            Some(Piece::Open(root)) if roots.contains(&root.name.as_str()) => Ok((document, root)),
            Some(Piece::Open(root)) => {
                Err(Refusal::new(format!("{}, found {}", expected(), shown(&root.name))))
            }
            Some(Piece::Text(_) | Piece::Close(_)) | None => Err(Refusal::new(expected())),
        }
    }

    /// None at the end of a whole document.
    pub fn next(&mut self) -> Result<Option<Piece>, Refusal> {
        loop {
            self.buffer.clear();
            if self.buffer.capacity() > 1 << 20 {
                self.buffer.shrink_to(1 << 16);
            }
            self.reader.get_mut().begin();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(malformed)?;
            let piece = match event {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(Refusal::new(format!("elements are nested more than {MAX_DEPTH} deep")));
                    }
                    Piece::Open(element(&start)?)
                }
                Event::End(end) => {
                    self.depth -= 1;
                    Piece::Close(end.local_name().as_ref().to_owned())
                }
                Event::Text(text) if self.depth == 0 && text.trim().is_empty() => continue,
                Event::Text(text) => Piece::Text(text.xml_content(XmlVersion::Implicit1_0).into_owned()),
                Event::CData(data) => Piece::Text(data.xml_content(XmlVersion::Implicit1_0).into_owned()),
                Event::GeneralRef(reference) => Piece::Text(match reference.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string(),
                    Ok(None) => match resolve_predefined_entity(&reference) {
                        Some(text) => text.to_owned(),
                        // HTML's entities stray into messages; nothing is looked up.
                        None => format!("&{};", &*reference),
                    },
                    // Control characters of terminals, which XML cannot hold.
                    Err(_) => "\u{fffd}".to_owned(),
                }),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
                Event::DocType(declared) if declared.contains("<!ENTITY") => {
                    return Err(Refusal::new("the document declares entities, which are not read"));
                }
                Event::DocType(_) => continue,
                Event::Eof if self.depth > 0 => {
                    return Err(Refusal::new("the document ends before its elements do"));
                }
                Event::Eof => return Ok(None),
            };
            return Ok(Some(piece));
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Refusal> {
    let mut attributes = Vec::new();
    // Looking for doubles would take a time in the square of their number.
    for attribute in start.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| Refusal::new(format!("malformed XML: {error}")))?;
        let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            Err(_) => attribute.value.as_ref().to_owned(),
        };
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }
    Ok(Element { name: start.local_name().as_ref().to_owned(), attributes })
}

fn malformed(error: quick_xml::Error) -> Refusal {
    match error {
        quick_xml::Error::Io(error) => Refusal::new(error.to_string()),
        quick_xml::Error::Encoding(_) => Refusal::new("the file is not UTF-8"),
        error => Refusal::new(format!("malformed XML: {error}")),
    }
}

fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}
