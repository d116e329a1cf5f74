//! The `batch` section: the builds of a batch, whichever of its four forms they are written in.
//! Source: CodeBuild User Guide, "Batch build buildspec reference".

use std::collections::{BTreeMap, BTreeSet};

use codebuild_model::{ComputeType, EnvironmentType};
use document::{Node, Value};
use serde::{Deserialize, Serialize};

use super::{
    Error, PassedOver, Place,
    read::{Mapping, string, tree},
};

/// Builds that a batch has at most. Source: CodeBuild User Guide, "Quotas for AWS CodeBuild".
pub const MOST_BUILDS: usize = 100;
/// The group that fetches the source and reads the batch; no build of a batch can be called so.
pub const DOWNLOAD_SOURCE: &str = "DOWNLOAD_SOURCE";

const FORMS: [&str; 4] = ["build-graph", "build-list", "build-matrix", "build-fanout"];
const MAX_IDENTIFIER: usize = 128;

/// A batch with its forms worked out: a matrix and a fan-out are lists of builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The first failure that counts stops everything that runs.
    pub fast_fail: bool,
    pub builds: Vec<BatchBuild>,
}

/// One build of a batch, and what it has otherwise than the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchBuild {
    pub identifier: String,
    /// Identifiers of builds that must have succeeded before.
    pub depends_on: Vec<String>,
    pub ignore_failure: bool,
    pub debug_session: bool,
    pub buildspec: Option<String>,
    pub compute_type: Option<String>,
    pub fleet: Option<String>,
    pub image: Option<String>,
    pub privileged_mode: Option<bool>,
    pub environment_type: Option<String>,
    pub variables: BTreeMap<String, String>,
    /// Set for the builds of a fan-out.
    pub shard: Option<Shard>,
}

/// Which part of the tests a build of a fan-out runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    pub count: u32,
}

/// Reads the `batch` section of a buildspec; none if there is none.
pub fn parse_batch(text: &str) -> Result<Option<Batch>, Error> {
    of_tree(&tree(text)?)
}

pub(super) fn of_tree(root: &Node) -> Result<Option<Batch>, Error> {
    let mut passed_over = Vec::new();
    match Mapping::of(root, "", &mut passed_over)?.get("batch") {
        Some(node) => read(node, &mut Vec::new()).map(Some),
        None => Ok(None),
    }
}

pub(super) fn read(node: &Node, passed_over: &mut Vec<PassedOver>) -> Result<Batch, Error> {
    let mut batch = Mapping::of(node, "batch", passed_over)?;
    let fast_fail = batch.flag("fast-fail")?;
    let given: Vec<(&str, &Node)> =
        FORMS.into_iter().filter_map(|form| Some((form, batch.given(form)?))).collect();
    let (form, node) = match given.as_slice() {
        [one] => *one,
        [] => {
            let message = format!("Expected batch to have one of {}", FORMS.join(", "));
            return Err(Error::new(message, batch.place));
        }
        [(first, _), (second, node), ..] => {
            let message = format!("Expected batch to have one form of builds: found {first} and {second}");
            return Err(Error::new(message, node.place));
        }
    };
    let builds = match form {
        "build-matrix" => matrix(node, batch.passed_over)?,
        "build-fanout" => fanout(node, batch.passed_over)?,
        form => list(node, form, batch.passed_over)?,
    };
    Ok(Batch { fast_fail, builds })
}

