//! Reports that no buildspec names: files of the source folder that look as test runners and coverage tools write them.
//! Source: CodeBuild User Guide, "Auto-discover in AWS CodeBuild test reports".

use std::{
    collections::BTreeMap,
    io::BufReader,
    path::Path,
    time::{Duration, Instant},
};

use runner::{Workspace, WorkspaceError, workspace::Kind};

use super::{Fault, upload::Uploading};
use crate::{
    artifacts::package::Item,
    buildspec::Buildspec,
    environment::{self, Given},
    records::Build,
    report::{
        Format,
        recognise::{may_be_report, recognise},
    },
};

/// A variable of the project, the build or the buildspec: `false` turns discovery off.
const SWITCH: &str = "CODEBUILD_CONFIG_AUTO_DISCOVER";
/// Then what has been found is all. Source: as above.
const LONGEST: Duration = Duration::from_secs(5);
/// Folders of what others have written and tested.
const PASSED_OVER: [&str; 2] = [".git", "node_modules"];

/// Whether reports of a build are looked for.
pub(super) fn is_wanted(build: &Build, spec: &Buildspec) -> bool {
    let given = environment::given(build, spec);
    let is_off =
        matches!(given.get(SWITCH), Some(Given::Plain(value)) if value.trim().eq_ignore_ascii_case("false"));
    !is_off && build.on_behalf_of.is_none()
}

/// The files of each format that were found, without those of formats that the buildspec names itself.
pub(super) async fn discover(uploading: &Uploading<'_, '_>) -> Result<BTreeMap<Format, Vec<Item>>, Fault> {
    if !is_wanted(uploading.build, uploading.spec) {
        return Ok(BTreeMap::new());
    }
    let (workspace, source) = (uploading.folder.workspace(), uploading.source.clone());
    let looking = tokio::task::spawn_blocking(move || look(&workspace, &source, Instant::now() + LONGEST));
    let mut found = match looking.await.map_err(std::io::Error::other)? {
        Ok(found) => found,
        Err(error) => {
            uploading.say(&format!("Skipping auto-discovery of reports: {error}"))?;
            return Ok(BTreeMap::new());
        }
    };
    let named = uploading.spec.reports.values().map(|report| report.format);
    for format in named {
        found.remove(&format);
    }
    for (format, items) in &found {
        let (count, format) = (items.len(), format.name());
        uploading.say(&format!("Auto-discovered {count} report file(s) of the format {format}"))?;
    }
    Ok(found)
}

/// Blocks.
fn look(
    workspace: &Workspace,
    source: &Path,
    until: Instant,
) -> Result<BTreeMap<Format, Vec<Item>>, WorkspaceError> {
    let mut found: BTreeMap<Format, Vec<Item>> = BTreeMap::new();
    let enter = |folder: &Path| {
        let is_passed_over =
            folder.file_name().is_some_and(|own| PASSED_OVER.iter().any(|name| own == *name));
        !is_passed_over && Instant::now() <= until
    };
    for entry in workspace.walk_into(source, enter)? {
        if Instant::now() > until {
            break;
        }
        if entry.kind != Kind::File || !may_be_report(&entry.path) {
            continue;
        }
        let path = source.join(&entry.path);
        let Ok(file) = workspace.open_file(&path) else { continue };
        if let Some(format) = recognise(&entry.path, &mut BufReader::new(file)) {
            found.entry(format).or_default().push(Item { name: entry.path, path, link: None });
        }
    }
    Ok(found)
}

/// The key and the name of the report of a format.
pub(super) fn name_of(format: Format) -> String {
    format!("{}-AutoDiscovered", format.name())
}
