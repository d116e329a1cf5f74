//! From a tree to the API's JSON, driven by the schemas of the model: names, types and constraints are checked on the
//! way, and every part is noted with its place.

use std::collections::HashMap;

use aws::shape::{Kind, Member, Schema};
use aws::validation::constraints;
use document::{Node, Scalar, Value};
use serde_json::{Map, Value as Json};

use super::doubts::Doubts;
use super::finding::{Findings, Spot};
use super::form::{Form, Meaning};
use super::places::Places;
use super::spelling;

pub struct Reading<'a> {
    pub form: Form<'a>,
    pub findings: &'a mut Findings,
    pub places: Places,
    pub doubts: Doubts,
    /// Whether there are parts that only CloudFormation knows.
    pub has_unknowns: bool,
}

impl<'a> Reading<'a> {
    pub fn new(form: Form<'a>, findings: &'a mut Findings) -> Self {
        let (places, doubts) = (Places::default(), Doubts::default());
        Self { form, findings, places, doubts, has_unknowns: false }
    }

    /// The value at a path, whose place has been noted; none if there is nothing, or nothing that fits.
    pub fn value(&mut self, schema: &'static Schema, node: &Node, path: &str) -> Option<Json> {
        match self.form.meaning(node) {
            Meaning::Itself => {}
            Meaning::Absent => return None,
            Meaning::Text(text) => {
                let value = Value::Scalar { text, plain: true };
                let given = Node { place: node.place, width: node.width, tag: None, value };
                return self.given(schema, &given, path);
            }
            Meaning::Unknown { why, help } => {
                self.has_unknowns = true;
                self.doubts.add(path);
                self.findings.warning(self.places.of(path), path, why).help(help);
                return None;
            }
            Meaning::Refused { why, help } => {
                self.wrong(Spot::from(node), path, why, help);
                return None;
            }
        }
        self.given(schema, node, path)
    }

    fn given(&mut self, schema: &'static Schema, node: &Node, path: &str) -> Option<Json> {
        match &schema.kind {
            Kind::Structure(_) | Kind::Union(_) => self.structure(schema, node, path),
            Kind::List { element, .. } => self.list(schema, element, node, path),
            Kind::Map { key, value, .. } => match self.form.map_as_list(schema) {
                Some(names) => self.map_as_list(names, (key, value), node, path),
                None => self.map(schema, key, value, node, path),
            },
            Kind::String | Kind::Enum(_) | Kind::Blob | Kind::Timestamp => self.text(schema, node, path),
            Kind::Integer | Kind::Double => self.integer(schema, node, path),
            Kind::Boolean => match node.scalar() {
                Some(Scalar::Boolean(truth)) => Some(Json::Bool(truth)),
                _ => self.mistyped("true or false", node, path),
            },
        }
    }

    fn structure(&mut self, schema: &'static Schema, node: &Node, path: &str) -> Option<Json> {
        let Value::Mapping(entries) = &node.value else { return self.mistyped("a structure", node, path) };
        let members = self.form.members(schema);
        let mut object = Map::new();
        let mut given: Vec<&str> = Vec::new();
        let mut meant: Vec<String> = Vec::new();
        for (key, value) in self.distinct(entries, path) {
            let Some((_, member)) = members.iter().find(|(name, _)| *name == key.0) else {
                meant.extend(self.unknown_member(schema, &members, key, path));
                continue;
            };
            let path = format!("{path}.{}", member.wire);
            self.places.note(&path, Some(key.1), value);
            if value.is_null() || matches!(self.form.meaning(value), Meaning::Absent) {
                continue;
            }
            given.push(member.wire);
            if let Some(value) = self.value(member.schema, value, &path) {
                object.insert(member.wire.to_owned(), value);
            }
        }
        for (name, member) in &members {
            if given.contains(&member.wire) {
                continue;
            }
            let here = format!("{path}.{}", member.wire);
            if meant.contains(name) {
                self.doubts.add(&here);
            } else if self.form.requires(schema, member) {
                self.wrong(self.places.of(path), &here, format!("`{name}` is missing"), missing_help(member));
            }
        }
        Some(Json::Object(object))
    }

