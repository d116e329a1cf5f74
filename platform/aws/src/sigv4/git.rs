//! The password that `aws codecommit credential-helper` and `git-remote-codecommit` make.
//! Source: their published behaviour; the canonical request has the method `GIT` and no payload hash.

use std::time::Duration;

use super::{ALGORITHM, CredentialScope, equal, sha256_hex, signature};
use crate::credentials::Secret;
use crate::timestamp::Timestamp;

/// How far the time in a password may be from ours; git uses one password for all requests of a command.
const WINDOW: Duration = Duration::from_mins(15);

/// A user name of git's: an access key, and for temporary ones the session token after a `%`.
pub fn split_user_name(user_name: &str) -> (&str, Option<&str>) {
    match user_name.split_once('%') {
        Some((key, token)) => (key, Some(token)),
        None => (user_name, None),
    }
}

/// Whether `password` (`<YYYYMMDDTHHMMSS>Z<64 hex>`) was made with `secret` for one of the paths, hosts and
/// regions that a client may have meant.
pub fn password_matches(
    secret: &Secret,
    password: &str,
    paths: &[&str],
    hosts: &[&str],
    regions: &[&str],
    now: Timestamp,
) -> bool {
    let Some((time, given)) = password.split_once('Z') else { return false };
    let Some(at) = Timestamp::parse_basic(&format!("{time}Z")) else { return false };
    if now.since(at) > WINDOW || at.since(now) > WINDOW {
        return false;
    }
    let mut matched = false;
    for path in paths {
        for host in hosts {
            for region in regions {
                // No early end: how long this takes says nothing of which combination was right.
                matched |= equal(&sign(secret, time, path, host, region), given);
            }
        }
    }
    matched
}

/// The password for a path and host, as clients make it.
pub fn password(secret: &Secret, at: Timestamp, path: &str, host: &str, region: &str) -> String {
    let time = at.format("%Y%m%dT%H%M%S");
    format!("{time}Z{}", sign(secret, &time, path, host, region))
}

fn sign(secret: &Secret, time: &str, path: &str, host: &str, region: &str) -> String {
    let canonical = format!("GIT\n{path}\n\nhost:{host}\n\nhost\n");
    let scope = CredentialScope {
        date: time.chars().take(8).collect(),
        region: region.to_owned(),
        service: "codecommit".to_owned(),
        terminator: "aws4_request".to_owned(),
    };
    let string_to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    signature(secret, &scope, &string_to_sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_good_for_its_path_host_region_and_time() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let now = Timestamp::from_millis(1_704_164_645_000);
        let made = password(&secret, now, "/v1/repos/demo", "127.0.0.1", "us-east-1");
        let check = |paths: &[&str], hosts: &[&str], regions: &[&str], at| {
            password_matches(&secret, &made, paths, hosts, regions, at)
        };
        assert!(check(
            &["/v1/repos/demo/", "/v1/repos/demo"],
            &["127.0.0.1:4000", "127.0.0.1"],
            &["us-east-1"],
            now
        ));
        assert!(!check(&["/v1/repos/other"], &["127.0.0.1"], &["us-east-1"], now));
        assert!(!check(&["/v1/repos/demo"], &["example.org"], &["us-east-1"], now));
        assert!(!check(&["/v1/repos/demo"], &["127.0.0.1"], &["eu-west-1"], now));
        assert!(!check(
            &["/v1/repos/demo"],
            &["127.0.0.1"],
            &["us-east-1"],
            now.plus(Duration::from_mins(16))
        ));
        assert!(!password_matches(&secret, "nonsense", &["/"], &["h"], &["r"], now));
    }

    #[test]
    fn a_token_follows_the_key() {
        assert_eq!(split_user_name("AKIA1"), ("AKIA1", None));
        assert_eq!(split_user_name("ASIA1%a%b+/="), ("ASIA1", Some("a%b+/=")));
    }
}
