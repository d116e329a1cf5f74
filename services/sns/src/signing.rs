//! The key that signs messages, and its certificate.
//!
//! The key is made when it is first needed, sealed at rest, and the same for all nodes. The certificate is signed with the
//! key itself: whoever checks a message's signature fetches it from this server, over a connection that he trusts.

use std::sync::Arc;

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, full};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs1v15;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer as _};
use sha1::Sha1;
use sha2::Sha256;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::Sns;
use crate::error::Error;
use crate::message::{Envelope, Proof};
use crate::records::SigningKey;

const BITS: usize = 2048;
const PREFIX: &str = "/SimpleNotificationService-";
/// What the certificate says of itself.
const COMMON_NAME: &str = "Stagewright Simple Notification Service";

/// The opened key, once it was needed.
#[derive(Default)]
pub struct Signer(OnceCell<Arc<Opened>>);

struct Opened {
    id: String,
    key: PrivateKey,
}

impl Sns {
    /// Signs a message. Version 1 is SHA-1 with RSA, version 2 SHA-256 with RSA; both by PKCS#1, version 1.5.
    /// Errors: `Signing`, `Store`.
    pub(crate) async fn sign(&self, envelope: &Envelope, version: u8) -> Result<Proof, Error> {
        let opened = self.signer.0.get_or_try_init(|| self.open_key()).await?.clone();
        let certificate_url = format!("{}{PREFIX}{}.pem", self.config.endpoint, opened.id);
        let text = envelope.text_to_sign();
        let signing = spawn_blocking(move || signature(&opened.key, &text, version));
        let signature = signing.await.map_err(|error| Error::Signing(error.to_string()))?;
        Ok(Proof { version, signature: STANDARD.encode(signature), certificate_url })
    }

    async fn open_key(&self) -> Result<Arc<Opened>, Error> {
        let known = self.store.read(|tx| tx.get::<SigningKey>(&SigningKey::the_key())).await?;
        let record = match known {
            Some(known) => known.into_inner(),
            None => self.keep_key().await?,
        };
        let der = self.sealer.open(SigningKey::PURPOSE, &record.sealed)?;
        let key = PrivateKey::from_pkcs8_der(&der).map_err(|error| Error::Signing(error.to_string()))?;
        Ok(Arc::new(Opened { id: record.id, key }))
    }

    /// Makes a key. If another node has made one meanwhile, that one counts.
    async fn keep_key(&self) -> Result<SigningKey, Error> {
        let making = spawn_blocking(make).await.map_err(|error| Error::Signing(error.to_string()))?;
        let Made { der, certificate } = making?;
        let sealed = self.sealer.seal(SigningKey::PURPOSE, &der)?;
        let id = hex::encode(rand::random::<[u8; 16]>());
        let made = SigningKey { id, sealed, certificate };
        let write = self.store.write(move |tx| {
            if let Some(known) = tx.get::<SigningKey>(&SigningKey::the_key())? {
                return Ok(known.into_inner());
            }
            tx.put(&made)?;
            Ok::<_, store::Error>(made.clone())
        });
        Ok(write.await?)
    }
}

/// The random numbers blind the computation: how long it takes tells nothing of the key.
fn signature(key: &PrivateKey, text: &str, version: u8) -> Vec<u8> {
    let (mut random, text) = (rand::rng(), text.as_bytes());
    match version {
        1 => pkcs1v15::SigningKey::<Sha1>::new(key.clone()).sign_with_rng(&mut random, text).to_vec(),
        _ => pkcs1v15::SigningKey::<Sha256>::new(key.clone()).sign_with_rng(&mut random, text).to_vec(),
    }
}

struct Made {
    /// PKCS#8.
    der: Vec<u8>,
    certificate: String,
}

fn make() -> Result<Made, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Signing(error.to_string());
    let key = PrivateKey::new(&mut rand::rng(), BITS).map_err(|error| failed(&error))?;
    let der = key.to_pkcs8_der().map_err(|error| failed(&error))?.as_bytes().to_vec();
    let public = key.to_public_key().to_pkcs1_der().map_err(|error| failed(&error))?.into_vec();
    let own = OwnKey { key: pkcs1v15::SigningKey::new(key), public };
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, COMMON_NAME);
    let mut serial = rand::random::<[u8; 16]>();
    // A serial number is positive.
    serial[0] &= 0x7F;
    parameters.serial_number = Some(rcgen::SerialNumber::from(serial.to_vec()));
    // Nobody renews it, so it lasts; RFC 5280 says how to write "without end".
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(9999, 12, 31);
    let certificate = parameters.self_signed(&own).map_err(|error| failed(&error))?;
    Ok(Made { der, certificate: certificate.pem() })
}

/// The key as the maker of certificates wants it.
struct OwnKey {
    key: pkcs1v15::SigningKey<Sha256>,
    /// PKCS#1.
    public: Vec<u8>,
}

impl rcgen::PublicKeyData for OwnKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for OwnKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message).to_vec())
    }
}

/// Serves the certificate to everybody, at the path that messages name.
pub struct CertificateEndpoint(Arc<Sns>);

impl CertificateEndpoint {
    pub const PREFIX: &str = PREFIX;

    pub fn new(sns: Arc<Sns>) -> Self {
        Self(sns)
    }

    async fn certificate(&self, path: &str) -> Option<String> {
        let id = path.strip_prefix(PREFIX)?.strip_suffix(".pem")?;
        let read = self.0.store.read(|tx| tx.get::<SigningKey>(&SigningKey::the_key()));
        let key = read
            .await
            .inspect_err(|error| tracing::error!(%error, "the certificate cannot be read"))
            .ok()??;
        (key.id == id).then(|| key.into_inner().certificate)
    }
}

#[async_trait]
impl HttpService for CertificateEndpoint {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let found = match *request.method() {
            http::Method::GET | http::Method::HEAD => self.certificate(request.uri().path()).await,
            _ => None,
        };
        let mut response = match found {
            Some(certificate) => Response::new(full(certificate)),
            None => {
                let mut response = Response::new(full("There is no such certificate.\n"));
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                response
            }
        };
        let kind = http::HeaderValue::from_static("text/plain");
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        response
    }
}
