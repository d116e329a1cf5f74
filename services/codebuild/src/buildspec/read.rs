//! From a tree of texts to a buildspec.

use std::collections::{BTreeMap, HashMap};

use document::{Node, Value};
use runner::{OnFailure, Phase, Retry, Shell};

use super::{
    Artifacts, Buildspec, Cache, CacheAction, Error, Format, PassedOver, PhaseSpec, Place, Report, Version,
    Why, batch,
};

/// Tries of `RETRY` without a number.
const DEFAULT_RETRIES: u32 = 3;
const MAX_RETRIES: u32 = 100;
const MAX_FALLBACK_KEYS: usize = 5;
/// Source: CodeBuild User Guide, "Build specification reference for CodeBuild", reports.
const MAX_REPORTS: usize = 5;

pub(super) const MISSING_VERSION: &str = "Missing version";
pub(super) const UNKNOWN_VERSION: &str = "Unknown version";
pub(super) const NO_PHASES: &str = "No phases found";

const START: Place = Place { line: 1, column: 1 };

pub(super) fn buildspec(text: &str) -> Result<Buildspec, Error> {
    of_tree(&tree(text)?)
}

pub(super) fn tree(text: &str) -> Result<Node, Error> {
    document::parse(text)?.ok_or_else(|| Error::new("No content found", START))
}

pub(super) fn of_tree(root: &Node) -> Result<Buildspec, Error> {
    let mut passed_over = Vec::new();
    let mut spec = {
        let mut root = Mapping::of(root, "", &mut passed_over)?;
        let version = version(root.get("version"), START)?;
        let mut spec = Buildspec { version, run_as: root.text("run-as")?, ..Buildspec::default() };
        environment(&mut root, &mut spec)?;
        root.child("proxy", |proxy| proxy.flag("upload-artifacts").and(proxy.flag("logs")))?;
        if let Some(batch) = root.get("batch") {
            spec.has_batch = true;
            // What is wrong with it does not matter to a single build.
            let _ = batch::read(batch, root.passed_over);
        }
        match root.get("phases") {
            Some(phases) => spec.phases = read_phases(&mut root, phases)?,
            // A batch may take its phases from other files.
            None if spec.has_batch => {}
            None => return Err(Error::new(NO_PHASES, root.place)),
        }
        read_artifacts(&mut root, &mut spec)?;
        spec.cache = root.child("cache", read_cache)?;
        spec.reports = read_reports(&mut root)?;
        spec
    };
    passed_over.sort_by_key(|key: &PassedOver| key.place);
    spec.passed_over = passed_over;
    Ok(spec)
}

fn version(node: Option<&Node>, start: Place) -> Result<Version, Error> {
    let missing = format!("{MISSING_VERSION}: expected 0.1 or 0.2");
    let Some(node) = node else { return Err(Error::new(missing, start)) };
    match &node.value {
        Value::Scalar { text, .. } => match text.as_str() {
            "0.1" => Ok(Version::V0_1),
            "0.2" => Ok(Version::V0_2),
            "" => Err(Error::new(missing, node.place)),
            other => Err(Error::new(format!("{UNKNOWN_VERSION} '{other}': expected 0.1 or 0.2"), node.place)),
        },
        Value::Sequence(_) | Value::Mapping(_) => Err(Error::new(missing, node.place)),
    }
}

fn environment(root: &mut Mapping<'_, '_>, spec: &mut Buildspec) -> Result<(), Error> {
    root.child("env", |env| {
        spec.shell = match env.given("shell").map(|node| (string(node, "env.shell"), node.place)) {
            None => None,
            Some((shell, place)) => Some(match shell?.as_str() {
                "bash" | "/bin/bash" => Shell::Bash,
                "/bin/sh" | "sh" => Shell::Sh,
                shell @ ("powershell.exe" | "cmd.exe") => {
                    let message =
                        format!("The shell '{shell}' is one of Windows, and builds here run on Linux");
                    return Err(Error::new(message, place));
                }
                other => {
                    let message = format!("Unknown shell '{other}': expected bash or /bin/sh");
                    return Err(Error::new(message, place));
                }
            }),
        };
        spec.variables = env.texts("variables")?;
        spec.parameter_store = env.texts("parameter-store")?;
        spec.secrets_manager = env.texts("secrets-manager")?;
        spec.exported_variables = env.list("exported-variables")?;
        spec.git_credential_helper = env.flag("git-credential-helper")?;
        Ok(())
    })?;
    // Version 0.1.
    root.child("environment_variables", |env| {
        spec.variables.extend(env.texts("plaintext")?);
        Ok(())
    })?;
    Ok(())
}

