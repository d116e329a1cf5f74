//! The checksums that clients send with their bytes and that S3 keeps with objects.
//! Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3".

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use serde::{Deserialize, Serialize};

use crate::crc;
use crate::error::Error;

/// The algorithms in S3's order.
pub const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

/// What S3 computes when the client names nothing.
pub const DEFAULT: Algorithm = Algorithm::Crc64Nvme;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Whether a checksum of a multipart object is over its bytes or over the checksums of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumType {
    FullObject,
    Composite,
}

/// A checksum as it is kept and shown: base64, composite ones with `-<number of parts>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChecksum {
    pub algorithm: Algorithm,
    pub kind: ChecksumType,
    pub value: String,
}

/// What a client says of the bytes that it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub algorithm: Option<Algorithm>,
    /// Base64; absent where it comes after the body.
    pub value: Option<String>,
}

/// The five members that inputs and outputs of the API have for checksums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub crc32: Option<String>,
    pub crc32c: Option<String>,
    pub crc64nvme: Option<String>,
    pub sha1: Option<String>,
    pub sha256: Option<String>,
}

/// Takes the checksum members of an input.
#[macro_export]
#[doc(hidden)]
macro_rules! checksum_fields {
    ($input:expr) => {
        $crate::checksums::Fields {
            crc32: $input.checksum_crc32.take(),
            crc32c: $input.checksum_crc32c.take(),
            crc64nvme: $input.checksum_crc64nvme.take(),
            sha1: $input.checksum_sha1.take(),
            sha256: $input.checksum_sha256.take(),
        }
    };
}

/// Sets the checksum members of an output.
#[macro_export]
#[doc(hidden)]
macro_rules! set_checksum_fields {
    ($output:expr, $fields:expr) => {{
        let fields = $fields;
        $output.checksum_crc32 = fields.crc32;
        $output.checksum_crc32c = fields.crc32c;
        $output.checksum_crc64nvme = fields.crc64nvme;
        $output.checksum_sha1 = fields.sha1;
        $output.checksum_sha256 = fields.sha256;
    }};
}

/// A running computation.
pub enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Algorithm {
    /// As members and headers name it: `CRC32`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// `x-amz-checksum-crc32`
    pub fn header(self) -> String {
        format!("x-amz-checksum-{}", self.as_str().to_lowercase())
    }

    /// Errors: `InvalidRequest` for an algorithm that is not computed here.
    pub fn parse(name: &str) -> Result<Self, Error> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
            Error::InvalidRequest(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, \
                 CRC32C, CRC64NVME, SHA1, SHA256]"
                    .to_owned(),
            )
        })
    }

    /// In bytes.
    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// How a multipart upload is checked where the client does not say: the SHAs and plain CRCs part by part.
    pub fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => ChecksumType::Composite,
        }
    }

    pub fn supports(self, kind: ChecksumType) -> bool {
        match (self, kind) {
            (Self::Crc64Nvme, ChecksumType::Composite)
            | (Self::Sha1 | Self::Sha256, ChecksumType::FullObject) => false,
            (Self::Crc32 | Self::Crc32c | Self::Crc64Nvme, ChecksumType::FullObject)
            | (Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256, ChecksumType::Composite) => true,
        }
    }

    pub fn hasher(self) -> Hasher {
        match self {
            Self::Crc32 => Hasher::Crc32(Crc32::new()),
            Self::Crc32c => Hasher::Crc32c(Crc32c::new()),
            Self::Crc64Nvme => Hasher::Crc64Nvme(Crc64Nvme::new()),
            Self::Sha1 => Hasher::Sha1(Box::new(Sha1::new())),
            Self::Sha256 => Hasher::Sha256(Box::new(Sha256::new())),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ChecksumType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    pub fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "FULL_OBJECT" => Ok(Self::FullObject),
            "COMPOSITE" => Ok(Self::Composite),
            _ => Err(Error::InvalidRequest("Value for x-amz-checksum-type header is invalid.".to_owned())),
        }
    }
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64Nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Base64.
    pub fn finish(self) -> String {
        match self {
            Self::Crc32(hasher) => BASE64.encode(hasher.finalize()),
            Self::Crc32c(hasher) => BASE64.encode(hasher.finalize()),
            Self::Crc64Nvme(hasher) => BASE64.encode(hasher.finalize()),
            Self::Sha1(hasher) => BASE64.encode(hasher.finalize()),
            Self::Sha256(hasher) => BASE64.encode(hasher.finalize()),
        }
    }
}

