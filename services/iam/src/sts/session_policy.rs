//! The policies and tags that are passed when a session is made.

use std::collections::BTreeMap;

use sts_model as model;

use crate::authorise::policies::managed;
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::policy::{Document, Kind};

/// Bytes that policies, ARNs and tags of a session may take together.
/// AWS packs them in a form of its own; this is the sum of their lengths.
const ALLOTTED: usize = 16_384;

/// What a session carries, checked.
pub struct Carried {
    pub policies: Vec<String>,
    pub managed_policy_arns: Vec<String>,
    pub tags: BTreeMap<String, String>,
    /// In percent; `None` when nothing was passed.
    pub packed_size: Option<i32>,
}

/// Checks what is passed. Errors: MalformedPolicyDocument, ValidationError, PackedPolicyTooLarge.
pub async fn carried(
    iam: &Iam,
    policy: Option<String>,
    arns: Option<Vec<model::PolicyDescriptorType>>,
    tags: Option<Vec<model::Tag>>,
) -> Result<Carried, Error> {
    if let Some(text) = &policy {
        if text.chars().count() > limits::SESSION_POLICY_SIZE {
            return Err(Error::PackedPolicyTooLarge(percent(text.len(), limits::SESSION_POLICY_SIZE)));
        }
        Document::parse(text, Kind::Inline)?;
    }
    let arns: Vec<String> =
        arns.unwrap_or_default().into_iter().filter_map(|descriptor| descriptor.arn).collect();
    if arns.len() > limits::SESSION_POLICY_ARNS {
        let text = format!("The number of policy ARNs exceeds the limit of {}.", limits::SESSION_POLICY_ARNS);
        return Err(Error::Validation(text));
    }
    check_policies_exist(iam, arns.clone()).await?;
    let tags = distinct(tags.unwrap_or_default())?;
    let size = policy.as_ref().map_or(0, String::len)
        + arns.iter().map(String::len).sum::<usize>()
        + tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    if size > ALLOTTED {
        return Err(Error::PackedPolicyTooLarge(percent(size, ALLOTTED)));
    }
    let packed_size = (size > 0).then(|| i32::try_from(percent(size, ALLOTTED)).unwrap_or(i32::MAX));
    Ok(Carried { policies: policy.into_iter().collect(), managed_policy_arns: arns, tags, packed_size })
}

async fn check_policies_exist(iam: &Iam, arns: Vec<String>) -> Result<(), Error> {
    if arns.is_empty() {
        return Ok(());
    }
    iam.store
        .read(move |tx| {
            for arn in &arns {
                if managed(tx, arn)?.is_none() {
                    return Err(Error::Validation(format!("PolicyArn {arn} is not valid.")));
                }
            }
            Ok(())
        })
        .await
}

fn distinct(tags: Vec<model::Tag>) -> Result<BTreeMap<String, String>, Error> {
    let mut distinct: BTreeMap<String, String> = BTreeMap::new();
    for tag in tags {
        if distinct.keys().any(|key| key.to_lowercase() == tag.key.to_lowercase()) {
            let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Error::Validation(text.to_owned()));
        }
        distinct.insert(tag.key, tag.value);
    }
    Ok(distinct)
}

/// Rounded up: what is there takes at least one percent.
fn percent(size: usize, allotted: usize) -> u64 {
    (size * 100).div_ceil(allotted) as u64
}
