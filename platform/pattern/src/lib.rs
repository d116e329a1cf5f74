//! Event patterns: parsed with AWS's refusals, matched, and able to say why they do not match. No I/O.
//!
//! A pattern is compiled to its alternatives, the combinations that `$or` makes; each is a list of fields that all have
//! to be satisfied. Source: EventBridge User Guide, "Event patterns".

mod cidr;
mod condition;
mod event;
mod parse;
mod token;
mod wildcard;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use condition::{Condition, Literal};
pub use event::Flattened;
pub use token::Problem;

/// A compiled event pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    // Invariant: at least one.
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Alternative {
    /// In the order of the pattern, one for each path.
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    /// Names joined by dots: `detail.bucket.name`.
    path: String,
    conditions: Vec<Condition>,
}

/// Why a pattern does not match an event: the first field that is not satisfied.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// `detail.bucket.name`
    pub field: String,
    /// The values that the event has there, the first few of them; none if it has no such field.
    pub seen: Vec<Value>,
    /// The conditions of which one would have to be satisfied, as the pattern has them.
    pub wanted: Vec<String>,
    /// Each field is satisfied, but not by one and the same element of a list.
    pub scattered: bool,
}

/// What an alternative of a pattern asks of source and detail type by exact values alone; `None` where it asks for
/// something else or for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub sources: Option<Vec<String>>,
    pub detail_types: Option<Vec<String>>,
}

/// Values that a [`Mismatch`] shows at most.
const SHOWN: usize = 5;

impl Pattern {
    /// Errors: the reason of `InvalidEventPatternException`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parse::parse(text)
    }

    pub fn matches(&self, event: &Flattened<'_>) -> bool {
        self.alternatives.iter().any(|alternative| alternative.judge(event).is_ok())
    }

    /// Errors: why it does not match. Of several alternatives the one that got furthest counts.
    pub fn judge(&self, event: &Flattened<'_>) -> Result<(), Mismatch> {
        let mut furthest: Option<(usize, Mismatch)> = None;
        for alternative in &self.alternatives {
            match alternative.judge(event) {
                Ok(()) => return Ok(()),
                Err((satisfied, mismatch)) => {
                    if furthest.as_ref().is_none_or(|(before, _)| satisfied > *before) {
                        furthest = Some((satisfied, mismatch));
                    }
                }
            }
        }
        furthest.map_or(Ok(()), |(_, mismatch)| Err(mismatch))
    }

    /// For an index of many patterns.
    pub fn keys(&self) -> impl Iterator<Item = Keys> + '_ {
        self.alternatives.iter().map(|alternative| Keys {
            sources: alternative.exact_texts("source"),
            detail_types: alternative.exact_texts("detail-type"),
        })
    }
}

impl Alternative {
    /// The last of several members with one name counts.
    fn set(&mut self, field: Field) {
        match self.fields.iter_mut().find(|known| known.path == field.path) {
            Some(known) => *known = field,
            None => self.fields.push(field),
        }
    }

    /// Errors: how many fields were satisfied before the first that is not, and that one.
    fn judge(&self, event: &Flattened<'_>) -> Result<(), (usize, Mismatch)> {
        let mut places = Vec::with_capacity(self.fields.len());
        for (index, field) in self.fields.iter().enumerate() {
            let leaves = event.leaves(&field.path);
            if leaves.is_empty() {
                if field.conditions.contains(&Condition::Exists(false)) {
                    continue;
                }
                return Err((index, field.mismatch(event, false)));
            }
            let satisfying = leaves
                .iter()
                .filter(|leaf| field.conditions.iter().any(|condition| condition.admits(leaf.value)))
                .map(|leaf| leaf.place.as_slice());
            let satisfying: Vec<_> = satisfying.collect();
            if satisfying.is_empty() {
                return Err((index, field.mismatch(event, false)));
            }
            places.push(satisfying);
        }
        if event::meet(places) {
            return Ok(());
        }
        let last = self.fields.last().map(|field| field.mismatch(event, true));
        last.map_or(Ok(()), |mismatch| Err((self.fields.len(), mismatch)))
    }

    fn exact_texts(&self, path: &str) -> Option<Vec<String>> {
        let field = self.fields.iter().find(|field| field.path == path)?;
        let texts = field.conditions.iter().map(|condition| match condition {
            // Addresses match in several spellings.
            Condition::Exact(Literal::Text(text)) if text.parse::<std::net::IpAddr>().is_err() => {
                Some(text.clone())
            }
            _ => None,
        });
        texts.collect()
    }
}

impl Field {
    fn mismatch(&self, event: &Flattened<'_>, scattered: bool) -> Mismatch {
        Mismatch {
            field: self.path.clone(),
            seen: event.leaves(&self.path).iter().take(SHOWN).map(|leaf| leaf.value.clone()).collect(),
            wanted: self.conditions.iter().map(Condition::to_string).collect(),
            scattered,
        }
    }
}

impl std::fmt::Display for Mismatch {
    /// A sentence for a reader.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wanted = self.wanted.join(" or ");
        if self.scattered {
            return write!(
                f,
                "every field is satisfied, but not all by the same element of a list (the last one is {} with {wanted})",
                self.field
            );
        }
        match self.seen.as_slice() {
            [] => write!(f, "{} is not in the event; wanted {wanted}", self.field),
            [one] => write!(f, "{} is {one}; wanted {wanted}", self.field),
            several => {
                let seen: Vec<String> = several.iter().map(Value::to_string).collect();
                write!(f, "none of {}'s values {} fits; wanted {wanted}", self.field, seen.join(", "))
            }
        }
    }
}
