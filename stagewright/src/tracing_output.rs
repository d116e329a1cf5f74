//! Structured logs on standard error; `STAGEWRIGHT_LOG` sets what is shown (`info` by default).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// `s3s` logs what clients do wrong as errors of its own, malformed bodies included; the front end answers and counts
/// them.
const USUAL: &str = "info,s3s=off";

/// Only where `STAGEWRIGHT_LOG` is set: for commands whose own output is what people read.
pub fn start_if_asked() {
    if std::env::var_os("STAGEWRIGHT_LOG").is_some() {
        start();
    }
}

/// One JSON object a line, or plain lines where a person reads along.
pub fn start() {
    let filter = EnvFilter::try_from_env("STAGEWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
