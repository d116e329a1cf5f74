//! `Condition` elements: operator, key and values.
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Single-valued vs. multivalued
//! context keys".

mod value;

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::arn_pattern::ArnValue;
use super::context::Context;
use super::document::Version;
use super::template::{Template, Variable};
use value::{Decimal, Instant, Network};

/// One operator applied to one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub quantifier: Quantifier,
    /// `StringNotEquals` and its like: the complement of the positive operator.
    pub negated: bool,
    /// `…IfExists`: holds when the key is absent.
    pub if_exists: bool,
    /// The key as written.
    pub name: String,
    /// The key in lower case.
    pub key: String,
    test: Test,
}

/// How an operator deals with several values in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// None written: some value must match; with a negated operator none may.
    Unquantified,
    /// Every value must pass; holds when there is none.
    ForAllValues,
    /// Some value must pass; fails when there is none.
    ForAnyValue,
}

/// A positive test with the values of the policy, one of which must match.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    StringEquals(Vec<Template>),
    StringEqualsIgnoreCase(Vec<Template>),
    StringLike(Vec<Template>),
    Numeric(Comparison, Vec<Decimal>),
    Date(Comparison, Vec<Instant>),
    Bool(Vec<bool>),
    Binary(Vec<Vec<u8>>),
    IpAddress(Vec<Network>),
    Arn(Vec<ArnValue>),
    /// `Null`: `true` asks that the key is absent.
    Null(Vec<bool>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is wrong with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// No such operator, or quantifiers and suffixes where none belong.
    Operator,
    /// A value that the operator cannot compare.
    Value,
}

impl Condition {
    /// Compiles one operator with one key.
    pub fn new(operator: &str, key: &str, values: &[String], version: Version) -> Result<Self, Invalid> {
        let (quantifier, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return Err(Invalid::Operator),
            None => (Quantifier::Unquantified, operator),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (negated, test) = Test::new(base, values, version)?;
        if matches!(test, Test::Null(_)) && (if_exists || quantifier != Quantifier::Unquantified) {
            return Err(Invalid::Operator);
        }
        Ok(Condition {
            quantifier,
            negated,
            if_exists,
            name: key.to_owned(),
            key: key.to_ascii_lowercase(),
            test,
        })
    }

    /// True when the condition holds for the keys of a request.
    pub fn holds(&self, context: &Context) -> bool {
        let values = context.values(&self.key);
        if let Test::Null(wanted) = &self.test {
            return wanted.contains(&values.is_none());
        }
        let Some(values) = values else {
            return self.if_exists
                || match self.quantifier {
                    Quantifier::Unquantified => self.negated,
                    Quantifier::ForAllValues => true,
                    Quantifier::ForAnyValue => false,
                };
        };
        let passes = |value: &String| self.test.matches(value, context) != self.negated;
        match self.quantifier {
            Quantifier::Unquantified if self.negated => values.iter().all(passes),
            Quantifier::Unquantified | Quantifier::ForAnyValue => values.iter().any(passes),
            Quantifier::ForAllValues => values.iter().all(passes),
        }
    }

    /// The policy variables in the condition's values.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.test.templates().into_iter().flat_map(Template::variables)
    }
}

