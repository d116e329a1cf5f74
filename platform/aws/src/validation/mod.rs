//! Constraints of the model, checked for every call and worded as AWS words them.
//!
//! The check walks a shape as a [`Writer`], so that calls in process pass it too. Required members that are
//! missing are noted by the reader, as the Rust type cannot say it. Source: recorded answers of the services,
//! summed up in `docs/wire.md`.

pub mod constraints;
mod own_error;
mod printed;
mod walk;

use std::collections::HashSet;

use crate::error::Error;
use crate::operation::{OperationModel, Service};
use crate::router::AnyShape;
use crate::shape::{Kind, Member, Path, Schema, Segment, Writer};
use crate::timestamp::Timestamp;
use walk::Walk;

pub use own_error::{Demand, OwnError};

/// Longer values are cut in messages.
const SHOWN_VALUE_LENGTH: usize = 256;
/// AWS lists every violation; a hostile input must not make a message without end.
const LISTED_VIOLATIONS: usize = 20;

/// Errors: that of the first row of `own` that fits a violation; else the service's validation error with all violations.
pub fn check(
    service: &Service,
    own: &[OwnError],
    model: &OperationModel,
    input: &dyn AnyShape,
    missing: &[Path],
) -> Result<(), Error> {
    let mut validator = Validator::new(missing);
    input.write(model.input, &mut validator);
    if validator.count == 0 {
        return Ok(());
    }
    let of_violations = |row: &OwnError| validator.violations.iter().find_map(|told| told.answer(row, model));
    if let Some(error) = own.iter().find_map(of_violations) {
        return Err(error);
    }
    let listed = listed(&validator.violations, service.validation.shows_values, model.input, input);
    let noun = if validator.count == 1 { "error" } else { "errors" };
    let message = format!("{} validation {noun} detected: {}", validator.count, listed.join("; "));
    Err(Error::new(service.validation.code, message))
}

/// One constraint that a value does not satisfy.
struct Violation {
    path: Path,
    value: Value,
    constraint: String,
}

impl Violation {
    fn answer(&self, row: &OwnError, model: &OperationModel) -> Option<Error> {
        let (demand, value) = match &self.value {
            Value::Null => (Demand::Present, String::new()),
            Value::Text(text) => (Demand::Fitting, text.chars().take(SHOWN_VALUE_LENGTH).collect()),
            Value::Container | Value::Hidden => (Demand::Fitting, String::new()),
        };
        row.answer(model, &self.path, demand, &value)
    }
}

/// What a message shows of a value.
#[derive(PartialEq)]
enum Value {
    Null,
    Text(String),
    /// The container at the path, printed once the walk is over.
    Container,
    /// Sensitive.
    Hidden,
}

fn listed(
    violations: &[Violation],
    shows_values: bool,
    schema: &'static Schema,
    input: &dyn AnyShape,
) -> Vec<String> {
    let of_containers = violations.iter().filter(|violation| violation.value == Value::Container);
    let paths: Vec<&Path> = of_containers.map(|violation| &violation.path).collect();
    let prints = shows_values && !paths.is_empty();
    let mut printed = if prints { printed::at(input, schema, &paths) } else { Vec::new() }.into_iter();
    let mut words = |violation: &Violation| {
        let value = match &violation.value {
            Value::Container => printed.next(),
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::Hidden => None,
        };
        let shown = match value.filter(|_| shows_values) {
            Some(text) => format!("Value '{}'", text.chars().take(SHOWN_VALUE_LENGTH).collect::<String>()),
            None if shows_values && violation.value == Value::Null => "Value null".to_owned(),
            None => "Value".to_owned(),
        };
        format!("{shown} at '{}' failed to satisfy constraint: {}", violation.path, violation.constraint)
    };
    violations.iter().map(&mut words).collect()
}

