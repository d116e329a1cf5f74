//! One line of a file with a mark under a part of it.

/// Columns of a line that are shown; JSON without line breaks can be one very long line.
const SHOWN: usize = 120;
/// Columns before the mark that are kept when a line is cut.
const BEFORE: usize = 60;
const TAB: &str = "    ";

/// The line, or the part of it around the column, and the marks under it. Columns count from 1.
pub fn of(line: &str, column: usize, width: usize) -> (String, String) {
    let start = if line.chars().count() > SHOWN { column.saturating_sub(BEFORE + 1) } else { 0 };
    let mut shown = String::new();
    let mut underline = String::new();
    if start > 0 {
        shown.push('…');
        underline.push(' ');
    }
    let mut rest = line.chars().skip(start);
    for (index, c) in (start + 1..).zip(rest.by_ref().take(SHOWN)) {
        let printed = if c == '\t' { TAB.to_owned() } else { printable_char(c).to_string() };
        let mark = if (column..column.saturating_add(width.max(1))).contains(&index) { '^' } else { ' ' };
        underline.extend(std::iter::repeat_n(mark, printed.chars().count()));
        shown.push_str(&printed);
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    let mut underline = underline.trim_end().to_owned();
    // What is missing at the end of a line is told just behind it.
    if !underline.contains('^') {
        underline = " ".repeat(shown.chars().count()) + "^";
    }
    (shown, underline)
}

/// A text of a file as it may reach a terminal: without the characters that steer it.
pub fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> char {
    let steers = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if steers { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_under_what_is_meant() {
        assert_eq!(of("name: é", 7, 1), ("name: é".to_owned(), "      ^".to_owned()));
        assert_eq!(of("\ta: bc", 5, 2), ("    a: bc".to_owned(), "       ^^".to_owned()));
        assert_eq!(of("a", 2, 1), ("a".to_owned(), " ^".to_owned()), "the end of the line");
        assert_eq!(of("", 1, 1), (String::new(), "^".to_owned()));
        assert_eq!(of("a\u{1b}[31m", 1, 1).0, "a\u{fffd}[31m");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let (shown, underline) = of(&line, 501, 4);
        assert!(shown.starts_with('…') && shown.ends_with('…'));
        let at = underline.find('^').unwrap();
        assert_eq!(shown.chars().skip(at).take(4).collect::<String>(), "HERE");
        assert_eq!(underline.matches('^').count(), 4);
    }
}
