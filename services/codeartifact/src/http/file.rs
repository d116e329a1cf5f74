//! Assets as files: whole, in part, or only what is known of them.

use std::ops::Range;

use aws::http::{Response, empty};
use http::{Method, StatusCode, header};

use super::Call;
use super::answer::{Refusal, matches, set, typed};
use crate::content;
use crate::records::Asset;

/// What a file of this content never stops to be.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// Sends an asset, or the part of it that is asked for. Its fingerprint is the hash of its bytes.
pub async fn send(call: &Call<'_>, asset: &Asset, media_type: &str) -> Result<Response, Refusal> {
    let tag = format!("\"{}\"", asset.blob);
    if call.header(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &tag)) {
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut response, header::ETAG, &tag);
        return Ok(response);
    }
    // A part of another state of the file is of no use.
    let is_same = call.header(header::IF_RANGE).is_none_or(|known| known == tag);
    let asked = call.header(header::RANGE).filter(|_| is_same);
    let (status, range) = match asked.map_or(Asked::Whole, |asked| part(asked, asset.size)) {
        Asked::Whole => (StatusCode::OK, 0..asset.size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Beyond => {
            let mut response = typed("text/plain", "The range begins beyond the end of the file.\n");
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", asset.size));
            return Ok(response);
        }
    };
    let length = range.end - range.start;
    let body = if call.parts.method == Method::HEAD {
        empty()
    } else {
        content::send(&call.codeartifact.blobs, asset.blob, range.clone()).await?.body
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, media_type);
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, FOR_EVER);
    if status == StatusCode::PARTIAL_CONTENT {
        let shown = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), asset.size);
        set(&mut response, header::CONTENT_RANGE, &shown);
    }
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Beyond,
}

/// One range of bytes. What is not understood, or more than one, means the whole file. Source: RFC 9110, section 14.
fn part(value: &str, size: u64) -> Asked {
    let Some((from, to)) = value.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let range = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => from..to.saturating_add(1).min(size),
        (Ok(from), Err(_)) if to.trim().is_empty() => from..size,
        (Err(_), Ok(last)) if from.trim().is_empty() => size.saturating_sub(last)..size,
        (Ok(_) | Err(_), Ok(_) | Err(_)) => return Asked::Whole,
    };
    if range.start >= size { Asked::Beyond } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (value, expected) in [
            ("bytes=0-3", Asked::Part(0..4)),
            ("bytes=8-", Asked::Part(8..10)),
            ("bytes=-4", Asked::Part(6..10)),
            ("bytes=-40", Asked::Part(0..10)),
            ("bytes=9-99", Asked::Part(9..10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=3-1", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
        ] {
            assert_eq!(part(value, 10), expected, "{value}");
        }
        assert_eq!(part("bytes=0-", 0), Asked::Beyond);
    }
}