fn read_phases(root: &mut Mapping<'_, '_>, node: &Node) -> Result<Vec<PhaseSpec>, Error> {
    let mut specs = Vec::new();
    let mut phases = Mapping::of(node, "phases", root.passed_over)?;
    for phase in Phase::ALL {
        if let Some(node) = phases.get(phase.buildspec_key()) {
            specs.push(read_phase(phase, node, phases.passed_over)?);
        }
    }
    Ok(specs)
}

fn read_phase(phase: Phase, node: &Node, passed_over: &mut Vec<PassedOver>) -> Result<PhaseSpec, Error> {
    let key = phase.buildspec_key();
    let mut spec = PhaseSpec {
        phase,
        run_as: None,
        on_failure: OnFailure::Default,
        commands: vec![],
        finally: vec![],
        runtime_versions: BTreeMap::new(),
    };
    // `build:` with nothing below it is a phase without commands.
    if node.is_null() {
        return Ok(spec);
    }
    let mut mapping = Mapping::of(node, &format!("phases.{key}"), passed_over)?;
    spec.run_as = mapping.text("run-as")?;
    if let Some(node) = mapping.given("on-failure") {
        spec.on_failure = on_failure(&string(node, "on-failure")?, phase, node.place)?;
    }
    spec.commands = mapping.commands("commands", "Commands")?;
    spec.finally = mapping.commands("finally", "Finally")?;
    if phase == Phase::Install {
        spec.runtime_versions = mapping.texts("runtime-versions")?;
    }
    Ok(spec)
}

fn on_failure(text: &str, phase: Phase, place: Place) -> Result<OnFailure, Error> {
    let retry = |attempts: u32, pattern: Option<&str>| {
        if let Some(pattern) = pattern
            && let Err(error) = regex::Regex::new(pattern)
        {
            let key = phase.buildspec_key();
            let message =
                format!("The on-failure of phase {key} has no regular expression after RETRY: {error}");
            return Err(Error::new(message, place));
        }
        let attempts = attempts.min(MAX_RETRIES);
        Ok(OnFailure::Retry(Retry { attempts, pattern: pattern.map(str::to_owned) }))
    };
    match text {
        "ABORT" => Ok(OnFailure::Abort),
        "CONTINUE" => Ok(OnFailure::Continue),
        "RETRY" => retry(DEFAULT_RETRIES, None),
        other => match other.strip_prefix("RETRY-") {
            Some(rest) => {
                let (number, pattern) = rest.split_once('-').map_or((rest, None), |(n, p)| (n, Some(p)));
                match number.parse() {
                    Ok(attempts) => retry(attempts, pattern),
                    Err(_) => retry(DEFAULT_RETRIES, Some(rest)),
                }
            }
            None => Err(Error::new(
                format!(
                    "Invalid on-failure '{other}' of phase {}: expected ABORT, CONTINUE, RETRY, RETRY-count, \
                     RETRY-regex or RETRY-count-regex",
                    phase.buildspec_key()
                ),
                place,
            )),
        },
    }
}

fn read_artifacts(root: &mut Mapping<'_, '_>, spec: &mut Buildspec) -> Result<(), Error> {
    let Some(node) = root.get("artifacts") else { return Ok(()) };
    if node.is_null() {
        return Ok(());
    }
    let mut mapping = Mapping::of(node, "artifacts", root.passed_over)?;
    if let Some(secondary) = mapping.given("secondary-artifacts") {
        let entries = Mapping::of(secondary, "artifacts.secondary-artifacts", mapping.passed_over)?;
        for (identifier, node) in entries.all()? {
            let path = format!("artifacts.secondary-artifacts.{identifier}");
            let artifacts = artifacts(&mut Mapping::of(node, &path, mapping.passed_over)?, true)?;
            spec.secondary_artifacts.insert(identifier, artifacts);
        }
    }
    let needs_files = spec.secondary_artifacts.is_empty();
    let primary = artifacts(&mut mapping, needs_files)?;
    if !primary.files.is_empty() {
        spec.artifacts = Some(primary);
    }
    Ok(())
}

fn artifacts(mapping: &mut Mapping<'_, '_>, needs_files: bool) -> Result<Artifacts, Error> {
    // Version 0.1 has a type, which is not looked at.
    mapping.get("type");
    let artifacts = Artifacts {
        files: mapping.list("files")?,
        name: mapping.text("name")?,
        discard_paths: mapping.flag("discard-paths")?,
        base_directory: mapping.text("base-directory")?,
        exclude_paths: mapping.list("exclude-paths")?,
        enable_symlinks: mapping.flag("enable-symlinks")?,
        s3_prefix: mapping.text("s3-prefix")?,
    };
    if artifacts.files.is_empty() && needs_files {
        return Err(Error::new(format!("Expected {} to have files", mapping.path), mapping.place));
    }
    Ok(artifacts)
}

