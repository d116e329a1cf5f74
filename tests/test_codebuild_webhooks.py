"""Webhooks of CodeBuild: registered at the host, proved, filtered, each change built once; the status that the host is
told, and badges. Git hosts and their APIs are the tests' own."""

import hashlib
import hmac
import json
import urllib.request
import uuid

import pytest

from harness.aws import Aws
from harness.eventually import until
from harness.git import Git
from harness.git_host import GitHost, HostApi, Repository
from harness.identities import allow, create_role, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import Server

SECONDS = 90
TOKEN = "ghp_token-of-the-tests"
NOTHING = "0" * 40
ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"}
TOLD = ["EVENT", "TRIGGER", "HEAD_REF", "BASE_REF", "ACTOR_ACCOUNT_ID", "PREV_COMMIT"]
EXPORTED = ["INITIATOR", *TOLD]
SPEC = json.dumps(
    {
        "version": 0.2,
        "env": {"exported-variables": EXPORTED},
        "phases": {
            "build": {
                "commands": [
                    "INITIATOR=$CODEBUILD_INITIATOR",
                    *(f"{name}=$CODEBUILD_WEBHOOK_{name}" for name in TOLD),
                    'test "$HEAD_REF" != refs/heads/broken',
                ]
            }
        },
    }
)
EVENT = {"type": "EVENT", "pattern": "PUSH, PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, RELEASED"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = GitHost(tmp_path_factory.mktemp("host") / "repositories", "x-access-token", TOKEN)
    yield host
    host.close()


@pytest.fixture(scope="module")
def api():
    api = HostApi()
    yield api
    api.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, host, api):
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    names = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket"}
    sections = [f'[git_hosts."{name}"]\nurl = "{host.url}"\napi = "{api.url}/{kind}"\n' for name, kind in names.items()]
    config.write_text("".join(sections) + "[builds]\nconcurrency = 4\n")
    server = Server(folder, "--config", config).start()
    yield server
    assert server.files_with(TOKEN) == []
    assert server.panics() == []
    server.stop()


@pytest.fixture(scope="module")
def aws(server):
    aws = Aws(server.url, server.administrator)
    for kind in ("GITHUB", "GITLAB"):
        aws.codebuild.import_source_credentials(token=TOKEN, serverType=kind, authType="PERSONAL_ACCESS_TOKEN")
    bitbucket = {"serverType": "BITBUCKET", "authType": "BASIC_AUTH", "username": "ada"}
    aws.codebuild.import_source_credentials(token=TOKEN, **bitbucket)
    return aws


@pytest.fixture(scope="module")
def role(aws):
    return create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))


@pytest.fixture(scope="module")
def repository(host, tmp_path_factory):
    writer = Git(tmp_path_factory.mktemp("writer"))
    repository = Repository(host, writer, "acme/site")
    repository.first = repository.commit({"buildspec.yml": SPEC, "src/a": "1"})
    repository.second = repository.commit({"src/a": "2"}, message="Mend [ci]")
    repository.docs = repository.commit({"docs/b": "1"}, message="Write")
    repository.asked = repository.commit({"src/a": "3"}, branch="fix", start=repository.second)
    writer.run("update-ref", "refs/pull/7/head", repository.asked, folder=repository.bare)
    repository.tag("v1", repository.first)
    return repository


@pytest.fixture(scope="module")
def create(aws, role):
    def create(kind="GITHUB", location="https://github.com/acme/site", badge=False, **source):
        name = unique("hooked")
        project = aws.codebuild.create_project(
            name=name,
            source={"type": kind, "location": location, **source},
            artifacts={"type": "NO_ARTIFACTS"},
            environment=ENVIRONMENT,
            serviceRole=role,
            badgeEnabled=badge,
        )["project"]
        return project if badge else name

    return create


def deliver(hook, event, payload, secret, status=200):
    body = json.dumps({"repository": {"full_name": "acme/site"}, "sender": {"id": 42}, **payload}).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-github-event": event, "x-hub-signature-256": signature, "user-agent": "GitHub-Hookshot/1234"}
    headers |= {"content-type": "application/json", "x-github-delivery": str(uuid.uuid4())}
    answer = fetch(hook["payloadUrl"], "POST", body, headers)
    assert answer.status == status, answer.body