impl Declared {
    /// Reads what headers and members declare. `trailer` is the value of `x-amz-trailer`: the checksum comes
    /// after the body.
    pub fn new(fields: Fields, algorithm: Option<&str>, trailer: Option<&str>) -> Result<Self, Error> {
        let given = fields.given();
        if given.len() > 1 {
            return Err(several());
        }
        if let Some((algorithm, value)) = given.into_iter().next() {
            check_form(algorithm, &value)?;
            return Ok(Self { algorithm: Some(algorithm), value: Some(value) });
        }
        let trailing = trailer
            .into_iter()
            .flat_map(|names| names.split(','))
            .find_map(|name| name.trim().strip_prefix("x-amz-checksum-").map(Algorithm::parse));
        let named = match (trailing, algorithm) {
            (Some(algorithm), _) => Some(algorithm?),
            (None, Some(name)) => Some(Algorithm::parse(name)?),
            (None, None) => None,
        };
        Ok(Self { algorithm: named, value: None })
    }

    /// Takes the value that came after the body. Errors: `InvalidRequest` where it is no such checksum.
    pub fn complete(&mut self, trailer: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
        if self.value.is_none()
            && let Some(algorithm) = self.algorithm
            && let Some(value) = trailer(&algorithm.header())
        {
            check_form(algorithm, &value)?;
            self.value = Some(value);
        }
        Ok(())
    }

