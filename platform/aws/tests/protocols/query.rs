//! The Query protocol: forms in both directions, and XML answers.

use aws::operation::{Operation, Protocol, Service, ValidationStyle};
use aws::protocol::query::{self, Form, FormReader};
use aws::protocol::xml::{self, XmlReader};
use aws::protocol::{Progress, form};
use aws::shape::prelude::*;
use aws::shape::{ReadError, Shape};
use aws::{Error, Map, Timestamp};

use crate::shapes::*;

pub static SERVICE: Service = Service {
    id: "Painter",
    prefix: "painter",
    signing_name: "painter",
    protocol: Protocol::Query,
    target_prefix: "",
    api_version: "2020-01-08",
    xml_namespace: "https://example.com/",
    validation: ValidationStyle { code: "ValidationError", shows_values: false },
    operations: &["Paint"],
    errors: &[],
};

static RENAMED_ITEMS: Schema = Schema::new("RenamedItems", Kind::List { element: &STRING, wire: "item" });
static FLAT_STRINGS: Schema = Schema::list("FlatStrings", &STRING).flattened();
static FLAT_MAP: Schema = Schema::map("FlatMap", &STRING, &STRING).flattened();
static RENAMED_MAP: Schema =
    Schema::new("RenamedMap", Kind::Map { key: &STRING, value: &NODE, key_wire: "K", value_wire: "V" });
static HTTP_DATE: Schema =
    Schema::new("HttpDate", Kind::Timestamp).timestamp_format(TimestampFormat::HttpDate);

aws::structure! { PAINT: Paint = Structure "Paint" {
    scalars: Option<Scalars> = "scalars" SCALARS;
    containers: Option<Containers> = "Containers" CONTAINERS;
    items: Option<Vec<String>> = "items" RENAMED_ITEMS;
    flat: Option<Vec<String>> = "flat" FLAT_STRINGS wire("Hi");
    flat_map: Option<Map<String>> = "flatMap" FLAT_MAP;
    renamed_map: Option<Map<Node>> = "renamedMap" RENAMED_MAP;
    when: Option<Timestamp> = "when" HTTP_DATE;
    token: Option<String> = "token" STRING;
} }
aws::operation! { Paint = SERVICE "Paint" {
    input PAINT; output PaintOutput PAINT_OUTPUT; http "POST" "/" 200; errors [];
} }
aws::structure! { PAINT_OUTPUT: PaintOutput = Structure "PaintOutput" {
    scalars: Option<Scalars> = "scalars" SCALARS;
    containers: Option<Containers> = "Containers" CONTAINERS;
    items: Option<Vec<String>> = "items" RENAMED_ITEMS;
    flat: Option<Vec<String>> = "flat" FLAT_STRINGS wire("Hi");
    flat_map: Option<Map<String>> = "flatMap" FLAT_MAP;
    renamed_map: Option<Map<Node>> = "renamedMap" RENAMED_MAP;
} }

fn read(body: &str) -> Result<Paint, ReadError> {
    let form = Form::parse(body.as_bytes())?;
    Paint::read(&PAINT, &mut FormReader { form: &form, progress: &mut Progress::default() })
}

/// The shape is written as these parameters after action and version, and read back from them.
fn both_ways(paint: Paint, parameters: &str) {
    let written = form::request(&SERVICE, Paint::MODEL, &paint);
    let expected = if parameters.is_empty() { String::new() } else { format!("&{parameters}") };
    assert_eq!(
        String::from_utf8(written.to_vec()).unwrap(),
        format!("Action=Paint&Version=2020-01-08{expected}")
    );
    assert_eq!(read(parameters), Ok(paint), "{parameters}");
}

#[test]
fn members_are_named_by_their_way_from_the_root() {
    both_ways(Paint::default(), "");
    both_ways(Paint { token: text("a b&c=d"), ..Paint::default() }, "token=a+b%26c%3Dd");
    let scalars = |scalars: Scalars| Paint { scalars: Some(scalars), ..Paint::default() };
    both_ways(scalars(Scalars { boolean: Some(true), ..Scalars::default() }), "scalars.boolean=true");
    both_ways(scalars(Scalars { integer: Some(-10), ..Scalars::default() }), "scalars.integer=-10");
    both_ways(scalars(Scalars { double: Some(10.8), ..Scalars::default() }), "scalars.double=10.8");
    both_ways(
        scalars(Scalars { double: Some(f64::NEG_INFINITY), ..Scalars::default() }),
        "scalars.double=-Infinity",
    );
    both_ways(
        scalars(Scalars { blob: Some("value".into()), ..Scalars::default() }),
        "scalars.blob=dmFsdWU%3D",
    );
    both_ways(scalars(Scalars { at: at(0), ..Scalars::default() }), "scalars.at=2021-04-05T06%3A07%3A08Z");
    both_ways(scalars(Scalars { epoch: at(0), ..Scalars::default() }), "scalars.epoch=1617602828");
    both_ways(scalars(Scalars { suit: Some(Suit::Club), ..Scalars::default() }), "scalars.suit=CLUB");
    both_ways(scalars(Scalars { renamed: text("r"), ..Scalars::default() }), "scalars.Wire-Name=r");
    both_ways(Paint { when: at(0), ..Paint::default() }, "when=Mon%2C+05+Apr+2021+06%3A07%3A08+GMT");
}

