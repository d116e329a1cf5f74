//! The canonical form of a request, computed from the bytes received.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Everything but unreserved characters.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, with the slashes of a path kept.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// The path as services other than S3 sign it: dots resolved, slashes joined, then encoded once more.
pub fn path(raw: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let trailing = raw.ends_with('/') && !parts.is_empty();
    let joined = format!("/{}{}", parts.join("/"), if trailing { "/" } else { "" });
    percent_encode(joined.as_bytes(), PATH).to_string()
}

/// Parameters encoded and sorted; the signature itself left out.
pub fn query(raw: &str) -> String {
    query_without(raw, None)
}

/// [`query`] with one more parameter left out, which a client added after signing.
pub fn query_without(raw: &str, omitted: Option<&str>) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature" && Some(*name) != omitted)
        .map(|(name, value)| (encoded_again(name), encoded_again(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The headers named, in order, each with its line end; a header that is not there has an empty value. `host` stands in
/// for a missing `Host`, which HTTP/2 does without.
pub fn headers(map: &HeaderMap, signed: &[&str], host: Option<&str>) -> String {
    let mut out = String::with_capacity(256);
    for name in signed {
        out.push_str(name);
        out.push(':');
        let mut values = map.get_all(*name).iter().peekable();
        if values.peek().is_none() && *name == "host" {
            out.push_str(host.unwrap_or_default());
        }
        for (nth, value) in values.enumerate() {
            if nth > 0 {
                out.push(',');
            }
            collapse(&String::from_utf8_lossy(value.as_bytes()), &mut out);
        }
        out.push('\n');
    }
    out
}

/// Decoded and encoded in the one canonical way.
fn encoded_again(text: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    percent_encode(&decoded, STRICT).to_string()
}

/// Appends a value trimmed, and with runs of blanks made one.
fn collapse(value: &str, out: &mut String) {
    for (nth, word) in value.split_ascii_whitespace().enumerate() {
        if nth > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_and_encoded_twice() {
        assert_eq!(path("/"), "/");
        assert_eq!(path("/a/./b/../c/"), "/a/c/");
        assert_eq!(path("//a//b"), "/a/b");
        assert_eq!(path("/v1/a%20b"), "/v1/a%2520b");
    }

    #[test]
    fn queries_are_sorted_without_the_signature() {
        assert_eq!(query("b=2&a=x%20y&X-Amz-Signature=dead&a&c=%7e"), "a=&a=x%20y&b=2&c=~");
    }

    #[test]
    fn header_blanks_collapse_and_repeats_join() {
        let mut map = HeaderMap::new();
        map.append("x-amz-meta", "  a   b ".parse().unwrap());
        map.append("x-amz-meta", "c".parse().unwrap());
        assert_eq!(headers(&map, &["x-amz-meta", "absent"], None), "x-amz-meta:a b,c\nabsent:\n");
    }

    #[test]
    fn an_authority_stands_in_for_a_missing_host_only() {
        let mut map = HeaderMap::new();
        assert_eq!(headers(&map, &["host"], Some("authority")), "host:authority\n");
        map.append("host", "named".parse().unwrap());
        assert_eq!(headers(&map, &["host"], Some("authority")), "host:named\n");
    }
}