/// `build-list` and `build-graph`.
fn list(node: &Node, form: &str, passed_over: &mut Vec<PassedOver>) -> Result<Vec<BatchBuild>, Error> {
    let path = format!("batch.{form}");
    let Value::Sequence(items) = &node.value else {
        return Err(Error::new(format!("Expected {path} to be a list"), node.place));
    };
    bounded(items.len(), &path, node.place)?;
    let mut builds: Vec<BatchBuild> = Vec::with_capacity(items.len());
    let mut dependencies = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut mapping = Mapping::of(item, &path, passed_over)?;
        let build = build(&mut mapping)?;
        if form == "build-graph" {
            dependencies.push(depend_on(&mut mapping, &path)?);
        }
        let place = mapping.given("identifier").map_or(item.place, |node| node.place);
        if builds.iter().any(|known| known.identifier == build.identifier) {
            return Err(Error::new(format!("Duplicate identifier '{}' in batch", build.identifier), place));
        }
        builds.push(build);
    }
    let identifiers: BTreeSet<String> = builds.iter().map(|build| build.identifier.clone()).collect();
    for (build, named) in builds.iter_mut().zip(dependencies) {
        for (name, place) in named {
            if name == build.identifier {
                return Err(Error::new(format!("Build '{name}' of batch depends on itself"), place));
            }
            if !identifiers.contains(&name) {
                let message =
                    format!("Build '{}' of batch depends on '{name}', which is not there", build.identifier);
                return Err(Error::new(message, place));
            }
            if !build.depends_on.contains(&name) {
                build.depends_on.push(name);
            }
        }
    }
    match cycle(&builds) {
        Some(cycle) => {
            let message = format!("The builds of batch depend on each other: {}", cycle.join(" -> "));
            Err(Error::new(message, node.place))
        }
        None => Ok(builds),
    }
}

fn bounded(builds: usize, path: &str, place: Place) -> Result<(), Error> {
    match builds {
        0 => Err(Error::new(format!("Expected {path} to have builds"), place)),
        1..=MOST_BUILDS => Ok(()),
        _ => {
            let message = format!("Expected {path} to have at most {MOST_BUILDS} builds: found {builds}");
            Err(Error::new(message, place))
        }
    }
}

