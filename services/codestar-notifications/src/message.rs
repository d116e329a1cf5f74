//! What a target is told of an event.
//! Source: Developer Tools console User Guide, "Understanding notification contents and security"; messages as observed.

use aws::event::Announcement;
use serde_json::{Map, Value, json};

use crate::records::Detail;

/// The event as EventBridge has it, without version and id, with the rule, and what FULL adds.
pub fn of(announcement: &Announcement, rule_arn: &str, detail: Detail) -> String {
    let event = &announcement.event;
    let additional = match detail {
        Detail::Basic => Map::new(),
        Detail::Full => announcement.additional.clone(),
    };
    json!({
        "account": event.account,
        "detailType": event.detail_type,
        "region": event.region,
        "source": event.source,
        "time": event.time,
        "notificationRuleArn": rule_arn,
        "detail": event.detail,
        "resources": event.resources,
        "additionalAttributes": Value::Object(additional),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use aws::{Event, Scope, Timestamp};

    use super::*;

    #[test]
    fn only_full_messages_have_more_than_the_event() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let detail = json!({"pipeline": "p", "version": 1.0});
        let event =
            Event::new(&scope, "aws.codepipeline", "T", Timestamp::default(), vec!["r".into()], detail);
        let additional = Map::from_iter([("failedStage".to_owned(), json!("Build"))]);
        let announcement = Announcement { event, additional };
        let basic = r#"{"account":"123456789012","detailType":"T","region":"us-east-1","source":"aws.codepipeline","time":"1970-01-01T00:00:00Z","notificationRuleArn":"rule","detail":{"pipeline":"p","version":1.0},"resources":["r"],"additionalAttributes":{}}"#;
        assert_eq!(of(&announcement, "rule", Detail::Basic), basic);
        let full = basic.replace("{}}", r#"{"failedStage":"Build"}}"#);
        assert_eq!(of(&announcement, "rule", Detail::Full), full);
    }
}
