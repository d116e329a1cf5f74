//! What Stagewright answers and AWS does not: a shell in a build whose debug session is enabled.

use crate::{CODEBUILD, NON_EMPTY_STRING, SSM_SESSION, SsmSession};

// The id of a build.
aws::structure! { START_BUILD_CONNECTION: StartBuildConnection = Structure "StartBuildConnectionInput" {
    id: String = "id" NON_EMPTY_STRING required();
} }

aws::structure! { START_BUILD_CONNECTION_OUTPUT: StartBuildConnectionOutput = Structure "StartBuildConnectionOutput" {
    ssm_session: Option<SsmSession> = "ssmSession" SSM_SESSION;
} }

aws::operation! { StartBuildConnection = CODEBUILD "StartBuildConnection" {
    input START_BUILD_CONNECTION; output StartBuildConnectionOutput START_BUILD_CONNECTION_OUTPUT;
    http "POST" "/" 200;
    errors ["InvalidInputException", "ResourceNotFoundException",];
} }
