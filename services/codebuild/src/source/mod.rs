//! Where a build's source comes from and where it stands in the build.

pub(crate) mod codecommit;
pub(crate) mod git;
pub(crate) mod s3;

use std::{io, path::PathBuf};

use codebuild_model::{ProjectSource, SourceType};

use crate::records::Build;

/// One source of a build, with the folder that it goes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    /// None for the primary source.
    pub identifier: Option<String>,
    pub origin: Origin,
    /// As the build sees it.
    pub directory: PathBuf,
    /// As asked for: a commit, branch or tag, an object's version, or a pipeline's artifact.
    pub version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `bucket/key`, or `bucket/prefix/`.
    S3 {
        location: String,
    },
    /// The artifact that the version names.
    CodePipeline,
    CodeCommit(codecommit::Repository),
    Git(git::Repository),
    NoSource,
}

/// Why a source cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(pub String);

impl Origin {
    pub fn of(source: &ProjectSource) -> Result<Self, Unusable> {
        let location = || {
            let given = source.location.as_deref().filter(|location| !location.is_empty());
            let missing =
                format!("Invalid project source: location must be given for source type {}", source.r#type);
            given.ok_or(Unusable(missing))
        };
        match &source.r#type {
            SourceType::S3 => {
                let location = location()?.trim_start_matches("arn:aws:s3:::").to_owned();
                match location.split_once('/') {
                    Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Self::S3 { location }),
                    Some(_) | None => Err(Unusable(format!(
                        "Invalid project source: location must be a valid S3 source, bucket/key or bucket/prefix/, \
                         but is {location}"
                    ))),
                }
            }
            SourceType::Codepipeline => Ok(Self::CodePipeline),
            SourceType::Codecommit => {
                let location = location()?;
                codecommit::Repository::parse(location).map(Self::CodeCommit).ok_or_else(|| {
                    Unusable(format!(
                        "Invalid project source: location must be a valid CodeCommit clone URL, but is {location}"
                    ))
                })
            }
            SourceType::NoSource => Ok(Self::NoSource),
            SourceType::Github
            | SourceType::Gitlab
            | SourceType::GitlabSelfManaged
            | SourceType::Bitbucket
            | SourceType::GithubEnterprise => {
                let (location, kind) = (location()?, &source.r#type);
                let repository = git::provider(kind).and_then(|of| git::Repository::parse(location, of));
                repository.map(Self::Git).ok_or_else(|| {
                    Unusable(format!(
                        "Invalid project source: location must be a valid {kind} repository URL, but is {location}"
                    ))
                })
            }
            SourceType::Other(other) => {
                Err(Unusable(format!("Invalid project source: type {other} is unknown")))
            }
        }
    }
}

/// All sources of a build, the primary one first.
///
/// Folders are CodeBuild's: `/codebuild/output/src<digits>/src`, with other digits for each source, and below it for git
/// the path of the clone URL. Archives beside an archive share the first one's: `s3/00`, `s3/01`. None lies in another.
pub(crate) fn place(build: &Build) -> Result<Vec<Placed>, Unusable> {
    let settings = &build.configuration.0;
    let primary = settings.source.clone().unwrap_or_default();
    let versions = settings.secondary_source_versions.as_deref().unwrap_or_default();
    let mut sources = vec![(None, Origin::of(&primary)?, build.source_version.clone())];
    for source in settings.secondary_sources.iter().flatten() {
        let identifier = source.source_identifier.clone().unwrap_or_default();
        let version = versions.iter().find(|version| version.source_identifier == identifier);
        let version = version.map(|version| version.source_version.clone());
        sources.push((Some(identifier), Origin::of(source)?, version));
    }
    let is_archive = |origin: &Origin| matches!(origin, Origin::S3 { .. } | Origin::CodePipeline);
    let mut archives = sources.iter().map(|(_, origin, _)| is_archive(origin));
    let several_archives = archives.next() == Some(true) && archives.any(|is_archive| is_archive);
    let digits = digits(build);
    let root_of = |index: u128| PathBuf::from(format!("/codebuild/output/src{}/src", digits + index));
    let mut archives = 0;
    let placed = (0..).zip(sources).map(|(index, (identifier, origin, version))| {
        let root = root_of(index);
        let directory = match &origin {
            Origin::CodeCommit(repository) => root
                .join(format!("git-codecommit.{}.amazonaws.com", region(repository, build)))
                .join("v1/repos")
                .join(&repository.name),
            Origin::Git(repository) => root.join(repository.folder()),
            archive if several_archives && is_archive(archive) => {
                archives += 1;
                root_of(0).join("s3").join(format!("{:02}", archives - 1))
            }
            Origin::S3 { .. } | Origin::CodePipeline | Origin::NoSource => root,
        };
        Placed { identifier, origin, directory, version }
    });
    Ok(placed.collect())
}

