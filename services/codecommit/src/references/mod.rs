//! Changing references: what is decided in [`decide`] is committed in [`apply`], together with its events.

pub mod apply;
pub mod decide;

pub use apply::{Actor, Applied};
pub use decide::{Refusal, Update};

/// `refs/heads/main` for `main`.
pub fn branch(name: &str) -> String {
    format!("{BRANCHES}{name}")
}

/// `main` for `refs/heads/main`; `None` for what is no branch.
pub fn branch_name(full_name: &str) -> Option<&str> {
    full_name.strip_prefix(BRANCHES)
}

/// Whether a reference may have this name. Source: git-check-ref-format(1).
pub fn is_valid(full_name: &str) -> bool {
    let below = full_name.strip_prefix("refs/").and_then(|rest| rest.split_once('/'));
    below.is_some_and(|(_, name)| !name.is_empty()) && git2::Reference::is_valid_name(full_name)
}

pub const BRANCHES: &str = "refs/heads/";
pub const TAGS: &str = "refs/tags/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_a_kind_are_valid() {
        for name in ["refs/heads/main", "refs/heads/a/b", "refs/tags/v1", "refs/notes/commits"] {
            assert!(is_valid(name), "{name}");
        }
        for name in [
            "main",
            "HEAD",
            "refs/heads",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/../x",
            "refs/heads/a ",
        ] {
            assert!(!is_valid(name), "{name}");
        }
        assert_eq!(branch_name(&branch("a/b")), Some("a/b"));
    }
}
