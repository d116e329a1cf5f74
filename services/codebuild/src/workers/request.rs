//! What a request asks, by its path and its headers. Pure.

use std::borrow::Cow;

use http::request::Parts;
use percent_encoding::percent_decode_str;
use runner::{
    Pool,
    remote::{Claim, Stream},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TOKEN, WorkerEndpoint};
use crate::credentials::hash;

#[derive(Debug)]
pub(super) enum Asked {
    /// A build to run: any, or this one; of a fleet, by its name or ARN, or of none.
    Lease {
        wanted: Option<Uuid>,
        fleet: Option<String>,
    },
    Build(OfBuild),
}

/// What is asked of one build.
#[derive(Debug)]
pub(super) struct OfBuild {
    pub claim: Claim,
    pub what: What,
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Files,
    Append(Stream),
    Alive,
    Finish,
    GiveUp,
}

impl What {
    const ALL: [(&'static str, Self); 7] = [
        ("files", Self::Files),
        (Stream::Output.name(), Self::Append(Stream::Output)),
        (Stream::Events.name(), Self::Append(Stream::Events)),
        (Stream::Result.name(), Self::Append(Stream::Result)),
        ("alive", Self::Alive),
        ("finish", Self::Finish),
        ("give-up", Self::GiveUp),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, what)| *what == self).map_or("", |(name, _)| name)
    }
}

impl Asked {
    pub fn is_append(&self) -> bool {
        matches!(self, Self::Build(OfBuild { what: What::Append(_), .. }))
    }

    /// For the record; no token is in it.
    pub fn told(&self) -> Value {
        match self {
            Self::Lease { wanted, fleet } => json!({ "request": "lease", "build": wanted, "fleet": fleet }),
            Self::Build(of) => json!({ "request": of.what.name(), "build": of.claim.id }),
        }
    }
}

/// None if no worker asks this.
pub(super) fn asked(parts: &Parts) -> Option<Asked> {
    let path = parts.uri.path().strip_prefix(WorkerEndpoint::PREFIX)?;
    let query = parts.uri.query().unwrap_or_default();
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(Cow::into_owned).ok();
    let fleet = match value("fleet") {
        Some(fleet) => Some(decoded(fleet)?),
        None => None,
    };
    if path == "lease" {
        let wanted = value("build").map(|id| id.parse().ok());
        return match wanted {
            Some(None) => None,
            wanted => Some(Asked::Lease { wanted: wanted.flatten(), fleet }),
        };
    }
    let (id, what) = path.split_once('/')?;
    let what = What::ALL.iter().find(|(name, _)| *name == what)?.1;
    let offset = value("offset").map_or(Some(0), |offset| offset.parse().ok())?;
    let pool = fleet.map_or(Pool::Common, Pool::Fleet);
    let claim = Claim { id: id.parse().ok()?, proof: hash(token(parts)), pool };
    Some(Asked::Build(OfBuild { claim, what, offset }))
}

/// The token that is shown; empty if there is none.
pub(super) fn token(parts: &Parts) -> &str {
    parts.headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str) -> Option<String> {
        let request = http::Request::post(format!("/codebuild/workers/{target}")).header(TOKEN, "t");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        asked(&parts).map(|asked| match asked {
            Asked::Lease { wanted, fleet: None } => format!("lease {wanted:?}"),
            Asked::Lease { fleet: Some(fleet), .. } => format!("lease of {fleet}"),
            Asked::Build(of) => {
                assert_eq!(of.claim.proof, hash("t"));
                match of.claim.pool {
                    Pool::Common => format!("{:?} {}", of.what, of.offset),
                    Pool::Fleet(fleet) => format!("{:?} of {fleet}", of.what),
                    pool @ (Pool::Cluster | Pool::Pod(_)) => panic!("{pool:?} is not asked for"),
                }
            }
        })
    }

    #[test]
    fn paths_say_what_is_asked() {
        let id = Uuid::nil();
        assert_eq!(of("lease").as_deref(), Some("lease None"));
        assert_eq!(of(&format!("lease?build={id}")), Some(format!("lease Some({id:?})")));
        assert_eq!(of(&format!("{id}/output?offset=7")).as_deref(), Some("Append(Output) 7"));
        assert_eq!(of("lease?fleet=macs").as_deref(), Some("lease of macs"));
        assert_eq!(of(&format!("{id}/alive?fleet=arn:x/y")).as_deref(), Some("Alive of arn:x/y"));
        assert_eq!(of("lease?fleet=arn%3Ax%2Fy").as_deref(), Some("lease of arn:x/y"));
        assert_eq!(of(&format!("{id}/give-up")).as_deref(), Some("GiveUp 0"));
        let others = ["lease?build=x", "x/output", "", "leases", &format!("{id}/other")];
        for nothing in others.into_iter().chain([&*format!("{id}/output?offset=-1"), &*format!("{id}")]) {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }
}