/// Whether a path is at fault for an error and will be the next time, too: its name, or what stands in its way.
pub(crate) fn is_of_path(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory)
}

pub(crate) fn region<'a>(repository: &'a codecommit::Repository, build: &'a Build) -> &'a str {
    repository.region.as_deref().unwrap_or(build.scope.region.as_str())
}

/// The same for every attempt at a build.
fn digits(build: &Build) -> u128 {
    build.id.uuid.as_u128() % 10_000_000_000
}

#[cfg(test)]
mod tests {
    use codebuild_model::Project;

    use super::*;
    use crate::{records::Configuration, state::tests::build};

    fn source(kind: SourceType, location: &str, identifier: Option<&str>) -> ProjectSource {
        ProjectSource {
            r#type: kind,
            location: Some(location.to_owned()).filter(|location| !location.is_empty()),
            source_identifier: identifier.map(str::to_owned),
            ..ProjectSource::default()
        }
    }

    fn directories(primary: ProjectSource, secondary: Vec<ProjectSource>) -> Vec<String> {
        let mut build = build();
        let project =
            Project { source: Some(primary), secondary_sources: Some(secondary), ..Project::default() };
        build.configuration = Configuration(project);
        let placed = place(&build).unwrap();
        placed.into_iter().map(|placed| placed.directory.display().to_string()).collect()
    }

    #[test]
    fn folders_are_codebuilds() {
        assert_eq!(
            directories(source(SourceType::NoSource, "", None), vec![]),
            ["/codebuild/output/src0/src"]
        );
        let url = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app";
        assert_eq!(
            directories(
                source(SourceType::Codecommit, url, None),
                vec![source(SourceType::S3, "b/k.zip", Some("lib"))]
            ),
            [
                "/codebuild/output/src0/src/git-codecommit.eu-west-1.amazonaws.com/v1/repos/app",
                "/codebuild/output/src1/src"
            ]
        );
        assert_eq!(
            directories(
                source(SourceType::Codepipeline, "", None),
                vec![
                    source(SourceType::S3, "b/k.zip", Some("lib")),
                    source(SourceType::Github, "https://github.com/a/b", Some("tools"))
                ]
            ),
            [
                "/codebuild/output/src0/src/s3/00",
                "/codebuild/output/src0/src/s3/01",
                "/codebuild/output/src2/src/github.com/a/b"
            ]
        );
    }

    #[test]
    fn no_source_lies_in_another() {
        let codecommit = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/app";
        let kinds = [
            (SourceType::NoSource, ""),
            (SourceType::S3, "b/k.zip"),
            (SourceType::Codepipeline, ""),
            (SourceType::Codecommit, codecommit),
            (SourceType::Github, "https://github.com/a/b"),
            (SourceType::Github, "https://github.com/a/b/link/x"),
            (SourceType::GithubEnterprise, &format!("{codecommit}/link/x")),
            (SourceType::GithubEnterprise, "https://s3/00/x"),
        ];
        let of = |kind: usize, identifier| source(kinds[kind].0.clone(), kinds[kind].1, identifier);
        for places in (0..kinds.len().pow(3)).map(|n| [n / 64, n / 8 % 8, n % 8]) {
            let [primary, first, second] = places;
            let found = directories(of(primary, None), vec![of(first, Some("x")), of(second, Some("y"))]);
            for (index, folder) in found.iter().enumerate() {
                let mut others = found.iter().enumerate().filter(|(other, _)| *other != index);
                let is_apart = others.all(|(_, other)| !std::path::Path::new(other).starts_with(folder));
                assert!(is_apart, "{places:?}: {found:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let refused = |kind, location| Origin::of(&source(kind, location, None)).unwrap_err().to_string();
        assert!(refused(SourceType::S3, "").contains("location must be given"));
        assert!(refused(SourceType::S3, "bucket").contains("bucket/key"));
        assert!(refused(SourceType::Codecommit, "https://example.com/x.git").contains("clone URL"));
        let elsewhere = refused(SourceType::Github, "https://gitlab.com/a/b");
        assert!(elsewhere.contains("must be a valid GITHUB repository URL"));
    }
}
