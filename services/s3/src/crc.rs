//! Putting CRCs together: the CRC of two pieces from those of each, without their bytes.
//!
//! A CRC is a remainder of polynomials over GF(2). With the register starting and ending inverted (as in all
//! three CRCs of S3) the CRC of `a b` is the CRC of `a` multiplied by `x^(8·|b|)`, plus the CRC of `b`.

/// A reflected CRC whose register starts and ends inverted.
#[derive(Clone, Copy, Debug)]
pub struct Polynomial {
    /// Reflected: the highest power is the lowest bit.
    reflected: u64,
    /// In bits.
    width: u32,
}

pub const CRC32: Polynomial = Polynomial { reflected: 0xEDB8_8320, width: 32 };
pub const CRC32C: Polynomial = Polynomial { reflected: 0x82F6_3B78, width: 32 };
pub const CRC64_NVME: Polynomial = Polynomial { reflected: 0x9A6C_9329_AC4B_C9B5, width: 64 };

impl Polynomial {
    /// The CRC of a piece with CRC `first`, followed by `length` bytes with CRC `second`.
    pub fn combine(self, first: u64, second: u64, length: u64) -> u64 {
        // x^8, squared as often as the bits of the length ask for.
        let mut power = self.one() >> 8;
        let mut shifted = first;
        let mut remaining = length;
        while remaining > 0 {
            if remaining & 1 == 1 {
                shifted = self.multiply(shifted, power);
            }
            power = self.multiply(power, power);
            remaining >>= 1;
        }
        shifted ^ second
    }

    /// The polynomial 1.
    fn one(self) -> u64 {
        1 << (self.width - 1)
    }

    fn multiply(self, a: u64, b: u64) -> u64 {
        let mut product = 0;
        let mut factor = b;
        let mut bit = self.one();
        while bit > 0 {
            if a & bit != 0 {
                product ^= factor;
            }
            factor = if factor & 1 == 1 { (factor >> 1) ^ self.reflected } else { factor >> 1 };
            bit >>= 1;
        }
        product
    }
}
