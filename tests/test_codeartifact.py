"""CodeArtifact operation by operation: domains, repositories, policies, tokens, and packages of format generic."""

import base64
import hashlib
import json
import threading
import urllib.parse
from email.utils import parsedate_to_datetime

import pytest
from botocore.exceptions import BotoCoreError

from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_role, create_user, deny, policy, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

ARN = f"arn:aws:codeartifact:{REGION}:{ACCOUNT}"
TOKENS = allow("sts:GetServiceBearerToken")
NOT_FOUND, CONFLICT, INVALID = "ResourceNotFoundException", "ConflictException", "ValidationException"
SECONDS = 30


@pytest.fixture(scope="module")
def packages(aws):
    return aws.codeartifact


@pytest.fixture(scope="module")
def domain(packages):
    """The name of a domain that the tests of this file share."""
    name = unique("domain")
    packages.create_domain(domain=name)
    return name


@pytest.fixture
def repository(packages, domain):
    """The arguments that name a new repository."""
    return make_repository(packages, domain)


def make_repository(packages, domain, *upstreams, **more):
    name = unique("repository")
    links = [{"repositoryName": upstream} for upstream in upstreams]
    packages.create_repository(domain=domain, repository=name, upstreams=links, **more)
    return {"domain": domain, "repository": name}


def publish(packages, repository, package, version="1.0.0", content=b"content", asset="a.bin", **more):
    """Publishes an asset of a generic package."""
    return packages.publish_package_version(
        **repository,
        **coordinates(package),
        packageVersion=version,
        assetName=asset,
        assetContent=content,
        assetSHA256=hashlib.sha256(content).hexdigest(),
        **more,
    )


def coordinates(package, namespace="tests"):
    return {"format": "generic", "namespace": namespace, "package": package}


def grant(*actions, to, effect="Allow"):
    """The text of a policy of a domain or repository."""
    statement = {"Effect": effect, "Principal": {"AWS": to}, "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def all_of(client, operation, member, **arguments):
    """The results of all pages, asked for two at a time."""
    pages = client.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 2})
    return [item for page in pages for item in page[member]]


# Domains


def test_a_domain_is_made_described_listed_and_deleted(packages):
    name = unique("domain")
    made = packages.create_domain(domain=name, tags=[{"key": "team", "value": "web"}])["domain"]
    assert made["arn"] == f"{ARN}:domain/{name}" and made["owner"] == ACCOUNT and made["status"] == "Active"
    assert refused(CONFLICT, packages.create_domain, domain=name) == f"Domain '{name}' already exists."
    described = packages.describe_domain(domain=name, domainOwner=ACCOUNT)["domain"]
    assert described == made and (described["repositoryCount"], described["assetSizeBytes"]) == (0, 0)
    assert name in [found["name"] for found in all_of(packages, "list_domains", "domains")]
    packages.create_repository(domain=name, repository="one")
    refused(CONFLICT, packages.delete_domain, domain=name)
    packages.delete_repository(domain=name, repository="one")
    assert packages.delete_domain(domain=name)["domain"]["status"] == "Deleted"
    assert name in refused(NOT_FOUND, packages.describe_domain, domain=name)
    assert "domain" not in packages.delete_domain(domain=name)


def test_what_is_no_domain_is_refused_with_a_reason(packages, aws):
    with pytest.raises(packages.exceptions.ValidationException) as refusal:
        aws.unchecked("codeartifact").create_domain(domain="A")
    assert refusal.value.response["reason"] == "FIELD_VALIDATION_FAILED"
    with pytest.raises(packages.exceptions.ResourceNotFoundException) as refusal:
        packages.describe_domain(domain="nowhere")
    assert (refusal.value.response["resourceId"], refusal.value.response["resourceType"]) == ("nowhere", "domain")
    refused(INVALID, packages.list_domains, nextToken="made-up")
    refused(
        "NotImplemented", packages.create_domain, domain="kms", encryptionKey=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    )


# Repositories


def test_a_repository_is_made_described_changed_and_deleted(packages, domain):
    upstream = make_repository(packages, domain, description="up")["repository"]
    made = packages.create_repository(
        domain=domain, repository=unique("repo"), description="d", upstreams=[{"repositoryName": upstream}]
    )["repository"]
    name = made["name"]
    assert made["arn"] == f"{ARN}:repository/{domain}/{name}"
    assert made["upstreams"] == [{"repositoryName": upstream}] and made["administratorAccount"] == ACCOUNT
    assert packages.describe_repository(domain=domain, repository=name)["repository"] == made
    refused(CONFLICT, packages.create_repository, domain=domain, repository=name)
    changed = packages.update_repository(domain=domain, repository=name, description="other", upstreams=[])
    assert (changed["repository"]["description"], changed["repository"]["upstreams"]) == ("other", [])
    refused(NOT_FOUND, packages.update_repository, domain=domain, repository="nowhere", description="x")
    packages.delete_repository(domain=domain, repository=name)
    refused(NOT_FOUND, packages.delete_repository, domain=domain, repository=name)
    refused(NOT_FOUND, packages.describe_repository, domain=domain, repository=name)
    refused(NOT_FOUND, packages.create_repository, domain="nowhere", repository=name)


