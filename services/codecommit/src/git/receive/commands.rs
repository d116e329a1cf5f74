//! What a push asks for: the first part of its request.

use bytes::Bytes;
use git2::Oid;

use super::Refused;
use crate::git::pkt_line::{self, Packet};
use crate::git::request_body::RequestBody;

/// AWS's limit. Source: CodeCommit User Guide, "Quotas".
pub const MAX_COMMANDS: usize = 4_000;
/// A reference's name, two object ids, and room to spare, for each command.
const MAX_COMMAND_BYTES: usize = 4 * 1024 * 1024;
/// The longest name of a reference.
pub const MAX_NAME: usize = 1_024;

/// All that a push asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// In the client's order, each reference at most once.
    pub commands: Vec<Command>,
    pub report_status: bool,
    pub side_band: bool,
    pub atomic: bool,
    /// As sent, for the audit record.
    pub capabilities: Vec<String>,
}

/// The change of one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What the client believes the reference to be; `None`: not there.
    pub old: Option<Oid>,
    /// What it shall be; `None`: deleted.
    pub new: Option<Oid>,
    /// The full name, for example `refs/heads/main`. Not checked yet.
    pub name: String,
}

impl Push {
    /// Reads the commands. The pack, where one follows, is left in `body`.
    /// An empty list is no error: git probes with it whether the server is there.
    pub async fn read(body: &mut RequestBody) -> Result<Self, Refused> {
        let mut push = Self::default();
        let (mut pending, mut taken) = (Vec::new(), 0);
        loop {
            let (line, length) = match pkt_line::parse(&pending)? {
                Some((Packet::Flush, length)) => {
                    body.push_back(Bytes::copy_from_slice(&pending[length..]));
                    return Ok(push);
                }
                Some((Packet::Line(line), length)) => (line, length),
                Some((Packet::Delimiter | Packet::ResponseEnd, _)) => {
                    return Err(Refused::Protocol("protocol error: expected old/new/ref".to_owned()));
                }
                None => {
                    let Some(chunk) = body.chunk().await? else {
                        return match pending.is_empty() && push.commands.is_empty() {
                            true => Ok(push),
                            false => Err(crate::git::request_body::BodyError::Truncated.into()),
                        };
                    };
                    pending.extend_from_slice(&chunk);
                    continue;
                }
            };
            taken += length;
            if taken > MAX_COMMAND_BYTES {
                return Err(Refused::TooManyReferences(MAX_COMMANDS));
            }
            push.line(line)?;
            pending.drain(..length);
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Refused> {
        let (command, capabilities) = match line.iter().position(|&byte| byte == 0) {
            Some(end) => (&line[..end], &line[end + 1..]),
            None => (line, &[][..]),
        };
        let command = std::str::from_utf8(command)
            .map_err(|_| Refused::Protocol("a reference's name is not UTF-8".to_owned()))?;
        if command.starts_with("shallow ") {
            // A shallow client says where its history ends. The commits it sends must connect to ours all the
            // same, and the connectivity check tells whether they do.
            return Ok(());
        }
        if self.commands.is_empty() {
            self.capabilities(&String::from_utf8_lossy(capabilities))?;
        }
        let command = Command::parse(command.trim_end_matches('\n'))?;
        if self.commands.len() == MAX_COMMANDS {
            return Err(Refused::TooManyReferences(MAX_COMMANDS));
        }
        self.commands.push(command);
        Ok(())
    }

    fn capabilities(&mut self, capabilities: &str) -> Result<(), Refused> {
        for capability in capabilities.split_whitespace() {
            match capability {
                "report-status" | "report-status-v2" => self.report_status = true,
                "side-band-64k" => self.side_band = true,
                "atomic" => self.atomic = true,
                "push-options" => {
                    return Err(Refused::Protocol("the server does not take push options".to_owned()));
                }
                _ => {
                    if let Some(format) = capability.strip_prefix("object-format=")
                        && format != "sha1"
                    {
                        return Err(Refused::Protocol(format!("object format {format} is not supported")));
                    }
                }
            }
            self.capabilities.push(capability.chars().take(64).collect());
        }
        Ok(())
    }

    /// Whether objects follow: git sends none when it only deletes.
    pub fn brings_objects(&self) -> bool {
        self.commands.iter().any(|command| command.new.is_some())
    }
}

impl Command {
    fn parse(line: &str) -> Result<Self, Refused> {
        let malformed = || Refused::Protocol("protocol error: expected old/new/ref".to_owned());
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().ok_or_else(malformed);
        let (old, new, name) = (part()?, part()?, part()?);
        let id = |text: &str| match text.len() {
            40 => text.parse::<Oid>().map_err(|_| malformed()),
            _ => Err(malformed()),
        };
        if name.len() > MAX_NAME {
            return Err(Refused::Protocol(format!("a reference's name is longer than {MAX_NAME} bytes")));
        }
        let present = |id: Oid| (!id.is_zero()).then_some(id);
        Ok(Self { old: present(id(old)?), new: present(id(new)?), name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const ONE: &str = "1111111111111111111111111111111111111111";

    fn request(lines: &[String], rest: &[u8]) -> RequestBody {
        let mut bytes = Vec::new();
        for line in lines {
            pkt_line::write_line(&mut bytes, line.as_bytes());
        }
        bytes.extend_from_slice(pkt_line::FLUSH);
        bytes.extend_from_slice(rest);
        RequestBody::new(aws::http::full(bytes), false)
    }

    #[tokio::test]
    async fn commands_are_read_and_the_pack_is_left() {
        let lines = [
            format!("shallow {ONE}"),
            format!("{ZERO} {ONE} refs/heads/main\0 report-status side-band-64k atomic agent=git/2.39\n"),
            format!("{ONE} {ZERO} refs/heads/old"),
        ];
        let mut body = request(&lines, b"PACKrest");
        let push = Push::read(&mut body).await.unwrap();
        assert!(push.report_status && push.side_band && push.atomic && push.brings_objects());
        assert_eq!(push.commands[0].old, None);
        assert_eq!(push.commands[0].name, "refs/heads/main");
        assert_eq!(push.commands[1].new, None);
        assert_eq!(body.chunk().await.unwrap().unwrap(), "PACKrest");
    }

    #[tokio::test]
    async fn a_probe_asks_for_nothing() {
        assert_eq!(Push::read(&mut request(&[], b"")).await.unwrap(), Push::default());
        let mut nothing = RequestBody::new(aws::http::empty(), false);
        assert_eq!(Push::read(&mut nothing).await.unwrap(), Push::default());
    }

    #[tokio::test]
    async fn what_is_no_push_is_refused() {
        for line in [
            "hello".to_owned(),
            format!("{ZERO} {ONE}"),
            format!("{ZERO} 1111 refs/heads/main"),
            format!("{ZERO} {ONE} refs/heads/main\0object-format=sha256"),
            format!("{ZERO} {ONE} refs/heads/{}", "x".repeat(MAX_NAME)),
        ] {
            assert!(matches!(Push::read(&mut request(&[line], b"")).await, Err(Refused::Protocol(_))));
        }
        let mut cut = RequestBody::new(aws::http::full(format!("0099{ZERO} ")), false);
        assert!(matches!(Push::read(&mut cut).await, Err(Refused::Body(_))));
        let mut text = RequestBody::new(aws::http::full("GET / HTTP/1.1"), false);
        assert!(matches!(Push::read(&mut text).await, Err(Refused::Malformed(_))));
    }

    #[tokio::test]
    async fn the_number_of_references_is_bounded() {
        let lines: Vec<_> = (0..=MAX_COMMANDS).map(|n| format!("{ZERO} {ONE} refs/heads/b{n}")).collect();
        assert!(matches!(Push::read(&mut request(&lines, b"")).await, Err(Refused::TooManyReferences(_))));
        assert!(Push::read(&mut request(&lines[1..], b"")).await.is_ok());
    }
}
