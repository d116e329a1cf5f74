use aws::Ctx;
use events_model::{EVENTS, PutPermission, PutPermissionOutput, RemovePermission, RemovePermissionOutput};
use serde_json::{Map, Value, json};

use super::find_bus;
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::Bus;

/// In characters. Source: EventBridge quotas.
pub const POLICY_LIMIT: usize = 10_240;

/// Adds a statement to the policy of a bus, or replaces the whole policy.
/// Errors: `BusNotFound`, `Validation`, `PolicyLengthExceeded`. Source: EventBridge API Reference, PutPermission.
pub(super) async fn put_permission(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: PutPermission,
) -> Result<PutPermissionOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let now = ctx.now();
    let given = input.policy.as_deref().map(statements).transpose()?;
    if let Some(policy) = &input.policy {
        let arn = BusName { scope: scope.clone(), name: name.clone() }.arn();
        let checked = eventbridge.client.check_resource_policy(&EVENTS, &arn, policy).await;
        checked.map_err(|error| invalid(&error.message))?;
    }
    let write = eventbridge.store.write(move |tx| {
        let mut bus = find_bus(tx, &scope, &name)?;
        match &given {
            Some(_)
                if input.statement_id.is_some() || input.principal.is_some() || input.action.is_some() =>
            {
                let message = "Policy cannot be specified together with StatementId, Principal or Action.";
                return Err(Error::validation(message));
            }
            Some(given) => bus.statements.clone_from(given),
            None => {
                let statement = statement(&bus, &input)?;
                bus.statements.retain(|known| known.get("Sid") != statement.get("Sid"));
                bus.statements.push(statement);
            }
        }
        if bus.policy().is_some_and(|policy| policy.chars().count() > POLICY_LIMIT) {
            return Err(Error::PolicyLengthExceeded);
        }
        bus.updated = Some(now);
        tx.put(&bus)?;
        Ok(())
    });
    write.await?;
    Ok(PutPermissionOutput::default())
}

/// Errors: `BusNotFound`, `StatementNotFound`. Source: EventBridge API Reference, RemovePermission.
pub(super) async fn remove_permission(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: RemovePermission,
) -> Result<RemovePermissionOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let now = ctx.now();
    let write = eventbridge.store.write(move |tx| {
        let mut bus = find_bus(tx, &scope, &name)?;
        let before = bus.statements.len();
        match (&input.statement_id, input.remove_all_permissions) {
            (_, Some(true)) => bus.statements.clear(),
            (Some(id), _) => {
                bus.statements.retain(|known| known.get("Sid") != Some(&Value::from(id.as_str())));
            }
            (None, _) => return Err(Error::validation("Parameter StatementId must be specified.")),
        }
        if bus.statements.len() == before && input.remove_all_permissions != Some(true) {
            return Err(Error::StatementNotFound);
        }
        bus.updated = Some(now);
        tx.put(&bus)?;
        Ok(())
    });
    write.await?;
    Ok(RemovePermissionOutput::default())
}

fn statement(bus: &Bus, input: &PutPermission) -> Result<Value, Error> {
    let (Some(id), Some(principal), Some(action)) = (&input.statement_id, &input.principal, &input.action)
    else {
        let message = "Parameter(s) StatementId, Principal and Action, or Policy, must be specified.";
        return Err(Error::validation(message));
    };
    let mut statement = Map::new();
    statement.insert("Sid".into(), json!(id));
    statement.insert("Effect".into(), json!("Allow"));
    let account = format!("arn:{}:iam::{principal}:root", bus.scope.partition);
    let whom = if principal == "*" { json!("*") } else { json!({"AWS": account}) };
    statement.insert("Principal".into(), whom);
    statement.insert("Action".into(), json!(action));
    statement.insert("Resource".into(), json!(bus.arn()));
    if let Some(condition) = &input.condition {
        if principal != "*" {
            let reason = "Principal must be * when a Condition is specified.";
            return Err(Error::parameter("Principal", reason));
        }
        let key = json!({&condition.key: condition.value});
        statement.insert("Condition".into(), json!({&condition.r#type: key}));
    }
    Ok(Value::Object(statement))
}

fn invalid(reason: &str) -> Error {
    Error::parameter("Policy", reason)
}

/// The statements of a whole policy. Errors: `Validation` for what is no policy.
fn statements(policy: &str) -> Result<Vec<Value>, Error> {
    let document: Value = serde_json::from_str(policy).map_err(|_| invalid("It is not valid JSON."))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(invalid("It has no statements.")),
    };
    if !statements.iter().all(is_statement) {
        return Err(invalid("A statement needs Effect, Principal, Action and Resource."));
    }
    Ok(statements)
}

fn is_statement(statement: &Value) -> bool {
    let texts = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(values) => !values.is_empty() && values.iter().all(Value::is_string),
        _ => false,
    };
    let has = |name: &str| statement.get(name).is_some_and(texts);
    let principal = statement.get("Principal").is_some_and(|principal| match principal {
        Value::String(who) => who == "*",
        Value::Object(kinds) => !kinds.is_empty() && kinds.values().all(texts),
        _ => false,
    });
    let effect = matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"));
    let condition = statement.get("Condition").is_none_or(|condition| {
        let operators = condition.as_object().into_iter().flatten();
        condition.is_object() && operators.into_iter().all(|(_, keys)| keys.is_object())
    });
    effect && principal && condition && has("Action") && has("Resource")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_policy_is_refused() {
        let whole =
            json!({"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"});
        assert!(statements(&json!({"Statement": whole}).to_string()).is_ok());
        for member in ["Effect", "Principal", "Action", "Resource"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(member);
            assert!(statements(&json!({"Statement": [part]}).to_string()).is_err(), "without {member}");
        }
        assert!(statements("{").is_err() && statements("{}").is_err() && statements("[]").is_err());
    }
}
