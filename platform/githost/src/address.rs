//! Addresses that a token may be sent to.

use http::Uri;

/// Where a host's repositories are: `https://git.example.com` or `http://…`, with a path where it has one. Answers it
/// without a slash at its end. Errors: why it is none, as a clause.
pub fn base(text: &str) -> Result<String, String> {
    let refused = |why: &str| Err(format!("'{text}' is no address of a Git host: {why}"));
    let Ok(uri) = text.parse::<Uri>() else { return refused("it is no URL") };
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return refused("it must begin with https:// or http://");
    }
    let Some(authority) = uri.authority() else { return refused("it has no host") };
    if authority.as_str().contains('@') {
        return refused("it must not have a user name or a password");
    }
    if uri.query().is_some() || text.contains('#') {
        return refused("it must not have a query or a fragment");
    }
    if uri.path().split('/').any(|part| part == "." || part == "..") {
        return refused("its path must not have '.' or '..'");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The clone URL of a repository, `owner/name`, with more parts where groups are nested.
/// Errors: why it is no repository's name, as a clause.
pub fn repository(base: &str, full_repository_id: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(fits);
    let parts: Vec<&str> = full_repository_id.split('/').collect();
    if parts.len() < 2 || !parts.iter().all(|text| part(text)) {
        return Err(format!(
            "'{full_repository_id}' is no full id of a repository: it must be its owner and name, separated by a slash"
        ));
    }
    Ok(format!("{base}/{}.git", full_repository_id.trim_end_matches(".git")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_address_and_nothing_else() {
        assert_eq!(base("https://git.example.com/").unwrap(), "https://git.example.com");
        assert_eq!(base("http://127.0.0.1:3000/git").unwrap(), "http://127.0.0.1:3000/git");
        for bad in [
            "",
            "git.example.com",
            "ssh://git.example.com",
            "file:///etc",
            "https://",
            "https://u:p@h",
            "https://h?x",
            "https://h#x",
            "https://h/../x",
            "ext::sh -c id",
        ] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repository_stays_below_its_base() {
        assert_eq!(repository("https://h", "acme/site").unwrap(), "https://h/acme/site.git");
        assert_eq!(repository("https://h", "acme/site.git").unwrap(), "https://h/acme/site.git");
        assert_eq!(repository("https://h", "a/b/c.d").unwrap(), "https://h/a/b/c.d.git");
        for bad in
            ["site", "/site", "acme/", "../x", "a/../../x", "a/-x", "a/b?c", "a/b#c", "a/b c", "a//b", "a/@b"]
        {
            assert!(repository("https://h", bad).is_err(), "{bad}");
        }
    }
}
