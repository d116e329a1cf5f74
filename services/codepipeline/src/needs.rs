//! What a pipeline needs to be there, and what its roles must be allowed: said before it is created. Pure.
//!
//! Every provider that is served here makes its calls as the action's role, or else the pipeline's; these are those calls.
//! Values with variables are known at run time only, and are passed over.

use std::collections::BTreeMap;

use aws::{Region, Scope};
use codepipeline_model::{ActionDeclaration, PipelineDeclaration};

use crate::definition::{inputs, outputs, scope_of_action};
use crate::variables;

/// The length of a pipeline's name in the keys of its artifacts.
const KEY_LENGTH: usize = 20;

/// Something that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    Bucket(String),
    /// With versions, as S3 sources need it.
    VersionedBucket(String),
    Object {
        bucket: String,
        key: String,
    },
    Branch {
        repository: String,
        branch: String,
    },
    Project {
        name: String,
        region: Region,
        /// What its builds do with artifacts as the project's own role: call, and objects.
        artifacts: Vec<(&'static str, String)>,
    },
    /// By ARN.
    Topic(String),
}

/// Something that must be there, and where the declaration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub path: String,
    pub resource: Resource,
}

/// Something that a role must be allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    pub role: String,
    pub action: &'static str,
    pub resource: String,
}

/// What is needed, in the order of the declaration. Each permission once, with the path of the first that needs it.
pub struct Needs {
    pub resources: Vec<Need>,
    pub permissions: BTreeMap<Permission, String>,
}

impl Needs {
    /// Of a declaration without structural errors.
    pub fn of(declaration: &PipelineDeclaration, scope: &Scope) -> Self {
        let mut needs = Self { resources: Vec::new(), permissions: BTreeMap::new() };
        let stores =
            declaration.artifact_store.iter().map(|store| ("pipeline.artifactStore".to_owned(), store));
        let several = declaration.artifact_stores.iter().flatten();
        let several = several.map(|(region, store)| (format!("pipeline.artifactStores.{region}"), store));
        for (path, store) in stores.chain(several) {
            needs.resource(format!("{path}.location"), Resource::Bucket(store.location.clone()));
        }
        for (stage_index, stage) in declaration.stages.iter().enumerate() {
            for (index, action) in stage.actions.iter().enumerate() {
                let path = format!("pipeline.stages[{stage_index}].actions[{index}]");
                let home = scope;
                let scope = &scope_of_action(action, home);
                OfAction { declaration, home, scope, action, path }.note(&mut needs);
            }
        }
        needs
    }

    fn resource(&mut self, path: String, resource: Resource) {
        self.resources.push(Need { path, resource });
    }
}

struct OfAction<'a> {
    declaration: &'a PipelineDeclaration,
    /// Of the pipeline.
    home: &'a Scope,
    /// Of the action's work.
    scope: &'a Scope,
    action: &'a ActionDeclaration,
    path: String,
}

