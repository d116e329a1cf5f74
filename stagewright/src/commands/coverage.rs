//! `stagewright coverage`: what is served of each API, and what answers `NotImplemented`.

use std::process::ExitCode;

use serde_json::json;

use super::failed;
use crate::platform;

#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON: {"services": [{"service", "served": […], "missing": […]}]}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let routers = match platform::routers_for_listing() {
        Ok(routers) => routers,
        Err(error) => return failed(error),
    };
    let mut rows = Vec::new();
    for router in &routers {
        let served: Vec<&str> = router.served().collect();
        let known = router.service.operations.iter().copied();
        let missing: Vec<&str> = known.filter(|operation| !served.contains(operation)).collect();
        if arguments.json {
            rows.push(json!({"service": router.service.id, "served": served, "missing": missing}));
        } else {
            println!("{:<18} {:>3} served, {:>3} not built yet", router.service.id, served.len(), missing.len());
            for operation in missing {
                println!("    - {operation}");
            }
        }
    }
    if arguments.json {
        println!("{}", json!({ "services": rows }));
    }
    ExitCode::SUCCESS
}
