//! TLS of the one port: a certificate and its key from files, which may be renewed while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of a connection that begins with a handshake. Source: RFC 8446, section 5.1.
const HANDSHAKE: u8 = 22;
/// For how long at most. Less than calls in progress get when the server stops, so that it does not wait for strangers.
const HANDSHAKE_TIME: Duration = Duration::from_secs(6);
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\
    Content-Length: 49\r\n\r\nThis port speaks HTTPS: use an https:// address.\n";

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the file {path} cannot be read: {cause}")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("the file {path} holds no {what} in PEM: {cause}")]
    NoPem { path: PathBuf, what: &'static str, cause: String },
    #[error("the certificate {certificate} cannot be served with the key {key}: {cause}")]
    Unfit { certificate: PathBuf, key: PathBuf, cause: rustls::Error },
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}

/// A certificate with its key, as they were last read, and the files that they come from.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    served: Arc<Served>,
    acceptor: TlsAcceptor,
}

/// What new connections get. Those that are open keep theirs.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key, both PEM.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let served = Arc::new(Served(RwLock::new(Arc::new(read(certificate, key, &provider)?))));
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(TlsError::Provider)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(served.clone());
        // Handlers and signatures look at the header Host, which HTTP/2 does not have.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), served, acceptor })
    }

    /// Reads the files again, for connections from now on. With an error, what was served goes on being served.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.certificate, &self.key, &aws_lc_rs::default_provider())?;
        *self.served.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }

    /// When the files were last changed, as far as they can be looked at.
    pub fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
    }

    /// The encrypted stream. A client that speaks plain HTTP is told so; `None` if nothing came of the connection.
    pub(crate) async fn accept(&self, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let accepted = tokio::time::timeout(HANDSHAKE_TIME, async {
            let mut first = [0];
            if stream.peek(&mut first).await? == 0 {
                return Ok(None);
            }
            if first != [HANDSHAKE] {
                stream.write_all(NOT_TLS).await?;
                stream.shutdown().await?;
                // What was sent is read, or its sender would see a broken connection instead of the answer.
                let mut sent = [0; 4096];
                stream.readable().await?;
                let _ = stream.try_read(&mut sent);
                return Ok(None);
            }
            self.acceptor.accept(stream).await.map(Some)
        });
        match accepted.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS came of a connection");
                None
            }
            Err(_) => None,
        }
    }
}

/// The certificates of an authority, PEM, as they stand in a file. Errors: `Unreadable`, `NoPem`.
pub fn authority(path: &Path) -> Result<String, TlsError> {
    let text = text(path)?;
    certificates(path, &text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn text(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}

/// Those in the text of a file, at least one.
fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let no_pem = |cause: String| TlsError::NoPem { path: path.to_owned(), what: "certificate", cause };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| no_pem(error.to_string()))?;
    match found.is_empty() {
        true => Err(no_pem("no section CERTIFICATE".to_owned())),
        false => Ok(found),
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate, &text(certificate)?)?;
    let private = PrivateKeyDer::from_pem_slice(&text(key)?).map_err(|error| TlsError::NoPem {
        path: key.to_owned(),
        what: "private key",
        cause: error.to_string(),
    })?;
    CertifiedKey::from_der(chain, private, provider).map_err(|cause| TlsError::Unfit {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        cause,
    })
}
