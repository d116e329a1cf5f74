//! One file per operation; tags and retention policies, which are put and deleted alike, have one each.

pub mod create_log_group;
pub mod create_log_stream;
pub mod delete_log_group;
pub mod delete_log_stream;
pub mod describe_log_groups;
pub mod describe_log_streams;
pub mod filter_log_events;
pub mod get_log_events;
pub mod put_log_events;
pub mod retention_policy;
pub mod tags;
