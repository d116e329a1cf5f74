"""Webhooks of CodePipeline: made by the API, knocked at without an AWS client."""

import concurrent.futures
import hmac
import json
import uuid

import pytest

from harness.aws import Aws
from harness.eventually import until
from harness.git_host import GitHubApi
from harness.identities import allow, create_role, create_user, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, Server

SECONDS = 60
SECRET = "It's a Secret to Everybody"
TOKEN = "gho_token-of-the-tests"
PUSH = {"ref": "refs/heads/main", "after": "c0ffee", "repository": {"full_name": "acme/site"}}


@pytest.fixture(scope="module")
def github():
    api = GitHubApi(TOKEN, "acme/site")
    yield api
    api.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, github):
    """A server that knows the address of GitHub's API."""
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(f'[github]\napi = "{github.url}"\n[git_hosts."github.com"]\nurl = "{github.url}"\n')
    server = Server(folder, "--config", config).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


def make_place(aws):
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    bucket = unique("webhooks")
    aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return role, bucket


@pytest.fixture(scope="module")
def place(aws):
    """A role and a bucket that every pipeline here uses."""
    return make_place(aws)


def create_pipeline(aws, place, owner="AWS", provider="S3", **configuration):
    """A pipeline that only its webhooks start. Answers its name."""
    role, bucket = place
    name = unique("hooked")
    kind = {"category": "Source", "owner": owner, "provider": provider, "version": "1"}
    defaults = {"S3Bucket": bucket, "S3ObjectKey": "main", "PollForSourceChanges": "false"} if owner == "AWS" else {}
    source = {"name": "Code", "actionTypeId": kind, "configuration": defaults | configuration}
    ask = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    aws.codepipeline.create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role,
            "artifactStore": {"type": "S3", "location": bucket},
            "stages": [
                {"name": "Source", "actions": [{**source, "outputArtifacts": [{"name": "App"}]}]},
                {"name": "Ask", "actions": [{"name": "Ask", "actionTypeId": ask}]},
            ],
        }
    )
    return name


@pytest.fixture
def pipeline(aws, place):
    return create_pipeline(aws, place)


def definition(pipeline, authentication="GITHUB_HMAC", name=None, filters=None, **configuration):
    return {
        "name": name or unique("webhook"),
        "targetPipeline": pipeline,
        "targetAction": "Code",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{S3ObjectKey}"}] if filters is None else filters,
        "authentication": authentication,
        "authenticationConfiguration": configuration or ({"SecretToken": SECRET} if authentication[0] == "G" else {}),
    }


def put(aws, wanted, **more):
    return aws.codepipeline.put_webhook(webhook=wanted, **more)["webhook"]


def listed(aws, name):
    pages = aws.codepipeline.get_paginator("list_webhooks").paginate(PaginationConfig={"PageSize": 3})
    (found,) = [hook for page in pages for hook in page["webhooks"] if hook["definition"]["name"] == name]
    return found


