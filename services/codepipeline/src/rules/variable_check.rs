//! VariableCheck: compares a variable with a value.
//! Source: CodePipeline User Guide, "VariableCheck" in the rule structure reference.

use async_trait::async_trait;

use super::{Property, RuleOutcome, RuleProvider, RuleType};
use crate::catalogue::NONE;
use crate::providers::{ErrorDetails, Report, Trouble, Work};

pub struct VariableCheck;

static RULE_TYPE: RuleType = RuleType {
    provider: "VariableCheck",
    properties: &[
        Property::required("Variable", "The variable, as a reference."),
        Property::required("Value", "What it is compared with."),
        Property::required("Operator", "How: EQ, NE, CONTAINS or MATCHES."),
    ],
    inputs: NONE,
    timeout_minutes: 60,
};

#[async_trait]
impl RuleProvider for VariableCheck {
    fn rule_type(&self) -> &'static RuleType {
        &RULE_TYPE
    }

    async fn start(&self, work: &Work) -> Result<RuleOutcome, Trouble> {
        let (variable, operator, value) =
            (work.required("Variable")?, work.required("Operator")?, work.required("Value")?);
        Ok(if holds(variable, operator, value)? {
            RuleOutcome::Passed(Report::default())
        } else {
            let message = format!("The value '{variable}' does not satisfy {operator} '{value}'");
            RuleOutcome::Failed(Report::default(), ErrorDetails::new("JobFailed", message))
        })
    }
}

/// MATCHES takes the whole value. Look-around and back references of Java's expressions are not known here.
fn holds(variable: &str, operator: &str, value: &str) -> Result<bool, Trouble> {
    match operator {
        "EQ" => Ok(variable == value),
        "NE" => Ok(variable != value),
        "CONTAINS" => Ok(variable.contains(value)),
        "MATCHES" => {
            let whole = regex::Regex::new(&format!("^(?:{value})$")).map_err(|error| {
                Trouble::configuration(format!(
                    "'{value}' is not a regular expression that is known here: {error}"
                ))
            })?;
            Ok(whole.is_match(variable))
        }
        other => Err(Trouble::configuration(format!(
            "'Operator' must be EQ, NE, CONTAINS or MATCHES, not '{other}'"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        assert!(holds("main", "EQ", "main").unwrap() && !holds("main", "EQ", "Main").unwrap());
        assert!(holds("main", "NE", "dev").unwrap());
        assert!(holds("feature/x", "CONTAINS", "ture/").unwrap());
        assert!(holds("v1.20", "MATCHES", r"v\d+\.\d+").unwrap());
        assert!(!holds("xv1.20", "MATCHES", r"v\d+\.\d+").unwrap(), "the whole value");
        assert!(!holds("ab", "MATCHES", "a|b").unwrap());
        assert!(holds("a", "MATCHES", "(").is_err());
        assert!(holds("a", "LIKE", "a").is_err());
    }
}