fn build(mapping: &mut Mapping<'_, '_>) -> Result<BatchBuild, Error> {
    let path = mapping.path.clone();
    let Some(node) = mapping.given("identifier") else {
        return Err(Error::new(format!("Expected {path} to have an identifier"), mapping.place));
    };
    let identifier = string(node, &format!("{path}.identifier"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if identifier.len() > MAX_IDENTIFIER || !identifier.chars().all(allowed) {
        let message = format!(
            "Invalid identifier '{identifier}' in batch: at most {MAX_IDENTIFIER} letters, digits and underscores"
        );
        return Err(Error::new(message, node.place));
    }
    if identifier == DOWNLOAD_SOURCE {
        return Err(Error::new(format!("The identifier {DOWNLOAD_SOURCE} of batch is taken"), node.place));
    }
    let mut build = BatchBuild {
        identifier,
        ignore_failure: mapping.flag("ignore-failure")?,
        debug_session: mapping.flag("debug-session")?,
        buildspec: mapping.text("buildspec")?,
        ..BatchBuild::default()
    };
    mapping.child("env", |env| {
        build.compute_type = known(env, "compute-type", is_compute_type)?;
        build.fleet = env.text("fleet")?;
        if build.fleet.is_some() && build.compute_type.is_some() {
            let message = format!("Expected {} to have compute-type or fleet, not both", env.path);
            return Err(Error::new(message, env.place));
        }
        build.image = env.text("image")?;
        build.variables = env.texts("variables")?;
        static_environment(env, &mut build)
    })?;
    Ok(build)
}

fn static_environment(env: &mut Mapping<'_, '_>, build: &mut BatchBuild) -> Result<(), Error> {
    build.environment_type =
        known(env, "type", |text| !matches!(EnvironmentType::from(text), EnvironmentType::Other(_)))?;
    if env.given("privileged-mode").is_some() {
        build.privileged_mode = Some(env.flag("privileged-mode")?);
    }
    Ok(())
}

fn is_compute_type(text: &str) -> bool {
    !matches!(ComputeType::from(text), ComputeType::Other(_))
}

/// A text that must be one of the API's names.
fn known(
    mapping: &mut Mapping<'_, '_>,
    key: &str,
    is_known: impl Fn(&str) -> bool,
) -> Result<Option<String>, Error> {
    let path = mapping.path_of(key);
    let Some(node) = mapping.given(key) else { return Ok(None) };
    let text = string(node, &path)?;
    match is_known(&text) {
        true => Ok(Some(text)),
        false => Err(Error::new(format!("Unknown {path} '{text}'"), node.place)),
    }
}

fn depend_on(mapping: &mut Mapping<'_, '_>, path: &str) -> Result<Vec<(String, Place)>, Error> {
    let names = mapping.list("depend-on")?;
    let Some(node) = mapping.given("depend-on") else { return Ok(Vec::new()) };
    let places: Vec<Place> = match &node.value {
        Value::Sequence(items) => items.iter().map(|item| item.place).collect(),
        Value::Scalar { .. } => vec![node.place],
        Value::Mapping(_) => {
            return Err(Error::new(format!("Expected {path}.depend-on to be a list"), node.place));
        }
    };
    Ok(names.into_iter().zip(places).collect())
}

/// Builds that wait for each other in a ring, the first one named again at its end.
fn cycle(builds: &[BatchBuild]) -> Option<Vec<&str>> {
    // What depends on nothing that is left can be taken away; what stays is in a ring or behind one.
    let mut left: Vec<&BatchBuild> = builds.iter().collect();
    loop {
        let names: BTreeSet<&str> = left.iter().map(|build| build.identifier.as_str()).collect();
        let before = left.len();
        left.retain(|build| build.depends_on.iter().any(|name| names.contains(name.as_str())));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            break;
        }
    }
    let mut way: Vec<&str> = vec![&left[0].identifier];
    loop {
        let here = left.iter().find(|build| Some(&build.identifier.as_str()) == way.last())?;
        let next = here.depends_on.iter().find(|name| left.iter().any(|build| build.identifier == **name))?;
        way.push(next);
        if let Some(start) = way.iter().position(|name| name == next).filter(|start| start + 1 < way.len()) {
            return Some(way.split_off(start));
        }
    }
}

/// Every combination of the dynamic values: buildspecs first, then images, compute types, and variables as they stand.
fn matrix(node: &Node, passed_over: &mut Vec<PassedOver>) -> Result<Vec<BatchBuild>, Error> {
    let mut matrix = Mapping::of(node, "batch.build-matrix", passed_over)?;
    let mut common = BatchBuild::default();
    matrix.child("static", |settings| {
        common.ignore_failure = settings.flag("ignore-failure")?;
        settings.child("env", |env| {
            common.variables = env.texts("variables")?;
            static_environment(env, &mut common)
        })?;
        Ok(())
    })?;
    let mut axes: Vec<(Axis, Vec<String>)> = Vec::new();
    let read = matrix.child("dynamic", |dynamic| {
        axes.push((Axis::Buildspec, dynamic.list("buildspec")?));
        dynamic.child("env", |env| {
            axes.push((Axis::Image, env.list("image")?));
            let place = env.given("compute-type").map_or(env.place, |node| node.place);
            let compute = env.list("compute-type")?;
            if let Some(unknown) = compute.iter().find(|text| !is_compute_type(text)) {
                return Err(Error::new(format!("Unknown {}.compute-type '{unknown}'", env.path), place));
            }
            axes.push((Axis::ComputeType, compute));
            variables(env, &mut axes)
        })?;
        Ok(())
    })?;
    if read.is_none() {
        return Err(Error::new("Expected batch.build-matrix to have dynamic", node.place));
    }
    axes.retain(|(_, values)| !values.is_empty());
    let combinations = axes.iter().fold(1_usize, |all, (_, values)| all.saturating_mul(values.len()));
    bounded(if axes.is_empty() { 0 } else { combinations }, "batch.build-matrix", node.place)?;
    let mut builds = vec![(Vec::new(), common)];
    for (axis, values) in &axes {
        builds = builds
            .into_iter()
            .flat_map(|(names, build): (Vec<String>, BatchBuild)| {
                values.iter().map(move |value| {
                    let mut build = build.clone();
                    axis.set(&mut build, value);
                    (names.iter().chain([value]).cloned().collect(), build)
                })
            })
            .collect();
    }
    Ok(named(builds))
}

fn variables(env: &mut Mapping<'_, '_>, axes: &mut Vec<(Axis, Vec<String>)>) -> Result<(), Error> {
    let Some(node) = env.given("variables") else { return Ok(()) };
    let path = env.path_of("variables");
    let mut variables = Mapping::of(node, &path, env.passed_over)?;
    for name in variables.names() {
        let values = variables.list(&name)?;
        axes.push((Axis::Variable(name), values));
    }
    Ok(())
}

/// What differs between the builds of a matrix.
enum Axis {
    Buildspec,
    Image,
    ComputeType,
    Variable(String),
}

impl Axis {
    fn set(&self, build: &mut BatchBuild, value: &str) {
        let value = value.to_owned();
        match self {
            Self::Buildspec => build.buildspec = Some(value),
            Self::Image => build.image = Some(value),
            Self::ComputeType => build.compute_type = Some(value),
            Self::Variable(name) => {
                build.variables.insert(name.clone(), value);
            }
        }
    }
}

/// A build of a matrix is called by its values, with a number where that says too little.
fn named(builds: Vec<(Vec<String>, BatchBuild)>) -> Vec<BatchBuild> {
    let mut taken = BTreeSet::from([DOWNLOAD_SOURCE.to_owned()]);
    let named = builds.into_iter().enumerate().map(|(index, (values, mut build))| {
        let letters = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name: String = values.join("_").chars().map(letters).collect();
        name = name.trim_matches('_').to_owned();
        if name.is_empty() || name.len() > MAX_IDENTIFIER || taken.contains(&name) {
            name.truncate(MAX_IDENTIFIER - 8);
            name = format!("{name}_{index}").trim_matches('_').to_owned();
        }
        taken.insert(name.clone());
        build.identifier = name;
        build
    });
    named.collect()
}

fn fanout(node: &Node, passed_over: &mut Vec<PassedOver>) -> Result<Vec<BatchBuild>, Error> {
    let path = "batch.build-fanout";
    let mut mapping = Mapping::of(node, path, passed_over)?;
    let ignore_failure = mapping.flag("ignore-failure")?;
    let Some(node) = mapping.given("parallelism") else {
        return Err(Error::new(format!("Expected {path} to have parallelism"), mapping.place));
    };
    let text = string(node, "batch.build-fanout.parallelism")?;
    let count: u32 = text
        .parse()
        .ok()
        .filter(|count| (1..=MOST_BUILDS).contains(&(*count as usize)))
        .ok_or_else(|| {
            let message =
                format!("Expected {path}.parallelism to be a number from 1 to {MOST_BUILDS}: found '{text}'");
            Error::new(message, node.place)
        })?;
    let builds = (0..count).map(|index| BatchBuild {
        identifier: format!("BuildFanoutShard{}", index + 1),
        ignore_failure,
        shard: Some(Shard { index, count }),
        ..BatchBuild::default()
    });
    Ok(builds.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(section: &str) -> Batch {
        parse_batch(&format!("version: 0.2\nbatch:\n{section}")).unwrap().unwrap()
    }

    fn refusal(section: &str) -> (String, usize, usize) {
        let error = parse_batch(&format!("version: 0.2\nbatch:\n{section}")).unwrap_err();
        (error.message, error.place.line, error.place.column)
    }

    fn identifiers(batch: &Batch) -> Vec<&str> {
        batch.builds.iter().map(|build| build.identifier.as_str()).collect()
    }

    #[test]
    fn graph_with_everything() {
        let batch = batch(
            "  fast-fail: true\n  build-graph:\n    - identifier: a\n      env: {compute-type: BUILD_GENERAL1_LARGE, image: i, privileged-mode: yes, type: ARM_CONTAINER, variables: {A: 1}}\n      debug-session: true\n    - identifier: b\n      buildspec: b.yml\n      depend-on: [a]\n      ignore-failure: true\n",
        );
        assert!(batch.fast_fail);
        let [a, b] = &batch.builds[..] else { panic!("two builds") };
        assert_eq!(a.compute_type.as_deref(), Some("BUILD_GENERAL1_LARGE"));
        assert_eq!((a.privileged_mode, a.environment_type.as_deref()), (Some(true), Some("ARM_CONTAINER")));
        assert_eq!((a.variables["A"].as_str(), a.debug_session), ("1", true));
        assert_eq!(
            (b.buildspec.as_deref(), b.depends_on.as_slice()),
            (Some("b.yml"), ["a".to_owned()].as_slice())
        );
        assert!(b.ignore_failure && b.privileged_mode.is_none());
    }

    #[test]
    fn matrix_is_every_combination_in_the_guides_order() {
        let batch = batch(
            "  build-matrix:\n    static: {ignore-failure: true, env: {type: LINUX_CONTAINER}}\n    dynamic:\n      buildspec: [one.yml, two.yml]\n      env:\n        variables:\n          V: [x, y, z]\n",
        );
        let expected = ["one_yml_x", "one_yml_y", "one_yml_z", "two_yml_x", "two_yml_y", "two_yml_z"];
        assert_eq!(identifiers(&batch), expected);
        assert_eq!(batch.builds[4].variables["V"], "y");
        assert!(batch.builds.iter().all(|build| build.ignore_failure));
        let alike = parse_batch(
            "version: 0.2\nbatch: {build-matrix: {dynamic: {env: {variables: {V: [a.b, a-b, '']}}}}}\n",
        );
        assert_eq!(identifiers(&alike.unwrap().unwrap()), ["a_b", "a_b_1", "2"]);
    }

    #[test]
    fn fanout_is_so_many_builds_alike() {
        let batch = batch("  build-fanout: {parallelism: 3, ignore-failure: yes}\n");
        assert_eq!(identifiers(&batch), ["BuildFanoutShard1", "BuildFanoutShard2", "BuildFanoutShard3"]);
        assert_eq!(batch.builds[2].shard, Some(Shard { index: 2, count: 3 }));
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        let cases = [
            ("  fast-fail: true\n", "Expected batch to have one of build-graph", (3, 3)),
            (
                "  build-list: [{identifier: a}]\n  build-fanout: {parallelism: 2}\n",
                "found build-list and build-fanout",
                (4, 17),
            ),
            (
                "  build-list:\n    - buildspec: x\n",
                "Expected batch.build-list[0] to have an identifier",
                (4, 7),
            ),
            ("  build-list:\n    - identifier: a-b\n", "Invalid identifier 'a-b'", (4, 19)),
            (
                "  build-list:\n    - identifier: a\n    - identifier: a\n",
                "Duplicate identifier 'a'",
                (5, 19),
            ),
            ("  build-list:\n    - identifier: DOWNLOAD_SOURCE\n", "is taken", (4, 19)),
            (
                "  build-graph:\n    - identifier: a\n      depend-on: [b]\n",
                "Build 'a' of batch depends on 'b', which is not there",
                (5, 19),
            ),
            ("  build-graph:\n    - identifier: a\n      depend-on: [a]\n", "depends on itself", (5, 19)),
            (
                "  build-graph:\n    - {identifier: z, depend-on: a}\n    - {identifier: a, depend-on: b}\n    - {identifier: b, depend-on: a}\n",
                "depend on each other: a -> b -> a",
                (4, 5),
            ),
            (
                "  build-list:\n    - identifier: a\n      env: {compute-type: BIG}\n",
                "Unknown batch.build-list[0].env.compute-type 'BIG'",
                (5, 27),
            ),
            ("  build-matrix: {static: {}}\n", "Expected batch.build-matrix to have dynamic", (3, 17)),
            ("  build-matrix: {dynamic: {}}\n", "Expected batch.build-matrix to have builds", (3, 17)),
            ("  build-fanout: {parallelism: 101}\n", "a number from 1 to 100: found '101'", (3, 31)),
        ];
        for (section, expected, place) in cases {
            let (message, line, column) = refusal(section);
            assert!(message.contains(expected), "{message}");
            assert_eq!((line, column), place, "{message}");
        }
        let many = "x, ".repeat(101);
        let (message, ..) =
            refusal(&format!("  build-matrix: {{dynamic: {{env: {{variables: {{V: [{many}]}}}}}}}}\n"));
        assert!(message.contains("at most 100 builds: found 101"), "{message}");
    }

    #[test]
    fn no_section_is_no_batch() {
        assert_eq!(parse_batch("version: 0.2\nphases: {}\n").unwrap(), None);
    }
}
