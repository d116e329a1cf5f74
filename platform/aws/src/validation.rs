//! Constraints of the model, checked for every call and worded as AWS words them.
//!
//! The check walks a shape as a [`Writer`], so that calls in process pass it too. Required members that are
//! missing are noted by the reader, as the Rust type cannot say it. Source: recorded answers of the services,
//! summed up in `docs/wire.md`.

use crate::error::Error;
use crate::operation::{OperationModel, Service};
use crate::router::AnyShape;
use crate::shape::{Kind, Member, Path, Schema, Segment, Writer};
use crate::timestamp::Timestamp;

/// Longer values are cut in messages.
const SHOWN_VALUE_LENGTH: usize = 256;
/// AWS lists every violation; a hostile input must not make a message without end.
const LISTED_VIOLATIONS: usize = 20;

/// Errors: the service's validation error with all violations.
pub fn check(
    service: &Service,
    model: &OperationModel,
    input: &dyn AnyShape,
    missing: &[Path],
) -> Result<(), Error> {
    let mut validator = Validator::new(service.validation.shows_values, missing);
    input.write(model.input, &mut validator);
    if validator.violations.is_empty() {
        return Ok(());
    }
    Err(Error::new(service.validation.code, message(&validator.violations)))
}

fn message(violations: &[String]) -> String {
    let count = violations.len();
    let noun = if count == 1 { "error" } else { "errors" };
    let listed = violations.iter().take(LISTED_VIOLATIONS).cloned().collect::<Vec<_>>().join("; ");
    format!("{count} validation {noun} detected: {listed}")
}

struct Validator<'a> {
    shows_values: bool,
    missing: &'a [Path],
    path: Path,
    /// How many segments each open container pushed last; popped when the next part begins.
    open: Vec<bool>,
    violations: Vec<String>,
}

impl<'a> Validator<'a> {
    fn new(shows_values: bool, missing: &'a [Path]) -> Self {
        let mut validator =
            Self { shows_values, missing, path: Path::default(), open: Vec::new(), violations: Vec::new() };
        for path in missing {
            let value = if shows_values { "Value null" } else { "Value" };
            validator
                .violations
                .push(format!("{value} at '{path}' failed to satisfy constraint: Member must not be null"));
        }
        validator
    }

    /// A missing member was filled with an empty value: that one violation is told already.
    fn is_missing(&self) -> bool {
        self.missing.iter().any(|missing| self.path.starts_with(missing))
    }

