use aws::Timestamp;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use super::*;

fn next(expression: &str, from: &str) -> Option<String> {
    let Some(Schedule::Cron(cron)) = Schedule::parse(expression) else { panic!("{expression} is refused") };
    cron.next_after(from.parse().unwrap()).map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string())
}

#[track_caller]
fn check(expression: &str, from: &str, expected: &str) {
    assert_eq!(next(expression, from).as_deref(), Some(expected), "{expression}");
}

#[test]
fn crons_of_the_manual() {
    check("cron(0 10 * * ? *)", "2024-01-31T10:00", "2024-02-01T10:00");
    check("cron(15 12 * * ? *)", "2024-02-28T12:15", "2024-02-29T12:15");
    check("cron(0 18 ? * MON-FRI *)", "2024-03-01T18:00", "2024-03-04T18:00");
    check("cron(0 8 1 * ? *)", "2024-12-01T08:00", "2025-01-01T08:00");
    check("cron(0/15 * * * ? *)", "2024-01-01T00:15:30", "2024-01-01T00:30");
    check("cron(0/5 8-17 ? * mon-fri *)", "2024-03-01T17:55", "2024-03-04T08:00");
    check("cron(0 9 ? * 2#1 *)", "2024-03-04T09:00", "2024-04-01T09:00");
    check("cron(0 12 L * ? *)", "2024-02-28T12:00", "2024-02-29T12:00");
    check("cron(0 12 ? * 6L *)", "2024-03-01T00:00", "2024-03-29T12:00");
    check("cron(0 0 15W * ? *)", "2024-06-01T00:00", "2024-06-14T00:00");
    check("cron(0 0 1W * ? *)", "2024-05-31T00:00", "2024-06-03T00:00");
    check("cron(0 0 LW * ? *)", "2024-06-01T00:00", "2024-06-28T00:00");
    check("cron(0 20-2 * * ? *)", "2024-01-01T02:00", "2024-01-01T20:00");
    check("cron(0 0 ? * FRI-MON *)", "2024-01-01T00:00", "2024-01-05T00:00");
    check("cron(0 0 29 2 ? *)", "2024-03-01T00:00", "2028-02-29T00:00");
    check("cron(0 0 1 1 ? 2030/10)", "2024-01-01T00:00", "2030-01-01T00:00");
    assert_eq!(next("cron(0 0 1 1 ? 1999)", "2024-01-01T00:00"), None, "accepted, and never due");
    assert_eq!(next("cron(0 0 31 2 ? *)", "2024-01-01T00:00"), None);
}

#[test]
fn what_is_refused() {
    for expression in [
        "rate(10 seconds)",
        "rate(1 years)",
        "rate(1 minutes)",
        "rate(10 minute)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "RATE(10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate()",
        "rate(10)",
        "",
        "rate(99999999999999999 days)",
        "cron(0 1 * * * *)",
        "cron(0 1 ? * ? *)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(71 8 1 * ? *)",
        "cron(0 8 1 * ?)",
        "cron(0 8 1 * ? * *)",
        "cron(0 8 1 * ? 1969)",
        "cron(0 8 32 * ? *)",
        "cron(0 8 ? * 8 *)",
        "cron(0 8 ? * 3#6 *)",
        "cron(0 8 ? * 3#1,4#1 *)",
        "cron(0/0 8 1 * ? *)",
        "cron(+1 8 1 * ? *)",
        "cron(, 8 1 * ? *)",
        "at(2024-01-01)",
    ] {
        assert_eq!(Schedule::parse(expression), None, "{expression}");
    }
    for expression in ["rate(1 minute)", "rate(5 hours)", "rate(1 day)", "cron(0 8 1 * ? 2000-2010)"] {
        assert!(Schedule::parse(expression).is_some(), "{expression}");
    }
}

/// What a field means, value by value and without its parser: numbers, `*`, `a-b`, `*/n`, `a/n`.
fn naive_field(text: &str, least: i64, most: i64, value: i64) -> bool {
    text.split(',').any(|part| {
        let (range, step) =
            part.split_once('/').map_or((part, None), |(range, step)| (range, step.parse::<i64>().ok()));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None if range == "*" => (least, most),
            None => (range.parse().unwrap(), if step.is_some() { most } else { range.parse().unwrap() }),
        };
        (from..=to).contains(&value) && (value - from) % step.unwrap_or(1) == 0
    })
}

fn field(least: i64, most: i64) -> impl Strategy<Value = String> {
    let middle = i64::midpoint(least, most);
    let part = prop_oneof![
        (least..=most).prop_map(|value| value.to_string()),
        Just("*".to_owned()),
        (least..=middle, middle..=most).prop_map(|(from, to)| format!("{from}-{to}")),
        (1..=most).prop_map(|step| format!("*/{step}")),
        (least..=most, 1..=most).prop_map(|(from, step)| format!("{from}/{step}")),
    ];
    prop::collection::vec(part, 1..3).prop_map(|parts| parts.join(","))
}

proptest! {
    // Each of them looks at up to 20,000 minutes.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_time_is_the_first_that_fits(
        minute in field(0, 59), hour in field(0, 23), day in field(1, 31), month in field(1, 12),
        week_day in field(1, 7), by_week in any::<bool>(), start in 0i64..40_000_000,
    ) {
        let days = if by_week { format!("? {month} {week_day}") } else { format!("{day} {month} ?") };
        let expression = format!("cron({minute} {hour} {days} *)");
        let Some(Schedule::Cron(cron)) = Schedule::parse(&expression) else { panic!("{expression} is refused") };
        let start = date(2000, 1, 1).at(0, 0, 0, 0).checked_add(jiff::Span::new().minutes(start)).unwrap();
        let fits = |at: DateTime| {
            let in_day = if by_week {
                naive_field(&week_day, 1, 7, i64::from(at.weekday().to_sunday_one_offset()))
            } else {
                naive_field(&day, 1, 31, i64::from(at.day()))
            };
            in_day
                && naive_field(&minute, 0, 59, i64::from(at.minute()))
                && naive_field(&hour, 0, 23, i64::from(at.hour()))
                && naive_field(&month, 1, 12, i64::from(at.month()))
        };
        // Minute by minute, as far as a test may take.
        let mut at = start;
        let mut expected = None;
        for _ in 0..20_000 {
            at = at.checked_add(jiff::Span::new().minutes(1)).unwrap();
            if fits(at) {
                expected = Some(at);
                break;
            }
        }
        let found = cron.next_after(start);
        match expected {
            Some(expected) => prop_assert_eq!(found, Some(expected), "{}", expression),
            None => prop_assert!(found.is_none_or(|found| found > at && fits(found)), "{expression} {found:?}"),
        }
    }

}

proptest! {
    #[test]
    fn rates_do_not_drift(minutes in 2i64..5000, anchor in 0i64..1_000_000_000_000, later in 0i64..1_000_000_000_000) {
        let rate = Schedule::parse(&format!("rate({minutes} minutes)")).unwrap();
        let (anchor, now) = (Timestamp::from_millis(anchor), Timestamp::from_millis(anchor + later));
        let next = rate.next_after(anchor, now).unwrap();
        prop_assert!(next > now && next.as_millis() - now.as_millis() <= minutes * 60_000);
        prop_assert_eq!((next.as_millis() - anchor.as_millis()) % (minutes * 60_000), 0);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "(cron|rate)\\([0-9A-Z#?*/, -]{0,20}\\)") {
        if let Some(schedule) = Schedule::parse(&text) {
            schedule.next_after(Timestamp::from_millis(0), Timestamp::from_millis(1));
        }
    }
}
