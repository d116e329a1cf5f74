"""What the measures stand on: the table of results, the load client, and a pipeline to call about."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import urllib.error
import urllib.request

from harness.eventually import until
from harness.identities import trust
from harness.server import ADMINISTRATOR

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
CONNECTIONS = 16


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, figure, peer, value, goal, reached):
        self.rows.append((what, figure, peer, value, goal, "yes" if reached else "NO"))
        print(" · ".join(self.rows[-1]), flush=True)

    def markdown(self):
        head = ("measured", "Stagewright", "compared with", "ratio or value", "goal", "reached")
        lines = [head, ("---",) * len(head), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def load(url, rounds, *steps, connections=CONNECTIONS):
    """Runs the load client against `url`; its report."""
    command = [TARGET / "bench", "load", "--address", url.removeprefix("http://"), "--service", "codepipeline"]
    command += ["--access-key-id", ADMINISTRATOR.access_key_id, "--secret-access-key", ADMINISTRATOR.secret_access_key]
    command += ["--rounds", str(rounds), "--connections", str(connections)]
    for target, body in steps:
        command += ["--step", f"CodePipeline_20150709.{target}={json.dumps(body)}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def describe(report):
    return f"{report['rounds_per_second']:.0f}/s, p50 {report['p50_ms']:.2f} ms, p99 {report['p99_ms']:.2f} ms"


class Process:
    """A peer: a child process that answers HTTP on a port of the loopback."""

    def __init__(self, command, port):
        self.url = f"http://127.0.0.1:{port}"
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until(self.answers, 60, f"{command[0]} to answer")

    def answers(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise RuntimeError(self.log.read().decode())
        try:
            urllib.request.urlopen(self.url, timeout=2)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait()


def resident_mebibytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def pipeline(name, role):
    """A pipeline that waits for nothing: an S3 source and a deployment, of a bucket that is there."""

    def action(name, category, configuration, **artifacts):
        kind = {"category": category, "owner": "AWS", "provider": "S3", "version": "1"}
        return {"name": name, "actionTypeId": kind, "configuration": configuration, **artifacts}

    source = {"S3Bucket": "bench", "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
    deploy = {"BucketName": "bench", "Extract": "true"}
    return {
        "name": name,
        "roleArn": role,
        "artifactStore": {"type": "S3", "location": "bench"},
        "stages": [
            {"name": "Source", "actions": [action("Fetch", "Source", source, outputArtifacts=[{"name": "Source"}])]},
            {"name": "Deploy", "actions": [action("Publish", "Deploy", deploy, inputArtifacts=[{"name": "Source"}])]},
        ],
        "version": 1,
    }


def prepare(session, url):
    """The bucket, the role and the pipeline that the calls are about."""

    def client(service):
        return session.client(service, endpoint_url=url)

    client("s3").create_bucket(Bucket="bench")
    role = client("iam").create_role(
        RoleName="bench", AssumeRolePolicyDocument=trust(Service="codepipeline.amazonaws.com")
    )["Role"]["Arn"]
    client("codepipeline").create_pipeline(pipeline=pipeline("read", role))
    return role
