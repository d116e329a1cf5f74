//! What is counted of builds: by the events that this process commits, so each change counts once over all nodes.

use aws::event;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde::Deserialize;
use store::Payload;

use crate::CodeBuild;
use crate::announce::{SOURCE, STATE_CHANGE};

struct Meters {
    builds: Family<OfStatus, Counter>,
    seconds: Family<OfStatus, Histogram>,
    queued_seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfStatus {
    status: String,
}

/// As much of an event as is counted.
#[derive(Deserialize)]
struct Told {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    build_status: Option<String>,
    additional_information: Option<Information>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Information {
    build_complete: bool,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Phase {
    phase_type: String,
    duration_in_seconds: Option<f64>,
}

impl CodeBuild {
    /// Registers what is counted of builds: `codebuild_…`.
    pub fn register(&self, registry: &mut Registry) {
        let meters = Meters::default();
        meters.register(registry.sub_registry_with_prefix("codebuild"));
        self.store.observe(event::TOPIC, move |event| meters.count(event));
    }
}

/// From a tenth of a second to almost an hour.
fn build_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.1, 2.0, 16))
}

impl Default for Meters {
    fn default() -> Self {
        let seconds = Family::new_with_constructor(build_histogram as fn() -> Histogram);
        Self { builds: Family::default(), seconds, queued_seconds: build_histogram() }
    }
}

impl Meters {
    fn register(&self, registry: &mut Registry) {
        let help = "Builds that came into a status: IN_PROGRESS at their start, another at their end";
        registry.register("builds", help, self.builds.clone());
        let help = "Time of ended builds, without that in the queue";
        registry.register_with_unit("build", help, Unit::Seconds, self.seconds.clone());
        let help = "Time that ended builds had been in the queue";
        registry.register_with_unit("build_queued", help, Unit::Seconds, self.queued_seconds.clone());
    }

    fn count(&self, event: &Payload) {
        // Events of other services have other details.
        let Ok(told) = event.parse::<Told>() else { return };
        let Some(status) = told.detail.build_status else { return };
        if told.source != SOURCE || told.detail_type != STATE_CHANGE {
            return;
        }
        let of = OfStatus { status };
        self.builds.get_or_create(&of).inc();
        let Some(information) = told.detail.additional_information.filter(|told| told.build_complete) else {
            return;
        };
        let is_queued = |phase: &&Phase| phase.phase_type == "QUEUED";
        let sum = |phases: &mut dyn Iterator<Item = &Phase>| {
            phases.filter_map(|phase| phase.duration_in_seconds).sum::<f64>()
        };
        self.queued_seconds.observe(sum(&mut information.phases.iter().filter(is_queued)));
        let others = &mut information.phases.iter().filter(|phase| !is_queued(phase));
        self.seconds.get_or_create(&of).observe(sum(others));
    }
}

#[cfg(test)]
mod tests {
    use codebuild_model::BuildPhaseType;
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::announce;
    use crate::state::tests::{at, build};
    use crate::state::{Change, News, Outcome};

    #[tokio::test]
    async fn a_build_counts_with_its_status_and_its_time_once_it_is_committed() {
        let dir = tempfile::tempdir().unwrap();
        let store = store::Store::open(store::Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let (meters, mut registry) = (Meters::default(), Registry::default());
        meters.register(&mut registry);
        store.observe(event::TOPIC, move |event| meters.count(event));
        let mut build = build();
        build.apply(Change::Enter { phase: BuildPhaseType::Build, at: at(5) });
        build.apply(Change::Leave { phase: BuildPhaseType::Build, outcome: Outcome::succeeded(), at: at(8) });
        build.apply(Change::Complete { at: at(9) });
        for committed in [true, false] {
            let build = build.clone();
            let write = move |tx: &mut store::WriteTx<'_>| {
                announce::publish(tx, &build, &News::State, at(9))?;
                tx.append(event::TOPIC, &"something else")?;
                if committed { Ok(()) } else { Err(store::Error::Closed) }
            };
            assert_eq!(store.write(write).await.is_ok(), committed);
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("builds_total{status=\"SUCCEEDED\"} 1\n"), "{text}");
        assert!(text.contains("build_seconds_sum{status=\"SUCCEEDED\"} 3.0\n"), "{text}");
        assert!(text.contains("build_queued_seconds_count 1\n"), "{text}");
    }
}