def knock(hook, payload=PUSH, secret=None, digest="sha256", **headers):
    """Delivers `payload` as GitHub does, signed if there is a secret."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"content-type": "application/json", "x-github-event": "push", **headers}
    if secret:
        signature = hmac.new(secret.encode(), body, digest).hexdigest()
        suffix = {"sha256": "-256", "sha1": ""}[digest]
        headers[f"x-hub-signature{suffix}"] = f"{digest}={signature}"
    return fetch(hook["url"], "POST", body, headers)


def message(answer):
    return json.loads(answer.body)["message"]


def started(aws, pipeline):
    """The executions that webhooks have started, the newest first."""
    summaries = aws.codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]
    return [summary for summary in summaries if summary["trigger"]["triggerType"] == "Webhook"]


@pytest.mark.parametrize("digest", ["sha256", "sha1"])
def test_a_signed_push_starts_the_pipeline(aws, pipeline, digest):
    wanted = definition(pipeline)
    hook = put(aws, wanted, tags=[{"key": "team", "value": "a"}])
    assert hook["definition"] == wanted | {"authenticationConfiguration": {"SecretToken": "****"}}
    assert hook["arn"] == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:webhook:{wanted['name']}"
    assert hook["tags"] == [{"key": "team", "value": "a"}]
    assert hook["url"].startswith(aws.url) and "lastTriggered" not in hook

    answer = knock(hook, secret=SECRET, digest=digest)
    assert (answer.status, message(answer)) == (200, "The pipeline is started.")
    (execution,) = started(aws, pipeline)
    assert execution["trigger"] == {"triggerType": "Webhook", "triggerDetail": hook["arn"]}
    now = listed(aws, wanted["name"])
    assert now["lastTriggered"] and "errorCode" not in now
    assert {**now, "lastTriggered": None} == {**hook, "lastTriggered": None}


def test_another_branch_starts_nothing(aws, pipeline):
    hook = put(aws, definition(pipeline))
    answer = knock(hook, PUSH | {"ref": "refs/heads/other"}, SECRET)
    assert (answer.status, message(answer)) == (200, "Nothing is started: $.ref is not refs/heads/main.")
    assert message(knock(hook, {"zen": "ping"}, SECRET)) == "Nothing is started: there is nothing at $.ref."
    assert started(aws, pipeline) == []


def test_all_filters_must_pass(aws, pipeline):
    filters = [
        {"jsonPath": "$.repository.full_name", "matchEquals": "acme/site"},
        {"jsonPath": "$['ref']"},
        {"jsonPath": "$.commits[*].id", "matchEquals": "2"},
    ]
    hook = put(aws, definition(pipeline, "UNAUTHENTICATED", filters=filters))
    assert "$.commits[*].id" in message(knock(hook))
    assert started(aws, pipeline) == []
    assert knock(hook, PUSH | {"commits": [{"id": "1"}, {"id": "2"}]}).status == 200
    assert len(started(aws, pipeline)) == 1


def test_a_wrong_signature_starts_nothing_and_is_noted(aws, pipeline):
    hook = put(aws, definition(pipeline))
    body = json.dumps(PUSH).encode()
    for answer in (knock(hook), knock(hook, secret="guess"), knock(hook, **{"x-hub-signature-256": "sha256=zz"})):
        assert (answer.status, message(answer)) == (403, "The signature of the delivery is not valid.")
    right = hmac.new(SECRET.encode(), body, "sha1").hexdigest()
    # A wrong new signature is not made good by a right old one.
    wrong = {"x-hub-signature": f"sha1={right}", "x-hub-signature-256": "sha256=" + "0" * 64}
    assert knock(hook, body, **wrong).status == 403
    assert started(aws, pipeline) == []
    noted = listed(aws, hook["definition"]["name"])
    assert (noted["errorCode"], noted["errorMessage"]) == ("403", "The signature of the delivery is not valid.")
    assert "lastTriggered" not in noted
    assert knock(hook, secret=SECRET).status == 200
    assert "errorCode" not in listed(aws, hook["definition"]["name"])


def test_a_delivery_that_is_repeated_starts_one_execution(aws, pipeline):
    hook = put(aws, definition(pipeline))
    delivery = {"x-github-delivery": str(uuid.uuid4())}
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: knock(hook, secret=SECRET, **delivery), range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    assert len(started(aws, pipeline)) == 1
    knock(hook, secret=SECRET, **{"x-github-delivery": str(uuid.uuid4())})
    assert len(started(aws, pipeline)) == 2


def test_senders_are_known_by_their_address(aws, pipeline):
    near = put(aws, definition(pipeline, "IP", AllowedIPRange="127.0.0.0/8"))
    far = put(aws, definition(pipeline, "IP", AllowedIPRange="10.0.0.0/8"))
    refusal = knock(far, **{"x-forwarded-for": "10.0.0.1"})
    assert (refusal.status, message(refusal)) == (403, "Deliveries from 127.0.0.1 are not allowed.")
    assert started(aws, pipeline) == []
    assert knock(near).status == 200
    assert len(started(aws, pipeline)) == 1


def test_what_is_no_delivery_is_refused(aws, pipeline):
    hook = put(aws, definition(pipeline, "UNAUTHENTICATED"))
    assert fetch(hook["url"]).status == 405
    assert message(knock(hook, b"ref=main")).startswith("The body is no JSON")
    assert knock(hook, b"[" * 100_000).status == 400
    assert knock(hook, b"0" * (5 * 1024 * 1024 + 1)).status == 413
    for path in ("/", "/..", "/" + "0" * 64):
        base = hook["url"].rsplit("/", 1)[0]
        assert fetch(base + path, "POST", b"{}").status == 404, path
    assert listed(aws, hook["definition"]["name"])["errorCode"] in {"400", "405", "413"}
    assert started(aws, pipeline) == []


def test_a_webhook_is_changed_and_made_again(aws, pipeline):
    wanted = definition(pipeline)
    hook = put(aws, wanted)
    kept = put(aws, wanted | {"filters": [], "authenticationConfiguration": {"SecretToken": "****"}})
    assert (kept["url"], kept["definition"]["filters"]) == (hook["url"], [])
    assert knock(hook, {}, SECRET).status == 200
    changed = put(aws, wanted | {"authenticationConfiguration": {"SecretToken": "another"}})
    assert changed["url"] == hook["url"]
    assert (knock(hook, secret=SECRET).status, knock(hook, secret="another").status) == (403, 200)
    aws.codepipeline.delete_webhook(name=wanted["name"])
    aws.codepipeline.delete_webhook(name=wanted["name"])
    assert knock(hook, secret="another").status == 404
    assert put(aws, wanted)["url"] != hook["url"]
    assert knock(hook, secret=SECRET).status == 404


def test_bad_webhooks_are_refused(aws, pipeline):
    client = aws.codepipeline
    no_pipeline = refused("PipelineNotFoundException", client.put_webhook, webhook=definition("nobody"))
    assert no_pipeline == f"Account '{ACCOUNT}' does not have a pipeline with name 'nobody'"
    for action, why in (("Ask", "is not a source action"), ("None", "no action with the name")):
        wanted = definition(pipeline) | {"targetAction": action}
        assert why in refused("ValidationException", client.put_webhook, webhook=wanted)
    code = "InvalidWebhookAuthenticationParametersException"
    only_secret = "Optional['authenticationConfig' should contain only one property: 'SecretToken']"
    for kind, given, why in (
        ("GITHUB_HMAC", {"AllowedIPRange": "10.0.0.0/8"}, only_secret),
        ("GITHUB_HMAC", {"AllowedIPRange": "10.0.0.0/8", "SecretToken": "s"}, only_secret),
        ("GITHUB_HMAC", {"SecretToken": "****"}, "only for a webhook that has one"),
        ("IP", {"AllowedIPRange": "10.0.0.0/33"}, "'AllowedIPRange' must be a CIDR range, not '10.0.0.0/33'"),
        ("UNAUTHENTICATED", {"SecretToken": "s"}, "no property"),
    ):
        assert why in refused(code, client.put_webhook, webhook=definition(pipeline, kind, **given))
    for path in ("ref", "$[?(@.a)]", "$.a["):
        wanted = definition(pipeline, filters=[{"jsonPath": path, "matchEquals": "x"}])
        assert path in refused("InvalidWebhookFilterPatternException", client.put_webhook, webhook=wanted)
    refused("InvalidNextTokenException", client.list_webhooks, NextToken="x")
    bad = [{"key": "aws:x", "value": "y"}]
    refused("InvalidTagsException", client.put_webhook, webhook=definition(pipeline), tags=bad)
    refused("ValidationException", aws.unchecked("codepipeline").delete_webhook, name="a b")


def test_a_webhook_needs_leave_for_its_pipeline(aws, server, pipeline):
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:"
    wanted = definition(pipeline)
    may_put = allow("codepipeline:PutWebhook", on=arn + f"webhook:{wanted['name']}")
    _, only_the_webhook = create_user(aws, may_put)
    message = refused(
        "AccessDeniedException", Aws(server.url, only_the_webhook).codepipeline.put_webhook, webhook=wanted
    )
    assert f"codepipeline:PutWebhook on resource: {arn}{pipeline} because" in message, message
    _, both = create_user(aws, may_put, allow("codepipeline:PutWebhook", on=arn + pipeline))
    put(Aws(server.url, both), wanted)


def test_webhooks_have_tags(aws, pipeline):
    arn = put(aws, definition(pipeline))["arn"]
    aws.codepipeline.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    aws.codepipeline.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.codepipeline.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    refused("ResourceNotFoundException", aws.codepipeline.list_tags_for_resource, resourceArn=arn + "x")


def test_no_secret_is_told(aws, pipeline, server):
    secret = unique("told-to-nobody-")
    hook = put(aws, definition(pipeline, SecretToken=secret))
    token = hook["url"].rsplit("/", 1)[1]

    def recorded():
        attributes = [{"AttributeKey": "EventName", "AttributeValue": "PutWebhook"}]
        events = aws.cloudtrail.lookup_events(LookupAttributes=attributes)["Events"]
        return [event["CloudTrailEvent"] for event in events if hook["definition"]["name"] in event["CloudTrailEvent"]]

    (record,) = until(recorded, SECONDS, "the record of PutWebhook")
    assert secret not in record and token not in record
    assert secret not in json.dumps(listed(aws, hook["definition"]["name"]))
    assert server.files_with(secret) == server.files_with(token) == []


def test_github_is_told_of_a_webhook(aws, place, github):
    source = {"Owner": "acme", "Repo": "site", "Branch": "main", "OAuthToken": TOKEN}
    pipeline = create_pipeline(aws, place, "ThirdParty", "GitHub", **source)
    wanted = definition(pipeline, filters=[{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}])
    hook = put(aws, wanted)
    for _ in range(2):
        aws.codepipeline.register_webhook_with_third_party(webhookName=wanted["name"])
        (registered,) = github.hooks.values()
        config = {"url": hook["url"], "content_type": "json", "insecure_ssl": "0", "secret": SECRET}
        assert registered == {"name": "web", "active": True, "events": ["push"], "config": config}
    assert knock(hook, secret=SECRET).status == 200
    assert len(started(aws, pipeline)) == 1
    for _ in range(2):
        aws.codepipeline.deregister_webhook_with_third_party(webhookName=wanted["name"])
        assert github.hooks == {}


def test_what_cannot_be_registered_is_said(aws, place, pipeline, github):
    client = aws.codepipeline
    for call in (client.register_webhook_with_third_party, client.deregister_webhook_with_third_party):
        assert "'nobody'" in refused("WebhookNotFoundException", call, webhookName="nobody")
        refused("ValidationException", call)
        other = put(aws, definition(pipeline))["definition"]["name"]
        assert "Only webhooks of GitHub actions" in refused("ValidationException", call, webhookName=other)
        for given, why in (
            ({"OAuthToken": "wrong", "Repo": "site"}, "the OAuthToken of the source action is not valid"),
            ({"OAuthToken": TOKEN, "Repo": "nobody"}, "404"),
        ):
            source = {"Owner": "acme", "Branch": "main", **given}
            target = create_pipeline(aws, place, "ThirdParty", "GitHub", **source)
            name = put(aws, definition(target))["definition"]["name"]
            told = refused("ValidationException", call, webhookName=name)
            assert why in told and "gho_" not in told
    assert github.hooks == {}


def test_without_an_api_of_github_nothing_is_registered(start, tmp_path, github):
    config = tmp_path / "stagewright.toml"
    config.write_text(f'[git_hosts."github.com"]\nurl = "{github.url}"\n')
    server = start("--config", config)
    aws = Aws(server.url, server.administrator)
    source = {"Owner": "acme", "Repo": "site", "Branch": "main", "OAuthToken": TOKEN}
    pipeline = create_pipeline(aws, make_place(aws), "ThirdParty", "GitHub", **source)
    name = put(aws, definition(pipeline))["definition"]["name"]
    call = aws.codepipeline.register_webhook_with_third_party
    assert "no API of GitHub is configured" in refused("ValidationException", call, webhookName=name)


def test_a_delivery_that_was_accepted_survives_a_kill(start):
    server = start()
    aws = Aws(server.url, server.administrator)
    pipeline = create_pipeline(aws, make_place(aws))
    hook = put(aws, definition(pipeline))
    delivery = {"x-github-delivery": str(uuid.uuid4())}
    assert knock(hook, secret=SECRET, **delivery).status == 200
    server.kill()
    server.start()
    assert knock(hook, secret=SECRET, **delivery).status == 200
    assert len(started(aws, pipeline)) == 1
