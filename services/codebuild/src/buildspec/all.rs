//! Everything that is wrong with a buildspec, for those who mend it. A build stops reading at the first error; here what
//! is wrong is taken out of the tree, and the rest is read once more.

use document::{Node, Place, Value};

use super::Error;
use super::batch;
use super::read::{self, MISSING_VERSION, NO_PHASES, UNKNOWN_VERSION};

/// Errors at most, and rounds.
const MOST: usize = 100;

/// In the order of the document.
pub(super) fn errors(text: &str) -> Vec<Error> {
    let mut root = match read::tree(text) {
        Ok(root) => root,
        Err(error) => return vec![error],
    };
    let mut errors: Vec<Error> = Vec::new();
    for _ in 0..MOST {
        let read = read::of_tree(&root).and_then(|_| batch::of_tree(&root));
        let Err(error) = read else { break };
        let is_mended = mend(&mut root, &error);
        if !errors.iter().any(|known| known.message == error.message) {
            errors.push(error);
        }
        if !is_mended {
            break;
        }
    }
    errors.sort_by_key(|error| error.place);
    errors
}

/// Lets the error go away, and no other come. False: it cannot.
fn mend(root: &mut Node, error: &Error) -> bool {
    if error.message.starts_with(MISSING_VERSION) || error.message.starts_with(UNKNOWN_VERSION) {
        return set(root, "version", Value::Scalar { text: "0.2".to_owned(), plain: false });
    }
    if error.message == NO_PHASES {
        return set(root, "phases", Value::Mapping(Vec::new()));
    }
    let had_phases = root.get("phases").is_some();
    let is_out = take_out(root, error.place);
    if is_out && had_phases && root.get("phases").is_none() {
        return set(root, "phases", Value::Mapping(Vec::new()));
    }
    is_out
}

fn set(root: &mut Node, key: &str, value: Value) -> bool {
    let place = root.place;
    let Value::Mapping(entries) = &mut root.value else { return false };
    let node = |value| Node { place, width: 1, tag: None, value };
    // Of a key that repeats the last one counts.
    match entries.iter_mut().rfind(|(name, _)| name.text() == Some(key)) {
        Some((_, old)) => old.value = value,
        None => {
            let name = Value::Scalar { text: key.to_owned(), plain: false };
            entries.push((node(name), node(value)));
        }
    }
    true
}

/// Takes out the innermost entry or item that begins at a place.
fn take_out(node: &mut Node, place: Place) -> bool {
    match &mut node.value {
        Value::Scalar { .. } => false,
        Value::Sequence(items) => {
            if items.iter_mut().any(|item| take_out(item, place)) {
                return true;
            }
            let found = items.iter().position(|item| item.place == place);
            found.map(|index| items.remove(index)).is_some()
        }
        Value::Mapping(entries) => {
            if entries.iter_mut().any(|(_, value)| take_out(value, place)) {
                return true;
            }
            let begins = |(key, value): &(Node, Node)| key.place == place || value.place == place;
            let found = entries.iter().position(begins);
            found.map(|index| entries.remove(index)).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{errors, parse};

    #[test]
    fn all_errors_are_told_in_order() {
        let text = "version: 0.3\nenv:\n  shell: fish\nphases:\n  install:\n    on-failure: STOP\n  build:\n    commands:\n      \
                    - echo: hi\n      - make\n    run-as: [x]\nartifacts:\n  base-directory: x\n  discard-paths: maybe\n";
        let told: Vec<(usize, String)> =
            errors(text).into_iter().map(|error| (error.place.line, error.message)).collect();
        let lines: Vec<usize> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 6, 9, 11, 13, 14], "{told:#?}");
    }

    #[test]
    fn what_is_missing_hides_nothing() {
        let told: Vec<String> =
            errors("env:\n  shell: fish\n").into_iter().map(|error| error.message).collect();
        assert_eq!(
            told,
            [
                "Missing version: expected 0.1 or 0.2",
                "No phases found",
                "Unknown shell 'fish': expected bash or /bin/sh"
            ]
        );
        let told = errors("version: 0.2\nphases: [x]\nartifacts:\n  files: [x]\n  discard-paths: maybe\n");
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn the_first_of_them_is_what_a_build_says() {
        for text in ["", "{", "[]", "version: 0.2\n", "version: 0.2\nphases: {build: {commands: {a: b}}}\n"] {
            let refused = parse(text).unwrap_err();
            assert!(errors(text).contains(&refused), "{text:?}");
        }
        assert_eq!(errors("version: 0.2\nphases: {build: {commands: [make]}}\n"), []);
    }
}
