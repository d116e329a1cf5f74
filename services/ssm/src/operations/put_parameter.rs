use std::collections::BTreeMap;

use aws::{Access, Ctx, Scope, Timestamp};
use regex::RegexBuilder;
use seal::Sealer;
use ssm_model::{ParameterTier, ParameterType, PutParameter, PutParameterOutput};
use store::WriteTx;
use uuid::Uuid;

use super::tags;
use crate::Ssm;
use crate::error::Error;
use crate::names;
use crate::records::{Kind, Parameter, Tier, Version};
use crate::shape;

/// Of one account and region. AWS has as many standard ones.
const MOST_PARAMETERS: u64 = 10_000;
/// Versions of one parameter that are kept.
const MOST_VERSIONS: u64 = 100;
/// Characters of a standard and of an advanced value.
const STANDARD_VALUE: usize = 4096;
const ADVANCED_VALUE: usize = 8192;
/// A pattern is compiled into memory.
const LARGEST_PATTERN: usize = 1 << 20;

/// What is put, checked as far as it can be without a look at what is there.
#[derive(Clone)]
struct Wanted {
    scope: Scope,
    name: String,
    kind: Option<Kind>,
    value: String,
    description: Option<String>,
    allowed_pattern: Option<String>,
    tier: Option<ParameterTier>,
    overwrite: bool,
    tags: BTreeMap<String, String>,
    at: Timestamp,
    by: String,
}

/// Tags need the permission to tag, too.
pub(super) async fn access(ssm: &Ssm, ctx: &Ctx, input: &PutParameter) -> Result<Vec<Access>, Error> {
    let mut accesses = super::access(ssm, ctx, input).await?;
    if let Some(tags) = input.tags.as_ref().filter(|tags| !tags.is_empty()) {
        let tagging = Access::to(names::arn_named(&ctx.scope, &input.name)).action("ssm:AddTagsToResource");
        accesses.push(tagging);
        accesses = accesses.into_iter().map(|access| access.with_request_tags(tags::pairs(tags))).collect();
    }
    Ok(accesses)
}

/// Makes a parameter, or a new version of it. What a new version does not say stays as it was.
/// Source: Systems Manager API Reference, PutParameter.
pub(super) async fn put_parameter(
    ssm: &Ssm,
    ctx: &Ctx,
    input: PutParameter,
) -> Result<PutParameterOutput, Error> {
    let wanted = Wanted::of(ctx, input)?;
    let sealer = ssm.sealer.clone();
    let (number, tier) = ssm.store.write(move |tx| put(tx, &wanted, &sealer)).await?;
    Ok(PutParameterOutput { version: Some(shape::number(number)), tier: Some(tier.as_str().into()) })
}

