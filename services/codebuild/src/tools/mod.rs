//! Programs that a build finds: CodeBuild's own commands, in POSIX shell, so that they need nothing of an image but what
//! every image has.
//! Source: CodeBuild User Guide, "About test splitting" and "Amazon S3 caching".

use std::{fs, io, os::unix::fs::PermissionsExt};

use runner::Folder;

const PROGRAMS: [(&str, &str); 3] = [
    ("codebuild-glob-search", include_str!("codebuild-glob-search.sh")),
    ("codebuild-hash-files", include_str!("codebuild-hash-files.sh")),
    ("codebuild-tests-run", include_str!("codebuild-tests-run.sh")),
];

/// Puts them where builds look for programs last. May be done again.
pub(crate) fn furnish(folder: &Folder) -> io::Result<()> {
    write(&folder.read_only().join("bin"))
}

fn write(bin: &std::path::Path) -> io::Result<()> {
    fs::create_dir_all(bin)?;
    let everybody = || fs::Permissions::from_mode(0o755);
    fs::set_permissions(bin, everybody())?;
    for (name, text) in PROGRAMS {
        fs::write(bin.join(name), text)?;
        fs::set_permissions(bin.join(name), everybody())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, process::Command};

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn with(files: &[&str]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            write(&place.0.path().join("bin")).unwrap();
            for name in files {
                let path = place.0.path().join("src").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
            place
        }

        fn run(&self, script: &str, variables: &[(&str, &str)]) -> (i32, String) {
            let path = format!("{}:{}", self.0.path().join("bin").display(), std::env::var("PATH").unwrap());
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).current_dir(self.0.path().join("src")).env("PATH", path);
            let output = command.envs(variables.iter().copied()).output().unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
        }

        fn shards(&self, count: usize, strategy: &str) -> Vec<Vec<String>> {
            let script = format!(
                "codebuild-tests-run --test-command 'printf \"%s\\n\"' --files-search \"codebuild-glob-search '**/*.js'\" --sharding-strategy {strategy}"
            );
            let shard = |index: usize| {
                let (index, count) = (index.to_string(), count.to_string());
                let variables = [("CODEBUILD_SHARD_INDEX", &*index), ("CODEBUILD_SHARD_COUNT", &*count)];
                let (code, output) = self.run(&script, &variables);
                assert_eq!(code, 0, "{output}");
                output.lines().filter(|line| !line.starts_with("codebuild-")).map(str::to_owned).collect()
            };
            (0..count).map(shard).collect()
        }
    }

    #[test]
    fn globs() {
        let place = Place::with(&["a.js", "lib/b.js", "lib/deep/c.test.js", "lib/d.ts", "x+y.js"]);
        let search = |globs: &str| place.run(&format!("codebuild-glob-search {globs}"), &[]).1;
        assert_eq!(search("'*.js'"), "a.js\nx+y.js\n");
        assert_eq!(search("'**/*.js'"), "a.js\nlib/b.js\nlib/deep/c.test.js\nx+y.js\n");
        assert_eq!(search("'lib/**' 'a.?s'"), "a.js\nlib/b.js\nlib/d.ts\nlib/deep/c.test.js\n");
        assert_eq!(search("'lib/*.{js,ts}'"), "lib/b.js\nlib/d.ts\n");
        assert_eq!(search("'[!a].js' './x+y.js'"), "x+y.js\n");
        assert_eq!(search("'lib'"), "", "folders are no files");
        assert_eq!(place.run("codebuild-glob-search", &[]).0, 2);
    }

    #[test]
    fn hash_is_that_of_the_contents() {
        let place = Place::with(&["a.lock", "sub/a.lock"]);
        let hash = || place.run("codebuild-hash-files '**/*.lock'", &[]);
        let (code, first) = hash();
        assert_eq!((code, first.trim().len()), (0, 64));
        assert_eq!(hash().1, first);
        fs::write(place.0.path().join("src/sub/a.lock"), "other").unwrap();
        assert_ne!(hash().1, first);
        assert_eq!(place.run("codebuild-hash-files nothing", &[]), (1, String::new()));
    }

    #[test]
    fn equal_shards_are_neighbours_and_differ_by_one_at_most() {
        let names: Vec<String> = (0..7).map(|number| format!("t {number}.js")).collect();
        let place = Place::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let shards = place.shards(3, "equal-distribution");
        assert_eq!(shards.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 2]);
        assert_eq!(shards.concat(), names);
        let empty = Place::with(&["a.js"]).shards(2, "equal-distribution");
        assert_eq!(empty, [vec!["a.js".to_owned()], vec![]]);
    }

    #[test]
    fn stable_shards_keep_their_files_when_others_come() {
        let names: Vec<String> = (0..40).map(|number| format!("tests/case{number}.js")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let few = Place::with(&names[..30]).shards(3, "stability");
        let many = Place::with(&names).shards(3, "stability");
        let all: BTreeSet<String> = many.concat().into_iter().collect();
        assert_eq!((all.len(), many.concat().len()), (40, 40), "each file is in one shard");
        for (few, many) in few.iter().zip(&many) {
            assert!(few.len() > 3, "shards are of use: {few:?}");
            assert!(few.iter().all(|file| many.contains(file)));
        }
    }

    #[test]
    fn command_may_name_the_files_itself_and_its_failure_counts() {
        let place = Place::with(&["a.js"]);
        let run = |command: &str| {
            let script = format!(
                "codebuild-tests-run --test-command='{command}' --files-search='echo a.js; echo b.js'"
            );
            place.run(&script, &[])
        };
        assert_eq!(run("echo $CODEBUILD_CURRENT_SHARD_FILES."), (0, "a.js b.js.\n".to_owned()));
        assert_eq!(run("cat").0, 1, "b.js is not there");
        assert_eq!(place.run("codebuild-tests-run --test-command x", &[]).0, 2);
    }
}
