//! `[packages]`, `[origins]` and `[advisories]`: how CodeArtifact keeps packages, where it has public ones from, and which of
//! them it blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::Error;

/// `[packages]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Packages {
    /// How often retention rules with `mode=report` or `mode=enforce` are carried out, in seconds.
    pub retention_seconds: NonZeroU32,
}

impl Default for Packages {
    /// Twice a day.
    fn default() -> Self {
        Self { retention_seconds: NonZeroU32::new(12 * 3_600).unwrap_or(NonZeroU32::MIN) }
    }
}

/// `[origins]`: where the public source of an external connection of CodeArtifact is, by the connection's name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// The address of its index, for example a mirror's; or the path of a folder or a bundle.
    Index(String),
    /// With hosts beside that of the index from which files may come.
    WithFiles { index: String, files: Vec<String> },
}

/// `[advisories]`: what is known of packages that are malicious or vulnerable, and what of it blocks them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advisories {
    /// A file in the format of OSV, or a folder of such files.
    path: PathBuf,
    /// `low`, `moderate`, `high`, `critical`, `malicious`; without it the last one.
    severities: Option<BTreeSet<String>>,
    /// Identifiers, also by their other names.
    #[serde(default)]
    ids: BTreeSet<String>,
    /// Those that do not block.
    #[serde(default)]
    except: BTreeSet<String>,
}

/// By connection.
#[derive(Debug)]
pub(super) struct Origins {
    pub origins: BTreeMap<String, codeartifact::Origin>,
    pub mirrors: BTreeMap<String, PathBuf>,
}

/// Errors: `Origin` for a connection that does not exist, or an address that is none.
pub(super) fn origins(given: BTreeMap<String, Origin>) -> Result<Origins, Error> {
    let (mut origins, mut mirrors) = (BTreeMap::new(), BTreeMap::new());
    for (name, origin) in given {
        let wrong = |why: &str| Error::Origin { name: name.clone(), why: why.to_owned() };
        if codeartifact::Connection::named(&name).is_none() {
            return Err(wrong(
                "CodeArtifact has no external connection of this name (public:npmjs, public:pypi, …)",
            ));
        }
        if let Origin::Index(path) = &origin
            && path.starts_with('/')
        {
            mirrors.insert(name, PathBuf::from(path));
            continue;
        }
        let (index, file_hosts) = match origin {
            Origin::Index(index) => (index, Vec::new()),
            Origin::WithFiles { index, files } => (index, files),
        };
        let host = index.strip_prefix("http://").or_else(|| index.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            return Err(wrong(
                "its index must be an address, http://… or https://…, or the path of a folder or a bundle, /…",
            ));
        }
        let url = index.trim_end_matches('/').to_owned();
        origins.insert(name, codeartifact::Origin { url, file_hosts });
    }
    Ok(Origins { origins, mirrors })
}

/// Errors: `Advisories` for a severity that is none.
pub(super) fn advisories(given: Advisories) -> Result<codeartifact::AdvisorySource, Error> {
    let severities =
        given.severities.unwrap_or_else(|| [codeartifact::Severity::Malicious.as_str().to_owned()].into());
    let severity = |text: &String| {
        text.parse().map_err(|wanted| Error::Advisories(format!("severities: '{text}' must be {wanted}")))
    };
    let severities = severities.iter().map(severity).collect::<Result<_, _>>()?;
    let blocking = codeartifact::Blocking { severities, ids: given.ids, except: given.except };
    Ok(codeartifact::AdvisorySource { path: given.path, blocking })
}
