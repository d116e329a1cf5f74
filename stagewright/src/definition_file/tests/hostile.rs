//! No input makes it panic, run without end, or take memory without bound.

use proptest::prelude::*;

use super::super::{Kind, examine};
use super::{region, source};

const SEEDS: [&str; 4] = [
    r#"{"pipeline": {"name": "p", "roleArn": "arn:aws:iam::123456789012:role/r", "artifactStore": {"type": "S3",
"location": "bucket"}, "stages": [{"name": "S", "actions": [{"name": "A", "actionTypeId": {"category": "Source", "owner":
"AWS", "provider": "S3", "version": "1"}, "configuration": {"S3Bucket": "b", "S3ObjectKey": "\ud83d\ude00"},
"outputArtifacts": [{"name": "O"}]}]}, {"name": "T", "actions": [{"name": "B", "inputArtifacts": [{"name": "O"}]}]}]}}"#,
    "Parameters: {B: {Type: String, Default: main}}\nResources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n\
     \x20     RoleArn: !GetAtt R.Arn\n      ArtifactStores: [{Region: !Ref AWS::Region, ArtifactStore: {Type: S3, Location: !Sub 'a-${B}'}}]\n\
     \x20     Stages: &s\n        - {Name: S, Actions: [{Name: !Join ['', [a, b]], RunOrder: 1}]}\n        - !If [C, *s, !Ref AWS::NoValue]\n",
    "version: 0.2\nenv:\n  variables: {A: é}\nphases:\n  build:\n    on-failure: RETRY-2-(x)\n    commands:\n      - |\n        make\n      - true\n\
     artifacts:\n  files: ['**/*']\n  secondary-artifacts: {docs: {files: [a]}}\n",
    "a: &a [x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a]\nstages: [*b, *b, *b]\n",
];

fn survives(name: &str, text: &str) {
    for kind in [None, Some(Kind::Pipeline), Some(Kind::Buildspec)] {
        let examined = examine(source(name, text), kind, Some(&region()));
        let (report, json) = (examined.findings.to_string(), examined.findings.to_json());
        assert_eq!(json.as_array().unwrap().is_empty(), report.is_empty());
        assert!(!report.contains('\u{1b}'), "what steers a terminal comes from no file");
        assert!(examined.definition.is_none() || !examined.findings.has_errors());
    }
}

/// Pieces of the languages, so that most of what comes out is nearly a document.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\n",
        "\n  ",
        "\n    - ",
        "\t",
        "\"",
        "'",
        "\\",
        "\\u",
        "\\ud83d",
        "&a",
        "*a",
        "!Ref ",
        "!Sub ",
        "${",
        "}",
        "#",
        "|",
        ">",
        "---",
        "...",
        "? ",
        "~",
        "null",
        "true",
        "1",
        "-0x",
        "1e999",
        "é",
        "\u{1b}[31m",
        "\u{feff}",
        "\r\n",
        "pipeline",
        "stages",
        "actions",
        "name",
        "Resources",
        "Properties",
        "Stages",
        "Fn::Sub",
        "phases",
        "version: 0.2",
        "commands",
    ];
    prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn texts_of_pieces(pieces in prop::collection::vec(piece(), 0..60)) {
        survives("p.json", &pieces.concat());
    }

    #[test]
    fn mutated_documents(
        seed in prop::sample::select(SEEDS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, 0..12usize, piece()), 1..6),
    ) {
        let mut chars: Vec<char> = seed.chars().collect();
        for (at, what, length, piece) in changes {
            let start = at.index(chars.len() + 1);
            let end = (start + length).min(chars.len());
            match what {
                0 => drop(chars.drain(start..end)),
                1 => drop(chars.splice(start..end, piece.chars())),
                _ => {
                    let copied: Vec<char> = chars[start..end].to_vec();
                    drop(chars.splice(start..start, copied));
                }
            }
        }
        survives("p.yaml", &chars.into_iter().collect::<String>());
    }
}

#[test]
fn functions_that_give_without_end() {
    let repeated = "${A}".repeat(100_000);
    let default = "x".repeat(100_000);
    let text = format!(
        "Parameters: {{A: {{Default: {default}}}}}\nProperties:\n  Name: !Sub '{repeated}'\n  RoleArn: !Sub '{repeated}'\n"
    );
    let report = super::report_of(source("t.yaml", &text));
    assert!(report.contains("`Sub` gives too much text"), "{}", &report[..1000]);
    assert!(report.len() < 20_000);
}

#[test]
fn functions_that_ask_without_end() {
    let mut text = "x".to_owned();
    for _ in 0..15 {
        text = format!("!Sub ['{}', {{A: {text}}}]", "${A}".repeat(10));
    }
    let report = super::report_of(source(
        "t.yaml",
        &format!("Properties:\n  Name: {}\n", text.replace("A: x", "A: ''")),
    ));
    assert!(report.contains("are asked more than"), "{report}");
}

#[test]
fn names_and_values_without_end() {
    let long = "n".repeat(1_000_000);
    survives("p.json", &format!("{{\"stages\": [{{\"{long}\": \"{long}\", \"name\": \"{long}\"}}]}}"));
    survives("p.yaml", &format!("version: 0.2\nphases: {{}}\n{long}: x\n"));
}
