//! Schedule expressions: `rate(…)` and `cron(…)`, and when they are due. No clock is read here.
//! Source: EventBridge User Guide, "Creating a rule that runs on a schedule".

mod cron;

#[cfg(test)]
mod tests;

use aws::Timestamp;

pub use cron::Cron;

const MINUTE_MILLIS: i64 = 60_000;

/// A parsed schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Every so many minutes, counted from when the rule was made.
    Rate {
        minutes: i64,
    },
    Cron(Cron),
}

impl Schedule {
    /// `None` for what AWS refuses with `Parameter ScheduleExpression is not valid.`
    pub fn parse(text: &str) -> Option<Self> {
        let body = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = body("rate") {
            return parse_rate(rate).map(|minutes| Self::Rate { minutes });
        }
        body("cron").and_then(Cron::parse).map(Self::Cron)
    }

    /// The first time after `now` at which it is due; `None` if it never is again. `anchor` is when counting began.
    /// Times follow from the anchor alone, not from when somebody looked: nothing drifts.
    pub fn next_after(&self, anchor: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate { minutes } => {
                let period = minutes.checked_mul(MINUTE_MILLIS)?;
                let passed = now.as_millis().saturating_sub(anchor.as_millis()).max(0) / period;
                let next = period.checked_mul(passed + 1)?.checked_add(anchor.as_millis())?;
                Some(Timestamp::from_millis(next))
            }
            Self::Cron(cron) => {
                let now = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
                let next = cron.next_after(jiff::tz::TimeZone::UTC.to_datetime(now))?;
                let at = jiff::tz::TimeZone::UTC.to_timestamp(next).ok()?;
                Some(Timestamp::from_millis(at.as_millisecond()))
            }
        }
    }
}

/// In minutes.
fn parse_rate(text: &str) -> Option<i64> {
    let (count, unit) = text.split_once(' ')?;
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    let count: i64 = count.parse().ok().filter(|count| digits && *count >= 1)?;
    let minutes = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 1,
        ("hour", 1) | ("hours", 2..) => 60,
        ("day", 1) | ("days", 2..) => 24 * 60,
        _ => return None,
    };
    count.checked_mul(minutes).filter(|minutes| minutes.checked_mul(MINUTE_MILLIS).is_some())
}
