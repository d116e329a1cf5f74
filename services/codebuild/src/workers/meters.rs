//! What is counted of workers.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};
use runner::{
    Pool,
    remote::{Census, RemoteExecutor},
};

use super::WorkerEndpoint;

impl WorkerEndpoint {
    /// Registers how many workers there are: `codebuild_workers…`, and of each fleet `codebuild_fleet_…`.
    pub fn register(&self, registry: &mut Registry) {
        if let Some(executor) = &self.codebuild.workers {
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

type Count = fn(&Census) -> u64;

/// Names with what they count, for all together and for each fleet.
const GAUGES: [(&str, &str, &str, Count); 3] = [
    ("workers", "fleet_workers", "Workers that have asked for something in the last minute", |of| of.workers),
    ("worker_leases", "fleet_leases", "Builds that a worker has", |of| of.leased),
    ("worker_offers", "fleet_offers", "Builds that no worker has taken yet", |of| of.offered),
];

impl Collector for Counting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let census = self.0.census();
        for (all, of_fleet, help, count) in GAUGES {
            let gauge = gauge(census.values().map(count).sum());
            gauge.encode(encoder.encode_descriptor(all, help, None, gauge.metric_type())?)?;
            let fleets = census.iter().filter_map(|(pool, census)| match pool {
                Pool::Common | Pool::Cluster | Pool::Pod(_) => None,
                Pool::Fleet(arn) => Some((arn, count(census))),
            });
            let mut fleets = fleets.peekable();
            if fleets.peek().is_none() {
                continue;
            }
            let help = format!("{help}, by fleet");
            let mut family = encoder.encode_descriptor(of_fleet, &help, None, MetricType::Gauge)?;
            for (arn, count) in fleets {
                self::gauge(count).encode(family.encode_family(&[("fleet", arn.as_str())])?)?;
            }
        }
        Ok(())
    }
}

fn gauge(count: u64) -> ConstGauge {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}
