"""What a worker says to its server, said by hand."""

import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from . import plain_http
from .server import REGION


class Protocol:
    """Requests of one key."""

    def __init__(self, server, credentials):
        self.url = server.url
        self.key = botocore.credentials.Credentials(credentials.access_key_id, credentials.secret_access_key)

    def post(self, path, token="", body=b""):
        url = f"{self.url}/codebuild/workers/{path}"
        request = botocore.awsrequest.AWSRequest("POST", url, data=body, headers={"x-stagewright-lease": token})
        digest = botocore.auth.SigV4Auth(self.key, "codebuild", REGION).payload(request)
        request.headers["x-amz-content-sha256"] = digest
        botocore.auth.SigV4Auth(self.key, "codebuild", REGION).add_auth(request)
        return plain_http.fetch(url, "POST", body, dict(request.headers.items()))

    def lease(self, query="", **said):
        return self.post(f"lease{query}", body=json.dumps({"worker": "by-hand", **said}).encode())

    def give_up(self, build, token, query=""):
        """Another worker may have it."""
        return self.post(f"{build}/give-up{query}", token, b'{"why": "no room", "again": true}')


def code(answer):
    """Status and error of an answer."""
    return answer.status, json.loads(answer.body)["__type"]
