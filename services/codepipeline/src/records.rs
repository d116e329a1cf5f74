//! What CodePipeline stores. Apart from the shapes of the API, and versioned.
//!
//! A pipeline that is deleted and made again under its name is another one: everything below hangs on the pipeline's
//! own id, so that no history of the old one shows.

mod v1;

pub use v1::{
    ActionExecution, ArtifactRevision, Definition, Execution, ExecutionTrigger, Live, Pipeline,
    SourceOverride, TakenIn, Watch,
};
