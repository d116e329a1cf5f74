//! `cron(minute hour day-of-month month day-of-week year)`, all in UTC.
//! Source: EventBridge User Guide, "Cron expressions".

use jiff::civil::{Date, DateTime, Weekday, date};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: (i16, i16) = (1970, 2199);

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Days,
    months: Set,
    years: Vec<(i16, i16, i16)>,
}

/// Which of the values 0 to 63 are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set(u64);

/// Exactly one of the two fields for days says something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<MonthDay>),
    OfWeek(Vec<WeekDay>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MonthDay {
    In(Set),
    /// `L`
    Last,
    /// `LW`
    LastWeekday,
    /// `15W`: the weekday nearest to the day, within the month.
    Nearest(i8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WeekDay {
    /// 1 is Sunday.
    In(Set),
    /// `6L`
    Last(i8),
    /// `3#2`
    Nth(i8, i8),
}

impl Cron {
    /// From the text between the parentheses. `None` for what AWS refuses.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split(' ').filter(|field| !field.is_empty()).collect();
        let [minutes, hours, month_days, months, week_days, years] = fields.as_slice() else { return None };
        let days = match (*month_days, *week_days) {
            ("?", "?") => return None,
            (days, "?") => Days::OfMonth(days.split(',').map(MonthDay::parse).collect::<Option<_>>()?),
            ("?", days) => {
                let days: Vec<WeekDay> = days.split(',').map(WeekDay::parse).collect::<Option<_>>()?;
                let counted = days.iter().any(|day| matches!(day, WeekDay::Nth(..)));
                if counted && days.len() > 1 {
                    return None;
                }
                Days::OfWeek(days)
            }
            _ => return None,
        };
        Some(Self {
            minutes: Set::parse(minutes, 0, 59, &[])?,
            hours: Set::parse(hours, 0, 23, &[])?,
            days,
            months: Set::parse(months, 1, 12, &MONTHS)?,
            years: years.split(',').map(year_range).collect::<Option<_>>()?,
        })
    }

    /// The first minute after `from` that is meant; `None` if there is none left.
    pub fn next_after(&self, from: DateTime) -> Option<DateTime> {
        let start = from.checked_add(jiff::Span::new().minutes(1)).ok()?;
        let start = start.with().second(0).subsec_nanosecond(0).build().ok()?;
        let mut day = start.date();
        let mut earliest = Some((start.hour(), start.minute()));
        while day.year() <= YEARS.1 {
            if !self.has_year(day.year()) {
                day = date(day.year() + 1, 1, 1);
                earliest = None;
                continue;
            }
            if !self.months.holds(day.month()) {
                day = day.last_of_month().tomorrow().ok()?;
                earliest = None;
                continue;
            }
            if self.days.hold(day)
                && let Some((hour, minute)) = self.time_from(earliest.unwrap_or((0, 0)))
            {
                return Some(day.at(hour, minute, 0, 0));
            }
            day = day.tomorrow().ok()?;
            earliest = None;
        }
        None
    }

    fn has_year(&self, year: i16) -> bool {
        self.years.iter().any(|(from, to, step)| (*from..=*to).contains(&year) && (year - from) % step == 0)
    }

    /// The first time of a day that is not before another.
    fn time_from(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        let first = |set: Set, from: i8, to: i8| (from..=to).find(|value| set.holds(*value));
        if self.hours.holds(hour)
            && let Some(minute) = first(self.minutes, minute, 59)
        {
            return Some((hour, minute));
        }
        Some((first(self.hours, hour + 1, 23)?, first(self.minutes, 0, 59)?))
    }
}

impl Days {
    fn hold(&self, day: Date) -> bool {
        match self {
            Self::OfMonth(days) => days.iter().any(|one| one.is(day)),
            Self::OfWeek(days) => days.iter().any(|one| one.is(day)),
        }
    }
}

impl MonthDay {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "L" => Some(Self::Last),
            "LW" | "WL" => Some(Self::LastWeekday),
            _ => match text.strip_suffix('W') {
                Some(day) => Some(Self::Nearest(number(day, 1, 31, &[])?)),
                None => Set::parse(text, 1, 31, &[]).map(Self::In),
            },
        }
    }

    fn is(self, day: Date) -> bool {
        match self {
            Self::In(set) => set.holds(day.day()),
            Self::Last => day == day.last_of_month(),
            Self::LastWeekday => Some(day) == nearest_weekday(day.last_of_month()),
            Self::Nearest(wanted) => {
                wanted <= day.days_in_month()
                    && day.with().day(wanted).build().ok().and_then(nearest_weekday) == Some(day)
            }
        }
    }
}