class Hook:
    """The webhook of a new project, with the secret that the host or the user was told."""

    def __init__(self, aws, create, groups=None, **settings):
        self.aws, self.project = aws, create()
        arguments = {"manualCreation": True, **({"filterGroups": groups} if groups else {}), **settings}
        self.made = aws.codebuild.create_webhook(projectName=self.project, **arguments)["webhook"]
        self.secret = self.made.get("secret")

    def deliver(self, event, payload, secret=None, status=200):
        deliver(self.made, event, payload, secret or self.secret, status)

    def push(self, reference, after, before=NOTHING, **more):
        self.deliver("push", {"ref": reference, "before": before, "after": after}, **more)

    def pull_request(self, action, commit, fork=False, author="stranger", sender=None):
        head = {"ref": "fix", "sha": commit, "repo": {"full_name": "stranger/site" if fork else "acme/site"}}
        user = {"id": 7, "login": author}
        request = {"title": "Mend", "head": head, "base": {"ref": "main"}, "user": user}
        sender = {"id": 42, "login": sender or author}
        self.deliver("pull_request", {"action": action, "number": 7, "pull_request": request, "sender": sender})

    def comment(self, text, by):
        issue, comment = {"number": 7, "pull_request": {}}, {"body": text, "user": {"id": 1, "login": by}}
        self.deliver("issue_comment", {"action": "created", "issue": issue, "comment": comment})

    def over(self, count):
        return over(self.aws, self.project, count)


def over(aws, project, count):
    """The builds of a project once there are so many and all are over; there must not be more."""

    def probe():
        ids = aws.codebuild.list_builds_for_project(projectName=project, sortOrder="ASCENDING")["ids"]
        builds = aws.codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
        return builds if len(builds) >= count and all(build["buildComplete"] for build in builds) else None

    builds = until(probe, SECONDS, f"{count} builds of {project}")
    assert len(builds) == count
    return sorted(builds, key=lambda build: build["buildNumber"])


def exported(build):
    return {variable["name"]: variable["value"] for variable in build["exportedEnvironmentVariables"]}


def test_a_delivery_starts_its_build_once(aws, create, repository):
    hook = Hook(aws, create, [[EVENT]])
    first, second = repository.first, repository.second
    for _ in range(3):
        hook.push("refs/heads/main", second, before=first)
    hook.push("refs/heads/main", first, secret="wrong", status=403)
    (build,) = hook.over(1)
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert (build["sourceVersion"], build["resolvedSourceVersion"]) == (second, second)
    expected = {"EVENT": "PUSH", "TRIGGER": "branch/main", "HEAD_REF": "refs/heads/main", "BASE_REF": ""}
    expected |= {"ACTOR_ACCOUNT_ID": "42", "PREV_COMMIT": first, "INITIATOR": "GitHub-Hookshot/1234"}
    assert exported(build) == expected
    hook.pull_request("opened", repository.asked)
    hook.pull_request("closed", repository.asked)
    # A stranger's proposal would be built with the rights of the project's role.
    hook.pull_request("opened", repository.asked, fork=True)
    hook.deliver("release", {"action": "released", "release": {"tag_name": "v1", "name": "First"}})
    _, asked, released = hook.over(3)
    assert (asked["sourceVersion"], asked["resolvedSourceVersion"]) == ("pr/7", repository.asked)
    told = exported(asked)
    assert (told["EVENT"], told["TRIGGER"], told["BASE_REF"]) == ("PULL_REQUEST_CREATED", "pr/7", "refs/heads/main")
    assert (released["sourceVersion"], released["resolvedSourceVersion"]) == ("refs/tags/v1", first)
    nowhere = hook.made["payloadUrl"][:-4] + "0000"
    assert fetch(nowhere, "POST", b"{}", {}).status == 404


