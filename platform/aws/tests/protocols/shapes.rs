//! Shapes that have one of everything.

use aws::shape::prelude::*;
use aws::{Blob, Map, Timestamp};

static ISO: Schema = Schema::new("Iso", Kind::Timestamp).timestamp_format(TimestampFormat::Iso8601);
static HTTP_DATE: Schema =
    Schema::new("HttpDate", Kind::Timestamp).timestamp_format(TimestampFormat::HttpDate);
static EPOCH: Schema = Schema::new("Epoch", Kind::Timestamp).timestamp_format(TimestampFormat::EpochSeconds);

aws::string_enum! { SUIT: Suit = "Suit" { Diamond = "DIAMOND", Club = "CLUB", } }

aws::structure! { SCALARS: Scalars = Structure "Scalars" {
    string: Option<String> = "string" STRING;
    boolean: Option<bool> = "boolean" BOOLEAN;
    integer: Option<i32> = "integer" INTEGER;
    long: Option<i64> = "long" LONG;
    double: Option<f64> = "double" DOUBLE;
    blob: Option<Blob> = "blob" BLOB;
    at: Option<Timestamp> = "at" TIMESTAMP;
    iso: Option<Timestamp> = "iso" ISO;
    http_date: Option<Timestamp> = "httpDate" HTTP_DATE;
    epoch: Option<Timestamp> = "epoch" EPOCH;
    suit: Option<Suit> = "suit" SUIT;
    renamed: Option<String> = "renamed" STRING wire("Wire-Name");
    secret: Option<String> = "secret" SENSITIVE_STRING;
} }

aws::structure! { CHOICE: Choice = Union "Choice" {
    text: Option<String> = "text" STRING;
    number: Option<i32> = "number" INTEGER;
    numbers: Option<Vec<i32>> = "numbers" NUMBERS;
    node: Option<Node> = "node" NODE;
} }

pub static STRINGS: Schema = Schema::list("Strings", &STRING);
pub static NUMBERS: Schema = Schema::list("Numbers", &INTEGER);
static NESTED_LISTS: Schema = Schema::list("NestedLists", &STRINGS);
static MAP_OF_STRINGS: Schema = Schema::map("MapOfStrings", &STRING, &STRING);
static MAP_OF_LISTS: Schema = Schema::map("MapOfLists", &STRING, &STRINGS);
static MAP_OF_NODES: Schema = Schema::map("MapOfNodes", &STRING, &NODE);
static NODES: Schema = Schema::list("Nodes", &NODE);
static TIMES: Schema = Schema::list("Times", &TIMESTAMP);
static BLOBS: Schema = Schema::list("Blobs", &BLOB);

aws::structure! { NODE: Node = Structure "Node" {
    name: Option<String> = "name" STRING;
    next: Option<Box<Node>> = "next" NODE;
    children: Option<Vec<Node>> = "children" NODES;
    named: Option<Map<Node>> = "named" MAP_OF_NODES;
} }

aws::structure! { CONTAINERS: Containers = Structure "Containers" {
    strings: Option<Vec<String>> = "strings" STRINGS;
    nested: Option<Vec<Vec<String>>> = "nested" NESTED_LISTS;
    times: Option<Vec<Timestamp>> = "times" TIMES;
    blobs: Option<Vec<Blob>> = "blobs" BLOBS;
    nodes: Option<Vec<Node>> = "nodes" NODES;
    map: Option<Map<String>> = "map" MAP_OF_STRINGS;
    lists: Option<Map<Vec<String>>> = "lists" MAP_OF_LISTS;
    by_name: Option<Map<Node>> = "byName" MAP_OF_NODES;
    choice: Option<Choice> = "choice" CHOICE;
} }

aws::structure! { NEEDY: Needy = Structure "Needy" {
    name: String = "name" STRING required();
    scalars: Option<Scalars> = "scalars" SCALARS;
    inner: Option<Vec<Needy>> = "inner" NEEDIES;
} }
static NEEDIES: Schema = Schema::list("Needies", &NEEDY);

aws::structure! { NOTHING: Nothing = Structure "Nothing" { } }

pub fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

pub fn strings(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

pub fn map<V: Clone>(entries: &[(&str, V)]) -> Option<Map<V>> {
    Some(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// 2021-04-05T06:07:08Z and so many milliseconds.
pub fn at(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(1_617_602_828_000 + millis))
}

pub fn node(name: &str) -> Node {
    Node { name: text(name), ..Node::default() }
}

/// One shape with every scalar.
pub fn all_scalars() -> Scalars {
    Scalars {
        string: text("a \"b\" \\ é \u{1F600}\n\t<&>"),
        boolean: Some(false),
        integer: Some(i32::MIN),
        long: Some(i64::MAX),
        double: Some(-1.25e-3),
        blob: Some(Blob::from("binary\u{0}value")),
        at: at(250),
        iso: at(0),
        http_date: at(0),
        epoch: at(0),
        suit: Some(Suit::Diamond),
        renamed: text("r"),
        secret: text("s"),
    }
}

/// One shape with every container.
pub fn all_containers() -> Containers {
    let deep = Node {
        next: Some(Box::new(node("below"))),
        children: Some(vec![node("first"), Node { children: Some(vec![node("third")]), ..node("second") }]),
        named: map(&[("key", node("value"))]),
        ..node("deep")
    };
    Containers {
        strings: strings(&["a", "", "b c"]),
        nested: Some(vec![vec!["x".to_owned(), "y".to_owned()], vec!["z".to_owned()]]),
        times: Some(vec![Timestamp::from_millis(0), Timestamp::from_millis(1500)]),
        blobs: Some(vec![Blob::from("1"), Blob::from("22")]),
        nodes: Some(vec![deep]),
        map: map(&[("k1", "v1".to_owned()), ("k.2", "v & 2".to_owned())]),
        lists: map(&[("l", vec!["1".to_owned(), "2".to_owned()])]),
        by_name: map(&[("one", node("1")), ("two", node("2"))]),
        choice: Some(Choice { numbers: Some(vec![1, 2]), ..Choice::default() }),
    }
}
