//! Where in an input something stands, as AWS's messages print it.

use std::fmt;

/// One step from a container to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    Member(&'static str),
    /// Counts from 0; printed from 1.
    Element(usize),
    Key(String),
}

/// From the input's root, for example `pipeline.stages.2.member.name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Segment>);

impl Path {
    pub fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match segment {
                Segment::Member(name) => f.write_str(&lower_first(name))?,
                Segment::Element(index) => write!(f, "{}.member", index + 1)?,
                Segment::Key(key) => write!(f, "{key}.member")?,
            }
        }
        Ok(())
    }
}

/// `RoleSessionName` → `roleSessionName`.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
