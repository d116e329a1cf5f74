//! The specification of a gem in the format of Ruby's `Marshal`, version 4.8, as `gem` reads it. Only what that needs is
//! written. Source: Ruby documentation, "Marshal Format"; RubyGems, `Gem::Specification#_dump`.

use std::collections::BTreeMap;

use crate::records::{Gem, GemDependency, Requirement};

const HEADER: [u8; 2] = [4, 8];
/// `Gem::Specification::CURRENT_SPECIFICATION_VERSION`.
const SPECIFICATION_VERSION: usize = 4;

/// A whole document.
pub fn specification(gem: &Gem) -> Vec<u8> {
    let mut fields = Writer::new();
    fields.byte(b'[');
    fields.number(19);
    fields.text("3.0.0");
    fields.byte(b'i');
    fields.number(SPECIFICATION_VERSION);
    fields.text(&gem.name);
    fields.version(&gem.number);
    // When it was made is not known.
    fields.byte(b'0');
    fields.optional(gem.summary.as_deref());
    fields.requirement(&gem.ruby);
    fields.requirement(&gem.rubygems);
    fields.text(&gem.platform);
    fields.dependencies(&gem.dependencies);
    // Of RubyForge, and an address, which nobody needs.
    fields.text("");
    fields.byte(b'0');
    fields.texts(&gem.authors);
    fields.optional(gem.description.as_deref());
    fields.optional(gem.homepage.as_deref());
    fields.byte(b'T');
    fields.text(&gem.platform);
    fields.texts(&gem.licenses);
    fields.map(&gem.metadata);
    let mut whole = Writer::new();
    whole.byte(b'u');
    whole.symbol("Gem::Specification");
    whole.bytes(&fields.out);
    whole.out
}

struct Writer {
    out: Vec<u8>,
    /// A symbol that was written is referred to by its number.
    symbols: Vec<&'static str>,
}

impl Writer {
    fn new() -> Self {
        Self { out: HEADER.to_vec(), symbols: Vec::new() }
    }

    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Small ones in one byte, others behind their length.
    fn number(&mut self, number: usize) {
        match u8::try_from(number) {
            Ok(0) => self.byte(0),
            Ok(small @ 1..=122) => self.byte(small + 5),
            _ => {
                let bytes = number.to_le_bytes();
                let length = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
                self.byte(u8::try_from(length).unwrap_or(4));
                self.out.extend(bytes.iter().take(length));
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    fn symbol(&mut self, name: &'static str) {
        if let Some(number) = self.symbols.iter().position(|known| *known == name) {
            self.byte(b';');
            self.number(number);
            return;
        }
        self.symbols.push(name);
        self.byte(b':');
        self.bytes(name.as_bytes());
    }

    /// In UTF-8, which is said by the instance variable `E`.
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(b"I\"");
        self.bytes(text.as_bytes());
        self.number(1);
        self.symbol("E");
        self.byte(b'T');
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.byte(b'0'),
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.byte(b'[');
        self.number(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn map(&mut self, entries: &BTreeMap<String, String>) {
        self.byte(b'{');
        self.number(entries.len());
        for (key, value) in entries {
            self.text(key);
            self.text(value);
        }
    }

    fn version(&mut self, version: &str) {
        self.byte(b'U');
        self.symbol("Gem::Version");
        self.byte(b'[');
        self.number(1);
        self.text(version);
    }

    fn requirement(&mut self, requirement: &Requirement) {
        let any = [(">=".to_owned(), "0".to_owned())];
        let all: &[(String, String)] = if requirement.is_empty() { &any } else { requirement };
        self.byte(b'U');
        self.symbol("Gem::Requirement");
        self.byte(b'[');
        self.number(1);
        self.byte(b'[');
        self.number(all.len());
        for (operator, version) in all {
            self.byte(b'[');
            self.number(2);
            self.text(operator);
            self.version(version);
        }
    }

    fn dependencies(&mut self, dependencies: &[GemDependency]) {
        self.byte(b'[');
        self.number(dependencies.len());
        for GemDependency { name, is_development, requirement } in dependencies {
            self.byte(b'o');
            self.symbol("Gem::Dependency");
            self.number(5);
            self.symbol("@name");
            self.text(name);
            self.symbol("@requirement");
            self.requirement(requirement);
            self.symbol("@type");
            self.symbol(if *is_development { "development" } else { "runtime" });
            self.symbol("@prerelease");
            self.byte(b'F');
            self.symbol("@version_requirements");
            self.requirement(requirement);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_written_as_ruby_writes_them() {
        // As `Marshal.dump` answers for each.
        for (number, expected) in [
            (0, &b"\x00"[..]),
            (1, b"\x06"),
            (122, b"\x7f"),
            (123, b"\x01\x7b"),
            (255, b"\x01\xff"),
            (256, b"\x02\x00\x01"),
        ] {
            let mut writer = Writer::new();
            writer.number(number);
            assert_eq!(&writer.out[2..], expected, "{number}");
        }
        let mut writer = Writer::new();
        writer.texts(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(writer.out, b"\x04\x08[\x07I\"\x06a\x06:\x06ETI\"\x06b\x06;\x00T");
    }
}
