"""STS operation by operation, and what sessions may do."""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import botocore.credentials
import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from harness.credentials import Credentials
from harness.identities import allow, create_role, create_user, policy, trust, unique
from harness.server import ACCOUNT, REGION


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
    # Tags are one permission more, and no role's trust policy is asked.
    tags = [{"Key": "Project", "Value": "Pegasus"}]
    code, message = refused(sts.get_federation_token, Name="bob", Tags=tags)
    assert code == "AccessDenied" and "sts:TagSession" in message, message
    _, credentials = create_user(aws, allow("sts:GetFederationToken", "sts:TagSession", "codebuild:ListProjects"))
    answer = aws.acting_as(credentials).sts.get_federation_token(
        Name="bob", Tags=tags, Policy=policy(allow("codebuild:ListProjects"))
    )
    session_of(aws, answer).codebuild.list_projects()


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


def raw(server, credentials, accept, **form):
    """Sends a signed form as it stands, as brokers without an SDK do; answers status, content type and text."""
    body = urllib.parse.urlencode({"Version": "2011-06-15", **form})
    request = AWSRequest("POST", server.url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
    request.headers["Accept"] = accept
    SigV4Auth(credentials, "sts", REGION).add_auth(request)
    sent = urllib.request.Request(server.url, body.encode(), dict(request.headers.items()))
    try:
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def test_answers_are_json_for_whoever_accepts_that(aws, server, role):
    key = botocore.credentials.Credentials(aws.credentials.access_key_id, aws.credentials.secret_access_key)
    status, kind, text = raw(server, key, "application/json", Action="GetCallerIdentity")
    assert (status, kind) == (200, "application/json")
    answer = json.loads(text)["GetCallerIdentityResponse"]
    assert set(answer) == {"GetCallerIdentityResult", "ResponseMetadata"}
    expected = aws.sts.get_caller_identity()
    assert answer["GetCallerIdentityResult"] == {name: expected[name] for name in ("Account", "Arn", "UserId")}
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["ResponseMetadata"]["RequestId"])

    form = {"Action": "AssumeRole", "RoleArn": role, "RoleSessionName": "broker"}
    status, _, text = raw(server, key, "application/json", **form, DurationSeconds="900")
    issued = json.loads(text)["AssumeRoleResponse"]["AssumeRoleResult"]["Credentials"]
    assert status == 200
    # Times of JSON are seconds since 1970, not text.
    assert 800 < issued["Expiration"] - time.time() <= 901
    held = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    assert aws.acting_as(held).sts.get_caller_identity()["Arn"].endswith("/broker")

    status, kind, text = raw(server, key, "application/json", **form, DurationSeconds="7200")
    assert (status, kind) == (400, "application/json")
    error = json.loads(text)["Error"]
    assert (error["Code"], error["Type"]) == ("ValidationError", "Sender")
    assert error["Message"] == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."

    status, kind, text = raw(server, key, "*/*", Action="GetCallerIdentity")
    assert (status, kind) == (200, "text/xml")
    assert text.lstrip().startswith("<GetCallerIdentityResponse ")


def test_durations_have_their_bounds(aws, role):
    sts = aws.unchecked("sts")
    for seconds in (899, 43_201):
        code, message = refused(sts.assume_role, RoleArn=role, RoleSessionName="one", DurationSeconds=seconds)
        assert (code, "at 'durationSeconds' failed" in message) == ("ValidationError", True), message
    longer = create_role(aws, trust(AWS=ACCOUNT), allow("sts:AssumeRole"))
    aws.iam.update_role(RoleName=longer.rsplit("/", 1)[-1], MaxSessionDuration=7200)
    first = aws.assuming(longer, DurationSeconds=7200)
    assert refused(first.sts.assume_role, RoleArn=role, RoleSessionName="two", DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    chained = first.sts.assume_role(RoleArn=role, RoleSessionName="two", DurationSeconds=3600)["Credentials"]
    assert 3500 < chained["Expiration"].timestamp() - time.time() <= 3601
    _, user = create_user(aws)
    token = aws.acting_as(user).client("sts").get_session_token()["Credentials"]
    assert 43_100 < token["Expiration"].timestamp() - time.time() <= 43_201
    for seconds in (899, 129_601):
        code, _ = refused(aws.acting_as(user).unchecked("sts").get_session_token, DurationSeconds=seconds)
        assert code == "ValidationError"


def test_session_tokens_may_only_do_so_much(aws, role):
    _, user = create_user(aws, allow("sts:*", "iam:*"))
    session = session_of(aws, aws.acting_as(user).sts.get_session_token())
    session.sts.assume_role(RoleArn=role, RoleSessionName="one")
    federated = session_of(aws, aws.acting_as(user).sts.get_federation_token(Name="bob"))
    assert federated.sts.get_caller_identity()["Arn"].endswith(":federated-user/bob")
    for caller, operation, arguments in (
        (session, "GetSessionToken", {}),
        (session, "GetFederationToken", {"Name": "bob"}),
        (session, "GetAccessKeyInfo", {"AccessKeyId": aws.credentials.access_key_id}),
        (federated, "AssumeRole", {"RoleArn": role, "RoleSessionName": "two"}),
        (federated, "DecodeAuthorizationMessage", {"EncodedMessage": "nothing"}),
    ):
        call = getattr(caller.sts, xform_name(operation))
        assert refused(call, **arguments) == ("AccessDenied", f"Cannot call {operation} with session credentials")


def test_the_cli_assumes_a_role(cli, role):
    answer = json.loads(cli.run("sts", "assume-role", "--role-arn", role, "--role-session-name", unique("cli")))
    assert answer["Credentials"]["SessionToken"]


def test_sessions_outlive_a_restart(server, aws, role):
    session = aws.assuming(role)
    arn = session.sts.get_caller_identity()["Arn"]
    server.stop()
    server.start()
    assert session.sts.get_caller_identity()["Arn"] == arn
