//! Which executions keep their artifacts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use aws::Timestamp;

use crate::engine::ExecutionId;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// An execution keeps its artifacts if one of the rules says so. Invariant: at least one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of the newest so many.
    executions: Option<u32>,
    /// That were last heard of within so many days.
    days: Option<u32>,
}

impl Retention {
    /// None: there is no rule, everything is kept.
    pub fn new(executions: Option<u32>, days: Option<u32>) -> Option<Self> {
        (executions.is_some() || days.is_some()).then_some(Self { executions, days })
    }

    /// `executions=20 days=30`, either of them, or `forever`. The error says what is right.
    pub fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let wanted =
            "'forever', or 'executions=N', 'days=N' or both with a space between them, N from 1 to 100000";
        if text.trim() == "forever" {
            return Ok(None);
        }
        let (mut executions, mut days) = (None, None);
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').ok_or(wanted)?;
            let value: u32 = value.parse().map_err(|_| wanted)?;
            let slot = match name {
                "executions" => &mut executions,
                "days" => &mut days,
                _ => return Err(wanted),
            };
            if slot.is_some() || !(1..=100_000).contains(&value) {
                return Err(wanted);
            }
            *slot = Some(value);
        }
        Self::new(executions, days).map(Some).ok_or(wanted)
    }
}

/// An execution as it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub id: ExecutionId,
    /// Executions of a pipeline in the order of their start.
    pub ordinal: u64,
    pub has_ended: bool,
    pub last_heard_of: Timestamp,
    /// Whose artifacts it takes where it has none of its own.
    pub predecessor: Option<ExecutionId>,
}

/// Those whose artifacts may go, oldest first.
///
/// `executions`: all that may still have some. `succeeded`: those that succeeded last in a stage, to which a rollback
/// goes back. What runs is kept, too, and so is whatever those that are kept take their artifacts from.
pub fn removable(
    retention: Retention,
    executions: &[Judged],
    newest_ordinal: u64,
    succeeded: &BTreeSet<ExecutionId>,
    now: Timestamp,
) -> Vec<ExecutionId> {
    let by_id: BTreeMap<ExecutionId, &Judged> = executions.iter().map(|one| (one.id, one)).collect();
    let is_kept = |one: &Judged| {
        let recent = retention.days.is_some_and(|days| {
            now.as_millis().saturating_sub(one.last_heard_of.as_millis()) < i64::from(days) * MILLIS_PER_DAY
        });
        let newest = retention
            .executions
            .is_some_and(|count| one.ordinal.saturating_add(count.into()) > newest_ordinal);
        !one.has_ended || succeeded.contains(&one.id) || recent || newest
    };
    let mut kept: BTreeSet<ExecutionId> =
        executions.iter().filter(|one| is_kept(one)).map(|one| one.id).collect();
    let mut open: Vec<ExecutionId> = kept.iter().copied().collect();
    while let Some(id) = open.pop() {
        let predecessor = by_id.get(&id).and_then(|one| one.predecessor);
        if let Some(predecessor) = predecessor.filter(|predecessor| kept.insert(*predecessor)) {
            open.push(predecessor);
        }
    }
    let mut removable: Vec<&Judged> = executions.iter().filter(|one| !kept.contains(&one.id)).collect();
    removable.sort_by_key(|one| one.ordinal);
    removable.into_iter().map(|one| one.id).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u64) -> ExecutionId {
        ExecutionId(Uuid::from_u128(n.into()))
    }

    /// Executions 1 to 6, each of which ended on the day of its number.
    fn six() -> Vec<Judged> {
        let judged = |n: u64| Judged {
            id: id(n),
            ordinal: n,
            has_ended: true,
            last_heard_of: Timestamp::from_millis(i64::try_from(n).unwrap() * MILLIS_PER_DAY),
            predecessor: None,
        };
        (1..=6).map(judged).collect()
    }

    fn gone(text: &str, executions: &[Judged], succeeded: &[u64]) -> Vec<u64> {
        let retention = Retention::parse(text).unwrap().expect("a rule");
        let succeeded = succeeded.iter().map(|n| id(*n)).collect();
        let now = Timestamp::from_millis(6 * MILLIS_PER_DAY + 1);
        let gone = removable(retention, executions, 6, &succeeded, now);
        gone.into_iter().map(|id| u64::try_from(id.0.as_u128()).unwrap()).collect()
    }

    #[test]
    fn either_rule_keeps() {
        assert_eq!(gone("executions=2", &six(), &[]), [1, 2, 3, 4]);
        assert_eq!(gone("days=3", &six(), &[]), [1, 2, 3]);
        assert_eq!(gone("executions=5 days=3", &six(), &[]), [1]);
    }

    #[test]
    fn what_runs_and_what_a_rollback_goes_back_to_stays() {
        let mut executions = six();
        executions[0].has_ended = false;
        assert_eq!(gone("executions=1", &executions, &[3]), [2, 4, 5]);
    }

    #[test]
    fn so_does_what_those_that_stay_take_their_artifacts_from() {
        let mut executions = six();
        executions[5].predecessor = Some(id(4));
        executions[3].predecessor = Some(id(2));
        assert_eq!(gone("executions=1", &executions, &[]), [1, 3, 5]);
    }

    #[test]
    fn rules_are_read_strictly() {
        assert_eq!(Retention::parse("forever"), Ok(None));
        for wrong in ["", "never", "executions=0", "days=x", "days=1 days=2", "executions=1000000", "days"] {
            assert!(Retention::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
