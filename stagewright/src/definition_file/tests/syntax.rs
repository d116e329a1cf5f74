//! Files that are no documents, or documents of something else.

use expect_test::expect;

use super::{report_of, reported, source};

#[test]
fn broken_syntax() {
    reported(
        "p.json",
        "{\n  \"name\": \"p\",\n  \"stages\": [\n  ],\n}\n",
        expect![[r#"
        pipeline
        p.json:1:1: error: `roleArn` is missing
          |
        1 | {
          | ^

        p.json:1:1: error: Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified
          |
        1 | {
          | ^

        p.json:3:3: error: Pipeline has only 0 stage(s). There should be a minimum of 2 stages in a pipeline
          |
        3 |   "stages": [
          |   ^^^^^^^^

        p.json:3:3: error: Pipeline should start with a stage that only contains source actions
          |
        3 |   "stages": [
          |   ^^^^^^^^

        p.json:5:1: error: not JSON: trailing comma
          |
        5 | }
          | ^

    "#]],
    );
    reported(
        "p.json",
        "{\n  \"name\": \"p\"\n  \"stages\": []\n}\n",
        expect![[r#"
        unknown
        p.json:3:3: error: expected `,` or `}`
          |
        3 |   "stages": []
          |   ^

    "#]],
    );
    reported(
        "p.yaml",
        "stages:\n  - name: a\n name: b\n",
        expect![[r#"
        unknown
        p.yaml:3:2: error: while parsing a block mapping, did not find expected key
          |
        3 |  name: b
          |  ^

    "#]],
    );
    reported(
        "p.yaml",
        "stages:\n\t- name: a\n",
        expect![[r#"
        unknown
        p.yaml:2:2: error: tabs disallowed within this context (block indentation)
          |
        2 |     - name: a
          |     ^

    "#]],
    );
    reported(
        "p.json",
        "{\"name\": \"p",
        expect![[r#"
        unknown
        p.json:1:11: error: EOF while parsing a string
          |
        1 | {"name": "p
          |           ^

    "#]],
    );
}

#[test]
fn neither_this_nor_that() {
    reported(
        "p.yaml",
        "",
        expect![[r#"
            unknown
            p.yaml:1:1: error: the file is empty
              |
            1 |
              | ^

        "#]],
    );
    reported(
        "p.yaml",
        "just a text",
        expect![[r#"
        unknown
        p.yaml:1:1: error: neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)
          |
        1 | just a text
          | ^^^^^^^^^^^
          = help: say what it is with --as pipeline or --as buildspec

    "#]],
    );
    reported(
        "p.yaml",
        "stage:\n  - name: Source\n",
        expect![[r#"
            unknown
            p.yaml:1:1: error: neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)
              |
            1 | stage:
              | ^^^^^
              = help: did you mean `stages`?

        "#]],
    );
    reported(
        "p.yaml",
        "pipeline: hello\n",
        expect![[r#"
        pipeline
        p.yaml:1:11: error: `pipeline` must be a structure
          |
        1 | pipeline: hello
          |           ^^^^^

    "#]],
    );
    reported(
        "p.yaml",
        "stages: 5\n",
        expect![[r#"
            pipeline
            p.yaml:1:1: error: `name` is missing
              |
            1 | stages: 5
              | ^

            p.yaml:1:1: error: `roleArn` is missing
              |
            1 | stages: 5
              | ^

            p.yaml:1:1: error: Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified
              |
            1 | stages: 5
              | ^

            p.yaml:1:9: error: `stages` must be a list, not a number
              |
            1 | stages: 5
              |         ^

        "#]],
    );
}

#[test]
fn place_is_marked_in_a_file_of_one_long_line() {
    let json = format!(r#"{{"pipeline": {{"roleArn": "{}", "naem": "x", "stages": []}}}}"#, "a".repeat(300));
    let report = report_of(source("p.json", &json));
    let lines: Vec<&str> = report.lines().collect();
    let at = lines.iter().position(|line| line.contains("unknown member `naem`")).unwrap();
    let start = lines[at + 3].find('^').unwrap();
    let shown: String = lines[at + 2].chars().skip(start).take(6).collect();
    assert_eq!(shown, "\"naem\"", "{report}");
}
