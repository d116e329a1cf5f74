//! One JSON object for each change. Logs are as they were written: JSON keeps what a terminal must not see.

use serde_json::{Value, json};

use crate::commands::run::progress::{Change, Place};

pub fn lines(change: &Change) -> Vec<String> {
    vec![object(change).to_string()]
}

fn object(change: &Change) -> Value {
    match change {
        Change::Action { place: Place { stage, action }, status, seconds, summary, error } => {
            json!({"type": "action", "stage": stage, "action": action, "status": status.as_str(),
                "seconds": seconds, "summary": summary, "error": error})
        }
        Change::Log { place: Place { stage, action }, lines } => {
            json!({"type": "log", "stage": stage, "action": action, "lines": lines})
        }
        Change::Approval { place: Place { stage, action }, question, .. } => {
            json!({"type": "approval", "stage": stage, "action": action, "question": question})
        }
        Change::Ended { ending, seconds } => {
            json!({"type": "end", "status": ending.as_str(), "seconds": seconds})
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::commands::run::progress::Status;

    #[test]
    fn changes_as_objects() {
        let place = || Place { stage: "Build".into(), action: "Make".into() };
        let changes = [
            Change::Action {
                place: place(),
                status: Status::Succeeded,
                seconds: 1.5,
                summary: None,
                error: None,
            },
            Change::Log { place: place(), lines: vec!["\u{1b}[31mred\n".into()] },
        ];
        let lines: Vec<_> = changes.iter().flat_map(lines).collect();
        expect![[r#"
            {"type":"action","stage":"Build","action":"Make","status":"Succeeded","seconds":1.5,"summary":null,"error":null}
            {"type":"log","stage":"Build","action":"Make","lines":["\u001b[31mred\n"]}"#]]
        .assert_eq(&lines.join("\n"));
    }
}
