use super::*;
use proptest::prelude::*;

const OPERATORS: [(&str, &str); 9] = [
    ("StringEquals", "StringNotEquals"),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    ("StringLike", "StringNotLike"),
    ("NumericEquals", "NumericNotEquals"),
    ("DateEquals", "DateNotEquals"),
    ("IpAddress", "NotIpAddress"),
    ("ArnEquals", "ArnNotEquals"),
    ("ArnLike", "ArnNotLike"),
    ("Bool", ""),
];

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn condition(operator: &str, values: &[&str]) -> Condition {
    Condition::new(operator, "test:Key", &strings(values), Version::V2012).expect("a valid condition")
}

/// `present`: the request's values; `None` for an absent key.
fn holds(operator: &str, values: &[&str], present: Option<&[&str]>) -> bool {
    let mut context = Context::new();
    context.set_all("test:key", present.map(strings).unwrap_or_default());
    condition(operator, values).holds(&context)
}

#[test]
fn operators_on_one_value() {
    for (operator, values, value, expected) in [
        ("StringEquals", &["a", "b"][..], "b", true),
        ("StringEquals", &["a*"], "ab", false),
        ("StringEquals", &["a*"], "a*", true),
        ("StringEquals", &["A"], "a", false),
        ("StringNotEquals", &["a", "b"], "b", false),
        ("StringNotEquals", &["a", "b"], "c", true),
        ("StringEqualsIgnoreCase", &["Ab"], "aB", true),
        ("StringNotEqualsIgnoreCase", &["Ab"], "aB", false),
        ("StringLike", &["home/*", "x?"], "home/a/b", true),
        ("StringLike", &["home/*"], "Home/a", false),
        ("StringNotLike", &["home/*"], "home/a", false),
        ("NumericEquals", &["10"], "10.0", true),
        ("NumericLessThan", &["10"], "9.99", true),
        ("NumericLessThan", &["10"], "10", false),
        ("NumericLessThanEquals", &["10"], "10", true),
        ("NumericGreaterThan", &["10"], "11", true),
        ("NumericGreaterThanEquals", &["10"], "9", false),
        ("NumericNotEquals", &["10"], "10", false),
        ("NumericEquals", &["10"], "ten", false),
        ("DateGreaterThan", &["2020-01-01T00:00:00Z"], "2020-01-01T00:00:01Z", true),
        ("DateGreaterThan", &["1577836800"], "2019-12-31T23:59:59Z", false),
        ("DateLessThan", &["2020-01-01T00:00:00Z"], "2019-12-31T23:59:59Z", true),
        ("DateLessThanEquals", &["2020-01-01T00:00:00Z"], "2020-01-01T00:00:00Z", true),
        ("DateGreaterThanEquals", &["2020-01-01T00:00:00Z"], "2020-01-01T00:00:00Z", true),
        ("DateEquals", &["2020-01-01T00:00:00Z"], "1577836800", true),
        ("DateNotEquals", &["2020-01-01T00:00:00Z"], "1577836800", false),
        ("Bool", &["true"], "true", true),
        ("Bool", &["true"], "false", false),
        ("Bool", &["true", "false"], "false", true),
        ("BinaryEquals", &["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], "QmluYXJ5VmFsdWVJbkJhc2U2NA==", true),
        ("BinaryEquals", &["QUE="], "QUI=", false),
        ("IpAddress", &["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "203.0.113.4", true),
        ("IpAddress", &["203.0.113.0/24"], "nowhere", false),
        ("NotIpAddress", &["203.0.113.0/24"], "203.0.113.4", false),
        ("ArnLike", &["arn:aws:sns:*:*:t*"], "arn:aws:sns:eu-west-1:123456789012:topic", true),
        ("ArnEquals", &["arn:aws:sns:*:*:t*"], "arn:aws:sns:eu-west-1:123456789012:topic", true),
        ("ArnNotLike", &["arn:aws:sns:*:*:t*"], "arn:aws:sns:eu-west-1:123456789012:topic", false),
        ("Null", &["true"], "x", false),
        ("Null", &["false"], "x", true),
    ] {
        assert_eq!(holds(operator, values, Some(&[value])), expected, "{operator} {values:?} {value}");
    }
}

#[test]
fn absent_key() {
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringNotEquals", true),
        ("StringEqualsIfExists", true),
        ("StringNotEqualsIfExists", true),
        ("ForAllValues:StringEquals", true),
        ("ForAnyValue:StringEquals", false),
        ("ForAnyValue:StringNotEquals", false),
        ("ForAnyValue:StringLikeIfExists", true),
        ("ArnNotEquals", true),
    ] {
        assert_eq!(holds(operator, &["a"], None), expected, "{operator}");
    }
    assert!(holds("Null", &["true"], None));
    assert!(!holds("Null", &["false"], None));
    assert!(holds("NotIpAddress", &["10.0.0.0/8"], None));
    assert!(!holds("Bool", &["false"], None));
}

/// The table of the user guide's page on multivalued keys.
#[test]
fn several_values() {
    for (operator, values, present, expected) in [
        ("ForAllValues:StringEquals", &["environment", "cost-center"][..], &["environment"][..], true),
        ("ForAllValues:StringEquals", &["environment", "cost-center"], &["environment", "dept"], false),
        ("ForAnyValue:StringEquals", &["environment", "cost-center"], &["environment", "dept"], true),
        ("ForAnyValue:StringEquals", &["environment"], &["dept"], false),
        ("ForAllValues:StringNotEquals", &["webserver"], &["environment", "dept"], true),
        ("ForAllValues:StringNotEquals", &["webserver"], &["webserver", "dept"], false),
        ("ForAnyValue:StringNotEquals", &["webserver"], &["webserver", "dept"], true),
        ("ForAnyValue:StringNotEquals", &["webserver"], &["webserver"], false),
        ("StringEquals", &["a"], &["a", "b"], true),
        ("StringNotEquals", &["a"], &["a", "b"], false),
    ] {
        assert_eq!(holds(operator, values, Some(present)), expected, "{operator} {values:?} {present:?}");
    }
}

#[test]
fn variables_in_values() {
    let mut context = Context::new();
    context.set("aws:username", "jane");
    context.set("test:key", "home/jane/x");
    assert!(condition("StringLike", &["home/${aws:username}/*"]).holds(&context));
    assert!(!condition("StringLike", &["home/${aws:userid}/*"]).holds(&context));
    assert!(condition("StringNotLike", &["home/${aws:userid}/*"]).holds(&context));
    let names: Vec<_> = condition("StringLike", &["${aws:UserName}"]).variables().cloned().collect();
    assert_eq!(names[0].name, "aws:UserName");
}

#[test]
fn refused() {
    for (operator, values, expected) in [
        ("StringMatches", &["a"][..], Invalid::Operator),
        ("stringequals", &["a"], Invalid::Operator),
        ("ForSomeValues:StringEquals", &["a"], Invalid::Operator),
        ("ForAllValues:", &["a"], Invalid::Operator),
        ("NullIfExists", &["true"], Invalid::Operator),
        ("ForAllValues:Null", &["true"], Invalid::Operator),
        ("IfExists", &["true"], Invalid::Operator),
        ("NumericEquals", &["ten"], Invalid::Value),
        ("DateEquals", &["soon"], Invalid::Value),
        ("IpAddress", &["10.0.0.0/40"], Invalid::Value),
        ("Bool", &["maybe"], Invalid::Value),
        ("BinaryEquals", &["%%"], Invalid::Value),
    ] {
        let actual = Condition::new(operator, "k:k", &strings(values), Version::V2012).map(|_| ());
        assert_eq!(actual, Err(expected), "{operator}");
    }
}

fn a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab*?]{0,3}",
        "[0-2]",
        Just("2020-01-01T00:00:00Z".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("arn:aws:sns:r:a:t".to_owned()),
        Just("true".to_owned()),
    ]
}

proptest! {
    /// `Not…` is the complement of its positive form, whatever the request holds.
    #[test]
    fn negated_is_the_complement(
        pair in 0..8usize,
        values in prop::collection::vec(a_value(), 1..4),
        present in prop::option::of(prop::collection::vec(a_value(), 0..4)),
    ) {
        let (positive, negative) = OPERATORS[pair];
        let mut context = Context::new();
        context.set_all("k:k", present.unwrap_or_default());
        let positive = Condition::new(positive, "k:k", &values, Version::V2012);
        let negative = Condition::new(negative, "k:k", &values, Version::V2012);
        prop_assert_eq!(positive.is_ok(), negative.is_ok());
        if let (Ok(positive), Ok(negative)) = (positive, negative) {
            prop_assert_ne!(positive.holds(&context), negative.holds(&context));
        }
    }

    /// `…IfExists` holds exactly when the key is absent or the plain operator holds.
    #[test]
    fn if_exists_is_absent_or_plain(
        pair in 0..9usize,
        negative in any::<bool>(),
        quantifier in prop_oneof![Just(""), Just("ForAllValues:"), Just("ForAnyValue:")],
        values in prop::collection::vec(a_value(), 1..4),
        present in prop::option::of(prop::collection::vec(a_value(), 0..4)),
    ) {
        let (positive, negated) = OPERATORS[pair];
        let base = if negative && !negated.is_empty() { negated } else { positive };
        let present = present.unwrap_or_default();
        let absent = present.is_empty();
        let mut context = Context::new();
        context.set_all("k:k", present);
        let plain = Condition::new(&format!("{quantifier}{base}"), "k:k", &values, Version::V2012);
        let lenient = Condition::new(&format!("{quantifier}{base}IfExists"), "k:k", &values, Version::V2012);
        prop_assert_eq!(plain.is_ok(), lenient.is_ok());
        if let (Ok(plain), Ok(lenient)) = (plain, lenient) {
            prop_assert_eq!(lenient.holds(&context), absent || plain.holds(&context));
        }
    }

    /// Nothing that a policy may contain makes compilation or evaluation fail in another way than by refusing.
    #[test]
    fn never_panics(operator in "\\PC{0,20}", pair in 0..9usize, key in "\\PC{0,8}", value in "\\PC{0,16}") {
        let mut context = Context::new();
        context.set(key.clone(), value.clone());
        for operator in [operator.as_str(), OPERATORS[pair].0] {
            if let Ok(condition) = Condition::new(operator, &key, std::slice::from_ref(&value), Version::V2012) {
                condition.holds(&context);
            }
        }
    }
}
