//! Reading an asset of a version.

use crate::error::{Error, Resource};
use crate::names::Format;
use crate::records::{Asset, Status, Version};

/// The asset of that name. Errors: `NotFound`, also while the status of the version hides it, saying why.
pub fn of<'v>(version: &'v Version, name: &str) -> Result<&'v Asset, Error> {
    check_readable(version)?;
    version.contents.assets.get(name).ok_or_else(|| {
        let message = format!(
            "Asset not found. Version {} of package {} has no asset {name}.",
            version.version,
            version.coordinates.shown()
        );
        Error::not_found(Resource::asset(name), message)
    })
}

/// Errors: `NotFound`.
pub fn check_readable(version: &Version) -> Result<(), Error> {
    // Until a version of Maven is finished, nobody builds with what is there of it already.
    // Source: CodeArtifact User Guide, "Using Maven checksums".
    let is_half = version.status == Status::Unfinished && version.coordinates.format == Format::Maven;
    if version.status.is_readable() && !is_half {
        return Ok(());
    }
    let (package, number) = (version.coordinates.shown(), &version.version);
    let message = format!(
        "The assets of version {number} of package {package} cannot be read: its status is {}.",
        version.status.as_str()
    );
    Err(Error::not_found(Resource::version(&format!("{package} {number}")), message))
}
