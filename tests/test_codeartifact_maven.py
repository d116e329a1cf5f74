"""Repositories of Maven: the stock mvn deploys and resolves; what other clients put and get; packages from outside."""

import base64
import email.utils
import hashlib
import http.client
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

from harness.aws import Aws
from harness.identities import allow, create_user, unique
from harness.maven import Maven, jar, plugins, pom
from harness.origin import Origin
from harness.plain_http import fetch
from harness.server import Server

CENTRAL, GOOGLE = "public:maven-central", "public:maven-googleandroid"
DOMAIN, GROUP = "maven-tests", "com.acme"
ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
PLEXUS = "org.codehaus.plexus"
STAMP = "20210728.194552"


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    origin = Origin()
    origin.folder = plugins(tmp_path_factory.mktemp("plugins"))
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, origin):
    folder = tmp_path_factory.mktemp("server")
    config = folder / "stagewright.toml"
    config.write_text(f'[origins]\n"{CENTRAL}" = "{origin.url}/maven2/"\n"{GOOGLE}" = "{origin.url}/google/"\n')
    server = Server(folder, "--config", config).start()
    yield server
    if server.process.poll() is None:
        assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def aws(server):
    return Aws(server.url, server.administrator)


@pytest.fixture(scope="module")
def packages(aws):
    aws.codeartifact.create_domain(domain=DOMAIN)
    return aws.codeartifact


@pytest.fixture(autouse=True)
def healthy(origin):
    origin.fault, origin.delay = None, 0
    origin.requests.clear()


