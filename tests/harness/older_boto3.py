"""A boto3 from before SQS spoke JSON, in an environment and a process of its own; its responses are judged, too.

Bytes travel between the two processes as `{"$bytes": …}`, in base64.
"""

import base64
import json
import os
import subprocess
import sys

from botocore.exceptions import ClientError

from .server import REGION, REPOSITORY

PYTHON = REPOSITORY / ".tools" / "boto3-query" / "bin" / "python"
BYTES = "$bytes"


def default(value):
    """For what JSON does not know."""
    return {BYTES: base64.b64encode(value).decode()}


def hook(value):
    """The other way around."""
    return base64.b64decode(value[BYTES]) if BYTES in value else value


class OlderBoto3:
    """A client of SQS: `older.send_message(QueueUrl=…)` answers or raises as that of boto3 does."""

    def __init__(self, url, credentials, region=REGION):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_ACCESS_KEY_ID": credentials.access_key_id, "AWS_DEFAULT_REGION": region}
        environment["AWS_SECRET_ACCESS_KEY"] = credentials.secret_access_key
        environment |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(REPOSITORY / "tests")}
        command = [str(PYTHON), "-m", "harness.older_boto3", url]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __getattr__(self, operation):
        def call(**arguments):
            self.process.stdin.write(json.dumps([operation, arguments], default=default) + "\n")
            answer = json.loads(self.process.stdout.readline(), object_hook=hook)
            if "error" in answer:
                raise ClientError(answer["error"], operation)
            if "failure" in answer:
                raise AssertionError(answer["failure"])
            return answer["output"]

        return call

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def serve(url):
    """Makes the calls that stand on the lines of the standard input."""
    import boto3
    from botocore.config import Config
    from botocore.model import ServiceModel

    from . import strict

    # Newer models name several protocols.
    ServiceModel.resolved_protocol = property(lambda model: model.metadata["protocol"])
    session = boto3.Session()
    strict.watch(session._session.get_component("event_emitter"))
    client = session.client("sqs", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    assert client.meta.service_model.metadata["protocol"] == "query"
    for line in sys.stdin:
        operation, arguments = json.loads(line, object_hook=hook)
        try:
            answer = {"output": getattr(client, operation)(**arguments)}
        except ClientError as error:
            answer = {"error": error.response}
        except Exception as failure:
            answer = {"failure": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(answer, default=default), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
