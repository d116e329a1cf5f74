//! Who calls: a password signed with an access key, or the git credential of an IAM user.

use std::collections::BTreeSet;

use aws::gateway::Gateway;
use aws::sigv4;
use aws::{AccessKey, Caller, Error, Region, Scope, Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use super::address::Address;
use super::answer::Refusal;
use crate::service::CodeCommit;

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. \
                               Check your AWS Secret Access Key and signing method. Consult the service \
                               documentation for details.";
const WRONG_KEY: &str = "The security token included in the request is invalid.";
const EXPIRED: &str = "The security token included in the request is expired";
const WRONG_PASSWORD: &str = "The user name or password is not valid.";
/// How the user names of git credentials are told from access keys. Source: IAM User Guide, "Use IAM with
/// CodeCommit": `<user>-at-<account>`.
const GIT_CREDENTIAL: &str = "-at-";

/// What a request shows of its caller.
struct Shown {
    user_name: String,
    password: Secret,
}

/// The caller, and the account and region in which it looks for the repository.
pub async fn authenticate(
    gateway: &Gateway,
    codecommit: &CodeCommit,
    headers: &HeaderMap,
    address: &Address,
) -> Result<(Caller, Scope), Refusal> {
    let shown = Shown::of(headers)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = region_of(host);
    if shown.user_name.contains(GIT_CREDENTIAL) {
        let caller = gateway.authenticator.git_password(&shown.user_name, &shown.password).await?;
        let caller = caller.ok_or_else(|| Refusal::forbidden(WRONG_PASSWORD))?;
        let regions = regions(gateway, codecommit, &caller, &address.name, named).await?;
        return within(gateway, caller, regions.into_iter().next());
    }
    let (id, token) = sigv4::git::split_user_name(&shown.user_name);
    let key = gateway.authenticator.access_key(id).await?.ok_or_else(|| Refusal::forbidden(WRONG_KEY))?;
    if gateway.authenticator.is_open() {
        let regions = regions(gateway, codecommit, &key.caller, &address.name, named).await?;
        return within(gateway, key.caller, regions.into_iter().next());
    }
    check_key(&key, token, Timestamp::now())?;
    let regions = regions(gateway, codecommit, &key.caller, &address.name, named).await?;
    let signed_for =
        regions.into_iter().find(|region| is_signed(&key, &shown.password, address, host, region));
    let region = signed_for.ok_or_else(|| Refusal::forbidden(WRONG_SIGNATURE))?;
    within(gateway, key.caller, Some(region))
}

impl Shown {
    /// Errors: 401 where nothing is shown, so that git asks its helpers.
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = headers.get(header::AUTHORIZATION).ok_or_else(Refusal::unauthenticated)?;
        Self::parse(value.as_bytes()).ok_or_else(|| Refusal::forbidden(WRONG_PASSWORD))
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, encoded) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        let decoded =
            STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user_name, password) = decoded.split_once(':')?;
        Some(Self { user_name: user_name.to_owned(), password: Secret::new(password) })
    }
}

fn check_key(key: &AccessKey, token: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let known = key.session_token.as_ref().map(Secret::reveal);
    let same_token = match (known, token) {
        (Some(known), Some(token)) => sigv4::equal(known, token),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !key.active || !same_token {
        return Err(Refusal::forbidden(WRONG_KEY));
    }
    match key.expires_at {
        Some(at) if at <= now => Err(Refusal::forbidden(EXPIRED)),
        Some(_) | None => Ok(()),
    }
}

/// Helpers differ in whether they sign the port and a slash at the end.
/// Source: `aws codecommit credential-helper` and `git-remote-codecommit`.
fn is_signed(key: &AccessKey, password: &Secret, address: &Address, host: &str, region: &Region) -> bool {
    let with_slash = format!("{}/", address.path);
    let bare = without_port(host);
    sigv4::git::password_matches(
        &key.secret,
        password.reveal(),
        &[&address.path, &with_slash],
        &[host, bare],
        &[region.as_str()],
        Timestamp::now(),
    )
}

/// The regions that may be meant: that of the host's name, else those in which the account has such a repository
/// (the server's own first), and the server's own.
async fn regions(
    gateway: &Gateway,
    codecommit: &CodeCommit,
    caller: &Caller,
    name: &str,
    named: Option<Region>,
) -> Result<Vec<Region>, Refusal> {
    if let Some(named) = named {
        return Ok(vec![named]);
    }
    let account = caller.principal.account().unwrap_or(&gateway.home.account);
    let repositories = codecommit.in_all_regions(account, name).await?;
    let having: BTreeSet<Region> = repositories.into_iter().map(|repository| repository.region).collect();
    let home = gateway.home.region.clone();
    let mut regions: Vec<Region> = having.into_iter().collect();
    if regions.is_empty() || regions.contains(&home) {
        regions.retain(|region| *region != home);
        regions.insert(0, home);
    } else {
        regions.push(home);
    }
    Ok(regions)
}

fn within(gateway: &Gateway, caller: Caller, region: Option<Region>) -> Result<(Caller, Scope), Refusal> {
    let account = match caller.principal.account() {
        Some(account) => account.clone(),
        None => return Err(Error::access_denied("A principal of an account is required.").into()),
    };
    let region = region.unwrap_or_else(|| gateway.home.region.clone());
    Ok((caller, Scope::new(account, region)))
}

/// `eu-west-1` for `git-codecommit.eu-west-1.amazonaws.com`, where names resolve to this server.
fn region_of(host: &str) -> Option<Region> {
    let mut parts = without_port(host).split('.');
    let service = parts.next()?;
    if service != "git-codecommit" && service != "git-codecommit-fips" {
        return None;
    }
    parts.next()?.parse().ok()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read() {
        let shown = Shown::parse(b"Basic QUtJQTpwYTpzcw==").unwrap();
        assert_eq!((shown.user_name.as_str(), shown.password.reveal()), ("AKIA", "pa:ss"));
        for value in [&b"Bearer QUtJQTpw"[..], b"Basic", b"Basic ***", b"Basic QUtJQQ==", b"\xff\xff"] {
            assert!(Shown::parse(value).is_none());
        }
    }

    #[test]
    fn hosts_are_read() {
        assert_eq!(region_of("git-codecommit.eu-west-1.amazonaws.com").unwrap().as_str(), "eu-west-1");
        assert_eq!(region_of("127.0.0.1:4000"), None);
        assert_eq!(without_port("localhost:4000"), "localhost");
        assert_eq!(without_port("[::1]:4000"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }

    #[test]
    fn a_key_must_be_active_current_and_come_with_its_token() {
        let key = AccessKey {
            secret: Secret::new("s"),
            session_token: Some(Secret::new("token")),
            expires_at: Some(Timestamp::from_millis(10)),
            active: true,
            caller: Caller::anonymous(),
        };
        let at = Timestamp::from_millis;
        assert!(check_key(&key, Some("token"), at(9)).is_ok());
        assert!(check_key(&key, Some("token"), at(10)).is_err());
        assert!(check_key(&key, Some("other"), at(9)).is_err());
        assert!(check_key(&key, None, at(9)).is_err());
        let inactive = AccessKey { active: false, ..key };
        assert!(check_key(&inactive, Some("token"), at(9)).is_err());
    }
}
