//! What an operator can set, by flags or in a TOML file; a flag wins over the file.

mod builds;
mod git_hosts;
mod notifications;
mod packages;
mod pipelines;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws::{AccountId, Region};
use serde::Deserialize;
use sns::Smtp;

pub use builds::{Builds, Containers};
use notifications::{Notifications, SmtpSection, smtp};
use packages::{Advisories, Origin, Origins, Packages, advisories, origins};
use pipelines::Pipelines;

/// What is wrong with the configuration, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the configuration file {path} cannot be read: {cause}")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("the configuration file {path} is wrong: {cause}")]
    Malformed { path: PathBuf, cause: String },
    #[error("[smtp] password_file: {path} cannot be read: {cause}")]
    PasswordFile { path: PathBuf, cause: std::io::Error },
    #[error("[smtp]: username and password_file belong together")]
    HalfACredential,
    #[error("no data folder: say --data DIR, or data = \"DIR\" in the configuration file")]
    NoData,
    #[error(
        "--auth open admits everybody as administrator, so it is for loopback addresses only; {0} is none \
         (listen on 127.0.0.1 or [::1], or leave --auth out)"
    )]
    OpenToTheWorld(SocketAddr),
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    #[error("endpoint '{0}' is no address of a server: it must be a URL like https://ci.example.com:4000")]
    Endpoint(String),
    #[error("[git_hosts] {name}: {why}")]
    GitHost { name: String, why: String },
    #[error("[origins] {name}: {why}")]
    Origin { name: String, why: String },
    #[error("[advisories] {0}")]
    Advisories(String),
    #[error(
        "a certificate and its key belong together: --tls-certificate and --tls-key, or [tls] certificate and key"
    )]
    HalfOfTls,
    #[error("[builds.container] {0}")]
    Container(String),
    #[error("[builds.kubernetes] {0}")]
    Kubernetes(#[from] kubernetes::Wrong),
    #[error("[builds.workers] lease_seconds must be from 5 to 3600, not {0}")]
    Lease(u32),
}

/// How callers prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// By signature, every call authorised by policy.
    #[default]
    Signed,
    /// Any key is the account's administrator: for test rigs.
    Open,
}

/// The flags of `stagewright serve`; each may stand in the file instead.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Folder for everything that must survive a restart
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port to serve on [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Account that the first administrator belongs to [default: 123456789012]
    #[arg(long)]
    pub account: Option<AccountId>,
    /// Home region, for calls that name none [default: us-east-1]
    #[arg(long)]
    pub region: Option<Region>,
    /// How callers prove who they are [default: signed]
    #[arg(long, value_enum)]
    pub auth: Option<Auth>,
    /// Configuration file (TOML) with the same keys as these flags
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// PostgreSQL for several nodes, instead of the embedded SQLite (postgres://…)
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Certificate chain (PEM) to serve HTTPS with; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Authority of the certificate (PEM), if it is none that everybody knows: builds then trust it
    #[arg(long, value_name = "FILE")]
    pub tls_authority: Option<PathBuf>,
    /// Address of this server as clients and builds reach it [default: that of --listen]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// S3-compatible storage for bytes, instead of the data folder (s3://bucket/prefix)
    #[arg(long, value_name = "URL")]
    pub blobs: Option<String>,
}

/// The file. Unknown keys are refused, so that a slip of the pen does not go unseen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    account: Option<AccountId>,
    region: Option<Region>,
    auth: Option<Auth>,
    database: Option<String>,
    blobs: Option<String>,
    endpoint: Option<String>,
    advisories: Option<Advisories>,
    builds: Builds,
    git_hosts: BTreeMap<String, git_hosts::GitHost>,
    github: Github,
    limits: Limits,
    origins: BTreeMap<String, Origin>,
    packages: Packages,
    pipelines: Pipelines,
    smtp: Option<SmtpSection>,
    sns: Notifications,
    tls: TlsSection,
    trails: Trails,
}

/// `[tls]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TlsSection {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    authority: Option<PathBuf>,
}

/// The files that HTTPS is served with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[github]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Github {
    /// The API that webhooks are registered with: `https://api.github.com`, or that of a server of one's own.
    pub api: Option<String>,
    /// Seconds between two looks at the branch of a source action of version 1; as on AWS, about a minute.
    pub poll_seconds: Option<std::num::NonZeroU32>,
}

