//! Which repository and which of git's endpoints a URL names.

use http::Uri;

use super::GitHttp;
use crate::operations::is_repository_name;

/// A URL of git's, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The path of the repository as the client spells it, `.git` included where it does: what passwords are
    /// signed for.
    pub path: String,
    /// Without `.git`.
    pub name: String,
    pub endpoint: Endpoint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET info/refs?service=…`
    Advertisement(Program),
    /// `POST git-upload-pack`, `POST git-receive-pack`
    Rpc(Program),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    UploadPack,
    ReceivePack,
}

impl Program {
    /// As in URLs and media types.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// The IAM action, and the name in audit records.
    pub fn action(self) -> &'static str {
        match self {
            Self::UploadPack => "GitPull",
            Self::ReceivePack => "GitPush",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack].into_iter().find(|program| program.name() == name)
    }
}

impl Endpoint {
    pub fn program(self) -> Program {
        match self {
            Self::Advertisement(program) | Self::Rpc(program) => program,
        }
    }
}

impl Address {
    /// `None` for what is no URL of git's; the old protocol without `service` is one of them.
    pub fn parse(uri: &Uri) -> Option<Self> {
        let rest = uri.path().strip_prefix(GitHttp::PREFIX)?;
        let (spelled, endpoint) = rest.split_once('/')?;
        let name = spelled.strip_suffix(".git").unwrap_or(spelled);
        if !is_repository_name(name) {
            return None;
        }
        let endpoint = match endpoint {
            "info/refs" => Endpoint::Advertisement(service(uri.query()?)?),
            other => Endpoint::Rpc(Program::parse(other)?),
        };
        Some(Self { path: format!("{}{spelled}", GitHttp::PREFIX), name: name.to_owned(), endpoint })
    }
}

fn service(query: &str) -> Option<Program> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("service="))?;
    Program::parse(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Option<Address> {
        Address::parse(&uri.parse().unwrap())
    }

    #[test]
    fn the_urls_of_git() {
        let pull = parse("/v1/repos/demo/info/refs?service=git-upload-pack").unwrap();
        assert_eq!((pull.name.as_str(), pull.path.as_str()), ("demo", "/v1/repos/demo"));
        assert_eq!(pull.endpoint, Endpoint::Advertisement(Program::UploadPack));
        let push = parse("/v1/repos/my.repo.git/git-receive-pack").unwrap();
        assert_eq!((push.name.as_str(), push.path.as_str()), ("my.repo", "/v1/repos/my.repo.git"));
        assert_eq!(push.endpoint, Endpoint::Rpc(Program::ReceivePack));
    }

    #[test]
    fn nothing_else_is_served() {
        for uri in [
            "/v1/repos/demo",
            "/v1/repos/demo/info/refs",
            "/v1/repos/demo/info/refs?service=git-shell",
            "/v1/repos/demo/objects/info/packs",
            "/v1/repos/demo/HEAD",
            "/v1/repos//git-upload-pack",
            "/v1/repos/..%2f..%2fetc/git-upload-pack",
            "/v1/repos/a/b/git-upload-pack",
            "/v2/repos/demo/git-upload-pack",
        ] {
            assert_eq!(parse(uri), None, "{uri}");
        }
    }
}
