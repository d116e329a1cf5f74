//! The buildspec: what a build does, written by its users in YAML (or JSON, which is YAML).
//! Source: CodeBuild User Guide, "Build specification reference for CodeBuild".

mod all;
mod batch;
mod read;

use std::collections::BTreeMap;

use runner::{OnFailure, Phase, Shell};
use serde::{Deserialize, Serialize};

pub use crate::report::Format;
pub use batch::{Batch, BatchBuild, DOWNLOAD_SOURCE, MOST_BUILDS, Shard, parse_batch};
pub use document::Place;

/// The keys at the top of a buildspec.
pub const KEYS: [&str; 10] = [
    "version",
    "run-as",
    "env",
    "environment_variables",
    "proxy",
    "batch",
    "phases",
    "artifacts",
    "cache",
    "reports",
];

/// A buildspec of version 0.1 or 0.2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buildspec {
    pub version: Version,
    pub run_as: Option<String>,
    pub shell: Option<Shell>,
    /// Literal values; nothing is expanded.
    pub variables: BTreeMap<String, String>,
    /// Variable name to the name of a parameter of Systems Manager.
    pub parameter_store: BTreeMap<String, String>,
    /// Variable name to `secret-id:json-key:version-stage:version-id`.
    pub secrets_manager: BTreeMap<String, String>,
    pub exported_variables: Vec<String>,
    pub git_credential_helper: bool,
    pub phases: Vec<PhaseSpec>,
    pub artifacts: Option<Artifacts>,
    /// By the project's artifact identifiers.
    pub secondary_artifacts: BTreeMap<String, Artifacts>,
    pub cache: Option<Cache>,
    /// By the name or the ARN of their report groups; at most five.
    pub reports: BTreeMap<String, Report>,
    /// Whether there is a `batch` block. It does not matter to a single build.
    pub has_batch: bool,
    /// In the document's order.
    pub passed_over: Vec<PassedOver>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Every command in a shell of its own.
    V0_1,
    #[default]
    V0_2,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PhaseSpec {
    pub phase: Phase,
    pub run_as: Option<String>,
    pub on_failure: OnFailure,
    pub commands: Vec<String>,
    pub finally: Vec<String>,
    /// Runtime to version, of `install` only.
    pub runtime_versions: BTreeMap<String, String>,
}

/// What becomes an artifact. Paths are relative to the source folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// Globs; at least one, unless there are only secondary artifacts.
    pub files: Vec<String>,
    /// Expanded by the shell when the build has ended.
    pub name: Option<String>,
    pub discard_paths: bool,
    /// A glob of folders.
    pub base_directory: Option<String>,
    pub exclude_paths: Vec<String>,
    pub enable_symlinks: bool,
    pub s3_prefix: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    pub paths: Vec<String>,
    pub key: Option<String>,
    pub fallback_keys: Vec<String>,
    /// Both, if it is not said.
    pub action: Option<CacheAction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheAction {
    Restore,
    Save,
}

/// What becomes a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Globs, as those of artifacts; at least one.
    pub files: Vec<String>,
    pub base_directory: Option<String>,
    pub discard_paths: bool,
    pub format: Format,
}

/// A key that was passed over, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// `phases.build.comands`
    pub path: String,
    pub place: Place,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It means nothing where it stands; the keys that mean something there.
    Unknown { known: Vec<String> },
    /// The same key stands once more further down, and that one counts. YAML forbids it; CodeBuild's parser does not
    /// mind, and there are buildspecs that rely on it.
    Repeated,
}

/// What is wrong with a buildspec, in CodeBuild's words where these are known, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", if *line_is_told { String::new() } else { format!(" at line {}", place.line) })]
pub struct Error {
    pub message: String,
    pub place: Place,
    /// The message names the line itself.
    line_is_told: bool,
}

impl Error {
    fn new(message: impl Into<String>, place: Place) -> Self {
        Self { message: message.into(), place, line_is_told: false }
    }

