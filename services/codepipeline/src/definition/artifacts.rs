//! How artifacts pass from action to action.

use std::collections::BTreeMap;

use codepipeline_model::PipelineDeclaration;

use super::check::{Findings, Placed, placed};
use super::{inputs, outputs};

pub(super) fn check(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    let mut producers: BTreeMap<&str, &Placed<'_>> = BTreeMap::new();
    for placed in &actions {
        for output in outputs(placed.action) {
            if producers.contains_key(output) {
                let message = format!(
                    "Output Artifact Bundle name must be unique within the pipeline. {output} has been used more than \
                     once."
                );
                findings.action(placed.path("outputArtifacts"), message);
            } else {
                producers.insert(output, placed);
            }
        }
    }
    for placed in &actions {
        for input in inputs(placed.action) {
            let certain = producers.get(input).is_some_and(|producer| producer.is_done_before(placed));
            if !certain {
                let message = format!(
                    "Input Artifact Bundle {input} in action {} is not declared as Output Artifact Bundle in any of \
                     the preceding actions",
                    placed.action.name
                );
                findings.action(placed.path("inputArtifacts"), message);
            }
        }
    }
}
