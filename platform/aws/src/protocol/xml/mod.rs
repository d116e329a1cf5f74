//! XML bodies of the Query protocol and of restXml. Source: Smithy, "XML binding traits".

mod element;
mod reader;
mod writer;

pub use element::{Element, parse};
pub use reader::XmlReader;
pub use writer::{XmlWriter, members_of};

/// Text that may stand in an element. Characters that XML 1.0 cannot hold are replaced; line ends other than
/// `\n` are escaped, as a parser would make that of them.
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\u{85}' => out.push_str("&#x85;"),
            '\u{2028}' => out.push_str("&#x2028;"),
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            _ => out.push(c),
        }
    }
    out
}

/// Text that may stand in an attribute: white space is escaped too, as a parser would make blanks of it.
fn attribute_text(value: &str) -> String {
    text(value).replace('\n', "&#xA;").replace('\t', "&#x9;")
}