def test_upstreams_keep_their_order_and_make_no_circle(packages, domain):
    a, b, c = (make_repository(packages, domain)["repository"] for _ in range(3))

    def link(repository, *upstreams):
        links = [{"repositoryName": upstream} for upstream in upstreams]
        return packages.update_repository(domain=domain, repository=repository, upstreams=links)["repository"]

    assert [up["repositoryName"] for up in link(a, c, b)["upstreams"]] == [c, b]
    link(b, c)
    with pytest.raises(packages.exceptions.ValidationException, match="upstream of itself"):
        link(c, a)
    with pytest.raises(packages.exceptions.ValidationException, match="upstream of itself"):
        link(c, c)
    with pytest.raises(packages.exceptions.ValidationException, match="twice"):
        link(a, b, b)
    with pytest.raises(packages.exceptions.ResourceNotFoundException):
        link(a, "nowhere")
    with pytest.raises(packages.exceptions.ServiceQuotaExceededException):
        link(a, *[f"r{number}" for number in range(11)])
    # A repository of the same name is another one: nobody is linked to it.
    packages.delete_repository(domain=domain, repository=c)
    packages.create_repository(domain=domain, repository=c)
    described = packages.describe_repository(domain=domain, repository=a)["repository"]
    assert described["upstreams"] == [{"repositoryName": b}]


def test_repositories_are_listed_by_name(packages):
    one, two = unique("listed"), unique("listed")
    for domain in (one, two):
        packages.create_domain(domain=domain)
    for domain, name in [(one, "zz-b"), (one, "zz-a"), (two, "zz-c"), (one, "other")]:
        packages.create_repository(domain=domain, repository=name)
    found = all_of(packages, "list_repositories", "repositories", repositoryPrefix="zz-")
    assert [(found["domainName"], found["name"]) for found in found] == [(one, "zz-a"), (one, "zz-b"), (two, "zz-c")]
    of_domain = all_of(packages, "list_repositories_in_domain", "repositories", domain=one)
    assert [found["name"] for found in of_domain] == ["other", "zz-a", "zz-b"]
    mine = packages.list_repositories_in_domain(domain=one, administratorAccount="999999999999")
    assert mine["repositories"] == []
    refused(NOT_FOUND, packages.list_repositories_in_domain, domain="nowhere")
    refused(INVALID, packages.list_repositories, nextToken="made-up")


def test_tags(packages, domain, repository):
    arn = f"{ARN}:repository/{domain}/{repository['repository']}"
    packages.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    packages.untag_resource(resourceArn=arn, tagKeys=["a", "unknown"])
    assert packages.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    refused(INVALID, packages.tag_resource, resourceArn=arn, tags=[{"key": "aws:x", "value": ""}])
    for call, more in [
        (packages.list_tags_for_resource, {}),
        (packages.untag_resource, {"tagKeys": ["a"]}),
        (packages.tag_resource, {"tags": [{"key": "a", "value": "1"}]}),
    ]:
        refused(NOT_FOUND, call, resourceArn=f"{ARN}:domain/nowhere", **more)


# Policies


def unreadable(document):
    """The policy with a condition that nobody could read: it would lock everybody out."""
    policy = json.loads(document)
    policy["Statement"][0]["Condition"] = {"StringEqualz": {"aws:SourceAccount": ACCOUNT}}
    return json.dumps(policy)


def test_policies_of_domains_have_revisions(packages):
    domain = unique("domain")
    packages.create_domain(domain=domain)
    refused(NOT_FOUND, packages.get_domain_permissions_policy, domain=domain)
    refused(NOT_FOUND, packages.delete_domain_permissions_policy, domain=domain)
    document = grant("codeartifact:DescribeDomain", to=ACCOUNT)
    put = packages.put_domain_permissions_policy(domain=domain, policyDocument=document)["policy"]
    assert put["resourceArn"] == f"{ARN}:domain/{domain}" and put["document"] == document
    assert packages.get_domain_permissions_policy(domain=domain)["policy"] == put
    stale = {"domain": domain, "policyRevision": "stale"}
    refused(CONFLICT, packages.put_domain_permissions_policy, policyDocument=document, **stale)
    refused(CONFLICT, packages.delete_domain_permissions_policy, **stale)
    again = packages.put_domain_permissions_policy(
        domain=domain, policyDocument=document, policyRevision=put["revision"]
    )["policy"]
    assert again["revision"] != put["revision"]
    for wrong in ("{}", unreadable(document)):
        refused(INVALID, packages.put_domain_permissions_policy, domain=domain, policyDocument=wrong)
    gone = packages.delete_domain_permissions_policy(domain=domain, policyRevision=again["revision"])["policy"]
    assert gone == again


