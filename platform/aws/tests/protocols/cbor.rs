//! rpc-v2-cbor.

use aws::Error;
use aws::protocol::Progress;
use aws::protocol::cbor::{self, CborReader};
use aws::shape::{ReadError, Schema, Shape};
use serde_json::json;

use crate::shapes::*;

fn read<T: Shape>(schema: &'static Schema, bytes: &[u8]) -> Result<T, ReadError> {
    let value = cbor::parse(bytes)?;
    T::read(schema, &mut CborReader { value: &value, progress: &mut Progress::default() })
}

/// The body of `{ name: … }` with the value's bytes as hex.
fn of_member(name: &str, value: &str) -> Vec<u8> {
    let mut body = vec![0xa1, 0x60 + u8::try_from(name.len()).unwrap()];
    body.extend_from_slice(name.as_bytes());
    body.extend(hex::decode(value).unwrap());
    body
}

/// The shape is written as the bytes, and the bytes read as the shape.
fn both_ways(scalars: Scalars, name: &str, value: &str) {
    let body = of_member(name, value);
    assert_eq!(hex::encode(cbor::to_bytes(&scalars, &SCALARS)), hex::encode(&body));
    assert_eq!(read::<Scalars>(&SCALARS, &body), Ok(scalars));
}

#[test]
fn every_scalar_has_its_form() {
    both_ways(Scalars { string: text("foo"), ..Scalars::default() }, "string", "63666f6f");
    both_ways(Scalars { boolean: Some(true), ..Scalars::default() }, "boolean", "f5");
    both_ways(Scalars { integer: Some(-1), ..Scalars::default() }, "integer", "20");
    both_ways(Scalars { integer: Some(256), ..Scalars::default() }, "integer", "190100");
    both_ways(Scalars { long: Some(i64::MAX), ..Scalars::default() }, "long", "1b7fffffffffffffff");
    both_ways(Scalars { double: Some(f64::NEG_INFINITY), ..Scalars::default() }, "double", "f9fc00");
    both_ways(Scalars { blob: Some("foo".into()), ..Scalars::default() }, "blob", "43666f6f");
    both_ways(Scalars { at: at(0), ..Scalars::default() }, "at", "c11a606aa90c");
    both_ways(Scalars { suit: Some(Suit::Club), ..Scalars::default() }, "suit", "64434c5542");
}

#[test]
fn longer_forms_of_a_value_are_read() {
    let read = |name: &str, value: &str| read::<Scalars>(&SCALARS, &of_member(name, value)).unwrap();
    // Half, single and double precision, and an integer.
    for value in ["f93e00", "fa3fc00000", "fb3ff8000000000000"] {
        assert_eq!(read("double", value).double, Some(1.5), "{value}");
    }
    assert_eq!(read("double", "0a").double, Some(10.0));
    assert!(read("double", "f97e00").double.unwrap().is_nan());
    assert_eq!(read("integer", "1b0000000000000007").integer, Some(7));
    assert_eq!(read("at", "c1fb41d81aaa43100000").at, at(250));
    // Strings and bytes in pieces.
    assert_eq!(read("string", "7f6161626263ff").string, text("abc"));
    assert_eq!(read("blob", "5f41614162ff").blob, Some("ab".into()));
    // Null and undefined are as if the member were not there.
    assert_eq!(read("string", "f6"), Scalars::default());
    assert_eq!(read("string", "f7"), Scalars::default());
}

#[test]
fn maps_of_unknown_length_are_read() {
    let body = [&[0xbf][..], &of_member("string", "6161")[1..], &[0xff]].concat();
    assert_eq!(read::<Scalars>(&SCALARS, &body).unwrap().string, text("a"));
    let list = [&[0xa1, 0x67][..], b"strings", &[0x9f, 0x61, b'a', 0xf6, 0x61, b'b', 0xff]].concat();
    assert_eq!(read::<Containers>(&CONTAINERS, &list).unwrap().strings, strings(&["a", "b"]));
}

#[test]
fn members_go_by_the_models_names() {
    let shape = Scalars { renamed: text("r"), ..Scalars::default() };
    assert_eq!(cbor::to_bytes(&shape, &SCALARS), of_member("renamed", "6172"));
}

#[test]
fn everything_comes_back() {
    assert_eq!(read(&SCALARS, &cbor::to_bytes(&all_scalars(), &SCALARS)), Ok(all_scalars()));
    assert_eq!(read(&CONTAINERS, &cbor::to_bytes(&all_containers(), &CONTAINERS)), Ok(all_containers()));
}

#[test]
fn an_empty_body_is_an_empty_map() {
    assert_eq!(read::<Scalars>(&SCALARS, b""), Ok(Scalars::default()));
    assert_eq!(cbor::to_bytes(&Nothing {}, &NOTHING), &[0xa0][..]);
}

#[test]
fn what_does_not_fit_is_refused() {
    for (name, value) in [
        ("string", "01"),
        ("string", "43666f6f"),
        ("boolean", "01"),
        ("integer", "f5"),
        ("integer", "fb3ff8000000000000"),
        ("integer", "1a80000000"),
        ("long", "1bffffffffffffffff"),
        ("blob", "63666f6f"),
        ("at", "1a606aa8ac"),
        ("at", "c163666f6f"),
        ("at", "c1fb7ff0000000000000"),
        ("suit", "80"),
    ] {
        assert!(read::<Scalars>(&SCALARS, &of_member(name, value)).is_err(), "{name} {value}");
    }
    let nested = [0x81_u8].repeat(100_000);
    // An array, a number, two values, a cut value, a length that nobody sent, and endless nesting.
    for body in [
        &[0x80][..],
        &[0x01],
        &[0xa0, 0xa0],
        &[0xa1, 0x61],
        &[0x7b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &nested,
    ] {
        assert!(read::<Scalars>(&SCALARS, body).is_err(), "{:x?}", &body[..body.len().min(9)]);
    }
    let number_key = [0xa1, 0x63, b'm', b'a', b'p', 0xa1, 0x01, 0x61, b'v'];
    assert!(read::<Containers>(&CONTAINERS, &number_key).is_err());
}

#[test]
fn errors_carry_code_message_and_members() {
    let error = Error::new("ComplexError", "why")
        .with_member("nested", json!({ "n": 1, "d": 0.5, "l": [true, null] }));
    let value = cbor::parse(&cbor::error_body(&error)).unwrap();
    let entry = |name: &str| {
        let entries = value.as_map().unwrap();
        entries.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!(entry("__type").as_text(), Some("ComplexError"));
    assert_eq!(entry("message").as_text(), Some("why"));
    assert_eq!(entry("nested").as_map().unwrap().len(), 3);
}
