//! `.npmrc`, of npm, pnpm and yarn 1: a key and a value on each line.
//! Source: npm's documentation, "npmrc"; pnpm's, "Authentication Settings".

use super::{Access, Registry};

/// For npm. Its registry is replaced, unless only a scope is meant.
pub fn npm(text: &str, registry: &Registry) -> String {
    with_credential(text, registry, None)
}

/// For pnpm. `token_helper` is a program that prints a header, for [`Access::Helper`].
pub fn pnpm(text: &str, registry: &Registry, token_helper: &str) -> String {
    with_credential(text, registry, Some(token_helper))
}

fn with_credential(text: &str, registry: &Registry, token_helper: Option<&str>) -> String {
    let place = registry.without_scheme();
    let key = match &registry.scope {
        Some(scope) => format!("@{scope}:registry"),
        None => "registry".to_owned(),
    };
    let (token, helper) = match &registry.access {
        Access::Token(token) => (Some(token.as_str()), None),
        Access::Helper(_) => (None, token_helper),
    };
    let text = set(text, &key, Some(&registry.endpoint));
    let text = set(&text, &format!("{place}:_authToken"), token);
    set(&text, &format!("{place}:tokenHelper"), helper)
}

/// Sets a key where it stands, or at the end; without a value takes it away.
fn set(text: &str, key: &str, value: Option<&str>) -> String {
    let is_it = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    let mut wanted = value.map(|value| format!("{key}={value}"));
    let mut lines = Vec::new();
    for line in text.lines() {
        if !is_it(line) {
            lines.push(line.to_owned());
        } else if let Some(line) = wanted.take() {
            lines.push(line);
        }
    }
    lines.extend(wanted);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ENDPOINT, is_idempotent, with_helper, with_token};
    use super::*;

    #[test]
    fn what_else_stands_there_stays() {
        let before = "; mine\nsave-exact = true\n//other.test/:_authToken=x\n";
        let after = is_idempotent(before, |text, registry| Ok(npm(text, registry)));
        assert!(after.contains(&format!("registry={ENDPOINT}\n")), "{after}");
        assert!(after.contains("//127.0.0.1:4000/d/acme-123456789012/us-east-1/npm/web/:_authToken=first\n"));
    }

    #[test]
    fn a_scope_leaves_the_registry_alone() {
        let registry = Registry { scope: Some("acme".to_owned()), ..with_token("t") };
        let after = npm("registry=https://other.test/\n", &registry);
        assert!(after.starts_with(&format!("registry=https://other.test/\n@acme:registry={ENDPOINT}\n")));
    }

    #[test]
    fn a_helper_takes_the_place_of_a_token() {
        let after = pnpm(&npm("", &with_token("t")), &with_helper(), "/opt/helper");
        assert!(after.contains(":tokenHelper=/opt/helper\n") && !after.contains("_authToken"), "{after}");
        let after = npm(&after, &with_token("t"));
        assert!(!after.contains("tokenHelper") && after.contains("_authToken=t"), "{after}");
    }
}