def test_policies_of_repositories_have_revisions(packages, repository):
    refused(NOT_FOUND, packages.get_repository_permissions_policy, **repository)
    document = grant("codeartifact:ReadFromRepository", to=ACCOUNT)
    put = packages.put_repository_permissions_policy(**repository, policyDocument=document)["policy"]
    assert packages.get_repository_permissions_policy(**repository)["policy"] == put
    refused(
        CONFLICT,
        packages.put_repository_permissions_policy,
        **repository,
        policyDocument=document,
        policyRevision="stale",
    )
    wrong = {**repository, "policyDocument": unreadable(document)}
    refused(INVALID, packages.put_repository_permissions_policy, **wrong)
    assert packages.delete_repository_permissions_policy(**repository)["policy"] == put
    refused(NOT_FOUND, packages.delete_repository_permissions_policy, **repository)


def test_a_policy_of_a_repository_admits_and_denies(aws, packages, repository):
    name, credentials = create_user(aws)
    user = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    theirs = aws.acting_as(credentials).codeartifact
    refused("AccessDeniedException", theirs.describe_repository, **repository)
    document = grant("codeartifact:DescribeRepository", "codeartifact:PutRepositoryPermissionsPolicy", to=user)
    packages.put_repository_permissions_policy(**repository, policyDocument=document)
    assert theirs.describe_repository(**repository)["repository"]["name"] == repository["repository"]
    # Only the caller's own policies can let him change a policy.
    refused("AccessDeniedException", theirs.put_repository_permissions_policy, **repository, policyDocument=document)
    aws.iam.put_user_policy(
        UserName=name, PolicyName="all", PolicyDocument=policy(allow("codeartifact:*"), deny("codeartifact:List*"))
    )
    denial = grant("codeartifact:DescribeRepository", to=user, effect="Deny")
    packages.put_repository_permissions_policy(**repository, policyDocument=denial)
    message = refused("AccessDeniedException", theirs.describe_repository, **repository)
    assert "with an explicit deny in a resource-based policy" in message


def test_linking_asks_the_upstream(aws, packages, domain):
    upstream, own = make_repository(packages, domain), make_repository(packages, domain)
    arn = f"{ARN}:repository/{domain}/{own['repository']}"
    name, credentials = create_user(aws, allow("codeartifact:*", on=arn))
    theirs = aws.acting_as(credentials).codeartifact
    links = [{"repositoryName": upstream["repository"]}]
    message = refused("AccessDeniedException", theirs.update_repository, **own, upstreams=links)
    assert "codeartifact:AssociateWithDownstreamRepository" in message
    user = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    document = grant("codeartifact:AssociateWithDownstreamRepository", to=user)
    packages.put_repository_permissions_policy(**upstream, policyDocument=document)
    assert theirs.update_repository(**own, upstreams=links)["repository"]["upstreams"] == links


# Tokens and endpoints


def test_tokens_last_as_asked(packages, domain):
    for asked, seconds in [({}, 43_200), ({"durationSeconds": 900}, 900)]:
        answer = packages.get_authorization_token(domain=domain, **asked)
        left = answer["expiration"].timestamp() - server_time(packages)
        assert seconds - 30 < left <= seconds + 1
        assert set(answer["authorizationToken"]) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
        )
    for wrong in (0, 1, 899):
        refused(INVALID, packages.get_authorization_token, domain=domain, durationSeconds=wrong)
    refused(NOT_FOUND, packages.get_authorization_token, domain="nowhere")


def server_time(packages):
    """The server's time."""
    headers = packages.list_domains(maxResults=1)["ResponseMetadata"]["HTTPHeaders"]
    return parsedate_to_datetime(headers["date"]).timestamp()


def test_a_token_needs_leave_to_have_tokens_at_all(aws, domain):
    _, credentials = create_user(aws, allow("codeartifact:*"))
    theirs = aws.acting_as(credentials).codeartifact
    message = refused("AccessDeniedException", theirs.get_authorization_token, domain=domain)
    assert "sts:GetServiceBearerToken" in message


def test_endpoints_are_named_for_every_format(packages, server, domain, repository):
    for form in ["npm", "pypi", "maven", "nuget", "generic", "ruby", "swift", "cargo"]:
        endpoint = packages.get_repository_endpoint(**repository, format=form)["repositoryEndpoint"]
        path = f"/d/{domain}-{ACCOUNT}/{REGION}/{form}/{repository['repository']}/"
        assert endpoint == server.url + path
    refused(NOT_FOUND, packages.get_repository_endpoint, domain=domain, repository="nowhere", format="npm")


