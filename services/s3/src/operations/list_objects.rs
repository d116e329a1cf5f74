use aws::Ctx;
use s3s::dto::{ListObjectsInput, ListObjectsOutput};

use super::list_objects_v2::{common_prefixes, list_bucket, read, shown};
use crate::access::Question;
use crate::error::Error;
use crate::listing::{Last, Listing};
use crate::{S3, wire};

pub fn questions(input: &ListObjectsInput) -> Vec<Question> {
    let question =
        list_bucket(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), input.max_keys);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The first version of ListObjectsV2: pages go on after a key instead of a token, and owners are always shown.
pub async fn list_objects(s3: &S3, _ctx: &Ctx, input: ListObjectsInput) -> Result<ListObjectsOutput, Error> {
    let encoding = input.encoding_type.as_ref();
    wire::check_encoding(encoding)?;
    let limit = super::page_limit("maxKeys", input.max_keys)?;
    let page = Listing::new(input.prefix.clone(), input.delimiter.clone(), limit);
    let start = page.after_marker(input.marker.clone());
    let page = read(s3, &input.bucket, page, start).await?;
    // Without a delimiter clients go on after the last key, and S3 names no marker.
    let next = match &page.last {
        Some(Last::Item(last) | Last::CommonPrefix(last))
            if page.is_truncated && page.delimiter.is_some() =>
        {
            Some(wire::listed(last, encoding))
        }
        Some(_) | None => None,
    };
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(wire::listed(&page.prefix, encoding)),
        delimiter: page.delimiter.as_ref().map(|delimiter| wire::listed(delimiter, encoding)),
        marker: Some(wire::listed(input.marker.as_deref().unwrap_or_default(), encoding)),
        next_marker: next,
        max_keys: Some(wire::count(limit)),
        is_truncated: Some(page.is_truncated),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
        contents: Some(page.items.iter().map(|version| shown(version, encoding, true)).collect()),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    })
}
