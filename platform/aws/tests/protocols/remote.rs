//! Requests as the remote client writes them, and how it reads answers and errors.

use aws::operation::{ErrorShape, Operation, Protocol, Service, ValidationStyle};
use aws::remote::{decode_error, decode_output, encode};
use aws::shape::prelude::*;
use aws::{Credentials, Remote, Secret};
use bytes::Bytes;
use http::response::Parts;

use crate::query::{Paint, SERVICE as QUERY};
use crate::shapes::*;

const fn service(protocol: Protocol) -> Service {
    Service {
        id: "Lists",
        prefix: "lists",
        signing_name: "lists",
        protocol,
        target_prefix: "Lists_20200108",
        api_version: "2020-01-08",
        xml_namespace: "",
        validation: ValidationStyle { code: "ValidationException", shows_values: true },
        operations: &["GetList"],
        errors: &[ErrorShape { shape: "NoSuchList", code: "NoSuchList", status: 404 }],
    }
}
static JSON: Service = service(Protocol::Json11);
static REST: Service = service(Protocol::RestJson);

aws::structure! { GET_LIST: GetList = Structure "GetList" {
    name: String = "name" STRING required() at(Location::Uri);
    page: Option<i32> = "page" INTEGER at(Location::Query);
    agent: Option<String> = "agent" STRING wire("X-Agent") at(Location::Header);
    body: Option<String> = "body" STRING;
} }
aws::structure! { GET_LIST_OUTPUT: GetListOutput = Structure "GetListOutput" {
    etag: Option<String> = "etag" STRING wire("ETag") at(Location::Header);
    status: Option<i32> = "status" INTEGER at(Location::StatusCode);
    items: Option<Vec<String>> = "items" STRINGS;
} }
aws::operation! { GetList = REST "GetList" {
    input GET_LIST; output GetListOutput GET_LIST_OUTPUT;
    http "GET" "/lists/{name}?full" 200; errors ["NoSuchList",];
} }

fn answer(status: u16, headers: &[(&str, &str)]) -> Parts {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap().into_parts().0
}

#[test]
fn each_protocol_has_its_request() {
    let input = GetList { name: "a b".to_owned(), page: Some(2), agent: text("x"), body: None };
    let rest = encode(&REST, GetList::MODEL, &input).unwrap();
    assert_eq!((rest.method, rest.target.as_str()), ("GET", "/lists/a%20b?full&page=2"));
    assert_eq!(
        rest.headers,
        [("X-Agent", "x"), ("content-type", "application/json")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(rest.body, "{}");
    let json = encode(&JSON, GetList::MODEL, &input).unwrap();
    assert_eq!((json.method, json.target.as_str()), ("POST", "/"));
    assert!(json.headers.contains(&("x-amz-target".to_owned(), "Lists_20200108.GetList".to_owned())));
    let query = encode(&QUERY, Paint::MODEL, &Paint { token: text("t"), ..Paint::default() }).unwrap();
    assert_eq!(query.body, "Action=Paint&Version=2020-01-08&token=t");
    let nameless = encode(&REST, GetList::MODEL, &GetList::default()).unwrap_err();
    assert_eq!(nameless.code, "ValidationException");
}

#[test]
fn answers_are_read_from_headers_status_and_body() {
    let parts = answer(206, &[("etag", "\"e\"")]);
    let output = decode_output::<GetList>(&parts, &Bytes::from_static(br#"{"items":["a"]}"#)).unwrap();
    assert_eq!(output, GetListOutput { etag: text("\"e\""), status: Some(206), items: strings(&["a"]) });
    let body = "<PaintResponse><PaintResult><items><item>i</item></items></PaintResult></PaintResponse>";
    let output = decode_output::<Paint>(&answer(200, &[]), &Bytes::from(body)).unwrap();
    assert_eq!(output.items, strings(&["i"]));
    assert!(decode_output::<Paint>(&answer(200, &[]), &Bytes::new()).is_err());
}

#[test]
fn errors_are_read_as_clients_read_them() {
    let json = |headers: &[(&str, &str)], body: &'static str| {
        let error = decode_error(&JSON, &answer(400, headers), &Bytes::from_static(body.as_bytes()));
        (error.code.into_owned(), error.message)
    };
    let foo = |message: &str| ("FooError".to_owned(), message.to_owned());
    assert_eq!(json(&[], r#"{"__type":"FooError","message":"m"}"#), foo("m"));
    assert_eq!(json(&[], r#"{"__type":"ns.x#FooError:http://internal","Message":"M"}"#), foo("M"));
    assert_eq!(json(&[], r#"{"code":"ns#FooError","errorMessage":"e"}"#), foo("e"));
    assert_eq!(json(&[("x-amzn-errortype", "FooError:http://x")], ""), foo(""));
    assert_eq!(json(&[("X-Amzn-Errortype", "FooError")], r#"{"__type":"Other"}"#), foo(""));
    assert_eq!(json(&[], "<html>"), ("400".to_owned(), "<html>".to_owned()));
    let members =
        decode_error(&JSON, &answer(404, &[]), &Bytes::from_static(br#"{"__type":"A","who":{"n":1}}"#));
    assert_eq!((members.status, members.members["who"]["n"].as_i64()), (404, Some(1)));

    let wrapped = "<ErrorResponse><Error><Type>Sender</Type><Code>FooError</Code><Message>m</Message></Error></ErrorResponse>";
    let error = decode_error(&QUERY, &answer(503, &[]), &Bytes::from_static(wrapped.as_bytes()));
    assert_eq!((error.code.as_ref(), error.message.as_str(), error.status), ("FooError", "m", 503));
    let bare =
        decode_error(&QUERY, &answer(403, &[]), &Bytes::from_static(b"<Error><Code>FooError</Code></Error>"));
    assert_eq!(bare.code, "FooError");
    assert_eq!(decode_error(&QUERY, &answer(502, &[]), &Bytes::new()).code, "502");
}

#[test]
fn an_endpoint_is_a_url() {
    let credentials = || Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: Secret::new("s"),
        session_token: None,
        expires_at: None,
    };
    let new = |endpoint: &str| Remote::new(endpoint, "us-east-1".parse().unwrap(), credentials());
    assert!(new("http://127.0.0.1:4000").is_ok());
    assert!(new("http://example.org/base/").is_ok());
    for endpoint in ["", "localhost", "/path", "ftp://example.org", "http://", "http://example.org/?a"] {
        assert!(new(endpoint).is_err(), "{endpoint}");
    }
}
