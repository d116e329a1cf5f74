//! What the demo's pipeline stands on: roles and users with the least that they need, buckets, a repository, projects.

use aws::protocol::json;
use aws::{Client, Credentials, Operation, Secret};
use codebuild_model::CreateProject;
use codecommit_model::CreateRepository;
use codepipeline_model::{CreatePipeline, PIPELINE_DECLARATION, PipelineDeclaration};
use iam_model::{
    CreateAccessKey, CreateRole, CreateServiceSpecificCredential, CreateUser, PutRolePolicy, PutUserPolicy,
};
use s3::NewBucket;

use super::repository::Login;
use super::{ARTIFACTS, PIPELINE, REPOSITORY, SITE, example};
use crate::platform::local::Local;

/// What was made, and who may go on with it.
pub struct Setting {
    pub clone_url: String,
    pub developer: Login,
    pub approver: Client,
    pub declaration: PipelineDeclaration,
}

/// Documents of the example with the names of this run.
pub struct Documents(pub Vec<(&'static str, String)>);

impl Documents {
    pub fn get(&self, name: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
        example::document(name, &names)
    }

    fn parsed(&self, name: &str) -> Result<serde_json::Value, aws::Error> {
        serde_json::from_str(&self.get(name)).map_err(aws::Error::internal)
    }
}

/// Makes everything but the pipeline.
pub async fn make(local: &Local, documents: &Documents) -> Result<Setting, aws::Error> {
    let client = local.client();
    create_role(&client, documents, "pipeline", "codepipeline").await?;
    create_role(&client, documents, "build", "codebuild").await?;
    create_user(&client, documents, "developer").await?;
    create_user(&client, documents, "approver").await?;
    for name in [ARTIFACTS, SITE] {
        local.platform.make_bucket(&NewBucket { name: name.to_owned(), ..NewBucket::default() }).await?;
    }
    local.platform.publish_bucket(SITE, &documents.get("site-policy.json")).await?;
    let create = CreateRepository {
        repository_name: REPOSITORY.to_owned(),
        repository_description: Some("A small site".to_owned()),
        ..CreateRepository::default()
    };
    let repository = client.call(create).await?.repository_metadata;
    for project in ["build", "test"] {
        let input = documents.parsed(&format!("{project}-project.json"))?;
        let create: CreateProject = json::from_value(CreateProject::MODEL.input, &input)
            .map_err(|error| aws::Error::internal(error.0))?;
        client.call(create).await?;
    }
    let declaration = json::from_value(&PIPELINE_DECLARATION, &documents.parsed("pipeline.json")?);
    Ok(Setting {
        clone_url: repository.and_then(|made| made.clone_url_http).unwrap_or_default(),
        developer: git_login(&client, "developer").await?,
        approver: signed_in(&client, "approver").await?,
        declaration: declaration.map_err(|error| aws::Error::internal(error.0))?,
    })
}

/// Creates the pipeline, which starts its first run.
pub async fn create_pipeline(client: &Client, declaration: &PipelineDeclaration) -> Result<(), aws::Error> {
    client.call(CreatePipeline { pipeline: declaration.clone(), tags: None }).await.map(|_| ())
}

async fn create_role(
    client: &Client,
    documents: &Documents,
    role: &str,
    service: &str,
) -> Result<(), aws::Error> {
    let role_name = format!("{PIPELINE}-{role}");
    let create = CreateRole {
        role_name: role_name.clone(),
        assume_role_policy_document: documents.get(&format!("trust-{service}.json")),
        ..CreateRole::default()
    };
    client.call(create).await?;
    let policy_document = documents.get(&format!("{role}-role.json"));
    client.call(PutRolePolicy { role_name, policy_name: "permissions".to_owned(), policy_document }).await?;
    Ok(())
}

async fn create_user(client: &Client, documents: &Documents, user: &str) -> Result<(), aws::Error> {
    client.call(CreateUser { user_name: user.to_owned(), ..CreateUser::default() }).await?;
    let put = PutUserPolicy {
        user_name: user.to_owned(),
        policy_name: "permissions".to_owned(),
        policy_document: documents.get(&format!("{user}.json")),
    };
    client.call(put).await?;
    Ok(())
}

async fn git_login(client: &Client, user: &str) -> Result<Login, aws::Error> {
    let create = CreateServiceSpecificCredential {
        user_name: user.to_owned(),
        service_name: "codecommit.amazonaws.com".to_owned(),
        ..CreateServiceSpecificCredential::default()
    };
    let made = client.call(create).await?.service_specific_credential;
    let login = made.and_then(|made| Some((made.service_user_name?, made.service_password?)));
    let (user_name, password) = login.ok_or_else(|| aws::Error::internal("a credential without password"))?;
    Ok(Login { user_name, password: Secret::new(password) })
}

/// A client with a user's own key, and so with no more than the user's permissions.
async fn signed_in(client: &Client, user: &str) -> Result<Client, aws::Error> {
    let key = client.call(CreateAccessKey { user_name: Some(user.to_owned()) }).await?.access_key;
    let credentials = Credentials {
        access_key_id: key.access_key_id,
        secret_access_key: Secret::new(key.secret_access_key),
        session_token: None,
        expires_at: None,
    };
    Ok(client.with_credentials(credentials, client.scope().region.clone()))
}
