"""Finding packages among many, keeping repositories clean, and holding back what is new outside."""

import json

import pytest

from harness import command
from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.npm_registry import archive, document
from harness.origin import Origin
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import REGION, Server

DOMAIN = "upkeep"


@pytest.fixture(scope="module")
def origin():
    origin = Origin()
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, origin):
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(f'[origins]\n"public:npmjs" = "{origin.url}/npm/"\n[packages]\nretention_seconds = 1\n')
    server = Server(folder, "--config", config).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def packages(server):
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain=DOMAIN)
    return packages


class Repository:
    def __init__(self, packages, server, **tags):
        self.packages, self.server, self.name = packages, server, unique("repository")
        tags = [{"key": f"stagewright:{key.replace('_', '-')}", "value": value} for key, value in tags.items()]
        made = packages.create_repository(domain=DOMAIN, repository=self.name, tags=tags)
        self.arn = made["repository"]["arn"]
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="npm")["repositoryEndpoint"]
        token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        return fetch(self.endpoint + path, headers=self.headers)

    def publish(self, name, version="1.0.0", tag="latest", **manifest):
        sent = document(name, version, archive(name, version), **{"dist-tags": {tag: version}})
        sent["versions"][version].update(manifest)
        body = json.dumps(sent).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        answer = fetch(self.endpoint + name.replace("/", "%2f"), method="PUT", body=body, headers=headers)
        assert answer.status in (200, 201), answer.body

    def command(self, *arguments, who=None):
        key = who or self.server.administrator
        place = ("--domain", DOMAIN, "--repository", self.name)
        environment = {**key.environment(), "AWS_ENDPOINT_URL": self.server.url, "AWS_DEFAULT_REGION": REGION}
        return command.run("package", *arguments, *place, environment=environment)

    def found(self, *words):
        done = self.command("search", *words, "--json")
        assert done.returncode == 0, done.stderr
        return [package["package"] for package in json.loads(done.stdout)["packages"]]

    def cleaned(self, *arguments):
        done = self.command("clean", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return [version["version"] for version in json.loads(done.stdout)["versions"]]

    def listed(self, size=1, **arguments):
        pages = self.packages.get_paginator("list_packages").paginate(
            **self.arguments, **arguments, PaginationConfig={"PageSize": size}
        )
        return [package["package"] for page in pages for package in page["packages"]]


@pytest.fixture
def repository(packages, server):
    return Repository(packages, server)


def test_packages_are_found_by_words(repository, packages):
    repository.publish("@acme/tables", description="Rows and columns", keywords=["grid"])
    repository.publish("grid", description="Lines")
    repository.publish("chairs", description="To sit at a grid")
    assert repository.found("GRID") == ["grid", "tables", "chairs"]  # name, keyword, description
    assert repository.found("col", "acme") == ["tables"] and repository.found("@acme/tables") == ["tables"]
    assert repository.found("sofas") == []
    repository.publish("chairs", "2.0.0", description="To sit on")
    assert repository.found("grid") == ["grid", "tables"]
    packages.delete_package(**repository.arguments, format="npm", package="grid")
    packages.update_package_versions_status(
        **repository.arguments, format="npm", package="chairs", versions=["2.0.0"], targetStatus="Archived"
    )
    assert repository.found("grid") == ["tables", "chairs"] or repository.found("grid") == ["chairs", "tables"]
    done = repository.command("search", "acme")
    assert done.stdout == "npm      @acme/tables 1.0.0  Rows and columns\n"
    empty = repository.command("search", ":")
    assert empty.returncode == 1 and "no word" in empty.stderr


def test_search_needs_a_permission(repository, server):
    aws = Aws(server.url, server.administrator)
    _, without = create_user(aws, allow("codeartifact:ListPackages"))
    denied = repository.command("search", "x", who=without)
    assert denied.returncode == 1 and "codeartifact:SearchPackages" in denied.stderr


def test_filters_are_answered_in_order_and_in_pages(repository, packages):
    names = ["@a/one", "@a/other", "@ab/one", "@b/one", "one", "two"]
    for name in names:
        repository.publish(name)
    change = {"one": ("BLOCK", "ALLOW"), "two": ("BLOCK", "BLOCK")}
    for name, (publish, upstream) in change.items():
        restrictions = {"publish": publish, "upstream": upstream}
        packages.put_package_origin_configuration(
            **repository.arguments, format="npm", package=name, restrictions=restrictions
        )
    for size in (1, 2, 100):
        assert repository.listed(size) == ["one", "two", "one", "other", "one", "one"]
        assert repository.listed(size, publish="BLOCK") == ["one", "two"]
        assert repository.listed(size, upstream="BLOCK") == ["two", "one", "other", "one", "one"]
        assert repository.listed(size, publish="BLOCK", upstream="ALLOW") == ["one"]
        assert repository.listed(size, packagePrefix="o") == ["one"] * 4 + ["other"]
        assert repository.listed(size, format="npm", packagePrefix="o", publish="ALLOW") == ["one"] * 3 + ["other"]
        assert repository.listed(size, format="npm", namespace="a") == ["one", "other", "one"]
        assert repository.listed(size, format="npm", namespace="a", packagePrefix="on") == ["one", "one"]
        assert repository.listed(size, format="pypi", packagePrefix="o") == []


def test_retention_shows_first_and_then_deletes(packages, server):
    repository = Repository(packages, server, package_retention="newest=2")
    for version in ("1.0.0", "1.9.0", "1.10.0", "1.11.0"):
        repository.publish("left", version)
    repository.publish("left", "0.1.0", tag="old")
    assert repository.cleaned() == ["1.9.0", "1.0.0"]
    assert repository.cleaned("--rules", "newest=1 unused-days=1") == []
    assert repository.get("left/-/left-1.0.0.tgz").status == 200
    shown = repository.command("clean", "--rules", "newest=1").stdout
    assert "1.0.0  published" in shown and ", downloaded" in shown and "3 versions would go" in shown
    assert repository.cleaned("--delete") == ["1.9.0", "1.0.0"] and repository.cleaned() == []
    left = packages.list_package_versions(**repository.arguments, format="npm", package="left")["versions"]
    assert {version["version"] for version in left} == {"1.11.0", "1.10.0", "0.1.0"}
    assert repository.get("left/-/left-1.0.0.tgz").status == 404


def test_rules_hold_by_themselves_once_they_are_told_to(packages, server):
    trail = Aws(server.url, server.administrator).cloudtrail
    repository = Repository(packages, server, package_retention="newest=1")
    quiet = Repository(packages, server, package_retention="newest=1")
    for version in ("1.0.0", "1.1.0"):
        repository.publish("kept", version)
        quiet.publish("kept", version)

    def versions(of):
        listed = packages.list_package_versions(**of.arguments, format="npm", package="kept")["versions"]
        return {version["version"] for version in listed}

    def swept(dry_run):
        """The sweeps of the repository, as they were audited."""
        named = [{"AttributeKey": "EventName", "AttributeValue": "CleanUpPackages"}]
        events = [
            json.loads(event["CloudTrailEvent"]) for event in trail.lookup_events(LookupAttributes=named)["Events"]
        ]
        of = repository.arguments["repository"]
        asked = [event for event in events if event["requestParameters"]["repository"] == of]
        return [event for event in asked if event["requestParameters"].get("dryRun", False) == dry_run]

    def rule(text):
        tags = [{"key": "stagewright:package-retention", "value": text}]
        packages.tag_resource(resourceArn=repository.arn, tags=tags)

    rule("newest=1 mode=report")
    (event, *_) = until(lambda: swept(True), 30, "a sweep that only reports")
    assert event["userIdentity"]["invokedBy"] == "codeartifact.amazonaws.com" and "errorCode" not in event
    assert [one["version"] for one in event["responseElements"]["versions"]] == ["1.0.0"]
    assert versions(repository) == {"1.0.0", "1.1.0"} and swept(False) == []
    rule("newest=1 mode=enforce")
    until(lambda: versions(repository) == {"1.1.0"}, 30, "the old version to go")
    assert until(lambda: swept(False), 30, "its record")
    assert versions(quiet) == {"1.0.0", "1.1.0"}, "rules without a mode wait to be asked"


def test_what_the_api_reads_is_in_use(repository, packages):
    for version in ("1.0.0", "1.1.0"):
        repository.publish("read", version)

    def last():
        shown = json.loads(repository.command("clean", "--json", "--rules", "newest=1").stdout)["versions"]
        return [(version["version"], "lastDownloadedTime" in version) for version in shown]

    assert last() == [("1.0.0", False)]
    version = {**repository.arguments, "format": "npm", "package": "read", "packageVersion": "1.0.0"}
    packages.get_package_version_asset(**version, asset="package.tgz")["asset"].read()
    assert last() == [("1.0.0", True)]


def test_settings_are_checked(repository, packages):
    none = repository.command("clean")
    assert none.returncode == 1 and "stagewright:package-retention" in none.stderr
    wrong = repository.command("clean", "--rules", "all")
    assert wrong.returncode == 1 and "newest" in wrong.stderr
    for key, value in (
        ("package-retention", "some"),
        ("package-retention", "newest=1 mode=now"),
        ("quarantine-days", "0"),
        ("nonsense", "1"),
    ):
        tags = [{"key": f"stagewright:{key}", "value": value}]
        why = refused("ValidationException", packages.tag_resource, resourceArn=repository.arn, tags=tags)
        assert f"stagewright:{key}" in why
        new = {"domain": DOMAIN, "repository": unique("repository"), "tags": tags}
        assert f"stagewright:{key}" in refused("ValidationException", packages.create_repository, **new)


def test_what_is_new_outside_is_held_back(packages, server, origin):
    repository = Repository(packages, server, quarantine_days="3650")
    packages.associate_external_connection(**repository.arguments, externalConnection="public:npmjs")
    origin.add_npm("fresh", "1.0.0")
    answer = repository.get("fresh")
    assert answer.status == 404 and "stagewright:quarantine-days" in json.loads(answer.body)["error"]
    assert repository.get("fresh/-/fresh-1.0.0.tgz").status == 404
    packages.untag_resource(resourceArn=repository.arn, tagKeys=["stagewright:quarantine-days"])
    assert list(json.loads(repository.get("fresh").body)["versions"]) == ["1.0.0"]
    assert repository.get("fresh/-/fresh-1.0.0.tgz").status == 200
    # What is here already stays.
    packages.tag_resource(resourceArn=repository.arn, tags=[{"key": "stagewright:quarantine-days", "value": "3650"}])
    assert list(json.loads(repository.get("fresh").body)["versions"]) == ["1.0.0"]
