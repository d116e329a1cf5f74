use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

fn written(folder: &std::path::Path, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join(name);
    let mut writer = Writer::new(std::fs::File::create(&path).unwrap());
    for (path, bytes) in files {
        writer.put(path, bytes).unwrap();
    }
    writer.finish(BTreeMap::new()).unwrap();
    path
}

#[test]
fn what_was_written_is_read_and_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 2] = [("npm/a/index.json", b"{}"), ("npm/a/-/a-1.0.0.tgz", b"bytes")];
    let first = written(folder.path(), "first", &files);
    let second = written(folder.path(), "second", &files);
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let bundle = Bundle::open(&first).unwrap();
    bundle.verify().unwrap();
    assert_eq!(bundle.read("npm/a/-/a-1.0.0.tgz", 5).unwrap().unwrap(), b"bytes");
    assert!(bundle.read("npm/a/-/a-1.0.0.tgz", 4).is_err());
    assert!(bundle.read("npm/b/index.json", 9).unwrap().is_none());
}

#[test]
fn paths_lead_nowhere_else() {
    for path in ["", "/a", "a/../b", "a//b", "a/", ".", "a\\b", "c:/a", "a/\0", &"a".repeat(2_000)] {
        assert!(!is_safe(path), "{path}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(std::fs::File::create(folder.path().join("bundle")).unwrap());
    assert!(writer.put("../a", b"").is_err() && writer.put(MANIFEST, b"").is_err());
    writer.put("a", b"").unwrap();
    assert!(writer.put("a", b"").is_err());
}

#[test]
fn one_that_was_cut_off_is_refused_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "bundle", &[("npm/a/index.json", b"{}")]);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(Bundle::open(&path).is_err(), "{length}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(Bundle::open(&path).is_ok());
}

#[test]
fn other_bytes_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "bundle", &[("npm/a/index.json", b"0123456789")]);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|window| window == b"0123456789").unwrap();
    bytes[at] = b'x';
    std::fs::write(&path, &bytes).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    assert!(bundle.verify().is_err() && bundle.read("npm/a/index.json", 10).is_err());
}

#[test]
fn compressed_and_foreign_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let manifest =
        br#"{"kind":"stagewright-mirror","version":1,"packages":{},"files":{"a":{"size":4,"sha256":""}}}"#;
    for (name, method) in [("a", zip::CompressionMethod::Deflated), ("../a", zip::CompressionMethod::Stored)]
    {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, bytes) in [(name, &b"aaaa"[..]), (MANIFEST, manifest)] {
            zip.start_file(name, options).unwrap();
            std::io::Write::write_all(&mut zip, bytes).unwrap();
        }
        zip.finish().unwrap();
        assert!(Bundle::open(&path).unwrap_err().to_string().contains("no file of a bundle"), "{name}");
    }
}
