//! Git's packet lines: four hex digits of length, which count themselves, and the payload.
//! Source: gitprotocol-common(5), "pkt-line Format".

/// The longest payload of one packet.
pub const MAX_PAYLOAD: usize = 65_516;
/// The longest payload of a side-band packet, one byte of which names the band.
pub const MAX_BAND_PAYLOAD: usize = MAX_PAYLOAD - 1;
/// The flush packet.
pub const FLUSH: &[u8] = b"0000";

const LENGTH_DIGITS: usize = 4;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Line(&'a [u8]),
    Flush,
    /// `0001`, protocol v2.
    Delimiter,
    /// `0002`, protocol v2.
    ResponseEnd,
}

/// Bytes that are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("protocol error: bad line length character")]
    Digits,
    #[error("protocol error: bad line length {0}")]
    Length(usize),
}

/// The channels of `side-band-64k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    Data = 1,
    /// Shown to the user as `remote: …`.
    Progress = 2,
}

/// Reads the packet that `bytes` begin with, and how long it is with its length.
/// `None`: the packet goes on beyond `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some(digits) = bytes.get(..LENGTH_DIGITS) else { return Ok(None) };
    let length = digits.iter().try_fold(0_usize, |length, &digit| {
        let value = char::from(digit).to_digit(16).ok_or(Malformed::Digits)?;
        Ok(length * 16 + value as usize)
    })?;
    match length {
        0 => Ok(Some((Packet::Flush, LENGTH_DIGITS))),
        1 => Ok(Some((Packet::Delimiter, LENGTH_DIGITS))),
        2 => Ok(Some((Packet::ResponseEnd, LENGTH_DIGITS))),
        3 => Err(Malformed::Length(length)),
        _ if length > MAX_PAYLOAD + LENGTH_DIGITS => Err(Malformed::Length(length)),
        _ => Ok(bytes.get(LENGTH_DIGITS..length).map(|payload| (Packet::Line(payload), length))),
    }
}

/// Appends a packet. A payload beyond [`MAX_PAYLOAD`] is cut: only texts of ours come here, none of that length.
pub fn write_line(out: &mut Vec<u8>, payload: &[u8]) {
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    out.extend_from_slice(format!("{:04x}", payload.len() + LENGTH_DIGITS).as_bytes());
    out.extend_from_slice(payload);
}

/// Appends as many side-band packets as the payload needs.
pub fn write_band(out: &mut Vec<u8>, band: Band, payload: &[u8]) {
    for part in payload.chunks(MAX_BAND_PAYLOAD) {
        out.extend_from_slice(format!("{:04x}", part.len() + 1 + LENGTH_DIGITS).as_bytes());
        out.push(band as u8);
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(parse(b"0000rest"), Ok(Some((Packet::Flush, 4))));
        assert_eq!(parse(b"0001"), Ok(Some((Packet::Delimiter, 4))));
        assert_eq!(parse(b"0002"), Ok(Some((Packet::ResponseEnd, 4))));
        assert_eq!(parse(b"0006a\nmore"), Ok(Some((Packet::Line(b"a\n"), 6))));
        assert_eq!(parse(b"0004"), Ok(Some((Packet::Line(b""), 4))));
        assert_eq!(parse(b"000"), Ok(None));
        assert_eq!(parse(b"0006a"), Ok(None));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(parse(b"PACK"), Err(Malformed::Digits));
        assert_eq!(parse(b"+006"), Err(Malformed::Digits));
        assert_eq!(parse(b"0003"), Err(Malformed::Length(3)));
        assert_eq!(parse(b"fff1"), Err(Malformed::Length(0xfff1)));
    }

    #[test]
    fn a_long_report_is_split_into_bands() {
        let mut out = Vec::new();
        write_band(&mut out, Band::Progress, &vec![b'x'; MAX_BAND_PAYLOAD + 1]);
        let (first, length) = parse(&out).unwrap().unwrap();
        assert!(matches!(first, Packet::Line(line) if line.len() == MAX_PAYLOAD && line[0] == 2));
        assert_eq!(parse(&out[length..]), Ok(Some((Packet::Line(b"\x02x"), 6))));
    }

    proptest! {
        #[test]
        fn lines_come_back(payload in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut out = Vec::new();
            write_line(&mut out, &payload);
            prop_assert_eq!(parse(&out), Ok(Some((Packet::Line(&payload), out.len()))));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
