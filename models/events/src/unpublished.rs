//! What Stagewright answers and AWS does not: why each rule matched an event or not, and what became of its deliveries.

use aws::shape::prelude::*;

use crate::{BOOLEAN, EVENT_ID, EVENTS, INTEGER, STRING, TIMESTAMP};

aws::structure! { EXPLAIN_EVENT: ExplainEvent = Structure "ExplainEventRequest" {
    event_id: String = "EventId" EVENT_ID required();
} }

aws::structure! { EXPLAIN_EVENT_OUTPUT: ExplainEventOutput = Structure "ExplainEventResponse" {
    observations: Vec<Observation> = "Observations" OBSERVATION_LIST required();
} }

pub static OBSERVATION_LIST: Schema =
    Schema::new("ObservationList", Kind::List { element: &OBSERVATION, wire: "member" });

// The event as one bus got it.
aws::structure! { OBSERVATION: Observation = Structure "Observation" {
    event_bus_arn: String = "EventBusArn" STRING required();
    event: String = "Event" STRING required();
    ingestion_time: Timestamp = "IngestionTime" TIMESTAMP required();
    rules: Vec<RuleDecision> = "Rules" RULE_DECISION_LIST required();
} }

pub static RULE_DECISION_LIST: Schema =
    Schema::new("RuleDecisionList", Kind::List { element: &RULE_DECISION, wire: "member" });

aws::structure! { RULE_DECISION: RuleDecision = Structure "RuleDecision" {
    rule_arn: String = "RuleArn" STRING required();
    matched: bool = "Matched" BOOLEAN required();
    reason: Option<String> = "Reason" STRING;
    field: Option<String> = "Field" STRING;
    seen: Option<Vec<String>> = "Seen" TEXT_LIST;
    wanted: Option<Vec<String>> = "Wanted" TEXT_LIST;
    changed_since: bool = "ChangedSince" BOOLEAN required();
    deliveries: Vec<DeliveryOutcome> = "Deliveries" DELIVERY_OUTCOME_LIST required();
} }

pub static TEXT_LIST: Schema = Schema::new("TextList", Kind::List { element: &STRING, wire: "member" });

pub static DELIVERY_OUTCOME_LIST: Schema =
    Schema::new("DeliveryOutcomeList", Kind::List { element: &DELIVERY_OUTCOME, wire: "member" });

aws::structure! { DELIVERY_OUTCOME: DeliveryOutcome = Structure "DeliveryOutcome" {
    target_id: String = "TargetId" STRING required();
    target_arn: String = "TargetArn" STRING required();
    status: String = "Status" STRING required();
    attempts: i32 = "Attempts" INTEGER required();
    result: Option<String> = "Result" STRING;
    error_code: Option<String> = "ErrorCode" STRING;
    error_message: Option<String> = "ErrorMessage" STRING;
    exhausted_retry_condition: Option<String> = "ExhaustedRetryCondition" STRING;
    dead_letter_queue_arn: Option<String> = "DeadLetterQueueArn" STRING;
    dead_letter_message_id: Option<String> = "DeadLetterMessageId" STRING;
    dead_letter_error: Option<String> = "DeadLetterError" STRING;
    last_change: Timestamp = "LastChange" TIMESTAMP required();
} }

aws::operation! { ExplainEvent = EVENTS "ExplainEvent" {
    input EXPLAIN_EVENT; output ExplainEventOutput EXPLAIN_EVENT_OUTPUT;
    http "POST" "/" 200;
    errors ["ResourceNotFoundException",];
} }
