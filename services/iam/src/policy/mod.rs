//! Policy documents and their evaluation: a pure function from a request and the policies that apply to it
//! to a decision. Nothing here does I/O, reads a clock or keeps state.
//!
//! The way of a request: [`Document::parse`] turns text into compiled statements once, [`Context`] carries the
//! condition keys, [`evaluate`](evaluate::evaluate) decides, and [`Denial`] words the refusal.
//! Source of the rules: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy element reference".

pub mod arn_pattern;
pub mod condition;
pub mod context;
pub mod denial;
pub mod document;
pub mod evaluate;
mod json;
mod parse;
pub mod principal;
pub mod request;
pub mod template;
pub mod wildcard;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod reference;

pub use context::Context;
pub use denial::{Denial, PolicyType};
pub use document::{Document, Effect, Kind, Statement, Version};
pub use evaluate::{Decision, Policies, Policy, PolicySource, ResourcePolicy, evaluate};
pub use parse::MalformedPolicyDocument;
pub use principal::{Identity, PrincipalPattern};
pub use request::Request;
