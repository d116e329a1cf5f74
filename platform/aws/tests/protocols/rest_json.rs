//! restJson1: members in path, query string, headers, status and body.

use aws::protocol::Progress;
use aws::protocol::bindings::uri::{self, Labels, Template};
use aws::protocol::bindings::{self, BodyForm, BoundReader, Incoming, Outgoing};
use aws::shape::prelude::*;
use aws::shape::{ReadError, Shape};
use aws::{Blob, Map, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::shapes::*;

static TIMES: Schema = Schema::list("Times", &TIMESTAMP);
static BOOLEANS: Schema = Schema::list("Booleans", &BOOLEAN);
static SUITS: Schema = Schema::list("Suits", &SUIT);
static STRING_MAP: Schema = Schema::map("StringMap", &STRING, &STRING);
static LIST_MAP: Schema = Schema::map("ListMap", &STRING, &STRINGS);
static EPOCH: Schema = Schema::new("Epoch", Kind::Timestamp).timestamp_format(TimestampFormat::EpochSeconds);

aws::structure! { EVERYWHERE: Everywhere = Structure "Everywhere" {
    label: String = "label" STRING required() at(Location::Uri);
    greedy: Option<String> = "greedy" STRING wire("rest") at(Location::Uri);
    when: Option<Timestamp> = "when" TIMESTAMP at(Location::Uri);
    page: Option<i32> = "page" INTEGER wire("Page") at(Location::Query);
    on: Option<bool> = "on" BOOLEAN at(Location::Query);
    since: Option<Timestamp> = "since" TIMESTAMP at(Location::Query);
    names: Option<Vec<String>> = "names" STRINGS wire("name") at(Location::Query);
    more: Option<Map<Vec<String>>> = "more" LIST_MAP at(Location::Query);
    header: Option<String> = "header" STRING wire("X-Header") at(Location::Header);
    modified: Option<Timestamp> = "modified" TIMESTAMP wire("X-Modified") at(Location::Header);
    epoch: Option<Timestamp> = "epoch" EPOCH wire("X-Epoch") at(Location::Header);
    numbers: Option<Vec<i32>> = "numbers" NUMBERS wire("X-Numbers") at(Location::Header);
    booleans: Option<Vec<bool>> = "booleans" BOOLEANS wire("X-Booleans") at(Location::Header);
    words: Option<Vec<String>> = "words" STRINGS wire("X-Words") at(Location::Header);
    suits: Option<Vec<Suit>> = "suits" SUITS wire("X-Suits") at(Location::Header);
    times: Option<Vec<Timestamp>> = "times" TIMES wire("X-Times") at(Location::Header);
    bytes: Option<Blob> = "bytes" BLOB wire("X-Bytes") at(Location::Header);
    double: Option<f64> = "double" DOUBLE wire("X-Double") at(Location::Header);
    prefixed: Option<Map<String>> = "prefixed" STRING_MAP wire("X-Foo-") at(Location::Headers);
    status: Option<i32> = "status" INTEGER at(Location::StatusCode);
    body: Option<String> = "body" STRING wire("Body");
    nodes: Option<Node> = "nodes" NODE;
} }
aws::structure! { BLOB_PAYLOAD: BlobPayload = Structure "BlobPayload" {
    header: Option<String> = "header" STRING wire("X-Header") at(Location::Header);
    blob: Option<Blob> = "blob" BLOB at(Location::Payload);
} }
aws::structure! { TEXT_PAYLOAD: TextPayload = Structure "TextPayload" {
    text: Option<String> = "text" STRING at(Location::Payload);
} }
aws::structure! { NODE_PAYLOAD: NodePayload = Structure "NodePayload" {
    header: Option<String> = "header" STRING wire("X-Header") at(Location::Header);
    node: Option<Node> = "node" NODE at(Location::Payload);
} }

fn received<T: Shape>(
    schema: &'static Schema,
    outgoing: &Outgoing,
    status: Option<u16>,
) -> Result<(T, Vec<String>), ReadError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &outgoing.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let body = outgoing.body.clone().unwrap_or_default();
    read(schema, outgoing.labels.clone(), outgoing.query.clone(), &headers, &body, status)
}

fn read<T: Shape>(
    schema: &'static Schema,
    labels: Labels,
    parameters: Vec<(String, String)>,
    headers: &HeaderMap,
    body: &Bytes,
    status: Option<u16>,
) -> Result<(T, Vec<String>), ReadError> {
    let incoming = Incoming { labels, parameters, headers, status, body, form: BodyForm::Json };
    let mut progress = Progress::default();
    let shape = T::read(schema, &mut BoundReader { incoming: &incoming, progress: &mut progress })?;
    Ok((shape, progress.missing.iter().map(ToString::to_string).collect()))
}

