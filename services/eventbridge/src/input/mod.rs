//! What a target is given of an event. No I/O.

mod path;
mod transformer;

pub use path::Path;
pub use transformer::{Circumstances, Mistake, Transformer};
