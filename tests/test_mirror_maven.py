"""Maven over an air gap: what mvn has used is exported, and another mvn works with it without the public source."""

import hashlib
import json
import shutil
import zipfile

import pytest

from harness.maven import DEPLOY, Maven, jar, plugins, pom
from harness.mirror import DOMAIN, REPOSITORY, Own, Place
from harness.origin import Origin

CONNECTIONS = {"maven": "public:maven-central"}
GROUP, PLEXUS = "com.acme", "org.codehaus.plexus"
LIBRARY = jar(com__acme__library_txt="text")


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A public source with the plug-in that deploys, and a library whose POM has a parent."""
    origin = Origin()
    origin.folder = plugins(tmp_path_factory.mktemp("plugins"))
    parent = f"<parent><groupId>{GROUP}</groupId><artifactId>parent</artifactId><version>3</version></parent>"
    for artifact, version, text in (
        ("parent", "3", pom(GROUP, "parent", "3", packaging="pom")),
        ("library", "1.0", pom(GROUP, "library", "1.0", parent)),
        ("library", "2.0", pom(GROUP, "library", "2.0")),
    ):
        origin.add_maven(GROUP, artifact, version, text.encode(), "pom")
    for version in ("1.0", "2.0"):
        origin.add_maven(GROUP, "library", version, LIBRARY)
    # With every extension, mvn wants a library of its own.
    for content, extension in ((jar(), "jar"), (pom(PLEXUS, "plexus-utils", "1.1").encode(), "pom")):
        origin.add_maven(PLEXUS, "plexus-utils", "1.1", content, extension)
    yield origin
    if origin.is_up:
        origin.stop()


@pytest.fixture(scope="module")
def inside(tmp_path_factory, origin):
    folder = tmp_path_factory.mktemp("inside")
    place = Place(folder, {CONNECTIONS["maven"]: f"{origin.url}/maven2/"}, CONNECTIONS)
    yield place
    place.stop()


def mvn(place, folder, repository=REPOSITORY):
    found = place.packages.get_repository_endpoint(domain=DOMAIN, repository=repository, format="maven")
    return Maven(folder, found["repositoryEndpoint"], place.token())


def build(user):
    """A build that needs a library while it is read, and a plug-in with all that it needs while it runs."""
    project = user.folder / "project"
    project.mkdir(exist_ok=True)
    extension = (
        f"<extension><groupId>{GROUP}</groupId><artifactId>library</artifactId><version>1.0</version></extension>"
    )
    inner = f"<build><extensions>{extension}</extensions></build>"
    (project / "pom.xml").write_text(pom(GROUP, "app", "1", inner, packaging="pom"))
    target = user.folder / "target"
    arguments = [f"-Dfile={project / 'pom.xml'}", f"-DpomFile={project / 'pom.xml'}", "-DrepositoryId=x"]
    user.run(DEPLOY, *arguments, f"-Durl=file://{target}", cwd=project)
    assert (target / "com" / "acme" / "app" / "1" / "app-1.pom").exists()
    library = user.folder / "repository" / "com" / "acme" / "library" / "1.0" / "library-1.0.jar"
    assert library.read_bytes() == LIBRARY


@pytest.fixture(scope="module")
def local(inside, tmp_path_factory):
    """The local repository of a build."""
    user = mvn(inside, tmp_path_factory.mktemp("user"))
    build(user)
    return user.folder / "repository"


@pytest.fixture(scope="module")
def bundle(inside, local, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    done = inside.export(path, "--maven", local)
    assert done.returncode == 0 and "of maven" in done.stdout, done
    assert done.stderr == ""
    return path


def test_a_bundle_has_what_mvn_has_used(inside, local, bundle, tmp_path):
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.read("maven/com/acme/library/1.0/library-1.0.jar") == LIBRARY
        digits = archive.read("maven/com/acme/library/1.0/library-1.0.jar.sha256").decode()
        assert digits == hashlib.sha256(LIBRARY).hexdigest()
        assert b"<prefix>deploy</prefix>" in archive.read("maven/org/apache/maven/plugins/maven-metadata.xml")
    packages = manifest["packages"]["maven"]
    assert packages[f"{GROUP}:library"] == ["1.0"] and packages[f"{GROUP}:parent"] == ["3"]
    used = {path.stem for path in local.rglob("*") if path.suffix in (".pom", ".jar")}
    assert {f"{name.split(':')[1]}-{version}" for name, versions in packages.items() for version in versions} == used
    # What mvn only installed there, what goes on changing, and what mvn keeps for itself are left out.
    copy = tmp_path / "repository"
    shutil.copytree(local, copy)
    installed, snapshot = copy / "com/acme/own/1.0", copy / "com/acme/own/2-SNAPSHOT"
    for folder, stem in ((installed, "own-1.0"), (snapshot, "own-2-SNAPSHOT")):
        folder.mkdir(parents=True)
        (folder / f"{stem}.jar").write_bytes(jar())
        (folder / "_remote.repositories").write_text(f"#NOTE\n{stem}.jar>=\n")
    (copy / "com/acme/library/1.0/library-1.0-sources.jar.lastUpdated").write_text("error")
    again = tmp_path / "again.zip"
    done = inside.export(again, "--maven", copy)
    assert done.returncode == 0 and again.read_bytes() == bundle.read_bytes(), done
    assert "own 1.0 was installed there" in done.stderr and "own 2-SNAPSHOT is a snapshot" in done.stderr


def test_what_the_repository_does_not_have_is_no_bundle(inside, local, tmp_path):
    copy, output = tmp_path / "repository", tmp_path / "bundle.zip"
    done = inside.export(output, "--maven", tmp_path)
    assert done.returncode == 1 and "no file of a release" in done.stderr
    shutil.copytree(local, copy)
    library = copy / "com/acme/library/1.0/library-1.0.jar"
    library.write_bytes(jar(other="bytes"))
    done = inside.export(output, "--maven", copy)
    assert done.returncode == 1 and "another hash" in done.stderr
    shutil.copy(library, library.with_name("library-1.0-sources.jar"))
    shutil.copy(local / library.relative_to(copy), library)
    done = inside.export(output, "--maven", copy)
    assert done.returncode == 1 and "404" in done.stderr and "library-1.0-sources.jar" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]


def test_mvn_builds_where_there_is_only_the_bundle(inside, origin, bundle, tmp_path):
    place = Place(tmp_path / "outside", {CONNECTIONS["maven"]: bundle}, CONNECTIONS)
    origin.stop()
    try:
        build(mvn(place, tmp_path / "first"))
        assert place.versions("maven", "library", namespace=GROUP) == {"1.0": "EXTERNAL"}
        assert place.get("maven", "com/acme/library/2.0/library-2.0.jar").status == 404
        own = Own(place)
        code, said = own.imported(bundle)
        assert code == 0 and " 0 were there" in said, said
        files = int(said.split(" ")[0])
        assert own.versions("maven", "library", GROUP) == {"1.0": "Published"}
        build(mvn(place, tmp_path / "second", own.name))
        for repository in (REPOSITORY, own.name):
            called = place.get("maven", "org/apache/maven/plugins/maven-metadata.xml", repository=repository)
            assert b"<prefix>deploy</prefix>" in called.body
        # What was begun is ended, and what was decided there stays.
        own.become("Archived", "3", "maven", "parent", GROUP)
        place.packages.delete_package_versions(**own.of("maven", "library", GROUP), versions=["1.0"])
        put = place.get("maven", "com/acme/library/1.0/library-1.0.jar", repository=own.name)
        assert put.status == 404
        code, said = own.imported(bundle)
        assert code == 0 and f"2 files published, {files - 2} were there" in said, said
        assert own.versions("maven", "library", GROUP) == {"1.0": "Published"}
        assert own.versions("maven", "parent", GROUP) == {"3": "Archived"}
    finally:
        origin.start()
        place.stop()
