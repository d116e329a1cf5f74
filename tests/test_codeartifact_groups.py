"""Package groups of CodeArtifact: patterns, inheritance, and what they let packages do."""

import json

import pytest

from harness.identities import allow, create_user, unique
from harness.npm_registry import document
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

NOT_FOUND, CONFLICT, INVALID = "ResourceNotFoundException", "ConflictException", "ValidationException"
WAYS = ("PUBLISH", "EXTERNAL_UPSTREAM", "INTERNAL_UPSTREAM")


@pytest.fixture
def packages(aws):
    return aws.codeartifact


@pytest.fixture
def domain(packages):
    """The name of a domain of the test's own."""
    name = unique("groups")
    packages.create_domain(domain=name)
    return name


class Registry:
    """A repository with npm's protocol."""

    def __init__(self, packages, domain, *upstreams):
        self.name = unique("registry")
        links = [{"repositoryName": upstream} for upstream in upstreams]
        packages.create_repository(domain=domain, repository=self.name, upstreams=links)
        self.arguments = {"domain": domain, "repository": self.name}
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="npm")["repositoryEndpoint"]
        token = packages.get_authorization_token(domain=domain)["authorizationToken"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def publish(self, name, version="1.0.0"):
        body = json.dumps(document(name, version)).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        return fetch(self.endpoint + quoted(name), method="PUT", body=body, headers=headers)

    def get(self, path):
        return fetch(self.endpoint + path, headers=self.headers)


def quoted(name):
    """For a path, whatever its letters are."""
    return "".join(f"%{byte:02x}" for byte in name.encode())


def make(packages, domain, *patterns):
    for pattern in patterns:
        packages.create_package_group(domain=domain, packageGroup=pattern)


def configure(packages, domain, pattern, **restrictions):
    return packages.update_package_group_origin_configuration(
        domain=domain, packageGroup=pattern, restrictions=restrictions
    )["packageGroup"]


def patterns(groups):
    return [group["pattern"] for group in groups]


def test_a_group_is_made_described_changed_and_deleted(packages, domain):
    made = packages.create_package_group(
        domain=domain, packageGroup="/npm/acme/*", description="ours", contactInfo="web@example.com"
    )["packageGroup"]
    assert made["arn"] == f"arn:aws:codeartifact:{REGION}:{ACCOUNT}:package-group/{domain}/npm/acme/*"
    assert made["parent"]["pattern"] == "/*"
    for way in WAYS:
        restriction = made["originConfiguration"]["restrictions"][way]
        assert (restriction["mode"], restriction["effectiveMode"]) == ("INHERIT", "ALLOW")
        assert restriction["inheritedFrom"]["pattern"] == "/*"
    group = {"domain": domain, "packageGroup": "/npm/acme/*"}
    assert packages.describe_package_group(**group)["packageGroup"] == made
    changed = packages.update_package_group(**group, description="other")["packageGroup"]
    assert (changed["description"], changed["contactInfo"]) == ("other", "web@example.com")
    refused(CONFLICT, packages.create_package_group, **group)
    packages.tag_resource(resourceArn=made["arn"], tags=[{"key": "team", "value": "web"}])
    assert packages.list_tags_for_resource(resourceArn=made["arn"])["tags"] == [{"key": "team", "value": "web"}]
    packages.untag_resource(resourceArn=made["arn"], tagKeys=["team"])
    assert packages.delete_package_group(**group)["packageGroup"]["pattern"] == "/npm/acme/*"
    for call, more in [
        (packages.describe_package_group, {}),
        (packages.delete_package_group, {}),
        (packages.update_package_group, {"description": "x"}),
        (packages.update_package_group_origin_configuration, {}),
        (packages.list_sub_package_groups, {}),
        (packages.list_associated_packages, {}),
        (packages.list_allowed_repositories_for_group, {"originRestrictionType": "PUBLISH"}),
    ]:
        refused(NOT_FOUND, call, **group, **more)
    for wrong in ("/tar/*", "npm/acme/*", "/npm/acme-~", "/npm/acme/ui"):
        refused(INVALID, packages.create_package_group, domain=domain, packageGroup=wrong)
    refused(NOT_FOUND, packages.create_package_group, domain="nowhere", packageGroup="/npm/*")


def test_the_root_is_always_there(packages, domain):
    root = packages.describe_package_group(domain=domain, packageGroup="/*")["packageGroup"]
    assert "parent" not in root and root["originConfiguration"]["restrictions"]["PUBLISH"]["mode"] == "ALLOW"
    refused(INVALID, packages.delete_package_group, domain=domain, packageGroup="/*")
    with pytest.raises(packages.exceptions.ValidationException, match="inherit"):
        configure(packages, domain, "/*", PUBLISH="INHERIT")
    assert patterns(packages.list_package_groups(domain=domain)["packageGroups"]) == ["/*"]
    configured = configure(packages, domain, "/*", EXTERNAL_UPSTREAM="BLOCK")
    assert configured["originConfiguration"]["restrictions"]["EXTERNAL_UPSTREAM"]["effectiveMode"] == "BLOCK"


def test_groups_are_a_tree(packages, domain):
    make(packages, domain, "/npm/*", "/npm/acme/*", "/npm/acme/ui~", "/npm/acme/ui-core$", "/maven/com.acme~")
    listed = packages.get_paginator("list_package_groups").paginate(domain=domain, PaginationConfig={"PageSize": 2})
    assert patterns(group for page in listed for group in page["packageGroups"]) == [
        "/*",
        "/maven/com.acme~",
        "/npm/*",
        "/npm/acme/*",
        "/npm/acme/ui-core$",
        "/npm/acme/ui~",
    ]
    assert patterns(packages.list_package_groups(domain=domain, prefix="/npm/acme")["packageGroups"]) == [
        "/npm/acme/*",
        "/npm/acme/ui-core$",
        "/npm/acme/ui~",
    ]

    def below(pattern):
        pages = packages.get_paginator("list_sub_package_groups").paginate(domain=domain, packageGroup=pattern)
        return patterns(group for page in pages for group in page["packageGroups"])

    assert below("/*") == ["/maven/com.acme~", "/npm/*"] and below("/npm/*") == ["/npm/acme/*"]
    assert below("/npm/acme/ui~") == ["/npm/acme/ui-core$"]
    packages.delete_package_group(domain=domain, packageGroup="/npm/acme/ui~")
    assert below("/npm/acme/*") == ["/npm/acme/ui-core$"]
    refused(NOT_FOUND, packages.list_package_groups, domain="nowhere")


def test_a_package_belongs_to_the_most_precise_group(packages, domain):
    make(packages, domain, "/npm/*", "/npm/acme/*", "/npm/acme/ui~", "/pypi//requests$")

    def associated(name, namespace=None, form="npm"):
        more = {"namespace": namespace} if namespace else {}
        answer = packages.get_associated_package_group(domain=domain, format=form, package=name, **more)
        return answer["packageGroup"]["pattern"], answer["associationType"]

    assert associated("react") == ("/npm/*", "STRONG")
    assert associated("ui-core", "acme") == ("/npm/acme/ui~", "STRONG")
    assert associated("uid", "acme") == ("/npm/acme/*", "STRONG")
    assert associated("UI-core", "acme") == ("/npm/acme/ui~", "WEAK")
    assert associated("x", "\u0430cme") == ("/npm/acme/*", "WEAK")
    assert associated("Requests", form="pypi") == ("/pypi//requests$", "STRONG")
    assert associated("flask", form="pypi") == ("/*", "STRONG")
    refused(NOT_FOUND, packages.get_associated_package_group, domain="nowhere", format="npm", package="x")
    registry = Registry(packages, domain)
    for name in ("react", "@acme/ui-core", "@acme/web"):
        assert registry.publish(name).status == 200

    def packages_of(pattern, **more):
        answer = packages.list_associated_packages(domain=domain, packageGroup=pattern, **more)
        return [(found["package"], found["associationType"]) for found in answer["packages"]]

    assert packages_of("/npm/*") == [("react", "STRONG")]
    assert packages_of("/npm/acme/ui~") == [("ui-core", "STRONG")]
    assert packages_of("/npm/acme/web$", preview=True) == [("web", "STRONG")]
    assert packages_of("/npm/acme~", preview=True) == []


def test_restrictions_are_inherited_and_name_repositories(packages, domain):
    make(packages, domain, "/npm/*", "/npm/acme/*")
    one, two = Registry(packages, domain), Registry(packages, domain)
    configure(packages, domain, "/npm/*", PUBLISH="ALLOW_SPECIFIC_REPOSITORIES")
    answer = packages.update_package_group_origin_configuration(
        domain=domain,
        packageGroup="/npm/*",
        addAllowedRepositories=[{"repositoryName": one.name, "originRestrictionType": "PUBLISH"}],
    )
    assert answer["allowedRepositoryUpdates"] == {"PUBLISH": {"ADDED": [one.name]}}
    described = packages.describe_package_group(domain=domain, packageGroup="/npm/acme/*")["packageGroup"]
    restriction = described["originConfiguration"]["restrictions"]["PUBLISH"]
    assert restriction["effectiveMode"] == "ALLOW_SPECIFIC_REPOSITORIES" and restriction["repositoriesCount"] == 1
    assert restriction["inheritedFrom"]["pattern"] == "/npm/*"
    allowed = packages.list_allowed_repositories_for_group(
        domain=domain, packageGroup="/npm/acme/*", originRestrictionType="PUBLISH"
    )
    assert allowed["allowedRepositories"] == [one.name]
    assert one.publish("@acme/web").status == 200
    refusal = two.publish("@acme/web")
    assert refusal.status == 403 and "package group /npm/acme/*" in json.loads(refusal.body)["error"]
    # Where the group decides, the package has no restrictions of its own.
    package = {"format": "npm", "namespace": "acme", "package": "web"}
    own = packages.describe_package(**one.arguments, **package)["package"]["originConfiguration"]["restrictions"]
    assert own == {"publish": "ALLOW", "upstream": "ALLOW"}
    removed = packages.update_package_group_origin_configuration(
        domain=domain,
        packageGroup="/npm/*",
        removeAllowedRepositories=[{"repositoryName": one.name, "originRestrictionType": "PUBLISH"}],
    )
    assert removed["allowedRepositoryUpdates"] == {"PUBLISH": {"REMOVED": [one.name]}}
    assert one.publish("@acme/web", "1.0.1").status == 403
    refused(
        NOT_FOUND,
        packages.update_package_group_origin_configuration,
        domain=domain,
        packageGroup="/npm/*",
        addAllowedRepositories=[{"repositoryName": "nowhere", "originRestrictionType": "PUBLISH"}],
    )


def test_upstream_is_closed_for_a_group(packages, domain):
    up = Registry(packages, domain)
    down = Registry(packages, domain, up.name)
    for name in ("@acme/web", "react"):
        assert up.publish(name).status == 200 and down.get(name).status == 200
    make(packages, domain, "/npm/acme/*")
    configure(packages, domain, "/npm/acme/*", INTERNAL_UPSTREAM="BLOCK")
    assert (down.get("@acme/web").status, down.get("react").status) == (404, 200)
    assert down.get("@acme/web/-/web-1.0.0.tgz").status == 404
    configure(packages, domain, "/npm/acme/*", INTERNAL_UPSTREAM="INHERIT")
    assert down.get("@acme/web").status == 200


def test_look_alikes_are_neither_published_nor_brought_in(packages, domain):
    up = Registry(packages, domain)
    down = Registry(packages, domain, up.name)
    for name in ("foo_bar", "f\u043eo-bar"):
        assert up.publish(name).status == 200 and down.get(quoted(name)).status == 200
    make(packages, domain, "/npm//foo-bar$")
    assert up.publish("foo-bar").status == 200
    for name in ("FOO-bar", "foo.bar"):
        refusal = up.publish(name)
        assert refusal.status == 403 and "too like" in json.loads(refusal.body)["error"]
    for name in ("foo_bar", "f\u043eo-bar"):
        assert down.get(quoted(name)).status == 404


def test_groups_are_for_those_who_may(aws, packages, domain):
    arn = f"arn:aws:codeartifact:{REGION}:{ACCOUNT}:package-group/{domain}/npm/acme/*"
    _, credentials = create_user(aws, allow("codeartifact:CreatePackageGroup", on=arn))
    theirs = aws.acting_as(credentials).codeartifact
    assert theirs.create_package_group(domain=domain, packageGroup="/npm/acme/*")
    message = refused("AccessDeniedException", theirs.create_package_group, domain=domain, packageGroup="/npm/*")
    assert "codeartifact:CreatePackageGroup" in message
