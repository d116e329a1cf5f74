//! `stagewright validate`: what is wrong with definitions of pipelines and buildspecs, and what would be right.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws::{Region, Remote};
use codepipeline_model::ValidatePipeline;
use serde_json::json;

use super::server_access::ServerAccess;
use super::{failed, wait_for};
use crate::definition_file::{self, Examined, Kind, Severity, Source};

#[derive(clap::Args)]
#[command(
    after_help = "A pipeline may be written as the AWS CLI takes and shows it, or as an AWS::CodePipeline::Pipeline \
                        of CloudFormation, in JSON or YAML.\n\nExit codes: 0 no errors, 1 errors, 2 wrong usage or an \
                        unreadable file."
)]
pub struct Arguments {
    /// Files to check; `-` reads standard input, FILE#LogicalId names one of several pipelines of a template
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are, if that cannot be told from their content
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// Region that a pipeline is for [default: that of its sources or artifact stores, else us-east-1]
    #[arg(long)]
    region: Option<Region>,
    /// Let a running server check pipelines too, with the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: by the
    /// account's own action types, and for what is not there and what the roles may not do. Nothing is created
    #[arg(long, requires = "endpoint")]
    server: bool,
    /// The server's address
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    endpoint: Option<String>,
    /// Print JSON: {"files": [{"file", "kind", "findings": [{"severity", "line", "column", "path", "message", "help"}]}]}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let examined = match arguments.endpoint.as_ref().filter(|_| arguments.server) {
        Some(endpoint) => match by_server(endpoint, arguments) {
            Ok(examined) => examined,
            Err(error) => return failed(error),
        },
        None => arguments.files.iter().map(|file| examine(file, arguments)).collect(),
    };
    if arguments.json {
        print_json(&examined);
    } else {
        print_lines(&examined);
    }
    if examined.iter().any(|examined| examined.findings.is_unreadable()) {
        ExitCode::from(2)
    } else if examined.iter().any(|examined| examined.findings.has_errors()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn examine(file: &Path, arguments: &Arguments) -> Examined {
    match Source::open(file) {
        Ok(source) => definition_file::examine(source, arguments.kind, arguments.region.as_ref()),
        Err(findings) => Examined { kind: arguments.kind, findings, definition: None },
    }
}

/// What a server says of pipelines as well. Errors: it could not be asked, or may not be.
fn by_server(endpoint: &str, arguments: &Arguments) -> Result<Vec<Examined>, Box<dyn std::error::Error>> {
    let region = match &arguments.region {
        Some(region) => region.clone(),
        None => definition_file::DEFAULT_REGION.parse()?,
    };
    let remote = ServerAccess::at(endpoint.to_owned(), region.clone()).connect()?;
    wait_for(async {
        let mut all = Vec::with_capacity(arguments.files.len());
        for file in &arguments.files {
            all.push(ask(&remote, file, arguments, &region).await?);
        }
        Ok(all)
    })?
}

async fn ask(
    remote: &Remote,
    file: &Path,
    arguments: &Arguments,
    region: &Region,
) -> Result<Examined, aws::Error> {
    let source = match Source::open(file) {
        Ok(source) => source,
        Err(findings) => return Ok(Examined { kind: arguments.kind, findings, definition: None }),
    };
    let mut examined = definition_file::examine_form(&source, arguments.kind, region);
    if let Some(definition) = &examined.definition {
        let validate = ValidatePipeline { pipeline: definition.declaration.clone() };
        let answer = remote.call(validate).await?;
        definition_file::served::tell(&answer.findings, definition, &mut examined.findings);
    }
    Ok(examined)
}

fn print_json(examined: &[Examined]) {
    let file = |Examined { kind, findings, .. }: &Examined| json!({"file": findings.file(), "kind": kind.map(Kind::as_str), "findings": findings.to_json()});
    println!("{}", json!({"files": examined.iter().map(file).collect::<Vec<_>>()}));
}

fn print_lines(examined: &[Examined]) {
    let colour =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    for examined in examined {
        print!("{}", examined.findings.report(colour));
        if !examined.findings.is_unreadable() {
            println!("{}: {}", examined.findings.file(), summary(examined));
        }
    }
}

/// `pipeline hello, 5 stages, no errors`, `buildspec, 2 errors, 1 warning`.
fn summary(Examined { kind, findings, definition }: &Examined) -> String {
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let what = match definition {
        Some(definition) => format!("pipeline {}", definition.declaration.name),
        None => kind.map_or("neither a pipeline nor a buildspec", Kind::as_str).to_owned(),
    };
    let stages = definition.as_ref().map_or(0, |definition| definition.declaration.stages.len());
    let errors = counted(count(Severity::Error), "error").unwrap_or_else(|| "no errors".to_owned());
    let untold = findings.untold();
    let parts = [
        Some(what),
        counted(stages, "stage"),
        Some(errors),
        counted(count(Severity::Warning), "warning"),
        (untold > 0).then(|| format!("{untold} more that are not told")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
