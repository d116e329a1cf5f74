//! Versions of RubyGems, with the platform behind them: `1.0.0`, `1.0.0-x86_64-linux`. Pure.
//! Source: RubyGems, `Gem::Version`.

use std::cmp::Ordering;

/// A part of a version: letters come before numbers, so that what has them comes before its release.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'v> {
    Letters(&'v str),
    /// Digits without zeros at the beginning: a longer one is larger.
    Number(usize, &'v str),
}

const ZERO: Segment<'static> = Segment::Number(0, "");

/// Which of two versions comes first; the same number for different platforms has no order.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (segments(number(a)), segments(number(b)));
    let longest = a.len().max(b.len());
    let pairs = (0..longest).map(|at| (a.get(at).unwrap_or(&ZERO), b.get(at).unwrap_or(&ZERO)));
    pairs.map(|(a, b)| a.cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Without the platform.
pub fn number(version: &str) -> &str {
    version.split('-').next().unwrap_or_default()
}

/// Whether this is a number of a version, without a platform: `1`, `1.0.rc1`.
pub fn is_number(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.split('.').all(is_part)
        && text.split('.').next().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Zeros at the end of the numbers, and of what follows them from the first letters on, do not count.
fn segments(version: &str) -> Vec<Segment<'_>> {
    let mut found: Vec<Segment<'_>> = Vec::new();
    for part in version.split('.') {
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest.find(|letter: char| letter.is_ascii_digit() != is_digit).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            if is_digit {
                let digits = text.trim_start_matches('0');
                found.push(Segment::Number(digits.len(), digits));
            } else {
                found.push(Segment::Letters(text));
            }
            rest = after;
        }
    }
    let first_letters = found.iter().position(|segment| matches!(segment, Segment::Letters(_)));
    let mut after = found.split_off(first_letters.unwrap_or(found.len()));
    for part in [&mut found, &mut after] {
        while part.last() == Some(&ZERO) {
            part.pop();
        }
    }
    found.append(&mut after);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_their_order() {
        let sorted = [
            "0.9", "1.0.a", "1.0.a.2", "1.0.a10", "1.0.b1", "1.0.rc1", "1.0", "1.0.1", "1.2", "1.10", "10.0",
        ];
        for (at, low) in sorted.iter().enumerate() {
            for high in &sorted[at + 1..] {
                assert_eq!(compare(low, high), Ordering::Less, "{low} < {high}");
                assert_eq!(compare(high, low), Ordering::Greater, "{high} > {low}");
            }
        }
        for (a, b) in [("1", "1.0.0"), ("1.0.0.a", "1.a"), ("1.0-java", "1"), ("1.01", "1.1")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        }
        for text in ["", "a", "1.", "1-java", "1a.0", "1..2", "1.\u{e9}"] {
            assert!(!is_number(text), "{text}");
        }
        assert!(is_number("1.0.rc1") && is_number("0"));
    }
}