    /// Errors: `BadDigest` where the bytes received have another checksum than the declared one.
    pub fn verify(&self, computed: &StoredChecksum) -> Result<(), Error> {
        match &self.value {
            Some(value) if *value != computed.value => {
                Err(Error::BadChecksum { algorithm: computed.algorithm })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Fields {
    /// The member of one checksum set, the others empty.
    pub fn of(checksum: Option<&StoredChecksum>) -> Self {
        let mut fields = Self::default();
        if let Some(checksum) = checksum {
            *fields.slot(checksum.algorithm) = Some(checksum.value.clone());
        }
        fields
    }

    /// The members that are set.
    pub fn given(mut self) -> Vec<(Algorithm, String)> {
        ALGORITHMS
            .into_iter()
            .filter_map(|algorithm| self.slot(algorithm).take().map(|value| (algorithm, value)))
            .collect()
    }

    fn slot(&mut self, algorithm: Algorithm) -> &mut Option<String> {
        match algorithm {
            Algorithm::Crc32 => &mut self.crc32,
            Algorithm::Crc32c => &mut self.crc32c,
            Algorithm::Crc64Nvme => &mut self.crc64nvme,
            Algorithm::Sha1 => &mut self.sha1,
            Algorithm::Sha256 => &mut self.sha256,
        }
    }
}

/// Only one checksum may be given.
pub fn several() -> Error {
    Error::InvalidRequest(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.".to_owned(),
    )
}

/// All of an upload has the checksum that was named at its beginning.
pub fn mismatch(expected: Algorithm, given: Algorithm) -> Error {
    Error::InvalidRequest(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        expected.as_str().to_lowercase(),
        given.as_str().to_lowercase()
    ))
}

/// Errors: `InvalidRequest` where a header names a checksum that is not computed here: what it says would not be held
/// against the bytes.
pub fn check_headers<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    let mut named = names.into_iter().filter_map(|name| name.strip_prefix("x-amz-checksum-"));
    let is_known = |name: &str| {
        matches!(name, "algorithm" | "mode" | "type")
            || ALGORITHMS.iter().any(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    };
    match named.all(is_known) {
        true => Ok(()),
        false => Err(Error::InvalidRequest(
            "The algorithm type you specified in x-amz-checksum- header is invalid.".to_owned(),
        )),
    }
}

fn check_form(algorithm: Algorithm, value: &str) -> Result<(), Error> {
    let plain = value.split_once('-').map_or(value, |(sum, _)| sum);
    match BASE64.decode(plain) {
        Ok(bytes) if bytes.len() == algorithm.length() => Ok(()),
        Ok(_) | Err(_) => {
            Err(Error::InvalidRequest(format!("Value for {} header is invalid.", algorithm.header())))
        }
    }
}

/// The checksum of an object put together from parts. `None` where a part lacks its own.
pub fn of_parts<'a>(
    algorithm: Algorithm,
    kind: ChecksumType,
    parts: impl IntoIterator<Item = (Option<&'a StoredChecksum>, u64)>,
) -> Option<StoredChecksum> {
    let mut digests = Vec::new();
    for (checksum, size) in parts {
        let checksum = checksum.filter(|checksum| checksum.algorithm == algorithm)?;
        digests.push((BASE64.decode(&checksum.value).ok()?, size));
    }
    let value = match kind {
        ChecksumType::Composite => {
            let mut hasher = algorithm.hasher();
            digests.iter().for_each(|(digest, _)| hasher.update(digest));
            format!("{}-{}", hasher.finish(), digests.len())
        }
        ChecksumType::FullObject => BASE64.encode(full_object(algorithm, &digests)?),
    };
    Some(StoredChecksum { algorithm, kind, value })
}

fn full_object(algorithm: Algorithm, digests: &[(Vec<u8>, u64)]) -> Option<Vec<u8>> {
    let polynomial = match algorithm {
        Algorithm::Crc32 => crc::CRC32,
        Algorithm::Crc32c => crc::CRC32C,
        Algorithm::Crc64Nvme => crc::CRC64_NVME,
        Algorithm::Sha1 | Algorithm::Sha256 => return None,
    };
    let mut whole = 0;
    for (digest, size) in digests {
        let part = digest.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        whole = polynomial.combine(whole, part, *size);
    }
    let bytes = whole.to_be_bytes();
    Some(bytes[bytes.len() - algorithm.length()..].to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checksum(algorithm: Algorithm, bytes: &[u8]) -> StoredChecksum {
        let mut hasher = algorithm.hasher();
        hasher.update(bytes);
        StoredChecksum { algorithm, kind: ChecksumType::FullObject, value: hasher.finish() }
    }

    #[test]
    fn known_values() {
        // Published check values of "hello" (CRC32, in S3's documentation of trailers) and "123456789".
        assert_eq!(checksum(Algorithm::Crc32, b"hello").value, "NhCmhg==");
        assert_eq!(
            checksum(Algorithm::Crc32c, b"123456789").value,
            BASE64.encode(0xE306_9283_u32.to_be_bytes())
        );
        let nvme = 0xAE8B_1486_0A79_9888_u64.to_be_bytes();
        assert_eq!(checksum(Algorithm::Crc64Nvme, b"123456789").value, BASE64.encode(nvme));
        assert_eq!(checksum(Algorithm::Sha1, b"").value, "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    }

    proptest! {
        #[test]
        fn parts_have_the_checksum_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6)) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|part| (checksum(algorithm, part), part.len() as u64)).collect();
                let whole = of_parts(algorithm, ChecksumType::FullObject, sums.iter().map(|(sum, size)| (Some(sum), *size)));
                prop_assert_eq!(whole, Some(checksum(algorithm, &parts.concat())));
            }
        }
    }

    #[test]
    fn a_composite_checksum_is_that_of_the_parts_checksums() {
        let (a, b) = (checksum(Algorithm::Sha256, b"a"), checksum(Algorithm::Sha256, b"b"));
        let whole =
            of_parts(Algorithm::Sha256, ChecksumType::Composite, [(Some(&a), 1), (Some(&b), 1)]).unwrap();
        let mut concatenated = BASE64.decode(&a.value).unwrap();
        concatenated.extend(BASE64.decode(&b.value).unwrap());
        assert_eq!(whole.value, format!("{}-2", checksum(Algorithm::Sha256, &concatenated).value));
        assert_eq!(of_parts(Algorithm::Sha256, ChecksumType::Composite, [(Some(&a), 1), (None, 1)]), None);
    }

    #[test]
    fn headers_that_nothing_is_held_against_are_refused() {
        assert!(check_headers(["x-amz-checksum-sha256", "x-amz-checksum-mode", "x-amz-meta-a"]).is_ok());
        let refused = check_headers(["x-amz-checksum-xxhash3"]).unwrap_err().to_string();
        assert_eq!(refused, "The algorithm type you specified in x-amz-checksum- header is invalid.");
    }

    #[test]
    fn declarations_are_checked() {
        let one = Fields { crc32: Some("NhCmhg==".into()), ..Fields::default() };
        let declared = Declared::new(one.clone(), None, None).unwrap();
        assert!(declared.verify(&checksum(Algorithm::Crc32, b"hello")).is_ok());
        assert!(matches!(
            declared.verify(&checksum(Algorithm::Crc32, b"hullo")),
            Err(Error::BadChecksum { algorithm: Algorithm::Crc32 })
        ));
        let two = Fields { sha1: Some("x".into()), ..one };
        let message = Declared::new(two, None, None).unwrap_err().to_string();
        assert!(message.starts_with("Expecting a single"), "{message}");
        let bad = Fields { crc32: Some("short".into()), ..Fields::default() };
        let message = Declared::new(bad, None, None).unwrap_err().to_string();
        assert_eq!(message, "Value for x-amz-checksum-crc32 header is invalid.");
    }

    #[test]
    fn a_trailer_names_the_algorithm_before_and_the_value_after() {
        let mut declared = Declared::new(Fields::default(), None, Some("x-amz-checksum-crc32")).unwrap();
        assert_eq!(declared.algorithm, Some(Algorithm::Crc32));
        declared.complete(|name| (name == "x-amz-checksum-crc32").then(|| "NhCmhg==".to_owned())).unwrap();
        assert_eq!(declared.value.as_deref(), Some("NhCmhg=="));
    }
}