impl OfAction<'_> {
    fn note(&self, needs: &mut Needs) {
        let role = &self.declaration.role_arn;
        if let Some(own) = self.action.role_arn.as_ref().filter(|own| *own != role) {
            let assume = Permission { role: role.clone(), action: "sts:AssumeRole", resource: own.clone() };
            needs.permissions.entry(assume).or_insert_with(|| format!("{}.roleArn", self.path));
        }
        self.copies(needs);
        let id = &self.action.action_type_id;
        match (id.owner.as_str(), id.category.as_str(), id.provider.as_str()) {
            ("AWS", _, "CodeCommit") => self.codecommit(needs),
            ("AWS", "Source", "S3") => self.s3_source(needs),
            ("AWS", "Deploy", "S3") => self.s3_deploy(needs),
            ("AWS", _, "CodeBuild") => self.codebuild(needs),
            ("AWS", "Approval", "Manual") => self.approval(needs),
            // A worker gets credentials of the role that reach the artifacts.
            ("Custom" | "ThirdParty", _, _) => self.artifacts(needs, true, true),
            _ => {}
        }
    }

    /// What other regions have made is copied by the pipeline's role.
    fn copies(&self, needs: &mut Needs) {
        let makers = self.declaration.stages.iter().flat_map(|stage| &stage.actions);
        let is_input = |output: &str| inputs(self.action).any(|input| input == output);
        for maker in makers.filter(|maker| outputs(maker).any(is_input)) {
            let made_in = scope_of_action(maker, self.home);
            if made_in.region == self.scope.region {
                continue;
            }
            let copy =
                [("s3:GetObject", made_in.region.as_str()), ("s3:PutObject", self.scope.region.as_str())];
            for (action, region) in copy {
                let Some(resource) = self.objects_in(region) else { continue };
                let permission = Permission { role: self.declaration.role_arn.clone(), action, resource };
                needs.permissions.entry(permission).or_insert_with(|| self.path.clone());
            }
        }
    }

    fn codecommit(&self, needs: &mut Needs) {
        self.artifacts(needs, false, true);
        let Some(repository) = self.value("RepositoryName") else { return };
        let arn = self.scope.arn("codecommit", &repository).to_string();
        let calls = ["codecommit:GetBranch", "codecommit:GetCommit", "codecommit:UploadArchive"];
        for call in calls {
            self.allowed(needs, call, arn.clone());
        }
        if let Some(branch) = self.value("BranchName") {
            needs.resource(self.configuration("BranchName"), Resource::Branch { repository, branch });
        }
    }

    fn s3_source(&self, needs: &mut Needs) {
        self.artifacts(needs, false, true);
        let Some(bucket) = self.value("S3Bucket") else { return };
        self.allowed(needs, "s3:GetBucketVersioning", self.bucket_arn(&bucket));
        needs.resource(self.configuration("S3Bucket"), Resource::VersionedBucket(bucket.clone()));
        if let Some(key) = self.value("S3ObjectKey") {
            self.allowed(needs, "s3:GetObject", format!("{}/{key}", self.bucket_arn(&bucket)));
            needs.resource(self.configuration("S3ObjectKey"), Resource::Object { bucket, key });
        }
    }

    fn s3_deploy(&self, needs: &mut Needs) {
        self.artifacts(needs, true, false);
        let Some(bucket) = self.value("BucketName") else { return };
        self.allowed(needs, "s3:PutObject", format!("{}/*", self.bucket_arn(&bucket)));
        needs.resource(self.configuration("BucketName"), Resource::Bucket(bucket));
    }

    fn codebuild(&self, needs: &mut Needs) {
        let Some(project) = self.value("ProjectName") else { return };
        let arn = self.scope.arn("codebuild", format!("project/{project}")).to_string();
        let is_batch = self.value("BatchEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let calls = match is_batch {
            true => ["codebuild:StartBuildBatch", "codebuild:BatchGetBuildBatches"],
            false => ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
        };
        for call in calls {
            self.allowed(needs, call, arn.clone());
        }
        let artifacts = self.objects(true, true);
        let region = self.scope.region.clone();
        let project = Resource::Project { name: project, region, artifacts };
        needs.resource(self.configuration("ProjectName"), project);
    }

    fn approval(&self, needs: &mut Needs) {
        if let Some(topic) = self.value("NotificationArn") {
            self.allowed(needs, "sns:Publish", topic.clone());
            needs.resource(self.configuration("NotificationArn"), Resource::Topic(topic));
        }
    }

    /// Reading inputs, writing outputs.
    fn artifacts(&self, needs: &mut Needs, reads: bool, writes: bool) {
        for (call, objects) in self.objects(reads, writes) {
            self.allowed(needs, call, objects);
        }
    }

    fn objects(&self, reads: bool, writes: bool) -> Vec<(&'static str, String)> {
        let Some(objects) = self.objects_in(self.scope.region.as_str()) else { return Vec::new() };
        let reads = (reads && inputs(self.action).next().is_some()).then_some("s3:GetObject");
        let writes = (writes && outputs(self.action).next().is_some()).then_some("s3:PutObject");
        reads.into_iter().chain(writes).map(|call| (call, objects.clone())).collect()
    }

    /// The pipeline's artifacts in a region.
    fn objects_in(&self, region: &str) -> Option<String> {
        let stores = self.declaration.artifact_stores.as_ref();
        let store = self.declaration.artifact_store.as_ref().or_else(|| stores?.get(region))?;
        let name: String = self.declaration.name.chars().take(KEY_LENGTH).collect();
        Some(format!("{}/{name}/*", self.bucket_arn(&store.location)))
    }

    fn allowed(&self, needs: &mut Needs, action: &'static str, resource: String) {
        let role = self.action.role_arn.as_ref().unwrap_or(&self.declaration.role_arn).clone();
        needs.permissions.entry(Permission { role, action, resource }).or_insert_with(|| self.path.clone());
    }

    fn configuration(&self, key: &str) -> String {
        format!("{}.configuration.{key}", self.path)
    }

    fn value(&self, key: &str) -> Option<String> {
        let value = self.action.configuration.as_ref()?.get(key)?;
        variables::references(value).is_empty().then(|| value.clone())
    }

    fn bucket_arn(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.scope.partition)
    }
}

