//! Sources of AWS that nothing here serves. Source: CodePipeline User Guide, "Action structure reference".

use super::{BuiltIn, Category, Key};

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::aws(
        Category::Source,
        "CodeStarSourceConnection",
        &[
            Key::required("ConnectionArn", "The connection to the Git provider."),
            Key::required("FullRepositoryId", "Owner and name of the repository, separated by a slash."),
            Key::required("BranchName", "The branch whose changes start the pipeline."),
            Key::optional("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF; CODE_ZIP if left out."),
            Key::optional("DetectChanges", "Whether changes start the pipeline; true if left out."),
        ],
    )
    .outputs(1, 1),
    BuiltIn::aws(
        Category::Source,
        "ECR",
        &[
            Key::required("RepositoryName", "The repository of images."),
            Key::optional("ImageTag", "The tag whose images start the pipeline; latest if left out."),
        ],
    )
    .outputs(1, 1),
];
