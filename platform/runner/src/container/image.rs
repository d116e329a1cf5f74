//! The name of an image, checked: it becomes an argument of the engine's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `registry:port/path/name:tag@digest`, all but the name may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageName(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid reference format: {0:?}")]
pub struct NoImageName(pub String);

/// What Podman reads as the way to an image (`dir:path`) rather than as its name: ways into the host's files.
const TRANSPORTS: [&str; 13] = [
    "atomic",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "docker-tarfile",
    "oci",
    "oci-archive",
    "ostree",
    "sif",
    "static",
    "tarball",
];
const MOST_BYTES: usize = 512;

impl ImageName {
    /// Errors: what is no reference of an image.
    pub fn parse(text: &str) -> Result<Self, NoImageName> {
        match text.len() <= MOST_BYTES && is_reference(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(NoImageName(text.chars().take(MOST_BYTES).collect())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The registry's host, with its port; Docker Hub where the name says none.
    pub fn registry(&self) -> &str {
        match self.0.split_once('/') {
            Some((host, _)) if is_host(host) => host,
            _ => "docker.io",
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As the reference grammar of registries has it.
fn is_reference(text: &str) -> bool {
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (text, None),
    };
    let (host, path) = match named.split_once('/') {
        Some((host, path)) if is_host(host) => (Some(host), path),
        _ => (None, named),
    };
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    let transport = host.is_none() && tag.is_some() && TRANSPORTS.contains(&path);
    !transport && path.split('/').all(is_component) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

/// Told from a part of the path by its dot, its port, or by being `localhost`.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let labels = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let marked = name.contains('.') || port.is_some() || name == "localhost";
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    marked && name.split('.').all(labels) && port.is_none_or(digits)
}

fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(plain) && text.bytes().last().is_some_and(plain);
    ends && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    let hex = |digits: &str| digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split_once(':').is_some_and(|(algorithm, digits)| name(algorithm) && hex(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        let digest = format!("debian@sha256:{}", "0a".repeat(32));
        for good in [
            "debian",
            "debian:12.1-slim",
            "aws/codebuild/standard:7.0",
            "localhost/stagewright-tests:0123",
            "registry.example.com:5000/team/app:v1",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/app",
            &digest,
        ] {
            assert_eq!(ImageName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_would_be_an_option_or_a_file_of_the_host_is_none() {
        for bad in [
            "",
            "-v",
            "--privileged",
            "a b",
            "a\nb",
            "docker-archive:/etc/x.tar",
            "dir:etc",
            "oci:x",
            "containers-storage:x",
            "docker://debian",
            "/etc/passwd",
            "../x",
            "a:b:c",
            "Upper",
            "a@sha256:12",
            "a:-x",
            &"a".repeat(600),
        ] {
            assert!(ImageName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn registry_of_a_name() {
        let registry = |text: &str| ImageName::parse(text).unwrap().registry().to_owned();
        assert_eq!(registry("debian:12"), "docker.io");
        assert_eq!(registry("team/app"), "docker.io");
        assert_eq!(registry("localhost:5000/app"), "localhost:5000");
        assert_eq!(registry("ghcr.io/team/app"), "ghcr.io");
    }
}
