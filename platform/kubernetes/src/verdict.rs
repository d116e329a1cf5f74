//! Why the pod of a build will not bring it to its end, from what the cluster says of it. Pure.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStateTerminated, ContainerStatus, Pod},
};
use runner::{Context, Status};

use crate::job::CONTAINER;

/// Reasons of a container that waits for an image which it will not get. `ErrImagePull` is tried once more.
const UNPULLED: [&str; 3] = ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];
const FAULT: &str = "INTERNAL_SERVICE_ERROR";

/// How a build ends that no pod runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub status: Status,
    pub context: Context,
}

impl Verdict {
    pub fn fault(message: impl Into<String>) -> Self {
        Self { status: Status::Fault, context: Context::new(FAULT, message) }
    }

    /// CodeBuild's words.
    fn unpulled(why: &str) -> Self {
        let message = format!("Unable to pull customer's container image. CannotPullContainerError: {why}");
        let context = Context::new("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", message);
        Self { status: Status::Failed, context }
    }

    /// CodeBuild's words, and the cluster's.
    fn dead(why: &str) -> Self {
        let message = format!(
            "Build container found dead before completing the build. Build container died because it was out of memory, or \
             the Docker image is not supported. ErrorCode: 500 ({why})"
        );
        Self { status: Status::Fault, context: Context::new("SINGLE_BUILD_CONTAINER_DEAD", message) }
    }
}

/// Of a Job that was made and whose build is not over; none: it may still come to its end.
pub(crate) fn verdict(job: Option<&Job>, pod: Option<&Pod>) -> Option<Verdict> {
    let Some(job) = job else {
        return Some(Verdict::fault("The Job of the build was deleted in the cluster"));
    };
    if let Some(verdict) = pod.and_then(of_pod) {
        return Some(verdict);
    }
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut failed = conditions.filter(|condition| condition.type_ == "Failed" && condition.status == "True");
    let failed = failed.next()?;
    let why = told(failed.reason.as_deref(), failed.message.as_deref());
    Some(Verdict::fault(format!("The Job of the build has failed in the cluster: {why}")))
}

fn of_pod(pod: &Pod) -> Option<Verdict> {
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    for container in init.chain(status.container_statuses.iter().flatten()) {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
        if UNPULLED.contains(&reason) {
            let why = told(Some(reason), waiting.and_then(|waiting| waiting.message.as_deref()));
            return Some(match container.name == CONTAINER {
                true => Verdict::unpulled(&why),
                false => Verdict::fault(format!("The image of workers cannot be pulled: {why}")),
            });
        }
    }
    match status.phase.as_deref() {
        Some("Failed") => {
            if status.reason.is_some() {
                let why = told(status.reason.as_deref(), status.message.as_deref());
                return Some(Verdict::fault(format!("The pod of the build has failed: {why}")));
            }
            let containers = status.container_statuses.iter().flatten();
            let ended = containers.chain(status.init_container_statuses.iter().flatten()).find_map(failed);
            Some(match ended {
                Some((name, ended)) if name == CONTAINER && is_the_images(ended) => {
                    Verdict::dead(&told(ended.reason.as_deref(), ended.message.as_deref()))
                }
                Some((name, ended)) => {
                    let why = told(ended.reason.as_deref(), ended.message.as_deref());
                    let code = ended.exit_code;
                    Verdict::fault(format!(
                        "The container {name} of the build's pod has ended with exit status {code}: {why}"
                    ))
                }
                None => Verdict::fault("The pod of the build has failed"),
            })
        }
        Some("Succeeded") => Some(Verdict::fault("The pod of the build has ended before the build")),
        Some(_) | None => None,
    }
}

/// A container that ended otherwise than well.
fn failed(container: &ContainerStatus) -> Option<(&str, &ContainerStateTerminated)> {
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    (ended.exit_code != 0).then_some((container.name.as_str(), ended))
}

