//! `stagewright coverage`: what is served of each API, and what answers `NotImplemented`.

use std::net::SocketAddr;
use std::process::ExitCode;

use serde_json::json;

use super::{failed, misused, wait_for};
use crate::config::Config;
use crate::platform::Platform;

#[derive(clap::Args)]
pub struct Arguments {
    /// Services to tell of, with the operations that are served as well [default: all]
    services: Vec<String>,
    /// Print JSON: {"services": [{"service", "served": […], "missing": […]}]}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let known = match rows() {
        Ok(rows) => rows,
        Err(error) => return failed(error),
    };
    let is_known = |name: &&String| known.iter().any(|row| row.is_called(name));
    if let Some(stranger) = arguments.services.iter().find(|name| !is_known(name)) {
        return misused(format!("no service is called {stranger}: `stagewright coverage` has the names"));
    }
    let rows = chosen(known, &arguments.services);
    if arguments.json {
        let row = |row: &Row| json!({"service": row.service, "served": row.served, "missing": row.missing});
        println!("{}", json!({"services": rows.iter().map(row).collect::<Vec<_>>()}));
        return ExitCode::SUCCESS;
    }
    for Row { service, served, missing, .. } in rows {
        println!("{service:<18} {:>3} served, {:>3} not built yet", served.len(), missing.len());
        for operation in served.iter().filter(|_| !arguments.services.is_empty()) {
            println!("    + {operation}");
        }
        for operation in missing {
            println!("    - {operation}");
        }
    }
    ExitCode::SUCCESS
}

struct Row {
    service: &'static str,
    /// As policies name it.
    prefix: &'static str,
    served: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl Row {
    fn of(service: &aws::Service, served: impl Iterator<Item = &'static str>) -> Self {
        let served: Vec<&str> = served.collect();
        let known = service.operations.iter().copied();
        let missing = known.filter(|operation| !served.contains(operation)).collect();
        Self { service: service.id, prefix: service.prefix, served, missing }
    }

    /// By its name or as policies and the AWS CLI have it: `CodeStar connections`, `codestar-connections`.
    fn is_called(&self, name: &str) -> bool {
        let plain = |name: &str| name.to_lowercase().replace([' ', '-'], "");
        [self.service, self.prefix].map(plain).contains(&plain(name))
    }
}

/// Those that are named; all of them if none is.
fn chosen(mut rows: Vec<Row>, names: &[String]) -> Vec<Row> {
    rows.retain(|row| names.is_empty() || names.iter().any(|name| row.is_called(name)));
    rows
}

/// What a platform on an empty folder serves, by service: the same tables that answer calls. S3 has no router, but a
/// table of its own.
fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    wait_for(async {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let platform = Platform::open(&Config::local(folder.path().to_owned()), nowhere, None).await?;
        let mut rows: Vec<Row> =
            platform.gateway.routers().map(|router| Row::of(router.service, router.served())).collect();
        rows.push(Row::of(&s3::SERVICE, s3::SERVED.iter().copied()));
        rows.sort_by_key(|row| row.service.to_lowercase());
        platform.close().await;
        Ok(rows)
    })?
}
