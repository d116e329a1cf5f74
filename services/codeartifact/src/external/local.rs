//! Origins without a network: a folder that is laid out like the folder of a format in a bundle, or a bundle.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws::Timestamp;
use percent_encoding::percent_decode_str;

use super::fetch::{LARGEST_PAGE, Page, answered, unreachable};
use super::{Connection, Trouble};
use crate::bundle::{Bundle, Extent, Unreadable, is_safe};
use crate::content::Receiver;
use crate::error::Error;
use crate::names::Format;

/// What the addresses of files of such an origin begin with. They never leave the server.
pub const ROOT: &str = "local://mirror";
/// The document of what a folder is about.
const DOCUMENT: &str = "index.json";

/// Where an origin without a network is.
#[derive(Clone)]
pub struct Mirror {
    connection: &'static str,
    /// The folder of its format in a bundle.
    folder: &'static str,
    place: Arc<Place>,
}

struct Place {
    path: PathBuf,
    /// The bundle as it was last opened, and what its file was like then.
    opened: Mutex<Option<(Stamp, Arc<Bundle>)>>,
}

type Stamp = (u64, Option<SystemTime>);
/// Bytes, and when they were last changed, if that is known.
type Dated = (Vec<u8>, Option<Timestamp>);

/// What is at the place now.
enum Now {
    Folder,
    Bundle(Arc<Bundle>),
}

/// Those of the configuration, by connection; a bundle that is named for several is opened once.
pub fn all(given: &BTreeMap<String, PathBuf>) -> BTreeMap<String, Mirror> {
    let mut places: BTreeMap<&PathBuf, Arc<Place>> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, path) in given {
        let Some(connection) = Connection::named(name) else { continue };
        let place = places
            .entry(path)
            .or_insert_with(|| Arc::new(Place { path: path.clone(), opened: Mutex::default() }));
        let (connection, folder) = (connection.name, connection.format.as_str());
        all.insert(name.clone(), Mirror { connection, folder, place: place.clone() });
    }
    all
}

impl Mirror {
    /// Looks whether it can be read. Errors: why not.
    pub async fn check(&self) -> Result<(), String> {
        if self.folder == Format::Nuget.as_str() {
            return Err("packages of NuGet come from an address only, that of a service index".to_owned());
        }
        let place = self.place.clone();
        let looked = tokio::task::spawn_blocking(move || place.now().map(|_| ()));
        looked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// A document, as `Http::page` answers it; its media type is always that of JSON.
    pub async fn page(&self, url: &str) -> Result<Page, Trouble> {
        let (place, path) = (self.place.clone(), self.path(url));
        let folder = self.folder;
        let read = tokio::task::spawn_blocking(move || match path {
            Some(path) => place.document(folder, &path),
            None => Ok(None),
        });
        let read = read.await.map_err(|error| unreachable(self.connection, &error.to_string()))?;
        let read = read.map_err(|error| answered(self.connection, &format!("nothing: {error}")))?;
        let (body, modified) = read.map_or((None, None), |(body, modified)| (Some(body.into()), modified));
        Ok(Page { body, media_type: "application/json".to_owned(), modified })
    }

    /// The bytes of a file, as `Http::file` receives them.
    pub async fn file(&self, url: &str, receiver: &mut Receiver) -> Result<Result<(), Trouble>, Error> {
        let (place, path) = (self.place.clone(), self.path(url));
        let folder = self.folder;
        let found = tokio::task::spawn_blocking(move || match path {
            Some(path) => place.extent(folder, &path),
            None => Ok(None),
        });
        let found = found.await.map_err(|error| Error::Internal(error.to_string()))?;
        let wrong = |error: &dyn std::fmt::Display| answered(self.connection, &format!("nothing: {error}"));
        let extent = match found {
            Ok(Some(extent)) => extent,
            Ok(None) => return Ok(Err(answered(self.connection, &format!("no file for {url}")))),
            Err(error) => return Ok(Err(wrong(&error))),
        };
        let mut offset = 0;
        while offset < extent.size {
            match extent.clone().piece_of(offset).await {
                Ok(piece) => {
                    offset += piece.len() as u64;
                    receiver.write(piece).await?;
                }
                Err(error) => return Ok(Err(wrong(&error))),
            }
        }
        Ok(Ok(()))
    }

    /// The path of an address, without what leads elsewhere.
    fn path(&self, url: &str) -> Option<String> {
        let path = url.strip_prefix(ROOT)?.strip_prefix('/')?.trim_end_matches('/');
        let path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        is_safe(&path).then_some(path)
    }
}

impl Place {
    /// A document; what a bundle has, has no time.
    fn document(&self, folder: &str, path: &str) -> Result<Option<Dated>, Unreadable> {
        if let Now::Bundle(bundle) = self.now()? {
            let path = format!("{folder}/{path}");
            let limit = LARGEST_PAGE as u64;
            let read = match bundle.read(&format!("{path}/{DOCUMENT}"), limit)? {
                Some(document) => Some(document),
                None => bundle.read(&path, limit)?,
            };
            return Ok(read.map(|read| (read, None)));
        }
        let of_folder = self.within(&format!("{path}/{DOCUMENT}"))?;
        let Some(extent) = of_folder.map_or_else(|| self.within(path), |extent| Ok(Some(extent)))? else {
            return Ok(None);
        };
        if extent.size > LARGEST_PAGE as u64 {
            return Err(self.unreadable(io::Error::other("a document is too large")));
        }
        let modified = extent.modified().and_then(|modified| {
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
        });
        extent.read().map(|read| Some((read, modified))).map_err(|cause| self.unreadable(cause))
    }

