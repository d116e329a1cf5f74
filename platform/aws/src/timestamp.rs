//! Instants with a resolution of one millisecond, in the formats that the protocols use.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    #[allow(clippy::cast_precision_loss, reason = "an epoch in milliseconds is below 2^53")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// `None` where the number is no instant (NaN, out of range).
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked before")]
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        let millis = (secs * 1000.0).round();
        (millis.is_finite() && millis.abs() < 9.0e15).then_some(Self(millis as i64))
    }

    /// `2024-01-02T03:04:05Z`, with milliseconds only where there are some: XML, form bodies, query strings.
    pub fn to_iso8601(self) -> String {
        if self.0.rem_euclid(1000) == 0 { self.to_iso8601_secs() } else { self.to_iso8601_millis() }
    }

    /// `2024-01-02T03:04:05.678Z`: S3's XML and event records.
    pub fn to_iso8601_millis(self) -> String {
        self.to_iso8601_with(3)
    }

    /// `2024-01-02T03:04:05Z`, the fraction cut off: EventBridge's envelope, CloudTrail.
    pub fn to_iso8601_secs(self) -> String {
        self.to_iso8601_with(0)
    }

    /// With so many digits of the second's fraction, the rest cut off. Not by a format of `strftime`: several such
    /// instants are written in each call.
    fn to_iso8601_with(self, digits: u8) -> String {
        const PRINTER: DateTimePrinter = DateTimePrinter::new();
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => PRINTER.precision(Some(digits)).timestamp_to_string(&at),
            Err(_) => self.0.to_string(),
        }
    }

    /// `20240102T030405Z`: signatures.
    pub fn to_basic(self) -> String {
        self.format("%Y%m%dT%H%M%SZ")
    }

    /// `Tue, 02 Jan 2024 03:04:05 GMT`: HTTP headers.
    pub fn to_http_date(self) -> String {
        self.format("%a, %d %b %Y %H:%M:%S GMT")
    }

    /// Any format of `strftime`, in UTC.
    pub fn format(self, strftime: &str) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.strftime(strftime).to_string(),
            Err(_) => self.0.to_string(),
        }
    }

    pub fn parse_iso8601(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    /// Parses `20240102T030405Z`.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
        let at = jiff::tz::TimeZone::UTC.to_timestamp(parsed).ok()?;
        Some(Self(at.as_millisecond()))
    }

    /// Parses `Tue, 02 Jan 2024 03:04:05 GMT`, with a fraction of the second where there is one.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S%.f GMT", text).ok()?;
        let at = jiff::tz::TimeZone::UTC.to_timestamp(parsed).ok()?;
        Some(Self(at.as_millisecond()))
    }

    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Zero where `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_parses_what_the_protocols_use() {
        let at = Timestamp::from_millis(1_704_164_645_678);
        assert_eq!(at.to_iso8601(), "2024-01-02T03:04:05.678Z");
        assert_eq!(at.to_iso8601_millis(), "2024-01-02T03:04:05.678Z");
        assert_eq!(at.to_iso8601_secs(), "2024-01-02T03:04:05Z");
        assert_eq!(at.to_basic(), "20240102T030405Z");
        assert_eq!(at.to_http_date(), "Tue, 02 Jan 2024 03:04:05 GMT");
        assert_eq!(Timestamp::parse_iso8601(&at.to_iso8601()), Some(at));
        let whole = Timestamp::from_millis(1_704_164_645_000);
        assert_eq!(whole.to_iso8601(), "2024-01-02T03:04:05Z");
        assert_eq!(whole.to_iso8601_millis(), "2024-01-02T03:04:05.000Z");
        let before = Timestamp::from_millis(-1);
        assert_eq!(
            (before.to_iso8601(), before.to_iso8601_secs()),
            ("1969-12-31T23:59:59.999Z".into(), "1969-12-31T23:59:59Z".into())
        );
        assert_eq!(Timestamp::parse_basic("20240102T030405Z"), Some(whole));
        assert_eq!(Timestamp::parse_http_date(&at.to_http_date()), Some(whole));
        assert_eq!(Timestamp::from_secs_f64(1_704_164_645.678), Some(at));
        assert_eq!(Timestamp::from_secs_f64(f64::NAN), None);
    }
}