fn read_cache(mapping: &mut Mapping<'_, '_>) -> Result<Cache, Error> {
    let fallback_keys = mapping.list("fallback-keys")?;
    if let Some(node) = mapping.given("fallback-keys").filter(|_| fallback_keys.len() > MAX_FALLBACK_KEYS) {
        let found = fallback_keys.len();
        let message =
            format!("Expected cache.fallback-keys to have at most {MAX_FALLBACK_KEYS} keys: found {found}");
        return Err(Error::new(message, node.place));
    }
    let action = match mapping.given("action").map(|node| (string(node, "cache.action"), node.place)) {
        None => None,
        Some((action, place)) => Some(match action?.as_str() {
            "restore" => CacheAction::Restore,
            "save" => CacheAction::Save,
            other => {
                let message = format!("Unknown cache.action '{other}': expected restore or save");
                return Err(Error::new(message, place));
            }
        }),
    };
    Ok(Cache { paths: mapping.list("paths")?, key: mapping.text("key")?, fallback_keys, action })
}

fn read_reports(root: &mut Mapping<'_, '_>) -> Result<BTreeMap<String, Report>, Error> {
    let mut reports = BTreeMap::new();
    let Some(node) = root.get("reports").filter(|node| !node.is_null()) else { return Ok(reports) };
    let entries = Mapping::of(node, "reports", root.passed_over)?.all()?;
    if entries.len() > MAX_REPORTS {
        let message = format!("Expected reports to name at most {MAX_REPORTS} report groups");
        return Err(Error::new(message, node.place));
    }
    for (name, node) in entries {
        let path = format!("reports.{name}");
        let mut mapping = Mapping::of(node, &path, root.passed_over)?;
        let report = Report {
            files: mapping.list("files")?,
            base_directory: mapping.text("base-directory")?,
            discard_paths: mapping.flag("discard-paths")?,
            format: match mapping.given("file-format") {
                Some(node) => report_format(&string(node, &path)?, &name, node.place)?,
                None => Format::default(),
            },
        };
        if report.files.is_empty() {
            return Err(Error::new(format!("Expected {path} to have files"), mapping.place));
        }
        reports.insert(name, report);
    }
    Ok(reports)
}

fn report_format(text: &str, report: &str, place: Place) -> Result<Format, Error> {
    Format::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        let known = names.join(", ").replace(", LCOV", " or LCOV");
        Error::new(format!("Unknown file-format '{text}' of report {report}: expected {known}"), place)
    })
}

/// A map whose keys are asked for one by one. Those that nobody asked for are unknown.
pub(super) struct Mapping<'node, 'over> {
    /// `phases.build`, for messages; empty at the top.
    pub path: String,
    pub place: Place,
    entries: Vec<Entry<'node>>,
    asked: Vec<String>,
    pub passed_over: &'over mut Vec<PassedOver>,
}

impl<'node, 'over> Mapping<'node, 'over> {
    pub fn of(node: &'node Node, path: &str, passed_over: &'over mut Vec<PassedOver>) -> Result<Self, Error> {
        if !matches!(node.value, Value::Mapping(_)) {
            let what = if path.is_empty() { "the buildspec" } else { path };
            return Err(Error::new(format!("Expected {what} to be a map"), node.place));
        }
        let (entries, repeated) = entries(node)?;
        passed_over.extend(repeated.into_iter().map(|(name, place)| PassedOver {
            path: below(path, &name),
            place,
            why: Why::Repeated,
        }));
        Ok(Self { path: path.to_owned(), place: node.place, entries, asked: Vec::new(), passed_over })
    }

