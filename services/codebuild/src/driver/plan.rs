//! From a buildspec and a build to what the runner is to do. Pure.

use std::collections::BTreeMap;

use codebuild_model::{ArtifactsType, ComputeType};
use runner::{Limits, Network, PhasePlan, Plan, Session, Shell};

use super::discover;
use crate::{
    buildspec::{Artifacts, Buildspec, Report, Version},
    environment::{Variables, may_be_exported},
    records::Build,
    source::Placed,
};

const GIB: u64 = 1 << 30;

pub(crate) fn plan(
    build: &Build,
    spec: &Buildspec,
    sources: &[Placed],
    variables: Variables,
    credentials_token: &str,
    timeout_seconds: u64,
    network: Network,
) -> Plan {
    let phases = spec.phases.iter().map(|phase| PhasePlan {
        phase: phase.phase,
        commands: phase.commands.clone(),
        finally: phase.finally.clone(),
        on_failure: phase.on_failure.clone(),
        run_as: phase.run_as.clone().or_else(|| spec.run_as.clone()),
    });
    let Variables { all, secret, has_own_endpoint } = variables;
    let compute = build.configuration.0.environment.as_ref().map(|environment| &environment.compute_type);
    Plan {
        id: build.id.uuid,
        phases: phases.collect(),
        shell: shell(build, spec),
        session: match spec.version {
            Version::V0_1 => Session::Fresh,
            Version::V0_2 => Session::Shared,
        },
        environment: all,
        secrets: secret.values().cloned().chain([credentials_token.to_owned()]).collect(),
        source_directory: sources.first().map(|placed| placed.directory.clone()).unwrap_or_default(),
        exported_variables: spec
            .exported_variables
            .iter()
            .filter(|name| may_be_exported(name) && !secret.contains_key(*name))
            .cloned()
            .collect(),
        evaluate: texts_to_expand(spec),
        timeout_seconds,
        grace_seconds: Plan::default_grace_seconds(),
        network,
        limits: Limits {
            memory_bytes: compute.and_then(memory),
            processors: compute.and_then(processors),
            ..Limits::default()
        },
        binds: vec![],
        container: None,
        open: build.open,
        pool: None,
        requested: None,
        has_own_endpoint,
        leaves_files: leaves_files(build, spec),
    }
}

/// In CodeBuild's images of Amazon Linux `/bin/sh` is bash, and buildspecs count on it (`source`, `[[`).
fn shell(build: &Build, spec: &Buildspec) -> Shell {
    let environment = build.configuration.0.environment.as_ref();
    let is_amazon_linux =
        environment.is_some_and(|environment| environment.image.starts_with("aws/codebuild/amazonlinux"));
    match spec.shell.unwrap_or_default() {
        Shell::Sh if is_amazon_linux => Shell::BashAsSh,
        shell => shell,
    }
}

/// Whether artifacts, a cache, or reports that are named or looked for are made of what the build leaves.
fn leaves_files(build: &Build, spec: &Buildspec) -> bool {
    let settings = &build.configuration.0;
    let secondary = settings.secondary_artifacts.iter().flatten();
    settings.artifacts.iter().chain(secondary).any(|artifacts| artifacts.r#type == ArtifactsType::S3)
        || !spec.reports.is_empty()
        || spec.cache.is_some()
        || discover::is_wanted(build, spec)
}

/// Memory of a compute type. Source: CodeBuild User Guide, "Build environment compute modes and types".
fn memory(compute: &ComputeType) -> Option<u64> {
    match compute {
        ComputeType::BuildGeneral1Small => Some(4 * GIB),
        ComputeType::BuildGeneral1Medium => Some(8 * GIB),
        ComputeType::BuildGeneral1Large => Some(16 * GIB),
        ComputeType::BuildGeneral1Xlarge => Some(72 * GIB),
        ComputeType::BuildGeneral12Xlarge => Some(144 * GIB),
        ComputeType::BuildLambda1Gb
        | ComputeType::BuildLambda2Gb
        | ComputeType::BuildLambda4Gb
        | ComputeType::BuildLambda8Gb
        | ComputeType::BuildLambda10Gb
        | ComputeType::AttributeBasedCompute
        | ComputeType::CustomInstanceType
        | ComputeType::Other(_) => None,
    }
}

/// Processors of a compute type. Source: as `memory`.
fn processors(compute: &ComputeType) -> Option<u32> {
    match compute {
        ComputeType::BuildGeneral1Small => Some(2),
        ComputeType::BuildGeneral1Medium => Some(4),
        ComputeType::BuildGeneral1Large => Some(8),
        ComputeType::BuildGeneral1Xlarge => Some(36),
        ComputeType::BuildGeneral12Xlarge => Some(72),
        ComputeType::BuildLambda1Gb
        | ComputeType::BuildLambda2Gb
        | ComputeType::BuildLambda4Gb
        | ComputeType::BuildLambda8Gb
        | ComputeType::BuildLambda10Gb
        | ComputeType::AttributeBasedCompute
        | ComputeType::CustomInstanceType
        | ComputeType::Other(_) => None,
    }
}

/// What the shell must expand of artifacts and reports: names, base folders and globs with a `$` or a backquote in them.
fn texts_to_expand(spec: &Buildspec) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let primary = spec.artifacts.iter().map(|artifacts| (None, artifacts));
    let secondary =
        spec.secondary_artifacts.iter().map(|(identifier, artifacts)| (Some(identifier.as_str()), artifacts));
    for (identifier, artifacts) in primary.chain(secondary) {
        for (key, text) in fields(identifier, artifacts) {
            if text.contains(['$', '`']) {
                texts.insert(key, text.clone());
            }
        }
    }
    for (group, report) in &spec.reports {
        for (key, text) in fields_of_report(group, report) {
            if text.contains(['$', '`']) {
                texts.insert(key, text.to_owned());
            }
        }
    }
    texts
}

