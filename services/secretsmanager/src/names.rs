//! What a secret may be called, and which one a caller means.
//! Source: Secrets Manager API Reference, CreateSecret and GetSecretValue.

use aws::{Arn, Scope, Timestamp};
use store::ReadTx;

use crate::error::Error;
use crate::records::Secret;

/// Characters of what is added to a name in an ARN.
const SUFFIX: usize = 6;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Errors: `InvalidName`.
pub fn check(name: &str) -> Result<(), Error> {
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || "-/_+=.@!".contains(c));
    if fine { Ok(()) } else { Err(Error::InvalidName) }
}

/// Six letters out of randomness, so that a secret's ARN is never that of one that had the name before.
pub fn suffix(random: [u8; SUFFIX]) -> String {
    random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

/// The secret that a call names: by name, by ARN, or by an ARN without the random characters. What should have been taken
/// away by now is not there any more.
pub fn meant(
    tx: &mut ReadTx<'_>,
    scope: &Scope,
    given: &str,
    now: Timestamp,
) -> Result<Option<Secret>, store::Error> {
    for (name, suffix) in readings(scope, given) {
        let found = Secret::find(tx, scope, name)?.filter(|found| !found.is_gone(now));
        if let Some(found) = found.filter(|found| suffix.is_none_or(|suffix| found.suffix == suffix)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A name, and the random characters if they were given.
fn readings<'g>(scope: &Scope, given: &'g str) -> Vec<(&'g str, Option<&'g str>)> {
    if !given.starts_with("arn:") {
        return vec![(given, None)];
    }
    let own = given.parse::<Arn>().is_ok_and(|arn| arn == scope.arn("secretsmanager", &arn.resource));
    let Some((_, rest)) = given.split_once(":secret:").filter(|_| own) else { return Vec::new() };
    let with_suffix = rest.rsplit_once('-').filter(|(_, suffix)| suffix.len() == SUFFIX);
    with_suffix.map(|(name, suffix)| (name, Some(suffix))).into_iter().chain([(rest, None)]).collect()
}

/// The ARN that policies are asked about for a secret that is not there: its random characters are not known, so those
/// of a pattern are in their place.
pub fn arn_of_none(scope: &Scope, given: &str) -> String {
    match given.starts_with("arn:") {
        true => given.to_owned(),
        false => scope.arn("secretsmanager", format_args!("secret:{given}-??????")).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_by_name_or_arn() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/login";
        assert_eq!(readings(&scope, "app/login"), [("app/login", None)]);
        assert_eq!(readings(&scope, arn), [("app/login", None)]);
        let whole = format!("{arn}-AbCdEf");
        assert_eq!(readings(&scope, &whole), [("app/login", Some("AbCdEf")), ("app/login-AbCdEf", None)]);
        assert!(readings(&scope, "arn:aws:secretsmanager:us-east-1:999999999999:secret:a").is_empty());
        assert!(readings(&scope, "arn:aws:s3:::secret:a").is_empty());
    }

    #[test]
    fn six_letters() {
        assert_eq!(suffix([0, 25, 26, 61, 62, 255]), "AZa9AH");
        assert!(check("app/login-1_+=.@!").is_ok());
        assert!(["a b", "a:b", "ü", "a\n"].into_iter().all(|name| check(name).is_err()));
    }
}