#[test]
fn lists_and_maps_are_numbered() {
    let containers = |containers: Containers| Paint { containers: Some(containers), ..Paint::default() };
    both_ways(
        containers(Containers { strings: strings(&["foo", "bar"]), ..Containers::default() }),
        "Containers.strings.member.1=foo&Containers.strings.member.2=bar",
    );
    both_ways(
        containers(Containers { strings: Some(Vec::new()), ..Containers::default() }),
        "Containers.strings=",
    );
    both_ways(
        containers(Containers { nodes: Some(vec![node("x")]), ..Containers::default() }),
        "Containers.nodes.member.1.name=x",
    );
    both_ways(
        containers(Containers {
            map: map(&[("a", "1".to_owned()), ("b", "2".to_owned())]),
            ..Containers::default()
        }),
        "Containers.map.entry.1.key=a&Containers.map.entry.1.value=1&Containers.map.entry.2.key=b&Containers.map.entry.2.value=2",
    );
    both_ways(Paint { items: strings(&["a"]), ..Paint::default() }, "items.item.1=a");
    both_ways(Paint { flat: strings(&["a", "b"]), ..Paint::default() }, "Hi.1=a&Hi.2=b");
    both_ways(
        Paint { flat_map: map(&[("k", "v".to_owned())]), ..Paint::default() },
        "flatMap.1.key=k&flatMap.1.value=v",
    );
    both_ways(
        Paint { renamed_map: map(&[("k", node("v"))]), ..Paint::default() },
        "renamedMap.entry.1.K=k&renamedMap.entry.1.V.name=v",
    );
}

#[test]
fn numbers_order_and_gaps_close() {
    let paint = read("items.item.10=c&items.item.2=b&items.item.1=a&items.other.1=x").unwrap();
    assert_eq!(paint.items, strings(&["a", "b", "c"]));
}

#[test]
fn everything_comes_back() {
    let paint = Paint {
        scalars: Some(all_scalars()),
        containers: Some(all_containers()),
        flat: strings(&["a"]),
        ..Paint::default()
    };
    let body = form::request(&SERVICE, Paint::MODEL, &paint);
    assert_eq!(read(std::str::from_utf8(&body).unwrap()), Ok(paint));
}

#[test]
fn what_does_not_fit_is_refused() {
    for body in [
        "scalars=x&scalars.integer=a",
        "scalars.integer=",
        "scalars.integer=1.5",
        "scalars.boolean=1",
        "scalars.double=inf",
        "scalars.blob=*",
        "scalars.at=0",
        "token.x=1",
        "flatMap.1.key=k",
        "flatMap.1.value=v",
    ] {
        assert!(read(body).is_err(), "{body}");
    }
    let many = "a.b.c.d=1&".repeat(100_000);
    assert!(Form::parse(many.as_bytes()).is_err());
}

#[test]
fn answers_are_wrapped_and_come_back() {
    let output = PaintOutput {
        scalars: Some(all_scalars()),
        containers: Some(all_containers()),
        items: strings(&["a", "b"]),
        flat: strings(&["c", "d"]),
        flat_map: map(&[("k", "v".to_owned())]),
        renamed_map: map(&[("k", node("v"))]),
    };
    let body = query::response(&SERVICE, "Paint", &output, &PAINT_OUTPUT, "the-id");
    assert!(body.starts_with("<PaintResponse xmlns=\"https://example.com/\"><PaintResult>"), "{body}");
    assert!(
        body.ends_with(
            "<items><item>a</item><item>b</item></items><Hi>c</Hi><Hi>d</Hi>\
         <flatMap><key>k</key><value>v</value></flatMap>\
         <renamedMap><entry><K>k</K><V><name>v</name></V></entry></renamedMap></PaintResult>\
         <ResponseMetadata><RequestId>the-id</RequestId></ResponseMetadata></PaintResponse>"
        ),
        "{body}"
    );
    let root = xml::parse(body.as_bytes()).unwrap();
    let result = root.child("PaintResult").unwrap();
    let read = PaintOutput::read(&PAINT_OUTPUT, &mut XmlReader::new(result, &mut Progress::default()));
    assert_eq!(read, Ok(output));
}

#[test]
fn an_answer_without_members_is_still_a_document() {
    static OF_THE_GENERATOR: Schema = Schema::new("PaintOutput", Kind::Structure(&[]));
    let end = "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></PaintResponse>";
    assert_eq!(
        query::response(&SERVICE, "Paint", &Nothing {}, &OF_THE_GENERATOR, "id"),
        format!("<PaintResponse xmlns=\"https://example.com/\">{end}")
    );
    // The model has an output, without members: clients look for its element.
    assert_eq!(
        query::response(&SERVICE, "Paint", &Nothing {}, &NOTHING, "id"),
        format!("<PaintResponse xmlns=\"https://example.com/\"><PaintResult></PaintResult>{end}")
    );
}

#[test]
fn errors_say_whose_fault_it_is() {
    let error = Error::new("Broken", "a < b");
    assert_eq!(
        query::error_document("https://example.com/", &error, "id"),
        "<ErrorResponse xmlns=\"https://example.com/\"><Error><Type>Sender</Type><Code>Broken</Code>\
         <Message>a &lt; b</Message></Error><RequestId>id</RequestId></ErrorResponse>"
    );
    assert!(query::error_document("", &error.with_status(500), "id").contains("<Type>Receiver</Type>"));
}
