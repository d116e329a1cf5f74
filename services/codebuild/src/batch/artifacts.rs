//! Where the builds of a batch put their artifacts. Pure.
//!
//! By themselves builds follow the project's settings. What is combined goes below one prefix: files straight to where
//! they belong, archives to a place beside it until they are made one. A pipeline's batch is told its places by name:
//! `build` is the primary artifact of that build, `build_artifact` its secondary one.
//! Source: CodeBuild User Guide, "AWS CodePipeline integration with CodeBuild and batch builds".

use codebuild_model::{
    ArtifactNamespace, ArtifactPackaging, ArtifactsType, Project as Settings, ProjectArtifacts, SourceType,
};

use crate::{
    artifacts::destination::{Destination, Layout, destination},
    buildspec::DOWNLOAD_SOURCE,
    records::Batch,
};

/// Primary and secondary artifacts of a build of the batch.
pub(super) fn of_build(batch: &Batch, identifier: &str) -> (ProjectArtifacts, Vec<ProjectArtifacts>) {
    let settings = &batch.configuration.0;
    let secondary = settings.secondary_artifacts.clone().unwrap_or_default();
    if identifier == DOWNLOAD_SOURCE {
        return (nothing(), vec![]);
    }
    if let (true, Some((artifacts, place))) = (batch.combines(), combined(batch)) {
        return (part(artifacts, &place, identifier), secondary);
    }
    if is_of_pipeline(settings) {
        return by_name(settings, identifier);
    }
    (settings.artifacts.clone().unwrap_or_else(nothing), secondary)
}

/// Where the combined artifacts of a batch go. None if there are none to combine.
pub(super) fn combined(batch: &Batch) -> Option<(&ProjectArtifacts, Destination)> {
    let artifacts = batch.configuration.0.artifacts.as_ref()?;
    if artifacts.r#type != ArtifactsType::S3 {
        return None;
    }
    Some((artifacts, destination(artifacts, &batch.id.project, batch.id.uuid, None, None)?))
}

/// Where a build's archive waits to be combined with the others.
pub(super) fn part_key(combined: &str, identifier: &str) -> String {
    format!("{combined}.parts/{identifier}.zip")
}

fn part(artifacts: &ProjectArtifacts, place: &Destination, identifier: &str) -> ProjectArtifacts {
    let (key, packaging) = match &place.layout {
        Layout::Zip(key) => (part_key(key, identifier), ArtifactPackaging::Zip),
        Layout::Folder(prefix) => (prefix.clone(), ArtifactPackaging::None),
    };
    let (path, name) = match key.trim_end_matches('/').rsplit_once('/') {
        Some((path, name)) => (path.to_owned(), name.to_owned()),
        None if key.is_empty() => (String::new(), "/".to_owned()),
        None => (String::new(), key.trim_end_matches('/').to_owned()),
    };
    ProjectArtifacts {
        path: Some(path),
        name: Some(name),
        namespace_type: Some(ArtifactNamespace::None),
        packaging: Some(packaging),
        override_artifact_name: Some(false),
        ..artifacts.clone()
    }
}

fn is_of_pipeline(settings: &Settings) -> bool {
    settings.source.as_ref().is_some_and(|source| source.r#type == SourceType::Codepipeline)
}

fn by_name(settings: &Settings, identifier: &str) -> (ProjectArtifacts, Vec<ProjectArtifacts>) {
    let mut primary = nothing();
    let mut secondary = Vec::new();
    for place in settings.secondary_artifacts.iter().flatten() {
        let name = place.artifact_identifier.as_deref().unwrap_or_default();
        if name == identifier {
            primary = ProjectArtifacts { artifact_identifier: None, ..place.clone() };
        } else if let Some(own) = name.strip_prefix(identifier).and_then(|rest| rest.strip_prefix('_')) {
            secondary.push(ProjectArtifacts { artifact_identifier: Some(own.to_owned()), ..place.clone() });
        }
    }
    (primary, secondary)
}

fn nothing() -> ProjectArtifacts {
    ProjectArtifacts { r#type: ArtifactsType::NoArtifacts, ..ProjectArtifacts::default() }
}

#[cfg(test)]
mod tests {
    use codebuild_model::{ProjectBuildBatchConfig, ProjectSource};

    use super::*;
    use crate::batch::state::tests::batch;

    fn with(combine: bool, change: impl FnOnce(&mut Settings)) -> Batch {
        let config = ProjectBuildBatchConfig {
            combine_artifacts: Some(combine),
            ..ProjectBuildBatchConfig::default()
        };
        let mut batch = batch(config);
        change(&mut batch.configuration.0);
        batch
    }

    fn s3(path: &str, packaging: ArtifactPackaging) -> ProjectArtifacts {
        ProjectArtifacts {
            r#type: ArtifactsType::S3,
            location: Some("out".into()),
            path: Some(path.into()),
            name: Some("app.zip".into()),
            packaging: Some(packaging),
            ..ProjectArtifacts::default()
        }
    }

    fn key(artifacts: &ProjectArtifacts) -> String {
        destination(artifacts, "demo", uuid::Uuid::max(), None, None).unwrap().arn("aws")
    }

    #[test]
    fn parts_lie_beside_what_they_become() {
        let batch = with(true, |settings| settings.artifacts = Some(s3("p", ArtifactPackaging::Zip)));
        assert_eq!(key(&of_build(&batch, "a").0), "arn:aws:s3:::out/p/app.zip.parts/a.zip");
        assert_eq!(combined(&batch).unwrap().1.layout, Layout::Zip("p/app.zip".into()));
        let batch = with(true, |settings| {
            let artifacts = s3("p", ArtifactPackaging::None);
            let namespace_type = Some(ArtifactNamespace::BuildId);
            settings.artifacts = Some(ProjectArtifacts { namespace_type, ..artifacts });
        });
        let id = batch.id.uuid;
        assert_eq!(
            key(&of_build(&batch, "a").0),
            format!("arn:aws:s3:::out/p/{id}/app.zip"),
            "all in one folder"
        );
        assert_eq!(of_build(&batch, DOWNLOAD_SOURCE).0.r#type, ArtifactsType::NoArtifacts);
    }

    #[test]
    fn pipelines_name_their_places() {
        let batch = with(false, |settings| {
            let source = ProjectSource { r#type: SourceType::Codepipeline, ..ProjectSource::default() };
            settings.source = Some(source);
            let named = |name: &str| ProjectArtifacts {
                artifact_identifier: Some(name.to_owned()),
                ..s3(name, ArtifactPackaging::Zip)
            };
            settings.secondary_artifacts =
                Some(vec![named("build1"), named("build1_docs"), named("build2_docs")]);
        });
        let (primary, secondary) = of_build(&batch, "build1");
        assert_eq!(primary.path.as_deref(), Some("build1"));
        let names: Vec<_> =
            secondary.iter().map(|place| place.artifact_identifier.as_deref().unwrap()).collect();
        assert_eq!(names, ["docs"]);
        assert_eq!(of_build(&batch, "build2").0.r#type, ArtifactsType::NoArtifacts);
    }
}