fn everywhere() -> Everywhere {
    Everywhere {
        label: "a/b".to_owned(),
        greedy: text("c/d"),
        when: at(0),
        page: Some(7),
        on: Some(false),
        since: at(0),
        names: strings(&["x", "y z", ""]),
        more: map(&[("k", vec!["v".to_owned(), "w".to_owned()])]),
        header: text("value, with comma"),
        modified: at(0),
        epoch: at(0),
        numbers: Some(vec![1, -2, 3]),
        booleans: Some(vec![true, false]),
        words: strings(&["b,c", "\"def\"", "a", "\\ \""]),
        suits: Some(vec![Suit::Club, Suit::Diamond]),
        times: Some(vec![Timestamp::from_millis(0), Timestamp::from_millis(86_400_000)]),
        bytes: Some("bytes".into()),
        double: Some(f64::NEG_INFINITY),
        prefixed: map(&[("abc", "Abc value".to_owned()), ("def", "Def".to_owned())]),
        status: Some(201),
        body: text("b"),
        nodes: Some(node("n")),
    }
}

#[test]
fn each_member_has_its_place() {
    let outgoing = bindings::write(&everywhere(), &EVERYWHERE, BodyForm::Json, None);
    let header = |name: &str| {
        outgoing.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap()
    };
    assert_eq!(outgoing.labels["label"], "a/b");
    assert_eq!(outgoing.labels["rest"], "c/d");
    assert_eq!(outgoing.labels["when"], "2021-04-05T06:07:08Z");
    let query: Vec<String> = outgoing.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        query,
        ["Page=7", "on=false", "since=2021-04-05T06:07:08Z", "name=x", "name=y z", "name=", "k=v", "k=w",]
    );
    assert_eq!(header("X-Header"), "value, with comma");
    assert_eq!(header("X-Modified"), "Mon, 05 Apr 2021 06:07:08 GMT");
    assert_eq!(header("X-Epoch"), "1617602828");
    assert_eq!(header("X-Numbers"), "1, -2, 3");
    assert_eq!(header("X-Booleans"), "true, false");
    assert_eq!(header("X-Words"), r#""b,c", "\"def\"", a, "\\ \"""#);
    assert_eq!(header("X-Suits"), "CLUB, DIAMOND");
    assert_eq!(header("X-Times"), "Thu, 01 Jan 1970 00:00:00 GMT, Fri, 02 Jan 1970 00:00:00 GMT");
    assert_eq!(header("X-Bytes"), "Ynl0ZXM=");
    assert_eq!(header("X-Double"), "-Infinity");
    assert_eq!(header("X-Foo-abc"), "Abc value");
    assert_eq!(outgoing.status, Some(201));
    assert_eq!(outgoing.body.as_deref(), Some(&br#"{"Body":"b","nodes":{"name":"n"}}"#[..]));
    assert_eq!(outgoing.content_type, Some("application/json"));
}

#[test]
fn everything_comes_back() {
    let outgoing = bindings::write(&everywhere(), &EVERYWHERE, BodyForm::Json, None);
    assert_eq!(received(&EVERYWHERE, &outgoing, outgoing.status), Ok((everywhere(), Vec::new())));
    let target = Template::of("/{label}/{when}/{rest+}").expand(&outgoing.labels).unwrap();
    assert_eq!(target, "/a%2Fb/2021-04-05T06%3A07%3A08Z/c/d");
}

#[test]
fn what_is_absent_is_in_no_place() {
    let only = Everywhere { label: "l".to_owned(), ..Everywhere::default() };
    let outgoing = bindings::write(&only, &EVERYWHERE, BodyForm::Json, None);
    assert_eq!((outgoing.headers.len(), outgoing.query.len(), outgoing.status), (0, 0, None));
    assert_eq!(outgoing.body.as_deref(), Some(&b"{}"[..]));
    assert_eq!(received(&EVERYWHERE, &outgoing, None), Ok((only, Vec::new())));
    let nothing = bindings::write(&Nothing {}, &NOTHING, BodyForm::Json, None);
    assert_eq!(nothing, Outgoing::default());
}

#[test]
fn a_missing_required_member_is_noted() {
    let nothing =
        read::<Everywhere>(&EVERYWHERE, Labels::new(), Vec::new(), &HeaderMap::new(), &Bytes::new(), None);
    assert_eq!(nothing, Ok((Everywhere::default(), vec!["label".to_owned()])));
}

#[test]
fn a_map_takes_the_parameters_that_are_nobodys() {
    let parameters = uri::parameters("Page=1&a=1&name=x&a=2&b&c=%20+");
    let (shape, _) =
        read::<Everywhere>(&EVERYWHERE, Labels::new(), parameters, &HeaderMap::new(), &Bytes::new(), None)
            .unwrap();
    let expected = [("a", vec!["1", "2"]), ("b", vec![""]), ("c", vec!["  "])];
    let expected: Map<Vec<String>> = expected
        .into_iter()
        .map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()))
        .collect();
    assert_eq!(shape.more, Some(expected));
    assert_eq!((shape.page, shape.names), (Some(1), strings(&["x"])));
}