def test_filters_see_what_the_commit_holds(aws, create, repository):
    of_sources = [{"type": "EVENT", "pattern": "PUSH"}, {"type": "FILE_PATH", "pattern": "^src/"}]
    of_words = [
        {"type": "EVENT", "pattern": "PUSH"},
        {"type": "HEAD_REF", "pattern": "^refs/heads/"},
        {"type": "COMMIT_MESSAGE", "pattern": "Write"},
        {"type": "ACTOR_ACCOUNT_ID", "pattern": "^7$", "excludeMatchedPattern": True},
    ]
    hook = Hook(aws, create, [of_sources])
    hook.push("refs/heads/main", repository.docs, before=repository.second)
    hook.push("refs/heads/main", repository.second, before=repository.first)
    hook.push("refs/heads/other", repository.docs)
    (build,) = hook.over(1)
    assert build["sourceVersion"] == repository.second
    aws.codebuild.update_webhook(projectName=hook.project, filterGroups=[of_words])
    hook.push("refs/heads/x", repository.docs)
    hook.push("refs/tags/v2", repository.docs)
    hook.push("refs/heads/y", repository.second)
    _, build = hook.over(2)
    assert (build["sourceVersion"], exported(build)["TRIGGER"]) == (repository.docs, "branch/x")


def test_an_open_policy_builds_forks_and_a_new_secret_replaces_the_old(aws, create, repository):
    policy = {"requiresCommentApproval": "DISABLED"}
    hook = Hook(aws, create, pullRequestBuildPolicy=policy)
    assert hook.made["pullRequestBuildPolicy"] == policy and hook.made["buildType"] == "BUILD"
    old = hook.secret
    hook.secret = aws.codebuild.update_webhook(projectName=hook.project, rotateSecret=True)["webhook"]["secret"]
    assert hook.secret != old
    hook.push("refs/heads/main", repository.first, secret=old, status=403)
    hook.pull_request("opened", repository.asked, fork=True)
    (build,) = hook.over(1)
    assert build["resolvedSourceVersion"] == repository.asked


