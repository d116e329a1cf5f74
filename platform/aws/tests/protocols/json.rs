//! awsJson 1.0 and 1.1, and the bodies of restJson1.

use aws::protocol::Progress;
use aws::protocol::audited::{LARGEST_AUDITED_BYTES, audited_value};
use aws::protocol::json::{self, JsonReader};
use aws::shape::{ReadError, Schema, Shape};
use aws::{Blob, Timestamp};
use serde_json::{Value, json};

use crate::shapes::*;

fn read<T: Shape>(schema: &'static Schema, text: &str) -> Result<T, ReadError> {
    json::from_value(schema, &json::parse(text.as_bytes())?)
}

/// The shape is written as the value, and the value read as the shape.
fn both_ways<T: Shape + PartialEq + std::fmt::Debug + Send + Sync + 'static>(
    schema: &'static Schema,
    shape: T,
    value: Value,
) {
    assert_eq!(json::to_value(&shape, schema), value);
    assert_eq!(json::from_value::<T>(schema, &value), Ok(shape), "{value}");
}

#[test]
fn every_scalar_has_its_form() {
    let only = |scalars: Scalars, value: Value| both_ways(&SCALARS, scalars, value);
    only(Scalars { string: text("a\"b\n"), ..Scalars::default() }, json!({ "string": "a\"b\n" }));
    only(Scalars { boolean: Some(true), ..Scalars::default() }, json!({ "boolean": true }));
    only(Scalars { integer: Some(-7), ..Scalars::default() }, json!({ "integer": -7 }));
    only(Scalars { long: Some(i64::MIN), ..Scalars::default() }, json!({ "long": i64::MIN }));
    only(Scalars { double: Some(1.5), ..Scalars::default() }, json!({ "double": 1.5 }));
    only(Scalars { blob: Some(Blob::from("binary")), ..Scalars::default() }, json!({ "blob": "YmluYXJ5" }));
    only(Scalars { at: at(0), ..Scalars::default() }, json!({ "at": 1_617_602_828 }));
    only(Scalars { at: at(125), ..Scalars::default() }, json!({ "at": 1_617_602_828.125 }));
    only(Scalars { at: Some(Timestamp::from_millis(-1500)), ..Scalars::default() }, json!({ "at": -1.5 }));
    only(Scalars { iso: at(0), ..Scalars::default() }, json!({ "iso": "2021-04-05T06:07:08Z" }));
    only(Scalars { iso: at(9), ..Scalars::default() }, json!({ "iso": "2021-04-05T06:07:08.009Z" }));
    only(
        Scalars { http_date: at(0), ..Scalars::default() },
        json!({ "httpDate": "Mon, 05 Apr 2021 06:07:08 GMT" }),
    );
    only(Scalars { epoch: at(0), ..Scalars::default() }, json!({ "epoch": 1_617_602_828 }));
    only(Scalars { suit: Some(Suit::Club), ..Scalars::default() }, json!({ "suit": "CLUB" }));
    only(Scalars { suit: Some(Suit::from("HEART")), ..Scalars::default() }, json!({ "suit": "HEART" }));
    only(Scalars { renamed: text("r"), ..Scalars::default() }, json!({ "Wire-Name": "r" }));
    only(Scalars::default(), json!({}));
}

