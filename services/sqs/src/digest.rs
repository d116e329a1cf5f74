//! The MD5 digests by which clients check that a message arrived whole.
//! Source: SQS Developer Guide, "Calculating the MD5 message digest for message attributes".

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use crate::records::Attribute;

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// Of a body, in hexadecimal.
pub fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// Of attributes, by name. `None` without any.
pub fn of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Attribute)>,
) -> Option<String> {
    let sorted: BTreeMap<&String, &Attribute> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    let mut add = |bytes: &[u8], kind: Option<u8>| {
        if let Some(kind) = kind {
            digest.update([kind]);
        }
        // No message is longer than a few MiB.
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in sorted {
        add(name.as_bytes(), None);
        add(attribute.data_type.as_bytes(), None);
        let kind = if attribute.is_binary() { BINARY } else { TEXT };
        add(&attribute.bytes(), Some(kind));
    }
    Some(hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_clients_compute() {
        assert_eq!(of_body("This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        let attribute = |data_type: &str, value: &str| Attribute {
            data_type: data_type.to_owned(),
            value: value.to_owned(),
        };
        let mut attributes = BTreeMap::new();
        assert_eq!(of_attributes(&attributes), None);
        attributes.insert("number".to_owned(), attribute("Number", "1"));
        attributes.insert("binary".to_owned(), attribute("Binary", "AQI="));
        // Computed with another program.
        assert_eq!(of_attributes(&attributes).unwrap(), "5d072626543552525255cf5afd4f9503");
    }
}
