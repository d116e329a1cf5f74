//! Documents of success, where the encoder writes them otherwise than S3: it leaves the namespace out where a document
//! is one member of the output, such as a setting of a bucket, and puts every ETag into quotes.

use aws::http::{self as wire, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use quick_xml::escape::unescape;

use crate::error::Error;
use crate::service::SERVICE;

/// Their bodies, or what describes them, are objects: those may be XML, too, and pass as they are.
const OF_OBJECTS: [&str; 2] = ["GetObject", "HeadObject"];

/// Writes a document as S3 does. `operation` is that of the request.
pub async fn as_s3_writes(response: Response, operation: Option<&str>) -> Result<Response, Error> {
    let is_document = response.status() == StatusCode::OK
        && is_xml(response.headers())
        && operation.is_some_and(|operation| !OF_OBJECTS.contains(&operation));
    if !is_document {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let document = body.collect().await.map_err(Error::internal)?.to_bytes();
    let mut text = String::from_utf8(document.into()).map_err(Error::internal)?;
    if operation == Some("GetObjectAttributes") {
        text = without_quotes(&text).unwrap_or(text);
    }
    text = with_namespace(&text).unwrap_or(text);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, wire::full(text)))
}

fn is_xml(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/xml"))
}

/// The document with a namespace at its root; `None` where it has one, or no root.
fn with_namespace(document: &str) -> Option<String> {
    let root = document.match_indices('<').map(|(at, _)| at).find(|at| {
        document.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()))
    })?;
    let (before, from_root) = document.split_at(root);
    let (tag, _) = from_root.split_once('>')?;
    if tag.contains("xmlns=") {
        return None;
    }
    let name = tag.split([' ', '/']).next()?;
    let rest = from_root.get(name.len()..)?;
    Some(format!("{before}{name} xmlns=\"{}\"{rest}", SERVICE.xml_namespace))
}

/// The document with a plain ETag, as this one operation shows it; `None` where it has none.
fn without_quotes(document: &str) -> Option<String> {
    let (before, rest) = document.split_once("<ETag>")?;
    let (etag, after) = rest.split_once("</ETag>")?;
    let plain = unescape(etag).ok()?.trim_matches('"').to_owned();
    Some(format!("{before}<ETag>{plain}</ETag>{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

    #[test]
    fn the_root_is_put_into_the_namespace() {
        let named = with_namespace("<?xml version=\"1.0\"?><Tagging><TagSet/></Tagging>").unwrap();
        assert_eq!(named, format!("<?xml version=\"1.0\"?><Tagging {NAMESPACE}><TagSet/></Tagging>"));
        assert_eq!(with_namespace("<Empty/>").unwrap(), format!("<Empty {NAMESPACE}/>"));
        let named = with_namespace("<A xmlns:xsi=\"x\"></A>").unwrap();
        assert_eq!(named, format!("<A {NAMESPACE} xmlns:xsi=\"x\"></A>"));
    }

    #[test]
    fn a_root_with_a_namespace_is_left_alone() {
        assert_eq!(with_namespace(&format!("<Tagging {NAMESPACE}/>")), None);
        assert_eq!(with_namespace("no document"), None);
    }

    #[test]
    fn an_etag_stands_without_quotes_where_s3_has_none() {
        let plain = without_quotes("<A><ETag>&quot;abc-2&quot;</ETag><B/></A>").unwrap();
        assert_eq!(plain, "<A><ETag>abc-2</ETag><B/></A>");
        assert_eq!(without_quotes("<A/>"), None);
    }
}