    fn with_line_told(self) -> Self {
        Self { line_is_told: true, ..self }
    }
}

impl From<document::Error> for Error {
    fn from(error: document::Error) -> Self {
        Self::new(error.message, error.place)
    }
}

/// Everything that is wrong with a buildspec, in the order of the document; at most a hundred. Only what a build would
/// read counts, and nothing that only follows from another error.
pub fn errors(text: &str) -> Vec<Error> {
    all::errors(text)
}

/// Reads a buildspec.
pub fn parse(text: &str) -> Result<Buildspec, Error> {
    read::buildspec(text)
}

#[cfg(test)]
mod tests {
    use runner::Retry;

    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn all_keys() {
        let spec = parse(
            r#"
version: 0.2
run-as: root
env:
  shell: bash
  variables: { VERSION: 3.10, EMPTY: "", YES: yes }
  parameter-store: { LOGIN: /app/login }
  secrets-manager: { TOKEN: "app:token::" }
  exported-variables: [VERSION, BUILT]
  git-credential-helper: yes
proxy: { upload-artifacts: no, logs: no }
phases:
  install:
    runtime-versions: { python: 3.11, nodejs: latest }
  pre_build:
    on-failure: ABORT
    commands: [echo one]
  build:
    run-as: builder
    on-failure: RETRY-2-exit status [0-9]+
    commands:
      - echo one
      - |
        echo two
        echo three
      - true
    finally: [echo done]
reports:
  tests: { files: ["**/*.xml"], base-directory: out, file-format: JunitXml, discard-paths: yes }
artifacts:
  files: ["**/*"]
  name: app-$(date +%F)
  discard-paths: no
  base-directory: dist*
  exclude-paths: [tmp/**]
  enable-symlinks: yes
  s3-prefix: p
  secondary-artifacts:
    docs: { files: [docs/*], base-directory: site }
cache:
  key: npm-$(codebuild-hash-files package-lock.json)
  fallback-keys: [npm-]
  paths: [node_modules/**/*]
  action: restore
batch: { fast-fail: true }
"#,
        )
        .unwrap();
        assert_eq!(spec.version, Version::V0_2);
        assert_eq!(spec.shell, Some(Shell::Bash));
        assert_eq!(spec.variables["VERSION"], "3.10", "no float");
        assert_eq!((spec.variables["EMPTY"].as_str(), spec.variables["YES"].as_str()), ("", "yes"));
        assert_eq!(spec.exported_variables, ["VERSION", "BUILT"]);
        assert_eq!(spec.phases[0].runtime_versions["python"], "3.11");
        assert_eq!(spec.phases[1].on_failure, OnFailure::Abort);
        let build = &spec.phases[2];
        assert_eq!(build.commands, ["echo one", "echo two\necho three\n", "true"]);
        assert_eq!(build.finally, ["echo done"]);
        assert_eq!(build.run_as.as_deref(), Some("builder"));
        let retry = Retry { attempts: 2, pattern: Some("exit status [0-9]+".into()) };
        assert_eq!(build.on_failure, OnFailure::Retry(retry));
        let artifacts = spec.artifacts.unwrap();
        assert_eq!(artifacts.base_directory.as_deref(), Some("dist*"));
        assert!(artifacts.enable_symlinks && !artifacts.discard_paths);
        assert_eq!(spec.secondary_artifacts["docs"].files, ["docs/*"]);
        assert_eq!(spec.cache.unwrap().fallback_keys, ["npm-"]);
        assert_eq!(spec.reports["tests"].format, Format::JunitXml);
        assert!(spec.has_batch && spec.git_credential_helper);
        assert_eq!(spec.passed_over, []);
    }

