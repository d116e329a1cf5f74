//! The documented cases, as tables.

use super::*;
use crate::policy::{Context, Kind};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "999999999999";
const OBJECT: &str = "arn:aws:s3:::bucket/key";

fn user() -> Identity {
    Identity::User {
        account: ACCOUNT.into(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/jane"),
        id: "AIDAAAAAAAAAAAAAAAAAA".into(),
    }
}

fn session() -> Identity {
    Identity::Session {
        account: ACCOUNT.into(),
        arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/build/one"),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/team/build"),
        role_id: "AROAAAAAAAAAAAAAAAAAA".into(),
    }
}

fn root() -> Identity {
    Identity::Root { account: ACCOUNT.into(), arn: format!("arn:aws:iam::{ACCOUNT}:root") }
}

fn service() -> Identity {
    Identity::Service { name: "codepipeline.amazonaws.com".into() }
}

/// `allow`, `deny` or nothing, for s3:GetObject on everything.
fn identity(effects: &[&str]) -> Vec<Arc<Policy>> {
    effects
        .iter()
        .map(|effect| {
            let text =
                format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"s3:GetObject","Resource":"*"}}}}"#);
            let document = Document::parse(&text, Kind::Inline).expect("valid");
            Arc::new(Policy { arn: None, name: (*effect).to_owned(), source: PolicySource::User, document })
        })
        .collect()
}

fn resource_policy(effect: &str, principal: &str) -> Document {
    let text = format!(
        r#"{{"Statement":{{"Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"s3:*","Resource":"*"}}}}"#
    );
    Document::parse(&text, Kind::Resource).expect("valid")
}

/// A short name of the decision: `allow`, `explicit <type>` or `implicit <type>`.
fn decide(caller: &Identity, policies: &Policies<'_>) -> String {
    let context = Context::new();
    match evaluate(&Request::new(caller, "s3:GetObject", OBJECT, &context), policies) {
        Decision::Allow => "allow".into(),
        Decision::Deny(Denial::Explicit { policy_type, .. }) => format!("explicit {policy_type:?}"),
        Decision::Deny(Denial::Implicit { policy_type }) => format!("implicit {policy_type:?}"),
    }
}

/// Identity policies, boundary and session policy of one account: the intersection decides.
#[test]
fn one_account_without_resource_policy() {
    let (none, allow, deny) = (identity(&[]), identity(&["Allow"]), identity(&["Allow", "Deny"]));
    for (own, boundary, session_policy, expected) in [
        (&none, None, None, "implicit Identity"),
        (&allow, None, None, "allow"),
        (&deny, None, None, "explicit Identity"),
        (&allow, Some(&none), None, "implicit Boundary"),
        (&allow, Some(&allow), None, "allow"),
        (&none, Some(&allow), None, "implicit Identity"),
        (&allow, Some(&deny), None, "explicit Boundary"),
        (&allow, Some(&allow), Some(&none), "implicit Session"),
        (&allow, Some(&allow), Some(&allow), "allow"),
        (&none, None, Some(&allow), "implicit Identity"),
        (&allow, Some(&allow), Some(&deny), "explicit Session"),
    ] {
        let policies = Policies {
            identity: own,
            boundary: boundary.map(Vec::as_slice),
            session: session_policy.map(Vec::as_slice),
            ..Policies::default()
        };
        assert_eq!(decide(&user(), &policies), expected, "{policies:?}");
    }
}

/// What a resource policy's principal stands in for, in one account.
#[test]
fn resource_policy_of_the_same_account() {
    let (none, allow) = (identity(&[]), identity(&["Allow"]));
    let (user_arn, role_arn, session_arn) = (
        "arn:aws:iam::123456789012:user/jane",
        "arn:aws:iam::123456789012:role/team/build",
        "arn:aws:sts::123456789012:assumed-role/build/one",
    );
    for (caller, principal, own, limit, expected) in [
        (user(), user_arn, &none, Some(&none), "allow"),
        (user(), "*", &none, None, "allow"),
        (user(), ACCOUNT, &none, None, "implicit Identity"),
        (user(), ACCOUNT, &allow, None, "allow"),
        (user(), OTHER, &none, None, "implicit Identity"),
        (session(), session_arn, &none, Some(&none), "allow"),
        (session(), role_arn, &none, None, "allow"),
        (session(), role_arn, &none, Some(&none), "implicit Boundary"),
        (session(), role_arn, &none, Some(&allow), "allow"),
        (root(), OTHER, &none, None, "allow"),
    ] {
        let document = resource_policy("Allow", principal);
        let resource =
            ResourcePolicy { document: &document, required: false, policy_type: PolicyType::Resource };
        let policies = Policies {
            identity: own,
            boundary: limit.map(Vec::as_slice),
            resource: Some(resource),
            resource_account: Some(ACCOUNT),
            ..Policies::default()
        };
        assert_eq!(decide(&caller, &policies), expected, "{principal} {caller:?}");
    }
}

#[test]
fn explicit_deny_of_the_resource_policy_stops_even_root() {
    let document = resource_policy("Deny", ACCOUNT);
    let resource = ResourcePolicy { document: &document, required: false, policy_type: PolicyType::Resource };
    let allow = identity(&["Allow"]);
    for caller in [user(), session(), root()] {
        let policies = Policies { identity: &allow, resource: Some(resource), ..Policies::default() };
        assert_eq!(decide(&caller, &policies), "explicit Resource", "{caller:?}");
    }
}

