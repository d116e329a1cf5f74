//! The rules of Smithy's protocol tests as tables, per codec: how each kind of value is written, and that
//! reading gives it back.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod cbor;
mod json;
mod query;
mod remote;
mod rest_json;
mod rest_xml;
mod shapes;
