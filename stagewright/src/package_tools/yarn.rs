//! `.yarnrc.yml` of yarn from version 2 on, changed line by line, so that comments stay.
//! Source: yarn's documentation, "Settings (.yarnrc.yml)".

use super::{Registry, Unusable};

/// The registry is replaced, unless only a scope is meant. `token` is beside it.
pub fn config(text: &str, registry: &Registry, token: &str) -> Result<String, Unusable> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let server = format!("\"{}\"", registry.endpoint);
    let credential = [format!("npmAuthToken: \"{token}\""), "npmAlwaysAuth: true".to_owned()];
    if let Some(scope) = &registry.scope {
        let inside = [vec![format!("npmRegistryServer: {server}")], credential.to_vec()].concat();
        set_entry(&mut lines, "npmScopes", scope, &inside)?;
    } else {
        set_scalar(&mut lines, "npmRegistryServer", &server);
        set_entry(&mut lines, "npmRegistries", registry.without_scheme(), &credential)?;
    }
    if registry.is_plain_http() {
        add_item(&mut lines, "unsafeHttpWhitelist", registry.host())?;
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

fn set_scalar(lines: &mut Vec<String>, key: &str, value: &str) {
    let line = format!("{key}: {value}");
    match lines.iter().position(|line| key_of(line) == Some(key)) {
        Some(at) => lines[at] = line,
        None => lines.push(line),
    }
}

/// Sets `key: { entry: inside }`, the entry as a whole.
fn set_entry(lines: &mut Vec<String>, key: &str, entry: &str, inside: &[String]) -> Result<(), Unusable> {
    let (begin, end) = block(lines, key)?;
    let indent = lines[begin..end].iter().find(|line| !is_empty(line)).map_or(2, |line| indent(line));
    let is_own = |line: &String| indent_of(line) == Some(indent) && key_of(line.trim()) == Some(entry);
    let own = lines[begin..end].iter().position(is_own).map(|at| begin + at);
    let own_end = own.map(|own| {
        let inner = |line: &&String| is_empty(line) || indent_of(line) > Some(indent);
        let length = lines[own + 1..end].iter().take_while(inner).count();
        // Empty lines and comments at the end belong to what follows.
        let kept = lines[own + 1..=own + length].iter().rev().take_while(|line| is_empty(line)).count();
        own + 1 + length - kept
    });
    let space = " ".repeat(indent);
    let mut new = vec![format!("{space}\"{entry}\":")];
    new.extend(inside.iter().map(|line| format!("{space}  {line}")));
    let (from, to) = own.zip(own_end).unwrap_or((end, end));
    lines.splice(from..to, new);
    Ok(())
}

fn add_item(lines: &mut Vec<String>, key: &str, item: &str) -> Result<(), Unusable> {
    let (begin, end) = block(lines, key)?;
    let items = &lines[begin..end];
    let is_it = |line: &String| {
        line.trim().strip_prefix('-').is_some_and(|rest| rest.trim().trim_matches(['"', '\'']) == item)
    };
    if items.iter().any(is_it) {
        return Ok(());
    }
    let indent = items.iter().find(|line| !is_empty(line)).map_or(2, |line| indent(line));
    lines.insert(end, format!("{}- \"{item}\"", " ".repeat(indent)));
    Ok(())
}

/// The lines of what a key at the margin holds, made at the end if it is not there. Errors: `Unusable` for a value on the
/// same line.
fn block(lines: &mut Vec<String>, key: &str) -> Result<(usize, usize), Unusable> {
    let Some(at) = lines.iter().position(|line| key_of(line) == Some(key)) else {
        lines.push(format!("{key}:"));
        return Ok((lines.len(), lines.len()));
    };
    let value = lines[at].split_once(':').map_or("", |(_, value)| value.trim());
    if !value.is_empty() && !value.starts_with('#') {
        return Err(Unusable(format!("{key} has its value on one line: write it on lines of its own first")));
    }
    let is_inside =
        |line: &&String| is_empty(line) || line.starts_with(' ') || line.trim_start().starts_with("- ");
    let length = lines[at + 1..].iter().take_while(is_inside).count();
    let kept = lines[at + 1..=at + length].iter().rev().take_while(|line| is_empty(line)).count();
    Ok((at + 1, at + 1 + length - kept))
}

/// Of a line without indentation. A key may have colons in quotes.
fn key_of(line: &str) -> Option<&str> {
    if line.starts_with([' ', '#']) {
        return None;
    }
    match line.strip_prefix(['"', '\'']) {
        Some(rest) => rest.split_once(['"', '\'']).map(|(key, _)| key),
        None => line.split_once(':').map(|(key, _)| key.trim()),
    }
}

fn is_empty(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn indent_of(line: &str) -> Option<usize> {
    (!is_empty(line)).then(|| indent(line))
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::super::tests::{is_idempotent, with_token};
    use super::*;

    fn change(text: &str, registry: &Registry) -> Result<String, Unusable> {
        match &registry.access {
            Access::Token(token) => config(text, registry, token),
            Access::Helper(_) => unreachable!(),
        }
    }

    #[test]
    fn what_else_stands_there_stays() {
        let before = "nodeLinker: node-modules # mine\n\nnpmRegistries:\n  \"//other.test\":\n    npmAuthToken: x\n\n\
                      # about nothing\nenableTelemetry: false\n";
        let after = is_idempotent(before, change);
        let own = "    npmAuthToken: x\n  \"//127.0.0.1:4000/d/acme-123456789012/us-east-1/npm/web/\":\n    \
                   npmAuthToken: \"first\"\n    npmAlwaysAuth: true\n\n# about";
        assert!(after.contains(own), "{after}");
        assert!(after.ends_with("unsafeHttpWhitelist:\n  - \"127.0.0.1\"\n"), "{after}");
        is_idempotent("", change);
    }

    #[test]
    fn a_scope_has_a_registry_of_its_own() {
        let registry = Registry { scope: Some("acme".to_owned()), ..with_token("t") };
        let after = change("npmRegistryServer: https://other.test\n", &registry).unwrap();
        assert!(
            after.starts_with("npmRegistryServer: https://other.test\nnpmScopes:\n  \"acme\":\n"),
            "{after}"
        );
        assert!(change("npmScopes: {}\n", &registry).unwrap_err().0.contains("npmScopes"));
    }
}
