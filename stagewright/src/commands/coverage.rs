//! `stagewright coverage`: what is served of each API, and what answers `NotImplemented`.

use std::net::SocketAddr;
use std::process::ExitCode;

use serde_json::json;

use super::failed;
use crate::config::Config;
use crate::platform::Platform;

#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON: {"services": [{"service", "served": […], "missing": […]}]}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match rows() {
        Ok(rows) if arguments.json => {
            let row =
                |row: &Row| json!({"service": row.service, "served": row.served, "missing": row.missing});
            println!("{}", json!({"services": rows.iter().map(row).collect::<Vec<_>>()}));
            ExitCode::SUCCESS
        }
        Ok(rows) => {
            for Row { service, served, missing } in rows {
                println!("{service:<18} {:>3} served, {:>3} not built yet", served.len(), missing.len());
                for operation in missing {
                    println!("    - {operation}");
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

struct Row {
    service: &'static str,
    served: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl Row {
    fn of(service: &aws::Service, served: impl Iterator<Item = &'static str>) -> Self {
        let served: Vec<&str> = served.collect();
        let known = service.operations.iter().copied();
        let missing = known.filter(|operation| !served.contains(operation)).collect();
        Self { service: service.id, served, missing }
    }
}

/// What a platform on an empty folder serves, by service: the same tables that answer calls. S3 has no router, but a
/// table of its own.
fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let platform = Platform::open(&Config::local(folder.path().to_owned()), nowhere, None).await?;
        let mut rows: Vec<Row> =
            platform.gateway.routers().map(|router| Row::of(router.service, router.served())).collect();
        rows.push(Row::of(&s3::SERVICE, s3::SERVED.iter().copied()));
        rows.sort_by_key(|row| row.service.to_lowercase());
        platform.close().await;
        Ok(rows)
    })
}
