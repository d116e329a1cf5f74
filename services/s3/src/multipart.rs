//! The rules of multipart uploads, as pure functions.
//! Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".

use md5::{Digest, Md5};
use s3s::dto::CompletedPart;

use crate::checksums::{self, Fields, StoredChecksum};
use crate::error::Error;
use crate::records::{Part, Upload};

pub const MOST_PARTS: usize = 10_000;
pub const HIGHEST_PART_NUMBER: i32 = 10_000;
/// In bytes; the last part may be smaller.
pub const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// In bytes: the limit of a part and of an object uploaded in one piece.
pub const LARGEST_PART: u64 = 5 * 1024 * 1024 * 1024;

/// The object that parts make up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub checksum: Option<StoredChecksum>,
    /// The numbers of the parts that it is made of.
    pub numbers: Vec<u32>,
}

/// Errors: `InvalidArgument`.
pub fn part_number(number: i32) -> Result<u32, Error> {
    match u32::try_from(number) {
        Ok(valid) if (1..=HIGHEST_PART_NUMBER).contains(&number) => Ok(valid),
        Ok(_) | Err(_) => Err(Error::invalid_argument(
            "partNumber",
            number,
            "Part number must be an integer between 1 and 10000, inclusive",
        )),
    }
}

/// Puts the named parts together. `uploaded` are all parts of the upload, in order of their numbers.
/// Errors: `MalformedXML`, `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, `InvalidRequest`, `BadDigest`.
pub fn assemble(upload: &Upload, uploaded: &[Part], named: Vec<CompletedPart>) -> Result<Assembled, Error> {
    if named.is_empty() || named.len() > MOST_PARTS {
        return Err(Error::MalformedXml);
    }
    let mut parts: Vec<&Part> = Vec::with_capacity(named.len());
    for mut completed in named {
        let number = completed.part_number.ok_or(Error::MalformedXml)?;
        let etag = completed.e_tag.as_ref().map(|etag| etag.value().to_owned()).unwrap_or_default();
        let invalid =
            || Error::InvalidPart { upload_id: upload.id.clone(), part_number: number, etag: etag.clone() };
        let valid = u32::try_from(number).map_err(|_| invalid())?;
        if parts.last().is_some_and(|last| last.number >= valid) {
            return Err(Error::InvalidPartOrder { upload_id: upload.id.clone() });
        }
        let position = uploaded.binary_search_by_key(&valid, |part| part.number).map_err(|_| invalid())?;
        let part = &uploaded[position];
        if part.etag != etag {
            return Err(invalid());
        }
        check_part_checksum(part, crate::checksum_fields!(completed), &invalid)?;
        parts.push(part);
    }
    check_sizes(&parts)?;
    let algorithm = upload.checksum_algorithm.unwrap_or(checksums::DEFAULT);
    let sums = parts.iter().map(|part| (part.checksum.as_ref(), part.size));
    Ok(Assembled {
        size: parts.iter().map(|part| part.size).sum(),
        etag: etag_of_parts(&parts),
        checksum: checksums::of_parts(algorithm, upload.checksum_type, sums),
        numbers: parts.iter().map(|part| part.number).collect(),
    })
}

fn check_part_checksum(part: &Part, given: Fields, invalid: &dyn Fn() -> Error) -> Result<(), Error> {
    for (algorithm, value) in given.given() {
        let stored = part.checksum.as_ref().filter(|checksum| checksum.algorithm == algorithm);
        if stored.is_none_or(|checksum| checksum.value != value) {
            return Err(invalid());
        }
    }
    Ok(())
}

fn check_sizes(parts: &[&Part]) -> Result<(), Error> {
    let but_last = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    match but_last.iter().find(|part| part.size < SMALLEST_PART) {
        Some(part) => Err(Error::EntityTooSmall {
            size: part.size,
            part_number: i32::try_from(part.number).unwrap_or(i32::MAX),
            etag: part.etag.clone(),
        }),
        None => Ok(()),
    }
}

/// The MD5 of the parts' MD5s, and how many they are.
fn etag_of_parts(parts: &[&Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use aws::Timestamp;
    use s3s::dto::ETag;

    use super::*;
    use crate::checksums::ChecksumType;
    use crate::records::Attributes;

    const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn upload() -> Upload {
        Upload {
            bucket: "b".into(),
            key: "k".into(),
            id: "u".into(),
            initiated_at: Timestamp::default(),
            initiator: String::new(),
            attributes: Attributes::default(),
            tags: std::collections::BTreeMap::new(),
            checksum_algorithm: None,
            checksum_type: ChecksumType::FullObject,
        }
    }

    fn part(number: u32, size: u64) -> Part {
        Part {
            upload_id: "u".into(),
            number,
            blob: "0".repeat(64).parse().unwrap(),
            size,
            etag: EMPTY_MD5.into(),
            checksum: None,
            modified_at: Timestamp::default(),
        }
    }

    fn named(numbers: &[i32]) -> Vec<CompletedPart> {
        let part = |number: &i32| CompletedPart {
            part_number: Some(*number),
            e_tag: Some(ETag::Strong(EMPTY_MD5.into())),
            ..CompletedPart::default()
        };
        numbers.iter().map(part).collect()
    }

    fn code(uploaded: &[Part], numbers: &[i32]) -> String {
        assemble(&upload(), uploaded, named(numbers))
            .map_or_else(|error| error.code().to_owned(), |_| "fine".to_owned())
    }

    #[test]
    fn the_etag_is_that_of_the_parts() {
        let assembled = assemble(&upload(), &[part(1, SMALLEST_PART), part(2, 7)], named(&[1, 2])).unwrap();
        // MD5 of two binary MD5s of nothing.
        assert_eq!(assembled.etag, "5873dd45edd01f09c1ef2e7819369e8e-2");
        assert_eq!(assembled.size, SMALLEST_PART + 7);
        assert_eq!(assembled.numbers, [1, 2]);
    }

    #[test]
    fn parts_must_be_there_in_order_and_large_enough() {
        let uploaded = [part(1, SMALLEST_PART), part(2, 7), part(3, 7)];
        assert_eq!(code(&uploaded, &[1, 3]), "fine");
        assert_eq!(code(&uploaded, &[2]), "fine");
        assert_eq!(code(&uploaded, &[2, 1]), "InvalidPartOrder");
        assert_eq!(code(&uploaded, &[1, 1]), "InvalidPartOrder");
        assert_eq!(code(&uploaded, &[1, 4]), "InvalidPart");
        assert_eq!(code(&uploaded, &[-1]), "InvalidPart");
        assert_eq!(code(&uploaded, &[2, 3]), "EntityTooSmall");
        assert_eq!(code(&uploaded, &[]), "MalformedXML");
    }

    #[test]
    fn a_part_with_another_etag_is_invalid() {
        let mut wrong = named(&[1]);
        wrong[0].e_tag = Some(ETag::Strong("other".into()));
        assert_eq!(assemble(&upload(), &[part(1, 7)], wrong).unwrap_err().code(), "InvalidPart");
    }
}
