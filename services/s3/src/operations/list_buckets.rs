use aws::Ctx;
use s3s::dto::{self, ListBucketsInput, ListBucketsOutput};
use store::{Key, Range};

use crate::access::Question;
use crate::error::Error;
use crate::records::Bucket;
use crate::{S3, wire};

/// S3's limit of a page, and what it shows where the client names no limit.
const LARGEST_PAGE: usize = 10_000;

pub fn questions(_input: &ListBucketsInput) -> Vec<Question> {
    vec![Question::any("s3:ListAllMyBuckets")]
}

/// The account's buckets in order of their names.
pub async fn list_buckets(s3: &S3, ctx: &Ctx, input: ListBucketsInput) -> Result<ListBucketsOutput, Error> {
    let limit = match input.max_buckets {
        None => LARGEST_PAGE,
        Some(asked) => usize::try_from(asked)
            .ok()
            .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
            .ok_or_else(|| {
                let message = "Argument max-buckets must be an integer between 1 and 10000";
                Error::invalid_argument("max-buckets", asked, message)
            })?,
    };
    let after = input.continuation_token.as_deref().map(|token| super::open_token(ctx, token)).transpose()?;
    let (account, prefix) = (ctx.scope.account.clone(), input.prefix.clone().unwrap_or_default());
    let owner = account.clone();
    let region = input.bucket_region;
    let (buckets, next) = s3
        .store
        .read(move |tx| {
            let mut range = Range::starting(Bucket::owned_by(&account), &prefix);
            let mut after = after.clone().map(|name| Key::of(account.as_str()).and(&name).and(&name));
            let mut found: Vec<Bucket> = Vec::new();
            loop {
                range = range.after(after);
                let page = tx.scan_index::<Bucket>(Bucket::BY_OWNER, range.clone(), limit)?;
                after = page.next.clone();
                for bucket in page.into_records() {
                    if region.as_deref().is_some_and(|region| region != bucket.scope.region.as_str()) {
                        continue;
                    }
                    if found.len() == limit {
                        let last = found.last().map(|bucket| bucket.name.clone());
                        return Ok::<_, Error>((found, last));
                    }
                    found.push(bucket);
                }
                if after.is_none() {
                    return Ok((found, None));
                }
            }
        })
        .await?;
    let shown = |bucket: &Bucket| dto::Bucket {
        bucket_region: Some(bucket.scope.region.to_string()),
        creation_date: Some(wire::timestamp(bucket.created_at)),
        name: Some(bucket.name.clone()),
    };
    Ok(ListBucketsOutput {
        buckets: Some(buckets.iter().map(shown).collect()),
        continuation_token: next.map(|name| ctx.seal_page_token(name.as_bytes())),
        owner: Some(wire::owner(&owner)),
        prefix: input.prefix,
    })
}
