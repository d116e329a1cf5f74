//! Deployments by AWS's services that nothing here serves. Which configuration depends on which is checked when an
//! action runs. Source: CodePipeline User Guide, "Action structure reference".

use super::{BuiltIn, Category, Key};

const DAY: i64 = 24 * 60;

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::aws(
        Category::Deploy,
        "AppConfig",
        &[
            Key::required("Application", "The AppConfig application's id."),
            Key::required("Environment", "The environment's id."),
            Key::required("ConfigurationProfile", "The configuration profile's id."),
            Key::required("InputArtifactConfigurationPath", "The configuration's file in the input artifact."),
            Key::optional("DeploymentStrategy", "The deployment strategy's id."),
        ],
    )
    .inputs(1, 1),
    BuiltIn::aws(Category::Deploy, "CloudFormation", CLOUDFORMATION)
        .inputs(0, 10)
        .outputs(0, 1)
        .timeout_minutes(3 * DAY),
    BuiltIn::aws(
        Category::Deploy,
        "CloudFormationStackInstances",
        &[
            Key::required("StackSetName", "The stack set."),
            Key::required("DeploymentTargets", "Accounts or organisational units."),
            Key::required("Regions", "Regions, separated by commas."),
            Key::optional("ParameterOverrides", "Parameters of these instances."),
            Key::optional("FailureTolerancePercentage", "Failed accounts of a region that are tolerated."),
            Key::optional("MaxConcurrentPercentage", "Accounts of a region that are worked on at once."),
        ],
    )
    .inputs(0, 2),
    BuiltIn::aws(Category::Deploy, "CloudFormationStackSet", STACK_SET).inputs(1, 3),
    BuiltIn::aws(
        Category::Deploy,
        "CodeDeploy",
        &[
            Key::required("ApplicationName", "The application."),
            Key::required("DeploymentGroupName", "The deployment group."),
        ],
    )
    .inputs(1, 1)
    .timeout_minutes(5 * DAY)
    .entity_url(
        "https://console.aws.amazon.com/codedeploy/home?#/applications/{Config:ApplicationName}/deployment-groups/\
         {Config:DeploymentGroupName}",
    )
    .execution_url("https://console.aws.amazon.com/codedeploy/home?#/deployments/{ExternalExecutionId}"),
    BuiltIn::aws(Category::Deploy, "CodeDeployToECS", CODEDEPLOY_TO_ECS)
        .inputs(1, 5)
        .timeout_minutes(5 * DAY),
    BuiltIn::aws(
        Category::Deploy,
        "EC2",
        &[
            Key::required("InstanceTagKey", "The tag that the instances have."),
            Key::optional("InstanceTagValue", "The tag's value."),
            Key::required("InstanceType", "EC2 or SSM_MANAGED_NODE."),
            Key::optional("TargetDirectory", "Where files go on the instances."),
            Key::optional("PreScript", "What runs before."),
            Key::optional("PostScript", "What runs after."),
            Key::optional("DeploySpec", "The file that says what to deploy."),
            Key::optional("MaxBatch", "Instances that are worked on at once."),
            Key::optional("MaxError", "Failed instances that are tolerated."),
            Key::optional("TargetGroupNameList", "Target groups of the load balancer."),
        ],
    )
    .inputs(1, 1)
    .only_v2(),
    BuiltIn::aws(
        Category::Deploy,
        "ECS",
        &[
            Key::required("ClusterName", "The cluster."),
            Key::required("ServiceName", "The service."),
            Key::optional("FileName", "The file with the images; imagedefinitions.json if left out."),
            Key::optional("DeploymentTimeout", "Minutes at most: up to 60."),
        ],
    )
    .inputs(1, 1),
    BuiltIn::aws(Category::Deploy, "EKS", EKS).inputs(1, 1).only_v2(),
    BuiltIn::aws(
        Category::Deploy,
        "ElasticBeanstalk",
        &[
            Key::required("ApplicationName", "The application."),
            Key::required("EnvironmentName", "The environment."),
        ],
    )
    .inputs(1, 1)
    .entity_url("https://console.aws.amazon.com/elasticbeanstalk/r/application/{Config:ApplicationName}")
    .execution_url("https://console.aws.amazon.com/elasticbeanstalk/r/application/{Config:ApplicationName}"),
    BuiltIn::aws(
        Category::Deploy,
        "Lambda",
        &[
            Key::required("FunctionName", "The function to deploy to."),
            Key::optional("FunctionAlias", "The alias whose traffic is shifted."),
            Key::optional("PublishedTargetVersion", "The version to shift to, without an input artifact."),
            Key::optional("DeployStrategy", "AllAtOnce, or a canary or linear strategy."),
            Key::optional("Alarms", "Alarms that shift the traffic back."),
        ],
    )
    .inputs(0, 1)
    .only_v2(),
    BuiltIn::aws(
        Category::Deploy,
        "OpsWorks",
        &[
            Key::required("Stack", "The stack."),
            Key::required("App", "The application."),
            Key::optional("Layer", "The layer."),
        ],
    )
    .inputs(1, 1),
    BuiltIn::aws(
        Category::Deploy,
        "ServiceCatalog",
        &[
            Key::required("ProductId", "The product."),
            Key::optional("TemplateFilePath", "The template's file in the input artifact."),
            Key::optional("ProductVersionName", "The name of the new version."),
            Key::optional("ProductType", "CLOUD_FORMATION_TEMPLATE."),
            Key::optional("ProductVersionDescription", "What is new."),
            Key::optional("ConfigurationFilePath", "The file that says all this."),
        ],
    )
    .inputs(1, 1),
];

