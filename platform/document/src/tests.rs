use crate::{MAX_DEPTH, MAX_NODES, Node, Place, Scalar, Value, parse, why_not_json};

fn read(text: &str) -> Node {
    parse(text).unwrap().unwrap()
}

fn at(line: usize, column: usize) -> Place {
    Place { line, column }
}

#[test]
fn attacks_are_refused() {
    assert!(parse(&"- ".repeat(100)).unwrap_err().to_string().contains("levels deep"));
    parse(&"[".repeat(100)).unwrap_err();
    parse(&"[".repeat(100_000)).unwrap_err();
    parse(&"- ".repeat(100_000)).unwrap_err();
    parse(&"{a: ".repeat(100_000)).unwrap_err();
    let laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(1..9)
            .map(|n| {
                let (this, before) = (char::from(b'a' + n), char::from(b'a' + n - 1));
                format!("{this}: &{this} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n")
            })
            .collect::<String>();
    assert!(parse(&laughs).unwrap_err().to_string().contains("values"));
}

#[test]
fn empty_document_is_nothing() {
    assert!(parse("").unwrap().is_none());
    assert!(parse("# only a comment\n").unwrap().is_none());
}

#[test]
fn nodes_know_their_places_in_both_languages() {
    let yaml = read("name: é x\nstages:\n  - name: 'Build'\n");
    assert_eq!(yaml.get("name").unwrap().place, at(1, 7));
    assert_eq!(yaml.get("name").unwrap().width, 3);
    let Value::Sequence(stages) = &yaml.get("stages").unwrap().value else { panic!("no list") };
    assert_eq!((stages[0].place, stages[0].get("name").unwrap().width), (at(3, 5), 7));

    let json = read("{\"name\": \"é\",\r\n\t\"stages\": [{\"runOrder\": 12}]}");
    assert_eq!(json.entries()[1].0.place, at(2, 2));
    let Value::Sequence(stages) = &json.get("stages").unwrap().value else { panic!("no list") };
    let order = stages[0].get("runOrder").unwrap();
    assert_eq!((order.place, order.width, order.scalar()), (at(2, 26), 2, Some(Scalar::Integer(12))));
}

#[test]
fn odd_json_is_json() {
    let text = |document: &str| read(document).get("a").unwrap().text().unwrap().to_owned();
    assert_eq!(text("\t{\n\t\t\"a\"\t:\n\"tab\"}\n"), "tab");
    assert_eq!(text(r#"{"a": "\/\u00e9\ud83d\ude00\n\"{"}"#), "/é\u{1f600}\n\"{");
    assert_eq!(text(r##"{"a":"# no comment: !Ref &x *y"}"##), "# no comment: !Ref &x *y");
    assert_eq!(text(&format!("{{\"{}\": 1, \"a\": \"b\"}}", "long".repeat(1000))), "b");
    let numbers =
        read(r#"{"a": 1e3, "b": -0.5, "c": null, "d": "null", "e": true, "f": 123456789012345678901}"#);
    let scalar = |key: &str| numbers.get(key).unwrap().scalar().unwrap();
    assert_eq!(scalar("a"), Scalar::Number("1e3"));
    assert_eq!(scalar("b"), Scalar::Number("-0.5"));
    assert_eq!(scalar("c"), Scalar::Null);
    assert_eq!(scalar("d"), Scalar::Text("null"));
    assert_eq!(scalar("e"), Scalar::Boolean(true));
    assert_eq!(scalar("f"), Scalar::Number("123456789012345678901"));
    let twice = read(r#"{"a": 1, "a": 2}"#);
    assert_eq!(twice.entries().len(), 2, "the reader refuses it");
}

#[test]
fn what_is_not_quite_json_is_yaml_and_is_told() {
    let trailing = "{\"a\": \"é\",\n}";
    assert_eq!(read(trailing).get("a").unwrap().text(), Some("é"));
    let why = why_not_json(trailing).unwrap();
    assert_eq!((why.message.as_str(), why.place), ("trailing comma", at(2, 1)));
    assert_eq!(why_not_json("[1, ]").unwrap().message, "trailing comma");
    assert_eq!(why_not_json(r#"{"a": "éé", b}"#).unwrap().place, at(1, 13), "columns are characters");
    assert_eq!(why_not_json("{}"), None);

    let neither = parse("{\"a\": 1,\n \"b\" 2}").unwrap_err();
    assert_eq!((neither.message.as_str(), neither.place), ("expected `:`", at(2, 6)));
}

#[test]
fn tags_of_the_application_are_kept() {
    let node = read("a: !Ref Bucket\nb: !Sub ['x', {}]\nc: !!str 5\nd: !GetAtt\n  e: f\n");
    let tag = |key: &str| node.get(key).unwrap().tag.as_deref();
    assert_eq!((tag("a"), tag("b"), tag("c"), tag("d")), (Some("Ref"), Some("Sub"), None, Some("GetAtt")));
    assert_eq!(node.get("c").unwrap().scalar(), Some(Scalar::Text("5")));
}

#[test]
fn scalars_are_what_the_core_schema_says() {
    for (text, expected) in [
        ("yes", Scalar::Text("yes")),
        ("True", Scalar::Boolean(true)),
        ("0x1F", Scalar::Integer(31)),
        ("0o17", Scalar::Integer(15)),
        ("0x-1", Scalar::Text("0x-1")),
        ("-12", Scalar::Integer(-12)),
        ("+12", Scalar::Integer(12)),
        ("1.5", Scalar::Number("1.5")),
        (".5", Scalar::Number(".5")),
        ("1.2.3", Scalar::Text("1.2.3")),
        ("nan", Scalar::Text("nan")),
        ("2026-01-01", Scalar::Text("2026-01-01")),
    ] {
        assert_eq!(read(&format!("- {text}")).value_of_only_item().scalar(), Some(expected), "{text}");
    }
}

#[test]
fn json_is_bounded_like_yaml() {
    let deep = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    parse(&deep).unwrap();
    assert!(parse(&format!("[{deep}]")).unwrap_err().message.contains("levels deep"));
    let many = format!("[{}1]", "1,".repeat(MAX_NODES));
    assert!(parse(&many).unwrap_err().message.contains("values"));
}

impl Node {
    fn value_of_only_item(&self) -> &Node {
        match &self.value {
            Value::Sequence(items) if items.len() == 1 => &items[0],
            _ => panic!("not a list of one"),
        }
    }
}
