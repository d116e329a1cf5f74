//! Templates of CloudFormation: which pipeline of a template is meant, and what its functions give.

use std::cell::Cell;

use aws::Region;
use document::{Node, Value};

use super::finding::{Findings, Spot};
use super::form::Meaning;
use super::spelling;

const TYPE: &str = "AWS::CodePipeline::Pipeline";
/// How much text all functions of a file may give, in bytes: a few characters can ask for any amount.
const MAX_GIVEN: usize = 1 << 20;
/// How often functions may be asked, those within functions included, which can multiply.
const MAX_CALLS: usize = 10_000;
const BY_HAND: &str = "write the value itself to have it checked";

/// A pipeline of a template.
pub struct Resource<'a> {
    /// Its name in the template.
    pub logical_id: Option<&'a str>,
    /// What its properties are the value of.
    pub key: Option<&'a Node>,
    pub properties: &'a Node,
}

/// The pipeline of a template, of a resource, or of the properties by themselves; none if this is no form of
/// CloudFormation. Errors are told.
pub fn resource<'a>(root: &'a Node, findings: &mut Findings) -> Option<Result<Resource<'a>, ()>> {
    if let Some(resources) = root.get("Resources") {
        return Some(chosen(resources, findings));
    }
    if let Some((key, properties)) = entry(root, "Properties") {
        return Some(Ok(Resource { logical_id: None, key: Some(key), properties }));
    }
    root.get("Stages").map(|_| Ok(Resource { logical_id: None, key: None, properties: root }))
}

fn chosen<'a>(resources: &'a Node, findings: &mut Findings) -> Result<Resource<'a>, ()> {
    let is_pipeline = |node: &Node| node.get("Type").and_then(Node::text) == Some(TYPE);
    let pipelines: Vec<_> = resources
        .entries()
        .iter()
        .filter(|(_, node)| is_pipeline(node))
        .filter_map(|(key, node)| Some((key.text()?, key, node)))
        .collect();
    let file = findings.file().to_owned();
    let listed = || pipelines.iter().map(|(id, ..)| format!("{file}#{id}")).collect::<Vec<_>>().join(" or ");
    let wanted = findings.logical_id().map(str::to_owned);
    let found = match (&wanted, pipelines.as_slice()) {
        (_, []) => {
            let message = format!("the template has no resource of type {TYPE}");
            findings.error(Spot::from(resources), "", message);
            return Err(());
        }
        (Some(id), all) => all.iter().find(|(known, ..)| known == id),
        (None, [only]) => Some(only),
        (None, several) => {
            let message = format!("the template has {} pipelines", several.len());
            findings.error(Spot::from(several[1].1), "", message).help(format!("say which: {}", listed()));
            return Err(());
        }
    };
    let Some((id, key, node)) = found else {
        let message = format!("the template has no pipeline `{}`", wanted.unwrap_or_default());
        findings.error(Spot::from(resources), "", message).help(format!("say which: {}", listed()));
        return Err(());
    };
    match entry(node, "Properties") {
        Some((key, properties)) => Ok(Resource { logical_id: Some(id), key: Some(key), properties }),
        None => {
            findings.error(Spot::from(*key), "", "`Properties` is missing");
            Err(())
        }
    }
}

fn entry<'a>(node: &'a Node, name: &str) -> Option<(&'a Node, &'a Node)> {
    node.entries().iter().find(|(key, _)| key.text() == Some(name)).map(|(key, value)| (key, value))
}

/// The intrinsic functions, as far as a template alone says what they give: parameters with a default, the region, and
/// texts made of these. Source: CloudFormation Template Reference, "Intrinsic functions".
pub struct Functions<'a> {
    parameters: Option<&'a Node>,
    resources: Option<&'a Node>,
    region: &'a Region,
    given: Cell<usize>,
    calls: Cell<usize>,
}

/// Why a function gives no text.
struct NoText {
    why: String,
    help: Option<String>,
    /// Whether CloudFormation, too, would find none.
    is_wrong: bool,
}

impl<'a> Functions<'a> {
    pub fn new(root: &'a Node, region: &'a Region) -> Self {
        let (parameters, resources) = (root.get("Parameters"), root.get("Resources"));
        Self { parameters, resources, region, given: Cell::new(0), calls: Cell::new(0) }
    }

    pub fn meaning(&self, node: &Node) -> Meaning {
        let Some((name, shown, arguments)) = call(node) else { return Meaning::Itself };
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > MAX_CALLS {
            let why = format!("the functions of this file are asked more than {MAX_CALLS} times");
            return Meaning::Refused { why, help: None };
        }
        let given = match (name, arguments.text()) {
            ("Ref", Some("AWS::NoValue")) => return Meaning::Absent,
            ("Ref", Some(name)) => self.reference(name),
            ("Sub", _) => self.substitute(arguments),
            ("Join", _) => self.join(arguments),
            _ => Err(unknown(format!(
                "what `{shown}` gives is known only when CloudFormation deploys the template"
            ))),
        };
        match given {
            Ok(text) if self.given.get() + text.len() <= MAX_GIVEN => {
                self.given.set(self.given.get() + text.len());
                Meaning::Text(text)
            }
            Ok(_) => {
                let why =
                    format!("the functions of this file give more than {} MiB of text", MAX_GIVEN >> 20);
                Meaning::Refused { why, help: None }
            }
            Err(NoText { why, help, is_wrong: true }) => Meaning::Refused { why, help },
            Err(NoText { why, help, is_wrong: false }) => Meaning::Unknown { why, help },
        }
    }

