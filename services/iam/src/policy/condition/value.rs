//! Values that conditions compare other than as text.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// An exact decimal with up to twelve digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

const FRACTION_DIGITS: usize = 12;

impl Decimal {
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.len() > 24 || fraction.len() > FRACTION_DIGITS {
            return None;
        }
        let scaled: i128 = format!("{whole}{fraction:0<FRACTION_DIGITS$}").parse().ok()?;
        Some(Decimal(if negative { -scaled } else { scaled }))
    }
}

/// A point in time, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(i64);

impl Instant {
    /// Reads ISO 8601 (from a year to milliseconds; UTC where no offset stands) or seconds since the epoch.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Instant(timestamp.as_millisecond()));
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && text.len() > 4 {
            return text.parse::<i64>().ok()?.checked_mul(1_000).map(Instant);
        }
        let civil = if let Ok(at) = text.parse::<civil::DateTime>() {
            at
        } else {
            match text.len() {
                4 if is_number => format!("{text}-01-01").parse::<civil::Date>(),
                7 => format!("{text}-01").parse::<civil::Date>(),
                _ => text.parse::<civil::Date>(),
            }
            .ok()?
            .into()
        };
        let timestamp = TimeZone::UTC.to_timestamp(civil).ok()?;
        Some(Instant(timestamp.as_millisecond()))
    }
}

/// A range of addresses in CIDR notation; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (text, prefix) = match text.split_once('/') {
            Some((text, prefix)) => (text, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = text.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (prefix <= width).then_some(Network { address, prefix })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The address of a request; IPv4 carried in IPv6 counts as IPv4.
pub fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        let decimal = |text| Decimal::parse(text);
        assert_eq!(decimal("1"), decimal("1.000"));
        assert_eq!(decimal("-0.5"), decimal("-.50"));
        assert!(decimal("9007199254740993") > decimal("9007199254740992"));
        assert!(decimal("-2") < decimal("1.5"));
        for text in ["", "-", ".", "1e3", "0x1", "1,5", " 1", "1.0000000000001", "é"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn instants() {
        let at = |text| Instant::parse(text);
        assert_eq!(at("2013-06-30T00:00:00Z"), Some(Instant(1_372_550_400_000)));
        assert_eq!(at("1372550400"), at("2013-06-30T00:00:00Z"));
        assert_eq!(at("2013-06-30"), at("2013-06-30T00:00:00Z"));
        assert_eq!(at("2013-06"), at("2013-06-01T00:00:00Z"));
        assert_eq!(at("2013"), at("2013-01-01T00:00:00Z"));
        assert_eq!(at("2013-06-30T02:00:00+02:00"), at("2013-06-30T00:00:00Z"));
        assert_eq!(at("2013-06-30T00:00Z"), at("2013-06-30T00:00:00Z"));
        for text in ["", "yesterday", "2013-13-01", "99999999999999999999"] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn networks() {
        for (network, text, expected) in [
            ("203.0.113.0/24", "203.0.113.7", true),
            ("203.0.113.0/24", "203.0.114.7", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
            ("::/0", "8.8.8.8", false),
            ("203.0.113.0/24", "::ffff:203.0.113.9", true),
        ] {
            let network = Network::parse(network).expect("a network");
            let inside = address(text).is_some_and(|address| network.contains(address));
            assert_eq!(inside, expected, "{network:?} {text}");
        }
        for text in ["", "203.0.113.0/33", "203.0.113.0/+8", "203.0.113", "::/129", "a/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
