//! Fetching a file and making it the domain's.

use aws::Timestamp;
use store::WriteTx;

use super::{Trouble, fetch, nuget};
use crate::CodeArtifact;
use crate::content::{LARGEST_ASSET, Received, Receiver};
use crate::error::Error;
use crate::http::zipped::{self, Found};
use crate::http::{cargo_index, maven_pom, npm_manifest, nuget_manifest, ruby_gem, wheel_metadata};
use crate::names::{Coordinates, Format};
use crate::packages::{package_or_new, writing};
use crate::records::{
    Asset, Contents, Metadata, Native, Nuget, Origin, PythonFile, RemoteFile, RemoteVersion, Repository,
    Restrictions, Version,
};
use crate::versions;

/// Of a POM that is read, in bytes.
const LARGEST_POM: usize = 4 * 1024 * 1024;

/// A file that is to be fetched, for a repository with a connection.
pub struct Wanted {
    pub repository: Repository,
    pub connection: String,
    pub coordinates: Coordinates,
    pub version: String,
    pub remote: RemoteVersion,
    pub name: String,
}

/// Fetches a file unless it is there, once for all who want it. The bytes are kept only if they are what the index says.
pub async fn bring(ca: &CodeArtifact, wanted: Wanted) -> Result<Result<(), Trouble>, Error> {
    let what =
        format!("{}/{}/{}/{}", wanted.repository.id, wanted.coordinates.shown(), wanted.version, wanted.name);
    let _turn = ca.outside.turns.take(what).await;
    let key = Version::key_of(wanted.repository.id, &wanted.coordinates, &wanted.version);
    let known = ca.store.read(move |tx| tx.get::<Version>(&key)).await?;
    if known.is_some_and(|version| version.contents.assets.contains_key(&wanted.name)) {
        return Ok(Ok(()));
    }
    let Some(file) = wanted.remote.files.get(&wanted.name) else { return Ok(Ok(())) };
    let file = match with_hash(ca, &wanted, file).await {
        Ok(file) => file,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut receiver = Receiver::begin(&ca.blobs, LARGEST_ASSET).await?;
    if let Err(trouble) = ca.outside.file(&wanted.connection, &file.url, &mut receiver).await? {
        return Ok(Err(trouble));
    }
    let received = receiver.finish(&ca.store).await?;
    if !is_as_said(&file, &received) {
        let what = format!("other bytes for {} than its index says: their hash is wrong", file.url);
        return Ok(Err(fetch::answered(&wanted.connection, &what)));
    }
    let python = python(ca, &file, &wanted.name, &received).await;
    let described = described(ca, &wanted, &received).await;
    let asset = Asset::of(&received, python, file.uploaded);
    let now = Timestamp::now();
    let write = ca.store.write(move |tx| keep(tx, &wanted, &asset, described.as_ref(), &received, now));
    write.await?;
    Ok(Ok(()))
}

/// The file with a hash, also where the index has none.
async fn with_hash(ca: &CodeArtifact, wanted: &Wanted, file: &RemoteFile) -> Result<RemoteFile, Trouble> {
    let mut file = file.clone();
    if let Some(url) = &file.told_at {
        let Wanted { connection, coordinates, version, .. } = wanted;
        if let Some(trouble) = ca.outside.recent_trouble(connection) {
            return Err(trouble);
        }
        let told = nuget::told(ca, connection, coordinates, version, url).await;
        file.sha512 = Some(told.inspect_err(|trouble| ca.outside.note_trouble(connection, trouble))?);
    }
    Ok(file)
}

fn is_as_said(file: &RemoteFile, received: &Received) -> bool {
    let hashes = [
        (&file.sha256, received.blob.to_string()),
        (&file.sha512, received.sha512.clone()),
        (&file.sha1, received.sha1.clone()),
    ];
    let is_known = hashes.iter().any(|(said, _)| said.is_some());
    is_known && hashes.iter().all(|(said, found)| said.as_ref().is_none_or(|said| said == found))
}

/// A wheel that cannot be read is served as it is, only without metadata beside it.
async fn python(ca: &CodeArtifact, file: &RemoteFile, name: &str, received: &Received) -> Option<PythonFile> {
    let mut python = file.python.clone()?;
    if name.ends_with(".whl") {
        python.metadata = wheel_metadata(&ca.blobs, received.blob, received.size).await.unwrap_or_default();
    }
    Some(python)
}

/// What a file says of its version.
struct Described {
    metadata: Metadata,
    /// Where it tells more than the index.
    native: Option<Native>,
}

/// What the POM of a version of Maven, or the archive of one of NuGet or RubyGems, says of it. One that cannot be read, or
/// that is of another version than its index says, is served as it is.
async fn described(ca: &CodeArtifact, wanted: &Wanted, received: &Received) -> Option<Described> {
    let Wanted { coordinates, version, name, .. } = wanted;
    match coordinates.format {
        Format::Maven => {
            let is_pom = *name == format!("{}-{version}.pom", coordinates.name);
            if !is_pom || received.size > LARGEST_POM as u64 {
                return None;
            }
            let text = ca.blobs.read(received.blob, LARGEST_POM).await.ok()?;
            maven_pom::read(&text).ok().map(|pom| Described { metadata: pom.metadata, native: None })
        }
        Format::Nuget => {
            let (is_it, limit) = (nuget_manifest::is_path, nuget_manifest::LONGEST);
            let found = zipped::find(&ca.blobs, received.blob, received.size, is_it, limit).await.ok()?;
            let Found::File(text) = found else { return None };
            let manifest = nuget_manifest::read(&text).ok()?;
            let is_same = manifest.id.to_lowercase() == coordinates.name
                && versions::nuget::normal(&manifest.version) == *version;
            let (metadata, nuget) = (manifest.metadata, Nuget { entry: manifest.entry });
            is_same.then(|| Described { metadata, native: Some(Native::Nuget(nuget)) })
        }
        Format::Ruby => {
            let gem = ruby_gem::read(&ca.blobs, received.blob).await.ok()?;
            let is_same = gem.name == coordinates.name && ruby_gem::full_version(&gem) == *version;
            let metadata = ruby_gem::metadata(&gem);
            is_same.then(|| Described { metadata, native: Some(Native::Ruby(gem)) })
        }
        Format::Npm | Format::Pypi | Format::Cargo | Format::Swift | Format::Generic => None,
    }
}

fn keep(
    tx: &mut WriteTx<'_>,
    wanted: &Wanted,
    asset: &Asset,
    described: Option<&Described>,
    received: &Received,
    now: Timestamp,
) -> Result<(), Error> {
    let Wanted { repository, coordinates, .. } = wanted;
    if !tx.exists::<Repository>(&Repository::key_of(&repository.full_name()))? {
        return Ok(());
    }
    let mut package = package_or_new(tx, repository, coordinates, Restrictions::RETAINED, now)?;
    let key = Version::key_of(repository.id, coordinates, &wanted.version);
    let before = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
    let mut version = before.clone().unwrap_or_else(|| first(wanted, now));
    // Published here meanwhile: what is outside is something else.
    if !matches!(version.origin, Origin::External { .. }) {
        return Ok(());
    }
    version.contents.assets.insert(wanted.name.clone(), asset.clone());
    if let Some(described) = described {
        version.contents.metadata = described.metadata.clone();
        if described.native.is_some() {
            version.contents.native.clone_from(&described.native);
        }
    }
    let ticket = Some(&received.ticket);
    writing::save(tx, repository, &mut package, before.as_ref(), &mut version, ticket, now)
}

fn first(wanted: &Wanted, now: Timestamp) -> Version {
    let Wanted { repository, coordinates, version, remote, .. } = wanted;
    let metadata = match &remote.native {
        Some(Native::Npm(npm)) => npm_manifest::metadata(&coordinates.shown(), &npm.manifest, None),
        Some(Native::Cargo(cargo)) => cargo_index::metadata(&cargo.line),
        Some(Native::Ruby(gem)) => ruby_gem::metadata(gem),
        Some(Native::Maven(_) | Native::Nuget(_) | Native::Swift(_)) | None => {
            Metadata { display_name: Some(coordinates.name.clone()), ..Metadata::default() }
        }
    };
    Version {
        repository: repository.id,
        coordinates: coordinates.clone(),
        version: version.clone(),
        status: remote.status(),
        revision: String::new(),
        published: now,
        origin: Origin::External { connection: wanted.connection.clone() },
        contents: Contents {
            assets: std::collections::BTreeMap::new(),
            metadata,
            native: remote.native.clone(),
        },
    }
}
