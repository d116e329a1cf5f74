//! Caches: what a build keeps for the next one, in S3 or on this machine.
//!
//! A cache is one archive that is put in one piece, so builds that run side by side do not tear it, and one whose content
//! has not changed is not put again. Without a key a project has one, which every build replaces; with a key there is one
//! for each key and list of paths, which is never changed. A cache that is missing, broken or refused is told in the log
//! and fails no build.
//! Source: CodeBuild User Guide, "Cache builds to improve performance" and "Build specification reference", cache.

mod evaluate;
mod limit;
mod pack;
mod paths;
mod place;
mod shelf;

use std::{collections::BTreeMap, path::PathBuf};

use aws::{Scope, Timestamp};
use codebuild_model::{CacheMode, CacheType, ProjectCache};
use runner::{Folder, Layers, agent_line, mask};
use serde::{Deserialize, Serialize};

use crate::{
    buildspec::{Buildspec, CacheAction},
    driver::Drive,
    records::{Build, Invalidation},
    source::Placed,
};
use paths::CachePath;
use place::Place;
use shelf::Shelf;

pub(crate) use evaluate::evaluation_id;

/// What of a build's cache was worked out before its commands, in the build's folder.
const WORKED_OUT: &str = "cache.json";

/// A cache as one build uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cache {
    action: Option<CacheAction>,
    place: Place,
    fallback_keys: Vec<String>,
    paths: Vec<CachePath>,
    /// Where relative paths begin.
    source: PathBuf,
}

/// Restores a build's cache, once its source is there. Everything that can go wrong is told and no more.
pub(crate) async fn restore(
    drive: &Drive<'_>,
    build: &Build,
    spec: &Buildspec,
    sources: &[Placed],
    folder: &Folder,
) -> std::io::Result<()> {
    let say = |text: &str| say(drive, folder, text);
    let Some(settings) = wanted(build) else {
        return match &spec.cache {
            None => say("Cache is not defined in the buildspec"),
            Some(_) => say("Skip cache due to: the project has no cache"),
        };
    };
    let cache = match work_out(drive, build, settings, spec, sources).await {
        Ok(cache) => cache,
        Err(reason) => return say(&format!("Skip cache due to: {reason}")),
    };
    for path in &cache.paths {
        say(&format!("Expanded cache path {}", path.shown(&cache.source)))?;
    }
    std::fs::write(folder.path().join(WORKED_OUT), serde_json::to_vec(&cache)?)?;
    if cache.action == Some(CacheAction::Save) {
        return Ok(());
    }
    match restore_now(drive, build, settings, &cache, folder).await {
        Ok(Some(name)) => say(&format!("Restored cache {name}")),
        Ok(None) => say("No cache was found"),
        Err(reason) => say(&format!("Unable to download cache: {reason}")),
    }
}

/// Keeps what the build leaves. Everything that can go wrong is told and no more.
pub(crate) async fn save(drive: &Drive<'_>, build: &Build, folder: &Folder) -> std::io::Result<()> {
    let say = |text: &str| say(drive, folder, text);
    let Some(settings) = wanted(build) else { return Ok(()) };
    let Ok(text) = std::fs::read(folder.path().join(WORKED_OUT)) else { return Ok(()) };
    let cache: Cache = serde_json::from_slice(&text)?;
    if cache.action == Some(CacheAction::Restore) {
        return Ok(());
    }
    if build.failed_phase().is_some() {
        return say("Skip saving cache due to: the build has failed");
    }
    match save_now(drive, build, settings, &cache, folder).await {
        Ok(told) => say(&told),
        Err(reason) => say(&format!("Unable to upload cache: {reason}")),
    }
}

/// Writes a line into the log. Secrets, which have been fetched by now, may stand in keys and paths, and in names as they
/// are written there.
fn say(drive: &Drive<'_>, folder: &Folder, text: &str) -> std::io::Result<()> {
    let secrets = drive.secrets.get().into_iter().flat_map(BTreeMap::values);
    let secrets: Vec<String> = secrets.flat_map(|secret| [secret.clone(), place::escaped(secret)]).collect();
    folder.append_output(&agent_line(&mask(&secrets, text)?))
}

/// The project's cache, if it has one that keeps paths.
fn wanted(build: &Build) -> Option<&ProjectCache> {
    let settings = build.configuration.0.cache.as_ref()?;
    let is_custom = || settings.modes.iter().flatten().any(|mode| *mode == CacheMode::LocalCustomCache);
    match settings.r#type {
        CacheType::S3 => Some(settings),
        CacheType::Local if is_custom() => Some(settings),
        CacheType::Local | CacheType::NoCache | CacheType::Other(_) => None,
    }
}

