//! Buildspecs.

use expect_test::expect;

use super::reported;

fn told(text: &str, expected: expect_test::Expect) {
    reported("buildspec.yml", text, expected);
}

#[test]
fn good_buildspec() {
    told(
        "version: 0.2\nphases:\n  build:\n    commands: [make]\n",
        expect![[r#"
        buildspec
    "#]],
    );
    reported(
        "b.json",
        r#"{"version": 0.2, "phases": {"build": {"commands": ["make"]}}}"#,
        expect![[r#"
        buildspec
    "#]],
    );
}

#[test]
fn slip_in_a_key() {
    told(
        "version: 0.2\nphases:\n  build:\n    comands:\n      - make\n",
        expect![[r#"
        buildspec
        buildspec.yml:4:5: warning: unknown key `comands`: it means nothing here and is passed over
          |
        4 |     comands:
          |     ^^^^^^^
          = help: did you mean `commands`?

    "#]],
    );
    told(
        "version: 0.2\nphases:\n  biuld:\n    commands: [make]\n",
        expect![[r#"
        buildspec
        buildspec.yml:3:3: warning: unknown key `biuld`: it means nothing here and is passed over
          |
        3 |   biuld:
          |   ^^^^^
          = help: did you mean `build`?

    "#]],
    );
}

#[test]
fn key_at_a_wrong_place() {
    told(
        "version: 0.2\nphases:\n  build:\n    commands: [make]\nfiles: ['**/*']\n",
        expect![[r#"
        buildspec
        buildspec.yml:5:1: warning: unknown key `files`: it means nothing here and is passed over
          |
        5 | files: ['**/*']
          | ^^^^^
          = help: known here are `version`, `run-as`, `env`, `environment_variables`, `proxy`, `batch`, `phases`, `artifacts`, `cache` and `reports`

    "#]],
    );
}

#[test]
fn slip_that_takes_the_phases_away() {
    told(
        "version: 0.2\nphase:\n  build:\n    commands: [make]\n",
        expect![[r#"
            buildspec
            buildspec.yml:1:1: error: No phases found
              |
            1 | version: 0.2
              | ^^^^^^^

            buildspec.yml:2:1: warning: unknown key `phase`: it means nothing here and is passed over
              |
            2 | phase:
              | ^^^^^
              = help: did you mean `phases`?

        "#]],
    );
}

#[test]
fn unknown_version() {
    told(
        "version: 0.3\nphases: {}\n",
        expect![[r#"
            buildspec
            buildspec.yml:1:10: error: Unknown version '0.3': expected 0.1 or 0.2
              |
            1 | version: 0.3
              |          ^^^

        "#]],
    );
}

#[test]
fn missing_version() {
    told(
        "phases:\n  build:\n    commands: [make]\n",
        expect![[r#"
            buildspec
            buildspec.yml:1:1: error: Missing version: expected 0.1 or 0.2
              |
            1 | phases:
              | ^^^^^^

        "#]],
    );
}

#[test]
fn command_that_became_a_map() {
    told(
        "version: 0.2\nphases:\n  build:\n    commands:\n      - echo: hi\n",
        expect![[r#"
            buildspec
            buildspec.yml:5:9: error: Expected Commands[0] to be of string type: found subkeys instead at line 5, value of the key tag on line 4 might be empty
              |
            5 |       - echo: hi
              |         ^^^^

        "#]],
    );
}

#[test]
fn list_where_a_map_is_due() {
    told(
        "version: 0.2\nphases:\n  - build\n",
        expect![[r#"
        buildspec
        buildspec.yml:3:3: error: Expected phases to be a map
          |
        3 |   - build
          |   ^

    "#]],
    );
}

#[test]
fn on_failure_of_its_own_making() {
    told(
        "version: 0.2\nphases:\n  build:\n    on-failure: STOP\n    commands: [make]\n",
        expect![[r#"
            buildspec
            buildspec.yml:4:17: error: Invalid on-failure 'STOP' of phase build: expected ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex
              |
            4 |     on-failure: STOP
              |                 ^^^^

        "#]],
    );
}

#[test]
fn shell_that_there_is_not() {
    told(
        "version: 0.2\nenv:\n  shell: zsh\nphases: {}\n",
        expect![[r#"
            buildspec
            buildspec.yml:3:10: error: Unknown shell 'zsh': expected bash or /bin/sh
              |
            3 |   shell: zsh
              |          ^^^

        "#]],
    );
}

#[test]
fn artifacts_without_files() {
    told(
        "version: 0.2\nphases: {}\nartifacts:\n  base-directory: out\n",
        expect![[r#"
            buildspec
            buildspec.yml:4:3: error: Expected artifacts to have files
              |
            4 |   base-directory: out
              |   ^^^^^^^^^^^^^^

        "#]],
    );
}

#[test]
fn key_given_twice() {
    told(
        "version: 0.2\nphases:\n  build:\n    commands: [a]\n    commands: [b]\n",
        expect![[r#"
            buildspec
            buildspec.yml:4:5: warning: `commands` is given once more below: that one counts, and this is passed over
              |
            4 |     commands: [a]
              |     ^^^^^^^^

        "#]],
    );
}

#[test]
fn flag_that_is_neither_yes_nor_no() {
    told(
        "version: 0.2\nphases: {}\nenv:\n  git-credential-helper: maybe\n",
        expect![[r#"
            buildspec
            buildspec.yml:4:26: error: Expected env.git-credential-helper to be yes or no: found 'maybe'
              |
            4 |   git-credential-helper: maybe
              |                          ^^^^^

        "#]],
    );
}

#[test]
fn tab_for_indentation() {
    told(
        "version: 0.2\nphases:\n\tbuild:\n\t\tcommands: [make]\n",
        expect![[r#"
        unknown
        buildspec.yml:3:2: error: tabs disallowed within this context (block indentation)
          |
        3 |     build:
          |     ^

    "#]],
    );
}

#[test]
fn list_as_a_buildspec() {
    told(
        "- version: 0.2\n",
        expect![[r#"
        unknown
        buildspec.yml:1:1: error: neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)
          |
        1 | - version: 0.2
          | ^
          = help: say what it is with --as pipeline or --as buildspec

    "#]],
    );
}