    fn violate(&mut self, schema: &Schema, value: &str, constraint: &str) {
        if self.is_missing() {
            return;
        }
        let shown = if self.shows_values && !schema.sensitive {
            let cut: String = value.chars().take(SHOWN_VALUE_LENGTH).collect();
            format!("Value '{cut}'")
        } else {
            "Value".to_owned()
        };
        let path = &self.path;
        self.violations.push(format!("{shown} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    fn check_length(&mut self, schema: &Schema, value: &str, length: usize) {
        for text in length_violations(schema, length) {
            self.violate(schema, value, &text);
        }
    }

    fn check_number(&mut self, schema: &Schema, value: f64, text: &str) {
        #[allow(clippy::cast_precision_loss, reason = "bounds of models are small")]
        let (low, high) = (schema.min.map(|min| min as f64), schema.max.map(|max| max as f64));
        if let (Some(low), Some(min)) = (low, schema.min)
            && value < low
        {
            self.violate(schema, text, &format!("Member must have value greater than or equal to {min}"));
        }
        if let (Some(high), Some(max)) = (high, schema.max)
            && value > high
        {
            self.violate(schema, text, &format!("Member must have value less than or equal to {max}"));
        }
    }

    /// Enters a part of the innermost container, leaving the part before.
    fn enter(&mut self, segment: Segment) {
        if self.open.last() == Some(&true) {
            self.path.pop();
        }
        if let Some(entered) = self.open.last_mut() {
            *entered = true;
        }
        self.path.push(segment);
    }

    fn begin(&mut self) {
        self.open.push(false);
    }

    fn end(&mut self) {
        if self.open.pop() == Some(true) {
            self.path.pop();
        }
    }
}

fn length_violations(schema: &Schema, length: usize) -> Vec<String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let mut texts = Vec::new();
    if let Some(max) = schema.max
        && length > max
    {
        texts.push(format!("Member must have length less than or equal to {max}"));
    }
    if let Some(min) = schema.min
        && length < min
    {
        texts.push(format!("Member must have length greater than or equal to {min}"));
    }
    texts
}

/// What a single string violates.
fn string_violations(schema: &Schema, value: &str) -> Vec<String> {
    let mut texts = length_violations(schema, value.chars().count());
    if let Some(pattern) = &schema.pattern
        && !pattern.matches(value)
    {
        texts.push(format!("Member must satisfy regular expression pattern: {}", pattern.source));
    }
    if let Kind::Enum(values) = &schema.kind
        && !values.contains(&value)
    {
        texts.push(format!("Member must satisfy enum value set: [{}]", values.join(", ")));
    }
    texts
}

/// All constraints of a shape: a violated map key is answered with the whole list.
fn all_constraints(schema: &Schema) -> String {
    let mut texts = Vec::new();
    if let Some(max) = schema.max {
        texts.push(format!("Member must have length less than or equal to {max}"));
    }
    if let Some(min) = schema.min {
        texts.push(format!("Member must have length greater than or equal to {min}"));
    }
    if let Some(pattern) = &schema.pattern {
        texts.push(format!("Member must satisfy regular expression pattern: {}", pattern.source));
    }
    if let Kind::Enum(values) = &schema.kind {
        texts.push(format!("Member must satisfy enum value set: [{}]", values.join(", ")));
    }
    texts.join(", ")
}

impl Writer for Validator<'_> {
    fn boolean(&mut self, _schema: &'static Schema, _value: bool) {}

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        #[allow(clippy::cast_precision_loss, reason = "bounds of models are small")]
        self.check_number(schema, value as f64, &value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.check_number(schema, value, &value.to_string());
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        let texts = string_violations(schema, value);
        if texts.is_empty() {
            return;
        }
        match self.path.0.last() {
            // The service tells of elements and entries by the list's or map's own path.
            Some(Segment::Element(_)) => {
                let constraints = all_constraints(schema);
                let index = self.path.0.pop();
                let shown = format!("[{value}]");
                self.violate(schema, &shown, &format!("Member must satisfy constraint: [{constraints}]"));
                self.path.0.extend(index);
            }
            Some(Segment::Key(key)) => {
                let constraints = all_constraints(schema);
                let shown = format!("{{{key}={value}}}");
                let key = self.path.0.pop();
                self.violate(schema, &shown, &format!("Map value must satisfy constraint: [{constraints}]"));
                self.path.0.extend(key);
            }
            Some(Segment::Member(_)) | None => {
                for text in texts {
                    self.violate(schema, value, &text);
                }
            }
        }
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.check_length(schema, "java.nio.HeapByteBuffer", value.len());
    }

    fn timestamp(&mut self, _schema: &'static Schema, _value: Timestamp) {}

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.begin();
    }

    fn member(&mut self, member: &'static Member) {
        self.enter(Segment::Member(member.name));
    }

    fn end_structure(&mut self, _schema: &'static Schema) {
        self.end();
    }

    fn begin_list(&mut self, schema: &'static Schema, length: usize) {
        self.check_length(schema, "[…]", length);
        self.begin();
    }

    fn element(&mut self, _schema: &'static Schema, index: usize) {
        self.enter(Segment::Element(index));
    }

    fn end_list(&mut self, _schema: &'static Schema) {
        self.end();
    }

    fn begin_map(&mut self, schema: &'static Schema, length: usize) {
        self.check_length(schema, "{…}", length);
        self.begin();
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        if let Kind::Map { key: key_schema, .. } = &schema.kind
            && !string_violations(key_schema, key).is_empty()
        {
            if self.open.last() == Some(&true) {
                self.path.pop();
                if let Some(entered) = self.open.last_mut() {
                    *entered = false;
                }
            }
            let constraints = all_constraints(key_schema);
            self.violate(
                schema,
                &format!("{{{key}=…}}"),
                &format!("Map keys must satisfy constraint: [{constraints}]"),
            );
        }
        self.enter(Segment::Key(key.to_owned()));
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Operation, Protocol, ValidationStyle};
    use crate::shape::prelude::*;

    static NAME_PATTERN: Pattern = Pattern::new("[a-z]*");
    static NAME: Schema = Schema::string("Name").min(1).max(5).pattern(&NAME_PATTERN);
    static NAMES: Schema = Schema::list("Names", &NAME).max(2);
    static SETTINGS: Schema = Schema::map("Settings", &NAME, &NAME);
    static COUNT: Schema = Schema::new("Count", Kind::Integer).min(1).max(9);
    crate::string_enum! { COLOUR: Colour = "Colour" { Red = "RED", Blue = "BLUE", } }
    crate::structure! { INNER: Inner = Structure "Inner" { run_order: Option<i64> = "runOrder" COUNT; } }
    crate::structure! { PAINT: Paint = Structure "Paint" {
        name: String = "Name" NAME required();
        names: Option<Vec<String>> = "names" NAMES;
        settings: Option<Map<String>> = "settings" SETTINGS;
        colour: Option<Colour> = "colour" COLOUR;
        inner: Option<Vec<Inner>> = "inner" INNERS;
    } }
    static INNERS: Schema = Schema::list("Inners", &INNER);
    static SERVICE: Service = Service {
        id: "Painter",
        prefix: "painter",
        signing_name: "painter",
        protocol: Protocol::Json11,
        target_prefix: "Painter",
        api_version: "1",
        xml_namespace: "",
        validation: ValidationStyle { code: "ValidationException", shows_values: true },
        operations: &["Paint"],
        errors: &[],
    };
    crate::operation! { Paint = SERVICE "Paint" {
        input PAINT; output Inner INNER; http "POST" "/" 200; errors [];
    } }

    fn refused(paint: &Paint, missing: &[Path]) -> String {
        check(&SERVICE, Paint::MODEL, paint, missing).unwrap_err().message
    }

    #[test]
    fn what_fits_passes() {
        let paint = Paint { name: "wall".to_owned(), colour: Some(Colour::Red), ..Paint::default() };
        assert!(check(&SERVICE, Paint::MODEL, &paint, &[]).is_ok());
    }

    #[test]
    fn violations_are_worded_as_aws_words_them() {
        let paint = Paint { name: String::new(), colour: Some(Colour::from("PINK")), ..Paint::default() };
        assert_eq!(
            refused(&paint, &[]),
            "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have \
             length greater than or equal to 1; Value 'PINK' at 'colour' failed to satisfy constraint: Member \
             must satisfy enum value set: [RED, BLUE]"
        );
    }

    #[test]
    fn a_missing_member_is_told_once() {
        let missing = Path(vec![Segment::Member("Name")]);
        assert_eq!(
            refused(&Paint::default(), &[missing]),
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn paths_count_elements_from_one() {
        let inner = vec![Inner { run_order: Some(1) }, Inner { run_order: Some(0) }];
        let paint = Paint { name: "wall".to_owned(), inner: Some(inner), ..Paint::default() };
        assert_eq!(
            refused(&paint, &[]),
            "1 validation error detected: Value '0' at 'inner.2.member.runOrder' failed to satisfy constraint: \
             Member must have value greater than or equal to 1"
        );
    }

    #[test]
    fn elements_and_entries_list_all_constraints_at_their_container() {
        let all = "[Member must have length less than or equal to 5, Member must have length greater than or \
                   equal to 1, Member must satisfy regular expression pattern: [a-z]*]";
        let paint = Paint {
            name: "wall".to_owned(),
            names: Some(vec!["ok".to_owned(), "LOUD".to_owned()]),
            settings: Some(Map::from([("k".to_owned(), String::new())])),
            ..Paint::default()
        };
        assert_eq!(
            refused(&paint, &[]),
            format!(
                "2 validation errors detected: Value '[LOUD]' at 'names' failed to satisfy constraint: Member must \
                 satisfy constraint: {all}; Value '{{k=}}' at 'settings' failed to satisfy constraint: Map value \
                 must satisfy constraint: {all}"
            )
        );
    }
}
