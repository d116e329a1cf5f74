"""Sources of gems, driven by the stock gem and Bundler."""

import base64
import hashlib
import io
import tarfile

import pytest

from harness.gem import Gem
from harness.identities import allow, create_user, unique
from harness.plain_http import fetch

DOMAIN = "ruby-tests"


@pytest.fixture(scope="module")
def packages(aws):
    aws.codeartifact.create_domain(domain=DOMAIN)
    return aws.codeartifact


class Source:
    def __init__(self, packages, folder, *upstreams):
        self.packages, self.name = packages, unique("gems")
        links = [{"repositoryName": upstream.name} for upstream in upstreams]
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        packages.create_repository(**self.arguments, upstreams=links)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format="ruby")["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        self.gem = Gem(folder / self.name, self.endpoint, self.token)

    def request(self, path, method="GET", body=None, **headers):
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)

    def push(self, content):
        return self.request("api/v1/gems", "POST", content)

    def info(self, name):
        answer = self.request(f"info/{name}")
        return answer.body.decode().splitlines()[1:] if answer.status == 200 else answer.status


@pytest.fixture
def source(packages, tmp_path):
    return Source(packages, tmp_path)


def changed(content, **files):
    """A gem with other files in it; `None` takes one away."""
    result = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=result, mode="w") as new:
        for entry in old.getmembers():
            text = files.get(entry.name.split(".")[0], old.extractfile(entry).read())
            if text is not None:
                entry.size = len(text)
                new.addfile(entry, io.BytesIO(text))
    return result.getvalue()


def test_gem_pushes_and_installs_and_bundler_resolves(source, packages, tmp_path):
    leaf = source.gem.build("acme-leaf", "1.2.0", required_ruby_version="'>= 2.5'")
    root = source.gem.build("acme-root", "0.1.0.pre1", dependencies=[("acme-leaf", "~> 1.0", ">= 1.1")])
    for path, shown in ((leaf, "acme-leaf (1.2.0)"), (root, "acme-root (0.1.0.pre1)")):
        pushed = source.gem.push(path)
        assert pushed.returncode == 0 and f"Successfully registered gem: {shown}" in pushed.stdout, pushed
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    (line,) = source.info("acme-root")
    # Older versions of gem add a requirement of their own to what comes before a release.
    assert line.removesuffix(",rubygems:> 1.3.1") == f"0.1.0.pre1 acme-leaf:~> 1.0&>= 1.1|checksum:{digest}"
    assert ",ruby:>= 2.5" in source.info("acme-leaf")[0]
    said = source.gem.install("acme-root", "--prerelease")
    assert "Successfully installed acme-leaf-1.2.0" in said and "acme-root-0.1.0.pre1" in said
    down = Source(packages, tmp_path, source)
    project = down.gem.folder / "project"
    project.mkdir()
    (project / "Gemfile").write_text(f"source {down.gem.source!r}\ngem 'acme-root', '0.1.0.pre1'\n")
    down.gem.run("bundle", "install", cwd=project)
    assert "acme-leaf (1.2.0)" in (project / "Gemfile.lock").read_text()
    # What was installed from upstream stays.
    packages.delete_package(**source.arguments, format="ruby", package="acme-leaf")
    assert down.info("acme-leaf")[0].startswith("1.2.0 ")
    version = {**down.arguments, "format": "ruby", "package": "acme-root", "packageVersion": "0.1.0.pre1"}
    described = packages.describe_package_version(**version)["packageVersion"]
    assert (described["summary"], described["licenses"]) == ("About acme-root", [{"name": "MIT"}])
    dependencies = packages.list_package_version_dependencies(**version)["dependencies"]
    expected = {"package": "acme-leaf", "dependencyType": "runtime", "versionRequirement": "~> 1.0, >= 1.1"}
    assert dependencies == [expected]


