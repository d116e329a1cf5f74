//! The variable `${filename}` in the form of a browser: the name of the file that is sent with it.
//!
//! The decoder does not know it. What comes before the file is held, filled in, and goes on with the rest of the body.
//! Source: S3 API Reference, "Creating an HTML form", which says that all fields know the variable, and that of a path only
//! what follows the last slash or backslash counts.

use aws::http::{Body, Request};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, StreamBody};

use super::LARGEST_FORM_FIELDS;

const VARIABLE: &[u8] = b"${filename}";
/// What may come before the file is looked through so far: all fields, and room for the lines around them.
const LARGEST_HEAD: usize = 2 * LARGEST_FORM_FIELDS;
const STEP: usize = 1024;
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// The request with its variable filled in; any other as it is.
pub async fn filled_in(request: Request) -> Request {
    let Some(delimiter) = delimiter(request.method(), request.headers()) else { return request };
    let (mut parts, mut body) = request.into_parts();
    let mut head = BytesMut::new();
    let (mut broken, mut look_at, mut is_over) = (None, 0, false);
    let file_name = loop {
        match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => head.extend_from_slice(&data),
                Err(_) => is_over = true,
            },
            Some(Err(error)) => (broken, is_over) = (Some(error), true),
            None => is_over = true,
        }
        if is_over || head.len() >= look_at {
            // A body that comes byte by byte is not looked through as often.
            look_at = head.len() + STEP;
            match look_for_file(&head, &delimiter) {
                Look::Found(name) => break Some(name),
                Look::Nothing => break None,
                Look::More if is_over || head.len() > LARGEST_HEAD => break None,
                Look::More => {}
            }
        }
    };
    let head = head.freeze();
    let filled = match file_name {
        Some(FileName { name, header_at }) => fill_in(&head, header_at, &name),
        None => head.clone(),
    };
    let length = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if let Some(length) = length.and_then(|length| (length + filled.len()).checked_sub(head.len())) {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let first = stream::iter([Ok(Frame::data(filled))]);
    let body: Body = match broken {
        Some(error) => StreamBody::new(first.chain(stream::iter([Err(error)]))).boxed_unsync(),
        None => StreamBody::new(first.chain(BodyStream::new(body))).boxed_unsync(),
    };
    Request::from_parts(parts, body)
}

/// What parts the fields of a form, if the request is one.
fn delimiter(method: &Method, headers: &HeaderMap) -> Option<Vec<u8>> {
    let content_type =
        headers.get(header::CONTENT_TYPE)?.to_str().ok().filter(|_| *method == Method::POST)?;
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parts
        .find_map(|part| part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("boundary")))?
        .1;
    Some([b"--", boundary.trim_matches('"').as_bytes()].concat())
}

enum Look {
    Found(FileName),
    /// It has not come yet.
    More,
    /// There is no form, or no file in it.
    Nothing,
}

struct FileName {
    name: Vec<u8>,
    /// Where the file's own part begins, which stays as it is.
    header_at: usize,
}

fn look_for_file(head: &[u8], delimiter: &[u8]) -> Look {
    let mut at = 0;
    loop {
        let Some(begin) = find(&head[at..], delimiter).map(|found| at + found) else { return Look::More };
        let header_at = begin + delimiter.len();
        if head[header_at..].starts_with(b"--") {
            return Look::Nothing;
        }
        let Some(end) = find(&head[header_at..], BLANK_LINE).map(|found| header_at + found) else {
            return Look::More;
        };
        let header = &head[header_at..end];
        if parameter(header, b"name").is_some_and(|name| name.eq_ignore_ascii_case(b"file")) {
            let name = parameter(header, b"filename").unwrap_or_default();
            let base = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
            return Look::Found(FileName { name: base.to_vec(), header_at });
        }
        at = end + BLANK_LINE.len();
    }
}

/// `name="value"` in the header of a part.
fn parameter<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        let found = at + find(&header[at..], name)?;
        let begin = found + name.len();
        let is_whole = found > 0 && matches!(header[found - 1], b' ' | b';' | b'\t');
        if is_whole && let Some(value) = header[begin..].strip_prefix(b"=\"") {
            return value.split(|byte| *byte == b'"').next();
        }
        at = begin;
    }
}

fn fill_in(head: &[u8], header_at: usize, name: &[u8]) -> Bytes {
    let mut filled = BytesMut::with_capacity(head.len());
    let mut rest = &head[..header_at];
    while let Some(found) = find(rest, VARIABLE) {
        filled.extend_from_slice(&rest[..found]);
        filled.extend_from_slice(name);
        // Fields are bounded, so that names in place of variables cannot make much of little.
        if filled.len() > LARGEST_HEAD {
            return Bytes::copy_from_slice(head);
        }
        rest = &rest[found + VARIABLE.len()..];
    }
    filled.extend_from_slice(rest);
    filled.extend_from_slice(&head[header_at..]);
    filled.freeze()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(key: &str, file: &str) -> String {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--b\r\nContent-Disposition: form-data; \
             name=\"file\"; filename=\"{file}\"\r\nContent-Type: text/plain\r\n\r\nit says ${{filename}}\r\n--b--\r\n"
        )
    }

    /// The body and its length as told, when it comes in chunks of a size.
    async fn sent(text: &str, chunk: usize) -> (String, String) {
        let chunks: Vec<Result<_, aws::http::BodyError>> = text
            .as_bytes()
            .chunks(chunk)
            .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        let request = http::Request::post("/bucket")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=\"b\"")
            .header(header::CONTENT_LENGTH, text.len())
            .body(StreamBody::new(stream::iter(chunks)).boxed_unsync());
        let (parts, body) = filled_in(request.unwrap()).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let length = parts.headers[header::CONTENT_LENGTH].to_str().unwrap().to_owned();
        (String::from_utf8(body.to_vec()).unwrap(), length)
    }

    #[tokio::test]
    async fn fields_know_the_name_and_the_file_stays() {
        for chunk in [1, 7, 10_000] {
            let (body, length) = sent(&form("up/${filename}.${filename}", "C:\\tmp\\a.txt"), chunk).await;
            assert_eq!(body, form("up/a.txt.a.txt", "C:\\tmp\\a.txt"), "{chunk}");
            assert_eq!(length, body.len().to_string());
        }
    }

    #[tokio::test]
    async fn all_else_stays_as_it_is() {
        let long = format!("--b\r\n\r\n{}", "x".repeat(3 * LARGEST_HEAD));
        for text in [
            &form("plain", "a.txt"),
            "",
            "no form",
            "--b--\r\n",
            "--b\r\nname=\"key\"\r\n\r\n${filename}\r\n--b--",
            &long,
        ] {
            let (body, length) = sent(text, 1000).await;
            assert_eq!((body.as_str(), length), (text, text.len().to_string()));
        }
        let many = form(&"${filename}".repeat(1000), &"n".repeat(1000));
        assert_eq!(sent(&many, 10_000).await.0, many);
    }
}
