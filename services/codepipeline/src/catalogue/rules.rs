//! What an action type must be like. Source of the wording: answers of CodePipeline as they were observed.

use std::collections::BTreeSet;

use super::{ActionType, Property};
use crate::error::Error;

impl ActionType {
    /// Errors: `Validation`.
    pub fn check(&self) -> Result<(), Error> {
        for count in [self.inputs, self.outputs] {
            if count.max < count.min {
                return Err(Error::Validation(format!(
                    "Maximum Number of Artifacts ({}) has to be greater than or equal to minimum ({}).",
                    count.max, count.min
                )));
            }
        }
        check_names(&self.properties)?;
        check_queryable(&self.properties)
    }
}

fn check_names(properties: &[Property]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    match properties.iter().find(|property| !names.insert(&property.name)) {
        Some(twice) => Err(Error::Validation(format!(
            "Configuration property names must be unique. '{}' is used more than once.",
            twice.name
        ))),
        None => Ok(()),
    }
}

fn check_queryable(properties: &[Property]) -> Result<(), Error> {
    let queryable: Vec<&Property> = properties.iter().filter(|property| property.queryable).collect();
    match queryable.as_slice() {
        [] => Ok(()),
        [only] if only.required && !only.secret => Ok(()),
        [only] => Err(Error::Validation(format!(
            "Invalid queryable property '{}'. Queryable configuration properties must be required and non-secret.",
            only.name
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|property| property.name.as_str()).collect();
            Err(Error::Validation(format!(
                "Multiple queryable configuration properties found with names '{}'. Up to one queryable property may \
                 be specified.",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Count, built_in};

    fn with_properties(properties: Vec<Property>) -> ActionType {
        ActionType { properties, ..built_in::catalogue()[0].clone() }
    }

    fn property(name: &str, required: bool, queryable: bool) -> Property {
        let (key, secret, description, kind) = (true, false, None, None);
        Property { name: name.to_owned(), required, key, secret, queryable, description, kind }
    }

    #[test]
    fn one_queryable_property_that_is_required() {
        let refused = |properties| with_properties(properties).check().unwrap_err().to_string();
        assert!(
            with_properties(vec![property("a", true, true), property("b", false, false)]).check().is_ok()
        );
        assert!(refused(vec![property("a", false, true)]).starts_with("Invalid queryable property 'a'."));
        assert!(
            refused(vec![property("a", true, true), property("b", true, true)])
                .contains("with names 'a, b'.")
        );
        assert!(refused(vec![property("a", true, false), property("a", true, false)]).contains("'a'"));
    }

    #[test]
    fn no_fewer_artifacts_than_the_minimum() {
        let swapped = ActionType { inputs: Count { min: 2, max: 1 }, ..with_properties(Vec::new()) };
        let message = "Maximum Number of Artifacts (1) has to be greater than or equal to minimum (2).";
        assert_eq!(swapped.check(), Err(Error::Validation(message.to_owned())));
    }
}
