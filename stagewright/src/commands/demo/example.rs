//! The example application, as it stands in `examples/hello-web` when the program is built.

use std::io;
use std::path::Path;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/hello-web/", $path)))),*]
    };
}

/// Paths and contents.
const FILES: &[(&str, &[u8])] = files![
    "README.md",
    "acceptance/test_built_site.py",
    "aws/approver.json",
    "aws/build-project.json",
    "aws/build-role.json",
    "aws/developer.json",
    "aws/pipeline-role.json",
    "aws/pipeline.json",
    "aws/site-policy.json",
    "aws/test-project.json",
    "aws/trust-codebuild.json",
    "aws/trust-codepipeline.json",
    "buildspec-test.yml",
    "buildspec.yml",
    "hello_web/__init__.py",
    "hello_web/__main__.py",
    "hello_web/markup.py",
    "hello_web/site.py",
    "pages/about.md",
    "pages/index.md",
    "pages/style.css",
    "tests/__init__.py",
    "tests/test_markup.py",
    "tests/test_site.py",
];

/// Writes all files below a folder.
pub fn write(folder: &Path) -> io::Result<()> {
    for (path, content) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}

/// A document of the example's `aws` folder, its placeholders (`@SITE@`) filled in; empty if there is none.
pub fn document(name: &str, names: &[(&str, &str)]) -> String {
    let path = format!("aws/{name}");
    let content = FILES.iter().find(|(known, _)| *known == path).map_or(&b""[..], |(_, content)| content);
    let text = String::from_utf8_lossy(content).into_owned();
    names.iter().fold(text, |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use walkdir::WalkDir;

    use super::*;

    #[test]
    fn all_of_the_example_is_there() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello-web");
        let entries =
            WalkDir::new(&example).into_iter().filter_entry(|entry| entry.file_name() != "__pycache__");
        let there: BTreeSet<String> = entries
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&example).unwrap().display().to_string())
            .collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn documents_have_no_placeholders_left() {
        let names = super::super::names("123456789012", "us-east-1");
        let names: Vec<_> = names.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (path, _) in FILES.iter().filter(|(path, _)| path.starts_with("aws/")) {
            let text = document(path.trim_start_matches("aws/"), &names);
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(parsed.is_object() && !text.contains('@'), "{path}");
        }
    }
}
