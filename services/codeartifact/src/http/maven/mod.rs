//! A repository of Maven, as `mvn`, Gradle and others use it: files at their addresses, with checksums beside them, and
//! metadata that follows from what is there. Source: Maven, "Repository Layout", "Repository Metadata"; CodeArtifact User
//! Guide, "Using CodeArtifact with Maven".

pub mod metadata;
pub mod path;
pub mod plugins;
pub mod pom;
mod put;
mod read;

use aws::http::{Body, Response};
use http::{Method, StatusCode};
use md5::{Digest as _, Md5};
use percent_encoding::percent_decode_str;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use self::path::{Algorithm, Path, Place};
use super::answer::Refusal;
use super::{Action, Call};
use crate::records::{Asset, Checksums};

/// Answers a request to a repository's Maven endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let Path { place, checksum } = path::parse(&rest).map_err(Refusal::not_found)?;
            match place {
                Place::File(file) => read::file(&call, &file, checksum).await,
                Place::Metadata { package, group } => read::metadata(&call, &package, &group, checksum).await,
                Place::SnapshotMetadata { package, snapshot } => {
                    read::snapshot(&call, &package, &snapshot, checksum).await
                }
            }
        }
        Method::PUT => {
            let call = call.acting(Action::Publish);
            if call.is_anonymous {
                return Err(Refusal::unauthenticated("An authorization token is required."));
            }
            put::take(call, path::parse(&rest).map_err(Refusal::bad)?, body).await
        }
        _ => {
            let message = "A repository of Maven is read with GET and HEAD, and written with PUT.";
            Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message))
        }
    }
}

impl Checksums {
    fn of(asset: &Asset) -> Self {
        let (md5, sha1, sha512) = (asset.md5.clone(), asset.sha1.clone(), asset.sha512.clone());
        Self { md5, sha1, sha256: asset.blob.to_string(), sha512 }
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            md5: hex::encode(Md5::digest(bytes)),
            sha1: hex::encode(Sha1::digest(bytes)),
            sha256: hex::encode(Sha256::digest(bytes)),
            sha512: hex::encode(Sha512::digest(bytes)),
        }
    }

    fn get(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Md5 => &self.md5,
            Algorithm::Sha1 => &self.sha1,
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => &self.sha512,
        }
    }
}