#[test]
fn other_accounts_need_both_sides() {
    let (none, allow) = (identity(&[]), identity(&["Allow"]));
    for (principal, own, expected) in [
        (ACCOUNT, &allow, "allow"),
        (ACCOUNT, &none, "implicit Identity"),
        ("arn:aws:iam::123456789012:user/jane", &none, "implicit Identity"),
        ("arn:aws:iam::123456789012:user/jane", &allow, "allow"),
        ("*", &allow, "allow"),
        (OTHER, &allow, "implicit Resource"),
    ] {
        let document = resource_policy("Allow", principal);
        let resource =
            ResourcePolicy { document: &document, required: false, policy_type: PolicyType::Resource };
        let policies = Policies {
            identity: own,
            resource: Some(resource),
            resource_account: Some(OTHER),
            ..Policies::default()
        };
        assert_eq!(decide(&user(), &policies), expected, "{principal}");
    }
    let without = Policies { identity: &allow, resource_account: Some(OTHER), ..Policies::default() };
    assert_eq!(decide(&user(), &without), "implicit Resource");
    assert_eq!(decide(&root(), &without), "implicit Resource");
}

#[test]
fn the_arn_tells_the_owner() {
    let (caller, context, allow) = (user(), Context::new(), identity(&["Allow"]));
    let policies = Policies { identity: &allow, ..Policies::default() };
    let decision = |resource| evaluate(&Request::new(&caller, "s3:GetObject", resource, &context), &policies);
    assert!(decision("arn:aws:s3:eu-west-1:123456789012:accesspoint/a").is_allow());
    assert!(!decision("arn:aws:s3:eu-west-1:999999999999:accesspoint/a").is_allow());
}

/// A trust policy must allow, even within one account.
#[test]
fn role_trust() {
    let role = "arn:aws:iam::123456789012:role/deploy";
    let assume = Document::parse(
        r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#,
        Kind::Inline,
    );
    let document = assume.expect("valid");
    let allow = [Arc::new(Policy { arn: None, name: "p".into(), source: PolicySource::User, document })];
    let none: [Arc<Policy>; 0] = [];
    for (principal, caller, own, expected) in [
        (r#"{"AWS":"arn:aws:iam::123456789012:user/jane"}"#, user(), &none[..], "allow"),
        (r#"{"AWS":"123456789012"}"#, user(), &none, "implicit Identity"),
        (r#"{"AWS":"123456789012"}"#, user(), &allow, "allow"),
        (r#"{"AWS":"arn:aws:iam::123456789012:user/joe"}"#, user(), &allow, "implicit RoleTrust"),
        (r#"{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}"#, user(), &none, "allow"),
        (r#"{"AWS":"AIDABBBBBBBBBBBBBBBBB"}"#, user(), &allow, "implicit RoleTrust"),
        (r#"{"AWS":"arn:aws:iam::123456789012:role/team/build"}"#, session(), &none, "allow"),
        (r#"{"Service":"codepipeline.amazonaws.com"}"#, service(), &none, "allow"),
        (r#"{"Service":"codebuild.amazonaws.com"}"#, service(), &none, "implicit RoleTrust"),
        (r#"{"Service":"codepipeline.amazonaws.com"}"#, user(), &allow, "implicit RoleTrust"),
    ] {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
        );
        let document = Document::parse(&text, Kind::Trust).expect("valid");
        let trust =
            ResourcePolicy { document: &document, required: true, policy_type: PolicyType::RoleTrust };
        let policies = Policies { identity: own, resource: Some(trust), ..Policies::default() };
        let context = Context::new();
        let decision = evaluate(&Request::new(&caller, "sts:AssumeRole", role, &context), &policies);
        let actual = match decision {
            Decision::Allow => "allow".into(),
            Decision::Deny(denial) => format!("implicit {:?}", denial.policy_type()),
        };
        assert_eq!(actual, expected, "{principal} {caller:?}");
    }
}

#[test]
fn anonymous_callers_live_by_resource_policies() {
    let public = resource_policy("Allow", "*");
    let resource = ResourcePolicy { document: &public, required: false, policy_type: PolicyType::Resource };
    assert_eq!(
        decide(&Identity::Anonymous, &Policies { resource: Some(resource), ..Policies::default() }),
        "allow"
    );
    assert_eq!(decide(&Identity::Anonymous, &Policies::default()), "implicit Resource");
}

#[test]
fn the_denying_managed_policy_is_named() {
    let mut policies = identity(&["Allow", "Deny"]);
    Arc::make_mut(&mut policies[1]).arn = Some("arn:aws:iam::123456789012:policy/Guard".into());
    let (caller, context) = (user(), Context::new());
    let decision = evaluate(
        &Request::new(&caller, "s3:GetObject", OBJECT, &context),
        &Policies { identity: &policies, ..Policies::default() },
    );
    let Decision::Deny(denial) = decision else { panic!("allowed") };
    assert_eq!(
        denial.reason("s3:GetObject"),
        "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/Guard"
    );
}
