"""boto3 clients of one server, each of which judges every response strictly."""

import boto3
import botocore.config

from . import strict
from .credentials import Credentials
from .server import REGION


class Aws:
    """The clients of one caller: `aws.codepipeline.get_pipeline(name=…)`, `aws.client("s3", config=…)`."""

    def __init__(self, url, credentials, region=REGION):
        self.url = url
        self.credentials = credentials
        self.region = region
        self._session = boto3.Session(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token, region_name=region
        )
        strict.watch(self._session._session.get_component("event_emitter"))
        self._clients = {}

    def client(self, service, **config):
        """A client of `service`; `config` as of `botocore.config.Config`. Nothing is retried: a test sees the
        first answer."""
        config = {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 60, **config}
        return self._session.client(service, endpoint_url=self.url, config=botocore.config.Config(**config))

    def unchecked(self, service):
        """A client that sends what it is given, without looking at lengths and required members first."""
        return self.client(service, parameter_validation=False)

    def __getattr__(self, service):
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def acting_as(self, credentials):
        """The clients of another caller of the same server."""
        return Aws(self.url, credentials, self.region)

    def in_region(self, region):
        """The clients of the same caller in another region."""
        return Aws(self.url, self.credentials, region)

    def assuming(self, role_arn, session_name="tests", **parameters):
        """The clients of a session of a role that this caller may assume."""
        answer = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name, **parameters)
        return self.acting_as(Credentials.from_session(answer["Credentials"]))
