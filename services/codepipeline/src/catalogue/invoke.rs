//! Invocations of AWS's services that nothing here serves.
//! Source: CodePipeline User Guide, "Action structure reference".

use super::{BuiltIn, Category, Key};

const DAY: i64 = 24 * 60;

pub(super) const TABLE: &[BuiltIn] = &[
    BuiltIn::aws(
        Category::Invoke,
        "InspectorScan",
        &[
            Key::required("InspectorRunMode", "SourceCodeScan or ECRImageScan."),
            Key::optional("ECRRepositoryName", "The repository of the image."),
            Key::optional("ImageTag", "The tag of the image; latest if left out."),
            Key::optional("CriticalThreshold", "Critical findings beyond which the action fails."),
            Key::optional("HighThreshold", "High findings beyond which the action fails."),
            Key::optional("MediumThreshold", "Medium findings beyond which the action fails."),
            Key::optional("LowThreshold", "Low findings beyond which the action fails."),
        ],
    )
    .inputs(0, 1)
    .outputs(1, 1),
    BuiltIn::aws(
        Category::Invoke,
        "Lambda",
        &[
            Key::required("FunctionName", "The function to invoke."),
            Key::optional("UserParameters", "Text for the function."),
        ],
    )
    .inputs(0, 5)
    .outputs(0, 5)
    .timeout_minutes(DAY)
    .entity_url("https://console.aws.amazon.com/lambda/home?#/functions/{Config:FunctionName}"),
    BuiltIn::aws(
        Category::Invoke,
        "StepFunctions",
        &[
            Key::required("StateMachineArn", "The state machine to run."),
            Key::optional("ExecutionNamePrefix", "What the execution's name begins with."),
            Key::optional("InputType", "Literal or FilePath; Literal if left out."),
            Key::optional("Input", "The input, or its file in the input artifact."),
        ],
    )
    .inputs(0, 1)
    .outputs(0, 1)
    .timeout_minutes(7 * DAY),
];
