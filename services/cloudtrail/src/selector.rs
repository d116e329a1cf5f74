//! Which events a trail wants: event selectors, basic and advanced. No I/O.
//! Source: CloudTrail API Reference, EventSelector and AdvancedEventSelector.

use cloudtrail_model as model;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::resource::{OBJECT, QUEUE, TOPIC};

/// The types of data events that are recorded here.
const RECORDED: [&str; 3] = [OBJECT, QUEUE, TOPIC];
/// Types that basic selectors know on AWS.
const BASIC_TYPES: [&str; 3] = [OBJECT, "AWS::Lambda::Function", "AWS::DynamoDB::Table"];
const EXCLUDABLE_SOURCES: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];
const MOST_SELECTORS: usize = 5;
const MOST_DATA_RESOURCES: usize = 250;
const MOST_ADVANCED_VALUES: usize = 500;

/// The selectors of a trail; setting one kind drops the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Selectors {
    Basic(Vec<Basic>),
    Advanced(Vec<Advanced>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basic {
    pub access: Access,
    pub management: bool,
    /// ARNs of objects begin with one of them. Kept in groups as they were given.
    pub objects: Vec<Vec<String>>,
    pub excluded_sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    All,
    Read,
    Write,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advanced {
    pub name: Option<String>,
    pub fields: Vec<Field>,
}

/// One field's condition: one of the positive values fits, if there are any, and none of the negative ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub field: String,
    pub equals: Option<Vec<String>>,
    pub starts_with: Option<Vec<String>>,
    pub ends_with: Option<Vec<String>>,
    pub not_equals: Option<Vec<String>>,
    pub not_starts_with: Option<Vec<String>>,
    pub not_ends_with: Option<Vec<String>>,
}

/// What selectors look at in an event.
#[derive(Clone, Debug)]
pub struct Facts<'e> {
    pub source: &'e str,
    pub name: &'e str,
    pub read_only: bool,
    /// Of a data event; none: it is a management event.
    pub data_type: Option<&'static str>,
    /// ARNs.
    pub resources: &'e [String],
    pub caller_arn: Option<&'e str>,
}

impl Default for Selectors {
    /// All management events.
    fn default() -> Self {
        let every = Basic {
            access: Access::All,
            management: true,
            objects: Vec::new(),
            excluded_sources: Vec::new(),
        };
        Self::Basic(vec![every])
    }
}

impl Selectors {
    pub fn admit(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Basic(selectors) => selectors.iter().any(|selector| selector.admits(facts)),
            Self::Advanced(selectors) => selectors.iter().any(|selector| selector.admits(facts)),
        }
    }

    /// Checked selectors of a call. Errors: `InvalidEventSelectors`, `NotImplemented` for data events that are not
    /// recorded here.
    pub fn of(input: &model::PutEventSelectors) -> Result<Self, Error> {
        match (&input.event_selectors, &input.advanced_event_selectors) {
            (Some(basic), None) if !basic.is_empty() => basics(basic).map(Self::Basic),
            (None, Some(advanced)) if !advanced.is_empty() => advanceds(advanced).map(Self::Advanced),
            (Some(_), Some(_)) => {
                Err(invalid("EventSelectors and AdvancedEventSelectors cannot be specified together."))
            }
            _ => Err(invalid("Either EventSelectors or AdvancedEventSelectors must be specified.")),
        }
    }

    pub fn shown(&self) -> (Option<Vec<model::EventSelector>>, Option<Vec<model::AdvancedEventSelector>>) {
        match self {
            Self::Basic(selectors) => (Some(selectors.iter().map(Basic::shown).collect()), None),
            Self::Advanced(selectors) => (None, Some(selectors.iter().map(Advanced::shown).collect())),
        }
    }
}

impl Basic {
    fn admits(&self, facts: &Facts<'_>) -> bool {
        let access = match self.access {
            Access::All => true,
            Access::Read => facts.read_only,
            Access::Write => !facts.read_only,
        };
        let wanted = if facts.data_type.is_none() {
            self.management && !self.excluded_sources.iter().any(|source| source == facts.source)
        } else {
            let mut prefixes = self.objects.iter().flatten();
            prefixes.any(|prefix| facts.resources.iter().any(|arn| arn.starts_with(prefix.as_str())))
        };
        access && wanted
    }

    fn shown(&self) -> model::EventSelector {
        let resource = |values: &Vec<String>| model::DataResource {
            r#type: Some(OBJECT.to_owned()),
            values: Some(values.clone()),
        };
        model::EventSelector {
            read_write_type: Some(match self.access {
                Access::All => model::ReadWriteType::All,
                Access::Read => model::ReadWriteType::ReadOnly,
                Access::Write => model::ReadWriteType::WriteOnly,
            }),
            include_management_events: Some(self.management),
            data_resources: Some(self.objects.iter().map(resource).collect()),
            exclude_management_event_sources: Some(self.excluded_sources.clone()),
        }
    }
}

