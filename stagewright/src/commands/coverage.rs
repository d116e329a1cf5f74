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

/// What a platform on an empty folder serves: the same tables that answer calls.
fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let platform = Platform::open(&Config::local(folder.path().to_owned()), nowhere, None).await?;
        let row = |router: &aws::Router| {
            let served: Vec<&str> = router.served().collect();
            let known = router.service.operations.iter().copied();
            let missing = known.filter(|operation| !served.contains(operation)).collect();
            Row { service: router.service.id, served, missing }
        };
        let rows = platform.gateway.routers().map(row).collect();
        platform.close().await;
        Ok(rows)
    })
}
