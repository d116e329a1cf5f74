//! Whatever comes in, the door answers, and never with a fault of ours.

use aws::shape::{Kind, Schema};
use base64::Engine as _;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use server::FrontDoor;

use crate::platform::{MAX_BODY_BYTES, claimed, front_door, sent};

/// Targets, signing names and content types that a request may mix as it likes.
const TARGETS: [&str; 8] = [
    "CodePipeline_20150709.CreatePipeline",
    "CodeBuild_20161006.CreateProject",
    "CodeCommit_20150413.CreateCommit",
    "Logs_20140328.PutLogEvents",
    "CodeBuild_20161006.Nonsense",
    "Nonsense.Nonsense",
    "",
    ".",
];
const SIGNING_NAMES: [&str; 8] =
    ["codepipeline", "codebuild", "iam", "sts", "shelf", "labels", "sns", "\u{e9}"];
const CONTENT_TYPES: [&str; 6] = [
    "application/x-amz-json-1.1",
    "application/x-amz-json-1.0",
    "application/x-www-form-urlencoded",
    "application/json",
    "text/html",
    "\u{e9}",
];
const PATHS: [&str; 9] = [
    "/",
    "//",
    "/v1/shelf",
    "/v1/shelf/a?version=x",
    "/2020-01-08/label",
    "/service/IAM/operation/GetUser",
    "/service/CodeBuild_20161006/operation/CreateProject",
    "/?Action=GetUser&Version=2010-05-08",
    "/%ff?%ff=%",
];

/// How a request says what it wants; any part may be missing.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    path: &'static str,
    target: Option<&'static str>,
    signing_name: Option<&'static str>,
    content_type: Option<&'static str>,
    is_cbor: bool,
}

fn ask() -> impl Strategy<Value = Ask> {
    let maybe = |from: &'static [&'static str]| prop::option::of(prop::sample::select(from));
    (
        prop::sample::select(&["POST", "GET", "PUT", "DELETE", "HEAD", "BREW"][..]),
        prop::sample::select(&PATHS[..]),
        maybe(&TARGETS),
        prop::option::weighted(0.9, prop::sample::select(&SIGNING_NAMES[..])),
        maybe(&CONTENT_TYPES),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(method, path, target, signing_name, content_type, is_cbor)| Ask {
            method,
            path,
            target,
            signing_name,
            content_type,
            is_cbor,
        })
}

