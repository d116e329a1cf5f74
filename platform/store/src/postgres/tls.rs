//! TLS to the server, by `sslmode` and `sslrootcert` of the URL, with libpq's meaning.
//! Source: PostgreSQL documentation, "libpq", "SSL Support".
//!
//! `tokio-postgres` negotiates and knows three of the modes; which certificates are trusted is decided here, on rustls.
//! Channel binding is not offered: the modes that verify make it unnecessary.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use percent_encoding::percent_decode_str;
use postgres::Socket;
use postgres::config::SslMode;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::Error;

/// How much is asked of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Disable,
    /// TLS if the server has it, with any certificate.
    Prefer,
    /// TLS with any certificate; with one of the authorities, if any are given.
    Require,
    /// A certificate of one of the authorities, for any host.
    VerifyCa,
    /// A certificate of one of the authorities, for this host.
    VerifyFull,
}

/// What a URL asks of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub mode: Mode,
    /// A file of certificates in PEM; `None`: the authorities that the machine trusts.
    pub authorities: Option<PathBuf>,
}

/// Makes connections of one kind.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let allowed = "disable, prefer, require, verify-ca, verify-full";
                return Err(Error::engine(format!("the database URL: sslmode={text} is none of {allowed}")));
            }
        })
    }
}

impl Mode {
    /// What is negotiated with the server.
    pub fn negotiated(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// Takes the settings out of a URL. Answers what is left of it.
/// Errors: an unknown `sslmode`.
pub fn settings(url: &str) -> Result<(Settings, String), Error> {
    let mut settings = Settings { mode: Mode::Prefer, authorities: None };
    let Some((address, query)) = url.split_once('?') else { return Ok((settings, url.to_owned())) };
    let mut left = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match name {
            "sslmode" => settings.mode = value.parse()?,
            // libpq's word for what is done without a file anyway.
            "sslrootcert" if value == "system" => settings.authorities = None,
            "sslrootcert" => settings.authorities = Some(PathBuf::from(&*value)),
            _ => left.push(parameter),
        }
    }
    if settings.mode == Mode::Require && settings.authorities.is_some() {
        settings.mode = Mode::VerifyCa;
    }
    let url = if left.is_empty() { address.to_owned() } else { format!("{address}?{}", left.join("&")) };
    Ok((settings, url))
}

impl Tls {
    /// Errors: `File` for authorities that cannot be read, or are none.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let trust = match settings.mode {
            Mode::Disable | Mode::Prefer | Mode::Require => Trust::Anything(provider.clone()),
            Mode::VerifyCa => Trust::AnyHost(verifier(settings, &provider)?),
            Mode::VerifyFull => Trust::Host(verifier(settings, &provider)?),
        };
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config
            .map_err(Error::engine)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_no_client_auth();
        Ok(Self { connector: Arc::new(config).into() })
    }
}

fn verifier(settings: &Settings, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    match &settings.authorities {
        Some(path) => {
            let unusable = |cause: String| Error::file(path, format!("sslrootcert: {cause}"));
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("there is no certificate in it".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    builder.build().map_err(|error| Error::engine(format!("the machine trusts no certificates: {error}")))
}

/// Which certificates are taken.
#[derive(Debug)]
enum Trust {
    Anything(Arc<CryptoProvider>),
    AnyHost(Arc<WebPkiServerVerifier>),
    Host(Arc<WebPkiServerVerifier>),
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match self {
            Self::Anything(_) => Ok(ServerCertVerified::assertion()),
            // The name is looked at last, once the chain was found good.
            Self::AnyHost(verifier) => match verify(verifier) {
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                result => result,
            },
            Self::Host(verifier) => verify(verifier),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self {
            Self::Anything(provider) => verify_tls12_signature(
                message,
                certificate,
                signed,
                &provider.signature_verification_algorithms,
            ),
            Self::AnyHost(verifier) | Self::Host(verifier) => {
                verifier.verify_tls12_signature(message, certificate, signed)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self {
            Self::Anything(provider) => verify_tls13_signature(
                message,
                certificate,
                signed,
                &provider.signature_verification_algorithms,
            ),
            Self::AnyHost(verifier) | Self::Host(verifier) => {
                verifier.verify_tls13_signature(message, certificate, signed)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Self::Anything(provider) => provider.signature_verification_algorithms.supported_schemes(),
            Self::AnyHost(verifier) | Self::Host(verifier) => verifier.supported_verify_schemes(),
        }
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        Ok(Handshake { connector: self.connector.clone(), host: host.to_owned() })
    }
}

/// A handshake to be made, if the server agrees to one.
pub struct Handshake {
    connector: TlsConnector,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
            let connected = self.connector.connect(name, socket).await;
            connected.map(Encrypted).map_err(|error| explained(error, &self.host))
        })
    }
}

fn explained(error: io::Error, host: &str) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(why)) => io::Error::other(format!(
            "the certificate that {host} shows is not trusted: {why}. sslrootcert names the file of authorities, sslmode \
             how much is verified"
        )),
        Some(_) | None => error,
    }
}

pub struct Encrypted(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> (Mode, Option<PathBuf>, String) {
        let (settings, url) = settings(&format!("postgres://me@db/app{query}")).unwrap();
        let left = url.strip_prefix("postgres://me@db/app").unwrap().to_owned();
        (settings.mode, settings.authorities, left)
    }

    #[test]
    fn the_settings_are_taken_out_of_the_url() {
        let authorities = || Some(PathBuf::from("/etc/my ca.pem"));
        assert_eq!(of(""), (Mode::Prefer, None, String::new()));
        assert_eq!(of("?sslmode=verify-full"), (Mode::VerifyFull, None, String::new()));
        assert_eq!(
            of("?connect_timeout=3&sslmode=verify-ca&sslrootcert=/etc/my%20ca.pem&options=-csearch_path%3Dx"),
            (Mode::VerifyCa, authorities(), "?connect_timeout=3&options=-csearch_path%3Dx".to_owned())
        );
        assert_eq!(of("?sslmode=verify-full&sslrootcert=system"), (Mode::VerifyFull, None, String::new()));
    }

    #[test]
    fn authorities_that_are_given_are_asked_even_where_any_certificate_would_do() {
        let (mode, authorities, _) = of("?sslrootcert=ca.pem&sslmode=require");
        assert_eq!((mode, authorities), (Mode::VerifyCa, Some(PathBuf::from("ca.pem"))));
    }

    #[test]
    fn an_unknown_mode_is_refused_with_those_that_are_known() {
        let error = settings("postgres://me:secret@db/app?sslmode=allow").unwrap_err().to_string();
        assert!(error.contains("sslmode=allow is none of disable, prefer, require,"), "{error}");
        assert!(!error.contains("secret"));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let refused = || {
            let settings = Settings { mode: Mode::VerifyFull, authorities: Some(path.clone()) };
            Tls::new(&settings).err().unwrap().to_string()
        };
        assert!(refused().contains("sslrootcert: "), "not there");
        std::fs::write(&path, "no certificate").unwrap();
        assert!(refused().ends_with("sslrootcert: there is no certificate in it"), "{}", refused());
    }
}
