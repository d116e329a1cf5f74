//! Files on disk.

use std::path::Path;

use super::super::read;
use super::Source;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

const TEMPLATE: &str = "Resources:
  P:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: ROLE
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - {Name: S, Actions: [{Name: F, ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: 1},
           Configuration: {S3Bucket: bucket, S3ObjectKey: key}, OutputArtifacts: [{Name: A}]}]}
        - {Name: T, Actions: [{Name: A, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: 1}}]}
";

#[test]
fn definition_with_its_places() {
    let (_folder, path) =
        file("t.yaml", TEMPLATE.replace("ROLE", "arn:aws:iam::123456789012:role/r").as_bytes());
    let definition = read(&path).unwrap();
    assert_eq!(definition.declaration.stages[1].actions[0].name, "A");
    let spot = definition.places.of("pipeline.stages[0].actions[0].configuration.S3Bucket");
    assert_eq!((spot.place.line, spot.place.column), (9, 38));

    let chosen = path.with_file_name("t.yaml#P");
    assert_eq!(read(&chosen).unwrap().declaration.name, "P");
    let none = read(&path.with_file_name("t.yaml#Q")).unwrap_err().to_string();
    assert!(none.contains("no pipeline `Q`"), "{none}");
}

#[test]
fn what_is_unknown_keeps_a_pipeline_from_running() {
    let (_folder, path) = file("t.yaml", TEMPLATE.replace("ROLE", "!GetAtt R.Arn").as_bytes());
    let findings = read(&path).unwrap_err();
    assert!(findings.has_errors());
    assert!(findings.to_string().contains("t.yaml:5:16: error: what `!GetAtt` gives"), "{findings}");
}

#[test]
fn files_that_cannot_be_read() {
    let unreadable = |path: &Path| {
        let findings = Source::open(path).unwrap_err();
        assert!(findings.is_unreadable());
        findings.to_string()
    };
    assert!(unreadable(Path::new("/no/such/file.json")).contains("/no/such/file.json: error: No such file"));
    assert!(unreadable(Path::new("/")).starts_with("/: error: "));
    let (_folder, path) = file("p.json", b"{\n\"a\": \"\xff\"}");
    assert!(unreadable(&path).contains("no UTF-8 text: a wrong byte in line 2"));
    let (_folder, path) = file("p.json", &vec![b' '; (4 << 20) + 1]);
    assert!(unreadable(&path).contains("larger than 4 MiB"));
}

#[test]
fn byte_order_mark_is_no_content() {
    let (_folder, path) = file("b.json", "\u{feff}{\"version\": 0.2}".as_bytes());
    assert_eq!(Source::open(&path).unwrap().text, "{\"version\": 0.2}");
}
