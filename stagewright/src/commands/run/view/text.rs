//! Text of others on its way to a terminal: nothing in it may move the cursor, and lines have an end.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const TAB: &str = "    ";

/// A line without control characters and escape sequences. Of a line that a program has written over (`\r`, progress
/// bars) what stood there last.
pub fn clean(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or("");
    let mut cleaned = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            // The same sequences with one character for the beginning.
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            '\t' => cleaned.push_str(TAB),
            c if c.is_control() || is_invisible(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Characters that change the order in which others are shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

fn skip_escape(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => skip_control_sequence(rest),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(rest),
        // Three characters: a character set, a line's size.
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

/// Up to the final character, `@` to `~`.
fn skip_control_sequence(rest: &mut std::str::Chars<'_>) {
    for c in rest {
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

/// Up to BEL or the string terminator.
fn skip_string(rest: &mut std::str::Chars<'_>) {
    while let Some(c) = rest.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next();
                return;
            }
            _ => {}
        }
    }
}

/// As much of a text as fits into so many columns, with an ellipsis if something is cut off.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut fitting = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        fitting.push(c);
    }
    if columns > 0 {
        fitting.push('…');
    }
    fitting
}

/// A text in lines of at most so many columns, broken between words where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let Some(line) = lines.last_mut() else { return lines };
            let blank = usize::from(!line.is_empty());
            if line.width() + blank + word.width() <= columns {
                line.push_str(&" ".repeat(blank));
                line.push_str(word);
                break;
            }
            if line.is_empty() {
                let fitting = fitting_bytes(word, columns);
                line.push_str(&word[..fitting]);
                word = &word[fitting..];
                if word.is_empty() {
                    break;
                }
            }
            lines.push(String::new());
        }
    }
    lines
}

/// At least one character, so that something is left of a terminal that is too narrow for it.
fn fitting_bytes(word: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in word.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns && at > 0 {
            return at;
        }
    }
    word.len()
}

/// `0.4s`, `12s`, `3m05s`, `2h07m`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of a run, never negative")]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        let cases = [
            ("plain\n", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}31mred \u{9d}0;t\u{9c}x", "red x"),
            ("\u{1b}(Bx\u{1b}cy", "xy"),
            ("10%\r20%\r30%\r\n", "30%"),
            ("a\tb\u{0}\u{8}c", "a    bc"),
            ("\u{202e}evil", "evil"),
            ("cut \u{1b}[", "cut "),
            ("größe 漢字", "größe 漢字"),
        ];
        for (raw, cleaned) in cases {
            assert_eq!(clean(raw), cleaned, "{raw:?}");
        }
    }

    #[test]
    fn lines_are_cut_by_columns() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("hello", 1), "…");
        assert_eq!(cut("hello", 0), "");
    }

    #[test]
    fn long_texts_are_broken() {
        assert_eq!(wrap("the build ended badly", 10), ["the build", "ended", "badly"]);
        assert_eq!(wrap("a/very/long/path here", 6), ["a/very", "/long/", "path", "here"]);
        assert_eq!(wrap("漢字", 1), ["漢", "字"]);
        assert_eq!(wrap("", 10), [""]);
        for columns in 1..30 {
            let text = "Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: exit status 3";
            assert!(wrap(text, columns).iter().all(|line| line.width() <= columns));
        }
    }

    #[test]
    fn durations() {
        let shown: Vec<_> = [0.04, 9.94, 10.0, 59.9, 60.0, 185.0, 7620.0].map(duration).into();
        assert_eq!(shown, ["0.0s", "9.9s", "10s", "59s", "1m00s", "3m05s", "2h07m"]);
    }
}