def test_the_index(source):
    for version in ("1.10", "1.9", "1.10.a"):
        assert source.push(source.gem.build("acme", version).read_bytes()).status == 200
    assert source.push(source.gem.build("acme", "2.0", platform="'x86_64-linux'").read_bytes()).status == 200
    assert [line.split(" ")[0] for line in source.info("acme")] == ["1.9", "1.10.a", "1.10", "2.0-x86_64-linux"]
    info, answer = source.request("info/acme").body, source.request("versions")
    lines = answer.body.decode().splitlines()
    md5 = hashlib.md5(info).hexdigest()
    assert lines[0].startswith("created_at: ") and lines[1:] == ["---", f"acme 1.9,1.10.a,1.10,2.0-x86_64-linux {md5}"]
    assert answer.headers["etag"] == f'"{hashlib.md5(answer.body).hexdigest()}"'
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert source.request("versions", **{"If-None-Match": answer.headers["etag"]}).status == 304
    assert source.request("names").body == b"---\nacme\n"
    assert source.request("gems/acme-2.0-x86_64-linux.gem").status == 200
    for path in (
        "gems/acme-9.gem",
        "gems/acme.gem",
        "gems/..-1.gem",
        "quick/Marshal.4.8/acme-9.gemspec.rz",
        "info/a%2fb",
    ):
        assert source.request(path).status == 404, path
    assert [source.request(path, "HEAD").status for path in ("", "versions", "info/nothing")] == [200, 200, 404]
    assert fetch(source.endpoint + "versions").status == 401


def test_yanking(source, packages):
    for version in ("1.0", "1.1"):
        source.push(source.gem.build("acme", version).read_bytes())
    answer = source.request("api/v1/gems/yank", "DELETE", b"gem_name=acme&version=1.1")
    assert answer.status == 200 and b"acme (1.1)" in answer.body
    assert [line.split(" ")[0] for line in source.info("acme")] == ["1.0"]
    assert source.request("gems/acme-1.1.gem").status == 200
    assert source.request("api/v1/gems/yank", "DELETE", b"gem_name=acme&version=9").status == 404
    assert source.request("api/v1/gems/yank", "DELETE", b"gem_name=acme&version=x").status == 400
    package = {**source.arguments, "format": "ruby", "package": "acme"}
    packages.update_package_versions_status(**package, versions=["1.1"], targetStatus="Archived")
    hidden = source.request("gems/acme-1.1.gem")
    assert hidden.status == 404 and "Archived" in hidden.body.decode()


def test_what_is_no_gem_is_refused(source, packages):
    content = source.gem.build("acme", "1.0").read_bytes()
    for body, why in [
        (b"", "no metadata.gz"),
        (b"not a gem" * 100, "no whole tar archive"),
        (content[:1500], "not a gem"),
        (changed(content, metadata=None), "no metadata.gz"),
        (changed(content, data=None), "no data.tar.gz"),
        (changed(content, data=b"other"), "does not have the SHA256"),
        (changed(content, metadata=b"no gzip", checksums=None), "cannot be unpacked"),
    ]:
        answer = source.push(body)
        assert answer.status == 400 and why in answer.body.decode(), (why, answer)
    assert packages.list_packages(**source.arguments)["packages"] == []
    assert source.push(content).status == 200 and source.push(content).status == 200
    other = source.push(source.gem.build("acme", "1.0", description="'other'").read_bytes())
    assert other.status == 409 and "already exists" in other.body.decode()


def test_nothing_is_taken_from_who_may_neither_push_nor_read(source, aws):
    content = source.gem.build("acme", "1.0").read_bytes()
    base = ("codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken")
    for actions, body, status in (
        ((), b"not even a gem", 403),
        (("codeartifact:ReadFromRepository",), b"not even a gem", 400),
        (("codeartifact:ReadFromRepository",), content, 403),
        (("codeartifact:PublishPackageVersion",), content, 200),
    ):
        _, credentials = create_user(aws, allow(*base, *actions))
        who = aws.acting_as(credentials).codeartifact
        source.token = who.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        answer = source.push(body)
        assert answer.status == status, (actions, answer)


def test_who_may_read_may_not_push_or_yank(source, aws):
    content = source.gem.build("acme", "1.0").read_bytes()
    source.push(content)
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    answer = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=DOMAIN)
    source.token = answer["authorizationToken"]
    assert source.request("gems/acme-1.0.gem").body == content
    yank = source.request("api/v1/gems/yank", "DELETE", b"gem_name=acme&version=1.0")
    for refusal in (source.push(content), yank):
        assert refusal.status == 403 and "not authorized" in refusal.body.decode()
