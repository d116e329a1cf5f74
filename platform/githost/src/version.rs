//! What of a repository is wanted, in the words of CodeBuild's `sourceVersion`. Pure.
//! Source: CodeBuild User Guide, "Source version sample".

use crate::Provider;
use crate::git::is_full;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The newest commit of the branch that the host names.
    Default,
    /// By its full id. No reference is known that leads to it.
    Commit(String),
    /// By its full name, with the commit that is meant if it is not the newest.
    Reference { name: String, commit: Option<String> },
    /// A branch, a tag, or the beginning of a commit's id.
    Short(String),
}

impl Version {
    /// None for what can name nothing in a repository.
    pub fn parse(text: Option<&str>, provider: Provider) -> Option<Self> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Some(Self::Default) };
        let (name, commit) = match text.split_once("^{") {
            Some((name, rest)) => {
                let commit = rest.strip_suffix('}').filter(|commit| is_commit(commit))?;
                (name, Some(commit.to_owned()))
            }
            None => (text, None),
        };
        if let Some(number) = name.strip_prefix("pr/") {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            return is_number.then(|| Self::Reference { name: pull_request(provider, number), commit });
        }
        if commit.is_none() && is_commit(name) {
            return Some(Self::Commit(name.to_owned()));
        }
        let valid = is_reference(name);
        match name.starts_with("refs/") {
            true => valid.then(|| Self::Reference { name: name.to_owned(), commit }),
            // A name without its folder does not say what to fetch; the commit does.
            false => valid.then(|| commit.map_or_else(|| Self::Short(name.to_owned()), Self::Commit)),
        }
    }
}

/// Where a host keeps the commits of a pull request.
fn pull_request(provider: Provider, number: &str) -> String {
    match provider {
        Provider::GitLab | Provider::GitLabSelfManaged => format!("refs/merge-requests/{number}/head"),
        Provider::Bitbucket => format!("refs/pull-requests/{number}/from"),
        Provider::GitHub | Provider::GitHubEnterpriseServer | Provider::AzureDevOps => {
            format!("refs/pull/{number}/head")
        }
    }
}

fn is_commit(text: &str) -> bool {
    is_full(text) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether git would take it as the name of a reference: then it means nothing else in a refspec either.
/// Source: git-check-ref-format.
fn is_reference(name: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.len() <= 255
        && !name.starts_with(['-', '+'])
        && !name.ends_with('.')
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(forbidden)
        && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn github(text: &str) -> Option<Version> {
        Version::parse(Some(text), Provider::GitHub)
    }

    fn reference(name: &str, commit: Option<&str>) -> Option<Version> {
        Some(Version::Reference { name: name.to_owned(), commit: commit.map(str::to_owned) })
    }

    #[test]
    fn all_forms() {
        assert_eq!(
            (github(""), Version::parse(None, Provider::GitLab)),
            (Some(Version::Default), Some(Version::Default))
        );
        assert_eq!(github(SHA), Some(Version::Commit(SHA.into())));
        assert_eq!(github("feature/x"), Some(Version::Short("feature/x".into())));
        assert_eq!(github("pr/7"), reference("refs/pull/7/head", None));
        assert_eq!(
            Version::parse(Some("pr/7"), Provider::GitLab),
            reference("refs/merge-requests/7/head", None)
        );
        assert_eq!(github("refs/pull/7/merge"), reference("refs/pull/7/merge", None));
        assert_eq!(github(&format!("refs/heads/main^{{{SHA}}}")), reference("refs/heads/main", Some(SHA)));
        assert_eq!(github(&format!("main^{{{SHA}}}")), Some(Version::Commit(SHA.into())));
    }

    #[test]
    fn what_would_be_something_else_to_git() {
        for bad in [
            "-x",
            "+refs/heads/a",
            "a:b",
            "a b",
            "a..b",
            "refs/heads/*",
            "a@{1}",
            "/a",
            "a//b",
            "a.lock",
            "pr/x",
            "pr/",
            "a^{b}",
            "main^{aaaa",
            "a~1",
            "a\\b",
            ".git",
            "a\nb",
        ] {
            assert_eq!(github(bad), None, "{bad}");
        }
    }
}