impl Advanced {
    fn admits(&self, facts: &Facts<'_>) -> bool {
        self.fields.iter().all(|field| field.admits(facts))
    }

    fn shown(&self) -> model::AdvancedEventSelector {
        let field = |field: &Field| model::AdvancedFieldSelector {
            field: field.field.clone(),
            equals: field.equals.clone(),
            starts_with: field.starts_with.clone(),
            ends_with: field.ends_with.clone(),
            not_equals: field.not_equals.clone(),
            not_starts_with: field.not_starts_with.clone(),
            not_ends_with: field.not_ends_with.clone(),
        };
        model::AdvancedEventSelector {
            name: self.name.clone(),
            field_selectors: self.fields.iter().map(field).collect(),
        }
    }
}

impl Field {
    fn admits(&self, facts: &Facts<'_>) -> bool {
        let read_only = facts.read_only.to_string();
        let values: Vec<&str> = match self.field.as_str() {
            "eventCategory" => vec![if facts.data_type.is_none() { "Management" } else { "Data" }],
            "readOnly" => vec![&read_only],
            "eventName" => vec![facts.name],
            "eventSource" => vec![facts.source],
            "eventType" => vec!["AwsApiCall"],
            "resources.type" => facts.data_type.into_iter().collect(),
            "resources.ARN" => facts.resources.iter().map(String::as_str).collect(),
            "userIdentity.arn" => facts.caller_arn.into_iter().collect(),
            // There is no console session here.
            "sessionCredentialFromConsole" => vec!["false"],
            _ => Vec::new(),
        };
        let any = |list: &Option<Vec<String>>, fits: fn(&str, &str) -> bool| {
            list.iter().flatten().any(|wanted| values.iter().any(|value| fits(value, wanted)))
        };
        let equal = |value: &str, wanted: &str| value == wanted;
        let starts = |value: &str, wanted: &str| value.starts_with(wanted);
        let ends = |value: &str, wanted: &str| value.ends_with(wanted);
        let has_positive = self.equals.is_some() || self.starts_with.is_some() || self.ends_with.is_some();
        let positive =
            any(&self.equals, equal) || any(&self.starts_with, starts) || any(&self.ends_with, ends);
        let negative = any(&self.not_equals, equal)
            || any(&self.not_starts_with, starts)
            || any(&self.not_ends_with, ends);
        (positive || !has_positive) && !negative
    }

    fn values(&self) -> impl Iterator<Item = &String> {
        let lists = [
            &self.equals,
            &self.starts_with,
            &self.ends_with,
            &self.not_equals,
            &self.not_starts_with,
            &self.not_ends_with,
        ];
        lists.into_iter().flatten().flatten()
    }