impl Github {
    pub fn poll_interval(&self) -> Duration {
        let seconds = self.poll_seconds.map(|seconds| u64::from(seconds.get()));
        seconds.map_or(codepipeline::POLL_INTERVAL, Duration::from_secs)
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Bytes of the body of one call; bodies of S3 and git stream and are not meant.
    pub body_bytes: usize,
}

/// `[trails]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trails {
    /// How often trails deliver log files, in seconds.
    pub log_file_seconds: NonZeroU32,
    /// How often they deliver digest files, in seconds.
    pub digest_seconds: NonZeroU32,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub account: AccountId,
    pub region: Region,
    pub auth: Auth,
    pub database: Option<String>,
    pub blobs: Option<String>,
    pub endpoint: Option<String>,
    pub builds: Builds,
    pub git_hosts: codebuild::GitHosts,
    pub github: Github,
    pub limits: Limits,
    pub origins: BTreeMap<String, codeartifact::Origin>,
    /// Folders and bundles instead of addresses.
    pub mirrors: BTreeMap<String, PathBuf>,
    pub advisories: Option<codeartifact::AdvisorySource>,
    pub packages: Packages,
    pub pipelines: Pipelines,
    pub smtp: Option<Smtp>,
    pub sns: Notifications,
    pub tls: Option<TlsFiles>,
    /// What signs the certificate at `endpoint`, if it is none that everybody knows.
    pub tls_authority: Option<PathBuf>,
    pub trails: Trails,
}

impl Default for Trails {
    /// As on AWS: about every five minutes, and every hour.
    fn default() -> Self {
        let seconds = |seconds| NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN);
        Self { log_file_seconds: seconds(300), digest_seconds: seconds(3600) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, body_bytes: 32 * 1024 * 1024 }
    }
}

impl Config {
    pub fn resolve(flags: Flags) -> Result<Self, Error> {
        let file = match &flags.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let Origins { origins, mirrors } = origins(file.origins)?;
        let config = Self {
            data: flags.data.or(file.data).ok_or(Error::NoData)?,
            listen: flags.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4000))),
            account: flags.account.or(file.account).unwrap_or_else(default_account),
            region: flags.region.or(file.region).unwrap_or_else(default_region),
            auth: flags.auth.or(file.auth).unwrap_or_default(),
            database: flags.database.or(file.database),
            blobs: flags.blobs.or(file.blobs),
            endpoint: flags.endpoint.or(file.endpoint),
            builds: file.builds,
            git_hosts: git_hosts::git_hosts(file.git_hosts, &file.github)?,
            github: file.github,
            limits: file.limits,
            trails: file.trails,
            smtp: file.smtp.map(smtp).transpose()?,
            sns: file.sns,
            tls: tls(flags.tls_certificate.or(file.tls.certificate), flags.tls_key.or(file.tls.key))?,
            tls_authority: flags.tls_authority.or(file.tls.authority),
            packages: file.packages,
            pipelines: file.pipelines,
            origins,
            mirrors,
            advisories: file.advisories.map(advisories).transpose()?,
        };
        config.builds.check()?;
        if config.limits.connections == 0 {
            return Err(Error::Zero("[limits] connections"));
        }
        if let Some(endpoint) = config.endpoint.as_deref().filter(|endpoint| !is_address(endpoint)) {
            return Err(Error::Endpoint(endpoint.to_owned()));
        }
        if config.auth == Auth::Open && !is_loopback(config.listen.ip()) {
            return Err(Error::OpenToTheWorld(config.listen));
        }
        Ok(config)
    }

    /// The settings of a platform that serves no strangers: `stagewright run` and administration.
    pub fn local(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account: default_account(),
            region: default_region(),
            auth: Auth::Signed,
            database: None,
            blobs: None,
            endpoint: None,
            builds: Builds::default(),
            git_hosts: codebuild::GitHosts::new(),
            github: Github::default(),
            limits: Limits::default(),
            trails: Trails::default(),
            smtp: None,
            sns: Notifications::default(),
            tls: None,
            tls_authority: None,
            packages: Packages::default(),
            pipelines: Pipelines::default(),
            origins: BTreeMap::new(),
            mirrors: BTreeMap::new(),
            advisories: None,
        }
    }
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, Error> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        _ => Err(Error::HalfOfTls),
    }
}

/// What a configuration file says of builds.
pub fn builds_of(path: &Path) -> Result<Builds, Error> {
    let builds = read(path)?.builds;
    builds.check().map(|()| builds)
}

fn read(path: &Path) -> Result<File, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|cause| Error::Unreadable { path: path.to_owned(), cause })?;
    // The parser names the line, the key and the keys that are allowed.
    toml::from_str(&text)
        .map_err(|cause| Error::Malformed { path: path.to_owned(), cause: cause.to_string() })
}

/// What addresses can be made of.
fn is_address(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.is_loopback()
}

#[allow(clippy::expect_used, reason = "a constant that its own tests parse")]
pub fn default_account() -> AccountId {
    "123456789012".parse().expect("a valid account")
}

#[allow(clippy::expect_used, reason = "a constant that its own tests parse")]
pub fn default_region() -> Region {
    "us-east-1".parse().expect("a valid region")
}

#[cfg(test)]
mod tests {
    use sns::SmtpTls;

    use super::*;

