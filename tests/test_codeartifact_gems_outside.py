"""Gems and packages of NuGet from outside: through external connections, from a stand-in for the public sources."""

import base64
import datetime
import hashlib
import io
import json
import threading
import zipfile

import pytest

from harness.aws import Aws
from harness.gem import Gem
from harness.identities import unique
from harness.origin import Origin
from harness.plain_http import fetch
from harness.server import Server

RUBYGEMS, NUGET = "public:ruby-gems-org", "public:nuget-org"
DOMAIN = "gems-outside"
LEAF, ROOT = "outside-leaf", "outside-root"
BLOCKED = {"publish": "ALLOW", "upstream": "BLOCK"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A public source where one gem needs another; its list of gems is good for some minutes once it was asked for."""
    origin = Origin()
    author = Gem(tmp_path_factory.mktemp("author"), "http://127.0.0.1:1/", "none")
    origin.add_gem(LEAF, "1.2.0", author.build(LEAF, "1.2.0").read_bytes(), ruby=">= 2.5")
    origin.add_gem(LEAF, "2.0.0", author.build(LEAF, "2.0.0").read_bytes())
    root = author.build(ROOT, "0.1.0", dependencies=[(LEAF, "~> 1.0", ">= 1.1")])
    origin.add_gem(ROOT, "0.1.0", root.read_bytes(), f"{LEAF}:~> 1.0&>= 1.1")
    origin.add_nuget("First", "1.0.0", b"first")
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, origin):
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(
        f'[origins]\n"{RUBYGEMS}" = "{origin.url}/ruby/"\n"{NUGET}" = "{origin.url}/nuget/v3/index.json"\n'
    )
    server = Server(folder, "--config", config).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def packages(server):
    packages = Aws(server.url, server.administrator).codeartifact
    packages.create_domain(domain=DOMAIN)
    return packages


@pytest.fixture(autouse=True)
def healthy(origin):
    origin.fault, origin.delay = None, 0
    origin.requests.clear()


class Store:
    """A repository, with a connection unless it is to have an upstream."""

    def __init__(self, packages, form, upstream=None):
        self.packages, self.form, self.name = packages, form, unique("store")
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        links = [{"repositoryName": upstream.name}] if upstream else []
        packages.create_repository(**self.arguments, upstreams=links)
        if not upstream:
            connection = {"ruby": RUBYGEMS, "nuget": NUGET}[form]
            packages.associate_external_connection(**self.arguments, externalConnection=connection)
        self.endpoint = packages.get_repository_endpoint(**self.arguments, format=form)["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def request(self, path, method="GET", body=None, **headers):
        basic = base64.b64encode(f"aws:{self.token}".encode()).decode()
        return fetch(
            self.endpoint + path, method=method, body=body, headers={"Authorization": f"Basic {basic}", **headers}
        )

    def lines(self, name):
        answer = self.request(f"info/{name}")
        return answer.body.decode().splitlines()[1:] if answer.status == 200 else answer.status

    def json(self, path):
        answer = self.request(path)
        return json.loads(answer.body) if answer.status == 200 else answer.status

    def close(self, package):
        self.packages.put_package_origin_configuration(
            **self.arguments, format=self.form, package=package, restrictions=BLOCKED
        )

    def versions(self, package):
        """What the API says of the package."""
        try:
            listed = self.packages.list_package_versions(**self.arguments, format=self.form, package=package)
        except self.packages.exceptions.ResourceNotFoundException:
            return {}
        return {version["version"]: version["origin"]["originType"] for version in listed["versions"]}


@pytest.fixture
def gems(packages):
    return Store(packages, "ruby")


@pytest.fixture
def nuget(packages):
    return Store(packages, "nuget")


def read_at_once(store, path):
    """What twelve get that ask for the same at the same time."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(store.request(path))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {(answer.status, answer.body) for answer in answers}


def test_the_index_of_gems_outside(gems, origin):
    name, content = unique("gem"), b"archive"
    digest = hashlib.sha256(content).hexdigest()
    origin.add_gem(name, "1.0", content, "rack:~> 2.0&>= 2.0.1,json:>= 0", ruby=">= 2.5&< 4")
    origin.add_gem(name, "1.1-java", content)
    origin.add_gem(name, "1.2", content, checksum=None, ruby=">= 2")
    expected = [f"1.0 rack:~> 2.0&>= 2.0.1,json:>= 0|checksum:{digest},ruby:>= 2.5&< 4", f"1.1-java |checksum:{digest}"]
    assert gems.lines(name) == expected and gems.lines(name) == expected
    assert origin.count(f"/info/{name}") == 1
    assert read_at_once(gems, f"gems/{name}-1.0.gem") == {(200, content)}
    assert origin.count(f"/gems/{name}") == 1
    # What is no archive of a gem is served as it is; the index has told what clients need.
    assert gems.lines(name) == expected and gems.versions(name) == {"1.0": "EXTERNAL"}
    assert gems.request(f"gems/{name}-1.2.gem").status == 404
    absent = unique("absent")
    assert [gems.lines(absent) for _ in range(3)] == [404] * 3 and origin.count(absent) == 1


def test_the_list_of_gems_is_that_of_the_origin_and_the_own_ones(packages, gems, origin, tmp_path):
    own, taken = unique("own"), unique("taken")
    author = Gem(tmp_path / "author", gems.endpoint, gems.token)
    origin.add_gem(taken, "1.0", author.build(taken, "1.0").read_bytes())
    assert author.push(author.build(own, "1.0")).returncode == 0
    refused = author.push(author.build(taken, "1.0"))
    assert refused.returncode != 0 and "exists" in refused.stdout + refused.stderr
    answer = gems.request("versions")
    head, *lines = answer.body.decode().splitlines()
    assert head.startswith("created_at: ") and lines[0] == "---" and lines.count("---") == 1
    assert lines[-1].split(" ")[:2] == [own, "1.0"] and any(line.startswith(f"{ROOT} 0.1.0 ") for line in lines)
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["etag"] == f'"{hashlib.md5(answer.body).hexdigest()}"'
    known = gems.request("versions", **{"If-None-Match": answer.headers["etag"]})
    assert (known.status, known.body) == (304, b"")
    assert origin.count("/ruby/versions") <= 1
    assert own in gems.request("names").body.decode().splitlines()


def test_what_was_published_just_now_is_held_back(packages, gems, origin):
    name, now = unique("young"), datetime.datetime.now(datetime.UTC)
    origin.add_gem(name, "1.0", b"old", created_at="2020-01-02T03:04:05Z")
    origin.add_gem(name, "1.1", b"new", created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    repository = packages.describe_repository(**gems.arguments)["repository"]
    tag = {"key": "stagewright:quarantine-days", "value": "7"}
    packages.tag_resource(resourceArn=repository["arn"], tags=[tag])
    assert [line.split(" ")[0] for line in gems.lines(name)] == ["1.0"]
    assert gems.request(f"gems/{name}-1.0.gem").status == 200
    held = gems.request(f"gems/{name}-1.1.gem")
    assert held.status == 404 and b"quarantine" in held.body and origin.count(f"/gems/{name}-1.1") == 0


def test_an_origin_of_gems_is_not_believed(gems, origin):
    name = unique("lies")
    origin.add_gem(name, "1.0", b"other bytes", checksum="0" * 64)
    answer = gems.request(f"gems/{name}-1.0.gem")
    assert answer.status == 502 and b"hash" in answer.body and gems.versions(name) == {}
    for fault in ("html", "redirect", "error", "cut"):
        page, file = unique("broken"), unique("broken")
        origin.add_gem(file, "1.0", b"x" * 100)
        origin.fault = (fault, page)
        assert gems.lines(page) == 502
        origin.fault = (fault, f"/gems/{file}")
        assert gems.request(f"gems/{file}-1.0.gem").status == 502 and gems.versions(file) == {}
        origin.fault = None
        assert gems.request(f"gems/{file}-1.0.gem").status == 200


@pytest.mark.parametrize("form", ["ruby", "nuget"])
def test_a_name_of_ones_own_is_never_looked_for_outside(packages, origin, form):
    store, name = Store(packages, form), unique("internal")
    store.close(name)
    if form == "ruby":
        origin.add_gem(name, "99.0", b"malware")
        paths = (f"info/{name}", f"gems/{name}-99.0.gem")
    else:
        origin.add_nuget(name, "99.0.0", b"malware")
        paths = (f"v3/flatcontainer/{name}/index.json", f"v3/flatcontainer/{name}/99.0.0/{name}.99.0.0.nupkg")
    assert [store.request(path).status for path in paths] == [404, 404] and origin.count(name) == 0


def nupkg(identity, version):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            f"{identity}.nuspec",
            f"<package><metadata><id>{identity}</id><version>{version}</version><authors>Us</authors>"
            f"<description>About {identity}</description></metadata></package>",
        )
    return content.getvalue()


def test_packages_of_nuget_come_from_outside(packages, nuget, origin):
    down = Store(packages, "nuget", upstream=nuget)
    identity = unique("Acme").replace("_", ".")
    name, content = identity.lower(), nupkg(identity, "1.0.0")
    group = {"targetFramework": "net8.0", "dependencies": [{"id": "Acme.Core", "range": "[1.2.0, )"}]}
    origin.add_nuget(identity, "1.0.0", content, dependencyGroups=[group], description="What the index says")
    origin.add_nuget(identity, "1.1.0", nupkg(identity, "1.1.0"), page=f"{name}-2", listed=False)
    path = f"v3/flatcontainer/{name}"
    assert down.json(f"{path}/index.json") == {"versions": ["1.0.0", "1.1.0"]}
    (page,) = down.json(f"v3/registration/{name}/index.json")["items"]
    first, second = [leaf["catalogEntry"] for leaf in page["items"]]
    assert (first["description"], first["dependencyGroups"]) == ("What the index says", [group])
    assert (first["listed"], second["listed"]) == (True, False)
    assert first["packageContent"] == f"{down.endpoint}{path}/1.0.0/{name}.1.0.0.nupkg"
    assert origin.url not in json.dumps(page)
    # Its hash is asked for with the archive.
    assert origin.count("/catalog/") == 0
    assert read_at_once(down, f"{path}/1.0.0/{name}.1.0.0.nupkg") == {(200, content)}
    assert (origin.count(f"/catalog/{name}"), origin.count(f"/files/{name}")) == (1, 1)
    assert f"<id>{identity}</id>".encode() in down.request(f"{path}/1.0.0/{name}.nuspec").body
    assert down.request(f"{path}/1.1.0/{name}.1.1.0.nupkg").status == 200
    assert origin.count(f"/registration/{name}") == 1
    for store in (nuget, down):
        assert store.versions(name) == {"1.0.0": "EXTERNAL", "1.1.0": "EXTERNAL"}
    version = {**nuget.arguments, "format": "nuget", "package": name, "packageVersion": "1.0.0"}
    assert packages.describe_package_version(**version)["packageVersion"]["summary"] == f"About {identity}"
    absent = unique("absent")
    assert [nuget.json(f"v3/flatcontainer/{absent}/index.json") for _ in range(3)] == [404] * 3
    assert origin.count(absent) == 1


def test_an_origin_of_nuget_is_not_believed(nuget, origin):
    def answer(version="1.0.0", **told):
        name = unique("lies")
        origin.add_nuget(name, version, b"bytes", **told)
        answer = nuget.request(f"v3/flatcontainer/{name}/{version}/{name}.{version}.nupkg")
        assert nuget.versions(name) == {}
        return answer.status, answer.body.decode()

    other = base64.b64encode(hashlib.sha512(b"other").digest()).decode()
    for catalog, why in (
        ({"packageHash": other}, "hash"),
        ({"id": "Another"}, "no hash of"),
        ({"version": "2.0.0"}, "no hash of"),
        ({"packageHashAlgorithm": "MD5"}, "no hash of"),
    ):
        status, said = answer(catalog=catalog)
        assert status == 502 and why in said, said
    # What is elsewhere, or of another package, is not offered.
    for changes in ({"@id": "http://127.0.0.1:1/catalog.json"}, {"id": "Another"}, {"version": "one"}):
        assert answer(**changes)[0] == 404, changes
    name = unique("lies")
    origin.add_nuget(name, "1.0.0", b"bytes", page=name)
    index = f"/nuget/registration/{name}/index.json"
    origin.files[index] = origin.files[index].replace(origin.url.encode(), b"http://127.0.0.1:1")
    said = nuget.request(f"v3/flatcontainer/{name}/index.json")
    assert said.status == 502 and b"elsewhere" in said.body
    for fault in ("html", "redirect", "error", "cut"):
        for part in ("/registration/lies", "/catalog/lies", "/files/lies"):
            origin.fault = (fault, part)
            assert answer()[0] == 502, (fault, part)
        origin.fault = None


def test_gem_and_bundler_install_what_is_outside(packages, gems, origin, server, tmp_path):
    down = Store(packages, "ruby", upstream=gems)

    def bundle(name):
        user = Gem(tmp_path / name, down.endpoint, down.token)
        (user.folder / "Gemfile").write_text(f"source {user.source!r}\ngem {ROOT!r}\n")
        user.run("bundle", "install")
        assert f"{LEAF} (1.2.0)" in (user.folder / "Gemfile.lock").read_text()

    bundle("bundler")
    user = Gem(tmp_path / "gem", down.endpoint, down.token)
    said = user.install(ROOT)
    assert f"Successfully installed {LEAF}-1.2.0" in said and f"{ROOT}-0.1.0" in said
    for store in (gems, down):
        assert store.versions(ROOT) == {"0.1.0": "EXTERNAL"} and store.versions(LEAF) == {"1.2.0": "EXTERNAL"}
    version = {**gems.arguments, "format": "ruby", "package": ROOT, "packageVersion": "0.1.0"}
    described = packages.describe_package_version(**version)["packageVersion"]
    assert (described["summary"], described["licenses"]) == (f"About {ROOT}", [{"name": "MIT"}])
    listed = packages.list_package_version_dependencies(**version)["dependencies"]
    assert [(one["package"], one["versionRequirement"]) for one in listed] == [(LEAF, "~> 1.0, >= 1.1")]
    identity, nupkg_path = unique("stays"), "v3/flatcontainer/{0}/1.0.0/{0}.1.0.0.nupkg"
    nuget = Store(packages, "nuget")
    origin.add_nuget(identity, "1.0.0", nupkg(identity, "1.0.0"))
    assert nuget.request(nupkg_path.format(identity)).status == 200
    # What was seen and fetched goes on being served, also by a server that has nothing of it in memory.
    origin.stop()
    try:
        bundle("again")
        assert server.stop() == 0
        server.start()
        bundle("restarted")
        assert nuget.json(f"v3/flatcontainer/{identity}/index.json") == {"versions": ["1.0.0"]}
        assert nuget.request(nupkg_path.format(identity)).status == 200
        assert gems.request(f"gems/{LEAF}-2.0.0.gem").status == 502
    finally:
        origin.start()
