//! Services that are reached by method and path.

use aws::operation::{ErrorShape, Protocol, Service, ValidationStyle};
use aws::shape::prelude::*;
use aws::{Blob, Map};
use bytes::Bytes;
use http::Method;

use crate::platform::{claiming, front_door, output_of, sent};

const fn service(id: &'static str, protocol: Protocol, operations: &'static [&'static str]) -> Service {
    Service {
        id,
        prefix: id,
        signing_name: id,
        protocol,
        target_prefix: "",
        api_version: "2020-01-08",
        xml_namespace: "https://example.com/labels",
        validation: ValidationStyle { code: "ValidationException", shows_values: true },
        operations,
        errors: &[ErrorShape { shape: "NoSuchItem", code: "NoSuchItem", status: 404 }],
    }
}
pub static SHELF: Service =
    service("shelf", Protocol::RestJson, &["GetItem", "PutItem", "ListItems", "DeleteItem"]);
pub static LABELS: Service = service("labels", Protocol::RestXml, &["GetLabel"]);

static ITEM_NAME: Schema = Schema::string("ItemName").min(1).max(5);
static TAGS: Schema = Schema::map("Tags", &STRING, &STRING);

aws::structure! { GET_ITEM: GetItem = Structure "GetItem" {
    shelf: String = "shelf" STRING required() at(Location::Uri);
    name: String = "name" ITEM_NAME required() at(Location::Uri);
    version: Option<i32> = "version" INTEGER at(Location::Query);
} }
aws::structure! { GET_ITEM_OUTPUT: GetItemOutput = Structure "GetItemOutput" {
    etag: String = "etag" STRING required() wire("ETag") at(Location::Header);
    content: Option<Blob> = "content" BLOB at(Location::Payload);
} }
aws::operation! { GetItem = SHELF "GetItem" {
    input GET_ITEM; output GetItemOutput GET_ITEM_OUTPUT; http "GET" "/v1/{shelf}/{name+}" 200; errors ["NoSuchItem",];
} }
aws::structure! { PUT_ITEM: PutItem = Structure "PutItem" {
    shelf: String = "shelf" STRING required() at(Location::Uri);
    tags: Option<Map<String>> = "tags" TAGS;
    weight: Option<i32> = "weight" INTEGER;
} }
aws::structure! { PUT_ITEM_OUTPUT: PutItemOutput = Structure "PutItemOutput" { } }
aws::operation! { PutItem = SHELF "PutItem" {
    input PUT_ITEM; output PutItemOutput PUT_ITEM_OUTPUT; http "PUT" "/v1/{shelf}" 204; errors [];
} }
aws::structure! { LIST_ITEMS: ListItems = Structure "ListItems" {
    shelf: String = "shelf" STRING required() at(Location::Uri);
} }
aws::structure! { LIST_ITEMS_OUTPUT: ListItemsOutput = Structure "ListItemsOutput" { tags: Option<Map<String>> = "tags" TAGS; } }
aws::operation! { ListItems = SHELF "ListItems" {
    input LIST_ITEMS; output ListItemsOutput LIST_ITEMS_OUTPUT; http "GET" "/v1/{shelf}?list" 200; errors [];
} }
aws::structure! { GET_LABEL: GetLabel = Structure "GetLabel" {
    color: Option<String> = "color" STRING wire("Color");
} }
aws::structure! { GET_LABEL_OUTPUT: GetLabelOutput = Structure "GetLabelOutput" { text: String = "text" STRING required() wire("Text"); } }
aws::operation! { GetLabel = LABELS "GetLabel" {
    input GET_LABEL; output GetLabelOutput GET_LABEL_OUTPUT; http "POST" "/2020-01-08/label" 200; errors [];
} }

/// Status, error code header and body of a call.
async fn called(
    signing_name: &str,
    method: Method,
    target: &str,
    body: &'static str,
) -> (u16, String, Bytes) {
    let door = front_door(true);
    let request =
        claiming(signing_name).method(method).uri(target).body(Bytes::from_static(body.as_bytes())).unwrap();
    let (parts, body) = sent(&door, request).await;
    let code = parts.headers.get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
    (parts.status.as_u16(), code.unwrap_or_default(), body)
}

#[tokio::test]
async fn method_and_path_name_the_operation() {
    let (status, code, body) = called("shelf", Method::GET, "/v1/top/a/b?version=2", "").await;
    assert_eq!((status, code.as_str()), (200, ""));
    assert_eq!(body, output_of::<GetItem>().content.unwrap_or_default().0);
    let (status, _, body) = called("shelf", Method::GET, "/v1/top?list", "").await;
    assert_eq!((status, &body[..1]), (200, &b"{"[..]));
    let (status, _, body) = called("shelf", Method::PUT, "/v1/top", "{\"weight\":1}").await;
    assert_eq!((status, body.len()), (204, 0));
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_protocols_words() {
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let outcome = |(status, code, _): (u16, String, Bytes)| (status, code);
    let long = called("shelf", Method::GET, "/v1/top/longer", "").await;
    assert!(
        String::from_utf8_lossy(&long.2).contains("Value 'longer' at 'name' failed to satisfy constraint")
    );
    assert_eq!(outcome(long), refused(400, "ValidationException"));
    let unfit = called("shelf", Method::PUT, "/v1/top", "{\"weight\":\"1\"}").await;
    assert_eq!(outcome(unfit), refused(400, "SerializationException"));
    // An operation of the service is not built, and its path is not known.
    let unbuilt = called("shelf", Method::DELETE, "/v1/top/a", "").await;
    assert_eq!(outcome(unbuilt), refused(501, "NotImplemented"));
    let (status, _, body) = called("labels", Method::GET, "/2020-01-08/label", "").await;
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(status == 400 && text.contains("<Code>InvalidAction</Code>"), "{status} {text}");
}

#[tokio::test]
async fn xml_services_answer_in_xml() {
    let (status, _, body) =
        called("labels", Method::POST, "/2020-01-08/label", "<x><Color>red</Color></x>").await;
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 200, "{text}");
    assert!(text.starts_with("<GetLabelOutput xmlns=\"https://example.com/labels\"><Text>"), "{text}");
    let (status, _, body) = called("labels", Method::POST, "/2020-01-08/label", "<x>").await;
    assert!(
        status == 400 && String::from_utf8_lossy(&body).contains("<Code>MalformedInput</Code>"),
        "{body:?}"
    );
}

#[tokio::test]
async fn without_a_signature_nothing_is_decoded() {
    let door = front_door(false);
    let request =
        claiming("shelf").method(Method::PUT).uri("/v1/top").body(Bytes::from_static(b"{")).unwrap();
    let (parts, _) = sent(&door, request).await;
    assert_eq!(parts.status, 403);
    assert_eq!(parts.headers["x-amzn-errortype"], "InvalidSignatureException");
}