#[test]
fn numbers_that_json_lacks_are_strings() {
    for (number, name) in [(f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")] {
        both_ways(
            &SCALARS,
            Scalars { double: Some(number), ..Scalars::default() },
            json!({ "double": name }),
        );
    }
    let nan = Scalars { double: Some(f64::NAN), ..Scalars::default() };
    assert_eq!(json::to_value(&nan, &SCALARS), json!({ "double": "NaN" }));
    let read: Scalars = read(&SCALARS, r#"{"double":"NaN"}"#).unwrap();
    assert!(read.double.unwrap().is_nan());
}

#[test]
fn times_are_read_with_offsets_and_fractions() {
    let read = |body: &str| read::<Scalars>(&SCALARS, body).unwrap();
    assert_eq!(read(r#"{"iso":"2021-04-05T05:07:08-01:00"}"#).iso, at(0));
    assert_eq!(read(r#"{"iso":"2021-04-05T06:07:08.5Z"}"#).iso, at(500));
    assert_eq!(read(r#"{"httpDate":"Mon, 05 Apr 2021 06:07:08.123 GMT"}"#).http_date, at(123));
    assert_eq!(read(r#"{"epoch":1617602828.25}"#).epoch, at(250));
    assert_eq!(read(r#"{"epoch":1.617602828e9}"#).epoch, at(0));
}

#[test]
fn containers_nest() {
    let value = json!({
        "strings": ["a", "", "b c"],
        "nested": [["x", "y"], ["z"]],
        "times": [0, 1.5],
        "blobs": ["MQ==", "MjI="],
        "nodes": [{
            "name": "deep",
            "next": { "name": "below" },
            "children": [{ "name": "first" }, { "name": "second", "children": [{ "name": "third" }] }],
            "named": { "key": { "name": "value" } },
        }],
        "map": { "k.2": "v & 2", "k1": "v1" },
        "lists": { "l": ["1", "2"] },
        "byName": { "one": { "name": "1" }, "two": { "name": "2" } },
        "choice": { "numbers": [1, 2] },
    });
    both_ways(&CONTAINERS, all_containers(), value);
    both_ways(&SCALARS, all_scalars(), json::to_value(&all_scalars(), &SCALARS));
}

#[test]
fn empty_containers_are_kept() {
    let empty = Containers {
        strings: Some(Vec::new()),
        map: map::<String>(&[]),
        nodes: Some(vec![Node::default()]),
        ..Containers::default()
    };
    both_ways(&CONTAINERS, empty, json!({ "strings": [], "nodes": [{}], "map": {} }));
}

#[test]
fn nulls_and_unknown_members_are_passed_over() {
    let body = r#"{"string":null,"integer":1,"unknown":{"deep":[1,{}]},"__type":"x#Choice","boolean":null}"#;
    let expected = Scalars { integer: Some(1), ..Scalars::default() };
    assert_eq!(read::<Scalars>(&SCALARS, body), Ok(expected));
    let sparse: Containers =
        read(&CONTAINERS, r#"{"strings":["a",null,"b"],"map":{"k":null,"l":"v"}}"#).unwrap();
    assert_eq!(sparse.strings, strings(&["a", "b"]));
    assert_eq!(sparse.map, map(&[("l", "v".to_owned())]));
    let choice: Containers =
        read(&CONTAINERS, r#"{"choice":{"__type":"x","text":null,"number":3}}"#).unwrap();
    assert_eq!(choice.choice, Some(Choice { number: Some(3), ..Choice::default() }));
}

#[test]
fn an_empty_body_is_an_empty_structure() {
    assert_eq!(read::<Scalars>(&SCALARS, ""), Ok(Scalars::default()));
    assert_eq!(read::<Nothing>(&NOTHING, "{}"), Ok(Nothing {}));
    assert_eq!(read::<Nothing>(&NOTHING, r#"{"foo":true}"#), Ok(Nothing {}));
    assert_eq!(json::to_value(&Nothing {}, &NOTHING), json!({}));
}

#[test]
fn what_does_not_fit_is_a_serialization_error() {
    let unfit = [
        (r#"{"string":1}"#, "NUMBER_VALUE can not be converted to String"),
        (r#"{"string":true}"#, "TRUE_VALUE can not be converted to String"),
        (r#"{"string":{}}"#, "Start of structure or map found where not expected"),
        (r#"{"string":[]}"#, "Start of list found where not expected"),
        (r#"{"boolean":"true"}"#, "STRING_VALUE can not be converted to Boolean"),
        (r#"{"boolean":1}"#, "NUMBER_VALUE can not be converted to Boolean"),
        (r#"{"integer":"1"}"#, "STRING_VALUE can not be converted to Integer"),
        (r#"{"integer":2147483648}"#, "NUMBER_VALUE 2147483648 can not be converted to Integer"),
        (r#"{"integer":false}"#, "FALSE_VALUE can not be converted to Integer"),
        (r#"{"long":1e30}"#, "NUMBER_VALUE can not be converted to Long"),
        (r#"{"double":"1.0"}"#, "STRING_VALUE can not be converted to Double"),
        (r#"{"blob":"*"}"#, "Invalid base64 in a binary value"),
        (r#"{"at":true}"#, "TRUE_VALUE can not be converted to Timestamp"),
        (r#"{"at":1e300}"#, "NUMBER_VALUE can not be converted to Timestamp"),
        (r#"{"iso":"yesterday"}"#, "STRING_VALUE can not be converted to Timestamp"),
        ("[]", "Start of list found where not expected"),
        ("1", "Unexpected token at the start of the body"),
    ];
    for (body, expected) in unfit {
        assert_eq!(read::<Scalars>(&SCALARS, body), Err(ReadError(expected.to_owned())), "{body}");
    }
    for body in ["{", "{\"string\":\"a\"", "{}x", "\u{feff}{}", "{'a':1}", "nul"] {
        assert!(read::<Scalars>(&SCALARS, body).is_err(), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert!(json::parse(deep.as_bytes()).is_err());
    assert!(json::parse(b"{\"string\":\"\xff\"}").is_err());
}

#[test]
fn missing_required_members_are_noted_with_their_path() {
    let value = json!({ "inner": [{ "name": "x" }, { "name": null, "inner": [{}] }] });
    let mut progress = Progress::default();
    let needy = Needy::read(&NEEDY, &mut JsonReader { value: &value, progress: &mut progress }).unwrap();
    assert_eq!(needy.inner.unwrap().len(), 2);
    let missing: Vec<String> = progress.missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["name", "inner.2.member.name", "inner.2.member.inner.1.member.name"]);
}

#[test]
fn sensitive_values_are_hidden_from_logs() {
    let shape = Scalars { secret: text("hush"), string: text("seen"), ..Scalars::default() };
    assert_eq!(json::redacted(&shape, &SCALARS), json!({ "string": "seen", "secret": "***" }));
    assert!(!format!("{shape:?}").contains("hush"));
}

#[test]
fn what_is_too_large_for_a_record_is_left_out_whole() {
    let shown = |shape: &Scalars| audited_value(shape, &SCALARS);
    assert_eq!(shown(&Scalars { secret: text("hush"), ..all_scalars() })["secret"], "***");
    let mut large = Scalars { string: Some("x".repeat(LARGEST_AUDITED_BYTES - 100)), ..Scalars::default() };
    assert_eq!(shown(&large), json::to_value(&large, &SCALARS));
    large.string = Some("x".repeat(LARGEST_AUDITED_BYTES + 1));
    assert_eq!(shown(&large), Value::Null);
    // What is hidden takes no room.
    assert_eq!(shown(&Scalars { secret: large.string, ..Scalars::default() }), json!({ "secret": "***" }));
    let many =
        Containers { strings: Some(vec![String::new(); LARGEST_AUDITED_BYTES]), ..Containers::default() };
    assert_eq!(audited_value(&many, &CONTAINERS), Value::Null);
}