    /// What `Ref` gives. Errors: why it is not known.
    fn reference(&self, name: &str) -> Result<String, NoText> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > MAX_CALLS {
            return Err(wrong(format!("the functions of this file are asked more than {MAX_CALLS} times")));
        }
        let china = self.region.as_str().starts_with("cn-");
        match name {
            "AWS::Region" => return Ok(self.region.to_string()),
            "AWS::Partition" if china => return Ok("aws-cn".to_owned()),
            "AWS::Partition" if self.region.as_str().starts_with("us-gov-") => {
                return Ok("aws-us-gov".to_owned());
            }
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::URLSuffix" if china => return Ok("amazonaws.com.cn".to_owned()),
            "AWS::URLSuffix" => return Ok("amazonaws.com".to_owned()),
            _ => {}
        }
        if name.starts_with("AWS::") {
            return Err(unknown(format!("`{name}` is known only when CloudFormation deploys the template")));
        }
        if let Some(parameter) = self.parameters.and_then(|parameters| parameters.get(name)) {
            let default = parameter.get("Default").and_then(Node::text);
            return default.map(str::to_owned).ok_or_else(|| {
                let help = Some(format!("give `{name}` a `Default` to have it checked"));
                NoText { help, ..unknown(format!("the parameter `{name}` has no `Default`")) }
            });
        }
        if self.resources.is_some_and(|resources| resources.get(name).is_some()) {
            let why =
                format!("what the resource `{name}` is called is known only when CloudFormation makes it");
            return Err(unknown(why));
        }
        let known = [self.parameters, self.resources].into_iter().flatten().flat_map(Node::entries);
        let help = spelling::help(name, known.filter_map(|(key, _)| key.text()));
        Err(NoText { help, ..wrong(format!("the template has no parameter or resource `{name}`")) })
    }

    fn substitute(&self, arguments: &Node) -> Result<String, NoText> {
        let (template, values) = match &arguments.value {
            Value::Sequence(items) => (items.first().and_then(Node::text), items.get(1)),
            Value::Scalar { text, .. } => (Some(text.as_str()), None),
            Value::Mapping(_) => (None, None),
        };
        let template = template
            .ok_or_else(|| wrong("`Sub` takes a text, or a list of a text and a structure of values"))?;
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else { break };
            text.push_str(before);
            text.push_str(&match (name.strip_prefix('!'), values.and_then(|values| values.get(name))) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some(value)) => self.text(value)?,
                (None, None) => self.reference(name)?,
            });
            if text.len() > MAX_GIVEN {
                return Err(wrong("`Sub` gives too much text"));
            }
            rest = behind;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn join(&self, arguments: &Node) -> Result<String, NoText> {
        let takes = || wrong("`Join` takes a list of a delimiter and a list of texts");
        let Value::Sequence(both) = &arguments.value else { return Err(takes()) };
        let [delimiter, Node { value: Value::Sequence(items), .. }] = both.as_slice() else {
            return Err(takes());
        };
        let delimiter = delimiter.text().ok_or_else(takes)?;
        let mut text = String::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push_str(delimiter);
            }
            text.push_str(&self.text(item)?);
            if text.len() > MAX_GIVEN {
                return Err(wrong("`Join` gives too much text"));
            }
        }
        Ok(text)
    }

    fn text(&self, node: &Node) -> Result<String, NoText> {
        match self.meaning(node) {
            Meaning::Text(text) => Ok(text),
            Meaning::Unknown { why, help } => Err(NoText { why, help, is_wrong: false }),
            Meaning::Refused { why, help } => Err(NoText { why, help, is_wrong: true }),
            Meaning::Absent => Err(wrong("`AWS::NoValue` is no part of a text")),
            Meaning::Itself => {
                node.text().map(str::to_owned).ok_or_else(|| wrong("a part of a text must be a text"))
            }
        }
    }
}

/// Only CloudFormation knows it.
fn unknown(why: String) -> NoText {
    NoText { why, help: Some(BY_HAND.to_owned()), is_wrong: false }
}

fn wrong(why: impl Into<String>) -> NoText {
    NoText { why: why.into(), help: None, is_wrong: true }
}

/// The function that a node calls: its name without `Fn::` and `!`, as it is written, and what it is called with.
fn call(node: &Node) -> Option<(&str, String, &Node)> {
    if let Some(tag) = &node.tag {
        return Some((tag, format!("!{tag}"), node));
    }
    let [(key, arguments)] = node.entries() else { return None };
    let name = key.text()?;
    let plain = if name == "Ref" { name } else { name.strip_prefix("Fn::")? };
    Some((plain, name.to_owned(), arguments))
}