    /// Entries whose keys are texts; of those that repeat the first.
    fn distinct<'n>(
        &mut self,
        entries: &'n [(Node, Node)],
        path: &str,
    ) -> Vec<((&'n str, &'n Node), &'n Node)> {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        let mut distinct = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(name) = key.text() else {
                self.findings.error(Spot::from(key), path, "a name must be a text");
                continue;
            };
            if let Some(line) = lines.get(name) {
                let message = format!("`{}` is given more than once", start_of(name));
                self.findings
                    .error(Spot::from(key), &format!("{path}.{name}"), message)
                    .help(format!("the first is on line {line}"));
                continue;
            }
            lines.insert(name, key.place.line);
            distinct.push(((name, key), value));
        }
        distinct
    }

    /// Gives the name that was probably meant.
    fn unknown_member(
        &mut self,
        schema: &'static Schema,
        members: &[(String, &'static Member)],
        (name, key): (&str, &Node),
        path: &str,
    ) -> Option<String> {
        let passed_over = self.form.passes_over(schema);
        if passed_over.contains(&name) {
            return None;
        }
        let known = members.iter().map(|(name, _)| name.as_str()).chain(passed_over.iter().copied());
        let meant = spelling::closest(name, known.clone()).map(str::to_owned);
        let message = format!("unknown member `{}`", start_of(name));
        let finding = self.findings.error(Spot::from(key), &format!("{path}.{name}"), message);
        finding.help(spelling::help(name, known));
        meant
    }

    fn list(
        &mut self,
        schema: &'static Schema,
        element: &'static Schema,
        node: &Node,
        path: &str,
    ) -> Option<Json> {
        let Value::Sequence(items) = &node.value else { return self.mistyped("a list", node, path) };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.places.note(&path, None, item);
            if matches!(self.form.meaning(item), Meaning::Absent) {
                continue;
            }
            // Elements that do not fit keep their position, so that paths still tell the right ones.
            list.push(self.value(element, item, &path).unwrap_or_else(|| nothing_of(element)));
        }
        self.check_length(schema, list.len(), path);
        Some(Json::Array(list))
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        key_schema: &'static Schema,
        value_schema: &'static Schema,
        node: &Node,
        path: &str,
    ) -> Option<Json> {
        let Value::Mapping(entries) = &node.value else { return self.mistyped("a structure", node, path) };
        let mut object = Map::new();
        for ((name, key), value) in self.distinct(entries, path) {
            let path = format!("{path}.{name}");
            self.places.note(&path, Some(key), value);
            let violated = constraints::violated_by_string(key_schema, name);
            for constraint in &violated {
                let message =
                    format!("the key `{}` failed to satisfy constraint: {constraint}", start_of(name));
                self.wrong(Spot::from(key), &path, message, None);
            }
            if !violated.is_empty() || matches!(self.form.meaning(value), Meaning::Absent) {
                continue;
            }
            // A key whose value does not fit is there all the same.
            let value = self.value(value_schema, value, &path).unwrap_or_else(|| nothing_of(value_schema));
            object.insert(name.to_owned(), value);
        }
        self.check_length(schema, object.len(), path);
        Some(Json::Object(object))
    }

    fn map_as_list(
        &mut self,
        names @ (key_name, value_name): (&str, &str),
        (key_schema, value_schema): (&'static Schema, &'static Schema),
        node: &Node,
        path: &str,
    ) -> Option<Json> {
        let Value::Sequence(items) = &node.value else { return self.mistyped("a list", node, path) };
        let mut object = Map::new();
        for item in items {
            self.check_names_of_entry(names, item, path);
            let Some(key) = item.get(key_name) else {
                self.wrong(Spot::from(item), path, format!("`{key_name}` is missing"), None);
                continue;
            };
            let here = format!("{path}.{key_name}");
            self.places.note(&here, None, key);
            let Some(Json::String(key)) = self.value(key_schema, key, &here) else {
                self.doubts.add(path);
                continue;
            };
            let Some(value) = item.get(value_name) else {
                self.wrong(Spot::from(item), path, format!("`{value_name}` is missing"), None);
                continue;
            };
            let path = format!("{path}.{key}");
            self.places.note(&path, None, value);
            if let Some(value) = self.value(value_schema, value, &path) {
                object.insert(key, value);
            }
        }
        Some(Json::Object(object))
    }

    fn check_names_of_entry(&mut self, (key_name, value_name): (&str, &str), item: &Node, path: &str) {
        for ((name, key), _) in self.distinct(item.entries(), path) {
            if name != key_name && name != value_name {
                let message = format!("unknown member `{}`", start_of(name));
                let help = spelling::help(name, [key_name, value_name]);
                self.wrong(Spot::from(key), path, message, help);
            }
        }
    }

    fn text(&mut self, schema: &'static Schema, node: &Node, path: &str) -> Option<Json> {
        let Some(text) = self.form.text_of(node) else { return self.mistyped("a text", node, path) };
        if let Kind::Enum(values) = &schema.kind
            && !values.contains(&text.as_str())
        {
            let message = format!("`{}` is no value of `{}`", start_of(&text), last_name(path));
            self.wrong(Spot::from(node), path, message, spelling::help(&text, values.iter().copied()));
            return None;
        }
        for constraint in constraints::violated_by_string(schema, &text) {
            let message = format!("`{}` failed to satisfy constraint: {constraint}", last_name(path));
            self.wrong(Spot::from(node), path, message, constraint_help(schema, &text));
        }
        // The check repeats names in its messages, and counts on it that they are as short as the model wants them.
        let is_short =
            schema.max.is_none_or(|max| i64::try_from(text.len()).is_ok_and(|length| length <= 4 * max));
        is_short.then_some(Json::String(text))
    }

    #[allow(clippy::cast_precision_loss, reason = "bounds of models are small")]
    fn integer(&mut self, schema: &'static Schema, node: &Node, path: &str) -> Option<Json> {
        let Some(integer) = self.form.integer_of(node) else {
            return self.mistyped("an integer", node, path);
        };
        if i32::try_from(integer).is_err() {
            let message = format!("`{}` is larger than an integer of the API can be", last_name(path));
            self.wrong(Spot::from(node), path, message, None);
            return None;
        }
        for constraint in constraints::violated_by_number(schema, integer as f64) {
            let message = format!("`{}` failed to satisfy constraint: {constraint}", last_name(path));
            self.wrong(Spot::from(node), path, message, None);
        }
        Some(integer.into())
    }

    fn check_length(&mut self, schema: &Schema, length: usize, path: &str) {
        for constraint in constraints::violated_by_length(schema, length) {
            let message = format!("`{}` failed to satisfy constraint: {constraint}", last_name(path));
            self.wrong(self.places.of(path), path, message, format!("its length is {length}"));
        }
    }

    fn mistyped(&mut self, wanted: &str, node: &Node, path: &str) -> Option<Json> {
        let found = match (&node.value, node.scalar()) {
            (Value::Sequence(_), _) => "a list",
            (Value::Mapping(_), _) => "a structure",
            (_, Some(Scalar::Null) | None) => "nothing",
            (_, Some(Scalar::Boolean(_))) => "true or false",
            (_, Some(Scalar::Integer(_) | Scalar::Number(_))) => "a number",
            (_, Some(Scalar::Text(_))) => "a text",
        };
        let is_integer = |text: &str| text.parse::<i64>().is_ok();
        let help = match (wanted, node.text()) {
            ("a text", Some(text)) if found != "nothing" => {
                Some(format!("write \"{}\", with quotes", start_of(text)))
            }
            ("an integer", Some(text)) if is_integer(text) => Some(format!("write {text}, without quotes")),
            ("true or false", Some("true" | "false")) => Some("leave the quotes out".to_owned()),
            ("a list", _) if matches!(found, "a text" | "a structure") => {
                Some("make it a list of one: [ … ]".to_owned())
            }
            _ => None,
        };
        let message = format!("`{}` must be {wanted}, not {found}", last_name(path));
        self.wrong(Spot::from(node), path, message, help);
        None
    }

    /// An error, and what depends on this part is in doubt.
    fn wrong(&mut self, spot: Spot, path: &str, message: String, help: impl Into<Option<String>>) {
        self.doubts.add(path);
        self.findings.error(spot, path, message).help(help);
    }
}

