use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn matches(pattern: Value, event: Value) -> bool {
    Pattern::parse(&pattern.to_string()).unwrap().matches(&Flattened::of(&event))
}

/// Whether a list of conditions on field `f` is satisfied by its value.
fn admits(conditions: Value, value: Value) -> bool {
    matches(json!({"f": conditions}), json!({"f": value}))
}

#[test]
fn exact_values_have_types() {
    assert!(admits(json!(["a"]), json!("a")) && !admits(json!(["a"]), json!("A")));
    assert!(admits(json!([300]), json!(300.0)) && !admits(json!([300]), json!("300")));
    assert!(admits(json!([true]), json!(true)) && !admits(json!([true]), json!("true")));
    assert!(admits(json!([null]), Value::Null) && !admits(json!([""]), Value::Null));
    assert!(admits(json!([{"exactly": "a"}]), json!("a")));
    assert!(admits(json!(["::1"]), json!("0:0:0:0:0:0:0:1")) && !admits(json!(["::1"]), json!("::2")));
}

#[test]
fn beginnings_and_ends() {
    assert!(
        admits(json!([{"prefix": "ab"}]), json!("abc")) && !admits(json!([{"prefix": "b"}]), json!("abc"))
    );
    assert!(admits(json!([{"suffix": "bc"}]), json!("abc")) && !admits(json!([{"suffix": ""}]), json!(1)));
    let ignoring = |end: &str, text: &str| json!([{end: {"equals-ignore-case": text}}]);
    assert!(
        admits(ignoring("prefix", "AB"), json!("abc")) && !admits(ignoring("prefix", "abcd"), json!("abc"))
    );
    assert!(admits(ignoring("suffix", "BC"), json!("abc")) && !admits(ignoring("suffix", "B"), json!("abc")));
    assert!(admits(json!([{"equals-ignore-case": "ÄB"}]), json!("äb")));
    assert!(!admits(json!([{"equals-ignore-case": "ss"}]), json!("ß")));
}

#[test]
fn anything_but_wants_a_value_that_differs() {
    let but = |operand: Value| json!([{"anything-but": operand}]);
    assert!(admits(but(json!("a")), json!("b")) && !admits(but(json!("a")), json!("a")));
    assert!(admits(but(json!("a")), Value::Null) && admits(but(json!([1, 2])), json!("1")));
    assert!(!admits(but(json!([1, 2])), json!(2)) && admits(but(json!([1, 2])), json!(3)));
    assert!(admits(but(json!("a")), json!(["a", "b"])) && !admits(but(json!("a")), json!([])));
    assert!(!matches(json!({"f": but(json!("a"))}), json!({})));
    assert!(
        !admits(but(json!({"prefix": "a"})), json!("ab")) && admits(but(json!({"prefix": "a"})), json!("b"))
    );
    assert!(!admits(but(json!({"suffix": ["a", "b"]})), json!("ab")));
    assert!(!admits(but(json!({"equals-ignore-case": "AB"})), json!("ab")));
    assert!(
        !admits(but(json!({"wildcard": ["a*", "b*"]})), json!("bc"))
            && admits(but(json!({"wildcard": "a*"})), json!("bc"))
    );
}

#[test]
fn numbers_are_in_ranges() {
    assert!(admits(json!([{"numeric": ["=", 3.5]}]), json!(3.5)));
    assert!(admits(json!([{"numeric": [">", 0, "<=", 5]}]), json!(5)));
    assert!(!admits(json!([{"numeric": [">", 0, "<=", 5]}]), json!(0)));
    assert!(!admits(json!([{"numeric": ["<", 5]}]), json!("3")));
}

