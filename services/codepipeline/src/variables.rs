//! References to variables in action configuration: `#{namespace.key}`.
//!
//! Names are case-sensitive; there is no escape and no default. Text that is no closed `#{…}` stays as it is.
//! Source: CodePipeline User Guide, "Variables reference".

/// Characters of one configuration value after resolution at most; of all values of an action together, bytes.
/// Source: CodePipeline quotas.
pub const RESOLVED_CONFIGURATION_LIMIT: usize = 100 * 1024;
/// Bytes of the output variables of one action at most. Source: CodePipeline quotas.
pub const OUTPUT_VARIABLES_LIMIT: usize = 122_880;

/// The namespace of what every execution has.
pub const GLOBAL: &str = "codepipeline";
/// The namespace of the pipeline's own variables.
pub const PIPELINE: &str = "variables";

/// One `#{…}` in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The whole of it, braces included.
    pub text: &'a str,
    /// Namespace and key; none if it is not of that form.
    pub name: Option<(&'a str, &'a str)>,
}

/// A reference without a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value for {0}")]
pub struct Unresolved(pub String);

/// All references of a value, in order.
pub fn references(value: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, reference, after)) = next_reference(rest) {
        found.push(reference);
        rest = after;
    }
    found
}

/// Puts values in the place of references. Values are not looked through for further references.
pub fn resolve(
    value: &str,
    mut lookup: impl FnMut(&str, &str) -> Option<String>,
) -> Result<String, Unresolved> {
    let mut resolved = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, reference, after)) = next_reference(rest) {
        resolved.push_str(before);
        let found = reference.name.and_then(|(namespace, key)| lookup(namespace, key));
        resolved.push_str(&found.ok_or_else(|| Unresolved(reference.text.to_owned()))?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn next_reference(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    let start = text.find("#{")?;
    let length = text[start..].find('}')? + 1;
    let (before, from) = text.split_at(start);
    let (reference, after) = from.split_at(length);
    let name = reference[2..length - 1].split_once('.').filter(|(namespace, key)| {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'-' | b'_'))
        };
        is_name(namespace) && is_name(key)
    });
    Some((before, Reference { text: reference, name }, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(namespace: &str, key: &str) -> Option<String> {
        (namespace == "Src").then(|| format!("<{key}>"))
    }

    #[test]
    fn literals_and_references_mix() {
        assert_eq!(
            resolve("a #{Src.CommitId}/#{Src.BranchName} b", known).unwrap(),
            "a <CommitId>/<BranchName> b"
        );
        assert_eq!(resolve("${HOME} # {x} #{open", known).unwrap(), "${HOME} # {x} #{open");
        assert_eq!(resolve(r##"[{"value":"#{Src.A}"}]"##, known).unwrap(), r#"[{"value":"<A>"}]"#);
    }

    #[test]
    fn what_has_no_value_is_named() {
        for text in ["#{Other.Key}", "#{Src}", "#{Src.}", "#{.Key}", "#{Src.a b}", "#{Src.a.b}", "#{}"] {
            let value = format!("x{text}y");
            assert_eq!(resolve(&value, known), Err(Unresolved(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn resolved_values_are_not_resolved_again() {
        let lookup = |_: &str, _: &str| Some("#{Src.Other}".to_owned());
        assert_eq!(resolve("#{Src.A}", lookup).unwrap(), "#{Src.Other}");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[#{}.a-c@é ]{0,24}") {
            let found = references(&text);
            prop_assert!(found.iter().all(|reference| text.contains(reference.text)));
            let replaced = resolve(&text, |_, _| Some(String::new()));
            prop_assert_eq!(replaced.is_err(), found.iter().any(|reference| reference.name.is_none()));
        }
    }
}
