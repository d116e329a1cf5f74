//! Action types of AWS's partners. The first two are worked on by AWS itself, with the partner's credentials; of the
//! others the partner's own worker takes the jobs, and their properties are set on its page and not published.
//! Source: CodePipeline User Guide, "Action structure reference" and "Product and service integrations".

use super::{BuiltIn, Category, Key};

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::third_party(
        Category::Source,
        "GitHub",
        &[
            Key::required("Owner", "The user or the organisation that owns the repository."),
            Key::required("Repo", "The repository's name."),
            Key::required("Branch", "The branch whose changes start the pipeline."),
            Key::secret("OAuthToken", "The token with which the repository is read."),
            Key::optional("PollForSourceChanges", "Whether changes start the pipeline; true if left out."),
        ],
    )
    .outputs(1, 1)
    .entity_url("https://github.com/{Config:Owner}/{Config:Repo}/tree/{Config:Branch}")
    .revision_url("https://github.com/{Config:Owner}/{Config:Repo}/commit/{RevisionId}"),
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