#[test]
fn addresses_wildcards_and_presence() {
    assert!(admits(json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.0.7")));
    assert!(admits(json!([{"wildcard": "a*c"}]), json!("abc")));
    assert!(
        admits(json!([{"exists": true}]), Value::Null) && !admits(json!([{"exists": true}]), json!({"x": 1}))
    );
    assert!(!admits(json!([{"exists": true}]), json!([])) && admits(json!([{"exists": false}]), json!([])));
    assert!(matches(json!({"a": {"b": [{"exists": false}]}}), json!({})));
    assert!(
        admits(json!(["a", {"exists": false}]), json!("a"))
            && !admits(json!(["a", {"exists": false}]), json!("b"))
    );
}

#[test]
fn names_join_by_dots() {
    assert!(matches(json!({"a.b": ["x"]}), json!({"a": {"b": "x"}})));
    assert!(matches(json!({"a": {"b": ["x"]}}), json!({"a.b": "x"})));
}

#[test]
fn one_element_of_a_list_has_to_satisfy_all_fields_within() {
    let pattern = json!({"i": {"name": ["b"], "up": [true]}});
    assert!(!matches(pattern.clone(), json!({"i": [{"name": "a", "up": true}, {"name": "b", "up": false}]})));
    assert!(matches(pattern, json!({"i": [{"name": "a", "up": false}, {"name": "b", "up": true}]})));
}

#[test]
fn alternatives_multiply() {
    let pattern = json!({"a": [1], "$or": [{"b": [1]}, {"c": [1], "$or": [{"d": [1]}, {"e": [1]}]}]});
    assert!(matches(pattern.clone(), json!({"a": 1, "b": 1})));
    assert!(matches(pattern.clone(), json!({"a": 1, "c": 1, "e": 1})));
    assert!(!matches(pattern.clone(), json!({"a": 1, "c": 1})) && !matches(pattern, json!({"b": 1})));
    assert!(matches(json!({"$or": ["x"]}), json!({"$or": "x"})), "a field of that name");
}

#[track_caller]
fn check(pattern: &str, expected: &str) {
    let message = Pattern::parse(pattern).unwrap_err().message(pattern);
    assert_eq!(message, format!("Event pattern is not valid. Reason: {expected}"));
}

#[test]
fn refusals_have_aws_words_and_places() {
    let at = |pattern: &str, column: usize| {
        format!("\n at [Source: (String)\"{pattern}\"; line: 1, column: {column}]")
    };
    for (pattern, reason, column) in [
        (r#""text""#, "Filter is not an object", 2),
        (r#"{"source": "aws.s3"}"#, "\"source\" must be an object or an array", 13),
        (r#"{"a": []}"#, "Empty arrays are not allowed", 9),
        ("{}", "Empty objects are not allowed", 3),
        (r#"{"a": [[1]]}"#, "Match value must be String, number, true, false, or null", 9),
        (r#"{"a": [{"x": 1}]}"#, "Unrecognized match type x", 15),
        (r#"{"a": [{"prefix": 1}]}"#, "prefix match pattern must be a string", 20),
        (r#"{"a": [{"cidr": 1}]}"#, "prefix match pattern must be a string", 18),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "Only one key allowed in match expression", 35),
        (r#"{"a": [{"exists": 1}]}"#, "exists match pattern must be either true or false.", 20),
        (r#"{"a": [{"numeric": 1}]}"#, "Value of numeric must be an array.", 21),
        (r#"{"a": [{"numeric": ["!", 1]}]}"#, "Unrecognized numeric range operator: !", 22),
        (r#"{"a": [{"numeric": ["=", "1"]}]}"#, "Value of equals must be numeric", 27),
        (r#"{"a": [{"numeric": [">", 5, "<", 1]}]}"#, "Bottom must be less than top", 36),
        (
            r#"{"a": [{"anything-but": [1, "a"]}]}"#,
            "Inside anything but list, either all values are number or string, mixed type is not supported",
            33,
        ),
        (
            r#"{"a": [{"anything-but": [null]}]}"#,
            "Inside anything but list, start|null|boolean is not supported.",
            30,
        ),
        (r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, "Null prefix/suffix not allowed", 37),
        (
            r#"{"a": [{"anything-but": true}]}"#,
            "Value of anything-but must be an array or single string/number value.",
            29,
        ),
    ] {
        check(pattern, &format!("{reason}{}", at(pattern, column)));
    }
    check(r#"{"a": [{"wildcard": "a**"}]}"#, "Consecutive wildcard characters at pos 2");
    check(r#"{"a": [{"cidr": "10.0.0.1/32"}]}"#, "IPv4 mask bits must be < 32");
}

#[test]
fn too_many_combinations_are_refused() {
    let or = |n: u32| format!(r#""$or": [{{"a{n}": [1]}}, {{"b{n}": [1]}}]"#);
    let nested =
        (0..10).fold(String::from("\"z\": [1]"), |inner, n| format!("\"y{n}\": {{{}, {inner}}}", or(n)));
    assert!(Pattern::parse(&format!("{{{nested}}}")).unwrap_err().reason.contains("combinations"));
}

#[test]
fn a_mismatch_names_field_value_and_operator() {
    let pattern = json!({"source": ["aws.s3"], "detail": {"n": [{"numeric": [">", 3]}]}});
    let pattern = Pattern::parse(&pattern.to_string()).unwrap();
    let why = |event: Value| pattern.judge(&Flattened::of(&event)).unwrap_err().to_string();
    assert_eq!(why(json!({"source": "aws.ec2"})), r#"source is "aws.ec2"; wanted "aws.s3""#);
    assert_eq!(
        why(json!({"source": "aws.s3"})),
        r#"detail.n is not in the event; wanted {"numeric": [">", 3]}"#
    );
    assert_eq!(
        why(json!({"source": "aws.s3", "detail": {"n": [1, 2]}})),
        r#"none of detail.n's values 1, 2 fits; wanted {"numeric": [">", 3]}"#
    );
    let of_alternatives = json!({"$or": [{"a": [1]}, {"b": [1], "c": [1]}]});
    let pattern = Pattern::parse(&of_alternatives.to_string()).unwrap();
    assert_eq!(
        pattern.judge(&Flattened::of(&json!({"b": 1}))).unwrap_err().field,
        "c",
        "the alternative that got furthest"
    );
}

#[test]
fn an_index_sees_exact_sources() {
    let pattern = json!({"$or": [{"source": ["a", "b"]}, {"detail-type": [{"prefix": "x"}]}]});
    let keys: Vec<Keys> = Pattern::parse(&pattern.to_string()).unwrap().keys().collect();
    assert_eq!(keys[0], Keys { sources: Some(vec!["a".into(), "b".into()]), detail_types: None });
    assert_eq!(keys[1], Keys { sources: None, detail_types: None });
}

/// Every event that is left when one element of each list is chosen. The obvious meaning of a list.
fn choices(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![json!({})],
        Value::Array(elements) => elements.iter().flat_map(choices).collect(),
        Value::Object(members) => members.iter().fold(vec![json!({})], |sofar, (name, member)| {
            let member = choices(member);
            let with = |event: &Value, choice: &Value| {
                let mut event = event.clone();
                event[name] = choice.clone();
                event
            };
            sofar.iter().flat_map(|event| member.iter().map(move |choice| with(event, choice))).collect()
        }),
        scalar => vec![scalar.clone()],
    }
}

/// A reference matcher that works on the pattern's own JSON, knows the operators that are generated, and shares no
/// code with the matcher under test.
fn naive(pattern: &Map<String, Value>, chosen: &Value, all: &[Value], path: &str) -> bool {
    pattern.iter().all(|(name, wanted)| {
        if name == "$or" {
            let alternatives = wanted.as_array().unwrap();
            return alternatives.iter().any(|one| naive(one.as_object().unwrap(), chosen, all, path));
        }
        let path = format!("{path}/{name}");
        match wanted {
            Value::Object(inner) => naive(inner, chosen, all, &path),
            conditions => {
                let scalar = |event: &Value| event.pointer(&path).filter(|value| !value.is_object()).cloned();
                let absent = all.iter().all(|event| scalar(event).is_none());
                let value = scalar(chosen);
                conditions.as_array().unwrap().iter().any(|one| naive_condition(one, value.as_ref(), absent))
            }
        }
    })
}

fn naive_condition(condition: &Value, value: Option<&Value>, absent: bool) -> bool {
    if condition == &json!({"exists": false}) {
        return absent;
    }
    let Some(value) = value else { return false };
    let text = value.as_str();
    match condition.as_object().and_then(|operator| operator.iter().next()) {
        None => condition == value,
        Some((operator, operand)) => match operator.as_str() {
            "exists" => true,
            "prefix" => text.is_some_and(|text| text.starts_with(operand.as_str().unwrap())),
            "anything-but" => operand != value,
            "numeric" => value.as_i64().is_some_and(|n| n > operand[1].as_i64().unwrap()),
            other => unreachable!("{other} is not generated"),
        },
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("x")),
        Just(json!("xy")),
        Just(json!("y")),
        (0..3i64).prop_map(Value::from),
        Just(Value::Null),
        Just(json!(true))
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[abcd]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[abcd]", value, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => any::<bool>().prop_map(|wanted| json!({"exists": wanted})),
        1 => Just(json!({"prefix": "x"})),
        1 => Just(json!({"anything-but": "x"})),
        1 => (0..3i64).prop_map(|n| json!({"numeric": [">", n]})),
    ]
}

/// Names of siblings and of members of `$or` differ, as the last of several members with one name counts.
fn pattern() -> impl Strategy<Value = Value> {
    let conditions = || prop::collection::vec(condition(), 1..3).prop_map(Value::Array);
    let object = |names: &'static str| {
        let leaf = conditions().boxed();
        let nested = prop::collection::btree_map("[abcd]", leaf.clone(), 1..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()));
        prop::collection::btree_map(names, prop_oneof![leaf, nested], 1..3)
    };
    let or = prop::option::of(prop::collection::vec(object("[cd]"), 2..4));
    (object("[ab]"), or).prop_map(|(siblings, or)| {
        let mut members: Map<String, Value> = siblings.into_iter().collect();
        if let Some(alternatives) = or {
            let alternatives = alternatives.into_iter().map(|one| Value::Object(one.into_iter().collect()));
            members.insert("$or".to_owned(), alternatives.collect());
        }
        Value::Object(members)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_reference(pattern in pattern(), event in event()) {
        let all = choices(&event);
        prop_assume!(all.len() < 500);
        let expected = all.iter().any(|chosen| naive(pattern.as_object().unwrap(), chosen, &all, ""));
        let compiled = Pattern::parse(&pattern.to_string()).unwrap();
        prop_assert_eq!(compiled.matches(&Flattened::of(&event)), expected);
        prop_assert_eq!(compiled.judge(&Flattened::of(&event)).is_ok(), expected);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\{\\}\\[\\]\":,a-c0-9$\\\\ \n]{0,40}") {
        if let Err(problem) = Pattern::parse(&text) {
            prop_assert!(!problem.message(&text).is_empty());
        }
    }
}
