//! A second evaluator for the tests: works on plain data, enumerates instead of compiling, and states the decision
//! as one boolean formula. Slow, and written without a look at the other.

use proptest::prelude::*;
use serde_json::{Value, json};

/// The facts of a request, in the small world of the generators below.
#[derive(Clone, Debug)]
pub struct Question {
    pub caller: &'static str,
    pub action: String,
    pub resource: String,
    pub owner: &'static str,
    pub tag: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub allow: bool,
    pub not_action: bool,
    pub actions: Vec<String>,
    pub not_resource: bool,
    pub resources: Vec<String>,
    /// Operator and values, applied to `test:tag`.
    pub condition: Option<(&'static str, Vec<String>)>,
    /// For resource policies.
    pub principals: Vec<&'static str>,
}

pub const ACCOUNT: &str = "123456789012";
pub const OTHER: &str = "999999999999";
pub const USER: &str = "arn:aws:iam::123456789012:user/jane";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/build";
pub const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/build/one";
pub const ROOT: &str = "arn:aws:iam::123456789012:root";
pub const CALLERS: [&str; 4] = [USER, SESSION, ROOT, "anonymous"];
const OPERATORS: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringEqualsIfExists",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotEquals",
];

impl Rule {
    pub fn json(&self, with_principal: bool) -> Value {
        let action = if self.not_action { "NotAction" } else { "Action" };
        let resource = if self.not_resource { "NotResource" } else { "Resource" };
        let effect = if self.allow { "Allow" } else { "Deny" };
        let mut rule = json!({ "Effect": effect, action: self.actions, resource: self.resources });
        if let Some((operator, values)) = &self.condition {
            rule["Condition"] = json!({ *operator: { "test:tag": values } });
        }
        if with_principal {
            rule["Principal"] = json!({ "AWS": self.principals });
        }
        rule
    }

    fn speaks(&self, question: &Question) -> bool {
        let action = self.actions.iter().any(|p| like(&p.to_lowercase(), &question.action.to_lowercase()));
        let resource = self.resources.iter().any(|p| p == "*" || arn_like(p, &question.resource));
        let condition = self.condition.as_ref().is_none_or(|(operator, values)| {
            let tag = question.tag.as_deref();
            let equal = values.iter().any(|value| Some(value.as_str()) == tag);
            let alike = values.iter().any(|value| tag.is_some_and(|tag| like(value, tag)));
            match *operator {
                "StringEquals" => equal,
                "StringNotEquals" => !equal,
                "StringLike" => alike,
                "StringEqualsIfExists" => tag.is_none() || equal,
                "ForAllValues:StringLike" => tag.is_none() || alike,
                "ForAnyValue:StringNotEquals" => tag.is_some() && !equal,
                other => panic!("no reference for {other}"),
            }
        });
        action != self.not_action && resource != self.not_resource && condition
    }

    /// 0 no, 1 by account, 2 by role, 3 directly.
    fn names(&self, caller: &str) -> u8 {
        let level = |principal: &&str| match (*principal, caller) {
            ("*", _) => 3,
            (_, "anonymous") => 0,
            (ACCOUNT, _) => 1,
            (ROLE, SESSION) => 2,
            (principal, caller) if principal == caller && caller != ROOT => 3,
            _ => 0,
        };
        self.principals.iter().map(level).max().unwrap_or(0)
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub identity: Vec<Vec<Rule>>,
    pub boundary: Option<Vec<Rule>>,
    pub session: Option<Vec<Rule>>,
    pub resource: Option<Vec<Rule>>,
    pub required: bool,
}

/// True when the request is allowed.
pub fn allowed(world: &World, question: &Question) -> bool {
    let speaks = |rules: &[Rule], allow: bool| rules.iter().any(|r| r.allow == allow && r.speaks(question));
    let own: Vec<Rule> = world.identity.concat();
    let boundary = world.boundary.as_deref();
    let session = world.session.as_deref();
    let resource = world.resource.as_deref().unwrap_or_default();
    let level = |allow: bool| {
        let spoken = resource.iter().filter(|rule| rule.allow == allow && rule.speaks(question));
        spoken.map(|rule| rule.names(question.caller)).max().unwrap_or(0)
    };
    let denied = speaks(&own, false)
        || boundary.is_some_and(|rules| speaks(rules, false))
        || session.is_some_and(|rules| speaks(rules, false))
        || level(false) > 0;
    let own_allows = question.caller == ROOT || speaks(&own, true);
    let limits_allow =
        boundary.is_none_or(|rules| speaks(rules, true)) && session.is_none_or(|r| speaks(r, true));
    let level = level(true);
    let same = question.owner == ACCOUNT;
    !denied
        && if question.caller == "anonymous" {
            level > 0
        } else if same {
            (level == 3 || (level == 2 || own_allows) && limits_allow) && (level > 0 || !world.required)
        } else {
            level > 0 && own_allows && limits_allow
        }
}

fn like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(rest, &text[at..])),
        '?' => text.chars().next().is_some_and(|c| like(rest, &text[c.len_utf8()..])),
        other => text.strip_prefix(other).is_some_and(|text| like(rest, text)),
    }
}

fn arn_like(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<_>, Vec<_>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == arn.len() && pattern.iter().zip(arn).all(|(pattern, part)| like(pattern, part))
}

pub fn rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![Just("*".to_owned()), "s3:(Get|Put|get|\\*|G\\?t)(a|\\*)?", "logs:(Get|\\*)"];
    let resource = prop_oneof![Just("*".to_owned()), "arn:(aws|\\*):s3:::(a|b|\\*|\\?)(/\\*|/k)?"];
    let value = prop_oneof!["[ab]", "[ab*?]{1,2}"];
    let condition = (prop::sample::select(&OPERATORS[..]), prop::collection::vec(value, 1..3));
    let principal = prop::sample::select(vec!["*", ACCOUNT, OTHER, USER, ROLE, SESSION]);
    (
        (any::<bool>(), prop::bool::weighted(0.15), prop::collection::vec(action, 1..3)),
        (prop::bool::weighted(0.15), prop::collection::vec(resource, 1..3)),
        prop::option::of(condition),
        prop::collection::vec(principal, 1..3),
    )
        .prop_map(|((allow, not_action, actions), (not_resource, resources), condition, principals)| {
            Rule { allow, not_action, actions, not_resource, resources, condition, principals }
        })
}

pub fn world() -> impl Strategy<Value = World> {
    let rules = || prop::collection::vec(rule(), 1..4);
    (
        prop::collection::vec(rules(), 0..3),
        prop::option::weighted(0.3, rules()),
        prop::option::weighted(0.3, rules()),
        prop::option::weighted(0.5, rules()),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(identity, boundary, session, resource, required)| World {
            identity,
            boundary,
            session,
            // "Required" has a meaning only where there is a policy of the resource.
            required: required && resource.is_some(),
            resource,
        })
}

pub fn question() -> impl Strategy<Value = Question> {
    (
        prop::sample::select(&CALLERS[..]),
        "s3:(Get|Put)(a|b)?|logs:Get",
        "arn:aws:s3:::(a|b|ab)(/k|/k/l)?",
        prop::sample::select(vec![ACCOUNT, ACCOUNT, ACCOUNT, OTHER]),
        prop::option::of("[ab]{1,2}"),
    )
        .prop_map(|(caller, action, resource, owner, tag)| Question {
            caller,
            action,
            resource,
            owner,
            tag,
        })
}