KINDS = {
    "GITHUB": ("https://github.com/acme/site", "/github/repos/acme/site/hooks"),
    "GITLAB": ("https://gitlab.com/acme/site", "/gitlab/projects/acme%2Fsite/hooks"),
    "BITBUCKET": ("https://bitbucket.org/acme/site", "/bitbucket/repositories/acme/site/hooks"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_host_is_told_of_a_webhook(aws, create, api, kind):
    location, path = KINDS[kind]
    project = create(kind, location)
    made = aws.codebuild.create_webhook(projectName=project)["webhook"]
    assert "secret" not in made and made["status"] == "ACTIVE" and made["url"].startswith(f"{api.url}{path}/")
    ((number, hook),) = api.hooks[path].items()
    assert made["url"] == f"{api.url}{path}/{number}"
    config = hook.get("config", hook)
    secret = config.get("secret") or config["token"]
    assert config["url"] == made["payloadUrl"] and len(secret) == 64
    (shown,) = aws.codebuild.batch_get_projects(names=[project])["projects"]
    assert shown["webhook"] == made
    refused("ResourceAlreadyExistsException", aws.codebuild.create_webhook, projectName=project)
    rotated = aws.codebuild.update_webhook(projectName=project, rotateSecret=True)["webhook"]
    assert rotated["url"] == made["url"] and "secret" not in rotated
    (hook,) = api.hooks[path].values()
    config = hook.get("config", hook)
    assert (config.get("secret") or config["token"]) != secret
    api.refusal = 503
    refused("OAuthProviderException", aws.codebuild.delete_webhook, projectName=project)
    api.refusal = None
    aws.codebuild.delete_webhook(projectName=project)
    assert api.hooks[path] == {}
    api.refusal = 403
    refused("OAuthProviderException", aws.codebuild.create_webhook, projectName=project)
    api.refusal = None
    for call in (aws.codebuild.update_webhook, aws.codebuild.delete_webhook):
        refused("ResourceNotFoundException", call, projectName=project)


@pytest.fixture
def faults(api):
    yield api.faults
    api.faults.clear()


def told(api):
    """What the host has of the one webhook that it has."""
    (hook,) = api.hooks[KINDS["GITHUB"][1]].values()
    return hook["config"]


def test_a_secret_is_good_until_the_host_has_confirmed_the_next(aws, create, api, faults):
    project = create()
    made = aws.codebuild.create_webhook(projectName=project)["webhook"]
    old = told(api)["secret"]
    faults["PATCH"] = "unheard"
    refused("OAuthProviderException", aws.codebuild.update_webhook, projectName=project, rotateSecret=True)
    new = told(api)["secret"]
    assert new != old
    closed = {"action": "labeled"}
    for secret in (old, new):
        deliver(made, "issues", closed, secret)
    faults.clear()
    rotated = aws.codebuild.update_webhook(projectName=project, rotateSecret=True)["webhook"]
    assert told(api)["secret"] == new and rotated["lastModifiedSecret"] > made["lastModifiedSecret"]
    deliver(made, "issues", closed, new)
    deliver(made, "issues", closed, old, status=403)
    aws.codebuild.delete_webhook(projectName=project)


def test_a_webhook_that_was_begun_is_finished_or_taken_away(aws, create, api, faults):
    shown = lambda project: aws.codebuild.batch_get_projects(names=[project])["projects"][0]["webhook"]  # noqa: E731
    first, second = create(), create()
    lost = {"POST": "unheard", "DELETE": "refused"}
    faults.update(lost)
    refused("OAuthProviderException", aws.codebuild.create_webhook, projectName=first)
    begun, secret = shown(first), told(api)["secret"]
    assert begun["status"] == "CREATING" and told(api)["url"] == begun["payloadUrl"]
    faults.clear()
    made = aws.codebuild.create_webhook(projectName=first)["webhook"]
    assert (made["status"], made["payloadUrl"]) == ("ACTIVE", begun["payloadUrl"])
    assert told(api) == {**told(api), "url": made["payloadUrl"], "secret": secret}
    aws.codebuild.delete_webhook(projectName=first)

    faults.update(lost)
    refused("OAuthProviderException", aws.codebuild.create_webhook, projectName=second)
    faults.clear()
    assert len(api.hooks[KINDS["GITHUB"][1]]) == 1
    aws.codebuild.delete_webhook(projectName=second)
    assert api.hooks[KINDS["GITHUB"][1]] == {}


def test_a_pull_request_is_built_once_somebody_who_may_has_approved_it(aws, server, create, api, repository):
    api.roles |= {"mia": "maintain", "reader": "read"}
    hook = Hook(aws, create, [[EVENT]])
    roles = ["GITHUB_WRITE", "GITHUB_MAINTAIN", "GITHUB_ADMIN"]
    assert hook.made["pullRequestBuildPolicy"] == {
        "requiresCommentApproval": "FORK_PULL_REQUESTS",
        "approverRoles": roles,
    }
    policy = {"requiresCommentApproval": "ALL_PULL_REQUESTS", "approverRoles": ["GITHUB_MAINTAIN"]}
    updated = aws.codebuild.update_webhook(projectName=hook.project, pullRequestBuildPolicy=policy)["webhook"]
    assert updated["pullRequestBuildPolicy"] == policy
    path = f"/github/repos/acme/site/statuses/{repository.asked}"
    context = f"AWS CodeBuild us-east-1 ({hook.project})"
    statuses = lambda: [one for one in api.statuses(path) if one["context"] == context]  # noqa: E731
    hook.pull_request("opened", repository.asked, fork=True)
    until(statuses, SECONDS, "the host to be told that it waits")
    assert statuses()[0]["state"] == "failure"
    assert statuses()[0]["description"] == "Pull request approval required for starting a build"
    server.kill()
    server.start()
    approval = f"Looks good\r\n/codebuild_run({repository.asked})"
    for text, by in [
        (approval, "reader"),
        (approval, "nobody"),
        (f"/codebuild_run({repository.first})", "mia"),
        ("/codebuild_run", "mia"),
        (f"say /codebuild_run({repository.asked})", "mia"),
    ]:
        hook.comment(text, by)
    # A maintainer's own push to a stranger's proposal approves nothing by itself.
    hook.pull_request("synchronize", repository.asked, fork=True, sender="mia")
    # Deliveries that start something are decided after those above, or beside them.
    hook.push("refs/heads/main", repository.first)
    hook.over(1)
    for _ in range(2):
        hook.comment(approval, "mia")
    pushed, approved = hook.over(2)
    assert approved["sourceVersion"] == f"pr/7^{{{repository.asked}}}", "what was looked at, and nothing newer"
    assert (approved["resolvedSourceVersion"], exported(approved)["TRIGGER"]) == (repository.asked, "pr/7")
    until(lambda: statuses()[-1]["state"] == "success", SECONDS, "the host to be told")
    # Who may approve need not ask.
    hook.pull_request("opened", repository.asked, author="mia")
    *_, own = hook.over(3)
    assert own["resolvedSourceVersion"] == repository.asked
    for policy in ({"approverRoles": ["GITLAB_OWNER"]}, {"requiresCommentApproval": "SOME"}):
        policy = {"requiresCommentApproval": "DISABLED", **policy}
        arguments = {"projectName": hook.project, "pullRequestBuildPolicy": policy}
        refused("InvalidInputException", aws.unchecked("codebuild").update_webhook, **arguments)


def test_a_merge_request_is_approved_by_a_note(aws, create, api, repository):
    api.roles |= {"40": 40, "20": 20}
    project = create("GITLAB", "https://gitlab.com/acme/site")
    made = aws.codebuild.create_webhook(projectName=project)["webhook"]
    roles = ["GITLAB_DEVELOPER", "GITLAB_MAINTAINER", "GITLAB_OWNER"]
    assert made["pullRequestBuildPolicy"]["approverRoles"] == roles
    (hook,) = api.hooks[KINDS["GITLAB"][1]].values()
    assert hook["note_events"]

    def deliver(event, **payload):
        body = json.dumps({"project": {"path_with_namespace": "acme/site"}, **payload}).encode()
        headers = {"x-gitlab-event": event, "x-gitlab-token": hook["token"], "content-type": "application/json"}
        assert fetch(made["payloadUrl"], "POST", body, headers).status == 200

    asked = {"iid": 7, "title": "Mend", "action": "open", "source_branch": "fix", "target_branch": "main"}
    asked |= {"source_project_id": 2, "target_project_id": 1, "author_id": 20, "last_commit": {"id": repository.asked}}
    deliver("Merge Request Hook", object_attributes=asked, user={"id": 20})
    path = f"/gitlab/projects/acme%2Fsite/statuses/{repository.asked}"
    until(lambda: api.statuses(path), SECONDS, "the host to be told that it waits")
    assert api.statuses(path)[0]["state"] == "failed"
    for user in (20, 40):
        note = {"note": f"/codebuild_run({repository.asked})", "noteable_type": "MergeRequest", "action": "create"}
        deliver("Note Hook", object_attributes=note, merge_request={"iid": 7}, user={"id": user})
    (build,) = over(aws, project, 1)
    # It ends there: the tests' host admits GitHub's user name alone.
    assert build["sourceVersion"] == f"pr/7^{{{repository.asked}}}"
    aws.codebuild.delete_webhook(projectName=project)


def test_a_pull_request_at_bitbucket_is_approved_by_a_comment(aws, create, api, repository):
    api.roles |= {"ad-1": "admin", "ad-2": "read"}
    project = create("BITBUCKET", "https://bitbucket.org/acme/site")
    made = aws.codebuild.create_webhook(projectName=project)["webhook"]
    policy = {"requiresCommentApproval": "FORK_PULL_REQUESTS", "approverRoles": ["BITBUCKET_WRITE", "BITBUCKET_ADMIN"]}
    assert made["pullRequestBuildPolicy"] == policy
    (hook,) = api.hooks[KINDS["BITBUCKET"][1]].values()
    assert "pullrequest:comment_created" in hook["events"]

    def deliver(event, account, **payload):
        actor = {"account_id": f"5f:{account}", "uuid": f"{{{account}}}"}
        body = {"repository": {"full_name": "acme/site"}, "actor": actor, **payload}
        body = json.dumps(body).encode()
        signature = "sha256=" + hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-event-key": event, "x-hub-signature": signature, "x-request-uuid": str(uuid.uuid4())}
        assert fetch(made["payloadUrl"], "POST", body, headers).status == 200

    def side(branch, commit, name):
        return {"branch": {"name": branch}, "commit": {"hash": commit[:12]}, "repository": {"full_name": name}}

    def asks(author):
        request = {"id": 7, "title": "Mend", "author": {"uuid": f"{{{author}}}"}}
        request |= {"source": side("fix", repository.asked, "stranger/site")}
        request |= {"destination": side("main", repository.first, "acme/site")}
        deliver("pullrequest:created", author, pullrequest=request)

    def comments(account, commit):
        comment = {"id": 1, "content": {"raw": f"Good.\n\n/codebuild_run({commit})"}}
        deliver("pullrequest:comment_created", account, pullrequest={"id": 7}, comment=comment)

    asks("ad-2")
    path = f"/bitbucket/repositories/acme/site/commit/{repository.asked[:12]}/statuses/build"
    until(lambda: api.statuses(path), SECONDS, "the host to be told that it waits")
    assert api.statuses(path)[0]["state"] == "FAILED"
    comments("ad-2", repository.asked)
    comments("nobody", repository.asked)
    comments("ad-1", repository.first)
    comments("ad-1", repository.asked[:12])
    comments("ad-1", repository.asked)
    (build,) = over(aws, project, 1)
    # It ends there: the tests' host admits GitHub's user name alone.
    assert build["sourceVersion"] == f"pr/7^{{{repository.asked}}}"
    # Who may approve need not ask; unless something else has come to it before it could be looked at.
    api.newest = repository.second
    asks("ad-1")
    until(lambda: len(api.statuses(path)) == 2, SECONDS, "the host to be told that it waits")
    api.newest = repository.asked
    asks("ad-1")
    *_, own = over(aws, project, 2)
    assert own["sourceVersion"] == f"pr/7^{{{repository.asked}}}"
    policy = {"requiresCommentApproval": "ALL_PULL_REQUESTS", "approverRoles": ["BITBUCKET_ADMIN"]}
    updated = aws.codebuild.update_webhook(projectName=project, pullRequestBuildPolicy=policy)["webhook"]
    assert updated["pullRequestBuildPolicy"] == policy
    policy = {**policy, "approverRoles": ["GITHUB_ADMIN"]}
    arguments = {"projectName": project, "pullRequestBuildPolicy": policy}
    refused("InvalidInputException", aws.codebuild.update_webhook, **arguments)
    aws.codebuild.delete_webhook(projectName=project)


def test_a_webhook_starts_batches(aws, create, api, repository):
    spec = {**json.loads(SPEC), "batch": {"build-list": [{"identifier": "one"}, {"identifier": "two"}]}}
    project = create(buildspec=json.dumps(spec))
    wanted = {"manualCreation": True, "buildType": "BUILD_BATCH"}
    message = refused("InvalidInputException", aws.codebuild.create_webhook, projectName=project, **wanted)
    assert "buildBatchConfig" in message
    batch_role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("codebuild:*"))
    aws.codebuild.update_project(name=project, buildBatchConfig={"serviceRole": batch_role})
    hook = Hook(aws, lambda: project, [[EVENT]], buildType="BUILD_BATCH")
    hook.push("refs/heads/main", repository.second, before=repository.first)

    def batches():
        ids = aws.codebuild.list_build_batches_for_project(projectName=project)["ids"]
        batches = aws.codebuild.batch_get_build_batches(ids=ids)["buildBatches"] if ids else []
        return [batch for batch in batches if batch["complete"]]

    (batch,) = until(batches, SECONDS, "the batch")
    assert (batch["buildBatchStatus"], batch["sourceVersion"]) == ("SUCCEEDED", repository.second), batch
    assert batch["initiator"] == "GitHub-Hookshot/1234"
    (_, *builds) = hook.over(3)
    for build in builds:
        assert (exported(build)["EVENT"], exported(build)["HEAD_REF"]) == ("PUSH", "refs/heads/main")
    path = f"/github/repos/acme/site/statuses/{repository.second}"
    of = lambda: [one for one in api.statuses(path) if f"({project})" in one["context"]]  # noqa: E731
    until(lambda: of()[-1:] and of()[-1]["state"] == "success", SECONDS, "the host to be told")
    assert {one["context"] for one in of()} == {f"AWS CodeBuild BuildBatch us-east-1 ({project})"}
    assert [one["state"] for one in of()] in (["pending", "success"], ["success"])


def test_the_webhook_of_an_organisation_builds_its_repositories(aws, create, api, repository):
    project = create(location="CODEBUILD_DEFAULT_WEBHOOK_SOURCE_LOCATION")
    refused("InvalidInputException", aws.codebuild.create_webhook, projectName=project)
    wanted = {"scopeConfiguration": {"name": "acme", "scope": "GITHUB_ORGANIZATION"}}
    groups = [[EVENT, {"type": "REPOSITORY_NAME", "pattern": "^si"}]]
    made = aws.codebuild.create_webhook(projectName=project, filterGroups=groups, **wanted)["webhook"]
    assert made["scopeConfiguration"] == wanted["scopeConfiguration"]
    (hook,) = api.hooks["/github/orgs/acme/hooks"].values()
    secret = hook["config"]["secret"]
    pushed = {"ref": "refs/heads/main", "before": NOTHING, "after": repository.first}
    for name in ("acme/site", "acme/other", "stranger/site"):
        deliver(made, "push", {**pushed, "repository": {"full_name": name}}, secret)
    (build,) = over(aws, project, 1)
    assert build["source"]["location"] == "https://github.com/acme/site"
    assert (build["buildStatus"], build["resolvedSourceVersion"]) == ("SUCCEEDED", repository.first), build["phases"]
    aws.codebuild.delete_webhook(projectName=project)
    assert api.hooks["/github/orgs/acme/hooks"] == {}


def test_the_webhook_of_an_enterprise_builds_the_repositories_of_its_organisations(aws, create, api, repository):
    project = create(location="CODEBUILD_DEFAULT_WEBHOOK_SOURCE_LOCATION")
    wanted = {"scopeConfiguration": {"name": "big-co", "scope": "GITHUB_GLOBAL"}}
    message = refused("InvalidInputException", aws.codebuild.create_webhook, projectName=project, **wanted)
    assert "manualCreation" in message
    groups = [[EVENT, {"type": "REPOSITORY_NAME", "pattern": "^site$"}]]
    settings = {**wanted, "filterGroups": groups, "manualCreation": True}
    made = aws.codebuild.create_webhook(projectName=project, **settings)["webhook"]
    assert made["scopeConfiguration"] == wanted["scopeConfiguration"]
    pushed = {"ref": "refs/heads/main", "before": NOTHING, "after": repository.first}
    enterprise = {"enterprise": {"slug": "big-co"}}
    for name, secret, status in [("acme/other", None, 200), ("acme/site", "wrong", 403), ("acme/site", None, 200)]:
        payload = {**pushed, **enterprise, "repository": {"full_name": name}}
        deliver(made, "push", payload, secret or made["secret"], status)
    (build,) = over(aws, project, 1)
    assert build["source"]["location"] == "https://github.com/acme/site"
    assert (build["buildStatus"], build["resolvedSourceVersion"]) == ("SUCCEEDED", repository.first), build["phases"]
    aws.codebuild.delete_webhook(projectName=project)


def test_the_webhook_of_a_gitlab_group_builds_its_projects(aws, create, api, repository):
    project = create("GITLAB", "CODEBUILD_DEFAULT_WEBHOOK_SOURCE_LOCATION")
    wrong = {"scopeConfiguration": {"name": "acme", "scope": "GITHUB_ORGANIZATION"}}
    refused("InvalidInputException", aws.codebuild.create_webhook, projectName=project, **wrong)
    wanted = {"scopeConfiguration": {"name": "acme", "scope": "GITLAB_GROUP"}}
    made = aws.codebuild.create_webhook(projectName=project, filterGroups=[[EVENT]], **wanted)["webhook"]
    assert made["scopeConfiguration"] == wanted["scopeConfiguration"]
    (hook,) = api.hooks["/gitlab/groups/acme/hooks"].values()
    headers = {"x-gitlab-event": "Push Hook", "x-gitlab-token": hook["token"], "content-type": "application/json"}
    for name in ("acme/site", "acme2/site"):
        pushed = {
            "object_kind": "push",
            "ref": "refs/heads/main",
            "before": NOTHING,
            "after": repository.first,
            "user_id": 42,
            "project": {"path_with_namespace": name},
        }
        answer = fetch(made["payloadUrl"], "POST", json.dumps(pushed).encode(), headers)
        assert answer.status == 200, answer.body
    (build,) = over(aws, project, 1)
    # It ends there: the tests' host admits GitHub's user name alone.
    assert build["source"]["location"] == "https://gitlab.com/acme/site"
    assert build["sourceVersion"] == repository.first
    aws.codebuild.delete_webhook(projectName=project)
    assert api.hooks["/gitlab/groups/acme/hooks"] == {}


def test_the_host_is_told_how_builds_stand(aws, create, api, repository):
    hook = Hook(aws, create)
    hook.push("refs/heads/broken", repository.second)
    (build,) = hook.over(1)
    path = f"/github/repos/acme/site/statuses/{repository.second}"
    context = f"AWS CodeBuild us-east-1 ({hook.project})"
    of = lambda name: [one["state"] for one in api.statuses(path) if one["context"] == name]  # noqa: E731
    until(lambda: of(context)[-1:] == ["failure"], SECONDS, "the host to be told")
    assert of(context)[0] == "pending"
    config = {"context": "ci/$CODEBUILD_BUILD_NUMBER", "targetUrl": "https://ci.example.com/${CODEBUILD_BUILD_ID}"}
    project = create(reportBuildStatus=True, buildStatusConfig=config)
    build = aws.codebuild.start_build(projectName=project, sourceVersion="main")["build"]["id"]
    path = f"/github/repos/acme/site/statuses/{repository.docs}"
    until(lambda: of("ci/1")[-1:] == ["success"], SECONDS, "the host to be told")
    assert {one["target_url"] for one in api.statuses(path) if one["context"] == "ci/1"} == {
        f"https://ci.example.com/{build}"
    }


def test_badges(aws, create, repository):
    project = create(badge=True)
    url = project["badge"]["badgeRequestUrl"]

    def badge(**replaced):
        address = url
        for old, new in replaced.items():
            address = address.replace(f"{old}=main", new)
        with urllib.request.urlopen(address) as answer:
            assert answer.headers["Content-Type"] == "image/svg+xml"
            return answer.read().decode()

    assert "unknown" in badge()
    aws.codebuild.start_build(projectName=project["name"], sourceVersion="main")
    until(lambda: "passing" in badge(), SECONDS, "the build to pass")
    assert "unknown" in badge(branch="branch=other") and "unknown" in badge(branch="tag=v1")
    assert aws.codebuild.update_project(name=project["name"], badgeEnabled=False)["project"]["badge"] == {
        "badgeEnabled": False
    }
    assert "unknown" in badge()
    source = {"type": "NO_SOURCE", "buildspec": SPEC}
    message = refused(
        "InvalidInputException", aws.codebuild.update_project, name=project["name"], source=source, badgeEnabled=True
    )
    assert "badges" in message


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"filterGroups": [[{"type": "HEAD_REF", "pattern": "x"}]]}, "InvalidInputException"),
        ({"filterGroups": [[EVENT, {"type": "HEAD_REF", "pattern": "("}]]}, "InvalidInputException"),
        ({"filterGroups": [[{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}]]}, "InvalidInputException"),
        ({"branchFilter": "("}, "InvalidInputException"),
        ({"branchFilter": "x", "filterGroups": [[EVENT]]}, "InvalidInputException"),
        ({"buildType": "BUILD_BATCH"}, "InvalidInputException"),
        ({"buildType": "RUNNER_BUILDKITE_BUILD"}, "NotImplemented"),
        ({"scopeConfiguration": {"name": "acme", "scope": "GITHUB_ORGANIZATION"}}, "InvalidInputException"),
        ({"scopeConfiguration": {"name": "acme", "scope": "GITHUB_GLOBAL"}}, "InvalidInputException"),
    ],
)
def test_what_makes_no_webhook(aws, create, api, settings, code):
    project = create()
    refused(code, aws.codebuild.create_webhook, projectName=project, **settings)
    refused("ResourceNotFoundException", aws.codebuild.update_webhook, projectName=project)


def test_projects_that_have_no_webhook(aws, create):
    gitlab = create("GITLAB", "https://gitlab.com/acme/site")
    refused("InvalidInputException", aws.codebuild.create_webhook, projectName=gitlab, manualCreation=True)
    for call in (aws.codebuild.create_webhook, aws.codebuild.update_webhook, aws.codebuild.delete_webhook):
        refused("ResourceNotFoundException", call, projectName="none")
    elsewhere = create("GITHUB_ENTERPRISE", "https://git.example.com/acme/site")
    message = refused("InvalidInputException", aws.codebuild.create_webhook, projectName=elsewhere)
    assert "git_hosts" in message


def test_a_crash_loses_no_delivery_and_repeats_none(aws, server, create, repository):
    hook = Hook(aws, create, [[EVENT]])
    commits = [repository.first, repository.second, repository.docs]
    for commit in commits:
        hook.push("refs/heads/main", commit)
    server.kill()
    server.start()
    for commit in commits:
        hook.push("refs/heads/main", commit)
    builds = hook.over(3)
    assert sorted(build["sourceVersion"] for build in builds) == sorted(commits)
    assert {build["buildStatus"] for build in builds} == {"SUCCEEDED"}