const CLOUDFORMATION: &[Key] = &[
    Key::required("ActionMode", "What to do with the stack or the change set."),
    Key::required("StackName", "The stack."),
    Key::optional("ChangeSetName", "The change set."),
    Key::optional("TemplatePath", "The template: artifact::file."),
    Key::optional("TemplateConfiguration", "Parameters, tags and policy: artifact::file."),
    Key::optional("ParameterOverrides", "JSON: parameters that win over the file."),
    Key::optional("Capabilities", "Capabilities, separated by commas."),
    Key::optional("RoleArn", "The role of the stack."),
    Key::optional("OutputFileName", "The file for the stack's outputs in the output artifact."),
];

const STACK_SET: &[Key] = &[
    Key::required("StackSetName", "The stack set."),
    Key::required("TemplatePath", "The template: artifact::file."),
    Key::optional("Description", "What the stack set is for."),
    Key::optional("Parameters", "Parameters, or a file of them."),
    Key::optional("Capabilities", "Capabilities, separated by commas."),
    Key::optional("PermissionModel", "SELF_MANAGED or SERVICE_MANAGED."),
    Key::optional("AdministrationRoleArn", "The role of the administrator's account."),
    Key::optional("ExecutionRoleName", "The role of the target accounts."),
    Key::optional("OrganizationsAutoDeployment", "Enabled, Disabled or EnabledWithStackRetention."),
    Key::optional("DeploymentTargets", "Accounts or organisational units."),
    Key::optional("Regions", "Regions, separated by commas."),
    Key::optional("FailureTolerancePercentage", "Failed accounts of a region that are tolerated."),
    Key::optional("MaxConcurrentPercentage", "Accounts of a region that are worked on at once."),
    Key::optional("CallAs", "SELF or DELEGATED_ADMIN."),
];

const CODEDEPLOY_TO_ECS: &[Key] = &[
    Key::required("ApplicationName", "The application."),
    Key::required("DeploymentGroupName", "The deployment group."),
    Key::required("TaskDefinitionTemplateArtifact", "The artifact with the task definition."),
    Key::required("AppSpecTemplateArtifact", "The artifact with the AppSpec."),
    Key::optional("AppSpecTemplatePath", "The AppSpec's file; appspec.yaml if left out."),
    Key::optional("TaskDefinitionTemplatePath", "The task definition's file; taskdef.json if left out."),
    Key::optional("Image1ArtifactName", "The artifact with the first image."),
    Key::optional("Image1ContainerName", "The placeholder of the first image."),
    Key::optional("Image2ArtifactName", "The artifact with the second image."),
    Key::optional("Image2ContainerName", "The placeholder of the second image."),
    Key::optional("Image3ArtifactName", "The artifact with the third image."),
    Key::optional("Image3ContainerName", "The placeholder of the third image."),
    Key::optional("Image4ArtifactName", "The artifact with the fourth image."),
    Key::optional("Image4ContainerName", "The placeholder of the fourth image."),
];

const EKS: &[Key] = &[
    Key::required("ClusterName", "The cluster."),
    Key::optional("HelmReleaseName", "The release of a Helm chart."),
    Key::optional("HelmChartLocation", "Where the Helm chart is."),
    Key::optional("HelmValuesFiles", "Files of values for the chart, separated by commas."),
    Key::optional("ManifestFiles", "Manifests, separated by commas."),
    Key::optional("Namespace", "The Kubernetes namespace."),
    Key::optional("Subnets", "Subnets, separated by commas."),
    Key::optional("SecurityGroupIds", "Security groups, separated by commas."),
    Key::optional("EnvironmentVariables", "Variables for the manifests."),
];
