//! DeploymentWindow: waits until the time of day, week and month is one at which deployments are allowed.
//! Source: CodePipeline User Guide, "DeploymentWindow" in the rule structure reference.

mod cron;

use async_trait::async_trait;
use aws::Timestamp;
use jiff::tz::{Offset, TimeZone};

use self::cron::Cron;
use super::{Property, RuleOutcome, RuleProvider, RuleType};
use crate::catalogue::NONE;
use crate::providers::{Report, Trouble, Work};

pub struct DeploymentWindow;

/// Where the system keeps its time zones, in the form of RFC 9636.
const ZONES: &str = "/usr/share/zoneinfo";

static RULE_TYPE: RuleType = RuleType {
    provider: "DeploymentWindow",
    properties: &[
        Property::required("Cron", "When deployments are allowed: six or seven fields, seconds first."),
        Property::optional("TimeZone", "The time zone of the expression; UTC if left out."),
    ],
    inputs: NONE,
    // Longer than any window is shut that opens every week; AWS documents no default.
    timeout_minutes: 14 * 24 * 60,
};

#[async_trait]
impl RuleProvider for DeploymentWindow {
    fn rule_type(&self) -> &'static RuleType {
        &RULE_TYPE
    }

    async fn start(&self, work: &Work) -> Result<RuleOutcome, Trouble> {
        let cron = Cron::parse(work.required("Cron")?).map_err(Trouble::configuration)?;
        let zone = time_zone(work.optional("TimeZone").unwrap_or("UTC"))?;
        outcome(&cron, &zone, Timestamp::now())
    }
}

fn outcome(cron: &Cron, zone: &TimeZone, now: Timestamp) -> Result<RuleOutcome, Trouble> {
    let unreadable = |error: jiff::Error| Trouble::Unavailable(error.to_string());
    let instant = jiff::Timestamp::from_millisecond(now.as_millis()).map_err(unreadable)?;
    let Some(opens) = cron.next(zone.to_datetime(instant)) else {
        return Err(Trouble::configuration("The deployment window never opens again"));
    };
    // A window that opens while clocks are set forward opens when they have been.
    let opens = zone.to_timestamp(opens).map_err(unreadable)?;
    let look_at = Timestamp::from_millis(opens.as_millisecond());
    if look_at <= now {
        return Ok(RuleOutcome::Passed(Report::default()));
    }
    let summary = format!("Waiting for the deployment window, which opens at {}", look_at.to_iso8601_secs());
    let report = Report { summary: Some(summary), ..Report::default() };
    Ok(RuleOutcome::Waiting { report, look_at: Some(look_at) })
}

/// `UTC`, `UTC+05:30`, or a name of the system's time zone database (`Europe/Berlin`, `EST`).
fn time_zone(name: &str) -> Result<TimeZone, Trouble> {
    let unknown = || Trouble::configuration(format!("'{name}' is not a time zone that is known here"));
    match name.strip_prefix("UTC").or_else(|| name.strip_prefix("GMT")) {
        Some("" | "Z") => Ok(TimeZone::UTC),
        Some(offset) => {
            let (sign, digits) = match offset.split_at_checked(1) {
                Some(("+", digits)) => (1, digits),
                Some(("-", digits)) => (-1, digits),
                _ => return Err(unknown()),
            };
            let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
            let hours: i32 = hours.parse().map_err(|_| unknown())?;
            let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
            if !(0..=18).contains(&hours) || !(0..60).contains(&minutes) {
                return Err(unknown());
            }
            let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| unknown())?;
            Ok(TimeZone::fixed(offset))
        }
        None => named_zone(name).ok_or_else(unknown),
    }
}

/// A zone of the system's database.
fn named_zone(name: &str) -> Option<TimeZone> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    if !name.split('/').all(is_part) {
        return None;
    }
    let data = std::fs::read(std::path::Path::new(ZONES).join(name)).ok()?;
    TimeZone::tzif(name, &data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cron: &str, zone: &str, now: &str) -> String {
        let (cron, zone) = (Cron::parse(cron).unwrap(), time_zone(zone).unwrap());
        match outcome(&cron, &zone, Timestamp::parse_iso8601(now).unwrap()).unwrap() {
            RuleOutcome::Passed(_) => "open".to_owned(),
            RuleOutcome::Waiting { look_at, .. } => look_at.unwrap().to_iso8601_secs(),
            RuleOutcome::Failed(_, error) => panic!("{}", error.message),
        }
    }

    #[test]
    fn a_window_is_open_or_says_when_it_opens() {
        let office_hours = "* * 9-16 ? * MON-FRI *";
        assert_eq!(at(office_hours, "UTC", "2026-11-27T12:34:56Z"), "open");
        assert_eq!(
            at(office_hours, "UTC", "2026-11-27T17:00:00Z"),
            "2026-11-30T09:00:00Z",
            "after the weekend"
        );
        assert_eq!(at(office_hours, "UTC+01:00", "2026-11-27T07:59:59Z"), "2026-11-27T08:00:00Z");
        assert_eq!(at("0 0 3 1 * ?", "UTC-2", "2026-12-01T05:00:30Z"), "open", "for a minute");
    }

    #[test]
    fn time_zones() {
        for name in ["UTC", "GMT", "UTCZ", "UTC+05:30", "UTC-8"] {
            assert!(time_zone(name).is_ok(), "{name}");
        }
        for name in ["UTC+25:00", "UTC+x", "Moon/Tranquillity", "../etc/passwd", "/etc/passwd", ""] {
            assert!(time_zone(name).is_err(), "{name}");
        }
    }
}
