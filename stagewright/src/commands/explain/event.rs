//! `stagewright explain event`: why each rule matched an event or not, and what became of each delivery.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use events_model::{DeliveryOutcome, ExplainEvent, ExplainEventOutput, RuleDecision};

use super::super::server_access::{self, AskedRegion, credentials};
use super::super::{failed, misused, wait_for};
use crate::config::Config;
use crate::platform::Platform;

#[derive(clap::Args)]
pub struct Arguments {
    /// The event's id
    id: String,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Where to ask.
#[derive(clap::Args)]
struct Place {
    /// A data folder that no server has open; its first administrator asks
    #[arg(long, value_name = "DIR", conflicts_with = "endpoint", required_unless_present = "endpoint")]
    data: Option<PathBuf>,
    /// A running server; asked with the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which needs the permission
    /// events:ExplainEvent on the buses that got the event
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    endpoint: Option<String>,
    #[command(flatten)]
    region: AskedRegion,
}

pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { id, place, json } = arguments;
    match wait_for(explain(place, ExplainEvent { event_id: id })).map_err(Box::from).flatten() {
        Ok(output) if json => {
            println!("{}", aws::protocol::json::to_value(&output, &events_model::EXPLAIN_EVENT_OUTPUT));
            ExitCode::SUCCESS
        }
        Ok(output) => {
            print(&output);
            ExitCode::SUCCESS
        }
        Err(error) if error.is::<server_access::Error>() => misused(error),
        Err(error) => failed(error),
    }
}

async fn explain(
    place: Place,
    input: ExplainEvent,
) -> Result<ExplainEventOutput, Box<dyn std::error::Error>> {
    let Some(data) = place.data else {
        let endpoint = place.endpoint.unwrap_or_default();
        let remote = server_access::remote(&endpoint, &place.region, credentials()?)?;
        return Ok(remote.call(input).await?);
    };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let platform = Platform::open(&Config::local(data), nowhere, None).await?;
    let answer = platform.as_administrator().call(input).await;
    platform.close().await;
    Ok(answer?)
}

fn print(output: &ExplainEventOutput) {
    for observation in &output.observations {
        println!(
            "{} got it at {}",
            observation.event_bus_arn,
            observation.ingestion_time.to_iso8601_millis()
        );
        println!("  {}", observation.event);
        for rule in &observation.rules {
            print_rule(rule);
        }
        if observation.rules.is_empty() {
            println!("  The bus has no rules.");
        }
    }
}

fn print_rule(rule: &RuleDecision) {
    let decision = if rule.matched { "matched" } else { "did not match" };
    let reason = rule.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    println!("  {} {decision}{reason}", rule.rule_arn);
    if rule.changed_since && !rule.matched {
        println!("    It was changed after the event; this is what it says now.");
    }
    for delivery in &rule.deliveries {
        print_delivery(delivery);
    }
}

fn print_delivery(delivery: &DeliveryOutcome) {
    let result = delivery.result.as_ref().map_or_else(String::new, |result| format!(", made {result}"));
    let attempts = match delivery.attempts {
        1 => "once".to_owned(),
        attempts => format!("{attempts} times"),
    };
    let at = delivery.last_change.to_iso8601_millis();
    println!(
        "    target {} ({}): {}, tried {attempts}{result}, {at}",
        delivery.target_id, delivery.target_arn, delivery.status
    );
    if let (Some(code), Some(message)) = (&delivery.error_code, &delivery.error_message) {
        println!("      {code}: {message}");
    }
    if let Some(condition) = &delivery.exhausted_retry_condition {
        println!("      It was given up by {condition}.");
    }
    if let Some(queue) = &delivery.dead_letter_queue_arn {
        match (&delivery.dead_letter_message_id, &delivery.dead_letter_error) {
            (Some(id), _) => println!("      It went to the dead-letter queue {queue}, as message {id}."),
            (None, Some(error)) => println!("      The dead-letter queue {queue} did not take it: {error}"),
            (None, None) => {}
        }
    }
}