/// Artifacts with what the shell made of their texts.
pub(super) fn expanded(
    identifier: Option<&str>,
    artifacts: &Artifacts,
    evaluated: &BTreeMap<String, String>,
) -> Artifacts {
    let text = |field: &str, text: &String| evaluated.get(&key(identifier, field)).unwrap_or(text).clone();
    let files = artifacts.files.iter().enumerate().map(|(index, glob)| text(&format!("files.{index}"), glob));
    Artifacts {
        files: files.collect(),
        name: artifacts.name.as_ref().map(|name| text("name", name)),
        base_directory: artifacts.base_directory.as_ref().map(|base| text("base-directory", base)),
        ..artifacts.clone()
    }
}

/// The name of a report group and its report, with what the shell made of their texts.
pub(super) fn expanded_report(
    group: &str,
    report: &Report,
    evaluated: &BTreeMap<String, String>,
) -> (String, Report) {
    let text = |field: &str, text: &str| {
        let evaluated = evaluated.get(&report_key(group, field)).map(String::as_str);
        evaluated.unwrap_or(text).trim().to_owned()
    };
    let files = report.files.iter().enumerate().map(|(index, glob)| text(&format!("files.{index}"), glob));
    let expanded = Report {
        files: files.collect(),
        base_directory: report.base_directory.as_ref().map(|base| text("base-directory", base)),
        ..report.clone()
    };
    (text("name", group), expanded)
}

fn fields_of_report<'a>(group: &'a str, report: &'a Report) -> Vec<(String, &'a str)> {
    let files = report.files.iter().enumerate();
    let files = files.map(|(index, glob)| (report_key(group, &format!("files.{index}")), glob.as_str()));
    let base = report.base_directory.iter().map(|base| (report_key(group, "base-directory"), base.as_str()));
    files.chain(base).chain([(report_key(group, "name"), group)]).collect()
}

/// No identifier of an artifact has a colon.
fn report_key(group: &str, field: &str) -> String {
    format!("report:{group}/{field}")
}

fn key(identifier: Option<&str>, field: &str) -> String {
    format!("{}/{field}", identifier.unwrap_or_default())
}

fn fields<'a>(identifier: Option<&str>, artifacts: &'a Artifacts) -> Vec<(String, &'a String)> {
    let files = artifacts
        .files
        .iter()
        .enumerate()
        .map(|(index, glob)| (key(identifier, &format!("files.{index}")), glob));
    let name = artifacts.name.as_ref().map(|name| (key(identifier, "name"), name));
    let base = artifacts.base_directory.as_ref().map(|base| (key(identifier, "base-directory"), base));
    files.chain(name).chain(base).collect()
}

#[cfg(test)]
mod tests {
    use codebuild_model::{Project, ProjectEnvironment};

    use super::*;
    use crate::{records::Configuration, state::tests::build};

