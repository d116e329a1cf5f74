//! What the world is told of package versions.
//! Source: CodeArtifact User Guide, "CodeArtifact event format and example".

use aws::{Event, Scope, Timestamp, event};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::WriteTx;

use crate::records::{Contents, Package, Repository, Version};

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Created,
    Updated,
    Deleted,
}

/// How the contents of a version changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub assets_added: usize,
    pub assets_removed: usize,
    pub assets_updated: usize,
    pub metadata_updated: bool,
    pub status_changed: bool,
}

impl Changes {
    pub fn between(before: Option<&Version>, after: Option<&Version>) -> Self {
        let nothing = Contents::default();
        let old = before.map_or(&nothing, |version| &version.contents);
        let new = after.map_or(&nothing, |version| &version.contents);
        let updated = |name: &String| {
            let (old, new) = (old.assets.get(name), new.assets.get(name));
            old.zip(new).is_some_and(|(old, new)| old.blob != new.blob)
        };
        Self {
            assets_added: new.assets.keys().filter(|name| !old.assets.contains_key(*name)).count(),
            assets_removed: old.assets.keys().filter(|name| !new.assets.contains_key(*name)).count(),
            assets_updated: new.assets.keys().filter(|name| updated(name)).count(),
            metadata_updated: old.metadata != new.metadata || old.native != new.native,
            status_changed: before.map(|version| version.status) != after.map(|version| version.status),
        }
    }
}

/// Tells the owner of the domain, and the administrator of the repository if that is another account.
/// `package` carries the number of the event.
pub fn tell(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &Package,
    version: &Version,
    happening: Happening,
    changes: Changes,
    at: Timestamp,
) -> Result<(), store::Error> {
    let name = repository.full_name();
    let coordinates = &package.coordinates;
    let arn = name.package_arn(coordinates).to_string();
    let (state, operation) = match happening {
        Happening::Created => (version.status.as_str(), "Created"),
        Happening::Updated => (version.status.as_str(), "Updated"),
        Happening::Deleted => ("Deleted", "Deleted"),
    };
    let identity = format!("{}/{arn}/{}/{}", repository.id, version.version, package.sequence);
    let detail = json!({
        "domainName": repository.domain,
        "domainOwner": repository.scope.account.as_str(),
        "repositoryName": repository.name,
        "repositoryAdministrator": repository.administrator.as_str(),
        "packageFormat": coordinates.format.as_str(),
        "packageNamespace": coordinates.namespace(),
        "packageName": coordinates.name,
        "packageVersion": version.version,
        "packageVersionState": state,
        "packageVersionRevision": version.revision,
        "changes": {
            "assetsAdded": changes.assets_added,
            "assetsRemoved": changes.assets_removed,
            "assetsUpdated": changes.assets_updated,
            "metadataUpdated": changes.metadata_updated,
            "statusChanged": changes.status_changed,
        },
        "operationType": operation,
        "sequenceNumber": package.sequence,
        "eventDeduplicationId": hex::encode(Sha256::digest(identity.as_bytes())),
    });
    let administrators = Scope::new(repository.administrator.clone(), repository.scope.region.clone());
    let both = [&repository.scope, &administrators];
    let told = if repository.scope == administrators { &both[..1] } else { &both[..] };
    for scope in told {
        let resources = vec![arn.clone()];
        let event = Event::new(
            scope,
            "aws.codeartifact",
            "CodeArtifact Package Version State Change",
            at,
            resources,
            detail.clone(),
        );
        tx.append(event::TOPIC, &event)?;
    }
    Ok(())
}
