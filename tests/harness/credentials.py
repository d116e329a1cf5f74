"""Keys that sign requests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    """An access key; `session_token` only for temporary ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def from_access_key(cls, access_key):
        """From the `AccessKey` of IAM's CreateAccessKey."""
        return cls(access_key["AccessKeyId"], access_key["SecretAccessKey"])

    @classmethod
    def from_session(cls, credentials):
        """From the `Credentials` of STS's AssumeRole and GetSessionToken."""
        return cls(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])

    def environment(self):
        """The environment variables that every AWS client reads them from."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }
        if self.session_token is not None:
            variables["AWS_SESSION_TOKEN"] = self.session_token
        return variables