/// What a build keeps of the engine that runs inside it, on the machine where it runs. Only with privileged mode, as on AWS.
pub(crate) async fn layers(drive: &Drive<'_>, build: &Build) -> Result<Option<Layers>, store::Error> {
    let settings = build.configuration.0.cache.as_ref();
    let wanted = settings.is_some_and(|settings| {
        let mut modes = settings.modes.iter().flatten();
        settings.r#type == CacheType::Local && modes.any(|mode| *mode == CacheMode::LocalDockerLayerCache)
    });
    if !wanted || !build.is_privileged() {
        return Ok(None);
    }
    let since = invalidation(drive, build).await?;
    Ok(Some(Layers {
        owner: owner_of_layers(&build.scope, &build.id.project),
        since: since.map(Timestamp::as_millis),
        most_bytes: drive.codebuild.config.most_cache_bytes,
    }))
}

/// As whose the runner keeps a project's layers.
pub(crate) fn owner_of_layers(scope: &Scope, project: &str) -> String {
    format!("{}/{}/{project}", scope.account, scope.region)
}

async fn work_out(
    drive: &Drive<'_>,
    build: &Build,
    settings: &ProjectCache,
    spec: &Buildspec,
    sources: &[Placed],
) -> Result<Cache, String> {
    let none = || "no paths specified to be cached".to_owned();
    let declared = spec.cache.as_ref().filter(|cache| !cache.paths.is_empty()).ok_or_else(none)?;
    let expanded = evaluate::expand(drive, build, spec, declared, sources).await?;
    let source = sources.first().map(|placed| placed.directory.clone()).unwrap_or_default();
    let paths: Vec<CachePath> =
        expanded.paths.iter().map(|path| CachePath::parse(path, &source)).collect::<Result<_, _>>()?;
    let place = Place::of(build, settings, expanded.key.as_deref(), &expanded.paths)?;
    let fallback_keys = if expanded.key.is_some() { expanded.fallback_keys } else { Vec::new() };
    Ok(Cache { action: declared.action, place, fallback_keys, paths, source })
}

async fn restore_now(
    drive: &Drive<'_>,
    build: &Build,
    settings: &ProjectCache,
    cache: &Cache,
    folder: &Folder,
) -> Result<Option<String>, String> {
    let shelf = Shelf::of(drive, build, settings).await?;
    let since = invalidated(drive, build).await?;
    let exact = cache.place.name();
    let mut found = shelf.fresh(&exact, since).await?.map(|_| exact);
    for key in &cache.fallback_keys {
        if found.is_none() {
            found = shelf.newest(&cache.place.prefix(key), since).await?;
        }
    }
    let Some(name) = found else { return Ok(None) };
    let file = shelf.fetch(&name, folder.path()).await?;
    let (folder, cache) = (folder.clone(), cache.clone());
    let unpacked =
        tokio::task::spawn_blocking(move || pack::unpack(file, &folder, &cache.source, &cache.paths));
    unpacked.await.map_err(|error| error.to_string())??;
    Ok(Some(name))
}

async fn save_now(
    drive: &Drive<'_>,
    build: &Build,
    settings: &ProjectCache,
    cache: &Cache,
    folder: &Folder,
) -> Result<String, String> {
    let shelf = Shelf::of(drive, build, settings).await?;
    let name = cache.place.name();
    let known = shelf.fresh(&name, invalidated(drive, build).await?).await?;
    if known.is_some() && cache.place.is_keyed() {
        return Ok(format!("Skip saving cache due to: {name} is there already"));
    }
    let (of_build, cache) = (folder.clone(), cache.clone());
    let gathered = tokio::task::spawn_blocking(move || pack::gather(&of_build, &cache.source, &cache.paths));
    let gathered = gathered.await.map_err(|error| error.to_string())??;
    if gathered.items.is_empty() {
        return Ok("Skip saving cache due to: no files match its paths".to_owned());
    }
    if known.is_some_and(|known| known == gathered.digest) {
        return Ok(format!("Skip saving cache due to: {name} has not changed"));
    }
    let (of_build, items) = (folder.clone(), gathered.items);
    let packed = tokio::task::spawn_blocking(move || pack::pack(&of_build, &items));
    let file = packed.await.map_err(|error| error.to_string())??;
    shelf.put(&name, file, &gathered.digest, build).await?;
    Ok(format!("Saved cache {name}"))
}

/// Caches that are not younger than this are cold.
async fn invalidated(drive: &Drive<'_>, build: &Build) -> Result<Option<Timestamp>, String> {
    invalidation(drive, build).await.map_err(|error| error.to_string())
}

async fn invalidation(drive: &Drive<'_>, build: &Build) -> Result<Option<Timestamp>, store::Error> {
    let key = Invalidation::key_of(&build.scope, &build.id.project);
    let found = drive.codebuild.store.read(move |tx| tx.get::<Invalidation>(&key)).await;
    Ok(found?.map(|found| found.at))
}