impl Wanted {
    fn of(ctx: &Ctx, input: PutParameter) -> Result<Self, Error> {
        names::check(&ctx.scope, &input.name)?;
        let overwrite = input.overwrite == Some(true);
        let given_tags = input.tags.unwrap_or_default();
        if overwrite && !given_tags.is_empty() {
            return Err(Error::validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        if input.value.is_empty() {
            return Err(Error::validation(
                "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length \
                 greater than or equal to 1",
            ));
        }
        let kind = input.r#type.as_ref().map(kind_of).transpose()?;
        check_unbuilt(input.key_id.as_deref(), input.policies.as_deref(), input.data_type.as_deref())?;
        let mut tags = BTreeMap::new();
        // This operation has no error of its own for too many tags.
        tags::add(&mut tags, &given_tags).map_err(|error| Error::validation(error.to_string()))?;
        Ok(Self {
            scope: ctx.scope.clone(),
            name: input.name,
            kind,
            value: input.value,
            description: input.description,
            allowed_pattern: input.allowed_pattern.filter(|pattern| !pattern.is_empty()),
            tier: input.tier,
            overwrite,
            tags,
            at: ctx.now(),
            by: ctx.caller.principal.arn(),
        })
    }
}

fn put(tx: &mut WriteTx<'_>, wanted: &Wanted, sealer: &Sealer) -> Result<(u64, Tier), Error> {
    let (mut parameter, before) = match Parameter::find(tx, &wanted.scope, &wanted.name)? {
        Some(_) if !wanted.overwrite => return Err(Error::AlreadyExists),
        Some(parameter) => {
            let before = parameter.version(tx, parameter.latest)?;
            (parameter, Some(before))
        }
        None => (new_parameter(tx, wanted)?, None),
    };
    if wanted.kind.is_some_and(|kind| kind != parameter.kind) {
        return Err(Error::TypeMismatch { name: parameter.name, kind: parameter.kind.as_str().to_owned() });
    }
    let tier = tier(wanted, before.as_ref().map(|before| before.tier))?;
    let kept = |of: fn(&Version) -> &Option<String>| before.as_ref().and_then(|before| of(before).clone());
    let allowed_pattern = wanted.allowed_pattern.clone().or_else(|| kept(|before| &before.allowed_pattern));
    if let Some(pattern) = &allowed_pattern {
        check_pattern(pattern, &wanted.value)?;
    }
    let description = wanted.description.clone().or_else(|| kept(|before| &before.description));
    parameter.latest += 1;
    let value = match parameter.kind {
        Kind::SecureString => {
            sealer.seal(&Version::purpose(parameter.id, parameter.latest), wanted.value.as_bytes())?
        }
        Kind::String | Kind::StringList => wanted.value.clone(),
    };
    forget_oldest(tx, &parameter)?;
    tx.put(&parameter)?;
    tx.put(&Version {
        parameter: parameter.id,
        number: parameter.latest,
        value,
        description,
        allowed_pattern,
        tier,
        modified: wanted.at,
        modified_by: wanted.by.clone(),
    })?;
    Ok((parameter.latest, tier))
}

fn new_parameter(tx: &mut WriteTx<'_>, wanted: &Wanted) -> Result<Parameter, Error> {
    let kind = wanted.kind;
    let kind =
        kind.ok_or_else(|| Error::validation("A parameter type is required when you create a parameter."))?;
    if tx.count::<Parameter>(Parameter::in_scope(&wanted.scope))? >= MOST_PARAMETERS {
        return Err(Error::TooManyParameters);
    }
    Ok(Parameter {
        scope: wanted.scope.clone(),
        name: wanted.name.clone(),
        id: Uuid::new_v4(),
        kind,
        latest: 0,
        labels: BTreeMap::new(),
        tags: wanted.tags.clone(),
    })
}

/// Makes room for the version that is about to be put. Errors: `TooManyVersions` if the oldest one has a label.
fn forget_oldest(tx: &mut WriteTx<'_>, parameter: &Parameter) -> Result<(), Error> {
    let Some(oldest) = parameter.latest.checked_sub(MOST_VERSIONS) else { return Ok(()) };
    if !parameter.labels_of(oldest).is_empty() {
        return Err(Error::TooManyVersions { name: parameter.name.clone(), oldest });
    }
    tx.delete::<Version>(&Version::key_of(parameter.id, oldest))?;
    Ok(())
}

fn kind_of(kind: &ParameterType) -> Result<Kind, Error> {
    match kind {
        ParameterType::String => Ok(Kind::String),
        ParameterType::StringList => Ok(Kind::StringList),
        ParameterType::SecureString => Ok(Kind::SecureString),
        ParameterType::Other(other) => Err(Error::validation(format!("{other} is no type of parameter."))),
    }
}

/// Keys of customers, policies and values that AWS looks up elsewhere are refused, not forgotten.
fn check_unbuilt(key: Option<&str>, policies: Option<&str>, data_type: Option<&str>) -> Result<(), Error> {
    if key.is_some_and(|key| key != shape::DEFAULT_KEY) {
        return Err(Error::NotImplemented("Customer managed keys of parameters are".to_owned()));
    }
    if policies.is_some_and(|policies| !matches!(policies.trim(), "" | "{}" | "[]" | "[{}]")) {
        return Err(Error::NotImplemented("Policies of parameters are".to_owned()));
    }
    match data_type {
        None | Some(shape::TEXT) => Ok(()),
        Some(known @ ("aws:ec2:image" | "aws:ssm:integration")) => {
            Err(Error::NotImplemented(format!("The data type {known} is")))
        }
        Some(other) => Err(Error::validation(format!(
            "The following data type is not supported: {other} (Data type names are all lowercase.)"
        ))),
    }
}

/// Source: Systems Manager User Guide, "Managing parameter tiers".
fn tier(wanted: &Wanted, before: Option<Tier>) -> Result<Tier, Error> {
    let fits = wanted.value.chars().count() <= STANDARD_VALUE;
    let asked = match &wanted.tier {
        Some(ParameterTier::Advanced) => Tier::Advanced,
        Some(ParameterTier::IntelligentTiering) if !fits => Tier::Advanced,
        Some(ParameterTier::Standard) if before == Some(Tier::Advanced) => {
            return Err(Error::validation(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier.",
            ));
        }
        _ => Tier::Standard,
    };
    let tier = before.map_or(asked, |before| before.max(asked));
    let length = wanted.value.chars().count();
    match tier {
        Tier::Standard if length > STANDARD_VALUE => Err(Error::validation(format!(
            "Standard tier parameters support a maximum parameter value of {STANDARD_VALUE} characters. To create a \
             larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        ))),
        Tier::Advanced if length > ADVANCED_VALUE => Err(Error::validation(format!(
            "Advanced tier parameters support a maximum parameter value of {ADVANCED_VALUE} characters."
        ))),
        Tier::Standard | Tier::Advanced => Ok(tier),
    }
}

fn check_pattern(pattern: &str, value: &str) -> Result<(), Error> {
    let whole = RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(LARGEST_PATTERN).build();
    let whole = whole.map_err(|_| Error::InvalidAllowedPattern(pattern.to_owned()))?;
    if whole.is_match(value) { Ok(()) } else { Err(Error::PatternMismatch(pattern.to_owned())) }
}
