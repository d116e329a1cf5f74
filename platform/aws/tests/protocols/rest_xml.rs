//! restXml: bodies in XML; the other places are those of restJson1.

use aws::protocol::Progress;
use aws::protocol::bindings::uri::Labels;
use aws::protocol::bindings::{self, BodyForm, BoundReader, Incoming, Outgoing};
use aws::shape::prelude::*;
use aws::shape::{ReadError, Shape};
use aws::{Blob, Map};
use bytes::Bytes;
use http::HeaderMap;

use crate::shapes::*;

const XSI: XmlNamespace = XmlNamespace { prefix: "xsi", uri: "https://example.com/xsi" };
const OWN: XmlNamespace = XmlNamespace { prefix: "", uri: "https://example.com/own" };

static RENAMED_ITEMS: Schema = Schema::new("RenamedItems", Kind::List { element: &STRING, wire: "item" });
static FLAT_STRINGS: Schema = Schema::list("FlatStrings", &STRING).flattened();
static FLAT_NODES: Schema = Schema::list("FlatNodes", &NODE).flattened();
static FLAT_MAP: Schema =
    Schema::new("FlatMap", Kind::Map { key: &STRING, value: &STRING, key_wire: "K", value_wire: "V" })
        .flattened();

aws::structure! { GRANTEE: Grantee = Structure "Grantee" {
    name: Option<String> = "name" STRING wire("Name");
    kind: Option<String> = "kind" STRING wire("xsi:type") xml_attribute();
    id: Option<String> = "id" STRING wire("ID");
    level: Option<i32> = "level" INTEGER xml_attribute();
} }
aws::structure! { DOCUMENT: Document = Structure "Document" {
    scalars: Option<Scalars> = "scalars" SCALARS;
    containers: Option<Containers> = "containers" CONTAINERS;
    items: Option<Vec<String>> = "items" RENAMED_ITEMS wire("Items");
    flat: Option<Vec<String>> = "flat" FLAT_STRINGS wire("Flat");
    flat_nodes: Option<Vec<Node>> = "flatNodes" FLAT_NODES wire("Node");
    flat_map: Option<Map<String>> = "flatMap" FLAT_MAP wire("Entry");
    grantee: Option<Grantee> = "grantee" GRANTEE xml_namespace(XSI);
    own: Option<String> = "own" STRING xml_namespace(OWN);
    header: Option<String> = "header" STRING wire("X-Header") at(Location::Header);
    attribute: Option<String> = "attribute" STRING wire("attr") xml_attribute();
} }
aws::structure! { PAYLOAD: Payload = Structure "Payload" {
    grantee: Option<Grantee> = "grantee" GRANTEE wire("Granted") at(Location::Payload);
} }

fn body_of(outgoing: &Outgoing) -> &str {
    std::str::from_utf8(outgoing.body.as_deref().unwrap_or_default()).unwrap()
}

fn read<T: Shape>(schema: &'static Schema, body: &str) -> Result<T, ReadError> {
    let (headers, body) = (HeaderMap::new(), Bytes::copy_from_slice(body.as_bytes()));
    let incoming = Incoming {
        labels: Labels::new(),
        parameters: Vec::new(),
        headers: &headers,
        status: None,
        body: &body,
        form: BodyForm::Xml,
    };
    T::read(schema, &mut BoundReader { incoming: &incoming, progress: &mut Progress::default() })
}

/// The shape is written as the elements, and the elements read as the shape.
fn both_ways(document: Document, elements: &str) {
    let outgoing = bindings::write(&document, &DOCUMENT, BodyForm::Xml, None);
    let expected = format!("<Document>{elements}</Document>");
    assert_eq!(body_of(&outgoing), expected);
    assert_eq!(read::<Document>(&DOCUMENT, &expected), Ok(document));
}

#[test]
fn scalars_are_elements() {
    let scalars = |scalars: Scalars| Document { scalars: Some(scalars), ..Document::default() };
    for (shape, element) in [
        (
            Scalars { string: text("a<b>&\"c\""), ..Scalars::default() },
            "<string>a&lt;b&gt;&amp;&quot;c&quot;</string>",
        ),
        (Scalars { string: text(" \r\n\u{85}"), ..Scalars::default() }, "<string> &#xD;\n&#x85;</string>"),
        (Scalars { string: text(""), ..Scalars::default() }, "<string></string>"),
        (Scalars { boolean: Some(true), ..Scalars::default() }, "<boolean>true</boolean>"),
        (Scalars { integer: Some(-3), ..Scalars::default() }, "<integer>-3</integer>"),
        (Scalars { double: Some(f64::INFINITY), ..Scalars::default() }, "<double>Infinity</double>"),
        (Scalars { blob: Some("value".into()), ..Scalars::default() }, "<blob>dmFsdWU=</blob>"),
        (Scalars { at: at(1), ..Scalars::default() }, "<at>2021-04-05T06:07:08.001Z</at>"),
        (Scalars { epoch: at(0), ..Scalars::default() }, "<epoch>1617602828</epoch>"),
        (
            Scalars { http_date: at(0), ..Scalars::default() },
            "<httpDate>Mon, 05 Apr 2021 06:07:08 GMT</httpDate>",
        ),
        (Scalars { suit: Some(Suit::Club), ..Scalars::default() }, "<suit>CLUB</suit>"),
        (Scalars { renamed: text("r"), ..Scalars::default() }, "<Wire-Name>r</Wire-Name>"),
    ] {
        both_ways(scalars(shape), &format!("<scalars>{element}</scalars>"));
    }
}

