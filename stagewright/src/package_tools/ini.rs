//! Files with sections, as Python's `configparser` reads them: a line that begins with space goes on with the one above.

/// The value of a key, its lines joined by line breaks.
pub fn get(text: &str, section: &str, key: &str) -> Option<String> {
    let (mut is_in, mut value) = (false, None::<String>);
    for line in text.lines() {
        if let Some(name) = header(line) {
            is_in = name == section;
            continue;
        }
        if value.is_some() && is_in && is_continued(line) {
            value = value.map(|value| format!("{value}\n{}", line.trim()));
        } else if value.is_some() {
            break;
        } else if is_in && key_of(line) == Some(key) {
            value = line.split_once(['=', ':']).map(|(_, value)| value.trim().to_owned());
        }
    }
    value
}

/// Sets a key where it stands, else as the last of its section, else in a new section at the end. A value of several
/// lines is indented.
pub fn set(text: &str, section: &str, key: &str, value: &str) -> String {
    let entry = format!("{key} = {}", value.replace('\n', "\n    "));
    let mut lines: Vec<String> = Vec::new();
    // Behind the last line of the section that is not empty.
    let mut end = None;
    let (mut is_in, mut is_old, mut is_done) = (false, false, false);
    for line in text.lines() {
        if is_old && is_continued(line) {
            continue;
        }
        is_old = false;
        if let Some(name) = header(line) {
            is_in = name == section;
        } else if is_in && key_of(line) == Some(key) {
            is_old = true;
            if !is_done {
                lines.push(entry.clone());
                end = Some(lines.len());
                is_done = true;
            }
            continue;
        }
        lines.push(line.to_owned());
        if is_in && !line.trim().is_empty() {
            end = Some(lines.len());
        }
    }
    match end {
        _ if is_done => {}
        Some(end) => lines.insert(end, entry),
        None => {
            if lines.last().is_some_and(|line| !line.is_empty()) {
                lines.push(String::new());
            }
            lines.extend([format!("[{section}]"), entry]);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn header(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.split_once(']').map(|(name, _)| name)
}

fn is_continued(line: &str) -> bool {
    line.starts_with([' ', '\t']) && !line.trim().is_empty()
}

fn key_of(line: &str) -> Option<&str> {
    if line.starts_with(['#', ';', ' ', '\t']) {
        return None;
    }
    line.split_once(['=', ':']).map(|(key, _)| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# mine\n[global]\ntimeout = 60\nfind-links =\n    one\n    two\n\n[install]\nuser: true\n";

    #[test]
    fn values_are_read() {
        assert_eq!(get(FILE, "global", "find-links").as_deref(), Some("\none\ntwo"));
        assert_eq!(get(FILE, "install", "user").as_deref(), Some("true"));
        assert_eq!(get(FILE, "global", "user"), None);
    }

    #[test]
    fn keys_are_set_in_their_section() {
        let added = set(FILE, "global", "index-url", "http://x/");
        assert_eq!(added, FILE.replace("    two\n", "    two\nindex-url = http://x/\n"));
        assert_eq!(set(&added, "global", "index-url", "http://x/"), added);
        let replaced = set(FILE, "global", "find-links", "three");
        assert_eq!(replaced, FILE.replace("find-links =\n    one\n    two\n", "find-links = three\n"));
        assert_eq!(set("", "a", "b", "c\nd"), "[a]\nb = c\n    d\n");
        assert_eq!(set("x = 1\n", "a", "b", "c"), "x = 1\n\n[a]\nb = c\n");
    }
}
