//! What packages may be called, and where an index has them, by the rules of their formats. Pure.

/// Source: The Cargo Book, "Registry Web API", and crates.io's rules for names.
const LONGEST_CRATE: usize = 64;
/// Source: npm documentation, "package.json", name.
const LONGEST_NPM: usize = 214;

/// Runs of `-`, `_` and `.` are one `-`, and case does not count. Source: PEP 503, "Normalized Names".
pub fn python_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_lowercase());
    }
    normal
}

/// Whether it is the name of a project of Python in normal form.
pub fn is_python_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(fits) && python_name(name) == name
}

/// Whether it can be a path below a registry of npm: `left-pad`, `@acme/tables`.
pub fn is_npm_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!'()*".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(fits)
    };
    let is_name = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| is_part(scope) && is_part(name)),
        None => is_part(name),
    };
    is_name && name.len() <= LONGEST_NPM
}

pub fn is_crate_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.len() <= LONGEST_CRATE
        && name.bytes().all(fits)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
}

/// The folder of a crate in an index: `1`, `2`, `3/a`, `ca/rg`, in the letters that the name has. Names are of ASCII.
/// Source: The Cargo Book, "Index files".
pub fn crate_folder(name: &str) -> String {
    let part = |from: usize, to: usize| name.get(from..to).unwrap_or_default();
    match name.len() {
        length @ (0..=2) => length.to_string(),
        3 => format!("3/{}", part(0, 1)),
        _ => format!("{}/{}", part(0, 2), part(2, 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_their_formats() {
        for name in ["left-pad", "@acme/tables", "a.b", "JSONStream"] {
            assert!(is_npm_name(name), "{name}");
        }
        for name in ["", ".a", "..", "a/b", "@a", "@a/", "@a/..", "@/b", "a%2fb", "a b", &"a".repeat(215)] {
            assert!(!is_npm_name(name), "{name}");
        }
        for (name, expected) in [("serde", true), ("A_b-1", true), ("1a", false), ("", false), ("a/b", false)]
        {
            assert_eq!(is_crate_name(name), expected, "{name}");
        }
        for (name, expected) in [("a-b", true), ("a_b", false), ("A", false), ("", false), ("-", false)] {
            assert_eq!(is_python_name(name), expected, "{name}");
        }
        assert_eq!(python_name("Zope._-Interface"), "zope-interface");
    }

    #[test]
    fn crates_are_found_by_their_names() {
        for (name, expected) in [("a", "1"), ("ab", "2"), ("abc", "3/a"), ("Cargo", "Ca/rg")] {
            assert_eq!(crate_folder(name), expected);
        }
    }
}