def ping(endpoint, token=None, scheme="Bearer"):
    """The status, headers and body of `npm ping` with a token."""
    headers = {"Authorization": f"{scheme} {token}"} if token else {}
    return fetch(f"{endpoint}-/ping", headers=headers)


def test_a_token_admits_its_bearer_as_the_caller_who_got_it(aws, packages, domain, repository):
    endpoint = packages.get_repository_endpoint(**repository, format="npm")["repositoryEndpoint"]
    name, credentials = create_user(aws, allow("codeartifact:*"), TOKENS)
    token = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=domain)["authorizationToken"]
    assert ping(endpoint, token).status == 200
    basic = base64.b64encode(f"aws:{token}".encode()).decode()
    assert ping(endpoint, basic, "Basic").status == 200
    challenged = ping(endpoint)
    realm = f"{domain}/{repository['repository']}"
    assert challenged.status == 401
    assert challenged.headers["www-authenticate"] == f'Bearer realm="{realm}", Basic realm="{realm}"'
    for wrong in [token[:-4] + "AAAA", "x", token + "="]:
        answer = ping(endpoint, wrong)
        assert answer.status == 401 and "token" in json.loads(answer.body)["error"]
    other = unique("domain")
    packages.create_domain(domain=other)
    foreign = packages.get_authorization_token(domain=other)["authorizationToken"]
    assert "another domain" in json.loads(ping(endpoint, foreign).body)["error"]
    aws.iam.delete_user_policy(UserName=name, PolicyName="permissions")
    denied = ping(endpoint, token)
    assert denied.status == 403 and "codeartifact:ReadFromRepository" in json.loads(denied.body)["error"]
    for key in aws.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        aws.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    gone = ping(endpoint, token)
    assert gone.status == 401 and "gone" in json.loads(gone.body)["error"]


def test_a_token_of_a_role_ends_with_its_session(aws, packages, domain, repository):
    role = create_role(aws, trust(AWS=ACCOUNT), allow("codeartifact:*"), TOKENS)
    session = aws.sts.assume_role(RoleArn=role, RoleSessionName="session", DurationSeconds=900)
    theirs = aws.assuming(role, DurationSeconds=900)
    ends = session["Credentials"]["Expiration"].timestamp()
    for asked in ({"durationSeconds": 0}, {}, {"durationSeconds": 43_200}):
        answer = theirs.codeartifact.get_authorization_token(domain=domain, **asked)
        assert abs(answer["expiration"].timestamp() - ends) < 30
    endpoint = packages.get_repository_endpoint(**repository, format="npm")["repositoryEndpoint"]
    assert ping(endpoint, answer["authorizationToken"]).status == 200
    narrowed = aws.assuming(role, Policy=policy(allow("codeartifact:GetAuthorizationToken"), TOKENS))
    token = narrowed.codeartifact.get_authorization_token(domain=domain)["authorizationToken"]
    assert ping(endpoint, token).status == 403


def test_everybody_may_read_where_the_policy_says_so(packages, repository):
    endpoint = packages.get_repository_endpoint(**repository, format="npm")["repositoryEndpoint"]
    assert ping(endpoint).status == 401
    packages.put_repository_permissions_policy(
        **repository, policyDocument=grant("codeartifact:ReadFromRepository", to="*")
    )
    assert ping(endpoint).status == 200
    refusal = fetch(f"{endpoint}p", method="PUT", body=b"{}")
    assert refusal.status == 401


