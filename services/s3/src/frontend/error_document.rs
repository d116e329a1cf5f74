//! Errors on the wire.

use aws::http::{self as wire, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use quick_xml::escape::{escape, unescape};

use super::exchange::Exchange;
use crate::error::Error;

/// In bytes. The decoder's own error documents are short; anything longer is an object.
const LARGEST_DOCUMENT: usize = 64 * 1024;

/// The response of an error.
pub fn response(error: &Error, exchange: &Exchange) -> Response {
    error.log();
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(if status == StatusCode::NOT_MODIFIED {
        wire::empty()
    } else {
        wire::full(document(error, exchange))
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(error.headers());
    if status != StatusCode::NOT_MODIFIED {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    response.extensions_mut().insert(error.clone());
    response
}

/// Puts an error response into S3's words: that of a handler with all that its document holds, that of the
/// decoder with S3's message in place of its own. Other responses pass.
pub async fn in_s3s_words(response: Response, exchange: &Exchange) -> Response {
    if let Some(error) = exchange.take_error() {
        return self::response(&error, exchange);
    }
    let is_document = is_xml(response.headers());
    if response.status().as_u16() < 400 || !is_document {
        return response;
    }
    let (parts, body) = response.into_parts();
    let error = match whole(body).await {
        Ok(document) => match exchange.unheard_operation() {
            Some(operation) if parts.status == StatusCode::NOT_IMPLEMENTED => {
                Error::NotImplemented(format!("{operation} of S3 is not built yet."))
            }
            // The decoder fails so only where it cannot read a body to its end.
            Some(_) if parts.status == StatusCode::INTERNAL_SERVER_ERROR => exchange.unreadable_body(),
            Some(_) | None => decoded(&document, parts.status.as_u16()),
        },
        Err(error) => error,
    };
    self::response(&error, exchange)
}

async fn whole(mut body: wire::Body) -> Result<Bytes, Error> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(Error::internal)?.into_data() {
            document.extend_from_slice(&data);
        }
        if document.len() > LARGEST_DOCUMENT {
            return Err(Error::internal("an error document has no end"));
        }
    }
    Ok(document.freeze())
}

fn document(error: &Error, exchange: &Exchange) -> String {
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    let mut element = |name: &str, value: &str| {
        let text: String = value.chars().map(|c| if is_xml_character(c) { c } else { '\u{fffd}' }).collect();
        document.push_str(&format!("<{name}>{}</{name}>", escape(text)));
    };
    element("Code", error.code());
    element("Message", &error.to_string());
    for (name, value) in error.elements() {
        element(name, &value);
    }
    element("RequestId", &exchange.request_id());
    element("HostId", &exchange.host_id());
    document.push_str("</Error>");
    document
}

fn is_xml(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/xml"))
}

/// The characters that XML 1.0 can hold.
fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The decoder's error, with S3's wording where the decoder has its own.
fn decoded(document: &[u8], status: u16) -> Error {
    let (code, message) = code_and_message(document);
    if status >= 500 && status != 501 {
        return Error::internal(format!("{code}: {message}"));
    }
    if code == "InvalidPolicyDocument" && message.starts_with("Policy condition") {
        // The document of a form is fine; the form does not keep to it.
        return Error::AccessDenied("Invalid according to Policy: Policy Condition failed".to_owned());
    }
    let message = wording(&code).map_or(message, str::to_owned);
    let status = match code.as_str() {
        // The decoder answers these with other statuses than S3.
        "SignatureDoesNotMatch" | "AccessDenied" | "RequestTimeTooSkewed" => 403,
        _ => status,
    };
    Error::Undecodable { code, status, message }
}

/// S3's message for a code, where it is always the same.
fn wording(code: &str) -> Option<&'static str> {
    Some(match code {
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method."
        }
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the current time is too large."
        }
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request Body is empty",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "EntityTooLarge" => "Your proposed upload exceeds the maximum allowed size",
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        _ => return None,
    })
}

fn code_and_message(document: &[u8]) -> (String, String) {
    let document = String::from_utf8_lossy(document);
    let text = |name: &str| {
        let (_, rest) = document.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        unescape(text).ok().map(std::borrow::Cow::into_owned)
    };
    (text("Code").unwrap_or_default(), text("Message").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoders_errors_get_s3s_words() {
        let document = b"<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code></Error>";
        let error = decoded(document, 403);
        assert_eq!(error.code(), "SignatureDoesNotMatch");
        assert!(error.to_string().starts_with("The request signature we calculated"), "{error}");
        let document = b"<Error><Code>InvalidRequest</Code><Message>what it says</Message></Error>";
        let error = decoded(document, 400);
        assert_eq!((error.code(), error.to_string().as_str()), ("InvalidRequest", "what it says"));
        assert_eq!(decoded(b"garbage", 500).code(), "InternalError");
        let document = b"<Error><Code>InvalidPolicyDocument</Code><Message>Policy condition 'eq' failed</Message></Error>";
        assert_eq!((decoded(document, 400).code(), decoded(document, 400).status()), ("AccessDenied", 403));
    }
}
