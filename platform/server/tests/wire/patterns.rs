//! Every regular expression of every model is one that we can match.

use std::collections::BTreeSet;

use aws::operation::{Operation, OperationModel};
use aws::shape::{Kind, Schema};

macro_rules! models {
    ($($operation:path,)*) => { vec![$(<$operation as Operation>::MODEL,)*] };
}

fn every_model() -> Vec<&'static OperationModel> {
    let services = [
        cloudtrail_model::every_operation!(models),
        codebuild_model::every_operation!(models),
        codecommit_model::every_operation!(models),
        codeconnections_model::every_operation!(models),
        codepipeline_model::every_operation!(models),
        iam_model::every_operation!(models),
        logs_model::every_operation!(models),
        sts_model::every_operation!(models),
    ];
    services.into_iter().flatten().collect()
}

/// All schemas that an operation reaches, each once.
fn every_schema() -> Vec<&'static Schema> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut waiting: Vec<&'static Schema> =
        every_model().into_iter().flat_map(|model| [model.input, model.output]).collect();
    while let Some(schema) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(schema) as usize) {
            continue;
        }
        found.push(schema);
        match &schema.kind {
            Kind::Structure(members) | Kind::Union(members) => {
                waiting.extend(members.iter().map(|member| member.schema));
            }
            Kind::List { element, .. } => waiting.push(element),
            Kind::Map { key, value, .. } => waiting.extend([*key, *value]),
            Kind::Boolean
            | Kind::Integer
            | Kind::Double
            | Kind::String
            | Kind::Enum(_)
            | Kind::Blob
            | Kind::Timestamp => {}
        }
    }
    found
}

#[test]
fn every_pattern_compiles() {
    let patterns: Vec<_> = every_schema()
        .into_iter()
        .filter_map(|schema| schema.pattern.map(|pattern| (schema.name, pattern)))
        .collect();
    assert!(patterns.len() > 50, "only {} patterns were found", patterns.len());
    let broken: Vec<_> = patterns
        .iter()
        .filter(|(_, pattern)| !pattern.compiles())
        .map(|(name, pattern)| format!("{name}: {}", pattern.source))
        .collect();
    assert_eq!(broken, [""; 0]);
}

#[test]
fn bounds_of_a_schema_are_in_order() {
    for schema in every_schema() {
        if let (Some(min), Some(max)) = (schema.min, schema.max) {
            assert!(min <= max, "{}: {min} to {max}", schema.name);
        }
    }
}
