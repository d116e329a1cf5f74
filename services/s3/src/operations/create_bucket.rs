use aws::{Ctx, Region, Scope};
use s3s::dto::{
    BucketCannedACL, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::{Bucket, Setting, Versioning};
use crate::{S3, attributes, names, settings};

pub fn questions(input: &CreateBucketInput) -> Vec<Question> {
    let constraint =
        input.create_bucket_configuration.as_ref().and_then(|wanted| wanted.location_constraint.as_ref());
    let question = Question::bucket("s3:CreateBucket", &input.bucket)
        .when("s3:LocationConstraint", constraint.map(BucketLocationConstraint::as_str))
        .when("s3:x-amz-acl", input.acl.as_ref().map(BucketCannedACL::as_str));
    vec![question]
}

/// Makes a bucket in the region that the request is for.
pub async fn create_bucket(
    s3: &S3,
    ctx: &Ctx,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput, Error> {
    names::check_bucket(&input.bucket)?;
    let constraint = input
        .create_bucket_configuration
        .as_ref()
        .and_then(|wanted| wanted.location_constraint.as_ref())
        .map(BucketLocationConstraint::as_str)
        .filter(|constraint| !constraint.is_empty());
    let scope = Scope { region: region(&ctx.scope.region, constraint)?, ..ctx.scope.clone() };
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(Error::NotImplemented("Object Lock is not implemented.".to_owned()));
    }
    let bucket = new_bucket(&input, scope, ctx)?;
    let has_grants = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    attributes::check_acl(input.acl.as_ref().map(BucketCannedACL::as_str), has_grants, &bucket)?;
    let location = format!("/{}", bucket.name);
    s3.store
        .write(move |tx| {
            let Some(existing) = tx.get::<Bucket>(&Bucket::key_of(&bucket.name))? else {
                tx.put(&bucket)?;
                return Ok(());
            };
            let name = bucket.name.clone();
            if existing.scope.account != bucket.scope.account {
                return Err(Error::BucketAlreadyExists { bucket: name });
            }
            // In the oldest region, making one's own bucket again is no error.
            if existing.scope.region.as_str() == "us-east-1" && bucket.scope.region.as_str() == "us-east-1" {
                return Ok(());
            }
            Err(Error::BucketAlreadyOwnedByYou { bucket: name })
        })
        .await?;
    Ok(CreateBucketOutput { location: Some(location) })
}

fn new_bucket(input: &CreateBucketInput, scope: Scope, ctx: &Ctx) -> Result<Bucket, Error> {
    let ownership = input.object_ownership.clone();
    let ownership =
        ownership.unwrap_or_else(|| ObjectOwnership::from(settings::BUCKET_OWNER_ENFORCED.to_owned()));
    if !settings::OWNERSHIPS.contains(&ownership.as_str()) {
        let message = format!("Invalid x-amz-object-ownership header: {}", ownership.as_str());
        return Err(Error::invalid_argument("x-amz-object-ownership", ownership.as_str(), message));
    }
    let controls = OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership: ownership }] };
    Ok(Bucket {
        name: input.bucket.clone(),
        scope,
        created_at: ctx.now(),
        versioning: Versioning::Off,
        policy: None,
        settings: [
            (Setting::OwnershipControls, settings::write(&controls)?),
            (Setting::PublicAccessBlock, settings::write(&settings::block_everything())?),
        ]
        .into(),
    })
}

/// A constraint must name the region of the endpoint; at the one of `us-east-1` it names any other.
fn region(endpoint: &Region, constraint: Option<&str>) -> Result<Region, Error> {
    let wrong = |constraint: &str| Error::IllegalLocationConstraint { constraint: constraint.to_owned() };
    match constraint {
        None if endpoint.as_str() == "us-east-1" => Ok(endpoint.clone()),
        None => Err(wrong("unspecified")),
        Some("EU") => region(endpoint, Some("eu-west-1")),
        Some(constraint) if constraint == endpoint.as_str() && constraint != "us-east-1" => {
            Ok(endpoint.clone())
        }
        Some(constraint) if endpoint.as_str() == "us-east-1" && constraint != "us-east-1" => {
            constraint.parse().map_err(|_| invalid_constraint(constraint))
        }
        Some("us-east-1") => Err(invalid_constraint("us-east-1")),
        Some(constraint) => Err(wrong(constraint)),
    }
}

fn invalid_constraint(constraint: &str) -> Error {
    Error::InvalidLocationConstraint { constraint: constraint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(endpoint: &str, constraint: Option<&str>) -> String {
        let endpoint = endpoint.parse().unwrap();
        region(&endpoint, constraint)
            .map_or_else(|error| error.code().to_owned(), |region| region.to_string())
    }

    #[test]
    fn the_constraint_goes_with_the_endpoint() {
        assert_eq!(outcome("us-east-1", None), "us-east-1");
        assert_eq!(outcome("us-east-1", Some("eu-west-1")), "eu-west-1");
        assert_eq!(outcome("eu-west-1", Some("eu-west-1")), "eu-west-1");
        assert_eq!(outcome("eu-west-1", Some("EU")), "eu-west-1");
        assert_eq!(outcome("eu-west-1", None), "IllegalLocationConstraintException");
        assert_eq!(outcome("eu-west-1", Some("eu-north-1")), "IllegalLocationConstraintException");
        assert_eq!(outcome("us-east-1", Some("us-east-1")), "InvalidLocationConstraint");
        assert_eq!(outcome("us-east-1", Some("Nowhere!")), "InvalidLocationConstraint");
    }
}
