use aws::Ctx;
use s3s::dto::{self, ListObjectsV2Input, ListObjectsV2Output};

use crate::access::Question;
use crate::error::Error;
use crate::listing::{self, Last, Listing, Start};
use crate::records::Version;
use crate::{S3, versions, wire};

pub fn questions(input: &ListObjectsV2Input) -> Vec<Question> {
    let question =
        list_bucket(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), input.max_keys);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn list_bucket(
    bucket: &str,
    prefix: Option<&String>,
    delimiter: Option<&String>,
    max_keys: Option<i32>,
) -> Question {
    Question::bucket("s3:ListBucket", bucket)
        .when("s3:prefix", prefix)
        .when("s3:delimiter", delimiter)
        .when("s3:max-keys", max_keys)
}

/// The current objects, in order of their keys, folded under common prefixes where there is a delimiter.
pub async fn list_objects_v2(
    s3: &S3,
    ctx: &Ctx,
    input: ListObjectsV2Input,
) -> Result<ListObjectsV2Output, Error> {
    let encoding = input.encoding_type.as_ref();
    wire::check_encoding(encoding)?;
    let limit = super::page_limit("maxKeys", input.max_keys)?;
    let page = Listing::new(input.prefix.clone(), input.delimiter.clone(), limit);
    let start = match &input.continuation_token {
        Some(token) => resume(ctx, token)?,
        None => page.after_marker(input.start_after.clone()),
    };
    let page = read(s3, &input.bucket, page, start).await?;
    let next = page.is_truncated.then(|| page.last.as_ref().map(|last| token(ctx, last))).flatten();
    let shows_owner = input.fetch_owner == Some(true);
    let listed = |text: &String| wire::listed(text, encoding);
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(wire::listed(&page.prefix, encoding)),
        delimiter: page.delimiter.as_ref().map(listed),
        start_after: input.start_after.as_ref().map(listed),
        continuation_token: input.continuation_token.clone(),
        next_continuation_token: next,
        max_keys: Some(wire::count(limit)),
        key_count: Some(wire::count(page.len())),
        is_truncated: Some(page.is_truncated),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
        contents: Some(page.items.iter().map(|version| shown(version, encoding, shows_owner)).collect()),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    })
}

/// Reads a page. Errors: `NoSuchBucket`.
pub async fn read(
    s3: &S3,
    bucket: &str,
    empty: Listing<Version>,
    start: Start,
) -> Result<Listing<Version>, Error> {
    let bucket = bucket.to_owned();
    s3.store
        .read(move |tx| {
            versions::bucket(tx, &bucket)?;
            let mut page = empty.clone();
            listing::objects(tx, &bucket, &mut page, &start)?;
            Ok(page)
        })
        .await
}

pub fn shown(version: &Version, encoding: Option<&dto::EncodingType>, shows_owner: bool) -> dto::Object {
    let mut shown = dto::Object {
        key: Some(wire::listed(&version.key, encoding)),
        last_modified: Some(wire::timestamp(version.modified_at)),
        ..Default::default()
    };
    if let Some(object) = version.object() {
        let class = object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
        shown.e_tag = Some(wire::etag(&object.etag));
        shown.size = Some(wire::signed(object.size));
        shown.storage_class = Some(dto::ObjectStorageClass::from(class));
        shown.owner = object.attributes.owner.as_ref().filter(|_| shows_owner).map(wire::owner);
        if let Some(checksum) = &object.checksum {
            shown.checksum_algorithm =
                Some(vec![dto::ChecksumAlgorithm::from(checksum.algorithm.as_str().to_owned())]);
            shown.checksum_type = Some(dto::ChecksumType::from(checksum.kind.as_str().to_owned()));
        }
    }
    shown
}

pub fn common_prefixes(prefixes: &[String], encoding: Option<&dto::EncodingType>) -> Vec<dto::CommonPrefix> {
    prefixes.iter().map(|prefix| dto::CommonPrefix { prefix: Some(wire::listed(prefix, encoding)) }).collect()
}

/// A token tells a key from a common prefix by its first character.
fn token(ctx: &Ctx, last: &Last) -> String {
    let position = match last {
        Last::Item(key) => format!("k{key}"),
        Last::CommonPrefix(prefix) => format!("p{prefix}"),
    };
    ctx.seal_page_token(position.as_bytes())
}

fn resume(ctx: &Ctx, token: &str) -> Result<Start, Error> {
    let position = super::open_token(ctx, token)?;
    match position.split_at_checked(1) {
        Some(("p", prefix)) => Ok(Start::AfterPrefix(prefix.to_owned())),
        Some((_, key)) => Ok(Start::AfterKey(key.to_owned())),
        None => Ok(Start::Beginning),
    }
}
