//! A parsed document.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::protocol::{MAX_DEPTH, MAX_VALUES, too_many_values};
use crate::shape::ReadError;

/// An element with what is inside of it. Text between child elements is joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Without the prefix of its namespace.
    pub name: String,
    /// With their prefixes; declarations of namespaces are left out.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Self>,
    pub text: String,
}

impl Element {
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Parses a document into its root. Nothing outside the document is ever read: entities that it declares
/// itself are refused.
pub fn parse(body: &[u8]) -> Result<Element, ReadError> {
    let malformed = || ReadError("The XML you provided was not well-formed".to_owned());
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let mut reader = quick_xml::Reader::from_str(text);
    // The outermost holds the root.
    let mut open = vec![Element::default()];
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        let Some(current) = open.last_mut() else { return Err(malformed()) };
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            elements += 1;
            if elements > MAX_VALUES {
                return Err(too_many_values());
            }
        }
        match event {
            Event::Start(start) => {
                let element = opened(&start).ok_or_else(malformed)?;
                if open.len() > MAX_DEPTH {
                    return Err(ReadError("The XML nests too deeply".to_owned()));
                }
                open.push(element);
            }
            Event::Empty(start) => current.children.push(opened(&start).ok_or_else(malformed)?),
            Event::End(_) => {
                let ended = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(ended);
            }
            Event::Text(text) => current.text.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(data) => current.text.push_str(&data.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => current.text.push(c),
                Ok(None) => {
                    current.text.push_str(resolve_predefined_entity(&reference).ok_or_else(malformed)?);
                }
                Err(_) => return Err(malformed()),
            },
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(malformed()),
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(mut document), true) if document.children.len() == 1 && document.text.trim().is_empty() => {
            document.children.pop().ok_or_else(malformed)
        }
        _ => Err(malformed()),
    }
}

/// An element of its start tag.
fn opened(start: &BytesStart<'_>) -> Option<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let name: &str = attribute.key.as_ref();
        if name != "xmlns" && !name.starts_with("xmlns:") {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            attributes.push((name.to_owned(), value.into_owned()));
        }
    }
    Some(Element { name: start.local_name().as_ref().to_owned(), attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_a_tree() {
        let body = "<?xml version=\"1.0\"?>\n<!-- who -->\n<a:Root xmlns:a=\"urn:a\" a:type=\"x&amp;y\">\n \
                    <Name>a &lt;b&gt; &#xD;<![CDATA[<&>]]></Name><Empty/>\n</a:Root>\n";
        let root = parse(body.as_bytes()).unwrap();
        assert_eq!(root.name, "Root");
        assert_eq!(root.attribute("a:type"), Some("x&y"));
        assert_eq!(root.child("Name").unwrap().text, "a <b> \r<&>");
        assert_eq!(root.child("Empty").unwrap().text, "");
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let deep = "<a>".repeat(1000);
        for body in
            ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&nope;</a>", "<a>&#x0;</a>", "<a b></a>", &deep]
        {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
        let entity = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>";
        assert!(parse(entity.as_bytes()).is_err());
    }
}
