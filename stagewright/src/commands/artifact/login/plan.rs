//! Which files each package manager reads, and what has to stand in them.

use std::path::Path;

use super::files::{Edit, Home, Mode};
use super::{Arguments, Error, Tool};
use crate::package_tools::{
    Access, Helper, Registry, Unusable, cargo, gradle, maven, npmrc, poetry, python, uv, yarn,
};

/// The first lines of a program of ours: one that begins otherwise is somebody else's.
const OURS: &str = "#!/bin/sh\n# Written by `stagewright artifact login`";

pub fn edits(arguments: &Arguments, registry: &Registry, home: &Home) -> Result<Vec<Edit>, Error> {
    let mut edits = Vec::new();
    let private = if matches!(registry.access, Access::Token(_)) { Mode::Private } else { Mode::Kept };
    match (arguments.tool, &registry.access) {
        (Tool::Npm, _) => {
            let path = home.path("NPM_CONFIG_USERCONFIG", ".npmrc");
            edits.push(Edit::of(path, private, |text| Ok(npmrc::npm(text, registry)))?);
        }
        (Tool::Pnpm, access) => {
            let helper = home.config.join(format!("stagewright/{}-token", registry.name));
            if let Access::Helper(command) = access {
                let line = command.line(&["token", "--header", "--url", &registry.endpoint]);
                edits.push(program(helper.clone(), &format!("exec {line}\n"))?);
            }
            let path = home.path("NPM_CONFIG_USERCONFIG", ".npmrc");
            let helper = helper.display().to_string();
            edits.push(Edit::of(path, private, |text| Ok(npmrc::pnpm(text, registry, &helper)))?);
        }
        (Tool::Pip | Tool::Uv, access) => {
            if let Access::Helper(helper) = access {
                let usual = || home.folder.join(".local/bin");
                let folder = arguments.bin.clone().unwrap_or_else(usual);
                edits.push(keyring(&folder, helper)?);
            }
            edits.push(if arguments.tool == Tool::Pip {
                let path = home.path("PIP_CONFIG_FILE", &pip_file(home));
                Edit::of(path, private, |text| Ok(python::pip(text, registry)))?
            } else {
                let path = home.path("UV_CONFIG_FILE", &inside(home, "uv/uv.toml"));
                Edit::of(path, private, |text| uv::config(text, registry))?
            });
        }
        (Tool::Cargo, access) => {
            let folder = home.path("CARGO_HOME", ".cargo");
            let old = folder.join("config");
            let path = if old.is_file() { old } else { folder.join("config.toml") };
            edits.push(Edit::of(path, Mode::Kept, |text| cargo::config(text, registry))?);
            if let Access::Token(token) = access {
                let path = folder.join("credentials.toml");
                edits.push(Edit::of(path, private, |text| cargo::credentials(text, registry, token))?);
            }
        }
        (Tool::Gradle, _) => {
            let folder = home.path("GRADLE_USER_HOME", ".gradle");
            let path = folder.join(format!("init.d/stagewright-{}.gradle", registry.name));
            edits.push(Edit::of(path, private, |_| Ok(gradle::script(registry)))?);
        }
        (Tool::Twine | Tool::Poetry | Tool::Yarn | Tool::Maven, Access::Token(token)) => {
            edits.extend(with_token(arguments, registry, token, home)?);
        }
        (Tool::Twine | Tool::Poetry | Tool::Yarn | Tool::Maven, Access::Helper(_)) => {}
    }
    Ok(edits)
}

/// For those that know no helper.
fn with_token(
    arguments: &Arguments,
    registry: &Registry,
    token: &str,
    home: &Home,
) -> Result<Vec<Edit>, Error> {
    let private =
        |path, change: &dyn Fn(&str) -> Result<String, Unusable>| Edit::of(path, Mode::Private, change);
    Ok(match arguments.tool {
        Tool::Twine => {
            vec![private(home.folder.join(".pypirc"), &|text| Ok(python::pypirc(text, registry, token)))?]
        }
        Tool::Yarn => {
            vec![private(home.folder.join(".yarnrc.yml"), &|text| yarn::config(text, registry, token))?]
        }
        Tool::Maven => {
            vec![private(home.folder.join(".m2/settings.xml"), &|text| {
                maven::settings(text, registry, token)
            })?]
        }
        Tool::Poetry => {
            let folder = home.path("POETRY_CONFIG_DIR", &inside(home, "pypoetry"));
            let auth = private(folder.join("auth.toml"), &|text| poetry::auth(text, registry, token))?;
            let config =
                Edit::of(folder.join("config.toml"), Mode::Kept, |text| poetry::config(text, registry))?;
            let mut edits = vec![auth, config];
            if let Some(project) = &arguments.project {
                let path = project.join("pyproject.toml");
                edits.push(Edit::of(path, Mode::Kept, |text| poetry::project(text, registry))?);
            }
            edits
        }
        Tool::Npm | Tool::Pnpm | Tool::Pip | Tool::Uv | Tool::Cargo | Tool::Gradle => Vec::new(),
    })
}

/// Where pip looks first: the old place, if there is a file.
fn pip_file(home: &Home) -> String {
    let old = ".pip/pip.conf";
    if home.folder.join(old).is_file() { old.to_owned() } else { inside(home, "pip/pip.conf") }
}

fn inside(home: &Home, path: &str) -> String {
    home.config.join(path).display().to_string()
}

/// The program that pip and uv ask. What earlier logins let it answer for, it goes on answering for.
fn keyring(folder: &Path, helper: &Helper) -> Result<Edit, Error> {
    let path = folder.join("keyring");
    let known = std::fs::read_to_string(&path).ok().filter(|text| text.starts_with(OURS));
    let mut helper = helper.clone();
    let mut words = known.iter().flat_map(|text| text.split_whitespace());
    while let Some(word) = words.next() {
        let named = words.clone().next().map(|server| server.trim_matches('\'').to_owned());
        if let Some(server) = named.filter(|server| word == "'--server'" && !helper.servers.contains(server))
        {
            helper.servers.push(server);
        }
    }
    helper.servers.sort();
    let line = helper.line(&["credential-helper", "keyring"]);
    program(
        path,
        &format!(
            "# Others are handed to the next keyring on the PATH.\nexec {line} --called-as \"$0\" -- \"$@\"\n"
        ),
    )
}

/// Errors: `Unusable` for a file of somebody else.
fn program(path: std::path::PathBuf, body: &str) -> Result<Edit, Error> {
    Edit::of(path, Mode::Program, |text| {
        if text.is_empty() || text.starts_with(OURS) {
            return Ok(format!("{OURS}\n{body}"));
        }
        let advice = "it is another program: name a folder with --bin that stands in front of it on the PATH";
        Err(Unusable(advice.to_owned()))
    })
}

/// Whether a program of this name and path is the first on the PATH.
pub fn is_found(program: &Path) -> bool {
    let Some(name) = program.file_name() else { return false };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|found| found.is_file());
    first.and_then(|found| found.canonicalize().ok()) == program.canonicalize().ok()
}