    fn extent(&self, folder: &str, path: &str) -> Result<Option<Extent>, Unreadable> {
        match self.now()? {
            Now::Folder => self.within(path),
            Now::Bundle(bundle) => Ok(bundle.extent(&format!("{folder}/{path}")).cloned()),
        }
    }

    /// A file of the folder, unless a link leads it out of there.
    fn within(&self, path: &str) -> Result<Option<Extent>, Unreadable> {
        let found = |path: &Path| match path.canonicalize() {
            Ok(path) => Ok(Some(path)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(self.unreadable(error)),
        };
        let Some(root) = found(&self.path)? else { return Ok(None) };
        let file = found(&self.path.join(path))?;
        let Some(file) = file.filter(|file| file.starts_with(&root) && file.is_file()) else {
            return Ok(None);
        };
        let extent = File::open(file).and_then(Extent::whole);
        extent.map(Some).map_err(|cause| self.unreadable(cause))
    }

    /// The bundle as it is on disk now; the one before, if that cannot be read.
    fn bundle(&self, metadata: &Metadata) -> Result<Arc<Bundle>, Unreadable> {
        let stamp = (metadata.len(), metadata.modified().ok());
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, bundle)) = &*opened
            && *known == stamp
        {
            return Ok(bundle.clone());
        }
        match (Bundle::open(&self.path), &mut *opened) {
            (Ok(bundle), opened) => {
                let bundle = Arc::new(bundle);
                *opened = Some((stamp, bundle.clone()));
                Ok(bundle)
            }
            (Err(error), Some((known, bundle))) => {
                tracing::error!(%error, "a bundle cannot be read; the one before stays in use");
                *known = stamp;
                Ok(bundle.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// A bundle that was opened is of use even when its file is gone.
    fn now(&self) -> Result<Now, Unreadable> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => Ok(Now::Folder),
            Ok(metadata) => Ok(Now::Bundle(self.bundle(&metadata)?)),
            Err(cause) => {
                let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
                let opened = opened.as_ref().map(|(_, bundle)| Now::Bundle(bundle.clone()));
                opened.ok_or_else(|| self.unreadable(cause))
            }
        }
    }

    fn unreadable(&self, cause: io::Error) -> Unreadable {
        Unreadable::File { path: self.path.clone(), cause }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mirror(path: &Path) -> Mirror {
        let given = BTreeMap::from([("public:npmjs".to_owned(), path.to_owned())]);
        all(&given)["public:npmjs"].clone()
    }

    #[tokio::test]
    async fn a_folder_is_read_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("npm");
        std::fs::create_dir_all(root.join("@acme/a")).unwrap();
        std::fs::write(root.join("@acme/a/index.json"), "{}").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let mirror = mirror(&root);
        mirror.check().await.unwrap();
        let page = mirror.page("local://mirror/@acme%2fa").await.unwrap();
        assert_eq!(page.body.unwrap(), "{}");
        // What is new in a folder is as new as its files.
        assert!(page.modified.is_some_and(|at| Timestamp::now().since(at) < Duration::from_secs(3_600)));
        for path in ["other", "link", "..%2fsecret", "%2e%2e/secret", "@acme", "/etc/passwd"] {
            assert!(mirror.page(&format!("local://mirror/{path}")).await.unwrap().body.is_none(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_bundle_that_becomes_unreadable_stays_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.zip");
        assert!(mirror(&path).check().await.is_err());
        let mut writer = crate::bundle::Writer::new(File::create(&path).unwrap());
        writer.put("npm/a/index.json", b"{}").unwrap();
        writer.finish(BTreeMap::new()).unwrap();
        let mirror = mirror(&path);
        assert_eq!(mirror.page("local://mirror/a").await.unwrap().body.unwrap(), "{}");
        std::fs::rename(&path, folder.path().join("before")).unwrap();
        assert_eq!(mirror.page("local://mirror/a").await.unwrap().body.unwrap(), "{}");
        std::fs::write(&path, "PK").unwrap();
        assert_eq!(mirror.page("local://mirror/a").await.unwrap().body.unwrap(), "{}");
    }
}
