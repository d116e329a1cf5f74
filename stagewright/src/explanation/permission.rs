//! The permission that a refusal names, as the policy statement that would grant it.

use serde::Serialize;
use serde_json::{Value, json};

/// What would have to be granted, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Who was refused: the ARN of a role or user, or a service.
    pub principal: String,
    /// What to do, in a sentence.
    pub advice: String,
    /// The statement to paste; none if an explicit deny has to go instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Value>,
}

impl Missing {
    /// Finds the first refusal in a text. Sources of the wordings: IAM User Guide, "Troubleshoot access denied error
    /// messages"; CodePipeline's and CodeBuild's own, when they may not assume a role.
    pub fn in_text(text: &str) -> Option<Self> {
        let (before, after) = text.split_once("is not authorized to perform")?;
        let after = after.trim_start_matches(':').trim_start();
        let (action, rest) = after.split_once(' ')?;
        let who = before.rsplit(": ").next().unwrap_or(before).trim();
        let who = who.rsplit(char::is_whitespace).next().unwrap_or(who);
        if action == "AssumeRole" || action == "sts:AssumeRole" {
            let role = rest.split(char::is_whitespace).find(|word| word.starts_with("arn:"))?;
            return Some(Self::of_role(who, role.trim_end_matches('.')));
        }
        let resource = rest.strip_prefix("on resource: ").map(first_word);
        let reason = rest.split_once("because no ").map(|(_, reason)| reason);
        let explicit = rest.split_once("explicit deny in ").map(|(_, which)| which);
        Some(Self::of_action(who, action, resource.unwrap_or("*"), reason, explicit))
    }

    fn of_action(
        who: &str,
        action: &str,
        resource: &str,
        reason: Option<&str>,
        explicit: Option<&str>,
    ) -> Self {
        let principal = role_of_session(who).unwrap_or_else(|| who.to_owned());
        if let Some(which) = explicit {
            let which = which.lines().next().unwrap_or(which).trim_end_matches('.');
            let advice = format!("{action} on {resource} is denied explicitly in {which}; that has to go.");
            return Self { principal, advice, statement: None };
        }
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        let place = match reason {
            Some(reason) if reason.starts_with("permissions boundary") => "the permissions boundary of",
            Some(reason) if reason.starts_with("session policy") => "the session policy of",
            Some(reason) if reason.starts_with("resource-based policy") => {
                let mut statement = statement;
                statement["Principal"] = json!({"AWS": principal});
                let advice = format!("Add this statement to the policy of {resource}.");
                return Self { principal, advice, statement: Some(statement) };
            }
            Some(_) | None => "a policy of",
        };
        let advice = format!("Add this statement to {place} {principal}.");
        Self { principal, advice, statement: Some(statement) }
    }

    /// The role does not admit who wants to be it, or that one may not ask.
    fn of_role(who: &str, role: &str) -> Self {
        let trusted = match who {
            "CodePipeline" => json!({"Service": "codepipeline.amazonaws.com"}),
            "CodeBuild" => json!({"Service": "codebuild.amazonaws.com"}),
            who => json!({"AWS": role_of_session(who).unwrap_or_else(|| who.to_owned())}),
        };
        let advice = match trusted.get("AWS").and_then(Value::as_str) {
            None => format!("Add this statement to the trust policy of {role}, if the role is there at all."),
            Some(role_arn) => format!(
                "Add this statement to the trust policy of {role}, and allow {role_arn} sts:AssumeRole on it."
            ),
        };
        let statement = json!({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"});
        Self { principal: who.to_owned(), advice, statement: Some(statement) }
    }
}

fn first_word(text: &str) -> &str {
    let word = text.split(char::is_whitespace).next().unwrap_or(text);
    word.trim_matches('"').trim_end_matches(['.', ','])
}

/// `arn:aws:sts::1:assumed-role/NAME/SESSION` is the role `arn:aws:iam::1:role/NAME`. A path that the role may have is
/// not in the ARN of its session.
fn role_of_session(arn: &str) -> Option<String> {
    let (head, name) = arn.split_once(":assumed-role/")?;
    let (name, _session) = name.split_once('/')?;
    let account = head.rsplit(':').next()?;
    let partition = head.split(':').nth(1)?;
    Some(format!("arn:{partition}:iam::{account}:role/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/pipeline/0f";
    const ROLE: &str = "arn:aws:iam::123456789012:role/pipeline";

    #[test]
    fn a_refused_call_becomes_a_statement() {
        let text = format!(
            "The service role has insufficient permissions: User: {SESSION} is not authorized to perform: \
             codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:123456789012:project/web because no \
             identity-based policy allows the codebuild:StartBuild action (Service: x)"
        );
        let missing = Missing::in_text(&text).unwrap();
        assert_eq!(missing.principal, ROLE);
        assert_eq!(missing.advice, format!("Add this statement to a policy of {ROLE}."));
        let resource = "arn:aws:codebuild:us-east-1:123456789012:project/web";
        let expected = json!({"Effect": "Allow", "Action": "codebuild:StartBuild", "Resource": resource});
        assert_eq!(missing.statement, Some(expected));
    }

    #[test]
    fn where_the_statement_belongs_depends_on_what_refused() {
        let refused = |why: &str| {
            let text = format!(
                "User: {SESSION} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k {why}"
            );
            Missing::in_text(&text).unwrap()
        };
        let boundary = refused("because no permissions boundary allows the s3:GetObject action");
        assert_eq!(boundary.advice, format!("Add this statement to the permissions boundary of {ROLE}."));
        let bucket = refused("because no resource-based policy allows the s3:GetObject action");
        assert_eq!(bucket.statement.unwrap()["Principal"], json!({"AWS": ROLE}));
        let denied = refused("with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/P");
        assert!(
            denied.statement.is_none() && denied.advice.contains("policy/P; that has to go"),
            "{denied:?}"
        );
    }

    #[test]
    fn a_role_that_does_not_admit_its_caller_gets_a_trust_statement() {
        let missing =
            Missing::in_text(&format!("CodePipeline is not authorized to perform AssumeRole on role {ROLE}"));
        let statement = missing.unwrap().statement.unwrap();
        assert_eq!(statement["Principal"], json!({"Service": "codepipeline.amazonaws.com"}));
        let build = format!("CodeBuild is not authorized to perform: sts:AssumeRole on {ROLE}. ");
        let missing = Missing::in_text(&build).unwrap();
        assert!(missing.advice.contains(&format!("trust policy of {ROLE},")), "{missing:?}");
        let through =
            format!("{ROLE} is not authorized to perform AssumeRole on role arn:aws:iam::1:role/other");
        assert_eq!(Missing::in_text(&through).unwrap().statement.unwrap()["Principal"], json!({"AWS": ROLE}));
    }

    #[test]
    fn other_texts_name_nothing() {
        for text in ["", "is not authorized to perform", "is not authorized to perform: ", "exit status 1"] {
            assert_eq!(Missing::in_text(text), None, "{text:?}");
        }
    }
}
