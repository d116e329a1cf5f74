//! What is counted of workers.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Registry,
};
use runner::remote::{Census, RemoteExecutor};

use super::WorkerEndpoint;

impl WorkerEndpoint {
    /// Registers how many workers there are, where there can be any: `codebuild_workers…`.
    pub fn register(&self, registry: &mut Registry) {
        if let Some(executor) = &self.executor {
            let registry = registry.sub_registry_with_prefix("codebuild");
            registry.register_collector(Box::new(Counting(executor.clone())));
        }
    }
}

struct Counting(Arc<RemoteExecutor>);

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counting").field(&self.0.census()).finish()
    }
}

impl Collector for Counting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Census { workers, leased, offered } = self.0.census();
        let gauges = [
            ("workers", "Workers that have asked for something in the last minute", workers),
            ("worker_leases", "Builds that a worker has", leased),
            ("worker_offers", "Builds that no worker has taken yet", offered),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
