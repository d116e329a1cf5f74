//! `stagewright tls`: an authority of one's own and a certificate for the server.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

use super::failed;

const AUTHORITY: &str = "authority.pem";
const AUTHORITY_KEY: &str = "authority-key.pem";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server-key.pem";
/// What the server's certificate was made for, so that it need not be made again.
const ISSUED: &str = "server.json";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A clock that goes a little after takes a new certificate, too.
const BACKDATED: Duration = DAY;
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

#[derive(clap::Args)]
#[command(
    after_help = "Without --renew a certificate is kept that has these names and is good for a third of its days.\n\
                  Keep authority-key.pem away from servers: it makes certificates that your clients trust."
)]
pub struct Arguments {
    /// Folder of the authority and the certificate
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name or address by which clients reach the server; may be said again
    #[arg(long = "name", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
    /// For how many days the certificate is good
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=825))]
    days: u16,
    /// Make the certificate anew
    #[arg(long)]
    renew: bool,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: io::Error },
    #[error("--name {0}: neither a host name nor an address")]
    Name(String),
    #[error("{0}: {1}")]
    Key(PathBuf, rcgen::Error),
    #[error("the certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("{0} is there, but {1} is not: an authority needs both")]
    HalfAnAuthority(PathBuf, PathBuf),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    names: Vec<String>,
    days: u16,
    /// Seconds since 1970.
    ends: u64,
    /// The authority that signed it, PEM.
    authority: String,
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
enum Made {
    Everything,
    Certificate,
    Nothing,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match make(arguments, SystemTime::now()) {
        Ok(made) => {
            println!(
                "{}",
                match made {
                    Made::Everything => "An authority and a certificate were made.",
                    Made::Certificate => "A certificate was made by the authority that was there.",
                    Made::Nothing => "The certificate that is there was kept.",
                }
            );
            // An absolute path, as most clients are not started where this was.
            let folder = fs::canonicalize(&arguments.out).unwrap_or_else(|_| arguments.out.clone());
            print!("{}", advice(&folder));
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

/// Errors: a folder that cannot be written, half an authority, a name that is none. Changes nothing if all is there.
fn make(arguments: &Arguments, now: SystemTime) -> Result<Made, Error> {
    let names = names(&arguments.names)?;
    let folder = &arguments.out;
    let mut options = fs::DirBuilder::new();
    options.recursive(true).mode(0o700);
    options.create(folder).map_err(|cause| Error::File { path: folder.clone(), cause })?;
    let (key, authority, is_new) = authority(folder, now)?;
    let life = DAY * u32::from(arguments.days);
    let known = fs::read(folder.join(ISSUED)).ok();
    let known = known.and_then(|known| serde_json::from_slice::<Issued>(&known).ok());
    let is_good = known.is_some_and(|known| {
        known.names == names
            && known.days == arguments.days
            && known.authority == authority
            && known.ends > seconds(now + life / 3)
            && [SERVER, SERVER_KEY].iter().all(|file| folder.join(file).is_file())
    });
    if is_good && !arguments.renew {
        return Ok(Made::Nothing);
    }
    let server_key = KeyPair::generate()?;
    let ends = now + life;
    let mut parameters = CertificateParams::new(names.clone())?;
    parameters.distinguished_name = called(&names[0]);
    parameters.not_before = (now - BACKDATED).into();
    parameters.not_after = ends.into();
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    // Only its name and its key count: what else stands in the authority's certificate is not copied.
    let issuer = Issuer::new(authority_parameters(now), key);
    let certificate = parameters.signed_by(&server_key, &issuer)?;
    // The record goes last: a crash before it makes the next run make both again.
    write(folder, SERVER_KEY, &server_key.serialize_pem(), 0o600)?;
    write(folder, SERVER, &certificate.pem(), 0o644)?;
    let issued = Issued { names, days: arguments.days, ends: seconds(ends), authority };
    write(folder, ISSUED, &serde_json::json!(issued).to_string(), 0o644)?;
    Ok(if is_new { Made::Everything } else { Made::Certificate })
}

/// The authority's key and certificate, made if they are not there.
fn authority(folder: &Path, now: SystemTime) -> Result<(KeyPair, String, bool), Error> {
    let (key_path, path) = (folder.join(AUTHORITY_KEY), folder.join(AUTHORITY));
    let read = |path: &Path| match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::File { path: path.to_owned(), cause }),
    };
    match (read(&key_path)?, read(&path)?) {
        (Some(key), Some(certificate)) => {
            let key = KeyPair::from_pem(&key).map_err(|error| Error::Key(key_path, error))?;
            Ok((key, certificate, false))
        }
        (None, Some(_)) => Err(Error::HalfAnAuthority(path, key_path)),
        // Nobody can have been told to trust a key without a certificate.
        (_, None) => {
            let key = KeyPair::generate()?;
            let certificate = authority_parameters(now).self_signed(&key)?.pem();
            write(folder, AUTHORITY_KEY, &key.serialize_pem(), 0o600)?;
            write(folder, AUTHORITY, &certificate, 0o644)?;
            Ok((key, certificate, true))
        }
    }
}

fn authority_parameters(now: SystemTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = called("Stagewright own authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.not_before = (now - BACKDATED).into();
    parameters.not_after = (now + AUTHORITY_LIFE).into();
    parameters
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// Errors: `Name` for what no client could ask for.
fn names(given: &[String]) -> Result<Vec<String>, Error> {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    given
        .iter()
        .map(|name| {
            let rest = name.strip_prefix("*.").unwrap_or(name);
            let is_host = name.len() <= 253 && rest.split('.').all(fits);
            match name.parse::<IpAddr>() {
                Ok(address) => Ok(address.to_string()),
                Err(_) if is_host => Ok(name.to_ascii_lowercase()),
                Err(_) => Err(Error::Name(name.clone())),
            }
        })
        .collect()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whole or not at all, so that a server that reads meanwhile sees the old file or the new one.
fn write(folder: &Path, name: &str, text: &str, mode: u32) -> Result<(), Error> {
    let (path, draft) = (folder.join(name), folder.join(format!(".{name}.draft")));
    let written = || {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    };
    written().map_err(|cause| Error::File { path: path.clone(), cause })
}

fn advice(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\nThe server:\n  stagewright serve … --tls-certificate {folder}/{SERVER} --tls-key {folder}/{SERVER_KEY} \\\n    \
         --tls-authority {folder}/{AUTHORITY}\n\n\
         Its clients, with {AUTHORITY} only:\n  \
         AWS CLI, SDKs, stagewright\n                 export AWS_CA_BUNDLE={folder}/{AUTHORITY}\n  \
         git            git config --global http.sslCAInfo {folder}/{AUTHORITY}\n  \
         npm            npm config set cafile {folder}/{AUTHORITY}\n  \
         pip            pip config set global.cert {folder}/{AUTHORITY}\n  \
         twine, Poetry  export REQUESTS_CA_BUNDLE={folder}/{AUTHORITY}\n  \
         cargo          export CARGO_HTTP_CAINFO={folder}/{AUTHORITY}\n  \
         mvn, Gradle    keytool -importcert -noprompt -alias stagewright -file {folder}/{AUTHORITY} \
         -keystore trust.p12 -storetype PKCS12 -storepass changeit\n                 \
         export JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit'\n"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn arguments(out: &Path, names: &[&str]) -> Arguments {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Arguments { out: out.to_owned(), names, days: 90, renew: false }
    }

    #[test]
    fn a_certificate_is_made_again_only_when_it_has_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let (out, now) = (folder.path().join("tls"), SystemTime::now());
        let of = |file: &str| fs::read_to_string(out.join(file)).unwrap();
        assert_eq!(make(&arguments(&out, &["ci.example.com"]), now).unwrap(), Made::Everything);
        let (authority, certificate) = (of(AUTHORITY), of(SERVER));
        for key in [AUTHORITY_KEY, SERVER_KEY] {
            assert_eq!(fs::metadata(out.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(make(&arguments(&out, &["CI.example.com"]), now).unwrap(), Made::Nothing);
        assert_eq!(of(SERVER), certificate);
        assert_eq!(make(&arguments(&out, &["ci.example.com"]), now + DAY * 61).unwrap(), Made::Certificate);
        assert_ne!(of(SERVER), certificate);
        assert_eq!(make(&arguments(&out, &["10.0.0.1"]), now).unwrap(), Made::Certificate);
        assert_eq!(of(AUTHORITY), authority);
        fs::remove_file(out.join(AUTHORITY_KEY)).unwrap();
        assert!(matches!(make(&arguments(&out, &["a"]), now), Err(Error::HalfAnAuthority(..))));
    }

    #[test]
    fn names_that_nobody_could_ask_for_are_refused() {
        for wrong in ["", "a b", "-a", "a..b", "http://a", "*", "*.*.a", "ä"] {
            let folder = tempfile::tempdir().unwrap();
            let refused = make(&arguments(&folder.path().join("tls"), &[wrong]), SystemTime::now());
            assert!(matches!(refused, Err(Error::Name(_))), "{wrong}");
            assert!(!folder.path().join("tls").exists());
        }
        assert_eq!(names(&["*.Example.com".into(), "0:0::1".into()]).unwrap(), ["*.example.com", "::1"]);
    }
}
