//! The clock of a build: event times and the stamp of the agent's own log lines.

use jiff::Timestamp;

/// Milliseconds since the epoch.
pub fn now_millis() -> i64 {
    Timestamp::now().as_millisecond()
}

/// For how long this machine has been up, the time that it slept included. No change of its clock changes it.
pub fn uptime_seconds() -> u64 {
    rustix::system::sysinfo().uptime.try_into().unwrap_or_default()
}

/// A line that the build agent itself writes into the log: `[Container] 2024/03/01 10:00:05.123456 Entering …`,
/// in UTC, with its line end.
pub fn agent_line(text: &str) -> String {
    format_at(Timestamp::now(), text)
}

fn format_at(time: Timestamp, text: &str) -> String {
    format!("[Container] {} {text}\n", time.strftime("%Y/%m/%d %H:%M:%S%.6f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_carries_utc_time_with_six_digits() {
        let time = Timestamp::from_microsecond(1_709_287_205_012_345).unwrap();
        assert_eq!(
            format_at(time, "Entering phase BUILD"),
            "[Container] 2024/03/01 10:00:05.012345 Entering phase BUILD\n"
        );
    }
}
