//! What schemas demand of single values, in AWS's words.

use crate::shape::{Kind, Schema};

fn at_most(max: i64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn at_least(min: i64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// Strings count code points, blobs bytes, containers entries.
pub fn violated_by_length(schema: &Schema, length: usize) -> Vec<String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let over = schema.max.filter(|max| length > *max).map(at_most);
    let under = schema.min.filter(|min| length < *min).map(at_least);
    over.into_iter().chain(under).collect()
}

pub fn violated_by_string(schema: &Schema, value: &str) -> Vec<String> {
    let mut texts = violated_by_length(schema, value.chars().count());
    if let Some(pattern) = &schema.pattern
        && !pattern.matches(value)
    {
        texts.push(format!("Member must satisfy regular expression pattern: {}", pattern.source));
    }
    if let Kind::Enum(values) = &schema.kind
        && !values.contains(&value)
    {
        texts.push(one_of(values));
    }
    texts
}

#[allow(clippy::cast_precision_loss, reason = "bounds of models are small")]
pub fn violated_by_number(schema: &Schema, value: f64) -> Vec<String> {
    let under = schema.min.filter(|min| value < *min as f64);
    let over = schema.max.filter(|max| value > *max as f64);
    let under = under.map(|min| format!("Member must have value greater than or equal to {min}"));
    let over = over.map(|max| format!("Member must have value less than or equal to {max}"));
    under.into_iter().chain(over).collect()
}

/// All that a shape demands: what violates one constraint of an element, key or entry is answered with the list.
pub fn all(schema: &Schema) -> String {
    let mut texts = Vec::new();
    if let Kind::Integer | Kind::Double = schema.kind {
        texts.extend(schema.max.map(|max| format!("Member must have value less than or equal to {max}")));
        texts.extend(schema.min.map(|min| format!("Member must have value greater than or equal to {min}")));
    } else {
        texts.extend(schema.max.map(at_most));
        texts.extend(schema.min.map(at_least));
    }
    if let Some(pattern) = &schema.pattern {
        texts.push(format!("Member must satisfy regular expression pattern: {}", pattern.source));
    }
    if let Kind::Enum(values) = &schema.kind {
        texts.push(one_of(values));
    }
    texts.join(", ")
}
