//! Real builds in real sandboxes, held by a real supervisor process.

mod isolation;
mod lifecycle;
mod machine;
mod session;