    pub fn get(&mut self, key: &str) -> Option<&'node Node> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        self.entries.iter().find(|(name, ..)| name == key).map(|(_, node, _)| *node)
    }

    /// A value that is there and is not empty.
    pub fn given(&mut self, key: &str) -> Option<&'node Node> {
        self.get(key).filter(|node| !node.is_null())
    }

    /// The keys, in the document's order.
    pub fn names(&self) -> Vec<String> {
        self.entries.iter().map(|(name, ..)| name.clone()).collect()
    }

    /// All entries of a map whose keys are the user's.
    fn all(mut self) -> Result<Vec<(String, &'node Node)>, Error> {
        let entries = std::mem::take(&mut self.entries);
        Ok(entries.into_iter().map(|(name, node, _)| (name, node)).collect())
    }

    pub fn child<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Mapping<'_, '_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(node) = self.given(key) else { return Ok(None) };
        let path = self.path_of(key);
        read(&mut Mapping::of(node, &path, self.passed_over)?).map(Some)
    }

    pub fn path_of(&self, key: &str) -> String {
        below(&self.path, key)
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        let path = self.path_of(key);
        self.given(key).map(|node| string(node, &path)).transpose()
    }

    pub fn flag(&mut self, key: &str) -> Result<bool, Error> {
        let path = self.path_of(key);
        let Some(node) = self.given(key) else { return Ok(false) };
        let text = string(node, &path)?;
        match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(true),
            "no" | "false" | "off" => Ok(false),
            _ => Err(Error::new(format!("Expected {path} to be yes or no: found '{text}'"), node.place)),
        }
    }

    pub fn texts(&mut self, key: &str) -> Result<BTreeMap<String, String>, Error> {
        let path = self.path_of(key);
        let Some(node) = self.given(key) else { return Ok(BTreeMap::new()) };
        let entries = Mapping::of(node, &path, self.passed_over)?.all()?;
        let read = |(name, node): (String, &Node)| {
            let text = if node.is_null() { String::new() } else { string(node, &format!("{path}.{name}"))? };
            Ok((name, text))
        };
        entries.into_iter().map(read).collect()
    }

    /// A list of texts; a single text stands for a list of one.
    pub fn list(&mut self, key: &str) -> Result<Vec<String>, Error> {
        let path = self.path_of(key);
        match self.given(key) {
            None => Ok(Vec::new()),
            Some(node) => match &node.value {
                Value::Scalar { text, .. } => Ok(vec![text.clone()]),
                Value::Sequence(items) => items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| string(item, &format!("{path}[{index}]")))
                    .collect(),
                Value::Mapping(_) => Err(Error::new(format!("Expected {path} to be a list"), node.place)),
            },
        }
    }

    /// As `list`, with the words that CodeBuild has for the mistake that everybody makes: `- echo: hi`.
    fn commands(&mut self, key: &str, shown: &str) -> Result<Vec<String>, Error> {
        let key_line = self.entries.iter().find(|(name, ..)| name == key).map(|(.., place)| place.line);
        if let Some(Node { value: Value::Sequence(items), .. }) = self.get(key) {
            for (index, item) in items.iter().enumerate() {
                if !matches!(item.value, Value::Scalar { .. }) {
                    return Err(Error::new(
                        format!(
                            "Expected {shown}[{index}] to be of string type: found subkeys instead at line {}, \
                             value of the key tag on line {} might be empty",
                            item.place.line,
                            key_line.unwrap_or(item.place.line)
                        ),
                        item.place,
                    )
                    .with_line_told());
                }
            }
        }
        self.list(key)
    }
}

/// Key, value, and where the key stands.
type Entry<'node> = (String, &'node Node, Place);

/// A key that stands once more further down, and where it stands first.
type Repeated = (String, Place);

/// What a map says, and the keys that it says once more further down. The entries of a merge key (`<<: *common`) come
/// last, and only those that the map does not have itself. Source: "Merge Key Language-Independent Type for YAML 1.1".
fn entries(node: &Node) -> Result<(Vec<Entry<'_>>, Vec<Repeated>), Error> {
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(node.entries().len());
    let mut positions: HashMap<String, usize> = HashMap::new();
    let (mut merged, mut repeated) = (Vec::new(), Vec::new());
    for (key, value) in node.entries() {
        if matches!(&key.value, Value::Scalar { text, plain: true } if text == "<<") {
            merged.extend(maps(value)?);
            continue;
        }
        let name = string(key, "a key")?;
        match positions.get(&name) {
            Some(&position) => {
                repeated.push((name.clone(), entries[position].2));
                entries[position] = (name, value, key.place);
            }
            None => {
                positions.insert(name.clone(), entries.len());
                entries.push((name, value, key.place));
            }
        }
    }
    for map in merged {
        for entry in self::entries(map)?.0 {
            if !positions.contains_key(&entry.0) {
                positions.insert(entry.0.clone(), entries.len());
                entries.push(entry);
            }
        }
    }
    Ok((entries, repeated))
}

/// What a merge key names: a map, or a list of maps.
fn maps(node: &Node) -> Result<Vec<&Node>, Error> {
    let maps: Vec<&Node> = match &node.value {
        Value::Sequence(items) => items.iter().collect(),
        Value::Mapping(_) | Value::Scalar { .. } => vec![node],
    };
    match maps.iter().all(|map| matches!(map.value, Value::Mapping(_))) {
        true => Ok(maps),
        false => Err(Error::new("map merge requires map or sequence of maps as the value", node.place)),
    }
}

/// `phases.build` of `phases` and `build`.
fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Drop for Mapping<'_, '_> {
    fn drop(&mut self) {
        for (name, _, place) in &self.entries {
            if !self.asked.contains(name) {
                let why = Why::Unknown { known: self.asked.clone() };
                self.passed_over.push(PassedOver { path: below(&self.path, name), place: *place, why });
            }
        }
    }
}

pub(super) fn string(node: &Node, path: &str) -> Result<String, Error> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.clone()),
        Value::Sequence(_) | Value::Mapping(_) => {
            let message = format!("Expected {path} to be of string type: found subkeys instead");
            Err(Error::new(message, node.place))
        }
    }
}
