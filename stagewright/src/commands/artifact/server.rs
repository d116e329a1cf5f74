//! The server of a repository, as its address tells it: `SERVER/d/DOMAIN-OWNER/REGION/FORMAT/REPOSITORY/…`.

use aws::{Region, Remote, Timestamp};
use codeartifact_model::GetAuthorizationToken;

use super::{Error, key};

/// A repository's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub server: String,
    pub domain: String,
    pub owner: String,
    pub region: Region,
}

/// A token, and when it ends.
pub struct Token {
    pub text: String,
    pub expires: Timestamp,
}

impl Address {
    /// `None` for what is no address of a repository. A user in it does not matter.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.trim_start_matches("sparse+").split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Where the host ends is for those who send the request to say: with these, not all say the same.
        if host.contains(['?', '#', '\\']) {
            return None;
        }
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = format!("/{path}");
        let (before, inside) = path.split_once("/d/")?;
        let mut parts = inside.split('/');
        let (domain, owner) = parts.next()?.rsplit_once('-')?;
        let region = parts.next()?.parse().ok()?;
        let is_owner = owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = parts.next().is_some() && parts.next().is_some_and(|name| !name.is_empty());
        (is_owner && is_whole && !domain.is_empty()).then(|| Self {
            server: format!("{scheme}://{host}{before}"),
            domain: domain.to_owned(),
            owner: owner.to_owned(),
            region,
        })
    }

    /// Whether it is one of those servers: nobody else is sent a request that the key signs.
    pub fn is_at(&self, servers: &[String]) -> bool {
        servers.iter().any(|server| server.trim_end_matches('/') == self.server)
    }

    /// A token of the key's holder, good for as long as may be.
    pub async fn token(&self, profile: Option<&str>) -> Result<Token, Error> {
        let remote = Remote::new(&self.server, self.region.clone(), key::credentials(profile)?)?;
        token(&remote, &self.domain, Some(self.owner.clone()), None).await
    }
}

/// Errors: what the server answers.
pub async fn token(
    remote: &Remote,
    domain: &str,
    domain_owner: Option<String>,
    duration_seconds: Option<i64>,
) -> Result<Token, Error> {
    let asked = GetAuthorizationToken { domain: domain.to_owned(), domain_owner, duration_seconds };
    let answer = remote.call(asked).await?;
    let none = || Error::Nothing("the server answered no token".to_owned());
    let text = answer.authorization_token.ok_or_else(none)?;
    Ok(Token { text, expires: answer.expiration.unwrap_or_else(Timestamp::now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_all() {
        let path = "d/my-domain-123456789012/eu-west-1/pypi/web";
        let expected = |server: &str| Address {
            server: server.to_owned(),
            domain: "my-domain".to_owned(),
            owner: "123456789012".to_owned(),
            region: "eu-west-1".parse().unwrap(),
        };
        for (url, server) in [
            (format!("http://127.0.0.1:4000/{path}/simple/"), "http://127.0.0.1:4000"),
            (format!("https://aws:t@ci.test/{path}/"), "https://ci.test"),
            (format!("sparse+https://ci.test/proxy/{path}"), "https://ci.test/proxy"),
        ] {
            assert_eq!(Address::parse(&url), Some(expected(server)), "{url}");
        }
        for url in
            ["127.0.0.1:4000", "https://pypi.org/simple", "http://x/d/a-1/eu-west-1/pypi/r", "http://x/d/"]
        {
            assert_eq!(Address::parse(url), None, "{url}");
        }
        for host in ["aws@evil.test?@ci.test", "aws@evil.test#@ci.test", "aws@evil.test\\@ci.test"] {
            assert_eq!(Address::parse(&format!("https://{host}/{path}/")), None, "{host}");
        }
        let address = expected("https://ci.test");
        assert!(address.is_at(&["https://ci.test/".to_owned()]));
        assert!(!address.is_at(&["https://ci.test.evil".to_owned()]) && !address.is_at(&[]));
    }
}