/// What keeps the place of an element that does not fit.
fn nothing_of(schema: &Schema) -> Json {
    match &schema.kind {
        Kind::Structure(_) | Kind::Union(_) | Kind::Map { .. } => Json::Object(Map::new()),
        Kind::List { .. } => Json::Array(Vec::new()),
        Kind::Integer | Kind::Double => Json::from(0),
        Kind::Boolean => Json::Bool(false),
        Kind::String | Kind::Enum(_) | Kind::Blob | Kind::Timestamp => Json::String(String::new()),
    }
}

/// As much of a text of the file as a message repeats.
fn start_of(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end])
}

/// `name` of `pipeline.stages[1].name`, `commands[0]` of `….commands[0]`.
fn last_name(path: &str) -> &str {
    path.rfind('.').map_or(path, |dot| &path[dot + 1..])
}

fn missing_help(member: &Member) -> Option<String> {
    match &member.schema.kind {
        Kind::Enum(values) => spelling::help("", values.iter().copied()),
        _ => None,
    }
}

/// What makes a text violate the constraints of its schema, or what would not.
fn constraint_help(schema: &Schema, text: &str) -> Option<String> {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if schema.max.is_some_and(|max| length > max) || schema.min.is_some_and(|min| length < min) {
        return Some(format!("its length is {length}"));
    }
    if schema.name == "RoleArn" {
        return Some("a role is named like arn:aws:iam::123456789012:role/NAME".to_owned());
    }
    let pattern = schema.pattern?;
    let is_one_class = pattern.source.starts_with('[') && pattern.source.ends_with(['+', '*']);
    let odd = text.chars().find(|c| !pattern.matches(c.encode_utf8(&mut [0; 4])))?;
    let shown = if odd == ' ' { "a space".to_owned() } else { format!("`{odd}`") };
    is_one_class.then(|| format!("{shown} may not be in it"))
}
