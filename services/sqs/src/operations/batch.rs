//! What batches of all kinds have in common. Source: SQS API Reference, SendMessageBatch.

use std::collections::HashSet;

use sqs_model::BatchResultErrorEntry;

use crate::error::Error;

const MOST_ENTRIES: usize = 10;
const LONGEST_ID: usize = 80;

/// `shape`: that of an entry. Errors: `EmptyBatch`, `TooManyEntriesInBatch`, `InvalidBatchEntryId`,
/// `BatchEntryIdsNotDistinct`.
pub fn check<'a>(ids: impl Iterator<Item = &'a String>, shape: &'static str) -> Result<(), Error> {
    let ids: Vec<&String> = ids.collect();
    if ids.is_empty() {
        return Err(Error::EmptyBatch(shape));
    }
    if ids.len() > MOST_ENTRIES {
        return Err(Error::TooManyEntriesInBatch(ids.len()));
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_id = |id: &&String| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_known);
    if !ids.iter().all(is_id) {
        return Err(Error::InvalidBatchEntryId);
    }
    let mut seen = HashSet::new();
    match ids.into_iter().find(|id| !seen.insert(*id)) {
        Some(repeated) => Err(Error::BatchEntryIdsNotDistinct(repeated.clone())),
        None => Ok(()),
    }
}

/// An entry that was refused. Errors: those that are not the caller's fault, and end the whole call.
pub fn failed(id: String, error: Error) -> Result<BatchResultErrorEntry, Error> {
    if matches!(error, Error::Store(_) | Error::Seal(_)) {
        return Err(error);
    }
    let message = Some(error.to_string());
    Ok(BatchResultErrorEntry { id, sender_fault: true, code: error.codes().1.to_owned(), message })
}
