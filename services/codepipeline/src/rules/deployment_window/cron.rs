//! Cron expressions with seconds: `sec min hour day-of-month month day-of-week [year]`, as Quartz reads them.
//!
//! A window is at least a minute long: seconds are read and make no difference.

use jiff::civil::{Date, DateTime, Weekday, date};

/// Nothing is looked for beyond this year. Source: CodePipeline User Guide, "DeploymentWindow".
const LAST_YEAR: i16 = 2199;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    /// Allowed values, ascending.
    minutes: Vec<i16>,
    hours: Vec<i16>,
    months: Vec<i16>,
    years: Option<Vec<i16>>,
    day_of_month: Option<Vec<MonthDay>>,
    day_of_week: Option<Vec<WeekDay>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MonthDay {
    On(i16),
    /// The last day, or so many days before it.
    Last(i16),
    LastWeekday,
    /// The weekday that is nearest to a day, within the month.
    Nearest(i16),
}

/// Days of the week from 1, Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WeekDay {
    On(i16),
    /// The last such day of the month.
    Last(i16),
    /// The nth such day of the month.
    Nth(i16, i16),
}

impl Cron {
    /// Errors: a sentence that says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<String> = text.split_whitespace().map(str::to_uppercase).collect();
        let (seconds, minutes, hours, days, months, week, years) = match &fields[..] {
            [s, m, h, d, mo, w] => (s, m, h, d, mo, w, None),
            [s, m, h, d, mo, w, y] => (s, m, h, d, mo, w, Some(y)),
            _ => return Err(format!("The cron expression '{text}' must have six or seven fields")),
        };
        let wrong = |field: &str, value: &str| format!("'{value}' is no {field} of a cron expression");
        values(seconds, 0, 59, &[], 0).ok_or_else(|| wrong("second", seconds))?;
        let years = years.filter(|years| *years != "*");
        if (days == "?") == (week == "?") && (days == "?" || (days != "*" && week != "*")) {
            return Err("One of day-of-month and day-of-week must be '?', and only one".to_owned());
        }
        let years =
            years.map(|years| values(years, 1970, LAST_YEAR, &[], 0).ok_or_else(|| wrong("year", years)));
        Ok(Self {
            minutes: values(minutes, 0, 59, &[], 0).ok_or_else(|| wrong("minute", minutes))?,
            hours: values(hours, 0, 23, &[], 0).ok_or_else(|| wrong("hour", hours))?,
            months: values(months, 1, 12, &MONTHS, 1).ok_or_else(|| wrong("month", months))?,
            years: years.transpose()?,
            day_of_month: all_or(days, month_days).ok_or_else(|| wrong("day-of-month", days))?,
            day_of_week: all_or(week, week_days).ok_or_else(|| wrong("day-of-week", week))?,
        })
    }

    /// The first minute of the window from `now` on, the present one included; none if there will be no more.
    pub(super) fn next(&self, now: DateTime) -> Option<DateTime> {
        let mut day = now.date();
        while day.year() <= LAST_YEAR {
            if self.has_day(day) {
                let earliest =
                    if day == now.date() { (now.hour().into(), now.minute().into()) } else { (0, 0) };
                let times =
                    self.hours.iter().flat_map(|hour| self.minutes.iter().map(|minute| (*hour, *minute)));
                if let Some((hour, minute)) = times.into_iter().find(|time| *time >= earliest) {
                    return Some(day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0));
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, day: Date) -> bool {
        self.years.as_ref().is_none_or(|years| years.contains(&day.year()))
            && self.months.contains(&day.month().into())
            && self.day_of_month.as_ref().is_none_or(|days| days.iter().any(|allowed| allowed.is(day)))
            && self.day_of_week.as_ref().is_none_or(|days| days.iter().any(|allowed| allowed.is(day)))
    }
}

impl MonthDay {
    fn is(self, day: Date) -> bool {
        let number = i16::from(day.day());
        let last = i16::from(day.days_in_month());
        match self {
            Self::On(allowed) => number == allowed,
            Self::Last(before) => number == last - before,
            Self::LastWeekday => nearest_weekday(day, last) == Some(number),
            Self::Nearest(to) => nearest_weekday(day, to) == Some(number),
        }
    }
}

/// The weekday that is nearest to a day of the month, without leaving it.
fn nearest_weekday(day: Date, to: i16) -> Option<i16> {
    let last = i16::from(day.days_in_month());
    let wanted =
        date(day.year(), day.month(), 1).checked_add(jiff::Span::new().days(i64::from(to) - 1)).ok()?;
    if to > last {
        return None;
    }
    Some(match wanted.weekday() {
        Weekday::Saturday if to == 1 => 3,
        Weekday::Saturday => to - 1,
        Weekday::Sunday if to == last => to - 2,
        Weekday::Sunday => to + 1,
        _ => to,
    })
}

impl WeekDay {
    fn is(self, day: Date) -> bool {
        let weekday = i16::from(day.weekday().to_sunday_one_offset());
        let number = i16::from(day.day());
        match self {
            Self::On(allowed) => weekday == allowed,
            Self::Last(allowed) => weekday == allowed && number + 7 > i16::from(day.days_in_month()),
            Self::Nth(allowed, nth) => weekday == allowed && (number - 1) / 7 + 1 == nth,
        }
    }
}

/// `None` in the outer option: unreadable; in the inner one: every day.
#[expect(clippy::option_option, reason = "two different absences, told apart at once")]
fn all_or<T>(text: &str, read: impl Fn(&str) -> Option<Vec<T>>) -> Option<Option<Vec<T>>> {
    if text == "*" || text == "?" { Some(None) } else { read(text).map(Some) }
}

fn month_days(text: &str) -> Option<Vec<MonthDay>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        match part {
            "L" => days.push(MonthDay::Last(0)),
            "LW" => days.push(MonthDay::LastWeekday),
            part => {
                if let Some(before) = part.strip_prefix("L-") {
                    days.push(MonthDay::Last(within(before, 0, 30, &[], 0)?));
                } else if let Some(to) = part.strip_suffix('W') {
                    days.push(MonthDay::Nearest(within(to, 1, 31, &[], 0)?));
                } else {
                    days.extend(values(part, 1, 31, &[], 0)?.into_iter().map(MonthDay::On));
                }
            }
        }
    }
    Some(days)
}

