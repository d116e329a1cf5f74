"""STS operation by operation, and what sessions may do."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.credentials import Credentials
from harness.identities import allow, create_role, create_user, policy, trust, unique
from harness.server import ACCOUNT


def refused(call, **arguments):
    """The code and the message that `call` is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def role(aws):
    """The ARN of a role that the account may assume, and that may list users."""
    return create_role(aws, trust(AWS=ACCOUNT), allow("iam:ListUsers"))


def session_of(aws, answer):
    """The clients of temporary credentials."""
    return aws.acting_as(Credentials.from_session(answer["Credentials"]))


def test_a_session_of_a_role(aws, role):
    name = role.rsplit("/", 1)[-1]
    answer = aws.sts.assume_role(RoleArn=role, RoleSessionName="build-1", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/build-1"
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    session = session_of(aws, answer)
    identity = session.sts.get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    session.iam.list_users()
    assert refused(session.iam.list_roles) == (
        "AccessDenied",
        f"User: {identity['Arn']} is not authorized to perform: iam:ListRoles on resource: "
        f"arn:aws:iam::{ACCOUNT}:role/ because no identity-based policy allows the iam:ListRoles action",
    )
    assert refused(session.sts.get_session_token) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    )


def test_a_session_policy_limits(aws, role):
    session = aws.assuming(role, Policy=policy(allow("iam:ListRoles")))
    code, message = refused(session.iam.list_users)
    assert code == "AccessDenied"
    assert message.endswith("because no session policy allows the iam:ListUsers action")
    by_arn = aws.assuming(role, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}])
    by_arn.iam.list_users()


def test_who_may_not_assume(aws, role):
    closed = create_role(aws, trust(Service="codebuild.amazonaws.com"))
    administrator = aws.sts.get_caller_identity()["Arn"]
    expected = f"User: {administrator} is not authorized to perform: sts:AssumeRole on resource: "
    for arn in (closed, f"{closed}-missing"):
        assert refused(aws.sts.assume_role, RoleArn=arn, RoleSessionName="one") == ("AccessDenied", expected + arn)
    code, message = refused(aws.sts.assume_role, RoleArn=role, RoleSessionName="one", DurationSeconds=7200)
    assert code == "ValidationError"
    assert message == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    code, _ = refused(aws.sts.assume_role, RoleArn=role, RoleSessionName="one", Policy="{")
    assert code == "MalformedPolicyDocument"


def test_a_token_is_needed_and_must_be_right(aws, role):
    issued = aws.sts.assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    for token in (None, "wrong"):
        held = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], token)
        code, message = refused(aws.acting_as(held).sts.get_caller_identity)
        assert (code, message) == ("InvalidClientTokenId", "The security token included in the request is invalid.")


def test_session_tokens(aws):
    name, credentials = create_user(aws, allow("iam:*", "codebuild:ListProjects"))
    sts = aws.acting_as(credentials).client("sts", parameter_validation=False)
    assert refused(sts.get_session_token, DurationSeconds=60)[0] == "ValidationError"
    session = session_of(aws, sts.get_session_token(DurationSeconds=900))
    assert session.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    session.codebuild.list_projects()
    assert refused(session.iam.list_users)[0] == "InvalidClientTokenId"


def test_federation_tokens(aws):
    _, credentials = create_user(aws, allow("sts:GetFederationToken", "codebuild:*"))
    sts = aws.acting_as(credentials).sts
    assert refused(sts.get_federation_token, Name="bob", Policy="{")[0] == "MalformedPolicyDocument"
    answer = sts.get_federation_token(Name="bob", Policy=policy(allow("codebuild:ListProjects")))
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    session = session_of(aws, answer)
    session.codebuild.list_projects()
    code, message = refused(session.codebuild.list_builds)
    assert code == "AccessDeniedException"
    assert message.endswith("because no session policy allows the codebuild:ListBuilds action")
    assert refused(session.sts.get_federation_token, Name="eve")[0] == "AccessDenied"


def test_the_account_of_a_key(aws):
    key = aws.credentials.access_key_id
    assert aws.sts.get_access_key_info(AccessKeyId=key)["Account"] == ACCOUNT
    assert refused(aws.sts.get_access_key_info, AccessKeyId="AKIANOBODYNOBODY2222")[0] == "ValidationError"


def test_messages_that_nobody_encoded(aws):
    assert refused(aws.sts.decode_authorization_message, EncodedMessage="nothing")[0] == (
        "InvalidAuthorizationMessageException"
    )


def test_the_reason_of_a_refusal_can_be_decoded(aws):
    name, credentials = create_user(aws)
    with pytest.raises(ClientError) as caught:
        aws.acting_as(credentials).iam.list_users()
    encoded = caught.value.response["Error"]["encodedMessage"]
    message = json.loads(aws.sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert message["context"]["principal"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert message["context"]["action"] == "iam:ListUsers"


def test_the_cli_assumes_a_role(cli, role):
    answer = json.loads(cli.run("sts", "assume-role", "--role-arn", role, "--role-session-name", unique("cli")))
    assert answer["Credentials"]["SessionToken"]


def test_sessions_outlive_a_restart(server, aws, role):
    session = aws.assuming(role)
    arn = session.sts.get_caller_identity()["Arn"]
    server.stop()
    server.start()
    assert session.sts.get_caller_identity()["Arn"] == arn
