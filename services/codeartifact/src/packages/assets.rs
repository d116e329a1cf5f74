//! Reading an asset of a version.

use crate::error::{Error, Resource};
use crate::records::{Asset, Version};

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
    if version.status.is_readable() {
        return Ok(());
    }
    let (package, number) = (version.coordinates.shown(), &version.version);
    let message = format!(
        "The assets of version {number} of package {package} cannot be read: its status is {}.",
        version.status.as_str()
    );
    Err(Error::not_found(Resource::version(&format!("{package} {number}")), message))
}
