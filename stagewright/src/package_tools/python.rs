//! `pip.conf` and `.pypirc`. Source: pip's documentation, "Configuration", "Authentication"; the Packaging User Guide,
//! "The .pypirc file".

use super::ini;
use super::{Access, Registry};

/// Its index is replaced. With a helper, pip asks the program `keyring` for the password of the user in the address.
pub fn pip(text: &str, registry: &Registry) -> String {
    let text = ini::set(text, "global", "index-url", &registry.with_user("simple/"));
    match &registry.access {
        Access::Token(_) => text,
        // Else pip asks nobody when it may not ask at the terminal.
        Access::Helper(_) => ini::set(&text, "global", "keyring-provider", "subprocess"),
    }
}

/// A repository beside those that are there. `token` is the password.
pub fn pypirc(text: &str, registry: &Registry, token: &str) -> String {
    let servers = ini::get(text, "distutils", "index-servers").unwrap_or_default();
    let mut names: Vec<&str> = servers.split_whitespace().collect();
    if !names.contains(&registry.name.as_str()) {
        names.push(&registry.name);
    }
    let text = ini::set(text, "distutils", "index-servers", &format!("\n{}", names.join("\n")));
    let text = ini::set(&text, &registry.name, "repository", &registry.endpoint);
    let text = ini::set(&text, &registry.name, "username", "aws");
    ini::set(&text, &registry.name, "password", token)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_idempotent, with_helper};
    use super::*;

    #[test]
    fn pip_finds_its_index() {
        let after =
            is_idempotent("# mine\n[global]\ntimeout = 60\n", |text, registry| Ok(pip(text, registry)));
        assert!(after.contains("\nindex-url = http://aws:first@127.0.0.1:4000/d/"), "{after}");
        let after = pip(&after, &with_helper());
        assert!(
            after.contains("index-url = http://aws@127.0.0.1")
                && after.contains("keyring-provider = subprocess")
        );
    }

    #[test]
    fn twine_keeps_its_other_servers() {
        let before = "[distutils]\nindex-servers =\n    pypi\n\n[pypi]\n# mine\nusername = u\n";
        let change = |text: &str, registry: &Registry| match &registry.access {
            Access::Token(token) => Ok(pypirc(text, registry, token)),
            Access::Helper(_) => unreachable!(),
        };
        let after = is_idempotent(before, change);
        assert!(after.starts_with("[distutils]\nindex-servers = \n    pypi\n    acme-web\n"), "{after}");
        assert!(after.ends_with("username = aws\npassword = first\n"), "{after}");
        assert!(change("", &super::super::tests::with_token("t")).unwrap().contains("acme-web"));
    }
}
