use aws::Ctx;
use s3s::dto::{
    CORSConfiguration, CORSRule, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;

/// S3's limit of rules of a bucket.
const MOST_RULES: usize = 100;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

pub fn get_questions(input: &GetBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The rules by which browsers of other origins may call.
pub async fn get(s3: &S3, _ctx: &Ctx, input: GetBucketCorsInput) -> Result<GetBucketCorsOutput, Error> {
    let kept: CORSConfiguration = super::get_setting(
        s3,
        &input.bucket,
        Setting::Cors,
        "NoSuchCORSConfiguration",
        "The CORS configuration does not exist",
    )
    .await?;
    Ok(GetBucketCorsOutput { cors_rules: Some(kept.cors_rules) })
}

pub async fn put(s3: &S3, _ctx: &Ctx, input: PutBucketCorsInput) -> Result<PutBucketCorsOutput, Error> {
    check(&input.cors_configuration.cors_rules)?;
    super::put_setting(s3, &input.bucket, Setting::Cors, &input.cors_configuration).await?;
    Ok(PutBucketCorsOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketCorsInput,
) -> Result<DeleteBucketCorsOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::Cors).await?;
    Ok(DeleteBucketCorsOutput::default())
}

/// Errors: `MalformedXML`, `InvalidRequest`.
fn check(rules: &[CORSRule]) -> Result<(), Error> {
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(Error::MalformedXml);
    }
    for rule in rules {
        if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
            return Err(Error::MalformedXml);
        }
        if let Some(unknown) = rule.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str()))
        {
            return Err(Error::InvalidRequest(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {unknown}"
            )));
        }
        one_wildcard("AllowedOrigin", &rule.allowed_origins)?;
        one_wildcard("AllowedHeader", rule.allowed_headers.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

fn one_wildcard(what: &str, patterns: &[String]) -> Result<(), Error> {
    match patterns.iter().find(|pattern| pattern.matches('*').count() > 1) {
        Some(pattern) => {
            Err(Error::InvalidRequest(format!("{what} \"{pattern}\" can not have more than one wildcard.")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(origin: &str, method: &str) -> String {
        let rule = CORSRule {
            allowed_methods: vec![method.to_owned()],
            allowed_origins: vec![origin.to_owned()],
            ..CORSRule::default()
        };
        check(&[rule]).map_or_else(|error| error.code().to_owned(), |()| "fine".to_owned())
    }

    #[test]
    fn rules_are_of_known_methods_and_plain_patterns() {
        assert_eq!(code("https://*.example.com", "PUT"), "fine");
        assert_eq!(code("https://*.*.com", "PUT"), "InvalidRequest");
        assert_eq!(code("*", "FETCH"), "InvalidRequest");
        assert_eq!(check(&[]).unwrap_err().code(), "MalformedXML");
    }
}
