//! The name that was probably meant.

/// The known name that is closest to a given one, if it is close and no other is as close.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes the product of the lengths; no known name is longer than this.
    if given.len() > 100 {
        return None;
    }
    let folded = fold(given);
    let allowed = (folded.chars().count() / 3).max(1);
    let distance =
        |name: &str| (strsim::osa_distance(&folded, &fold(name)), strsim::osa_distance(given, name));
    let distances = known.into_iter().map(|name| (distance(name), name));
    let close: Vec<_> = distances.filter(|((folded, _), _)| *folded <= allowed).collect();
    let least = close.iter().map(|(distance, _)| *distance).min()?;
    let mut closest = close.iter().filter(|(distance, _)| *distance == least);
    match (closest.next(), closest.next()) {
        (Some((_, name)), None) => Some(name),
        _ => None,
    }
}

/// Without what people mix up: `run_order`, `run-order` and `RunOrder` are one.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// What to say of a name that is none of the known ones.
pub fn help<'a>(given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = closest(given, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let listed: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match listed.as_slice() {
        [] => None,
        [only] => Some(format!("only {only} is known here")),
        [names @ .., last] => Some(format!("known here are {} and {last}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_close_and_what_is_not() {
        let known = ["runOrder", "roleArn", "region", "name"];
        assert_eq!(closest("runorder", known), Some("runOrder"));
        assert_eq!(closest("run_order", known), Some("runOrder"));
        assert_eq!(closest("regoin", known), Some("region"), "swapped letters are one slip");
        assert_eq!(closest("nam", known), Some("name"));
        assert_eq!(closest("stage", ["Stages", "stages"]), Some("stages"));
        assert_eq!(closest("V3", ["V1", "V2"]), None, "no guess between equals");
        assert_eq!(closest("timeout", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(closest(&"n".repeat(1_000_000), known), None);
    }

    #[test]
    fn all_names_are_told_when_none_is_close() {
        assert_eq!(
            help("x", ["alpha", "beta", "gamma"]).unwrap(),
            "known here are `alpha`, `beta` and `gamma`"
        );
        assert_eq!(help("x", ["alpha"]).unwrap(), "only `alpha` is known here");
        assert_eq!(help("x", []), None);
    }
}
