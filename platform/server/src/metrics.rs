//! What `/metrics` shows, as Prometheus text: the process, the front door, and what services have registered.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::process::Process;

/// The numbers of the front door, with the registry that holds them and those of others.
///
/// A service knows nothing of this: it registers its own in the [`Registry`] that it is given when everything is wired
/// together, and keeps the handles.
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    seconds: Family<Operation, Histogram>,
    connections: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    service: String,
    operation: String,
    /// `OK` or the error's code.
    outcome: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    service: String,
    operation: String,
}

/// From half a millisecond to half a minute.
fn latency_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with_registry(Registry::default())
    }
}

impl Metrics {
    /// The part of a registry for numbers of this program; the rest is named as other programs name it.
    pub fn own(registry: &mut Registry) -> &mut Registry {
        registry.sub_registry_with_prefix("stagewright")
    }

    /// Adds to what others have registered.
    pub fn with_registry(mut registry: Registry) -> Self {
        let calls = Family::default();
        let seconds = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        let connections = Gauge::default();
        registry.register_collector(Box::new(Process));
        let own = Self::own(&mut registry);
        own.register("api_calls", "Calls by service, operation and outcome", calls.clone());
        let help = "Time from decoded request to answer";
        own.register_with_unit("api_call", help, Unit::Seconds, seconds.clone());
        own.register("connections", "Open connections", connections.clone());
        Self { registry, calls, seconds, connections }
    }

    pub fn called(&self, service: &str, operation: &str, outcome: &str, took: Duration) {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.calls.get_or_create(&call).inc();
        let of = Operation { service: service.to_owned(), operation: operation.to_owned() };
        self.seconds.get_or_create(&of).observe(took.as_secs_f64());
    }

    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    /// Errors: only those of formatting.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        encode(&mut out, &self.registry)?;
        Ok(out)
    }
}