impl WeekDay {
    fn parse(text: &str) -> Option<Self> {
        if text == "L" {
            return Some(Self::In(Set::of([7])));
        }
        if let Some(day) = text.strip_suffix('L') {
            return Some(Self::Last(number(day, 1, 7, &DAYS)?));
        }
        match text.split_once('#') {
            Some((day, count)) => Some(Self::Nth(number(day, 1, 7, &DAYS)?, number(count, 1, 5, &[])?)),
            None => Set::parse(text, 1, 7, &DAYS).map(Self::In),
        }
    }

    fn is(self, day: Date) -> bool {
        let of_week = day.weekday().to_sunday_one_offset();
        match self {
            Self::In(set) => set.holds(of_week),
            Self::Last(wanted) => of_week == wanted && day.day() + 7 > day.days_in_month(),
            Self::Nth(wanted, count) => of_week == wanted && (day.day() - 1) / 7 + 1 == count,
        }
    }
}

impl Set {
    fn of(values: impl IntoIterator<Item = i8>) -> Self {
        Self(values.into_iter().fold(0, |bits, value| bits | 1 << value))
    }

    fn holds(self, value: i8) -> bool {
        self.0 >> value & 1 == 1
    }

    /// A list of values, ranges and steps.
    fn parse(text: &str, least: i8, most: i8, names: &[&str]) -> Option<Self> {
        let mut all = Self::default();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(number(step, 1, most.max(1), &[])?)),
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (least, most),
                Some((from, to)) => (number(from, least, most, names)?, number(to, least, most, names)?),
                None => {
                    let from = number(range, least, most, names)?;
                    (from, if step.is_some() { most } else { from })
                }
            };
            // A range may go past the end: FRI-MON.
            let width = i16::from(most) - i16::from(least) + 1;
            let length = (i16::from(to) - i16::from(from)).rem_euclid(width);
            let values = (0..=length).step_by(usize::try_from(step.unwrap_or(1)).ok()?);
            let wrapped = values.map(|offset| {
                let position = (i16::from(from) - i16::from(least) + offset) % width;
                i8::try_from(position + i16::from(least)).unwrap_or(least)
            });
            all.0 |= Self::of(wrapped).0;
        }
        Some(all)
    }
}

fn number(text: &str, least: i8, most: i8, names: &[&str]) -> Option<i8> {
    if let Some(index) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return i8::try_from(index).ok().map(|index| index + least);
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && (least..=most).contains(value))
}

/// From, to and step.
fn year_range(text: &str) -> Option<(i16, i16, i16)> {
    let year = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|year| digits && (YEARS.0..=YEARS.1).contains(year))
    };
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(step.parse().ok().filter(|step| (1..=230).contains(step))?)),
        None => (text, None),
    };
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => YEARS,
        Some((from, to)) => (year(from)?, year(to)?),
        None => {
            let from = year(range)?;
            (from, if step.is_some() { YEARS.1 } else { from })
        }
    };
    (from <= to).then_some((from, to, step.unwrap_or(1)))
}

/// Saturday's is Friday, Sunday's is Monday, but never in another month.
fn nearest_weekday(day: Date) -> Option<Date> {
    let shift = match day.weekday() {
        Weekday::Saturday if day.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if day == day.last_of_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    day.checked_add(jiff::Span::new().days(shift)).ok()
}