    #[test]
    fn json_is_a_buildspec() {
        let spec = parse(r#"{"version": "0.2", "phases": {"build": {"commands": ["make"]}}}"#).unwrap();
        assert_eq!(spec.phases[0].commands, ["make"]);
        let spec = parse(
            "{\n\t\"version\": 0.2,\n\t\"phases\": {\"build\": {\"commands\": [\"echo \\ud83d\\ude00\"]}}}",
        );
        assert_eq!(spec.unwrap().phases[0].commands, ["echo \u{1f600}"], "JSON that is not quite YAML");
    }

    #[test]
    fn version_0_1() {
        let spec = parse(
            "version: 0.1\nenvironment_variables:\n  plaintext:\n    A: 1\nphases:\n  build:\n    commands: make\nartifacts:\n  type: zip\n  files: [a]\n",
        )
        .unwrap();
        assert_eq!(spec.version, Version::V0_1);
        assert_eq!(spec.variables["A"], "1");
        assert_eq!(spec.phases[0].commands, ["make"], "one command needs no list");
        assert_eq!(spec.passed_over, []);
    }

    #[test]
    fn unknown_keys_are_passed_over_and_told() {
        let spec = parse("version: 0.2\nphases:\n  build:\n    comands: [x]\n    commands: [y]\nextra: 1\n")
            .unwrap();
        let place = |line, column| Place { line, column };
        let told: Vec<_> = spec.passed_over.iter().map(|key| (key.path.as_str(), key.place)).collect();
        assert_eq!(told, [("phases.build.comands", place(4, 5)), ("extra", place(6, 1))]);
        let known = |keys: &[&str]| Why::Unknown { known: keys.iter().map(ToString::to_string).collect() };
        assert_eq!(spec.passed_over[0].why, known(&["run-as", "on-failure", "commands", "finally"]));
        assert_eq!(spec.passed_over[1].why, known(&KEYS));
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let spec = parse(
            "version: 0.2\nphases:\nphases:\n  build:\n    commands: [a]\n    commands: [b]\nenv:\n  variables: {A: 1, A: 2}\n",
        )
        .unwrap();
        assert_eq!(spec.phases[0].commands, ["b"]);
        assert_eq!(spec.variables["A"], "2");
        let told: Vec<_> = spec.passed_over.iter().map(|key| (key.path.as_str(), key.place.line)).collect();
        assert_eq!(told, [("phases", 2), ("phases.build.commands", 5), ("env.variables.A", 8)]);
        assert!(spec.passed_over.iter().all(|key| key.why == Why::Repeated));
        let batch = parse_batch("batch: 1\nbatch: {build-list: [{identifier: a}]}\n").unwrap().unwrap();
        assert_eq!(batch.builds.len(), 1);
    }

    #[test]
    fn merge_keys_bring_what_a_map_does_not_say_itself() {
        let text = "version: 0.2\nx-a: &a {A: a, B: a}\nx-c: &c {C: c, <<: *a}\nenv:\n  variables:\n    A: own\n    <<: [*c, {B: late, D: d}]\n\
                    phases:\n  pre_build: &common\n    on-failure: CONTINUE\n    commands: [one]\n  build:\n    <<: *common\n    commands: [two]\n";
        let spec = parse(text).unwrap();
        let variables: Vec<_> = spec.variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(variables, [("A", "own"), ("B", "a"), ("C", "c"), ("D", "d")]);
        assert_eq!(spec.phases[1].on_failure, OnFailure::Continue);
        assert_eq!(spec.phases[1].commands, ["two"]);
        let paths: Vec<_> = spec.passed_over.iter().map(|key| key.path.as_str()).collect();
        assert_eq!(paths, ["x-a", "x-c"]);
        assert_eq!(
            refusal("version: 0.2\nphases:\n  <<: x\n"),
            "map merge requires map or sequence of maps as the value at line 3"
        );
    }

    #[test]
    fn keys_without_a_value_are_as_good_as_none() {
        let spec = parse(
            "version: 0.2\nenv:\n  shell:\n  variables:\nphases:\n  build:\n    on-failure:\n    commands: [a]\n    finally:\n\
             artifacts:\n  files: x\n  secondary-artifacts:\ncache:\nreports:\nproxy:\n",
        )
        .unwrap();
        assert_eq!((spec.shell, spec.phases[0].on_failure.clone()), (None, OnFailure::Default));
        assert!(spec.cache.is_none() && spec.reports.is_empty() && spec.artifacts.is_some());
    }

    #[test]
    fn wrong_things_are_told_with_their_lines() {
        assert_eq!(
            refusal("version: 0.2\nphases:\n  build:\n    commands:\n      - echo: hi\n"),
            "Expected Commands[0] to be of string type: found subkeys instead at line 5, value of the key tag on line 4 might be empty"
        );
        assert!(
            refusal("version: 0.2\nphases: a: b\n")
                .contains("mapping values are not allowed in this context")
        );
        assert_eq!(refusal("phases: {}\n"), "Missing version: expected 0.1 or 0.2 at line 1");
        assert_eq!(
            refusal("version: 0.3\nphases: {}\n"),
            "Unknown version '0.3': expected 0.1 or 0.2 at line 1"
        );
        assert_eq!(refusal("version: 0.2\n"), "No phases found at line 1");
        assert_eq!(refusal(""), "No content found at line 1");
        assert_eq!(refusal("version: 0.2\nphases: [x]\n"), "Expected phases to be a map at line 2");
        assert_eq!(
            refusal("version: 0.2\nphases:\n  build:\n    on-failure: STOP\n"),
            "Invalid on-failure 'STOP' of phase build: expected ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or \
             RETRY-count-regex at line 4"
        );
        assert!(
            refusal("version: 0.2\nphases:\n  build:\n    on-failure: RETRY-(\n")
                .contains("regular expression")
        );
        let with_reports =
            |reports: &str| refusal(&format!("version: 0.2\nphases: {{}}\nreports:\n{reports}"));
        assert_eq!(with_reports("  a: {}\n"), "Expected reports.a to have files at line 4");
        assert_eq!(
            with_reports("  a:\n    files: x\n    file-format: xunit\n"),
            "Unknown file-format 'xunit' of report a: expected JUNITXML, CUCUMBERJSON, NUNITXML, NUNIT3XML, TESTNGXML, \
             VISUALSTUDIOTRX, CLOVERXML, COBERTURAXML, JACOCOXML, SIMPLECOV or LCOV at line 6"
        );
        let six: String = (0..6).map(|number| format!("  r{number}: {{files: x}}\n")).collect();
        assert_eq!(with_reports(&six), "Expected reports to name at most 5 report groups at line 4");
        assert_eq!(
            refusal("version: 0.2\nenv:\n  shell: fish\nphases:\n  build:\n    commands: [a]\n"),
            "Unknown shell 'fish': expected bash or /bin/sh at line 3"
        );
        assert_eq!(
            refusal("version: 0.2\nenv:\n  shell: powershell.exe\nphases: {}\n"),
            "The shell 'powershell.exe' is one of Windows, and builds here run on Linux at line 3"
        );
        assert_eq!(
            refusal("version: 0.2\nphases: {build: {commands: [a]}}\nartifacts:\n  base-directory: x\n"),
            "Expected artifacts to have files at line 4"
        );
        let phases = "version: 0.2\nphases: {build: {commands: [a]}}\n";
        assert_eq!(
            refusal(&format!("{phases}cache:\n  action: keep\n")),
            "Unknown cache.action 'keep': expected restore or save at line 4"
        );
        assert_eq!(
            refusal(&format!("{phases}cache:\n  key: k\n  fallback-keys: [a, b, c, d, e, f]\n")),
            "Expected cache.fallback-keys to have at most 5 keys: found 6 at line 5"
        );
        assert_eq!(
            refusal(
                "version: 0.2\nphases: {build: {commands: [a]}}\nartifacts:\n  files: [x]\n  discard-paths: maybe\n"
            ),
            "Expected artifacts.discard-paths to be yes or no: found 'maybe' at line 5"
        );
    }
}
