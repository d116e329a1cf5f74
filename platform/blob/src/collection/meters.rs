//! What is counted of blobs.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Default)]
pub struct Meters {
    blobs: Gauge,
    bytes: Gauge,
    collected_blobs: Counter,
    collected_bytes: Counter,
}

impl Meters {
    pub fn register(&self, registry: &mut Registry) {
        let blob = registry.sub_registry_with_prefix("blob");
        blob.register("stored", "Blobs stored, as of the last pass of the collector", self.blobs.clone());
        let help = "Bytes of the blobs stored, as of the last pass of the collector";
        blob.register_with_unit("stored", help, Unit::Bytes, self.bytes.clone());
        blob.register(
            "collected",
            "Blobs deleted because no record named them",
            self.collected_blobs.clone(),
        );
        let help = "Bytes of the blobs deleted because no record named them";
        blob.register_with_unit("collected", help, Unit::Bytes, self.collected_bytes.clone());
    }

    pub fn hold(&self, blobs: u64, bytes: u64) {
        self.blobs.set(i64::try_from(blobs).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub fn collected(&self, bytes: u64) {
        self.collected_blobs.inc();
        self.collected_bytes.inc_by(bytes);
    }
}