#[test]
fn headers_are_read_in_any_case_and_in_several_lines() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-words", "a, \"b,c\""),
        ("x-words", "d"),
        ("x-numbers", "1,2"),
        ("x-numbers", "3"),
        ("x-foo-abc", "v"),
        ("x-modified", "Mon, 05 Apr 2021 06:07:08 GMT"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let (shape, _) =
        read::<Everywhere>(&EVERYWHERE, Labels::new(), Vec::new(), &headers, &Bytes::new(), None).unwrap();
    assert_eq!(shape.words, strings(&["a", "b,c", "d"]));
    assert_eq!(shape.numbers, Some(vec![1, 2, 3]));
    assert_eq!(shape.modified, at(0));
    assert_eq!(shape.prefixed, map(&[("abc", "v".to_owned())]));
}

#[test]
fn a_payload_is_the_body() {
    let blob = BlobPayload { header: text("h"), blob: Some("blobby \u{0}".into()) };
    let outgoing = bindings::write(&blob, &BLOB_PAYLOAD, BodyForm::Json, None);
    assert_eq!(outgoing.body.as_deref(), Some(&b"blobby \0"[..]));
    assert_eq!(outgoing.content_type, Some("application/octet-stream"));
    assert_eq!(received(&BLOB_PAYLOAD, &outgoing, None), Ok((blob, Vec::new())));

    let words = TextPayload { text: text("not \"JSON\"") };
    let outgoing = bindings::write(&words, &TEXT_PAYLOAD, BodyForm::Json, None);
    assert_eq!(
        (outgoing.body.as_deref(), outgoing.content_type),
        (Some(&b"not \"JSON\""[..]), Some("text/plain"))
    );
    assert_eq!(received(&TEXT_PAYLOAD, &outgoing, None), Ok((words, Vec::new())));

    let nested =
        NodePayload { header: text("h"), node: Some(Node { next: Some(Box::new(node("y"))), ..node("x") }) };
    let outgoing = bindings::write(&nested, &NODE_PAYLOAD, BodyForm::Json, None);
    assert_eq!(outgoing.body.as_deref(), Some(&br#"{"name":"x","next":{"name":"y"}}"#[..]));
    assert_eq!(received(&NODE_PAYLOAD, &outgoing, None), Ok((nested, Vec::new())));

    let empty = NodePayload::default();
    let outgoing = bindings::write(&empty, &NODE_PAYLOAD, BodyForm::Json, None);
    assert_eq!(outgoing, Outgoing::default());
    assert_eq!(received(&NODE_PAYLOAD, &outgoing, None), Ok((empty, Vec::new())));
}

#[test]
fn a_header_holds_no_control_characters() {
    let evil = BlobPayload { header: text("a\r\nSet-Cookie: b\u{7f}"), blob: None };
    let outgoing = bindings::write(&evil, &BLOB_PAYLOAD, BodyForm::Json, None);
    assert_eq!(outgoing.headers, [("X-Header".to_owned(), "a  Set-Cookie: b ".to_owned())]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let with = |query: &str, headers: &[(&'static str, &'static str)], body: &'static str| {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let body = Bytes::from_static(body.as_bytes());
        read::<Everywhere>(&EVERYWHERE, Labels::new(), uri::parameters(query), &headers, &body, None)
    };
    assert!(with("Page=x", &[], "").is_err());
    assert!(with("Page=99999999999", &[], "").is_err());
    assert!(with("on=yes", &[], "").is_err());
    assert!(with("", &[("x-modified", "2021-04-05T06:07:08Z")], "").is_err());
    assert!(with("", &[("x-numbers", "1,a")], "").is_err());
    assert!(with("", &[("x-times", "Mon, 05 Apr")], "").is_err());
    assert!(with("", &[("x-bytes", "*")], "").is_err());
    assert!(with("", &[], "[]").is_err());
    assert!(with("", &[], "{\"Body\":1}").is_err());
    assert!(with("", &[], "{\"body\":1}").is_ok());
}
