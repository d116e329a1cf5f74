//! The CodeBuild projects that a definition names: those of files, and usual ones for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws::protocol::Progress;
use aws::protocol::json::JsonReader;
use aws::{Operation, Shape, validation};
use codebuild_model::{
    ArtifactsType, ComputeType, CreateProject, EnvironmentType, EnvironmentVariable, EnvironmentVariableType,
    ProjectArtifacts, ProjectEnvironment, ProjectSource, SourceType,
};

use super::arguments::Pair;
use super::plan::{self, Findings};

/// The role of projects that no file describes; its account is put in front.
const ROLE: &str = "role/stagewright-run-codebuild";
/// Of projects that name none.
pub const IMAGE: &str = "aws/codebuild/standard:7.0";

/// One project for each name. Errors: files that cannot be read or describe no project that is named, `buildspecs`
/// of projects that are not.
pub fn of(
    names: &BTreeSet<String>,
    account: &aws::AccountId,
    files: &[PathBuf],
    buildspecs: &[Pair],
    variables: &[Pair],
) -> Result<Vec<CreateProject>, Findings> {
    let mut findings = Findings::default();
    let mut described = BTreeMap::new();
    for file in files {
        match read(file) {
            Ok(project) if !names.contains(&project.name) => {
                let message = format!(
                    "no action names the project '{}'; the projects that are named are: {}",
                    project.name,
                    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
                );
                findings.add(file.display().to_string(), message);
            }
            Ok(project) => {
                described.insert(project.name.clone(), project);
            }
            Err(message) => findings.add(file.display().to_string(), message),
        }
    }
    for Pair { name, .. } in buildspecs.iter().filter(|pair| !names.contains(&pair.name)) {
        findings.add(format!("--buildspec {name}"), "no action names a project of that name");
    }
    let projects = names.iter().map(|name| {
        let mut project = described.remove(name).unwrap_or_else(|| usual(name, account));
        if let Some(Pair { value, .. }) = buildspecs.iter().rev().find(|pair| pair.name == *name) {
            project.source.buildspec = Some(value.clone());
        }
        set_variables(&mut project, variables);
        project
    });
    let projects: Vec<CreateProject> = projects.collect();
    for project in &projects {
        plan::check_account(&project.service_role, account, &mut findings);
    }
    match findings.is_empty() {
        true => Ok(projects),
        false => Err(findings),
    }
}

/// A file with the input of CreateProject, judged as the call would be.
fn read(file: &Path) -> Result<CreateProject, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let value = serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))?;
    let (model, mut progress) = (CreateProject::MODEL, Progress::default());
    let project =
        CreateProject::read(model.input, &mut JsonReader { value: &value, progress: &mut progress })
            .map_err(|error| format!("it does not describe a project: {error}"))?;
    validation::check(CreateProject::SERVICE, &[], model, &project, &progress.missing)
        .map_err(|error| error.message)?;
    Ok(project)
}

/// What the console offers first: the source's own buildspec in the standard image.
fn usual(name: &str, account: &aws::AccountId) -> CreateProject {
    CreateProject {
        name: name.to_owned(),
        source: ProjectSource { r#type: SourceType::Codepipeline, ..ProjectSource::default() },
        artifacts: ProjectArtifacts { r#type: ArtifactsType::Codepipeline, ..ProjectArtifacts::default() },
        environment: ProjectEnvironment {
            r#type: EnvironmentType::LinuxContainer,
            image: IMAGE.to_owned(),
            compute_type: ComputeType::BuildGeneral1Small,
            ..ProjectEnvironment::default()
        },
        service_role: format!("arn:aws:iam::{account}:{ROLE}"),
        ..CreateProject::default()
    }
}

fn set_variables(project: &mut CreateProject, given: &[Pair]) {
    let variables = project.environment.environment_variables.get_or_insert_default();
    for Pair { name, value } in given {
        variables.retain(|variable| variable.name != *name);
        variables.push(EnvironmentVariable {
            name: name.clone(),
            value: value.clone(),
            r#type: Some(EnvironmentVariableType::Plaintext),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file(value: &Value) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), value.to_string()).unwrap();
        file
    }

    fn made(files: &[&tempfile::NamedTempFile], buildspecs: &[Pair]) -> Result<Vec<CreateProject>, String> {
        let files: Vec<_> = files.iter().map(|file| file.path().to_owned()).collect();
        let names = ["lint", "make"].map(str::to_owned).into();
        let variables = ["A=1".parse().unwrap()];
        of(&names, &"111122223333".parse().unwrap(), &files, buildspecs, &variables)
            .map_err(|findings| findings.to_string())
    }

    fn project(name: &str) -> Value {
        json!({"name": name, "source": {"type": "CODEPIPELINE", "buildspec": "ci/make.yml"},
            "artifacts": {"type": "CODEPIPELINE"}, "serviceRole": "arn:aws:iam::111122223333:role/make",
            "environment": {"type": "LINUX_CONTAINER", "image": "my/image", "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": "A", "value": "0"}, {"name": "B", "value": "2"}]}})
    }

    #[test]
    fn a_file_describes_one_project_and_the_others_are_usual() {
        let [lint, make] = made(&[&file(&project("make"))], &[]).unwrap().try_into().unwrap();
        assert_eq!(lint.environment.image, IMAGE);
        assert_eq!(lint.service_role, "arn:aws:iam::111122223333:role/stagewright-run-codebuild");
        assert_eq!(
            (make.environment.image.as_str(), make.source.buildspec.as_deref()),
            ("my/image", Some("ci/make.yml"))
        );
        let variables = make.environment.environment_variables.unwrap();
        let pairs: Vec<_> = variables.iter().map(|v| format!("{}={}", v.name, v.value)).collect();
        assert_eq!(pairs, ["B=2", "A=1"]);
        let [lint, _] = made(&[], &["lint=lint.yml".parse().unwrap()]).unwrap().try_into().unwrap();
        assert_eq!(lint.source.buildspec.as_deref(), Some("lint.yml"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let refusal = made(&[&file(&project("mak"))], &["lin=x".parse().unwrap()]).unwrap_err();
        assert!(
            refusal
                .contains("no action names the project 'mak'; the projects that are named are: lint, make")
        );
        assert!(refusal.contains("--buildspec lin: no action names a project of that name"), "{refusal}");
        let mut nameless = project("make");
        nameless.as_object_mut().unwrap().remove("serviceRole");
        let refusal = made(&[&file(&nameless)], &[]).unwrap_err();
        assert!(refusal.contains("serviceRole") && refusal.contains("must not be null"), "{refusal}");
        assert!(made(&[&file(&json!([]))], &[]).unwrap_err().contains("does not describe a project"));
    }
}