    fn spec() -> Buildspec {
        crate::buildspec::parse(
            "version: 0.2\nrun-as: root\nenv: {exported-variables: [A, AWS_SECRET, HIDDEN]}\nphases:\n  build: {commands: [make]}\n  post_build: {run-as: x, commands: [true]}\n\
             artifacts:\n  files: ['target/$A.jar', '**/*']\n  name: app-$(date)\n  base-directory: out\n  secondary-artifacts:\n    docs: {files: [a], base-directory: '$DOCS'}\n",
        )
        .unwrap()
    }

    #[test]
    fn phases_and_users() {
        let secret = BTreeMap::from([("HIDDEN".to_owned(), "value".to_owned())]);
        let variables = Variables { all: secret.clone(), secret, has_own_endpoint: false };
        let plan = plan(&build(), &spec(), &[], variables, "token", 60, Network::Host);
        assert!(plan.leaves_files, "reports are looked for in them");
        assert_eq!(plan.phases[0].commands, ["make"]);
        let users: Vec<_> = plan.phases.iter().map(|phase| phase.run_as.as_deref()).collect();
        assert_eq!(users, [Some("root"), Some("x")]);
        assert_eq!(plan.exported_variables, ["A"], "names of AWS's own and secrets are not handed on");
        assert_eq!(plan.secrets, ["value", "token"]);
        assert_eq!(plan.environment["HIDDEN"], "value");
    }

    #[test]
    fn files_of_a_project_without_artifacts_are_left_alone_if_no_reports_are_looked_for() {
        let mut spec = spec();
        spec.variables.insert("CODEBUILD_CONFIG_AUTO_DISCOVER".into(), "false".into());
        assert!(!leaves_files(&build(), &spec));
    }

    #[test]
    fn sh_of_amazon_linux_is_bash() {
        let shell_in = |image: &str, spec: &str| {
            let environment = ProjectEnvironment { image: image.to_owned(), ..ProjectEnvironment::default() };
            let mut build = build();
            build.configuration =
                Configuration(Project { environment: Some(environment), ..Project::default() });
            shell(&build, &crate::buildspec::parse(spec).unwrap())
        };
        let spec = "version: 0.2\nphases: {}\n";
        assert_eq!(shell_in("aws/codebuild/amazonlinux-x86_64-standard:5.0", spec), Shell::BashAsSh);
        assert_eq!(shell_in("aws/codebuild/standard:7.0", spec), Shell::Sh);
        let bash = "version: 0.2\nenv: {shell: bash}\nphases: {}\n";
        assert_eq!(shell_in("aws/codebuild/amazonlinux-x86_64-standard:5.0", bash), Shell::Bash);
    }

    #[test]
    fn texts_go_to_the_shell_and_come_back() {
        let spec = spec();
        let texts = texts_to_expand(&spec);
        let keys: Vec<_> = texts.keys().map(String::as_str).collect();
        assert_eq!(keys, ["/files.0", "/name", "docs/base-directory"]);
        let evaluated: BTreeMap<String, String> =
            texts.keys().map(|key| (key.clone(), format!("<{key}>"))).collect();
        let artifacts = expanded(None, spec.artifacts.as_ref().unwrap(), &evaluated);
        assert_eq!(artifacts.files, ["</files.0>", "**/*"]);
        assert_eq!(artifacts.name.as_deref(), Some("</name>"));
        assert_eq!(artifacts.base_directory.as_deref(), Some("out"));
        let docs = expanded(Some("docs"), &spec.secondary_artifacts["docs"], &evaluated);
        assert_eq!(docs.base_directory.as_deref(), Some("<docs/base-directory>"));
    }

    #[test]
    fn reports_go_to_the_shell_and_come_back() {
        let spec = crate::buildspec::parse(
            "version: 0.2\nphases: {}\nreports:\n  $GROUP: {files: ['$A.xml', b.xml], base-directory: '`pwd`'}\n",
        );
        let spec = spec.unwrap();
        let texts = texts_to_expand(&spec);
        let keys: Vec<_> = texts.keys().map(String::as_str).collect();
        assert_eq!(keys, ["report:$GROUP/base-directory", "report:$GROUP/files.0", "report:$GROUP/name"]);
        let evaluated = texts.into_keys().map(|key| (key.clone(), format!("<{key}>"))).collect();
        let (name, report) = expanded_report("$GROUP", &spec.reports["$GROUP"], &evaluated);
        assert_eq!(name, "<report:$GROUP/name>");
        assert_eq!(report.files, ["<report:$GROUP/files.0>", "b.xml"]);
        assert_eq!(report.base_directory.as_deref(), Some("<report:$GROUP/base-directory>"));
    }
}