fn week_days(text: &str) -> Option<Vec<WeekDay>> {
    let day = |text: &str| within(text, 1, 7, &WEEKDAYS, 1);
    let mut days = Vec::new();
    for part in text.split(',') {
        if part == "L" {
            days.push(WeekDay::On(7));
        } else if let Some((weekday, nth)) = part.split_once('#') {
            days.push(WeekDay::Nth(day(weekday)?, within(nth, 1, 5, &[], 0)?));
        } else if let Some(weekday) = part.strip_suffix('L') {
            days.push(WeekDay::Last(day(weekday)?));
        } else {
            days.extend(values(part, 1, 7, &WEEKDAYS, 1)?.into_iter().map(WeekDay::On));
        }
    }
    Some(days)
}

/// Values of a list of `5`, `1-3`, `*`, `2/15`, `*/15`, ascending. A range whose end comes first goes round.
fn values(text: &str, min: i16, max: i16, names: &[&str], first: i16) -> Option<Vec<i16>> {
    let mut all = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(within(step, 1, max.max(1), &[], 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((from, to)) => (within(from, min, max, names, first)?, within(to, min, max, names, first)?),
            None => {
                let from = within(range, min, max, names, first)?;
                (from, if step.is_some() { max } else { from })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        if from <= to {
            all.extend((from..=to).step_by(step));
        } else {
            all.extend((from..=max).chain(min..=to).step_by(step));
        }
    }
    Some(all.into_iter().collect())
}

/// A number, or a name that stands for one: `first` and up.
fn within(text: &str, min: i16, max: i16, names: &[&str], first: i16) -> Option<i16> {
    let named = names.iter().position(|name| *name == text).and_then(|index| i16::try_from(index).ok());
    let value = named.map_or_else(|| text.parse().ok(), |index| Some(index + first))?;
    (min..=max).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, now: &str) -> String {
        let next = Cron::parse(cron).unwrap().next(now.parse().unwrap());
        next.map_or_else(|| "never".to_owned(), |next| next.to_string())
    }

    #[test]
    fn minutes_and_hours() {
        assert_eq!(next("0 0/15 * ? * *", "2026-11-27T10:16:40"), "2026-11-27T10:30:00");
        assert_eq!(next("0 30 10 * * ?", "2026-11-27T10:30:59"), "2026-11-27T10:30:00", "this very minute");
        assert_eq!(next("0 0 22-2 * * ?", "2026-11-27T03:00:00"), "2026-11-27T22:00:00");
        assert_eq!(next("0 0 1,5 * * ?", "2026-11-27T02:00:00"), "2026-11-27T05:00:00");
    }

    #[test]
    fn days() {
        for (cron, expected) in [
            ("0 0 0 L * ?", "2026-11-30T00:00:00"),
            ("0 0 0 L-3 * ?", "2026-11-27T00:00:00"),
            ("0 0 0 LW JAN ?", "2027-01-29T00:00:00"),
            ("0 0 0 15W * ?", "2026-11-16T00:00:00"),
            ("0 0 0 1W AUG ?", "2027-08-02T00:00:00"),
            ("0 0 0 ? * 6#3", "2026-11-20T00:00:00"),
            ("0 0 0 ? * FRIL", "2026-11-27T00:00:00"),
            ("0 0 0 ? * 6L", "2026-11-27T00:00:00"),
            ("0 0 0 ? * L", "2026-11-07T00:00:00"),
            ("0 0 0 ? * FRI-SUN", "2026-11-01T00:00:00"),
            ("0 0 0 29 2 ?", "2028-02-29T00:00:00"),
            ("0 0 0 ? 2 * 2030", "2030-02-01T00:00:00"),
            ("0 0 0 ? * * 2020", "never"),
        ] {
            assert_eq!(next(cron, "2026-11-01T00:00:00"), expected, "{cron}");
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for cron in [
            "",
            "* * * * *",
            "* 60 * ? * *",
            "* * 24 ? * *",
            "* * * 32 * ?",
            "* * * ? 13 *",
            "* * * ? * 8",
            "* * * ? * 6#6",
            "* * * 1 * MON",
            "* * * ? * ?",
            "* * * ? * * 1969",
            "* 1/0 * ? * *",
            "* x * ? * *",
        ] {
            assert!(Cron::parse(cron).is_err(), "{cron}");
        }
    }
}
