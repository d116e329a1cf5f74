//! Texts of a cache that the shell must expand before the build begins: `npm-$(codebuild-hash-files package-lock.json)`.
//! They are expanded in an environment of their own that sees the build's source and cannot change it.

use std::{collections::BTreeMap, time::Duration};

use runner::{Bind, Event, Plan, Update};
use uuid::Uuid;

use crate::{
    buildspec::{Buildspec, Cache},
    driver::{Drive, plan, secrets},
    environment,
    records::Build,
    source::Placed,
};

const SECONDS: u64 = 60;

/// The environment's id: always the same for one build, so that nothing of it stays behind.
pub(crate) fn evaluation_id(build: Uuid) -> Uuid {
    Uuid::from_u128(build.as_u128() ^ 1)
}

pub(super) struct Expanded {
    pub key: Option<String>,
    pub fallback_keys: Vec<String>,
    pub paths: Vec<String>,
}

pub(super) async fn expand(
    drive: &Drive<'_>,
    build: &Build,
    spec: &Buildspec,
    cache: &Cache,
    sources: &[Placed],
) -> Result<Expanded, String> {
    let key = cache.key.iter().map(|key| ("key".to_owned(), key));
    let fallbacks =
        cache.fallback_keys.iter().enumerate().map(|(index, key)| (format!("fallback.{index}"), key));
    let paths = cache.paths.iter().enumerate().map(|(index, path)| (format!("path.{index}"), path));
    let all: Vec<(String, &String)> = key.chain(fallbacks).chain(paths).collect();
    let texts: BTreeMap<String, String> = all
        .iter()
        .filter(|(_, text)| text.contains(['$', '`']))
        .map(|(name, text)| (name.clone(), (*text).clone()))
        .collect();
    let values = match texts.is_empty() {
        true => BTreeMap::new(),
        false => evaluated(drive, build, spec, sources, texts.clone()).await?,
    };
    let value = |name: &str, text: &String| match texts.contains_key(name) {
        false => Ok(text.clone()),
        true => values.get(name).cloned().ok_or_else(|| format!("'{text}' cannot be expanded")),
    };
    let list = |kind: &str, texts: &[String]| -> Result<Vec<String>, String> {
        texts.iter().enumerate().map(|(index, text)| value(&format!("{kind}.{index}"), text)).collect()
    };
    Ok(Expanded {
        key: cache.key.as_ref().map(|key| value("key", key)).transpose()?,
        fallback_keys: list("fallback", &cache.fallback_keys)?,
        paths: list("path", &cache.paths)?,
    })
}

async fn evaluated(
    drive: &Drive<'_>,
    build: &Build,
    spec: &Buildspec,
    sources: &[Placed],
    texts: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let executor = &drive.codebuild.executor;
    let id = evaluation_id(build.id.uuid);
    let run = async {
        executor.remove(id).await?;
        let of_build = executor.prepare(build.id.uuid).await?;
        drive.codebuild.config.furnish(&executor.prepare(id).await?)?;
        let access = drive.codebuild.config.access(None, "");
        let given = environment::given(build, spec);
        // They have been fetched by now; if not, they are not set.
        let secret = secrets::fetch(drive, &given).await.cloned().unwrap_or_default();
        let variables = environment::variables(build, given, secret, sources, &access);
        let plan = plan::plan(build, spec, sources, variables, "", SECONDS, drive.codebuild.config.network);
        let mut binds = Vec::new();
        for placed in sources {
            let host = of_build.workspace().create_directory(&placed.directory)?;
            binds.push(Bind { host, inside: placed.directory.clone(), writable: false });
        }
        let pool = drive.codebuild.config.containers.pool(build);
        let none = Vec::new();
        let plan =
            Plan { id, phases: vec![], exported_variables: none, evaluate: texts, binds, pool, ..plan };
        executor.start(&plan).await?;
        let mut attachment = executor.attach(id, runner::Position::default()).await?;
        let mut values = BTreeMap::new();
        loop {
            match attachment.next().await? {
                Update::Event(Event::Evaluated { values: expanded }) => values = expanded,
                Update::Event(event) if event.is_final() => return Ok::<_, crate::driver::Fault>(values),
                Update::Lost => return Ok(values),
                Update::Event(_) | Update::Output(_) => {}
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(2 * SECONDS), run).await;
    if ended.is_err() {
        let _asked = executor.stop(id).await;
    }
    let _removed = executor.remove(id).await;
    ended.map_err(|_| "its key took too long to be expanded".to_owned())?.map_err(|fault| fault.to_string())
}
