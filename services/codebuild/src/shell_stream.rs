//! What a shell's server says to its client once their connection is upgraded: what the shell prints, and how it ended. What
//! the client says is typed at the shell as it is.
//!
//! A piece has a byte that tells what it is, its length in two bytes, the higher one first, and so many bytes. Pieces of other
//! kinds than these two are passed over.
//!
//! | kind | bytes |
//! |---|---|
//! | 0 | what the shell prints, cut anywhere |
//! | 1 | one, the shell's exit code; nothing follows |
//!
//! Without a piece of kind 1 nobody knows how the shell has ended: its environment or the connection is gone.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// What the connection is upgraded to.
pub const PROTOCOL: &str = "stagewright-terminal-2";

/// Of a piece, before its bytes.
pub const HEAD_BYTES: usize = 3;
const OUTPUT: u8 = 0;
const EXIT: u8 = 1;

/// What a client hears.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// So many bytes of output stand at the beginning of the buffer.
    Output(usize),
    Exit(u8),
    /// The stream is over, and nobody has said how the shell ended.
    Lost,
}

/// The head of a piece of output; `length` is at most 65535.
pub(crate) fn head_of_output(length: usize) -> [u8; HEAD_BYTES] {
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [OUTPUT, high, low]
}

/// The last piece.
pub(crate) fn exit(code: u8) -> [u8; HEAD_BYTES + 1] {
    [EXIT, 0, 1, code]
}

/// The next thing that is said. Must not be dropped while it waits.
pub async fn next(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Said> {
    loop {
        let mut head = [0; HEAD_BYTES];
        if !read_whole(stream, &mut head).await? {
            return Ok(Said::Lost);
        }
        let [kind, high, low] = head;
        buffer.resize(usize::from(u16::from_be_bytes([high, low])), 0);
        if !read_whole(stream, buffer).await? {
            return Ok(Said::Lost);
        }
        match (kind, buffer.first()) {
            (OUTPUT, _) => return Ok(Said::Output(buffer.len())),
            (EXIT, Some(&code)) => return Ok(Said::Exit(code)),
            _ => {}
        }
    }
}

/// False if the stream ends before.
async fn read_whole(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> io::Result<bool> {
    match stream.read_exact(bytes).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(mut stream: &[u8]) -> Vec<(Said, Vec<u8>)> {
        let (mut heard, mut buffer) = (vec![], vec![]);
        loop {
            let said = next(&mut stream, &mut buffer).await.unwrap();
            let is_last = !matches!(said, Said::Output(_));
            heard.push((said, std::mem::take(&mut buffer)));
            if is_last {
                return heard;
            }
        }
    }

    #[tokio::test]
    async fn output_and_the_exit_code_are_told_apart() {
        let mut stream = [&head_of_output(2)[..], b"hi", &[9, 0, 1, 7], &exit(3)].concat();
        let output = (Said::Output(2), b"hi".to_vec());
        assert_eq!(heard(&stream).await, [(Said::Output(2), b"hi".to_vec()), (Said::Exit(3), vec![3])]);
        stream.truncate(stream.len() - 1);
        let told = heard(&stream).await;
        assert_eq!((&told[0], &told[1].0), (&output, &Said::Lost));
    }
}
