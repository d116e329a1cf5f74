//! Laws of evaluation, checked on generated policies.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::reference::{
    self, ACCOUNT, Question, ROLE, ROOT, Rule, SESSION, USER, World, question, rule, world,
};
use super::*;

fn identity_of(caller: &str) -> Identity {
    let account = ACCOUNT.to_owned();
    match caller {
        USER => Identity::User { account, arn: USER.into(), id: "AIDAAAAAAAAAAAAAAAAAA".into() },
        SESSION => Identity::Session {
            account,
            arn: SESSION.into(),
            role_arn: ROLE.into(),
            role_id: "AROAAAAAAAAAAAAAAAAAA".into(),
        },
        ROOT => Identity::Root { account, arn: ROOT.into() },
        _ => Identity::Anonymous,
    }
}

fn compile(rules: &[Rule], kind: Kind) -> Document {
    let statements: Vec<_> = rules.iter().map(|rule| rule.json(kind == Kind::Resource)).collect();
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Document::parse(&text, kind).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn policy(rules: &[Rule]) -> Arc<Policy> {
    let document = compile(rules, Kind::Managed);
    Arc::new(Policy { arn: None, name: String::new(), source: PolicySource::Passed, document })
}

fn decide(world: &World, question: &Question) -> Decision {
    let caller = identity_of(question.caller);
    let mut context = Context::new();
    context.set_some("test:Tag", question.tag.clone());
    let identity: Vec<_> = world.identity.iter().map(|rules| policy(rules)).collect();
    let boundary = world.boundary.as_ref().map(|rules| vec![policy(rules)]);
    let session = world.session.as_ref().map(|rules| vec![policy(rules)]);
    let document = world.resource.as_ref().map(|rules| compile(rules, Kind::Resource));
    let policies = Policies {
        identity: &identity,
        boundary: boundary.as_deref(),
        session: session.as_deref(),
        resource: document.as_ref().map(|document| ResourcePolicy {
            document,
            required: world.required,
            policy_type: PolicyType::Resource,
        }),
        resource_account: Some(question.owner),
    };
    evaluate(&Request::new(&caller, &question.action, &question.resource, &context), &policies)
}

/// Where a statement is added to a world.
#[derive(Clone, Copy, Debug)]
enum Place {
    Identity,
    Boundary,
    Session,
    Resource,
}

/// Adds a statement where there are policies of that type already (identity: always): setting a boundary where
/// there was none is a limit, not an addition.
fn add(world: &mut World, place: Place, rule: Rule) {
    let rules = match place {
        Place::Identity => {
            world.identity.push(vec![rule]);
            return;
        }
        Place::Boundary => &mut world.boundary,
        Place::Session => &mut world.session,
        Place::Resource => &mut world.resource,
    };
    if let Some(rules) = rules {
        rules.push(rule);
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop::sample::select(vec![Place::Identity, Place::Boundary, Place::Session, Place::Resource])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn equals_the_reference(world in world(), question in question()) {
        prop_assert_eq!(decide(&world, &question).is_allow(), reference::allowed(&world, &question));
    }

    #[test]
    fn order_never_matters(world in world(), question in question()) {
        let mut turned = world.clone();
        turned.identity.reverse();
        for rules in turned.identity.iter_mut().chain(&mut turned.boundary).chain(&mut turned.session).chain(&mut turned.resource) {
            rules.reverse();
        }
        prop_assert_eq!(decide(&world, &question), decide(&turned, &question));
    }

    #[test]
    fn adding_a_deny_never_allows(world in world(), question in question(), place in place(), mut rule in rule()) {
        rule.allow = false;
        let mut more = world.clone();
        add(&mut more, place, rule);
        prop_assert!(decide(&world, &question).is_allow() || !decide(&more, &question).is_allow());
    }

    #[test]
    fn adding_an_allow_never_denies(world in world(), question in question(), place in place(), mut rule in rule()) {
        rule.allow = true;
        let mut more = world.clone();
        add(&mut more, place, rule);
        prop_assert!(!decide(&world, &question).is_allow() || decide(&more, &question).is_allow());
    }

    #[test]
    fn an_explicit_deny_wins(world in world(), question in question(), place in place()) {
        let everything = Rule {
            allow: false,
            not_action: false,
            actions: vec!["*".into()],
            not_resource: false,
            resources: vec!["*".into()],
            condition: None,
            principals: vec!["*"],
        };
        let mut more = world.clone();
        for rules in [&mut more.boundary, &mut more.session, &mut more.resource] {
            rules.get_or_insert(vec![Rule { allow: true, ..everything.clone() }]);
        }
        add(&mut more, place, everything);
        prop_assert!(matches!(decide(&more, &question), Decision::Deny(Denial::Explicit { .. })), "{:?}", more);
    }

    /// A boundary or session policy can only take away, except where the resource names the caller itself.
    #[test]
    fn limits_never_allow(world in world(), question in question(), limit in prop::collection::vec(rule(), 1..4)) {
        for at_boundary in [true, false] {
            let mut more = world.clone();
            *(if at_boundary { &mut more.boundary } else { &mut more.session }) = Some(limit.clone());
            let mut without = world.clone();
            *(if at_boundary { &mut without.boundary } else { &mut without.session }) = None;
            prop_assert!(decide(&without, &question).is_allow() || !decide(&more, &question).is_allow());
        }
    }
}
