//! How artifacts pass from action to action.

use std::collections::BTreeMap;

use codepipeline_model::PipelineDeclaration;

use super::check::{Findings, Placed, placed};
use super::{inputs, outputs};

pub(super) fn check(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    let mut producers: BTreeMap<&str, &Placed<'_>> = BTreeMap::new();
    for placed in &actions {
        for (index, output) in outputs(placed.action).enumerate() {
            if producers.contains_key(output) {
                let message = format!(
                    "Output Artifact Bundle name must be unique within the pipeline. {output} has been used more than \
                     once."
                );
                findings.action(placed.path(&format!("outputArtifacts[{index}].name")), message);
            } else {
                producers.insert(output, placed);
            }
        }
    }
    for placed in &actions {
        for (index, input) in inputs(placed.action).enumerate() {
            let certain = producers.get(input).is_some_and(|producer| producer.is_done_before(placed));
            if !certain {
                let message = format!(
                    "Input Artifact Bundle {input} in action {} is not declared as Output Artifact Bundle in any of \
                     the preceding actions",
                    placed.action.name
                );
                findings.action(placed.path(&format!("inputArtifacts[{index}].name")), message);
                let made = producers.iter().filter(|(_, producer)| producer.is_done_before(placed));
                findings.known(input, made.map(|(name, _)| *name));
            }
        }
    }
}
