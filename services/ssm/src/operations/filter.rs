//! Which parameters a listing is asked for.
//! Source: Systems Manager API Reference, ParameterStringFilter and ParametersFilter.

use ssm_model::{ParameterStringFilter, ParametersFilter, ParametersFilterKey};

use crate::error::Error;
use crate::names;
use crate::records::{Kind, Parameter, Version};
use crate::shape;

/// One condition. Several of them must all be met; of the values of one, any.
#[derive(Clone, Debug)]
pub struct Filter {
    field: Field,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Name(Match),
    /// Whether names deeper down count, too. The values end with a slash.
    Path {
        recursive: bool,
    },
    Type,
    Tier,
    KeyId(Match),
    DataType,
    Label,
    Tag(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Equals,
    BeginsWith,
    Contains,
}

impl Match {
    fn holds(self, text: &str, value: &str) -> bool {
        match self {
            Self::Equals => text == value,
            Self::BeginsWith => text.starts_with(value),
            Self::Contains => text.contains(value),
        }
    }
}

impl Filter {
    /// Errors: `InvalidFilterOption`, `InvalidFilterKey`, `InvalidFilterValue`.
    pub fn of(given: ParameterStringFilter) -> Result<Self, Error> {
        let option = given.option.as_deref();
        let mut values = given.values.unwrap_or_default();
        let field = match given.key.as_str() {
            "Name" => Field::Name(matching(option)?),
            "KeyId" => Field::KeyId(matching(option)?),
            "Path" => {
                values = values.iter().map(|path| names::below(path)).collect::<Result<_, _>>()?;
                Field::Path { recursive: recursive(option)? }
            }
            key => {
                only_equals(option)?;
                match key {
                    "Type" => Field::Type,
                    "Tier" => Field::Tier,
                    "DataType" => Field::DataType,
                    "Label" => Field::Label,
                    _ => match key.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
                        Some(tag) => Field::Tag(tag.to_owned()),
                        None => {
                            let message = format!("The following filter key is not valid: {key}.");
                            return Err(Error::InvalidFilterKey(message));
                        }
                    },
                }
            }
        };
        // A tag without values asks for the key alone.
        if values.is_empty() && !matches!(field, Field::Tag(_)) {
            let message =
                format!("The following filter values are missing: null for filter key {}.", given.key);
            return Err(Error::InvalidFilterValue(message));
        }
        Ok(Self { field, values })
    }

    /// From the older form, which knows no options.
    pub fn older(given: ParametersFilter) -> Result<Self, Error> {
        let field = match given.key {
            ParametersFilterKey::Name => Field::Name(Match::BeginsWith),
            ParametersFilterKey::Type => Field::Type,
            ParametersFilterKey::KeyId => Field::KeyId(Match::Equals),
            ParametersFilterKey::Other(key) => {
                return Err(Error::InvalidFilterKey(format!(
                    "The following filter key is not valid: {key}."
                )));
            }
        };
        Ok(Self { field, values: given.values })
    }

    /// Whether it is one of those that GetParametersByPath knows.
    pub fn goes_with_a_path(&self) -> bool {
        matches!(self.field, Field::Type | Field::KeyId(_) | Field::Label | Field::DataType | Field::Tier)
    }

    pub fn fits(&self, parameter: &Parameter, version: &Version) -> bool {
        let any = |fits: &dyn Fn(&str) -> bool| self.values.iter().any(|value| fits(value));
        match &self.field {
            Field::Name(matching) => any(&|value| matching.holds(&parameter.name, value)),
            Field::Path { recursive } => any(&|path| is_below(&parameter.name, path, *recursive)),
            Field::Type => any(&|value| parameter.kind.as_str() == value),
            Field::Tier => any(&|value| version.tier.as_str() == value),
            Field::KeyId(matching) => {
                parameter.kind == Kind::SecureString
                    && any(&|value| matching.holds(shape::DEFAULT_KEY, value))
            }
            Field::DataType => any(&|value| value == shape::TEXT),
            Field::Label => any(&|value| parameter.labels.get(value) == Some(&version.number)),
            Field::Tag(key) => {
                let tag = parameter.tags.get(key);
                tag.is_some_and(|tag| self.values.is_empty() || any(&|value| tag == value))
            }
        }
    }
}

/// Whether a name is below a path that ends with a slash.
pub fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    name.strip_prefix(path).is_some_and(|rest| recursive || !rest.contains('/'))
}

fn matching(option: Option<&str>) -> Result<Match, Error> {
    match option {
        None | Some("Equals") => Ok(Match::Equals),
        Some("BeginsWith") => Ok(Match::BeginsWith),
        Some("Contains") => Ok(Match::Contains),
        Some(other) => invalid_option(other, "BeginsWith, Contains, Equals"),
    }
}

fn recursive(option: Option<&str>) -> Result<bool, Error> {
    match option {
        None | Some("OneLevel") => Ok(false),
        Some("Recursive") => Ok(true),
        Some(other) => invalid_option(other, "OneLevel, Recursive"),
    }
}

fn only_equals(option: Option<&str>) -> Result<(), Error> {
    match option {
        None | Some("Equals") => Ok(()),
        Some(other) => invalid_option(other, "Equals"),
    }
}

fn invalid_option<T>(option: &str, valid: &'static str) -> Result<T, Error> {
    Err(Error::InvalidFilterOption { option: option.to_owned(), valid })
}
