//! Ranges that S3 passes over: in another unit, several at once, or ending before they begin.
//!
//! The decoder refuses them, and may do so only after it has verified the signature, which can cover the header. So such a
//! request is answered twice: as it came, and if it was understood but for its range, without it.
//! Source: S3 API Reference, GetObject; RFC 9110, "Range".

use aws::http::Request;
use http::{HeaderMap, Method, header, request::Parts};
use s3s::dto::Range;

/// The request, which has no body, without a range that is passed over. None if there is no such range.
pub fn without_an_unusable_one(request: &Request) -> Option<Parts> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || !has_an_unusable_one(request.headers()) {
        return None;
    }
    let mut again =
        http::Request::builder().method(request.method()).uri(request.uri()).version(request.version());
    again.headers_mut()?.extend(request.headers().clone());
    let (mut parts, ()) = again.body(()).ok()?.into_parts();
    parts.headers.remove(header::RANGE);
    Some(parts)
}

fn has_an_unusable_one(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let is_usable = |range: &http::HeaderValue| range.to_str().is_ok_and(|text| Range::parse(text).is_ok());
    match (ranges.next(), ranges.next()) {
        (Some(range), None) => !is_usable(range),
        (Some(_), Some(_)) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: Method, ranges: &[&str]) -> Option<Parts> {
        let mut request =
            http::Request::builder().method(method).uri("/b/k?versionId=1").header("x-kept", "a");
        for range in ranges {
            request = request.header(header::RANGE, *range);
        }
        without_an_unusable_one(&request.body(aws::http::empty()).unwrap())
    }

    #[test]
    fn only_what_the_decoder_would_refuse_is_passed_over() {
        for ranges in [
            &["bytes=0-1,4-5"][..],
            &["lines=0-1"],
            &["bytes=5-2"],
            &["bytes=a"],
            &["bytes=0-1", "bytes=3-"],
            &[""],
        ] {
            let parts = parts(Method::GET, ranges).unwrap();
            assert_eq!(
                (parts.uri.to_string().as_str(), parts.headers.len()),
                ("/b/k?versionId=1", 1),
                "{ranges:?}"
            );
        }
        for ranges in [&["bytes=0-1"][..], &["bytes=-5"], &["bytes=10-"], &[]] {
            assert!(parts(Method::HEAD, ranges).is_none(), "{ranges:?}");
        }
        assert!(parts(Method::PUT, &["bytes=5-2"]).is_none());
    }
}
