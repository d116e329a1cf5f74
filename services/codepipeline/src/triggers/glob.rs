//! The patterns of filters: `*` does not cross `/`, `**` does, `?` is one character, `[abc]`, `[a-z]` and `[!a]` are one of
//! a set, `{a,b}` is either, `\` takes the meaning from what follows. The whole text has to match, in the same case.
//! Source: CodePipeline User Guide, "Working with glob patterns in syntax".

use regex::Regex;

/// A pattern that was read.
#[derive(Clone, Debug)]
pub struct Glob(Regex);

impl Glob {
    /// Errors: what cannot be read, as a clause.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let translated = translate(pattern)?;
        // What is translated is always read; a pattern has 255 characters at most, so it is never too large.
        Regex::new(&format!(r"(?s)\A(?:{translated})\z")).map(Self).map_err(|error| error.to_string())
    }

    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern.chars().peekable();
    let mut in_braces = false;
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                let mut stars = 1;
                while rest.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                out.push_str(if stars > 1 { ".*" } else { "[^/]*" });
            }
            '?' => out.push_str("[^/]"),
            '[' => set(&mut rest, &mut out)?,
            '{' if in_braces => return Err("braces cannot be nested".to_owned()),
            '{' => {
                in_braces = true;
                out.push_str("(?:");
            }
            ',' if in_braces => out.push('|'),
            '}' if in_braces => {
                in_braces = false;
                out.push(')');
            }
            '\\' => match rest.next() {
                Some(c) => literal(c, &mut out),
                None => return Err("nothing follows the last backslash".to_owned()),
            },
            c => literal(c, &mut out),
        }
    }
    if in_braces { Err("a brace is not closed".to_owned()) } else { Ok(out) }
}

/// `[abc]`, `[a-z]`, `[!a]`: one character that is no slash.
fn set(rest: &mut impl Iterator<Item = char>, out: &mut String) -> Result<(), String> {
    let unclosed = || "a bracket is not closed".to_owned();
    let mut members = Vec::new();
    let mut next = rest.next().ok_or_else(unclosed)?;
    let negated = next == '!';
    if negated {
        next = rest.next().ok_or_else(unclosed)?;
    }
    // A closing bracket in the first place stands for itself.
    loop {
        match next {
            ']' if !members.is_empty() => break,
            '\\' => members.push((rest.next().ok_or_else(unclosed)?, true)),
            c => members.push((c, false)),
        }
        next = rest.next().ok_or_else(unclosed)?;
    }
    out.push_str(if negated { "[^/" } else { "[" });
    let mut place = 0;
    while let Some((first, _)) = members.get(place) {
        match (members.get(place + 1), members.get(place + 2)) {
            (Some(('-', false)), Some((last, _))) => {
                if first > last {
                    return Err(format!("the range {first}-{last} is empty"));
                }
                range(*first, *last, out);
                place += 3;
            }
            _ => {
                // A set never holds the slash.
                if *first != '/' {
                    in_set(*first, out);
                }
                place += 1;
            }
        }
    }
    if out.ends_with('[') {
        // Nothing is left of the set.
        out.push_str("^\\x00-\\x{10FFFF}");
    }
    out.push(']');
    Ok(())
}

/// A range without the slash.
fn range(first: char, last: char, out: &mut String) {
    let mut part = |first: char, last: char| {
        if first <= last {
            in_set(first, out);
            out.push('-');
            in_set(last, out);
        }
    };
    if first <= '/' && '/' <= last {
        if first < '/' {
            part(first, '.');
        }
        if last > '/' {
            part('0', last);
        }
    } else {
        part(first, last);
    }
}

fn in_set(c: char, out: &mut String) {
    out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
}

fn literal(c: char, out: &mut String) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn the_words_of_the_guide() {
        for (pattern, yes, no) in [
            ("main", &["main"][..], &["mai", "main2", "Main", "a/main"][..]),
            ("feature/*", &["feature/a", "feature/"], &["feature/a/b", "feature"]),
            ("feature/**", &["feature/a/b", "feature/a"], &["feature"]),
            ("**", &["", "a", "a/b"], &[]),
            ("*", &["", "a"], &["a/b"]),
            ("release-?", &["release-1"], &["release-", "release-12", "release-/"]),
            ("v[0-9].[!0]", &["v1.1", "v1.x"], &["v1.0", "va.1", "v1./"]),
            ("src/**/*.js", &["src/a/b.js", "src/a/b/c.js"], &["src/b.js", "src/a/b.ts"]),
            ("{main,dev}-{1,2}", &["main-1", "dev-2"], &["main", "main,dev-1"]),
            (r"a\*\{b", &["a*{b"], &["ab{b"]),
            ("a.b+c", &["a.b+c"], &["axb+c", "a.bbc"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("a,b}", &["a,b}"], &["a"]),
            ("[/]", &[], &["/", ""]),
            ("[+-1]", &["+", ".", "0", "1"], &["/"]),
            ("grün/?", &["grün/ä"], &["grün/"]),
        ] {
            for text in yes {
                assert!(matches(pattern, text), "{pattern} has to match {text}");
            }
            for text in no {
                assert!(!matches(pattern, text), "{pattern} must not match {text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["[", "[a", "[!", "{", "{a", "{a,{b}}", "a\\", "[z-a]"] {
            assert!(Glob::parse(bad).is_err(), "{bad}");
        }
    }

    /// The same rules by trying everything out.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', '*', rest @ ..], _) => {
                let rest = &rest[rest.iter().take_while(|c| **c == '*').count()..];
                (0..=text.len()).any(|taken| reference(rest, &text[taken..]))
            }
            (['*', rest @ ..], _) => (0..=text.len())
                .take_while(|taken| !text[..*taken].contains(&'/'))
                .any(|taken| reference(rest, &text[taken..])),
            (['?', rest @ ..], [c, text @ ..]) => *c != '/' && reference(rest, text),
            ([p, rest @ ..], [c, text @ ..]) => p == c && reference(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn stars_and_question_marks_are_those_of_the_reference(pattern in "[ab/.*?]{0,8}", text in "[ab/.]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), reference(&chars(&pattern), &chars(&text)), "{} {}", pattern, text);
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(text in "\\PC{1,20}", other in "\\PC{1,20}") {
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&escaped, &text));
            prop_assert_eq!(matches(&escaped, &other), text == other);
        }

        #[test]
        fn nothing_panics(pattern in "[\\[\\]{}!,a-c/*?\\\\-]{0,20}", text in "\\PC{0,10}") {
            if let Ok(glob) = Glob::parse(&pattern) {
                glob.matches(&text);
            }
        }

        #[test]
        fn either_of_the_braces(first in "[a-c/]{0,4}", second in "[a-c/]{0,4}", text in "[a-c/]{0,4}") {
            let pattern = format!("{{{first},{second}}}");
            prop_assert_eq!(matches(&pattern, &text), text == first || text == second);
        }
    }
}
