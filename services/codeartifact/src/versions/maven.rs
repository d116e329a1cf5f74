//! The order of Maven's versions, and what the names of snapshots say. Pure.
//! Source: Maven, "POM Reference", "Version Order Specification"; `ComparableVersion` of Maven 3.8.

use std::cmp::Ordering;

/// What the version of a snapshot ends with, which stands for the newest of its builds.
pub const SNAPSHOT: &str = "-SNAPSHOT";

/// Words that come before a release, the release itself, and what comes after it, in their order.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASE: usize = 5;

/// A part of a version.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    /// Digits without zeros at the beginning; none for zero.
    Number(String),
    /// By its place among the qualifiers; unknown words come after all of those, by the alphabet.
    Word(usize, String),
    /// What follows a hyphen, or a change between digits and letters.
    List(Vec<Item>),
}

/// Which of two versions comes first.
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_lists(&parse(a), &parse(b))
}

/// `1.0-20210728.194552-1` → `1.0`; `None` for what is no build of a snapshot.
pub fn base_of_build(version: &str) -> Option<&str> {
    let (rest, number) = version.rsplit_once('-')?;
    let (base, stamp) = rest.rsplit_once('-')?;
    let (day, time) = stamp.split_once('.')?;
    let is_digits = |text: &str, length: usize| text.len() == length && all_digits(text);
    let is_build = is_digits(day, 8) && is_digits(time, 6) && (1..=9).contains(&number.len());
    (is_build && all_digits(number) && !base.is_empty()).then_some(base)
}