def test_the_format_without_a_package_manager_says_so(packages, repository):
    token = packages.get_authorization_token(domain=repository["domain"])["authorizationToken"]
    endpoint = packages.get_repository_endpoint(**repository, format="generic")["repositoryEndpoint"]
    answer = fetch(f"{endpoint}x", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 404 and "PublishPackageVersion" in answer.body.decode()


def test_requests_of_package_managers_are_on_record(aws, packages, domain, repository):
    endpoint = packages.get_repository_endpoint(**repository, format="npm")["repositoryEndpoint"]
    token = packages.get_authorization_token(domain=domain)["authorizationToken"]
    assert ping(endpoint, token).status == 200
    arn = f"{ARN}:repository/{domain}/{repository['repository']}"

    def recorded(name):
        lookup = [{"AttributeKey": "EventName", "AttributeValue": name}]
        events = aws.cloudtrail.lookup_events(LookupAttributes=lookup)["Events"]
        return [json.loads(event["CloudTrailEvent"]) for event in events]

    def mine():
        records = recorded("ReadFromRepository")
        return [found for found in records if arn in [resource["ARN"] for resource in found["resources"]]]

    (record,) = until(mine, SECONDS, "the record of a read")
    assert record["requestParameters"]["requestUri"] == urllib.parse.urlparse(endpoint).path + "-/ping"
    assert record["userIdentity"]["arn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/")
    tokens = recorded("GetAuthorizationToken")
    assert tokens and all(token not in json.dumps(found) for found in tokens)
    assert tokens[0]["responseElements"]["authorizationToken"] == "HIDDEN_DUE_TO_SECURITY_REASONS"


# Packages of format generic


def test_an_asset_comes_back_as_it_was_published(packages, repository):
    content = bytes(range(256)) * 50
    answer = publish(packages, repository, "p", content=content, unfinished=True)
    assert answer["status"] == "Unfinished" and answer["asset"]["size"] == len(content)
    assert answer["asset"]["hashes"] == {
        "MD5": hashlib.md5(content).hexdigest(),
        "SHA-1": hashlib.sha1(content).hexdigest(),
        "SHA-256": hashlib.sha256(content).hexdigest(),
        "SHA-512": hashlib.sha512(content).hexdigest(),
    }
    finished = publish(packages, repository, "p", content=b"two", asset="b (2).bin")
    assert finished["status"] == "Published" and finished["versionRevision"] != answer["versionRevision"]
    wanted = {**repository, **coordinates("p"), "packageVersion": "1.0.0"}
    got = packages.get_package_version_asset(**wanted, asset="a.bin")
    assert got["asset"].read() == content
    assert (got["assetName"], got["packageVersion"]) == ("a.bin", "1.0.0")
    assert got["packageVersionRevision"] == finished["versionRevision"]
    assets = all_of(packages, "list_package_version_assets", "assets", **wanted)
    assert [asset["name"] for asset in assets] == ["a.bin", "b (2).bin"]
    refused(CONFLICT, packages.get_package_version_asset, **wanted, asset="a.bin", packageVersionRevision="x")
    assert "c.bin" in refused(NOT_FOUND, packages.get_package_version_asset, **wanted, asset="c.bin")
    wanted["packageVersion"] = "2"
    refused(NOT_FOUND, packages.list_package_version_assets, **wanted)


def test_a_large_asset_streams(packages, repository):
    """Larger than any body of a call that is read into memory."""
    content = b"0123456789abcdef" * (3 * 1024 * 1024)
    publish(packages, repository, "large", content=content)
    got = packages.get_package_version_asset(
        **repository, **coordinates("large"), packageVersion="1.0.0", asset="a.bin"
    )
    assert hashlib.sha256(got["asset"].read()).digest() == hashlib.sha256(content).digest()


def test_the_same_bytes_are_stored_once(packages):
    domain = unique("domain")
    packages.create_domain(domain=domain)
    one, two = make_repository(packages, domain), make_repository(packages, domain)
    size = lambda: packages.describe_domain(domain=domain)["domain"]["assetSizeBytes"]  # noqa: E731
    publish(packages, one, "p", content=b"x" * 1000)
    publish(packages, two, "q", content=b"x" * 1000)
    publish(packages, two, "q", version="2", content=b"y" * 10)
    assert size() == 1010
    packages.delete_package(**one, **coordinates("p"))
    assert size() == 1010
    packages.delete_repository(**two)
    until(lambda: size() == 0, SECONDS, "the packages of a deleted repository to go")


def test_publishing_is_refused(packages, repository, aws):
    publish(packages, repository, "p")
    assert publish(packages, repository, "p")["status"] == "Published"  # the same again
    with pytest.raises(packages.exceptions.ConflictException, match="other content"):
        publish(packages, repository, "p", content=b"other")
    with pytest.raises(packages.exceptions.ConflictException, match="already exists and is Published"):
        publish(packages, repository, "p", asset="b.bin")
    arguments = {**repository, "packageVersion": "1", "assetContent": b"x", "assetName": "a"}
    wrong = hashlib.sha256(b"y").hexdigest()
    call = packages.publish_package_version
    assert "SHA-256" in refused(INVALID, call, **arguments, **coordinates("q"), assetSHA256=wrong)
    right = hashlib.sha256(b"x").hexdigest()
    refused(INVALID, call, **arguments, format="npm", package="q", assetSHA256=right)
    refused(INVALID, call, **arguments, format="generic", package="q", assetSHA256=right)
    for name in ["a/b", "..", "a\\b"]:
        with pytest.raises(packages.exceptions.ValidationException, match="asset name"):
            publish(packages, repository, "q", asset=name)
    refused(NOT_FOUND, packages.describe_package, **repository, **coordinates("q"))
    with pytest.raises(packages.exceptions.ResourceNotFoundException):
        publish(packages, {**repository, "repository": "nowhere"}, "q")
    long = "ä" * 255
    refused(INVALID, packages.describe_package, **repository, **coordinates(long, namespace=long))


def test_packages_are_listed(packages, repository):
    for namespace, name in [("a", "one"), ("a", "two"), ("ab", "two"), ("b", "three"), ("b", "twofold")]:
        content = b"x"
        packages.publish_package_version(
            **repository,
            **coordinates(name, namespace),
            packageVersion="1",
            assetName="a",
            assetContent=content,
            assetSHA256=hashlib.sha256(content).hexdigest(),
        )
    packages.put_package_origin_configuration(
        **repository, format="pypi", package="Two_Own", restrictions={"publish": "BLOCK", "upstream": "ALLOW"}
    )

    def listed(**filters):
        found = all_of(packages, "list_packages", "packages", **repository, **filters)
        return [(package["format"], package.get("namespace"), package["package"]) for package in found]

    generic = [("generic", "a", "one"), ("generic", "a", "two"), ("generic", "ab", "two"), ("generic", "b", "three")]
    twofold, own = ("generic", "b", "twofold"), ("pypi", None, "two-own")
    assert listed() == [*generic, twofold, own]
    assert listed(format="generic") == [*generic, twofold]
    assert listed(format="generic", namespace="a") == generic[:3]
    assert listed(packagePrefix="two") == [generic[1], generic[2], own, twofold]
    assert listed(format="generic", packagePrefix="two") == [generic[1], generic[2], twofold]
    assert listed(format="generic", namespace="b", packagePrefix="two") == [twofold]
    assert listed(format="pypi", packagePrefix="Two.") == [own]
    assert listed(publish="BLOCK") == [own] and listed(upstream="ALLOW") == [own]
    assert listed(publish="ALLOW", upstream="ALLOW") == []
    refused(INVALID, packages.list_packages, **repository, namespace="a")
    refused(NOT_FOUND, packages.list_packages, domain=repository["domain"], repository="nowhere")


def test_origin_configuration_blocks_publishing(packages, repository):
    package = {"format": "npm", "namespace": "acme", "package": "web"}
    blocked = {"publish": "BLOCK", "upstream": "BLOCK"}
    answer = packages.put_package_origin_configuration(**repository, **package, restrictions=blocked)
    assert answer["originConfiguration"]["restrictions"] == blocked
    described = packages.describe_package(**repository, **package)["package"]
    assert described["originConfiguration"]["restrictions"] == blocked
    assert (described["namespace"], described["name"]) == ("acme", "web")
    refused(INVALID, packages.put_package_origin_configuration, **repository, **coordinates("p"), restrictions=blocked)
    refused(
        NOT_FOUND,
        packages.put_package_origin_configuration,
        domain=repository["domain"],
        repository="nowhere",
        **package,
        restrictions=blocked,
    )
    publish(packages, repository, "p")
    described = packages.describe_package(**repository, **coordinates("p"))["package"]
    assert described["originConfiguration"]["restrictions"] == {"publish": "ALLOW", "upstream": "BLOCK"}


def test_versions_are_listed_and_described(packages, repository):
    for version in ["1", "10", "2", "3"]:
        publish(packages, repository, "p", version=version)
    publish(packages, repository, "p", version="4", unfinished=True)
    package = {**repository, **coordinates("p")}

    def listed(**filters):
        return [
            found["version"] for found in all_of(packages, "list_package_versions", "versions", **package, **filters)
        ]

    assert listed() == ["1", "10", "2", "3", "4"]
    assert listed(sortBy="PUBLISHED_TIME") == ["4", "3", "2", "10", "1"]
    assert listed(status="Unfinished") == ["4"]
    assert listed(status="Published", sortBy="PUBLISHED_TIME") == ["3", "2", "10", "1"]
    assert listed(originType="EXTERNAL") == [] and len(listed(originType="INTERNAL")) == 5
    answer = packages.list_package_versions(**package)
    assert answer["defaultDisplayVersion"] == "3"
    assert answer["versions"][0]["origin"]["domainEntryPoint"] == {"repositoryName": repository["repository"]}
    described = packages.describe_package_version(**package, packageVersion="2")["packageVersion"]
    assert described["status"] == "Published" and described["packageName"] == "p"
    assert described["revision"] == answer["versions"][2]["revision"]
    refused(NOT_FOUND, packages.describe_package_version, **package, packageVersion="5")
    refused(NOT_FOUND, packages.list_package_versions, **repository, **coordinates("nothing"))
    assert packages.list_package_version_dependencies(**package, packageVersion="2")["dependencies"] == []
    refused(NOT_FOUND, packages.list_package_version_dependencies, **package, packageVersion="5")
    assert "no readme" in refused(NOT_FOUND, packages.get_package_version_readme, **package, packageVersion="2")


def outcome(answer):
    """`(versions that succeeded, {version: error code})`."""
    failed = {version: error["errorCode"] for version, error in answer["failedVersions"].items()}
    return {version: info["status"] for version, info in answer["successfulVersions"].items()}, failed


def test_statuses_and_what_they_hide(packages, repository):
    for version in ["1", "2", "3"]:
        publish(packages, repository, "p", version=version)
    package = {**repository, **coordinates("p")}
    read = {**package, "packageVersion": "1", "asset": "a.bin"}

    def update(target, *versions, **more):
        return outcome(
            packages.update_package_versions_status(**package, versions=list(versions), targetStatus=target, **more)
        )

    assert update("Unlisted", "1") == ({"1": "Unlisted"}, {})
    assert packages.get_package_version_asset(**read)["asset"].read() == b"content"
    assert update("Archived", "1") == ({"1": "Archived"}, {})
    assert "Archived" in refused(NOT_FOUND, packages.get_package_version_asset, **read)
    with pytest.raises(packages.exceptions.ConflictException, match="is Archived"):
        publish(packages, repository, "p", version="1")  # the same bytes
    # All or none.
    assert update("Archived", "2", "9") == ({}, {"2": "SKIPPED", "9": "NOT_FOUND"})
    assert update("Unlisted", "1", "2", expectedStatus="Published") == (
        {},
        {"1": "MISMATCHED_STATUS", "2": "SKIPPED"},
    )
    answer = packages.update_package_versions_status(
        **package, versions=["1"], targetStatus="Published", expectedStatus="Unlisted"
    )
    message = answer["failedVersions"]["1"]["errorMessage"]
    assert message == "current status: Archived, expected status: Unlisted"
    assert update("Unlisted", "2", versionRevisions={"2": "x"}) == ({}, {"2": "MISMATCHED_REVISION"})
    assert update("Published", "1", "2") == ({"1": "Published", "2": "Published"}, {})
    for wrong in ("Disposed", "Deleted", "Unfinished"):
        refused(INVALID, packages.update_package_versions_status, **package, versions=["1"], targetStatus=wrong)
    disposed = packages.dispose_package_versions(**package, versions=["3", "9"], expectedStatus="Published")
    assert outcome(disposed) == ({"3": "Disposed"}, {"9": "NOT_FOUND"})
    assert packages.list_package_version_assets(**package, packageVersion="3")["assets"] == []
    assert update("Published", "3") == ({}, {"3": "NOT_ALLOWED"})
    with pytest.raises(packages.exceptions.ConflictException, match="is Disposed"):
        publish(packages, repository, "p", version="3")
    deleted = packages.delete_package_versions(**package, versions=["1", "2", "3"], expectedStatus="Published")
    assert outcome(deleted) == ({"1": "Deleted", "2": "Deleted"}, {"3": "MISMATCHED_STATUS"})
    assert outcome(packages.delete_package_versions(**package, versions=["3"])) == ({"3": "Deleted"}, {})
    assert packages.list_package_versions(**package)["versions"] == []
    publish(packages, repository, "p", version="3", content=b"after deletion")
    for call, more in [
        (packages.update_package_versions_status, {"targetStatus": "Archived"}),
        (packages.dispose_package_versions, {}),
        (packages.delete_package_versions, {}),
    ]:
        refused(NOT_FOUND, call, **repository, **coordinates("nothing"), versions=["1"], **more)


def test_a_package_is_deleted_with_its_configuration(packages, repository):
    publish(packages, repository, "p")
    deleted = packages.delete_package(**repository, **coordinates("p"))["deletedPackage"]
    assert (deleted["format"], deleted["namespace"], deleted["package"]) == ("generic", "tests", "p")
    refused(NOT_FOUND, packages.describe_package, **repository, **coordinates("p"))
    refused(NOT_FOUND, packages.delete_package, **repository, **coordinates("p"))


def test_versions_are_copied(packages, domain):
    source, destination = make_repository(packages, domain), make_repository(packages, domain)
    for version in ["1", "2"]:
        publish(packages, source, "p", version=version, content=version.encode())
    publish(packages, destination, "p", version="2", content=b"other")

    def copy(**more):
        return packages.copy_package_versions(
            domain=domain,
            sourceRepository=more.pop("of", source["repository"]),
            destinationRepository=destination["repository"],
            **coordinates("p"),
            **more,
        )

    assert outcome(copy(versions=["1", "2"])) == ({}, {"1": "SKIPPED", "2": "ALREADY_EXISTS"})
    assert outcome(copy(versions=["1", "9"])) == ({}, {"1": "SKIPPED", "9": "NOT_FOUND"})
    first = packages.describe_package_version(**source, **coordinates("p"), packageVersion="1")["packageVersion"]
    answer = copy(versionRevisions={"1": first["revision"]})
    assert answer["successfulVersions"]["1"]["revision"] == first["revision"]
    assert outcome(copy(versions=["1", "2"], allowOverwrite=True)) == ({"2": "Published"}, {})
    got = packages.get_package_version_asset(**destination, **coordinates("p"), packageVersion="2", asset="a.bin")
    assert got["asset"].read() == b"2"
    downstream = make_repository(packages, domain, source["repository"])["repository"]
    publish(packages, source, "p", version="3")
    assert outcome(copy(versions=["3"], of=downstream, includeFromUpstream=True)) == ({"3": "Published"}, {})
    with pytest.raises(packages.exceptions.ResourceNotFoundException):
        copy(versions=["3"], of=downstream)
    with pytest.raises(packages.exceptions.ValidationException):
        copy(versions=["1"], versionRevisions={"1": "x"})


def test_a_version_of_upstream_cannot_be_published_beside(packages, domain):
    upstream = make_repository(packages, domain)
    downstream = make_repository(packages, domain, upstream["repository"])
    publish(packages, upstream, "p")
    with pytest.raises(packages.exceptions.ConflictException, match="upstream repository"):
        publish(packages, downstream, "p")
    # Its own package blocks upstream from its first version on.
    publish(packages, downstream, "p", version="2")
    assert publish(packages, downstream, "p", content=b"shadows")["status"] == "Published"


def test_every_change_of_a_version_is_an_event(aws, packages, domain, repository):
    group = unique("/aws/events/packages")
    aws.logs.create_log_group(logGroupName=group)
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("logs:CreateLogStream", "logs:PutLogEvents"))
    pattern = {"source": ["aws.codeartifact"], "detail": {"repositoryName": [repository["repository"]]}}
    name = unique("packages")
    aws.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    aws.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, "RoleArn": role}])
    publish(packages, repository, "p", unfinished=True)
    publish(packages, repository, "p", asset="b.bin")
    package = {**repository, **coordinates("p"), "versions": ["1.0.0"]}
    packages.update_package_versions_status(**package, targetStatus="Archived")
    packages.update_package_versions_status(**package, targetStatus="Archived")  # changes nothing
    packages.dispose_package_versions(**package)
    packages.delete_package_versions(**package)

    def told():
        pages = aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        events = [json.loads(event["message"]) for page in pages for event in page["events"]]
        return sorted(events, key=lambda event: event["detail"]["sequenceNumber"]) if len(events) >= 5 else None

    events = until(told, SECONDS, "five events")
    assert {event["detail-type"] for event in events} == {"CodeArtifact Package Version State Change"}
    assert events[0]["resources"] == [f"{ARN}:package/{domain}/{repository['repository']}/generic/tests/p"]
    details = [event["detail"] for event in events]
    assert [(detail["operationType"], detail["packageVersionState"]) for detail in details] == [
        ("Created", "Unfinished"),
        ("Updated", "Published"),
        ("Updated", "Archived"),
        ("Updated", "Disposed"),
        ("Deleted", "Deleted"),
    ]
    assert [detail["changes"]["assetsAdded"] for detail in details] == [1, 1, 0, 0, 0]
    assert [detail["changes"]["assetsRemoved"] for detail in details] == [0, 0, 0, 2, 0]
    assert len({detail["eventDeduplicationId"] for detail in details}) == 5


