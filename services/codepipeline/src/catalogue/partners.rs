//! Action types of AWS's partners. The first is worked on by AWS itself, with the partner's credentials; of the
//! others the partner's own worker takes the jobs, and their properties are set on its page and not published.
//! Source: CodePipeline User Guide, "Action structure reference" and "Product and service integrations".

use super::{BuiltIn, Category, Key};

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::third_party(
        Category::Deploy,
        "AlexaSkillsKit",
        &[
            Key::required("ClientId", "The client id of the security profile."),
            Key::secret("ClientSecret", "The client secret of the security profile."),
            Key::secret("RefreshToken", "The token that a developer got for the client."),
            Key::required("SkillId", "The skill to deploy."),
        ],
    )
    .inputs(1, 2),
    BuiltIn::third_party(Category::Test, "GhostInspector", &[]).inputs(1, 1).with_job_worker(),
    BuiltIn::third_party(Category::Test, "StormRunner-Load", &[]).inputs(1, 1).with_job_worker(),
    BuiltIn::third_party(Category::Test, "Nouvola", &[]).inputs(1, 1).with_job_worker(),
    BuiltIn::third_party(Category::Test, "Runscope", &[]).inputs(1, 1).with_job_worker(),
    BuiltIn::third_party(Category::Invoke, "Snyk", &[]).inputs(1, 1).outputs(1, 1).with_job_worker(),
];