/// `20210728.194552-1` of a build: builds of one snapshot stand in the order of it.
pub fn stamp_of_build(version: &str) -> Option<(&str, u32)> {
    let base = base_of_build(version)?;
    let (stamp, number) = version.get(base.len() + 1..)?.split_once('-')?;
    Some((stamp, number.parse().ok()?))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse(version: &str) -> Vec<Item> {
    let version = version.to_lowercase();
    // The innermost list is the last one.
    let mut lists: Vec<Vec<Item>> = vec![Vec::new()];
    let (mut start, mut is_number) = (0, false);
    for (at, letter) in version.char_indices() {
        let text = version.get(start..at).unwrap_or_default();
        match letter {
            '.' | '-' => {
                add(&mut lists, item(is_number, text, false));
                start = at + 1;
                if letter == '-' {
                    lists.push(Vec::new());
                }
            }
            _ if letter.is_ascii_digit() => {
                if !is_number && at > start {
                    part(&mut lists);
                    add(&mut lists, item(false, text, true));
                    start = at;
                    lists.push(Vec::new());
                }
                is_number = true;
            }
            _ => {
                if is_number && at > start {
                    add(&mut lists, item(true, text, false));
                    start = at;
                    lists.push(Vec::new());
                }
                is_number = false;
            }
        }
    }
    if version.len() > start {
        if !is_number {
            part(&mut lists);
        }
        add(&mut lists, item(is_number, version.get(start..).unwrap_or_default(), false));
    }
    let mut inner = None;
    while let Some(mut list) = lists.pop() {
        list.extend(inner.take().map(Item::List));
        normalise(&mut list);
        inner = Some(list);
    }
    inner.unwrap_or_default()
}

/// A word before a digit or at the end is apart from what is before it, whatever is between them.
fn part(lists: &mut Vec<Vec<Item>>) {
    if lists.last().is_some_and(|list| !list.is_empty()) {
        lists.push(Vec::new());
    }
}

fn add(lists: &mut [Vec<Item>], item: Item) {
    if let Some(list) = lists.last_mut() {
        list.push(item);
    }
}

/// An empty text is the number zero.
fn item(is_number: bool, text: &str, is_before_digit: bool) -> Item {
    if is_number || text.is_empty() {
        return Item::Number(text.trim_start_matches('0').to_owned());
    }
    let word = match text {
        "a" if is_before_digit => "alpha",
        "b" if is_before_digit => "beta",
        "m" if is_before_digit => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        other => other,
    };
    match QUALIFIERS.iter().position(|known| *known == word) {
        Some(place) => Item::Word(place, String::new()),
        None => Item::Word(QUALIFIERS.len(), word.to_owned()),
    }
}

/// Takes away what says nothing at the end of a list, and before the lists at its end.
fn normalise(list: &mut Vec<Item>) {
    for at in (0..list.len()).rev() {
        let is_nothing = match list.get(at) {
            Some(Item::Number(digits)) => digits.is_empty(),
            Some(Item::Word(place, _)) => *place == RELEASE,
            Some(Item::List(items)) => items.is_empty(),
            None => false,
        };
        if is_nothing {
            list.remove(at);
        } else if !matches!(list.get(at), Some(Item::List(_))) {
            break;
        }
    }
}

fn compare_lists(a: &[Item], b: &[Item]) -> Ordering {
    let longest = a.len().max(b.len());
    let pairs = (0..longest).map(|at| (a.get(at), b.get(at)));
    pairs.map(|(a, b)| compare_items(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_items(a: Option<&Item>, b: Option<&Item>) -> Ordering {
    match (a, b) {
        (Some(a), None) => beside_nothing(a),
        (None, Some(b)) => beside_nothing(b).reverse(),
        (None, None) => Ordering::Equal,
        (Some(Item::Number(a)), Some(Item::Number(b))) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Some(Item::Word(a, one)), Some(Item::Word(b, other))) => a.cmp(b).then_with(|| one.cmp(other)),
        (Some(Item::List(a)), Some(Item::List(b))) => compare_lists(a, b),
        (Some(a), Some(b)) => rank(a).cmp(&rank(b)),
    }
}

/// Of parts of different kinds.
fn rank(item: &Item) -> u8 {
    match item {
        Item::Word(..) => 0,
        Item::List(_) => 1,
        Item::Number(_) => 2,
    }
}

fn beside_nothing(item: &Item) -> Ordering {
    match item {
        Item::Number(digits) if digits.is_empty() => Ordering::Equal,
        Item::Number(_) => Ordering::Greater,
        Item::Word(place, _) => place.cmp(&RELEASE),
        Item::List(items) => {
            items.iter().map(beside_nothing).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_maven() {
        let qualifiers = [
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ];
        let numbers = [
            "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
            "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b",
            "11c", "11m",
        ];
        for versions in [&qualifiers[..], &numbers[..]] {
            for (at, low) in versions.iter().enumerate() {
                for high in &versions[at + 1..] {
                    assert_eq!(compare(low, high), Ordering::Less, "{low} < {high}");
                    assert_eq!(compare(high, low), Ordering::Greater, "{high} > {low}");
                }
            }
        }
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1.0.0-0"),
            ("1x", "1.0.0x"),
            ("1-ga", "1.final"),
            ("1a1", "1-alpha-1"),
            ("1.RELEASE", "1"),
            ("1cr", "1rc"),
            ("0.0", ""),
            ("01.2", "1.02"),
            ("1.0-SNAPSHOT", "1-snapshot"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        }
        let (large, larger) = ("20190126230843123456789", "20190126230843123456790");
        assert_eq!(compare(large, larger), Ordering::Less);
    }

    #[test]
    fn builds_of_snapshots_are_told_by_their_names() {
        assert_eq!(base_of_build("1.0-20210728.194552-12"), Some("1.0"));
        assert_eq!(base_of_build("1.0-rc-1-20210728.194552-1"), Some("1.0-rc-1"));
        assert_eq!(stamp_of_build("1.0-20210728.194552-12"), Some(("20210728.194552", 12)));
        for other in
            ["1.0", "1.0-SNAPSHOT", "1.0-20210728-1", "-20210728.194552-1", "1.0-20210728.194552-", "1-2-3"]
        {
            assert_eq!(base_of_build(other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts_have_an_order(a in "[0-9a-c.-]{0,12}", b in "\\PC{0,12}") {
            assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            assert_eq!(compare(&b, &b), Ordering::Equal);
        }
    }
}
