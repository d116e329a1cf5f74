//! What is stored. These forms are apart from the API's shapes and versioned on their own.

pub mod bucket;
pub mod upload;
pub mod version;

pub use bucket::{Bucket, Setting, Versioning};
pub use upload::{Part, Upload};
pub use version::{Attributes, Body, Content, Encryption, Object, Version};