/// Out of memory, or nothing of it could be started: words of containerd and of CRI-O.
fn is_the_images(ended: &ContainerStateTerminated) -> bool {
    let reason = ended.reason.as_deref().unwrap_or_default();
    ["OOMKilled", "StartError", "ContainerCannotRun"].contains(&reason)
}

/// Why a pod has not begun yet, as far as the cluster says.
pub(crate) fn waits_for(job: Option<&Job>, pod: Option<&Pod>) -> String {
    let Some(pod) = pod else {
        return match job {
            Some(_) => "its Job has no pod yet".to_owned(),
            None => "its Job could not be made yet".to_owned(),
        };
    };
    let status = pod.status.as_ref();
    let unscheduled = status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut unscheduled =
        unscheduled.filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled.next() {
        return told(condition.reason.as_deref(), condition.message.as_deref());
    }
    let init = status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let own = status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let waiting = init.chain(own).find_map(|container| container.state.as_ref()?.waiting.as_ref());
    match waiting {
        Some(waiting) => told(waiting.reason.as_deref(), waiting.message.as_deref()),
        None => "its worker has not asked for it: can it reach this server at server_url?".to_owned(),
    }
}

fn told(reason: Option<&str>, message: Option<&str>) -> String {
    match (reason.unwrap_or_default(), message.unwrap_or_default()) {
        ("", "") => "it says nothing".to_owned(),
        ("", text) | (text, "") => text.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(status: Value) -> Option<(Status, String, String)> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap();
        let verdict = verdict(Some(&Job::default()), Some(&pod))?;
        Some((verdict.status, verdict.context.status_code, verdict.context.message))
    }

    fn container(name: &str, state: Value) -> Value {
        json!({"name": name, "state": state, "ready": false, "restartCount": 0, "image": "", "imageID": ""})
    }

    #[test]
    fn an_image_that_cannot_be_had_is_the_projects_and_that_of_workers_is_not() {
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "no such"}});
        let own = |reason| {
            of(json!({"phase": "Pending", "containerStatuses": [container("build", waiting(reason))]}))
        };
        assert_eq!(own("ErrImagePull"), None, "once may be chance");
        let (status, code, message) = own("ImagePullBackOff").unwrap();
        assert_eq!((status, code.as_str()), (Status::Failed, "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"));
        assert!(message.ends_with("CannotPullContainerError: ImagePullBackOff: no such"), "{message}");
        let program = container("program", waiting("ImagePullBackOff"));
        let (status, code, _) = of(json!({"phase": "Pending", "initContainerStatuses": [program]})).unwrap();
        assert_eq!((status, code.as_str()), (Status::Fault, FAULT));
    }

    #[test]
    fn a_pod_that_is_over_has_lost_its_build() {
        let ended = |reason: &str, code: i32| {
            let state = json!({"terminated": {"reason": reason, "exitCode": code}});
            of(json!({"phase": "Failed", "containerStatuses": [container("build", state)]})).unwrap()
        };
        assert_eq!(ended("OOMKilled", 137).1, "SINGLE_BUILD_CONTAINER_DEAD");
        let (status, code, message) = ended("Error", 1);
        assert_eq!((status, code.as_str()), (Status::Fault, FAULT));
        assert!(message.contains("exit status 1"), "{message}");
        let evicted =
            of(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})).unwrap();
        assert!(evicted.2.ends_with("Evicted: low on memory"), "{evicted:?}");
        assert!(of(json!({"phase": "Succeeded"})).is_some());
        assert_eq!(of(json!({"phase": "Running"})), None);
        assert!(verdict(None, None).unwrap().context.message.contains("was deleted"));
    }

    #[test]
    fn what_a_pod_waits_for_is_told_in_the_clusters_words() {
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available"});
        let pod = serde_json::from_value(json!({"metadata": {}, "status": {"conditions": [condition]}}));
        assert_eq!(
            waits_for(Some(&Job::default()), Some(&pod.unwrap())),
            "Unschedulable: 0/1 nodes are available"
        );
        assert!(waits_for(Some(&Job::default()), None).contains("no pod yet"));
    }
}
