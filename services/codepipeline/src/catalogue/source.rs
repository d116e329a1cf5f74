//! Sources of AWS that nothing here serves. Source: CodePipeline User Guide, "Action structure reference".

use super::{BuiltIn, Category, Key};

pub(super) const TABLE: &[BuiltIn] = &[BuiltIn::aws(
    Category::Source,
    "ECR",
    &[
        Key::required("RepositoryName", "The repository of images."),
        Key::optional("ImageTag", "The tag whose images start the pipeline; latest if left out."),
    ],
)
.outputs(1, 1)];