    /// Whether it says `Equals` and nothing else.
    fn is_plain(&self) -> bool {
        self.equals.is_some() && self.values().count() == self.equals.iter().flatten().count()
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidEventSelectors(message.into())
}

fn basics(given: &[model::EventSelector]) -> Result<Vec<Basic>, Error> {
    if given.len() > MOST_SELECTORS {
        return Err(invalid(format!("A trail can have up to {MOST_SELECTORS} event selectors.")));
    }
    let selectors: Vec<Basic> = given.iter().map(basic).collect::<Result<_, _>>()?;
    let resources = selectors.iter().flat_map(|selector| selector.objects.iter().flatten()).count();
    if resources > MOST_DATA_RESOURCES {
        return Err(invalid(format!("A trail can have up to {MOST_DATA_RESOURCES} data resources.")));
    }
    Ok(selectors)
}

fn basic(given: &model::EventSelector) -> Result<Basic, Error> {
    let access = match &given.read_write_type {
        None | Some(model::ReadWriteType::All) => Access::All,
        Some(model::ReadWriteType::ReadOnly) => Access::Read,
        Some(model::ReadWriteType::WriteOnly) => Access::Write,
        Some(model::ReadWriteType::Other(other)) => {
            return Err(invalid(format!("{other} is no valid value for ReadWriteType.")));
        }
    };
    let excluded_sources = given.exclude_management_event_sources.clone().unwrap_or_default();
    if let Some(source) =
        excluded_sources.iter().find(|source| !EXCLUDABLE_SOURCES.contains(&source.as_str()))
    {
        return Err(invalid(format!("{source} is no valid value for ExcludeManagementEventSources.")));
    }
    let resources = given.data_resources.as_deref().unwrap_or_default();
    let objects = resources.iter().map(|resource| {
        let kind = resource.r#type.as_deref().unwrap_or_default();
        if kind != OBJECT {
            // Messages of queues and topics are for advanced selectors.
            let known = BASIC_TYPES.contains(&kind);
            return Err(if known { not_recorded(kind) } else { unknown_type(kind) });
        }
        let values = resource.values.clone().unwrap_or_default();
        match values.iter().find(|value| !is_object_prefix(value)) {
            Some(value) => Err(invalid(format!("Value {value} for DataResources.Values is invalid."))),
            None => Ok(values),
        }
    });
    Ok(Basic {
        access,
        management: given.include_management_events.unwrap_or(true),
        objects: objects.collect::<Result<_, _>>()?,
        excluded_sources,
    })
}

fn not_recorded(kind: &str) -> Error {
    Error::NotImplemented(format!(
        "Data events of {kind} are not recorded here; those of {OBJECT}, {QUEUE} and {TOPIC} are."
    ))
}

fn unknown_type(kind: &str) -> Error {
    invalid(format!("{kind} is no valid type of data resources."))
}

/// `arn:aws:s3`, `arn:aws:s3:::`, `arn:aws:s3:::bucket/` and what follows.
fn is_object_prefix(value: &str) -> bool {
    match value.strip_prefix("arn:").and_then(|rest| rest.split_once(':')) {
        Some((_, "s3" | "s3:::")) => true,
        Some((_, rest)) => rest.strip_prefix("s3:::").is_some_and(|object| object.contains('/')),
        None => false,
    }
}

fn advanceds(given: &[model::AdvancedEventSelector]) -> Result<Vec<Advanced>, Error> {
    let selectors: Vec<Advanced> = given.iter().map(advanced).collect::<Result<_, _>>()?;
    let values = selectors.iter().flat_map(|selector| &selector.fields).flat_map(Field::values).count();
    if values > MOST_ADVANCED_VALUES {
        let message =
            format!("The advanced event selectors of a trail can have up to {MOST_ADVANCED_VALUES} values.");
        return Err(invalid(message));
    }
    Ok(selectors)
}

fn advanced(given: &model::AdvancedEventSelector) -> Result<Advanced, Error> {
    let field = |given: &model::AdvancedFieldSelector| Field {
        field: given.field.clone(),
        equals: given.equals.clone(),
        starts_with: given.starts_with.clone(),
        ends_with: given.ends_with.clone(),
        not_equals: given.not_equals.clone(),
        not_starts_with: given.not_starts_with.clone(),
        not_ends_with: given.not_ends_with.clone(),
    };
    let fields: Vec<Field> = given.field_selectors.iter().map(field).collect();
    let category = single(&fields, "eventCategory")?
        .ok_or_else(|| invalid("The field eventCategory is required in an advanced event selector."))?;
    let kind = single(&fields, "resources.type")?;
    let allowed = fields_of(category)?;
    if let Some(other) = fields.iter().find(|field| !allowed.contains(&field.field.as_str())) {
        return Err(invalid(format!("{} is no valid field for {category} events.", other.field)));
    }
    if let Some(empty) = fields.iter().find(|field| field.values().next().is_none()) {
        return Err(invalid(format!("The field {} has no operator.", empty.field)));
    }
    if single(&fields, "readOnly")?.is_some_and(|value| !["true", "false"].contains(&value)) {
        return Err(invalid("readOnly must be true or false."));
    }
    match (category, kind) {
        ("Data", None) => Err(invalid("The field resources.type is required for Data events.")),
        ("Data", Some(kind)) if !RECORDED.contains(&kind) => {
            Err(if kind.starts_with("AWS::") { not_recorded(kind) } else { unknown_type(kind) })
        }
        _ => Ok(Advanced { name: given.name.clone(), fields }),
    }
}

/// The one value of a field that may say `Equals` once and nothing else.
fn single<'f>(fields: &'f [Field], name: &str) -> Result<Option<&'f str>, Error> {
    let mut named = fields.iter().filter(|field| field.field == name);
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(field), None) if field.is_plain() => match field.equals.as_deref() {
            Some([only]) => Ok(Some(only)),
            _ => Err(invalid(format!("{name} takes one value of Equals."))),
        },
        _ => Err(invalid(format!("{name} takes one Equals and no other operator."))),
    }
}

/// Errors: `InvalidEventSelectors` for no category, `NotImplemented` for one that is not recorded.
fn fields_of(category: &str) -> Result<Vec<&'static str>, Error> {
    let of_all = [
        "eventCategory",
        "eventName",
        "eventSource",
        "eventType",
        "readOnly",
        "sessionCredentialFromConsole",
        "userIdentity.arn",
    ];
    match category {
        "Management" => Ok(of_all.to_vec()),
        "Data" => Ok([&of_all[..], &["resources.ARN", "resources.type"]].concat()),
        "NetworkActivity" => {
            Err(Error::NotImplemented("Network activity events are not recorded here.".to_owned()))
        }
        other => Err(invalid(format!("{other} is no valid value for eventCategory."))),
    }
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
