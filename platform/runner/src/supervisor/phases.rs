//! Which phase follows which, as data in, data out.

use crate::plan::{OnFailure, Phase, Retry};

/// Where a build goes after a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Phase(Phase),
    /// The phases are over and artifacts are to be uploaded.
    UploadArtifacts,
    /// The phases are over and nothing is uploaded.
    Finalizing,
}

/// The transitions of a CodeBuild build: a failure before BUILD ends it, one in BUILD still runs POST_BUILD, and
/// after POST_BUILD artifacts are uploaded in any case. `on-failure` changes them.
/// Source: CodeBuild User Guide, "Build phase transitions".
pub(super) fn after(phase: Phase, succeeded: bool, on_failure: &OnFailure) -> Next {
    let following = match phase {
        Phase::Install => Next::Phase(Phase::PreBuild),
        Phase::PreBuild => Next::Phase(Phase::Build),
        Phase::Build => Next::Phase(Phase::PostBuild),
        Phase::PostBuild => Next::UploadArtifacts,
    };
    if succeeded {
        return following;
    }
    match (on_failure, phase) {
        (OnFailure::Abort, _)
        | (OnFailure::Default | OnFailure::Retry(_), Phase::Install | Phase::PreBuild) => Next::Finalizing,
        (OnFailure::Continue, _)
        | (OnFailure::Default | OnFailure::Retry(_), Phase::Build | Phase::PostBuild) => following,
    }
}

/// Whether a phase that has failed `failures` times, the last time with `message`, runs again.
///
/// A pattern that is no regular expression matches nothing; the buildspec's parser has refused it before.
pub(super) fn retries(on_failure: &OnFailure, failures: u32, message: &str) -> bool {
    match on_failure {
        OnFailure::Default | OnFailure::Abort | OnFailure::Continue => false,
        OnFailure::Retry(Retry { attempts, pattern }) => {
            failures <= *attempts
                && pattern.as_ref().is_none_or(|pattern| {
                    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(message))
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(failing: Option<Phase>, on_failure: &OnFailure) -> Vec<&'static str> {
        let mut passed = vec![];
        let mut next = Next::Phase(Phase::Install);
        loop {
            next = match next {
                Next::Phase(phase) => {
                    passed.push(phase.as_str());
                    after(phase, failing != Some(phase), on_failure)
                }
                Next::UploadArtifacts => return [passed, vec!["UPLOAD_ARTIFACTS"]].concat(),
                Next::Finalizing => return passed,
            };
        }
    }

    #[test]
    fn transitions_without_on_failure() {
        let all = ["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS"];
        assert_eq!(path(None, &OnFailure::Default), all);
        assert_eq!(path(Some(Phase::Install), &OnFailure::Default), ["INSTALL"]);
        assert_eq!(path(Some(Phase::PreBuild), &OnFailure::Default), ["INSTALL", "PRE_BUILD"]);
        assert_eq!(path(Some(Phase::Build), &OnFailure::Default), all);
        assert_eq!(path(Some(Phase::PostBuild), &OnFailure::Default), all);
    }

    #[test]
    fn abort_ends_and_continue_goes_on() {
        assert_eq!(path(Some(Phase::Build), &OnFailure::Abort), ["INSTALL", "PRE_BUILD", "BUILD"]);
        assert_eq!(path(Some(Phase::Install), &OnFailure::Continue).len(), 5);
    }

    #[test]
    fn retry_counts_and_matches() {
        let plain = OnFailure::Retry(Retry { attempts: 2, pattern: None });
        assert!(retries(&plain, 1, "x") && retries(&plain, 2, "x") && !retries(&plain, 3, "x"));
        let matching = OnFailure::Retry(Retry { attempts: 3, pattern: Some("exit status 7".into()) });
        assert!(retries(&matching, 1, "Reason: exit status 7"));
        assert!(!retries(&matching, 1, "Reason: exit status 8"));
        assert!(!retries(&OnFailure::Continue, 1, "x"));
        let broken = OnFailure::Retry(Retry { attempts: 3, pattern: Some("(".into()) });
        assert!(!retries(&broken, 1, "("));
    }
}