struct Validator<'a> {
    /// A set, as a hostile list can lack as many members as it has elements.
    missing: HashSet<&'a [Segment]>,
    walk: Walk,
    /// For each open structure, how many members it has: a union must have one.
    members: Vec<usize>,
    /// The first of them.
    violations: Vec<Violation>,
    count: usize,
}

impl<'a> Validator<'a> {
    fn new(missing: &'a [Path]) -> Self {
        let told = |path: &Path| Violation {
            path: path.clone(),
            value: Value::Null,
            constraint: "Member must not be null".to_owned(),
        };
        Self {
            missing: missing.iter().map(|path| path.0.as_slice()).collect(),
            walk: Walk::default(),
            members: Vec::new(),
            violations: missing.iter().take(LISTED_VIOLATIONS).map(told).collect(),
            count: missing.len(),
        }
    }

    /// A missing member was filled with an empty value: that one violation is told already.
    fn is_missing(&self) -> bool {
        let path = &self.walk.path.0;
        !self.missing.is_empty() && (1..=path.len()).any(|length| self.missing.contains(&path[..length]))
    }

    fn violate(&mut self, path: Path, value: Value, constraint: String) {
        self.count += 1;
        if self.violations.len() < LISTED_VIOLATIONS {
            self.violations.push(Violation { path, value, constraint });
        }
    }

    /// Elements and entries are told of by the path of their container, all of them at once and with all that
    /// is demanded of them.
    fn violate_in_container(&mut self, kind: &str, schema: &Schema) {
        let mut path = self.walk.path.clone();
        path.pop();
        let constraint = format!("{kind} must satisfy constraint: [{}]", constraints::all(schema));
        // Keys and values of a map take turns, so what was told last stands in one of two places.
        let told = |violation: &Violation| violation.path == path && violation.constraint == constraint;
        if !self.violations.iter().rev().take(2).any(told) {
            self.violate(path, Value::Container, constraint);
        }
    }

    fn check_value(&mut self, schema: &Schema, value: impl FnOnce() -> String, violated: Vec<String>) {
        if violated.is_empty() || self.is_missing() {
            return;
        }
        match self.walk.path.0.last() {
            Some(Segment::Element(_)) => self.violate_in_container("Member", schema),
            Some(Segment::Key(_)) => self.violate_in_container("Map value", schema),
            Some(Segment::Member(_)) | None => {
                let text = value();
                for constraint in violated {
                    let value = if schema.sensitive { Value::Hidden } else { Value::Text(text.clone()) };
                    self.violate(self.walk.path.clone(), value, constraint);
                }
            }
        }
    }

    fn check_container(&mut self, schema: &Schema, length: usize) {
        if self.is_missing() {
            return;
        }
        for constraint in constraints::violated_by_length(schema, length) {
            let value = if schema.sensitive { Value::Hidden } else { Value::Container };
            self.violate(self.walk.path.clone(), value, constraint);
        }
    }
}

