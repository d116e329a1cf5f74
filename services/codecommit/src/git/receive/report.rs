//! What the client is told of its push.

use super::commands::Push;
use crate::git::pkt_line::{Band, FLUSH, write_band, write_line};

/// The fate of each command, in the order of [`Push::commands`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `Err` with the reason where the objects were not taken.
    pub unpack: Result<(), String>,
    /// `Err` with the reason where a reference was not changed.
    pub commands: Vec<Result<(), String>>,
    /// For the user, shown as `remote: …`.
    pub messages: Vec<String>,
}

impl Report {
    /// All commands refused, as the objects were not taken.
    pub fn not_unpacked(push: &Push, reason: String) -> Self {
        let commands = push.commands.iter().map(|_| Err("unpacker error".to_owned())).collect();
        Self { unpack: Err(reason), commands, messages: Vec::new() }
    }

    /// The body of the answer. Without `report-status` a client is told nothing.
    pub fn encode(&self, push: &Push) -> Vec<u8> {
        let mut answer = Vec::new();
        if push.side_band {
            for message in &self.messages {
                write_band(&mut answer, Band::Progress, format!("{message}\n").as_bytes());
            }
        }
        if push.report_status {
            let status = self.status(push);
            if push.side_band {
                write_band(&mut answer, Band::Data, &status);
            } else {
                answer.extend_from_slice(&status);
            }
        }
        if push.side_band {
            answer.extend_from_slice(FLUSH);
        }
        answer
    }

    fn status(&self, push: &Push) -> Vec<u8> {
        let mut status = Vec::new();
        let unpack = self.unpack.as_ref().err().map_or("ok", |reason| reason.as_str());
        write_line(&mut status, format!("unpack {}\n", one_line(unpack)).as_bytes());
        for (command, outcome) in push.commands.iter().zip(&self.commands) {
            let line = match outcome {
                Ok(()) => format!("ok {}\n", command.name),
                Err(reason) => format!("ng {} {}\n", command.name, one_line(reason)),
            };
            write_line(&mut status, line.as_bytes());
        }
        status.extend_from_slice(FLUSH);
        status
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(512).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;

    fn push(side_band: bool) -> Push {
        let command = |name: &str| Command { old: None, new: None, name: name.to_owned() };
        let commands = vec![command("refs/heads/a"), command("refs/heads/b")];
        Push { commands, report_status: true, side_band, ..Push::default() }
    }

    #[test]
    fn each_reference_is_told_its_fate() {
        let report = Report {
            unpack: Ok(()),
            commands: vec![Ok(()), Err("not\nallowed".to_owned())],
            messages: vec!["hello".to_owned()],
        };
        let plain = b"000eunpack ok\n0014ok refs/heads/a\n0020ng refs/heads/b not allowed\n0000";
        assert_eq!(report.encode(&push(false)), plain);
        let banded = String::from_utf8(report.encode(&push(true))).unwrap();
        assert!(banded.starts_with("000b\u{2}hello\n"));
        assert!(banded.contains("\u{1}000eunpack ok\n"));
        assert!(banded.ends_with("00000000"));
    }

    #[test]
    fn without_objects_nothing_happens() {
        let push = push(false);
        let report = Report::not_unpacked(&push, "early EOF".to_owned()).encode(&push);
        let text = String::from_utf8(report).unwrap();
        assert!(text.contains("unpack early EOF\n"));
        assert_eq!(text.matches(" unpacker error\n").count(), 2);
    }
}