/// Status and body of the answer.
fn answered(door: &FrontDoor, ask: &Ask, body: impl Into<Bytes>) -> (u16, Bytes) {
    let mut request = http::Request::builder().method(ask.method).uri(ask.path);
    let mut header = |name: &str, value: &str| {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().unwrap().insert(http::HeaderName::try_from(name).unwrap(), value);
    };
    if let Some(target) = ask.target {
        header("x-amz-target", target);
    }
    if let Some(signing_name) = ask.signing_name {
        for (name, value) in claimed(signing_name) {
            header(name, &value);
        }
    }
    if let Some(content_type) = ask.content_type {
        header("content-type", content_type);
    }
    if ask.is_cbor {
        header("smithy-protocol", "rpc-v2-cbor");
    }
    let request = request.body(body.into()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (parts, body) = runtime.block_on(sent(door, request));
    (parts.status.as_u16(), body)
}

fn is_no_fault(status: u16) -> bool {
    status < 500 || status == 501
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_]{0,9}", inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A body with the members that a shape has, and values that may not be theirs.
fn almost(schema: &'static Schema, depth: usize, choices: &mut impl FnMut(u32) -> u32) -> Value {
    if depth > 6 || choices(8) == 0 {
        let odd = [
            Value::Null,
            json!(true),
            json!(1e308),
            json!(-1),
            json!(9_223_372_036_854_775_807_i64),
            json!("*"),
            json!([]),
            json!({}),
            json!([null]),
            json!({ "": null }),
            json!("\u{0}\u{ffff}"),
            json!(0.1),
        ];
        return odd[choices(12) as usize].clone();
    }
    match &schema.kind {
        Kind::Structure(members) | Kind::Union(members) => {
            let mut object = serde_json::Map::new();
            for member in *members {
                if choices(2) == 0 {
                    object.insert(member.wire.to_owned(), almost(member.schema, depth + 1, choices));
                }
            }
            Value::Object(object)
        }
        Kind::List { element, .. } => {
            Value::Array((0..choices(3)).map(|_| almost(element, depth + 1, choices)).collect())
        }
        Kind::Map { value, .. } => {
            (0..choices(3)).map(|n| (n.to_string(), almost(value, depth + 1, choices))).collect()
        }
        Kind::Boolean => json!(choices(2) == 0),
        Kind::Integer | Kind::Double | Kind::Timestamp => json!(choices(u32::MAX)),
        Kind::String | Kind::Enum(_) => json!("x".repeat(choices(300) as usize)),
        Kind::Blob => json!(base64::engine::general_purpose::STANDARD.encode([choices(255) as u8; 3])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_any_kind(ask in ask(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let (status, _) = answered(&front_door(true), &ask, body);
        prop_assert!(is_no_fault(status), "{status}");
    }

    #[test]
    fn json_of_any_shape(ask in ask(), body in json_value()) {
        let (status, _) = answered(&front_door(true), &ask, body.to_string());
        prop_assert!(is_no_fault(status), "{status}");
    }

    #[test]
    fn json_cut_anywhere(target in prop::sample::select(&TARGETS[..4]), body in json_value(), cut in 0_usize..200) {
        let ask = json_call(target);
        let mut text = body.to_string().into_bytes();
        text.truncate(cut);
        let (status, _) = answered(&front_door(true), &ask, text);
        prop_assert!(is_no_fault(status), "{status}");
    }

    #[test]
    fn inputs_that_are_almost_right(seed in any::<u32>()) {
        let mut state = seed | 1;
        let mut choices = move |bound: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % bound
        };
        let door = front_door(true);
        for (target, schema) in [
            ("CodePipeline_20150709.CreatePipeline", &codepipeline_model::CREATE_PIPELINE),
            ("CodeBuild_20161006.CreateProject", &codebuild_model::CREATE_PROJECT),
            ("CodeCommit_20150413.CreateCommit", &codecommit_model::CREATE_COMMIT),
            ("Logs_20140328.PutLogEvents", &logs_model::PUT_LOG_EVENTS),
        ] {
            let body = almost(schema, 0, &mut choices);
            let (status, answer) = answered(&door, &json_call(target), body.to_string());
            prop_assert!(status == 200 || status == 400, "{status} {answer:?} for {body}");
            // Else the door would be tested and not what is behind it.
            prop_assert!(!String::from_utf8_lossy(&answer).contains("IncompleteSignature"), "{answer:?}");
        }
    }

    #[test]
    fn forms_of_any_kind(names in prop::collection::vec(("[A-Za-z0-9.]{0,30}", ".{0,20}"), 0..10)) {
        let mut body = "Action=CreateRole&Version=2010-05-08".to_owned();
        for (name, value) in names {
            body.push_str(&format!("&{name}={value}"));
        }
        let ask = Ask { content_type: Some("application/x-www-form-urlencoded"), ..json_call("") };
        let (status, _) = answered(&front_door(true), &Ask { target: None, signing_name: Some("iam"), ..ask }, body);
        prop_assert!(is_no_fault(status), "{status}");
    }
}

fn json_call(target: &'static str) -> Ask {
    Ask {
        method: "POST",
        path: "/",
        target: Some(target),
        signing_name: Some("codebuild"),
        content_type: Some("application/x-amz-json-1.1"),
        is_cbor: false,
    }
}

#[test]
fn known_attacks_are_refused() {
    let door = front_door(true);
    let deep_array = "[".repeat(MAX_BODY_BYTES / 2);
    let deep_object = format!("{}1{}", "{\"a\":".repeat(2000), "}".repeat(2000));
    let in_member = format!("{{\"project\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let digits = format!("{{\"limit\":{}}}", "9".repeat(100_000));
    let exponent = "{\"limit\":1e999999999}".to_owned();
    let too_long = "x".repeat(MAX_BODY_BYTES + 1);
    for (body, expected) in [
        (deep_array, 400),
        (deep_object, 400),
        (in_member, 400),
        (digits, 400),
        (exponent, 400),
        (too_long, 413),
        ("\u{0}".to_owned(), 400),
        ("{\"a\":\"\\ud800\"}".to_owned(), 400),
    ] {
        let (status, answer) = answered(&door, &json_call("Logs_20140328.DescribeLogGroups"), body.clone());
        let shown: String = body.chars().take(40).collect();
        assert_eq!(status, expected, "{shown}: {answer:?}");
    }
    let invalid_utf8 = &b"{\"logGroupName\":\"\xff\xfe\"}"[..];
    let (status, answer) = answered(&door, &json_call("Logs_20140328.CreateLogGroup"), invalid_utf8);
    assert_eq!(status, 400);
    assert!(String::from_utf8_lossy(&answer).contains("SerializationException"), "{answer:?}");
}

#[test]
fn a_deep_form_and_deep_documents_are_refused() {
    let door = front_door(true);
    let form = Ask {
        content_type: Some("application/x-www-form-urlencoded"),
        target: None,
        signing_name: Some("iam"),
        ..json_call("")
    };
    let deep = format!("Action=CreateRole&Version=2010-05-08&{}=1", "a.".repeat(10_000));
    let wide: String = "&a.b.c.d.e=1".repeat(80_000);
    for body in [deep, format!("Action=CreateRole&Version=2010-05-08{wide}")] {
        let (status, answer) = answered(&door, &form, body);
        assert_eq!(status, 400);
        assert!(String::from_utf8_lossy(&answer).contains("<Code>MalformedInput</Code>"), "{answer:?}");
    }
    let xml = Ask { path: "/2020-01-08/label", target: None, signing_name: Some("labels"), ..json_call("") };
    for body in ["<a>".repeat(200_000), "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".to_owned()] {
        assert_eq!(answered(&door, &xml, body).0, 400);
    }
    let cbor = Ask { path: "/service/IAM/operation/GetUser", target: None, is_cbor: true, ..json_call("") };
    for body in [vec![0x81; 200_000], vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(answered(&door, &Ask { signing_name: Some("iam"), ..cbor.clone() }, body).0, 400);
    }
}

/// A tree takes many times the memory of its bytes.
#[test]
fn a_body_of_very_many_values_is_refused() {
    let door = front_door(true);
    let json = format!("{{\"logEvents\":[{}]}}", vec!["{}"; 300_000].join(","));
    let cbor = [&[0x9a, 0, 0x0f, 0, 0][..], &vec![0; 0x000f_0000]].concat();
    let xml = format!("<a>{}</a>", "<b/>".repeat(255_000));
    let in_cbor =
        Ask { path: "/service/IAM/operation/GetUser", target: None, is_cbor: true, ..json_call("") };
    let in_xml =
        Ask { path: "/2020-01-08/label", target: None, signing_name: Some("labels"), ..json_call("") };
    for (ask, body) in [
        (json_call("Logs_20140328.PutLogEvents"), Bytes::from(json)),
        (Ask { signing_name: Some("iam"), ..in_cbor }, Bytes::from(cbor)),
        (in_xml, Bytes::from(xml)),
    ] {
        let (status, answer) = answered(&door, &ask, body);
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(status == 400 && text.contains("holds more than 250000 values"), "{text}");
    }
    // Commas inside of a string are no values.
    let long = format!("{{\"logGroupName\":\"{}\"}}", ",".repeat(300_000));
    let (_, answer) = answered(&door, &json_call("Logs_20140328.CreateLogGroup"), long);
    assert!(String::from_utf8_lossy(&answer).contains(" detected: "), "{answer:?}");
}

/// Checking must not take the square of how much is missing: this body would keep it busy for many minutes.
#[test]
fn a_body_that_lacks_everything_is_refused_in_time() {
    let started = std::time::Instant::now();
    let events = vec!["{}"; 100_000].join(",");
    let body = format!("{{\"logGroupName\":\"g\",\"logStreamName\":\"s\",\"logEvents\":[{events}]}}");
    let (status, answer) = answered(&front_door(true), &json_call("Logs_20140328.PutLogEvents"), body);
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(status == 400 && text.contains(" validation errors detected: "), "{text}");
    assert!(text.len() < 10_000, "{}", text.len());
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}