    fn file(text: &str) -> Result<File, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_holds_what_flags_do() {
        let read = file(
            "data = \"/var/lib/stagewright\"\nlisten = \"127.0.0.1:4000\"\naccount = \"111122223333\"\n\
             region = \"eu-west-1\"\nauth = \"open\"\n[builds]\nconcurrency = 3\nread_only_paths = [\"/opt/tools\"]\n\
             [pipelines]\npin_running_executions = true\nartifact_retention = \"days=3\"\n",
        );
        let read = read.unwrap();
        assert_eq!(read.account.unwrap().as_str(), "111122223333");
        assert_eq!(read.auth, Some(Auth::Open));
        assert_eq!(read.builds.concurrency, 3);
        assert_eq!(read.limits, Limits::default());
        assert_eq!(read.trails.digest_seconds.get(), 3600);
        let settings = read.pipelines.settings();
        assert!(settings.pin_running_executions && settings.artifact_retention.is_some());
        assert!(!settings.restart_on_update);
    }

    #[test]
    fn a_bad_key_is_named_with_what_is_allowed() {
        let message = file("dta = \"x\"").unwrap_err();
        assert!(
            message.contains("`dta`") && message.contains("`data`") && message.contains("line 1"),
            "{message}"
        );
        let message = file("[builds]\nparallel = 2").unwrap_err();
        assert!(message.contains("`parallel`") && message.contains("`concurrency`"), "{message}");
        let container = "[builds.container]\nrun_arguments = [\"--pid=host\"]";
        let refused = file(container).unwrap().builds.check().unwrap_err().to_string();
        assert!(refused.contains("--pid=host"), "{refused}");
        assert!(file("[builds]\nexecutor = \"vm\"").unwrap_err().contains("`sandbox`, `container`, `auto`"));
        let short = file("[builds.workers]\nlease_seconds = 4").unwrap().builds.check();
        assert!(short.unwrap_err().to_string().contains("from 5 to 3600"));
        let cluster = "[builds]\nexecutor = \"kubernetes\"\n[builds.kubernetes]\n";
        let checked = |more: &str| file(&format!("{cluster}{more}")).unwrap().builds.check();
        assert!(checked("").unwrap_err().to_string().ends_with("server_url must be set"));
        let both = "worker_image = \"w\"\nserver_url = \"http://s\"\n";
        assert!(checked(both).is_ok());
        assert!(checked(&format!("{both}start_seconds = 1")).unwrap_err().to_string().contains("from 10"));
        assert!(file("[packages]\nretention_seconds = 0").unwrap_err().contains("nonzero"));
        assert!(file("[trails]\nlog_file_seconds = 0").unwrap_err().contains("nonzero"));
        let message = file("[pipelines]\nartifact_retention = \"a while\"").unwrap_err();
        assert!(message.contains("executions=N"), "{message}");
        assert!(file("account = \"12\"").unwrap_err().contains("12 digits"));
    }

    #[test]
    fn a_mail_server_has_its_usual_port() {
        let smtp_of = |text: &str| file(text).unwrap().smtp.map(smtp).unwrap();
        let plain = "[smtp]\nhost = \"mail\"\nfrom = \"ci@example.com\"\n";
        let read = smtp_of(plain).unwrap();
        assert_eq!((read.port, read.tls, read.credentials), (587, SmtpTls::Starttls, None));
        assert_eq!(smtp_of(&format!("{plain}tls = \"implicit\"")).unwrap().port, 465);
        assert!(matches!(smtp_of(&format!("{plain}username = \"u\"")), Err(Error::HalfACredential)));
        assert!(file("[sns]\nrefused_networks = [\"10.0.0.0\"]").unwrap_err().contains("no network"));
    }

    #[test]
    fn origins_are_checked() {
        let checked = |text: &str| origins(file(text).unwrap().origins).map_err(|error| error.to_string());
        let read = checked(
            "[origins]\n\"public:npmjs\" = \"http://mirror.test/npm/\"\n\
             \"public:pypi\" = { index = \"https://mirror.test/simple\", files = [\"files.test\"] }",
        );
        let read = read.unwrap().origins;
        assert_eq!(read["public:npmjs"].url, "http://mirror.test/npm");
        assert_eq!(read["public:pypi"].file_hosts, ["files.test"]);
        let read = checked("[origins]\n\"public:npmjs\" = \"/srv/bundle.zip\"").unwrap();
        assert!(read.origins.is_empty() && read.mirrors["public:npmjs"] == Path::new("/srv/bundle.zip"));
        assert!(
            checked("[origins]\n\"public:nothing\" = \"http://x\"").unwrap_err().contains("public:nothing")
        );
        assert!(checked("[origins]\n\"public:npmjs\" = \"mirror.test\"").unwrap_err().contains("http://"));
        assert!(file("[origins]\n\"public:npmjs\" = 1").is_err());
    }

    #[test]
    fn flags_win_and_open_is_for_loopback_only() {
        let flags = |listen: &str| Flags {
            data: Some("/tmp/data".into()),
            listen: Some(listen.parse().unwrap()),
            auth: Some(Auth::Open),
            ..Flags::default()
        };
        assert!(Config::resolve(flags("127.0.0.1:0")).is_ok());
        assert!(Config::resolve(flags("[::1]:0")).is_ok());
        assert!(matches!(Config::resolve(flags("0.0.0.0:4000")), Err(Error::OpenToTheWorld(_))));
        assert!(matches!(Config::resolve(Flags::default()), Err(Error::NoData)));
    }
}
