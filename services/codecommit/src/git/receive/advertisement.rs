//! The references as a push is told of them, before it says what it wants.

use std::collections::BTreeMap;

use git2::Oid;

use crate::git::pkt_line::{FLUSH, write_line};

/// What the server's side of a push understands; see [`super::commands`] and [`super::report`].
const CAPABILITIES: &str = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta \
                            object-format=sha1 agent=stagewright/";

/// The answer to `info/refs?service=git-receive-pack`.
pub fn advertise(references: &BTreeMap<String, Oid>) -> Vec<u8> {
    let mut answer = Vec::new();
    write_line(&mut answer, b"# service=git-receive-pack\n");
    answer.extend_from_slice(FLUSH);
    let capabilities = concat_version(CAPABILITIES);
    let mut capabilities = Some(capabilities.as_str());
    let mut line = |target: Oid, name: &str| {
        let end = capabilities.take().map_or_else(String::new, |capabilities| format!("\0{capabilities}"));
        write_line(&mut answer, format!("{target} {name}{end}\n").as_bytes());
    };
    if references.is_empty() {
        line(Oid::ZERO_SHA1, "capabilities^{}");
    }
    for (name, target) in references {
        line(*target, name);
    }
    answer.extend_from_slice(FLUSH);
    answer
}

fn concat_version(capabilities: &str) -> String {
    format!("{capabilities}{}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_repository_still_tells_its_capabilities() {
        let answer = String::from_utf8(advertise(&BTreeMap::new())).unwrap();
        assert!(answer.starts_with("001f# service=git-receive-pack\n0000"));
        assert!(answer.contains(&format!("{} capabilities^{{}}\0report-status ", "0".repeat(40))));
        assert!(answer.ends_with("\n0000"));
    }

    #[test]
    fn only_the_first_line_tells_them() {
        let target: Oid = "1111111111111111111111111111111111111111".parse().unwrap();
        let references = [("refs/heads/a".to_owned(), target), ("refs/heads/b".to_owned(), target)].into();
        let answer = String::from_utf8(advertise(&references)).unwrap();
        assert_eq!(answer.matches("report-status-v2").count(), 1);
        assert!(answer.contains("003a1111111111111111111111111111111111111111 refs/heads/b\n"));
    }
}