#[test]
fn containers_wrap_their_items_unless_flattened() {
    both_ways(
        Document { items: strings(&["a", "b"]), ..Document::default() },
        "<Items><item>a</item><item>b</item></Items>",
    );
    both_ways(Document { items: Some(Vec::new()), ..Document::default() }, "<Items></Items>");
    both_ways(Document { flat: strings(&["a", ""]), ..Document::default() }, "<Flat>a</Flat><Flat></Flat>");
    both_ways(
        Document { flat_nodes: Some(vec![node("a"), node("b")]), ..Document::default() },
        "<Node><name>a</name></Node><Node><name>b</name></Node>",
    );
    both_ways(
        Document { flat_map: map(&[("a", "1".to_owned()), ("b", "2".to_owned())]), ..Document::default() },
        "<Entry><K>a</K><V>1</V></Entry><Entry><K>b</K><V>2</V></Entry>",
    );
}

#[test]
fn attributes_and_namespaces_are_on_the_start_tag() {
    let grantee = Grantee { name: text("n"), kind: text("Group \"1\"\n"), id: text("i"), level: Some(2) };
    both_ways(
        Document { grantee: Some(grantee), ..Document::default() },
        "<grantee xmlns:xsi=\"https://example.com/xsi\" xsi:type=\"Group &quot;1&quot;&#xA;\" level=\"2\">\
         <Name>n</Name><ID>i</ID></grantee>",
    );
    both_ways(
        Document { own: text("o"), ..Document::default() },
        "<own xmlns=\"https://example.com/own\">o</own>",
    );
    let attribute = Document { own: text("o"), attribute: text("a"), ..Document::default() };
    let outgoing = bindings::write(&attribute, &DOCUMENT, BodyForm::Xml, Some(OWN));
    assert!(body_of(&outgoing).starts_with("<Document xmlns=\"https://example.com/own\" attr=\"a\"><own"));
    assert_eq!(read::<Document>(&DOCUMENT, body_of(&outgoing)), Ok(attribute));
}

#[test]
fn everything_comes_back() {
    let document =
        Document { scalars: Some(all_scalars()), containers: Some(all_containers()), ..Document::default() };
    let outgoing = bindings::write(&document, &DOCUMENT, BodyForm::Xml, None);
    assert_eq!(outgoing.content_type, Some("application/xml"));
    assert_eq!(read::<Document>(&DOCUMENT, body_of(&outgoing)), Ok(document));
}

#[test]
fn any_root_comments_and_white_space_are_read() {
    let body = "<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><Other xmlns='urn:x'>\n  <Items>\n <item><![CDATA[<a>]]></item>\
                \n </Items>\n <unknown><a/></unknown> <scalars>\n<integer> 5 </integer></scalars>\n</Other>\n";
    let document: Document = read(&DOCUMENT, body).unwrap();
    assert_eq!(document.items, strings(&["<a>"]));
    assert_eq!(document.scalars.unwrap().integer, Some(5));
}

#[test]
fn a_payload_is_the_root() {
    let payload =
        Payload { grantee: Some(Grantee { name: text("n"), kind: text("t"), ..Grantee::default() }) };
    let outgoing = bindings::write(&payload, &PAYLOAD, BodyForm::Xml, Some(OWN));
    assert_eq!(
        body_of(&outgoing),
        "<Granted xmlns=\"https://example.com/own\" xsi:type=\"t\"><Name>n</Name></Granted>"
    );
    let read_back =
        read::<Payload>(&PAYLOAD, "<Granted xmlns:xsi=\"u\" xsi:type=\"t\"><Name>n</Name></Granted>");
    assert_eq!(read_back, Ok(payload));
    assert_eq!(read::<Payload>(&PAYLOAD, ""), Ok(Payload::default()));
}

#[test]
fn what_does_not_fit_is_refused() {
    for body in [
        "",
        "<Document>",
        "<Document><scalars><integer>x</integer></scalars></Document>",
        "<Document><scalars><integer><a/></integer></scalars></Document>",
        "<Document><scalars><boolean>1</boolean></scalars></Document>",
        "<Document><scalars><at>0</at></scalars></Document>",
        "<Document><scalars><blob>*</blob></scalars></Document>",
        "<Document><Entry><K>a</K></Entry></Document>",
        "<Document><Entry><V>a</V></Entry></Document>",
        "<Document><string><a/></string><scalars><string><a/></string></scalars></Document>",
    ] {
        let result = read::<Document>(&DOCUMENT, body);
        if body.is_empty() {
            assert_eq!(result, Ok(Document::default()));
        } else {
            assert!(result.is_err(), "{body}");
        }
    }
}

#[test]
fn an_unset_blob_has_no_body() {
    aws::structure! { RAW: Raw = Structure "Raw" { blob: Option<Blob> = "blob" BLOB at(Location::Payload); } }
    assert_eq!(bindings::write(&Raw::default(), &RAW, BodyForm::Xml, None), Outgoing::default());
    assert_eq!(read::<Raw>(&RAW, ""), Ok(Raw::default()));
    assert_eq!(read::<Raw>(&RAW, "<not<xml"), Ok(Raw { blob: Some("<not<xml".into()) }));
}