impl Test {
    /// The test behind an operator without quantifier and suffix, and whether the operator negates it.
    fn new(operator: &str, values: &[String], version: Version) -> Result<(bool, Self), Invalid> {
        let templates = || values.iter().map(|value| Template::new(value, version)).collect();
        let arns = || values.iter().map(|value| ArnValue(Template::new(value, version))).collect();
        let numeric = |comparison| Ok::<_, Invalid>(Test::Numeric(comparison, read(values, Decimal::parse)?));
        let date = |comparison| Ok::<_, Invalid>(Test::Date(comparison, read(values, Instant::parse)?));
        let networks = || Ok::<_, Invalid>(Test::IpAddress(read(values, Network::parse)?));
        Ok(match operator {
            "StringEquals" => (false, Test::StringEquals(templates())),
            "StringNotEquals" => (true, Test::StringEquals(templates())),
            "StringEqualsIgnoreCase" => (false, Test::StringEqualsIgnoreCase(templates())),
            "StringNotEqualsIgnoreCase" => (true, Test::StringEqualsIgnoreCase(templates())),
            "StringLike" => (false, Test::StringLike(templates())),
            "StringNotLike" => (true, Test::StringLike(templates())),
            "NumericEquals" => (false, numeric(Comparison::Equal)?),
            "NumericNotEquals" => (true, numeric(Comparison::Equal)?),
            "NumericLessThan" => (false, numeric(Comparison::Less)?),
            "NumericLessThanEquals" => (false, numeric(Comparison::LessOrEqual)?),
            "NumericGreaterThan" => (false, numeric(Comparison::Greater)?),
            "NumericGreaterThanEquals" => (false, numeric(Comparison::GreaterOrEqual)?),
            "DateEquals" => (false, date(Comparison::Equal)?),
            "DateNotEquals" => (true, date(Comparison::Equal)?),
            "DateLessThan" => (false, date(Comparison::Less)?),
            "DateLessThanEquals" => (false, date(Comparison::LessOrEqual)?),
            "DateGreaterThan" => (false, date(Comparison::Greater)?),
            "DateGreaterThanEquals" => (false, date(Comparison::GreaterOrEqual)?),
            "Bool" => (false, Test::Bool(read(values, boolean)?)),
            "BinaryEquals" => (false, Test::Binary(read(values, |value| STANDARD.decode(value).ok())?)),
            "IpAddress" => (false, networks()?),
            "NotIpAddress" => (true, networks()?),
            "ArnEquals" | "ArnLike" => (false, Test::Arn(arns())),
            "ArnNotEquals" | "ArnNotLike" => (true, Test::Arn(arns())),
            "Null" => (false, Test::Null(read(values, boolean)?)),
            _ => return Err(Invalid::Operator),
        })
    }

    /// True when `value`, one of the request's, matches one of the policy's. What cannot be read as the
    /// operator's type matches nothing.
    fn matches(&self, value: &str, context: &Context) -> bool {
        match self {
            Test::StringEquals(wanted) => {
                wanted.iter().any(|template| template.compare(context, |text| text == value))
            }
            Test::StringEqualsIgnoreCase(wanted) => {
                let value = value.to_lowercase();
                wanted.iter().any(|template| template.compare(context, |text| text.to_lowercase() == value))
            }
            Test::StringLike(wanted) => wanted.iter().any(|template| template.matches(value, context)),
            Test::Numeric(comparison, wanted) => Decimal::parse(value)
                .is_some_and(|value| wanted.iter().any(|wanted| comparison.holds(value.cmp(wanted)))),
            Test::Date(comparison, wanted) => Instant::parse(value)
                .is_some_and(|value| wanted.iter().any(|wanted| comparison.holds(value.cmp(wanted)))),
            Test::Bool(wanted) => boolean(value).is_some_and(|value| wanted.contains(&value)),
            Test::Binary(wanted) => STANDARD.decode(value).is_ok_and(|value| wanted.contains(&value)),
            Test::IpAddress(wanted) => value::address(value)
                .is_some_and(|address| wanted.iter().any(|network| network.contains(address))),
            Test::Arn(wanted) => wanted.iter().any(|pattern| pattern.matches(value, context)),
            Test::Null(wanted) => wanted.contains(&false),
        }
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Test::StringEquals(list) | Test::StringEqualsIgnoreCase(list) | Test::StringLike(list) => {
                list.iter().collect()
            }
            Test::Arn(list) => list.iter().map(|value| &value.0).collect(),
            Test::Numeric(..)
            | Test::Date(..)
            | Test::Bool(_)
            | Test::Binary(_)
            | Test::IpAddress(_)
            | Test::Null(_) => Vec::new(),
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Reads every value, or says that one cannot be read: a value that never matches would make a negated
/// operator hold always.
fn read<T>(values: &[String], parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Invalid> {
    values.iter().map(|value| parse(value).ok_or(Invalid::Value)).collect()
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
