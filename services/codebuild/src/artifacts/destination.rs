//! The place of an artifact in S3.
//! Source: CodeBuild User Guide, "Create a build project", table of `path`, `namespaceType` and `name`.

use codebuild_model::{ArtifactNamespace, ArtifactPackaging, BucketOwnerAccess, ProjectArtifacts};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub bucket: String,
    pub layout: Layout,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One ZIP at this key.
    Zip(String),
    /// Each file by itself below this prefix, which is empty or ends with `/`.
    Folder(String),
}

/// `name` is what the buildspec says, if it is asked at all. None without a bucket.
pub(crate) fn destination(
    artifacts: &ProjectArtifacts,
    project: &str,
    build: Uuid,
    name: Option<&str>,
    s3_prefix: Option<&str>,
) -> Option<Destination> {
    let bucket = artifacts.location.as_deref()?;
    // The API takes a bucket's ARN for its name.
    let bucket = bucket.strip_prefix("arn:aws:s3:::").unwrap_or(bucket).to_owned();
    let own_name = artifacts.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(project);
    let name = match artifacts.override_artifact_name {
        Some(true) => name.unwrap_or(own_name),
        Some(false) | None => own_name,
    };
    let build = build.to_string();
    let namespace = match artifacts.namespace_type {
        Some(ArtifactNamespace::BuildId) => build.as_str(),
        Some(ArtifactNamespace::None | ArtifactNamespace::Other(_)) | None => "",
    };
    // Source: CodeBuild User Guide, "Build specification reference", artifacts/s3-prefix.
    let s3_prefix = s3_prefix.filter(|_| !namespace.is_empty());
    let path = s3_prefix.or(artifacts.path.as_deref()).unwrap_or_default();
    let parts = [path, namespace, name].map(|part| part.trim_matches('/'));
    let key = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let layout = match artifacts.packaging {
        Some(ArtifactPackaging::Zip) if key.is_empty() => Layout::Zip(project.to_owned()),
        Some(ArtifactPackaging::Zip) => Layout::Zip(key),
        Some(ArtifactPackaging::None | ArtifactPackaging::Other(_)) | None if key.is_empty() => {
            Layout::Folder(key)
        }
        Some(ArtifactPackaging::None | ArtifactPackaging::Other(_)) | None => {
            Layout::Folder(format!("{key}/"))
        }
    };
    Some(Destination { bucket, layout })
}

/// The canned ACL by which the owner of the bucket gets what the project lets it have.
/// Source: CodeBuild API Reference, ProjectArtifacts, `bucketOwnerAccess`.
pub(crate) fn acl_for_owner(artifacts: &ProjectArtifacts) -> Option<String> {
    match artifacts.bucket_owner_access.as_ref()? {
        BucketOwnerAccess::ReadOnly => Some("bucket-owner-read".to_owned()),
        BucketOwnerAccess::Full => Some("bucket-owner-full-control".to_owned()),
        BucketOwnerAccess::None | BucketOwnerAccess::Other(_) => None,
    }
}

impl Destination {
    pub fn arn(&self, partition: &str) -> String {
        let key = match &self.layout {
            Layout::Zip(key) => key,
            Layout::Folder(prefix) => prefix.trim_end_matches('/'),
        };
        match key {
            "" => format!("arn:{partition}:s3:::{}", self.bucket),
            key => format!("arn:{partition}:s3:::{}/{key}", self.bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(path: &str, by_id: bool, name: Option<&str>, zip: bool) -> Layout {
        prefixed(None, path, by_id, name, zip)
    }

    fn prefixed(prefix: Option<&str>, path: &str, by_id: bool, name: Option<&str>, zip: bool) -> Layout {
        let artifacts = ProjectArtifacts {
            location: Some("out".into()),
            path: Some(path.into()),
            namespace_type: Some(if by_id { ArtifactNamespace::BuildId } else { ArtifactNamespace::None }),
            name: name.map(str::to_owned),
            packaging: Some(if zip { ArtifactPackaging::Zip } else { ArtifactPackaging::None }),
            ..ProjectArtifacts::default()
        };
        destination(&artifacts, "demo", Uuid::nil(), None, prefix).unwrap().layout
    }

    #[test]
    fn table_of_the_guide() {
        let id = "00000000-0000-0000-0000-000000000000";
        assert_eq!(layout("", false, None, false), Layout::Folder("demo/".into()));
        assert_eq!(layout("P", false, Some("N.zip"), true), Layout::Zip("P/N.zip".into()));
        assert_eq!(layout("/P/", true, Some("N.zip"), true), Layout::Zip(format!("P/{id}/N.zip")));
        assert_eq!(layout("P", true, Some("/"), false), Layout::Folder(format!("P/{id}/")));
        assert_eq!(layout("", false, Some("/"), false), Layout::Folder(String::new()));
    }

    #[test]
    fn pipeline_key_is_met_exactly() {
        let key = Layout::Zip("pipe/App/Ab3dE5g".into());
        for prefix in [None, Some("p")] {
            assert_eq!(prefixed(prefix, "pipe/App", false, Some("Ab3dE5g"), true), key);
        }
    }

    #[test]
    fn prefix_of_the_buildspec_replaces_the_path_before_the_builds_id() {
        let id = "00000000-0000-0000-0000-000000000000";
        assert_eq!(prefixed(Some("p"), "P", true, Some("N"), true), Layout::Zip(format!("p/{id}/N")));
    }

    #[test]
    fn buildspec_name_counts_only_when_asked() {
        let mut artifacts = ProjectArtifacts {
            location: Some("arn:aws:s3:::out".into()),
            name: Some("own".into()),
            ..ProjectArtifacts::default()
        };
        let named = |artifacts: &ProjectArtifacts| {
            destination(artifacts, "demo", Uuid::nil(), Some("a/2024"), None).unwrap().arn("aws")
        };
        assert_eq!(named(&artifacts), "arn:aws:s3:::out/own");
        artifacts.override_artifact_name = Some(true);
        assert_eq!(named(&artifacts), "arn:aws:s3:::out/a/2024");
    }
}
