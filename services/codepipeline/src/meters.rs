//! What is counted of executions: by the events that this process commits, so each change counts once over all nodes.

use aws::event;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use store::Payload;

use crate::CodePipeline;
use crate::driver::SOURCE;

#[derive(Default)]
struct Meters {
    executions: Family<OfState, Counter>,
    actions: Family<OfAction, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAction {
    category: String,
    provider: String,
    state: String,
}

/// As much of an event as is counted.
#[derive(Deserialize)]
struct Told {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    state: Option<String>,
    r#type: Option<ActionType>,
}

#[derive(Deserialize)]
struct ActionType {
    category: String,
    provider: String,
}

impl CodePipeline {
    /// Registers what is counted of executions: `codepipeline_…`.
    pub fn register(&self, registry: &mut Registry) {
        let meters = Meters::default();
        meters.register(registry.sub_registry_with_prefix("codepipeline"));
        self.store.observe(event::TOPIC, move |event| meters.count(event));
    }
}

impl Meters {
    fn register(&self, registry: &mut Registry) {
        let help = "Pipeline executions that came into a state, STARTED at their beginning";
        registry.register("executions", help, self.executions.clone());
        let help = "Action executions that came into a state, STARTED at their beginning";
        registry.register("action_executions", help, self.actions.clone());
    }

    fn count(&self, event: &Payload) {
        // Events of other services have other details.
        let Ok(told) = event.parse::<Told>() else { return };
        let Some(state) = told.detail.state.filter(|_| told.source == SOURCE) else { return };
        match (told.detail_type.as_str(), told.detail.r#type) {
            ("CodePipeline Pipeline Execution State Change", _) => {
                self.executions.get_or_create(&OfState { state }).inc();
            }
            ("CodePipeline Action Execution State Change", Some(ActionType { category, provider })) => {
                self.actions.get_or_create(&OfAction { category, provider, state }).inc();
            }
            (_, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::{Event, Scope, Timestamp};
    use prometheus_client::encoding::text::encode;
    use serde_json::{Value, json};

    use super::*;

    async fn counted(events: &[(&str, &str, Value)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let store = store::Store::open(store::Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let (meters, mut registry) = (Meters::default(), Registry::default());
        meters.register(&mut registry);
        store.observe(event::TOPIC, move |event| meters.count(event));
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        for (source, kind, detail) in events {
            let event = Event::new(&scope, source, kind, Timestamp::default(), Vec::new(), detail.clone());
            store.write::<_, _, store::Error>(move |tx| tx.append(event::TOPIC, &event)).await.unwrap();
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[tokio::test]
    async fn executions_count_by_state_and_actions_by_provider_too() {
        let pipeline = "CodePipeline Pipeline Execution State Change";
        let action = "CodePipeline Action Execution State Change";
        let kind = json!({"owner": "AWS", "provider": "CodeBuild", "category": "Test", "version": "1"});
        let text = counted(&[
            (SOURCE, pipeline, json!({"state": "STARTED"})),
            (SOURCE, pipeline, json!({"state": "FAILED"})),
            (
                SOURCE,
                "CodePipeline Stage Execution State Change",
                json!({"state": "FAILED", "stage": "Test"}),
            ),
            (SOURCE, action, json!({"state": "FAILED", "type": kind})),
            ("aws.other", pipeline, json!({"state": "FAILED"})),
            ("aws.codebuild", "CodeBuild Build State Change", json!({"build-status": "FAILED"})),
        ])
        .await;
        assert!(text.contains("\nexecutions_total{state=\"STARTED\"} 1\n"), "{text}");
        assert!(text.contains("\nexecutions_total{state=\"FAILED\"} 1\n"), "{text}");
        let of_action =
            "action_executions_total{category=\"Test\",provider=\"CodeBuild\",state=\"FAILED\"} 1\n";
        assert!(text.contains(of_action), "{text}");
    }
}
