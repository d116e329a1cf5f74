//! Blocks of addresses.

use std::net::IpAddr;

use super::token::Problem;

/// A block of IPv4 or IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Errors: what is no block, and blocks of a single address, which AWS refuses.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut parts = text.split('/');
        let (Some(address), Some(bits), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Problem::alone("Malformed CIDR, one '/' required"));
        };
        let bits: i64 =
            bits.parse().map_err(|_| Problem::alone("Malformed CIDR, mask bits must be an integer"))?;
        let looks_like_one =
            !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || ".:".contains(c));
        if !looks_like_one {
            return Err(Problem::alone(format!("Nonstandard IP address: {address}")));
        }
        let address: IpAddr =
            address.parse().map_err(|_| Problem::alone(format!("Invalid IP address: {address}")))?;
        if bits < 0 {
            return Err(Problem::alone("Malformed CIDR, mask bits must not be negative"));
        }
        let (kind, width) = match address {
            IpAddr::V4(_) => ("IPv4", 32),
            IpAddr::V6(_) => ("IPv6", 128),
        };
        match u8::try_from(bits).ok().filter(|bits| *bits < width) {
            Some(bits) => Ok(Self { address, bits }),
            None => Err(Problem::alone(format!("{kind} mask bits must be < {width}"))),
        }
    }

    /// Whether the text is an address of the block.
    pub fn holds(&self, text: &str) -> bool {
        match (self.address, text.parse()) {
            (IpAddr::V4(block), Ok(IpAddr::V4(address))) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(block) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(block), Ok(IpAddr::V6(address))) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(block) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses() {
        let holds = |block: &str, address: &str| Cidr::parse(block).unwrap().holds(address);
        assert!(holds("10.0.0.0/24", "10.0.0.255") && !holds("10.0.0.0/24", "10.0.1.0"));
        assert!(!holds("10.0.0.0/24", "10.0.0.256") && !holds("10.0.0.0/24", "::1"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && holds("2001:db8::/32", "2001:db8:1::1"));
    }

    #[test]
    fn what_is_no_block() {
        let reason = |text: &str| Cidr::parse(text).unwrap_err().reason;
        assert_eq!(reason("10.0.0.0"), "Malformed CIDR, one '/' required");
        assert_eq!(reason("10.0.0.0/x"), "Malformed CIDR, mask bits must be an integer");
        assert_eq!(reason("10.0.0.0/-1"), "Malformed CIDR, mask bits must not be negative");
        assert_eq!(reason("10.0.0.0/32"), "IPv4 mask bits must be < 32");
        assert_eq!(reason("::/128"), "IPv6 mask bits must be < 128");
        assert_eq!(reason("host/8"), "Nonstandard IP address: host");
        assert_eq!(reason("10.0.0.256/8"), "Invalid IP address: 10.0.0.256");
    }
}