class Repository:
    def __init__(self, packages, *upstreams, connection=None):
        self.packages, self.name = packages, unique("maven")
        links = [{"repositoryName": upstream.name} for upstream in upstreams]
        self.arguments = {"domain": DOMAIN, "repository": self.name}
        packages.create_repository(**self.arguments, upstreams=links)
        if connection:
            packages.associate_external_connection(**self.arguments, externalConnection=connection)
        endpoint = packages.get_repository_endpoint(**self.arguments, format="maven")
        self.endpoint = endpoint["repositoryEndpoint"]
        self.token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def request(self, path, method="GET", body=None, **headers):
        basic = base64.b64encode(f"aws:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **headers}
        return fetch(self.endpoint + path, method=method, body=body, headers=headers)

    def put(self, path, body):
        return self.request(path, "PUT", body)

    def get(self, path, **headers):
        return self.request(path, **headers)

    def package(self, artifact):
        return {**self.arguments, "format": "maven", "namespace": GROUP, "package": artifact}

    def statuses(self, artifact):
        """The versions of a package by name, as the API has them."""
        try:
            listed = self.packages.list_package_versions(**self.package(artifact))["versions"]
        except self.packages.exceptions.ResourceNotFoundException:
            return {}
        return {version["version"]: version["status"] for version in listed}

    def listed(self, artifact):
        """The versions that clients see."""
        answer = self.get(f"com/acme/{artifact}/maven-metadata.xml")
        return (
            []
            if answer.status == 404
            else [entry.text for entry in ElementTree.fromstring(answer.body).iter("version")]
        )

    def finish(self, artifact, *versions):
        return self.put(f"com/acme/{artifact}/maven-metadata.xml", metadata(artifact, *versions))

    def publish(self, artifact, version="1.0", content=None):
        path = f"com/acme/{artifact}/{version}/{artifact}-{version}"
        assert self.put(f"{path}.jar", content or jar()).status == 201
        assert self.put(f"{path}.pom", pom(GROUP, artifact, version).encode()).status == 201
        assert self.finish(artifact, version).status == 201

    def publish_build(self, artifact, number, content=b"build"):
        """A build of the snapshot of 1.0: its version."""
        build = f"1.0-{STAMP}-{number}"
        path = f"com/acme/{artifact}/1.0-SNAPSHOT/"
        assert self.put(f"{path}{artifact}-{build}.jar", content).status == 201
        assert self.put(f"{path}maven-metadata.xml", snapshot(artifact, number)).status == 201
        return build


def metadata(artifact, *versions):
    listed = "".join(f"<version>{version}</version>" for version in versions)
    return (
        f"<metadata><groupId>{GROUP}</groupId><artifactId>{artifact}</artifactId>"
        f"<versioning><versions>{listed}</versions></versioning></metadata>"
    ).encode()


def snapshot(artifact, number, value=None):
    value = value or f"1.0-{STAMP}-{number}"
    return (
        f"<metadata><groupId>{GROUP}</groupId><artifactId>{artifact}</artifactId><version>1.0-SNAPSHOT</version><versioning>"
        f"<snapshot><timestamp>{STAMP}</timestamp><buildNumber>{number}</buildNumber></snapshot><snapshotVersions>"
        f"<snapshotVersion><extension>jar</extension><value>{value}</value></snapshotVersion></snapshotVersions>"
        "</versioning></metadata>"
    ).encode()


def digest(algorithm, content):
    return hashlib.new(algorithm, content).hexdigest()


@pytest.fixture
def repository(packages):
    return Repository(packages)


def test_mvn_deploys_and_another_mvn_resolves(packages, origin, tmp_path):
    """mvn has nothing but the repository: its own plug-ins come through the connection, too."""
    store = Repository(packages, connection=CENTRAL)
    repository = Repository(packages, store)
    artifact, library = unique("app"), unique("library")
    author = Maven(tmp_path / "author", repository.endpoint, repository.token)
    content = jar(com__acme__app_txt="text")
    said = author.deploy(GROUP, artifact, "1.0", content)
    assert f"{repository.endpoint}org/apache/maven/plugins/maven-deploy-plugin" in said and "repo.maven" not in said
    author.deploy(GROUP, library, "2-SNAPSHOT", jar())
    assert repository.statuses(artifact) == {"1.0": "Published"}
    build, newest = sorted(repository.statuses(library).items())
    assert (build[1], newest) == ("Unlisted", ("2-SNAPSHOT", "Published"))
    described = packages.describe_package_version(**repository.package(artifact), packageVersion="1.0")
    assert described["packageVersion"]["displayName"] == "Our application"
    # What mvn loads for a build is all that is resolved without a plug-in: its parent, and extensions with their files.
    user = Maven(tmp_path / "user", repository.endpoint, repository.token)
    project = tmp_path / "project"
    project.mkdir()
    extensions = "".join(
        f"<extension><groupId>{GROUP}</groupId><artifactId>{name}</artifactId><version>{version}</version></extension>"
        for name, version in [(artifact, "1.0"), (library, "2-SNAPSHOT")]
    )
    (project / "pom.xml").write_text(pom(GROUP, "user", "1", f"<build><extensions>{extensions}</extensions></build>"))
    # With every extension, mvn wants a library of its own.
    for other, extension in ((jar(), "jar"), (pom(PLEXUS, "plexus-utils", "1.1").encode(), "pom")):
        origin.add_maven(PLEXUS, "plexus-utils", "1.1", other, extension)
    user.run("validate", cwd=project)
    resolved = user.folder / "repository" / "com" / "acme"
    assert (resolved / artifact / "1.0" / f"{artifact}-1.0.jar").read_bytes() == content
    assert (resolved / library / "2-SNAPSHOT" / f"{library}-2-SNAPSHOT.jar").exists()
    origins = packages.describe_package_version(
        **store.arguments,
        format="maven",
        namespace="org.apache.maven.plugins",
        package="maven-deploy-plugin",
        packageVersion="3.1.4",
    )["packageVersion"]
    assert origins["origin"]["domainEntryPoint"] == {"externalConnectionName": CENTRAL}
    assert origins["licenses"] == [] and origins["displayName"] == "Apache Maven Deploy Plugin"


def test_a_version_is_unfinished_until_its_metadata_comes(repository, packages):
    content, path = jar(), "com/acme/app/1.0/app-1.0.jar"
    assert repository.put(path, content).status == 201
    assert repository.statuses("app") == {"1.0": "Unfinished"} and repository.listed("app") == []
    unfinished = repository.get(path)
    assert unfinished.status == 404 and "Unfinished" in unfinished.body.decode()
    for algorithm in ALGORITHMS:
        assert repository.put(f"{path}.{algorithm}", digest(algorithm, content).encode()).status == 201
    assert repository.put("com/acme/app/1.0/app-1.0.pom", pom(GROUP, "app", "1.0").encode()).status == 201
    document = metadata("app", "0.9", "1.0")
    assert repository.put("com/acme/app/maven-metadata.xml.sha1", b"0" * 40).status == 404
    assert repository.put("com/acme/app/maven-metadata.xml", document).status == 201
    assert repository.put("com/acme/app/maven-metadata.xml.sha1", digest("sha1", document).encode()).status == 201
    assert repository.put("com/acme/app/maven-metadata.xml.md5", b"0" * 32).status == 400
    assert repository.statuses("app") == {"1.0": "Published"} and repository.listed("app") == ["1.0"]
    answer = repository.get(path)
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["x-checksum-sha1"] == digest("sha1", content)
    assert "last-modified" in answer.headers and answer.headers["content-type"] == "application/java-archive"
    served = repository.get("com/acme/app/maven-metadata.xml").body
    for algorithm in ALGORITHMS:
        assert repository.get(f"{path}.{algorithm}").body.decode() == digest(algorithm, content)
        assert repository.get(f"com/acme/app/maven-metadata.xml.{algorithm}").body.decode() == digest(algorithm, served)
    assets = packages.list_package_version_assets(**repository.package("app"), packageVersion="1.0")["assets"]
    assert [asset["name"] for asset in assets] == ["app-1.0.jar", "app-1.0.pom"]
    # The other way to finish one.
    assert repository.put("com/acme/app/1.1/app-1.1.jar", content).status == 201
    packages.update_package_versions_status(**repository.package("app"), versions=["1.1"], targetStatus="Published")
    assert repository.listed("app") == ["1.0", "1.1"]


def test_a_wrong_checksum_keeps_a_version_from_being_finished(repository):
    content, path = jar(), "com/acme/app/1.0/app-1.0.jar"
    assert repository.put(f"{path}.sha1", b"0" * 40).status == 404
    repository.put(path, content)
    wrong = repository.put(f"{path}.sha1", digest("sha1", content).upper().encode())
    assert wrong.status == 400 and "lower case" in wrong.body.decode()
    refused = repository.finish("app", "1.0")
    assert refused.status == 400 and "app-1.0.jar.sha1" in refused.body.decode()
    assert repository.statuses("app") == {"1.0": "Unfinished"}
    assert repository.put(f"{path}.sha1", digest("sha1", content).encode()).status == 201
    assert repository.finish("app", "1.0").status == 201
    # Of what is published, a wrong one changes nothing.
    assert repository.put(f"{path}.md5", b"0" * 32).status == 400
    assert repository.get(path).status == 200


def test_files_are_added_and_never_changed(repository, packages):
    repository.publish("app", content=b"one")
    path = "com/acme/app/1.0/app-1.0"
    assert repository.put(f"{path}.jar", b"one").status == 201
    other = repository.put(f"{path}.jar", b"other")
    assert other.status == 409 and "other content" in other.body.decode()
    assert repository.put(f"{path}-sources.jar", b"sources").status == 201
    assert repository.get(f"{path}-sources.jar").body == b"sources"
    assert repository.get(f"{path}.jar").body == b"one"
    packages.update_package_versions_status(**repository.package("app"), versions=["1.0"], targetStatus="Unlisted")
    assert repository.listed("app") == [] and repository.get(f"{path}.jar").status == 200
    assert repository.put(f"{path}-more.jar", b"more").status == 409
    packages.update_package_versions_status(**repository.package("app"), versions=["1.0"], targetStatus="Archived")
    hidden = repository.get(f"{path}.jar")
    assert hidden.status == 404 and "Archived" in hidden.body.decode()


def test_versions_stand_in_the_order_of_maven(repository):
    versions = ["1.0-alpha-1", "1.0-rc1", "1.0", "1.2", "1.10"]
    for version in reversed(versions):
        repository.publish("app", version)
    assert repository.listed("app") == versions
    document = ElementTree.fromstring(repository.get("com/acme/app/maven-metadata.xml").body)
    assert document.find("versioning/latest").text == document.find("versioning/release").text == "1.10"


def test_a_snapshot_is_its_newest_build(repository, packages):
    folder = "com/acme/app/1.0-SNAPSHOT"
    path = f"{folder}/app-1.0-{STAMP}-1.jar"
    assert repository.put(path, b"first").status == 201
    assert repository.finish("app", "1.0-SNAPSHOT").status == 201
    assert repository.statuses("app") == {f"1.0-{STAMP}-1": "Unfinished"} and repository.get(path).status == 404
    first = repository.publish_build("app", 1, b"first")
    second = repository.publish_build("app", 2, b"second")
    expected = {first: "Unlisted", second: "Unlisted", "1.0-SNAPSHOT": "Published"}
    assert repository.statuses("app") == expected and repository.listed("app") == ["1.0-SNAPSHOT"]
    assert repository.get(path).body == b"first"
    for name in (f"app-{second}.jar", "app-1.0-SNAPSHOT.jar"):
        assert repository.get(f"{folder}/{name}").body == b"second"
        assert repository.get(f"{folder}/{name}.sha1").body.decode() == digest("sha1", b"second")
    document = ElementTree.fromstring(repository.get(f"{folder}/maven-metadata.xml").body)
    assert document.find("versioning/snapshot/buildNumber").text == "2"
    assert document.find("versioning/snapshotVersions/snapshotVersion/value").text == second
    # One that comes late is not the newest.
    late = f"1.0-{STAMP}-0"
    assert repository.publish_build("app", 0, b"late") == late and repository.statuses("app")[late] == "Unlisted"
    assert repository.get(f"{folder}/app-1.0-SNAPSHOT.jar").body == b"second"
    # Without its builds, a snapshot is still there.
    builds = [first, second, late]
    packages.delete_package_versions(**repository.package("app"), versions=builds, expectedStatus="Unlisted")
    assert repository.get(f"{folder}/app-{second}.jar").body == b"second"
    assert repository.get(path).status == 404


def test_snapshots_of_upstreams_go_on_changing(repository, packages):
    down = Repository(packages, repository)
    first = repository.publish_build("app", 1, b"first")
    folder = "com/acme/app/1.0-SNAPSHOT"
    assert down.get(f"{folder}/app-{first}.jar").body == b"first"
    second = repository.publish_build("app", 2, b"second")
    assert down.get(f"{folder}/app-1.0-SNAPSHOT.jar").body == b"second"
    assert second.encode() in down.get(f"{folder}/maven-metadata.xml").body
    # An older build is what it was, and stays.
    assert down.get(f"{folder}/app-{first}.jar").body == b"first"
    packages.delete_package(**repository.package("app"))
    assert down.get(f"{folder}/app-{first}.jar").body == b"first"
    assert down.get(f"{folder}/app-1.0-SNAPSHOT.jar").status == 404


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("com/acme/app/1.0/../../x-1.0.jar", b"", "no name"),
        ("com/acme/app/1.0/%2e%2e/app-1.0.jar", b"", "no name"),
        ("com/acme/app/1.0/other-1.0.jar", b"", "not that of its artifact"),
        ("com/acme/app/1.0/app-1.1.jar", b"", "not that of its artifact"),
        ("com/acme/" + "a" * 256 + "/1.0/" + "a" * 256 + "-1.0.jar", b"", "no name"),
        ("com/acme/app/1.0/app-1.0-" + "c" * 600 + ".jar", b"", "too long"),
        ("app-1.0.jar", b"", "GROUP/ARTIFACT"),
        ("com/acme/app/1.0-SNAPSHOT/app-1.0-SNAPSHOT.jar", b"", "unique"),
        (f"com/acme/app/1.0-{STAMP}-1/app-1.0-{STAMP}-1.jar", b"", "folder of the snapshot"),
        ("com/acme/app/1.0/app-1.0.pom", b"<project", "well-formed"),
        ("com/acme/app/1.0/app-1.0.pom", pom(GROUP, "other", "1.0").encode(), "other:1.0"),
        ("com/acme/app/1.0/app-1.0.pom", pom(GROUP, "app", "1.1").encode(), "app:1.1"),
        ("com/acme/app/maven-metadata.xml", metadata("app", "1.0"), "was uploaded"),
        ("com/acme/app/maven-metadata.xml", metadata("other", "1.0"), "another package"),
        ("com/acme/app/maven-metadata.xml", b"<html></html>", "no metadata"),
        ("com/acme/app/maven-metadata.xml", b"<metadata/>", "neither versions nor plugins"),
        ("com/acme/app/1.0-SNAPSHOT/maven-metadata.xml", snapshot("app", 1), "was uploaded"),
        ("com/acme/app/1.0-SNAPSHOT/maven-metadata.xml", snapshot("app", 1, value="2"), "list a file"),
        ("com/acme/app/1.0-SNAPSHOT/maven-metadata.xml", metadata("app", "1.0"), "timestamp"),
    ],
)
def test_what_does_not_fit_together_is_refused(repository, packages, path, body, why):
    answer = repository.put(path, body)
    assert answer.status == 400 and why in answer.body.decode(), answer
    assert packages.list_packages(**repository.arguments)["packages"] == []


