//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources: Service Authorization Reference, "AWS Systems Manager".

mod delete_parameters;
mod describe_parameters;
mod filter;
mod get_parameter_history;
mod get_parameters;
mod get_parameters_by_path;
mod labels;
mod put_parameter;
mod tags;

use std::sync::Arc;

use aws::{Access, Ctx, Router, Scope};
use ssm_model as model;
use store::Key;

use crate::Ssm;
use crate::error::Error;
use crate::names::{self, Reference};
use crate::records::Parameter;

/// How many records are read at once while looking for those that match.
const READ_AT_ONCE: usize = 200;

/// What is served.
pub fn router(ssm: Arc<Ssm>) -> Router {
    use model::*;
    Router::of(&SSM, ssm)
        .on_resolved::<PutParameter, _, _>(put_parameter::put_parameter, put_parameter::access)
        .on_resolved::<GetParameter, _, _>(get_parameters::get_parameter, access::<GetParameter>)
        .on_resolved::<GetParameters, _, _>(get_parameters::get_parameters, access::<GetParameters>)
        .on::<GetParametersByPath, _>(get_parameters_by_path::get_parameters_by_path, |input, scope| {
            vec![Access::to(names::arn_of(scope, input.path.trim_end_matches('/')))]
        })
        .on_resolved::<GetParameterHistory, _, _>(
            get_parameter_history::get_parameter_history,
            access::<GetParameterHistory>,
        )
        .on::<DescribeParameters, _>(describe_parameters::describe_parameters, |_, scope| {
            vec![Access::to(scope.arn("ssm", "*"))]
        })
        .on_resolved::<DeleteParameter, _, _>(delete_parameters::delete_parameter, access::<DeleteParameter>)
        .on_resolved::<DeleteParameters, _, _>(
            delete_parameters::delete_parameters,
            access::<DeleteParameters>,
        )
        .on_resolved::<LabelParameterVersion, _, _>(
            labels::label_parameter_version,
            access::<LabelParameterVersion>,
        )
        .on_resolved::<UnlabelParameterVersion, _, _>(
            labels::unlabel_parameter_version,
            access::<UnlabelParameterVersion>,
        )
        .on_resolved::<AddTagsToResource, _, _>(tags::add_tags_to_resource, tags::access_to_add)
        .on_resolved::<RemoveTagsFromResource, _, _>(
            tags::remove_tags_from_resource,
            access::<RemoveTagsFromResource>,
        )
        .on_resolved::<ListTagsForResource, _, _>(tags::list_tags_for_resource, access::<ListTagsForResource>)
        .build()
}

/// An input that names parameters.
trait Names: Sync {
    fn names(&self) -> Vec<&str>;
}

macro_rules! names_in {
    ($($input:ident . $member:ident),*) => {
        $(impl Names for model::$input {
            fn names(&self) -> Vec<&str> {
                vec![&self.$member]
            }
        })*
    };
}

names_in!(
    PutParameter.name,
    GetParameter.name,
    GetParameterHistory.name,
    DeleteParameter.name,
    LabelParameterVersion.name,
    UnlabelParameterVersion.name,
    AddTagsToResource.resource_id,
    RemoveTagsFromResource.resource_id,
    ListTagsForResource.resource_id
);

impl Names for model::GetParameters {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

impl Names for model::DeleteParameters {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

/// The parameters that an input names, with their tags.
async fn access<I: Names>(ssm: &Ssm, ctx: &Ctx, input: &I) -> Result<Vec<Access>, Error> {
    let scope = ctx.scope.clone();
    let given: Vec<String> = input.names().into_iter().map(str::to_owned).collect();
    let read = ssm.store.read(move |tx| {
        given.iter().map(|given| access_to(tx, &scope, given)).collect::<Result<Vec<_>, store::Error>>()
    });
    Ok(read.await?)
}

fn access_to(tx: &mut store::ReadTx<'_>, scope: &Scope, given: &str) -> Result<Access, store::Error> {
    let access = Access::to(names::arn_named(scope, given));
    let Some(reference) = Reference::parse(given, scope) else { return Ok(access) };
    let tags = Parameter::meant(tx, scope, &reference)?.map(|found| found.tags).unwrap_or_default();
    Ok(access.with_resource_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// The parameter of a name without selector. Errors: `NotFound`.
fn find(tx: &mut store::ReadTx<'_>, scope: &Scope, name: &str) -> Result<Parameter, Error> {
    let reference = Reference::parse(name, scope).filter(|reference| reference.selector.is_none());
    let found = match reference {
        Some(reference) => Parameter::meant(tx, scope, &reference)?,
        None => None,
    };
    found.ok_or_else(|| Error::NotFound(name.to_owned()))
}

/// Where a page begins. Errors: `InvalidNextToken` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or(Error::InvalidNextToken)
}

fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many results a page has; the model bounds what is asked for.
fn page_size(asked: Option<i32>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(most).clamp(1, most)
}