#[cfg(test)]
mod tests {
    use aws::protocol::json;
    use codepipeline_model::PIPELINE_DECLARATION;
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn action(category: &str, provider: &str, more: serde_json::Value) -> serde_json::Value {
        let mut action = json!({"name": "A", "actionTypeId":
            {"category": category, "owner": "AWS", "provider": provider, "version": "1"}});
        for (key, value) in more.as_object().unwrap() {
            action[key] = value.clone();
        }
        action
    }

    fn needs() -> Needs {
        let artifact = json!([{"name": "App"}]);
        let source = action(
            "Source",
            "CodeCommit",
            json!({"outputArtifacts": artifact,
            "configuration": {"RepositoryName": "web", "BranchName": "main"}}),
        );
        let build = action(
            "Build",
            "CodeBuild",
            json!({"inputArtifacts": artifact,
            "configuration": {"ProjectName": "make"}}),
        );
        let batch = action(
            "Build",
            "CodeBuild",
            json!({"inputArtifacts": artifact,
            "configuration": {"ProjectName": "many", "BatchEnabled": "true"}}),
        );
        let deploy = action(
            "Deploy",
            "S3",
            json!({"inputArtifacts": artifact, "roleArn": "arn:aws:iam::1:role/deploy",
            "configuration": {"BucketName": "site", "Extract": "true"}}),
        );
        let later = action(
            "Deploy",
            "S3",
            json!({"inputArtifacts": artifact,
            "configuration": {"BucketName": "#{Source.BranchName}", "Extract": "true"}}),
        );
        let stage = |actions: Vec<serde_json::Value>| json!({"name": "S", "actions": actions});
        let declaration = json!({"name": "a-pipeline-with-a-long-name", "roleArn": "arn:aws:iam::1:role/pipeline",
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": [stage(vec![source]), stage(vec![build, deploy, later, batch])]});
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        Needs::of(&json::from_value(&PIPELINE_DECLARATION, &declaration).unwrap(), &scope)
    }

    #[test]
    fn what_must_be_there_is_known_with_its_place() {
        let resources: Vec<String> =
            needs().resources.iter().map(|need| format!("{}: {:?}", need.path, need.resource)).collect();
        expect![[r#"
            pipeline.artifactStore.location: Bucket("artifacts")
            pipeline.stages[0].actions[0].configuration.BranchName: Branch { repository: "web", branch: "main" }
            pipeline.stages[1].actions[0].configuration.ProjectName: Project { name: "make", region: Region("us-east-1"), artifacts: [("s3:GetObject", "arn:aws:s3:::artifacts/a-pipeline-with-a-lo/*")] }
            pipeline.stages[1].actions[1].configuration.BucketName: Bucket("site")
            pipeline.stages[1].actions[3].configuration.ProjectName: Project { name: "many", region: Region("us-east-1"), artifacts: [("s3:GetObject", "arn:aws:s3:::artifacts/a-pipeline-with-a-lo/*")] }"#]]
        .assert_eq(&resources.join("\n"));
    }

    #[test]
    fn what_must_be_allowed_is_known_by_role() {
        let permissions: Vec<String> = needs()
            .permissions
            .keys()
            .map(|need| {
                format!("{} {} {}", need.role.rsplit('/').next().unwrap(), need.action, need.resource)
            })
            .collect();
        expect![[r#"
            deploy s3:GetObject arn:aws:s3:::artifacts/a-pipeline-with-a-lo/*
            deploy s3:PutObject arn:aws:s3:::site/*
            pipeline codebuild:BatchGetBuildBatches arn:aws:codebuild:us-east-1:123456789012:project/many
            pipeline codebuild:BatchGetBuilds arn:aws:codebuild:us-east-1:123456789012:project/make
            pipeline codebuild:StartBuild arn:aws:codebuild:us-east-1:123456789012:project/make
            pipeline codebuild:StartBuildBatch arn:aws:codebuild:us-east-1:123456789012:project/many
            pipeline codecommit:GetBranch arn:aws:codecommit:us-east-1:123456789012:web
            pipeline codecommit:GetCommit arn:aws:codecommit:us-east-1:123456789012:web
            pipeline codecommit:UploadArchive arn:aws:codecommit:us-east-1:123456789012:web
            pipeline s3:GetObject arn:aws:s3:::artifacts/a-pipeline-with-a-lo/*
            pipeline s3:PutObject arn:aws:s3:::artifacts/a-pipeline-with-a-lo/*
            pipeline sts:AssumeRole arn:aws:iam::1:role/deploy"#]]
        .assert_eq(&permissions.join("\n"));
    }
}
