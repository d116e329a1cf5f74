//! Single values as text: in XML, forms, query strings, headers and paths.

use crate::shape::ReadError;
use crate::shape::schema::TimestampFormat;
use crate::timestamp::Timestamp;

pub fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

pub fn double(value: f64) -> String {
    match non_finite(value) {
        Some(name) => name.to_owned(),
        None => value.to_string(),
    }
}

/// The names of the numbers that no notation has, also in JSON.
pub fn non_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("Infinity")
    } else if value == f64::NEG_INFINITY {
        Some("-Infinity")
    } else {
        None
    }
}

pub fn timestamp(value: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Iso8601 => value.to_iso8601(),
        TimestampFormat::HttpDate => value.to_http_date(),
        TimestampFormat::EpochSeconds if value.as_millis() % 1000 == 0 => value.as_secs().to_string(),
        TimestampFormat::EpochSeconds => value.as_secs_f64().to_string(),
    }
}

pub fn parse_boolean(text: &str) -> Result<bool, ReadError> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(unfit(text, "Boolean")),
    }
}

pub fn parse_integer(text: &str) -> Result<i64, ReadError> {
    text.parse().map_err(|_| unfit(text, "Integer"))
}

pub fn parse_double(text: &str) -> Result<f64, ReadError> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        // Rust's own names for these (`inf`, `nan`) are nobody's on the wire.
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| unfit(text, "Double")),
    }
}

pub fn parse_timestamp(text: &str, format: TimestampFormat) -> Result<Timestamp, ReadError> {
    let parsed = match format {
        TimestampFormat::Iso8601 => Timestamp::parse_iso8601(text),
        TimestampFormat::HttpDate => Timestamp::parse_http_date(text),
        TimestampFormat::EpochSeconds => text.parse().ok().and_then(Timestamp::from_secs_f64),
    };
    parsed.ok_or_else(|| unfit(text, "Timestamp"))
}

/// Longer values are cut in messages.
const SHOWN_LENGTH: usize = 64;

fn unfit(text: &str, wanted: &str) -> ReadError {
    let shown: String = text.chars().take(SHOWN_LENGTH).collect();
    ReadError(format!("{shown:?} can not be converted to {wanted}"))
}