def test_what_breaks_off_is_not_kept(repository, packages):
    url = urllib.parse.urlsplit(repository.endpoint)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    connection.putrequest("PUT", f"{url.path}com/acme/app/1.0/app-1.0.jar")
    connection.putheader("Authorization", f"Bearer {repository.token}")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    connection.send(b"only the beginning")
    connection.close()
    repository.publish("app", content=b"whole")
    assert repository.get("com/acme/app/1.0/app-1.0.jar").body == b"whole"
    assert repository.request("com/acme/app/1.0/app-1.0.jar", "DELETE").status == 405


def test_of_many_who_publish_the_same_one_wins(repository):
    answers = []

    def put(content):
        answers.append((repository.put("com/acme/app/1.0/app-1.0.jar", content).status, content))

    threads = [threading.Thread(target=put, args=(f"content {number}".encode(),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [201] + [409] * 7
    assert repository.finish("app", "1.0").status == 201
    assert (201, repository.get("com/acme/app/1.0/app-1.0.jar").body) in answers


def test_plugins_of_a_group_are_found_by_their_prefix(repository, packages):
    inside = "<plugin><name>Ours</name><goalPrefix>ours</goalPrefix></plugin>"
    repository.publish("ours-plugin", content=jar(**{"META-INF__maven__plugin_xml": inside}))

    def group(prefix, artifact="ours-plugin"):
        plugin = f"<plugin><name>x</name><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin>"
        return f"<metadata><plugins>{plugin}</plugins></metadata>".encode()

    down = Repository(packages, repository)
    for where in (repository, down):
        document = ElementTree.fromstring(where.get("com/acme/maven-metadata.xml").body)
        (plugin,) = document.findall("plugins/plugin")
        assert [entry.text for entry in plugin] == ["Ours", "ours", "ours-plugin"]
    assert repository.put("com/acme/maven-metadata.xml", group("ours")).status == 201
    sha1 = digest("sha1", group("ours")).encode()
    assert repository.put("com/acme/maven-metadata.xml.sha1", sha1).status == 201
    assert repository.put("com/acme/maven-metadata.xml", group("clean")).status == 400
    assert repository.put("com/acme/maven-metadata.xml", group("ours", "absent")).status == 400


def test_who_may_read_may_not_put(repository, aws):
    repository.publish("app")
    _, credentials = create_user(
        aws, allow("codeartifact:GetAuthorizationToken", "codeartifact:ReadFromRepository", "sts:GetServiceBearerToken")
    )
    theirs = aws.acting_as(credentials).codeartifact.get_authorization_token(domain=DOMAIN)
    assert fetch(repository.endpoint + "com/acme/app/maven-metadata.xml").status == 401
    assert fetch(repository.endpoint + "com/acme/app/2/app-2.jar", method="PUT", body=b"x").status == 401
    repository.token = theirs["authorizationToken"]
    assert repository.get("com/acme/app/1.0/app-1.0.jar").status == 200
    for path in ("app/2/app-2.jar", "app/1.0/app-1.0.jar.sha1", "app/maven-metadata.xml", "maven-metadata.xml.md5"):
        body = metadata("app", "1.0") if path.endswith(".xml") else b"x"
        answer = repository.put(f"com/acme/{path}", body)
        assert answer.status == 403 and "not authorized" in answer.body.decode(), path


def test_files_come_from_outside(packages, origin):
    store = Repository(packages, connection=CENTRAL)
    down = Repository(packages, store)
    name = unique("outside")
    origin.add_maven(GROUP, name, "1.0", b"archive")
    origin.add_maven(GROUP, name, "1.0", pom(GROUP, name, "1.0", "<description>Ours</description>").encode(), "pom")
    origin.add_maven(GROUP, name, "1.1-SNAPSHOT", b"snapshot")
    path = f"com/acme/{name}/1.0/{name}-1.0"
    assert down.listed(name) == ["1.0"] and down.statuses(name) == {}
    assert down.get(f"{path}.jar.sha1").body.decode() == digest("sha1", b"archive")
    assert down.get(f"{path}.jar.sha512").body.decode() == digest("sha512", b"archive")
    assert [down.get(f"{path}.{kind}").status for kind in ("jar", "pom")] == [200, 200]
    assert origin.count(f"{name}-1.0.jar") == 2, "the archive and its checksum"
    assert [down.get(f"{path}-sources.jar").status for _ in range(3)] == [404] * 3
    assert origin.count("-sources.jar") == 3, "one for each checksum that could be believed"
    for where in (store, down):
        described = packages.describe_package_version(**where.package(name), packageVersion="1.0")["packageVersion"]
        assert described["origin"]["domainEntryPoint"] == {"externalConnectionName": CENTRAL}
        assert described["summary"] == "Ours"
    assert down.get(f"com/acme/{name}/1.1-SNAPSHOT/{name}-1.1-SNAPSHOT.jar").status == 404


def test_files_that_are_new_outside_are_held_back(packages, origin):
    outside = Repository(packages, connection="public:maven-central")
    tag = {"key": "stagewright:quarantine-days", "value": "3"}
    arn = packages.describe_repository(**outside.arguments)["repository"]["arn"]
    packages.tag_resource(resourceArn=arn, tags=[tag])
    origin.add_maven("com.outside", "held", "1.0", b"content")
    path = "com/outside/held/1.0/held-1.0.jar"
    origin.modified = email.utils.formatdate(time.time() - 60, usegmt=True)
    try:
        held = outside.get(path)
        assert held.status == 404 and "stagewright:quarantine-days" in held.body.decode(), held
        packages.untag_resource(resourceArn=arn, tagKeys=[tag["key"]])
        assert outside.get(path).body == b"content"
    finally:
        origin.modified = None
    packages.tag_resource(resourceArn=arn, tags=[tag])
    origin.add_maven("com.outside", "old", "1.0", b"content")
    origin.modified = email.utils.formatdate(time.time() - 10 * 86_400, usegmt=True)
    try:
        assert outside.get("com/outside/old/1.0/old-1.0.jar").body == b"content"
    finally:
        origin.modified = None


def test_an_origin_that_lies_or_fails_is_not_believed(packages, origin):
    store = Repository(packages, connection=CENTRAL)
    name = unique("lies")
    origin.add_maven(GROUP, name, "1.0", b"archive", sha1="0" * 40)
    origin.add_maven(GROUP, name, "1.1", b"archive", sha1="<html>sign in</html>")
    origin.add_maven(GROUP, name, "1.2", b"archive", md5=digest("md5", b"archive"))
    origin.add_maven(GROUP, name, "1.3", b"archive", sha256=digest("sha256", b"archive"))
    answers = {number: store.get(f"com/acme/{name}/1.{number}/{name}-1.{number}.jar") for number in range(4)}
    assert {number: answer.status for number, answer in answers.items()} == {0: 502, 1: 502, 2: 404, 3: 200}
    assert "hash" in answers[0].body.decode() and "no checksum" in answers[1].body.decode()
    assert store.statuses(name) == {"1.3": "Published"}
    for fault in ("html", "redirect", "error", "cut"):
        other = unique("fails")
        origin.add_maven(GROUP, other, "1.0", b"archive")
        origin.fault = (fault, f"{other}-1.0.jar")
        assert store.get(f"com/acme/{other}/1.0/{other}-1.0.jar").status == 502, fault
        origin.fault = None
        assert store.statuses(other) == {}


def test_one_fetch_serves_many_and_names_of_ones_own_are_not_asked_for(packages, origin):
    store = Repository(packages, connection=CENTRAL)
    name = unique("popular")
    origin.add_maven(GROUP, name, "1.0", b"x" * 200_000)
    origin.delay = 0.2
    answers = []
    path = f"com/acme/{name}/1.0/{name}-1.0.jar"
    threads = [threading.Thread(target=lambda: answers.append(store.get(path).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8 and origin.count(f"{name}-1.0.jar") == 2
    besides = store.put(path.replace(".jar", "-more.jar"), b"more")
    assert besides.status == 403 and "origin configuration" in besides.body.decode()
    origin.delay = 0
    other = unique("taken")
    origin.add_maven(GROUP, other, "1.0", b"theirs")
    taken = store.put(f"com/acme/{other}/1.0/{other}-1.0.jar", b"ours")
    assert taken.status == 409 and "upstream" in taken.body.decode()
    own = unique("own")
    store.publish(own)
    origin.add_maven(GROUP, own, "99.0", b"malware")
    origin.requests.clear()
    assert store.get(f"com/acme/{own}/99.0/{own}-99.0.jar").status == 404
    assert store.listed(own) == ["1.0"] and origin.count(own) == 0


def test_what_came_in_is_served_while_the_origin_is_down(packages, origin):
    """The last one: an origin that could not be reached is left alone for a while."""
    store = Repository(packages, connection=CENTRAL)
    down = Repository(packages, store)
    name, unseen = unique("outside"), unique("unseen")
    origin.add_maven(GROUP, name, "1.0", b"archive")
    path = f"com/acme/{name}/1.0/{name}-1.0.jar"
    assert down.get(path).status == 200
    origin.stop()
    try:
        assert down.get(path).body == b"archive" and down.listed(name) == ["1.0"]
        answer = down.get(f"com/acme/{unseen}/1/{unseen}-1.jar")
        assert answer.status == 502 and "cannot be reached" in answer.body.decode()
    finally:
        origin.start()