def test_what_was_acknowledged_survives_a_crash(start):
    server = start()
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain="crash")
    repository = make_repository(packages, "crash")
    publish(packages, repository, "p", content=b"durable")
    token = packages.get_authorization_token(domain="crash")["authorizationToken"]
    server.kill()
    server.start()
    got = packages.get_package_version_asset(**repository, **coordinates("p"), packageVersion="1.0.0", asset="a.bin")
    assert got["asset"].read() == b"durable"
    endpoint = packages.get_repository_endpoint(**repository, format="npm")["repositoryEndpoint"]
    assert ping(endpoint, token).status == 200


def test_a_crash_amid_publishing_leaves_the_repository_whole(start):
    server = start()
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain="crash")
    repository = make_repository(packages, "crash")
    contents = {f"p{number}": f"content {number % 7}".encode() * 100 for number in range(400)}
    acknowledged = []

    def publish_all():
        try:
            for name, content in contents.items():
                publish(packages, repository, name, content=content)
                acknowledged.append(name)
        except BotoCoreError:
            pass  # the server is gone

    publisher = threading.Thread(target=publish_all)
    publisher.start()
    until(lambda: len(acknowledged) >= 25, SECONDS, "some publications")
    server.kill()
    publisher.join()
    server.start()
    pages = packages.get_paginator("list_packages").paginate(**repository)
    there = {package["package"] for page in pages for package in page["packages"]}
    assert set(acknowledged) <= there and len(there) <= len(acknowledged) + 1
    for name in there:
        got = packages.get_package_version_asset(
            **repository, **coordinates(name), packageVersion="1.0.0", asset="a.bin"
        )
        assert got["asset"].read() == contents[name]
    stored = sum(len(content) for content in {contents[name] for name in there})
    assert packages.describe_domain(domain="crash")["domain"]["assetSizeBytes"] == stored
