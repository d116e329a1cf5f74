"""What stands for a Kubernetes cluster: an API server that takes what a real one takes of Jobs, Secrets and pods, and
refuses everything else, and a kubelet that really runs the pods, as containers of the engine that the tests have."""

import base64
import copy
import itertools
import json
import re
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .pod import PROGRAM, Pod
from .server import binary

NAMESPACE = "builds"
TOKEN = "token-of-the-server"
# A Job's, which becomes a label; and those of other objects.
LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
# What is known of each object: fields with what they hold; `list` and `map` of something, `!` must be there.
SELECTOR = {"name!": str, "key!": str, "optional": bool}
VOLUME_OF_SECRET = {"secretName!": str, "items": [{"key!": str, "path!": str}]}
CONTAINER = {
    "name!": str,
    "image!": str,
    "imagePullPolicy": str,
    "command": [str],
    "args": [str],
    "env": [{"name!": str, "value": str, "valueFrom": {"secretKeyRef": SELECTOR}}],
    "resources": {"requests": {"*": str}, "limits": {"*": str}},
    "securityContext": {"privileged": bool, "runAsUser": int},
    "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool}],
    "workingDir": str,
}
OWNER = {"apiVersion!": str, "kind!": str, "name!": str, "uid!": str}
METADATA = {"name": str, "namespace": str, "labels": {"*": str}, "ownerReferences": [OWNER]}
POD = {
    "restartPolicy": str,
    "automountServiceAccountToken": bool,
    "enableServiceLinks": bool,
    "serviceAccountName": str,
    "imagePullSecrets": [{"name!": str}],
    "nodeSelector": {"*": str},
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str}],
    "terminationGracePeriodSeconds": int,
    "initContainers": [CONTAINER],
    "containers!": [CONTAINER],
    "volumes": [{"name!": str, "emptyDir": {"sizeLimit": str}, "secret": VOLUME_OF_SECRET}],
}
JOB = {
    "apiVersion!": "batch/v1",
    "kind!": "Job",
    "metadata!": METADATA,
    "spec!": {
        "suspend": bool,
        "backoffLimit": int,
        "activeDeadlineSeconds": int,
        "ttlSecondsAfterFinished": int,
        "template!": {"metadata": METADATA, "spec!": POD},
    },
}
SECRET = {
    "apiVersion!": "v1",
    "kind!": "Secret",
    "metadata!": METADATA,
    "type": str,
    "data": {"*": str},
    "immutable": bool,
}


