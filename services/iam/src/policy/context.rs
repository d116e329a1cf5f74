//! The condition keys of a request: what `Condition` elements and policy variables look at.

use std::borrow::Cow;

/// Keys that hold a set of values and therefore cannot be used as a policy variable.
/// Source: IAM User Guide, "AWS global condition context keys", data type "multivalued".
const MULTIVALUED: [&str; 4] =
    ["aws:tagkeys", "aws:calledvia", "aws:principalorgpaths", "aws:principalservicenameslist"];

/// Condition keys with their values. Names are compared without regard to case.
///
/// Invariant: names are lower case and every key has at least one value; an empty set is an absent key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    keys: Vec<(Cow<'static, str>, Vec<String>)>,
}

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`, replacing what it held. An empty list of values removes it.
    pub fn set_all(&mut self, key: impl Into<Cow<'static, str>>, values: Vec<String>) {
        let mut key = key.into();
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            key = Cow::Owned(key.to_ascii_lowercase());
        }
        match self.keys.iter().position(|(name, _)| *name == key) {
            Some(position) if values.is_empty() => {
                self.keys.remove(position);
            }
            Some(position) => self.keys[position].1 = values,
            None if values.is_empty() => {}
            None => self.keys.push((key, values)),
        }
    }

    /// Sets `key` to a single value.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Sets `key` when there is a value for it.
    pub fn set_some(&mut self, key: impl Into<Cow<'static, str>>, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// The values of a key given in lower case; never an empty slice.
    pub fn values(&self, lower_case_key: &str) -> Option<&[String]> {
        let entry = self.keys.iter().find(|(name, _)| name == lower_case_key);
        entry.map(|(_, values)| values.as_slice())
    }

    /// The value that a policy variable of this name (lower case) stands for: only single-valued keys have one.
    pub fn variable(&self, lower_case_key: &str) -> Option<&str> {
        if MULTIVALUED.contains(&lower_case_key) {
            return None;
        }
        match self.values(lower_case_key)? {
            [value] => Some(value),
            _ => None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.keys.iter().map(|(name, values)| (name.as_ref(), values.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_empty_means_absent() {
        let mut context = Context::new();
        context.set("aws:UserName", "jane");
        context.set_all("aws:TagKeys", vec![]);
        assert_eq!(context.values("aws:username"), Some(&["jane".to_owned()][..]));
        assert_eq!(context.values("aws:tagkeys"), None);
        context.set("AWS:username", "joe");
        assert_eq!(context.variable("aws:username"), Some("joe"));
        assert_eq!(context.iter().count(), 1);
    }

    #[test]
    fn multivalued_keys_are_no_variables() {
        let mut context = Context::new();
        context.set("aws:TagKeys", "one");
        context.set_all("x:y", vec!["a".into(), "b".into()]);
        assert_eq!(context.variable("aws:tagkeys"), None);
        assert_eq!(context.variable("x:y"), None);
    }
}
