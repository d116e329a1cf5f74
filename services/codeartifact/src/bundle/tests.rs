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

/// An archive as a stranger may make it: entries with names, bytes and, where another's are to be shared, the place of its
/// header; then what stands after the list.
fn foreign(entries: &[(&str, &[u8], Option<u32>)], end: impl Fn(u32, u32, u16) -> Vec<u8>) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let (mut archive, mut list) = (Vec::new(), Vec::new());
    for (name, bytes, shared) in entries {
        let mut hash = flate2::Crc::new();
        hash.update(bytes);
        let sizes = [&hash.sum().to_le_bytes()[..], &long(bytes.len()), &long(bytes.len())].concat();
        let at = shared.unwrap_or(u32::try_from(archive.len()).unwrap());
        if shared.is_none() {
            let fixed =
                [&b"PK\x03\x04\x0a\0\0\0\0\0\0\0\x21\0"[..], &sizes, &short(name.len()), &[0; 2]].concat();
            archive.extend([&fixed, name.as_bytes(), bytes].concat());
        }
        let fixed =
            [&b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\x21\0"[..], &sizes, &short(name.len()), &[0; 12]].concat();
        list.extend([&fixed, &at.to_le_bytes()[..], name.as_bytes()].concat());
    }
    let (start, size) = (u32::try_from(archive.len()).unwrap(), u32::try_from(list.len()).unwrap());
    archive.extend(list);
    archive.extend(end(start, size, u16::try_from(entries.len()).unwrap()));
    archive
}

fn short_end(start: u32, size: u32, files: u16) -> Vec<u8> {
    let files = files.to_le_bytes();
    [&b"PK\x05\x06\0\0\0\0"[..], &files, &files, &size.to_le_bytes(), &start.to_le_bytes(), &[0; 2]].concat()
}

fn long_end(start: u64, size: u64, files: u64) -> Vec<u8> {
    let (start, size, files) = (start.to_le_bytes(), size.to_le_bytes(), files.to_le_bytes());
    let fixed = &b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0"[..];
    [fixed, &files, &files, &size, &start].concat()
}

fn locator(at: u64) -> Vec<u8> {
    [&b"PK\x06\x07\0\0\0\0"[..], &at.to_le_bytes(), &1u32.to_le_bytes()].concat()
}

fn opened(archive: &[u8]) -> Result<Bundle, Unreadable> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), archive).unwrap();
    Bundle::open(file.path())
}

/// Of a manifest that tells of these files.
fn telling(files: &[(&str, usize)]) -> Vec<u8> {
    let files = files
        .iter()
        .map(|(path, size)| ((*path).to_owned(), Told { size: *size as u64, sha256: String::new() }));
    let manifest = Manifest {
        kind: KIND.to_owned(),
        version: VERSION,
        packages: BTreeMap::new(),
        files: files.collect(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn what_lies_over_each_other_or_is_there_twice_is_refused() {
    let manifest = telling(&[("a", 4), ("b", 4)]);
    let manifest = (MANIFEST, manifest.as_slice(), None);
    let apart = foreign(&[("a", b"aaaa", None), ("b", b"bbbb", None), manifest], short_end);
    opened(&apart).unwrap();
    let over = foreign(&[("a", b"aaaa", None), ("b", b"aaaa", Some(0)), manifest], short_end);
    assert!(opened(&over).unwrap_err().to_string().contains("over each other"));
    let twice =
        foreign(&[("a", b"aaaa", None), ("b", b"bbbb", None), ("a", b"aaaa", None), manifest], short_end);
    assert!(opened(&twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn the_list_is_the_one_at_the_end_for_every_reader() {
    let manifest = telling(&[("a", 4)]);
    let entries = [("a", &b"aaaa"[..], None), (MANIFEST, manifest.as_slice(), None)];
    let with = |end: &dyn Fn(u64, u64, u64) -> Vec<u8>| {
        foreign(&entries, |start, size, files| end(start.into(), size.into(), files.into()))
    };
    let none = || short_end(u32::MAX, u32::MAX, u16::MAX);
    let fine =
        with(&|start, size, files| [long_end(start, size, files), locator(start + size), none()].concat());
    opened(&fine).unwrap();
    // The record that lies before the locator is small; the one that it names is not.
    let elsewhere = with(&|start, size, files| {
        let large = long_end(start, 1 << 40, files);
        [large, long_end(start, size, files), locator(start + size), none()].concat()
    });
    let large =
        with(&|start, size, files| [long_end(start, 1 << 40, files), locator(start + size), none()].concat());
    let many =
        with(&|start, size, _| [long_end(start, size, 1 << 40), locator(start + size), none()].concat());
    let two = with(&|start, size, files| {
        let short = short_end(u32::try_from(start).unwrap() - 1, u32::try_from(size).unwrap(), 1);
        [long_end(start, size, files), locator(start + size), short].concat()
    });
    let behind = with(&|start, size, files| {
        let (start, size) = (u32::try_from(start).unwrap(), u32::try_from(size).unwrap());
        [vec![0], short_end(start, size, u16::try_from(files).unwrap())].concat()
    });
    for (what, archive) in
        [("elsewhere", elsewhere), ("large", large), ("many", many), ("two", two), ("behind", behind)]
    {
        assert!(opened(&archive).is_err(), "{what}");
    }
}