def unlike(shape, value, where=""):
    """What of a value is not as its shape says."""
    if isinstance(shape, type):
        right = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
        return [] if right else [f"{where}: {value!r} is no {shape.__name__}"]
    if isinstance(shape, str):
        return [] if value == shape else [f"{where}: {value!r} is not {shape!r}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [wrong for index, one in enumerate(value) for wrong in unlike(shape[0], one, f"{where}[{index}]")]
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    wrong = []
    for name in shape:
        if name.endswith("!") and name[:-1] not in value:
            wrong.append(f"{where}.{name[:-1]} is missing")
    for name, one in value.items():
        inner = shape.get(name, shape.get(f"{name}!", shape.get("*")))
        wrong += unlike(inner, one, f"{where}.{name}") if inner is not None else [f"{where}.{name} is unknown"]
    return wrong


class Cluster:
    """A namespace in which one token may do what a server needs; `kubeconfig` says how it is reached."""

    def __init__(self, folder, worker_image="registry.test/stagewright:1"):
        self.lock = threading.RLock()
        self.jobs, self.pods, self.secrets = {}, {}, {}
        self.seen_jobs, self.seen_secrets, self.complaints, self.denied = [], [], [], []
        self.folder, self.worker_image = folder, worker_image
        # A status for every request instead of an answer, and one for requests that make Jobs.
        self.answers_with = None
        self.refuses_jobs = None
        self.running = {}
        self.number = itertools.count(1)
        handler = type("Handler", (_Handler,), {"cluster": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.kubeconfig = folder / "kubeconfig"
        named = {"name": "test", "context": {"cluster": "test", "user": "server", "namespace": "elsewhere"}}
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "none",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "server", "user": {"token": TOKEN}}],
            "contexts": [named],
        }
        self.kubeconfig.write_text(json.dumps(configuration))

    def close(self):
        for name in list(self.jobs):
            self.delete_job(name)
        self.http.shutdown()
        self.http.server_close()

    def settings(self, server_url):
        """The lines of a server's configuration."""
        return (
            f'[builds]\nexecutor = "kubernetes"\nconcurrency = 6\n[builds.workers]\nlease_seconds = 9\n'
            f'[builds.kubernetes]\nkubeconfig = {json.dumps(str(self.kubeconfig))}\ncontext = "test"\n'
            f'namespace = "{NAMESPACE}"\nserver_url = "{server_url}"\nworker_image = "{self.worker_image}"\n'
            f'worker_program = "/bin/{binary().name}"\nstart_seconds = 10\npull_secrets = ["operators"]\n'
            'service_account = "nobody"\nnode_selector = { ci = "yes" }\n'
            'tolerations = [{ key = "ci", operator = "Exists" }]\n'
        )

    def job_of(self, build):
        """The newest Job that was made for a build, whether it is still there or not."""
        uuid_ = build.rpartition(":")[2]
        found = [job for job in self.seen_jobs if job["metadata"]["labels"]["stagewright.dev/build"] == uuid_]
        return found[-1] if found else None

    def left(self):
        with self.lock:
            return sorted([*self.jobs, *self.secrets, *self.pods])

    # What the API does. Each answers status and object.

    def make_job(self, job):
        wrong = unlike(JOB, job, "Job") + self.ill_named(job, LABEL_NAME)
        spec = job.get("spec", {}).get("template", {}).get("spec", {})
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    wrong.append(f"no volume {mount['name']}")
        if spec.get("restartPolicy") not in ("Never", "OnFailure"):
            wrong.append("a Job's pods need a restartPolicy")
        if wrong:
            return self.invalid(wrong)
        with self.lock:
            name = job["metadata"]["name"]
            if name in self.jobs:
                return self.status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
            job["metadata"]["uid"] = str(uuid.uuid4())
            job["status"] = {}
            self.jobs[name] = job
            self.seen_jobs.append(copy.deepcopy(job))
            self.begin(job)
        return 201, job

    def make_secret(self, secret):
        wrong = unlike(SECRET, secret, "Secret") + self.ill_named(secret, NAME)
        with self.lock:
            for owner in secret.get("metadata", {}).get("ownerReferences", []):
                job = self.jobs.get(owner["name"])
                if not job or job["metadata"]["uid"] != owner["uid"]:
                    wrong.append(f"its owner {owner} is not there")
            if wrong:
                return self.invalid(wrong)
            self.secrets[secret["metadata"]["name"]] = secret
            self.seen_secrets.append(copy.deepcopy(secret))
        return 201, secret

    def patch_job(self, name, patch):
        with self.lock:
            job = self.jobs.get(name)
            if job is None:
                return self.status(404, "NotFound", f'jobs.batch "{name}" not found')
            if patch != {"spec": {"suspend": False}}:
                return self.invalid([f"a patch of {patch}"])
            job["spec"]["suspend"] = False
            self.begin(job)
        return 200, job

    def delete_job(self, name):
        with self.lock:
            job = self.jobs.pop(name, None)
            if job is None:
                return self.status(404, "NotFound", f'jobs.batch "{name}" not found')
            uid = job["metadata"]["uid"]
            for kind in (self.secrets, self.pods):
                for owned, one in list(kind.items()):
                    if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", [])):
                        del kind[owned]
            pod = self.running.pop(name, None)
        if pod:
            # As a kubelet does: asked first, and in the background.
            threading.Thread(target=pod.stop, args=(8,)).start()
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    # What controllers and kubelets do.

    def begin(self, job):
        if job["spec"].get("suspend"):
            return
        name = f"{job['metadata']['name']}-{next(self.number)}"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "controller": True}
        owner["uid"] = job["metadata"]["uid"]
        template = copy.deepcopy(job["spec"]["template"])
        metadata = {**template["metadata"], "name": name, "namespace": NAMESPACE, "ownerReferences": [owner]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        pod["status"] = {"phase": "Pending"}
        self.pods[name] = pod
        threading.Thread(target=self.run, args=(job, pod), daemon=True).start()

    def run(self, job, pod):
        (init,), (main,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
        if main["image"].startswith("unschedulable"):
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            condition["message"] = "0/3 nodes are available: 3 Insufficient cpu."
            pod["status"] = {"phase": "Pending", "conditions": [condition]}
            return
        if main["image"].startswith("unpullable"):
            for reason in ("ErrImagePull", "ImagePullBackOff"):
                waiting = {"reason": reason, "message": f'failed to pull "{main["image"]}": not found'}
                self.tell(pod, "Pending", main, {"waiting": waiting})
            return
        wrong = self.unfilled(init, main)
        environment = self.environment_of(main, wrong)
        volumes = self.secret_volumes(pod["spec"], main, wrong)
        if wrong:
            self.complaints += wrong
            return
        memory = main["resources"]["limits"]["memory"]
        bounds = ["--memory", memory, "--memory-swap", memory]
        command = [*main["command"], *main["args"]]
        running = Pod(pod["metadata"]["name"], main["image"], command, environment, [*bounds, *volumes])
        with self.lock:
            is_there = job["metadata"]["name"] in self.jobs
            self.running[job["metadata"]["name"]] = running
            self.tell(pod, "Running", main, {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
        if not is_there:
            running.stop()
        code = running.wait(within=600)
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "message": running.printed[-500:]}
        self.tell(pod, "Succeeded" if code == 0 else "Failed", main, {"terminated": ended})

    def unfilled(self, init, main):
        """What of the folders that the pod's containers share is not as the build needs it."""
        wrong = []
        if init["image"] != self.worker_image or init["command"] != ["cp", f"/bin/{binary().name}", PROGRAM]:
            wrong.append(f"the init container: {init}")
        mounts = {mount["mountPath"]: mount for mount in main["volumeMounts"]}
        (filled,) = init["volumeMounts"]
        if mounts["/stagewright"]["name"] != filled["name"] or filled["mountPath"] != "/stagewright":
            wrong.append(f"the program comes to {filled}, and is looked for in {mounts}")
        if "/codebuild" not in mounts or mounts["/codebuild"].get("readOnly"):
            wrong.append("no folder for the build")
        return wrong

    def content(self, secret, key, wrong):
        """Of a secret, which a pod needs to begin."""
        try:
            return base64.b64decode(self.secrets[secret]["data"][key])
        except KeyError:
            wrong.append(f"the pod begins before {key} of its secret {secret}")
            return b""

    def environment_of(self, container, wrong):
        environment = {}
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                content = self.content(reference["name"], reference["key"], wrong)
                environment[variable["name"]] = content.decode()
            else:
                environment[variable["name"]] = variable["value"]
        return environment

    def secret_volumes(self, spec, container, wrong):
        """The engine's arguments for the files of secrets that a container sees."""
        places = {mount["name"]: mount for mount in container["volumeMounts"]}
        arguments = []
        for volume in spec["volumes"]:
            if "secret" not in volume or volume["name"] not in places:
                continue
            secret = volume["secret"]
            files = self.folder / "secrets" / secret["secretName"]
            files.mkdir(parents=True)
            for item in secret["items"]:
                (files / item["path"]).write_bytes(self.content(secret["secretName"], item["key"], wrong))
            arguments += ["--volume", f"{files}:{places[volume['name']]['mountPath']}:ro"]
        return arguments

    @staticmethod
    def tell(pod, phase, container, state):
        told = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False}
        pod["status"] = {"phase": phase, "containerStatuses": [{**told, "restartCount": 0, "state": state}]}

    @staticmethod
    def status(code, reason, message):
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
        return code, {**status, "reason": reason, "message": message}

    def invalid(self, wrong):
        self.complaints += wrong
        return self.status(422, "Invalid", "; ".join(wrong))

    @staticmethod
    def ill_named(thing, names):
        metadata = thing.get("metadata", {})
        wrong = [] if names.fullmatch(metadata.get("name", "")) else [f"the name {metadata.get('name')!r}"]
        wrong += [f"the label {value!r}" for value in metadata.get("labels", {}).values() if not LABEL.fullmatch(value)]
        return wrong if metadata.get("namespace") == NAMESPACE else [*wrong, "another namespace"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            self.cluster.denied.append(self.path)
            status, told = self.cluster.status(401, "Unauthorized", "Unauthorized")
        elif self.cluster.answers_with:
            status, told = self.cluster.status(self.cluster.answers_with, "InternalError", "etcdserver: no leader")
        else:
            status, told = self.do(body)
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def do(self, body):
        cluster, (path, _, query) = self.cluster, self.path.partition("?")
        kind, _, name = path.partition(f"{JOBS}/")
        match self.command, path:
            case "GET", p if p in (JOBS, PODS):
                return self.list(p, urllib.parse.parse_qs(query))
            case "POST", p if p == JOBS and cluster.refuses_jobs:
                return cluster.status(403, "Forbidden", cluster.refuses_jobs)
            case "POST", p if p == JOBS:
                return cluster.make_job(body)
            case "POST", p if p == SECRETS:
                return cluster.make_secret(body)
            case "PATCH", _ if name and self.headers["content-type"] == "application/merge-patch+json":
                return cluster.patch_job(name, body)
            case "DELETE", _ if name and body and body.get("propagationPolicy") == "Background":
                return cluster.delete_job(name)
        cluster.complaints.append(f"{self.command} {self.path}: {body}")
        return cluster.status(403, "Forbidden", "this may nobody do")

    def list(self, path, query):
        (selector,) = query["labelSelector"]
        wanted = dict(part.split("=") for part in selector.split(","))
        kinds = {JOBS: (self.cluster.jobs, "batch/v1", "JobList"), PODS: (self.cluster.pods, "v1", "PodList")}
        things, version, kind = kinds[path]
        with self.cluster.lock:
            items = [
                copy.deepcopy(one)
                for one in things.values()
                if wanted.items() <= one["metadata"].get("labels", {}).items()
            ]
        return 200, {"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "1"}, "items": items}
