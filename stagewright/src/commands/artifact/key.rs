//! The caller's key: that of the environment, else of the shared credentials file, since package managers ask for tokens
//! long after the shell that logged in is gone. Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials
//! files".

use std::path::PathBuf;

use aws::{Credentials, Secret};

use super::super::server_access;
use super::Error;
use crate::package_tools::ini;

/// `profile` is asked for by name; else the environment is looked at first. Errors: `Nothing`, saying where a key may be.
pub fn credentials(profile: Option<&str>) -> Result<Credentials, Error> {
    if profile.is_none()
        && let Ok(credentials) = server_access::credentials()
    {
        return Ok(credentials);
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let profile = profile.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    let shared = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let home = variable("HOME").map(PathBuf::from);
    let path = shared.or_else(|| Some(home?.join(".aws/credentials")));
    let text = path.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    of_profile(&text, &profile).ok_or_else(|| {
        let path = path.map_or_else(|| "~/.aws/credentials".to_owned(), |path| path.display().to_string());
        Error::Nothing(format!(
            "no key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write profile {profile} into {path}"
        ))
    })
}

fn of_profile(text: &str, profile: &str) -> Option<Credentials> {
    Some(Credentials {
        access_key_id: ini::get(text, profile, "aws_access_key_id")?,
        secret_access_key: Secret::new(ini::get(text, profile, "aws_secret_access_key")?),
        session_token: ini::get(text, profile, "aws_session_token").map(Secret::new),
        expires_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key = S\n[ci]\naws_access_key_id=B\n\
                    aws_secret_access_key=T\naws_session_token = U\n[half]\naws_access_key_id = C\n";
        let read = of_profile(text, "default").unwrap();
        assert!(read.access_key_id == "A" && read.session_token.is_none());
        let read = of_profile(text, "ci").unwrap();
        assert!(read.access_key_id == "B" && read.session_token.is_some());
        assert!(of_profile(text, "half").is_none() && of_profile(text, "other").is_none());
    }
}