impl Writer for Validator<'_> {
    fn boolean(&mut self, _schema: &'static Schema, _value: bool) {}

    #[allow(clippy::cast_precision_loss, reason = "bounds of models are small")]
    fn integer(&mut self, schema: &'static Schema, value: i64) {
        let violated = constraints::violated_by_number(schema, value as f64);
        self.check_value(schema, || value.to_string(), violated);
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        let violated = constraints::violated_by_number(schema, value);
        self.check_value(schema, || format!("{value:?}"), violated);
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        let violated = constraints::violated_by_string(schema, value);
        self.check_value(schema, || value.to_owned(), violated);
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        let violated = constraints::violated_by_length(schema, value.len());
        self.check_value(schema, || printed::blob(value.len()), violated);
    }

    fn timestamp(&mut self, _schema: &'static Schema, _value: Timestamp) {}

    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.walk.begin();
        self.members.push(0);
    }

    fn member(&mut self, member: &'static Member) {
        self.walk.enter(Segment::Member(member.name));
        if let Some(members) = self.members.last_mut() {
            *members += 1;
        }
    }

    fn end_structure(&mut self, schema: &'static Schema) {
        self.walk.end();
        let members = self.members.pop().unwrap_or_default();
        if matches!(schema.kind, Kind::Union(_)) && members != 1 && !self.is_missing() {
            let constraint = format!("Member must have exactly one of its members set, not {members}");
            self.violate(self.walk.path.clone(), Value::Container, constraint);
        }
    }

    fn begin_list(&mut self, schema: &'static Schema, length: usize) {
        self.check_container(schema, length);
        self.walk.begin();
    }

    fn element(&mut self, _schema: &'static Schema, index: usize) {
        self.walk.enter(Segment::Element(index));
    }

    fn end_list(&mut self, _schema: &'static Schema) {
        self.walk.end();
    }

    fn begin_map(&mut self, schema: &'static Schema, length: usize) {
        self.check_container(schema, length);
        self.walk.begin();
    }

    fn key(&mut self, schema: &'static Schema, key: &str) {
        self.walk.enter(Segment::Key(key.to_owned()));
        if let Kind::Map { key: key_schema, .. } = &schema.kind
            && !constraints::violated_by_string(key_schema, key).is_empty()
            && !self.is_missing()
        {
            self.violate_in_container("Map keys", key_schema);
        }
    }

    fn end_map(&mut self, _schema: &'static Schema) {
        self.walk.end();
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
        input PAINT; output Inner INNER; http "POST" "/" 200; errors ["NameRequired", "InvalidName",];
    } }

    fn refused(paint: &Paint, missing: &[Path]) -> String {
        check(&SERVICE, &[], Paint::MODEL, paint, missing).unwrap_err().message
    }

    #[test]
    fn what_fits_passes() {
        let paint = Paint { name: "wall".to_owned(), colour: Some(Colour::Red), ..Paint::default() };
        assert!(check(&SERVICE, &[], Paint::MODEL, &paint, &[]).is_ok());
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

    static OWN: [OwnError; 4] = [
        OwnError::unfit("names", |_| Error::new("NotOfThisOperation", "")),
        OwnError::missing("Name", |_| Error::new("NameRequired", "A name is required")),
        OwnError::unfit("Name", |name| Error::new("InvalidName", format!("No name: {name}"))),
        OwnError::unfit("colour", |_| Error::new("InvalidName", "No colour")),
    ];

    #[test]
    fn the_first_own_error_that_fits_answers_a_violation() {
        let check = |paint: &Paint, missing: &[Path]| check(&SERVICE, &OWN, Paint::MODEL, paint, missing);
        let pink = Some(Colour::from("PINK"));
        let paint = Paint { name: "LOUD".to_owned(), colour: pink.clone(), ..Paint::default() };
        assert_eq!(check(&paint, &[]), Err(Error::new("InvalidName", "No name: LOUD")));
        let missing = [Path(vec![Segment::Member("Name")])];
        let nameless = Paint { colour: pink, ..Paint::default() };
        assert_eq!(check(&nameless, &missing), Err(Error::new("NameRequired", "A name is required")));
        let fits = Paint { name: "wall".to_owned(), ..Paint::default() };
        assert_eq!(check(&fits, &[]), Ok(()));
    }

    #[test]
    fn what_no_own_error_is_for_is_a_validation_error() {
        let names = Some(vec![String::new()]);
        let paint = Paint { name: "wall".to_owned(), names, ..Paint::default() };
        let error = check(&SERVICE, &OWN, Paint::MODEL, &paint, &[]).unwrap_err();
        assert_eq!(error.code, "ValidationException");
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
                "2 validation errors detected: Value '[ok, LOUD]' at 'names' failed to satisfy constraint: Member must \
                 satisfy constraint: {all}; Value '{{k=}}' at 'settings' failed to satisfy constraint: Map value \
                 must satisfy constraint: {all}"
            )
        );
    }

    #[test]
    fn a_container_is_told_once_and_printed_whole() {
        let paint = Paint {
            name: "wall".to_owned(),
            names: Some(vec!["A".to_owned(), "B".to_owned(), "c".to_owned()]),
            settings: Some(Map::from([("K".to_owned(), "V".to_owned()), ("L".to_owned(), "W".to_owned())])),
            ..Paint::default()
        };
        let all = "[Member must have length less than or equal to 5, Member must have length greater than or \
                   equal to 1, Member must satisfy regular expression pattern: [a-z]*]";
        assert_eq!(
            refused(&paint, &[]),
            format!(
                "4 validation errors detected: Value '[A, B, c]' at 'names' failed to satisfy constraint: Member must \
                 have length less than or equal to 2; Value '[A, B, c]' at 'names' failed to satisfy constraint: \
                 Member must satisfy constraint: {all}; Value '{{K=V, L=W}}' at 'settings' failed to satisfy \
                 constraint: Map keys must satisfy constraint: {all}; Value '{{K=V, L=W}}' at 'settings' failed to \
                 satisfy constraint: Map value must satisfy constraint: {all}"
            )
        );
    }

    crate::structure! { TAG: Tag = Structure "Tag" {
        key: String = "key" STRING required();
        value: Option<String> = "value" STRING;
        secret: Option<String> = "secret" SENSITIVE_STRING;
        bytes: Option<Blob> = "bytes" BLOB;
        at: Option<Timestamp> = "at" TIMESTAMP;
        choice: Option<Choice> = "choice" CHOICE;
    } }
    crate::structure! { CHOICE: Choice = Union "Choice" { a: Option<i64> = "a" LONG; b: Option<f64> = "b" DOUBLE; } }
    static NO_TAGS: Schema = Schema::list("NoTags", &TAG).max(0);
    crate::structure! { LABEL: Label = Structure "Label" { tags: Option<Vec<Tag>> = "tags" NO_TAGS; } }
    crate::operation! { Label = SERVICE "Label" {
        input LABEL; output Inner INNER; http "POST" "/" 200; errors [];
    } }

    #[test]
    fn structures_are_printed_with_all_members_and_no_secrets() {
        let tag = Tag {
            key: "k".to_owned(),
            secret: Some("hush".to_owned()),
            bytes: Some("abc".into()),
            at: Some(Timestamp::from_millis(1_704_164_645_000)),
            choice: Some(Choice { b: Some(2.0), ..Choice::default() }),
            ..Tag::default()
        };
        let error = check(&SERVICE, &[], Label::MODEL, &Label { tags: Some(vec![tag]) }, &[]).unwrap_err();
        assert_eq!(
            error.message,
            "1 validation error detected: Value '[Tag(key=k, value=null, secret=***Sensitive Data Redacted***, \
             bytes=java.nio.HeapByteBuffer[pos=0 lim=3 cap=3], at=Tue Jan 02 03:04:05 UTC 2024, choice=Choice(a=null, \
             b=2.0))]' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 0"
        );
    }

    #[test]
    fn a_union_has_exactly_one_member() {
        for (a, b, count) in [(None, None, 0), (Some(1), Some(1.0), 2)] {
            let tag = Tag { key: "k".to_owned(), choice: Some(Choice { a, b }), ..Tag::default() };
            let message = check(&SERVICE, &[], Label::MODEL, &Label { tags: Some(vec![tag]) }, &[])
                .unwrap_err()
                .message;
            let expected = format!("exactly one of its members set, not {count}");
            assert!(
                message.contains("at 'tags.1.member.choice'") && message.ends_with(&expected),
                "{message}"
            );
        }
    }

    #[test]
    fn a_flood_of_violations_is_counted_and_not_listed() {
        let inner = vec![Inner { run_order: Some(0) }; 1000];
        let message =
            refused(&Paint { name: "wall".to_owned(), inner: Some(inner), ..Paint::default() }, &[]);
        assert!(message.starts_with("1000 validation errors detected: "));
        assert!(message.len() < 4000, "{}", message.len());
    }
}
