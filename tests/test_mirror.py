"""Packages over an air gap: exported from a server that reaches the public sources, installed from another."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile

import pytest

from harness import command
from harness.cargo import Cargo, crate
from harness.identities import create_user, unique
from harness.mirror import DOMAIN, REPOSITORY, Own, Place
from harness.npm import Npm
from harness.origin import Origin, metadata
from harness.python_packages import Python, wheel

MAVEN = "public:maven-central"
CONNECTIONS = {"npm": "public:npmjs", "pypi": "public:pypi", "cargo": "public:crates-io"}


def tarball(name, version):
    """The bytes of an archive of npm."""
    content = io.BytesIO()
    files = {"package.json": json.dumps({"name": name, "version": version}), "index.js": "module.exports = 1;\n"}
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture(scope="module")
def origin():
    """A public source where, in each format, `mirror-root` needs `mirror-leaf` below 2."""
    origin = Origin()
    for version in ("1.0.0", "1.5.0", "2.0.0"):
        origin.add_npm("@acme/mirror-leaf", version, tarball("@acme/mirror-leaf", version))
        file, content = wheel("mirror-leaf", version)
        origin.add_pypi("mirror-leaf", file, content)
        origin.add_crate("mirror-leaf", version, crate("mirror-leaf", version))
    origin.add_npm("mirror-root", "1.0.0", tarball("mirror-root", "1.0.0"))
    manifest = origin.npm["mirror-root"]["versions"]["1.0.0"]
    manifest["dependencies"] = {"@acme/mirror-leaf": "^1.0.0"}
    requires = (
        "mirror-leaf>=1,<2",
        "mirror-nothing; extra == 'test'",
        "mirror-old; python_version < '3'",
    )
    file, content = wheel("mirror-root", "1.0.0", requires_python=">=3.8", requires=requires)
    origin.add_pypi("mirror-root", file, content, **{"requires-python": ">=3.8"})
    dependency = {"name": "mirror-leaf", "req": "^1", "features": [], "optional": False, "default_features": True}
    unused = {**dependency, "name": "mirror-nothing", "optional": True}
    origin.add_crate("mirror-root", "1.0.0", crate("mirror-root", "1.0.0"), deps=[dependency, unused])
    # What is optional there is nowhere to be had.
    origin.add_npm("mirror-optional", "1.0.0")
    origin.npm["mirror-optional"]["versions"]["1.0.0"]["optionalDependencies"] = {"mirror-nowhere": "^1.0.0"}
    file, content = wheel("mirror-optional", "1.0.0", requires=("mirror-windows; os_name == 'nt'",))
    origin.add_pypi("mirror-optional", file, content)
    file, content = wheel("mirror-extra", "1.0.0", requires=("mirror-nowhere; extra == 'more'",))
    origin.add_pypi("mirror-extra", file, content)
    # Its wheels need different things.
    for platform, requires in (("win32", ()), ("linux_x86_64", ("mirror-leaf<2",))):
        _, content = wheel("mirror-wheels", "1.0.0", requires=requires)
        origin.add_pypi("mirror-wheels", f"mirror_wheels-1.0.0-py3-none-{platform}.whl", content)
    # What was withdrawn is to be had by those who name it.
    file, content = wheel("mirror-yanked", "1.0.0")
    origin.add_pypi("mirror-yanked", file, content, yanked="broken")
    origin.add_crate("mirror-yanked", "1.0.0", crate("mirror-yanked", "1.0.0"), yanked=True)
    yield origin
    if origin.is_up:
        origin.stop()


@pytest.fixture(scope="module")
def inside(tmp_path_factory, origin):
    """The server that reaches the public sources."""
    paths = {"npm": "npm", "pypi": "simple", "cargo": "index"}
    origins = {CONNECTIONS[form]: f"{origin.url}/{path}/" for form, path in paths.items()}
    place = Place(tmp_path_factory.mktemp("inside"), origins, CONNECTIONS)
    yield place
    place.stop()


@pytest.fixture(scope="module")
def bundle(inside, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    done = inside.export(path, "npm:mirror-root", "pypi:mirror-root>=1", "cargo:mirror-root@1", "--python", "3.11")
    assert done.returncode == 0, done.stderr
    assert "2 versions of 2 packages of npm" in done.stdout
    assert done.stderr == ""
    assert hashlib.sha256(path.read_bytes()).hexdigest() in done.stdout
    return path


@pytest.fixture(scope="module")
def outside(tmp_path_factory, bundle):
    """The server that has only the bundle."""
    beside = tmp_path_factory.mktemp("maven")
    (beside / "secret").write_text("beside the repository")
    folder = beside / "repository"
    version = folder / "com" / "acme" / "app" / "1.0"
    version.mkdir(parents=True)
    (version / "app-1.0-link.jar").symlink_to(beside / "secret")
    (version / "app-1.0.jar").write_text("bytes of it")
    for file in list(version.iterdir()):
        (version / f"{file.name}.sha1").write_text(hashlib.sha1(file.read_bytes()).hexdigest())
    (version.parent / "maven-metadata.xml").write_bytes(metadata("com.acme", "app", {"1.0"}))
    origins = {**dict.fromkeys(CONNECTIONS.values(), bundle), MAVEN: folder}
    place = Place(tmp_path_factory.mktemp("outside"), origins, CONNECTIONS)
    yield place
    place.stop()


def test_a_bundle_has_what_is_needed_and_nothing_else(inside, bundle, tmp_path):
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for path, told in manifest["files"].items():
            content = archive.read(path)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (told["size"], told["sha256"])
        assert set(archive.namelist()) == {*manifest["files"], "manifest.json"}
    leaf, root = ["1.5.0"], ["1.0.0"]
    assert manifest["packages"] == {
        "npm": {"@acme/mirror-leaf": leaf, "mirror-root": root},
        "pypi": {"mirror-leaf": leaf, "mirror-root": root},
        "cargo": {"mirror-leaf": leaf, "mirror-root": root},
    }
    # What was exported was brought in, as any client's packages are.
    assert inside.versions("npm", "mirror-leaf", namespace="acme") == {"1.5.0": "EXTERNAL"}
    with zipfile.ZipFile(bundle) as archive:
        assert json.loads(archive.read("npm/mirror-root/index.json"))["time"] == {"1.0.0": "2020-01-02T03:04:05.678Z"}
    again = tmp_path / "again.zip"
    requirements = ("cargo:mirror-root@1", "npm:mirror-root", "pypi:mirror-root>=1", "--python", "3.11")
    assert inside.export(again, *requirements).returncode == 0
    assert again.read_bytes() == bundle.read_bytes(), "the same export is the same bytes"
    (tmp_path / "other").touch()
    assert bundle.stat().st_mode == (tmp_path / "other").stat().st_mode, "as any file that is written"


def test_package_managers_install_where_there_is_no_internet(outside, origin, tmp_path):
    origin.stop()
    try:
        npm = Npm(tmp_path / "npm")
        npm.login(outside.cli, DOMAIN, REPOSITORY)
        application = npm.application(**{"mirror-root": "^1.0.0"})
        npm.run("install", cwd=application)
        shutil.rmtree(application / "node_modules")
        npm.run("ci", cwd=application)
        assert (application / "node_modules" / "@acme" / "mirror-leaf" / "index.js").exists()
        python = Python(tmp_path / "python")
        python.login(outside.cli, "pip", DOMAIN, REPOSITORY)
        target = tmp_path / "target"
        python.run("pip", "install", "--target", target, "mirror-root")
        assert (target / "mirror_leaf.py").read_text() == "VERSION = '1.5.0'\n"
        cargo = Cargo(tmp_path / "cargo", outside.endpoint("cargo"), outside.token())
        dependencies = 'mirror-root = { version = "1", registry = "ours" }\n'
        application = cargo.project("application", dependencies=dependencies)
        cargo.run("build", cwd=application)
        assert cargo.lock(application) == {"application": "1.0.0", "mirror-root": "1.0.0", "mirror-leaf": "1.5.0"}
    finally:
        origin.start()
    for form, namespace in (("npm", {"namespace": "acme"}), ("pypi", {}), ("cargo", {})):
        assert outside.versions(form, "mirror-leaf", **namespace) == {"1.5.0": "EXTERNAL"}


def test_a_folder_is_an_origin_and_nothing_beside_it(outside):
    place = {"domain": DOMAIN, "repository": unique("maven")}
    outside.packages.create_repository(**place)
    outside.packages.associate_external_connection(**place, externalConnection=MAVEN)

    def read(file):
        return outside.get("maven", f"com/acme/app/1.0/{file}", repository=place["repository"])

    assert read("app-1.0.jar").body == b"bytes of it"
    assert read("app-1.0-sources.jar").status == 404
    link = read("app-1.0-link.jar")
    assert link.status == 502 and b"beside" not in link.body


def test_lock_files_are_taken_exactly(inside, origin, tmp_path):
    integrity = origin.npm["@acme/mirror-leaf"]["versions"]["2.0.0"]["dist"]["integrity"]
    entry = {"version": "2.0.0", "resolved": "https://registry.npmjs.org/x.tgz", "integrity": integrity}
    lock = tmp_path / "package-lock.json"
    lock.write_text(
        json.dumps({"packages": {"node_modules/@acme/mirror-leaf": entry, "node_modules/own": {"link": True}}})
    )
    file, content = wheel("mirror-leaf", "1.0.0")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"mirror_leaf==1.0.0 \\\n  --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    checksum = hashlib.sha256(origin.files["/crates/mirror-leaf/1.0.0/download"]).hexdigest()
    cargo = tmp_path / "Cargo.lock"
    cargo.write_text(
        f'version = 4\n[[package]]\nname = "mirror-leaf"\nversion = "1.0.0"\nchecksum = "{checksum}"\n'
        'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
    )
    output = tmp_path / "bundle.zip"
    done = inside.export(output, "--lock", lock, "--lock", requirements, "--lock", cargo)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(output) as archive:
        packages = json.loads(archive.read("manifest.json"))["packages"]
    assert packages == {
        "npm": {"@acme/mirror-leaf": ["2.0.0"]},
        "pypi": {"mirror-leaf": ["1.0.0"]},
        "cargo": {"mirror-leaf": ["1.0.0"]},
    }
    # What any lock file says of the bytes counts, and what was there stays if something is wrong.
    before = output.read_bytes()
    other = tmp_path / "other" / "Cargo.lock"
    other.parent.mkdir()
    other.write_text(cargo.read_text().replace(checksum, "0" * 64))
    done = inside.export(output, "--lock", cargo, "--lock", other)
    assert done.returncode == 1 and "another hash" in done.stderr
    shutil.rmtree(other.parent)
    lock.write_text(json.dumps({"packages": {"node_modules/mirror-root": {**entry, "version": "1.0.0"}}}))
    done = inside.export(output, "--lock", lock)
    assert done.returncode == 1 and "another hash" in done.stderr
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Cargo.lock",
        "bundle.zip",
        "package-lock.json",
        "requirements.txt",
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["npm:mirror-root@^9"], "no version of mirror-root fits"),
        (["npm:no-such-package"], "no package no-such-package"),
        (["pypi:mirror-root>=9"], "no file of mirror-root fits"),
        (["cargo:mirror-root@9"], "no version of mirror-root fits"),
        (["pypi:mirror-extra[more]"], "no project mirror-nowhere"),
        (["pypi:mirror-root", "--python", "three"], "no version of Python"),
        (["maven:com.acme:app:1"], "--maven FOLDER"),
        (["ruby:rails"], "npm, PyPI, Cargo and Maven packages only"),
        (["left-pad"], "is no requirement"),
        (["--lock", "/nowhere/Cargo.lock"], "/nowhere/Cargo.lock"),
    ],
)
def test_what_cannot_be_exported_is_said(inside, tmp_path, arguments, why):
    done = inside.export(tmp_path / "bundle.zip", *arguments)
    assert done.returncode in (1, 2) and why in done.stderr, done
    assert list(tmp_path.iterdir()) == []


def test_what_is_optional_and_cannot_be_had_is_left_out(inside, tmp_path):
    done = inside.export(tmp_path / "bundle.zip", "npm:mirror-optional", "pypi:mirror-optional")
    assert done.returncode == 0 and "1 versions of 1 packages of npm" in done.stdout
    assert "no version of mirror-nowhere fits" in done.stderr and "no file of mirror-windows fits" in done.stderr


def test_what_any_wheel_needs_is_needed_also_where_a_lock_file_named_one_of_them(inside, origin, tmp_path):
    digits = origin.pypi["mirror-wheels"]["files"][0]["hashes"]["sha256"]
    lock, output = tmp_path / "requirements.txt", tmp_path / "bundle.zip"
    lock.write_text(f"mirror-wheels==1.0.0 --hash=sha256:{digits}\n")
    done = inside.export(output, "pypi:mirror-wheels", "--lock", lock)
    assert done.returncode == 0, done
    with zipfile.ZipFile(output) as archive:
        packages = json.loads(archive.read("manifest.json"))["packages"]["pypi"]
    assert packages == {"mirror-leaf": ["1.5.0"], "mirror-wheels": ["1.0.0"]}


def test_who_may_not_read_exports_nothing(inside, tmp_path):
    _, nobody = create_user(inside.aws)
    done = inside.export(tmp_path / "bundle.zip", "npm:mirror-root", key=nobody)
    assert done.returncode == 1 and "not authorized" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_published_into_a_repository(inside, bundle, tmp_path):
    name = unique("own")
    inside.packages.create_repository(domain=DOMAIN, repository=name)
    place = ("--domain", DOMAIN, "--repository", name)
    digits = hashlib.sha256(bundle.read_bytes()).hexdigest()
    cut, other = tmp_path / "cut.zip", tmp_path / "other.zip"
    cut.write_bytes(bundle.read_bytes()[:-1])
    other.write_bytes(bundle.read_bytes().replace(b"VERSION = '1.5.0'", b"VERSION = '6.6.6'"))
    for path, options, why in (
        (cut, (), "cut off"),
        (other, (), "another hash"),
        (bundle, ("--sha256", "0" * 64), "another SHA-256"),
    ):
        done = inside.mirror("import", path, *place, *options)
        assert done.returncode == 1 and why in done.stderr, done
    assert inside.packages.list_packages(domain=DOMAIN, repository=name)["packages"] == []
    for published in ("6 files published, 0 were there", "0 files published, 6 were there"):
        done = inside.mirror("import", bundle, *place, "--sha256", digits)
        assert done.returncode == 0 and published in done.stdout, done
    for form, namespace in (("npm", {"namespace": "acme"}), ("pypi", {}), ("cargo", {})):
        package = {"domain": DOMAIN, "repository": name, "format": form, "package": "mirror-leaf", **namespace}
        (version,) = inside.packages.list_package_versions(**package)["versions"]
        assert (version["version"], version["origin"]["originType"]) == ("1.5.0", "INTERNAL")
    root = {
        "domain": DOMAIN,
        "repository": name,
        "format": "cargo",
        "package": "mirror-root",
        "packageVersion": "1.0.0",
    }
    listed = inside.packages.list_package_version_dependencies(**root)["dependencies"]
    assert [dependency["package"] for dependency in listed] == ["mirror-leaf", "mirror-nothing"]
    assert b">=3.8" in inside.get("pypi", "simple/mirror-root/", repository=name).body.replace(b"&gt;", b">")


def test_what_was_decided_in_a_repository_stays_when_a_bundle_comes_again(inside, bundle):
    own = Own(inside)
    assert own.imported(bundle)[0] == 0
    own.become("Archived", "1.0.0", "npm", "mirror-root")
    own.become("Unlisted", "1.5.0", "pypi", "mirror-leaf")
    own.become("Unlisted", "1.5.0", "cargo", "mirror-leaf")
    inside.packages.dispose_package_versions(**own.of("cargo", "mirror-root"), versions=["1.0.0"])
    inside.packages.delete_package_versions(**own.of("pypi", "mirror-root"), versions=["1.0.0"])
    code, said = own.imported(bundle)
    assert code == 0 and "1 files published, 4 were there" in said, said
    assert "mirror-root-1.0.0.crate is not published" in said and "Disposed" in said
    assert own.versions("npm", "mirror-root") == {"1.0.0": "Archived"}
    assert own.versions("pypi", "mirror-leaf") == own.versions("cargo", "mirror-leaf") == {"1.5.0": "Unlisted"}
    assert own.versions("cargo", "mirror-root") == {"1.0.0": "Disposed"}
    assert own.versions("pypi", "mirror-root") == {"1.0.0": "Published"}


def test_names_of_versions_move_forward_only(inside, bundle, tmp_path):
    own, leaf = Own(inside), "@acme%2fmirror-leaf"
    older, newer = tmp_path / "older.zip", tmp_path / "newer.zip"
    assert inside.export(older, "npm:@acme/mirror-leaf@1.0.0").returncode == 0
    assert inside.export(newer, "npm:@acme/mirror-leaf@2.0.0").returncode == 0
    assert own.imported(bundle)[0] == 0 and own.tags(leaf) == {"latest": "1.5.0"}
    assert own.imported(older)[0] == 0 and own.tags(leaf) == {"latest": "1.5.0"}
    assert own.imported(newer)[0] == 0 and own.tags(leaf) == {"latest": "2.0.0"}
    assert own.versions("npm", "mirror-leaf", "acme") == dict.fromkeys(("1.0.0", "1.5.0", "2.0.0"), "Published")
    assert own.imported(bundle)[0] == 0 and own.tags(leaf) == {"latest": "2.0.0"}


def test_what_was_yanked_arrives_yanked(inside, origin, tmp_path):
    own, output = Own(inside), tmp_path / "bundle.zip"
    checksum = hashlib.sha256(origin.files["/crates/mirror-yanked/1.0.0/download"]).hexdigest()
    lock = tmp_path / "Cargo.lock"
    lock.write_text(
        f'version = 4\n[[package]]\nname = "mirror-yanked"\nversion = "1.0.0"\nchecksum = "{checksum}"\n'
        'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
    )
    done = inside.export(output, "pypi:mirror-yanked==1.0.0", "--lock", lock)
    assert done.returncode == 0, done.stderr
    for published in ("2 files published", "0 files published"):
        code, said = own.imported(output)
        assert code == 0 and published in said, said
        for form in ("pypi", "cargo"):
            assert own.versions(form, "mirror-yanked") == {"1.0.0": "Unlisted"}


def forged(bundle, path, changes):
    """A bundle with other files, which its manifest knows; `None` takes a file away."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    files = {name: content for name, content in {**files, **changes}.items() if content is not None}
    packages = files.pop("packages", None)
    manifest["packages"] = packages or manifest["packages"]
    manifest["files"] = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, "manifest.json": json.dumps(manifest)}.items():
            archive.writestr(name, content)
    return path


def test_a_bundle_reaches_no_other_packages_than_it_tells_of(inside, bundle, tmp_path):
    own = Own(inside)
    assert own.imported(bundle)[0] == 0
    with zipfile.ZipFile(bundle) as archive:
        line = json.loads(archive.read("cargo/mi/rr/mirror-leaf"))
        packument = archive.read("npm/mirror-root/index.json")
        page = archive.read("pypi/mirror-root/index.json")
    yanks = json.dumps({**line, "yanked": True}).encode()
    escapes = {"cargo": {"mirror-root/1.0.0/yank?": ["1.0.0"]}}
    for changes, why in (
        ({"cargo/mi/rr/mirror-root": yanks}, "another crate"),
        ({"packages": escapes, "cargo/mi/rr/mirror-root/1.0.0/yank?": yanks}, "no name of a package"),
        ({"packages": {"npm": {"../mirror": []}}}, "the bundle has no npm"),
        (
            {"npm/mirror-root/index.json": packument.replace(b'"name":"mirror-root"', b'"name":"mirror-stem"')},
            "another",
        ),
        ({"pypi/mirror-root/index.json": page.replace(b'"mirror-root"', b'"mirror-leaf"')}, "another project"),
    ):
        code, said = own.imported(forged(bundle, tmp_path / "forged.zip", changes))
        assert code == 1 and why in said, said
    assert own.versions("cargo", "mirror-leaf") == {"1.5.0": "Published"}
    assert own.versions("cargo", "mirror-root") == {"1.0.0": "Published"}


def test_a_bundle_that_was_cut_off_is_no_origin(bundle, tmp_path):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-1])
    config = tmp_path / "stagewright.toml"
    config.write_text(f'[origins]\n"public:npmjs" = "{cut}"\n')
    done = command.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--config", config)
    assert done.returncode == 1 and "cut off" in done.stderr and "public:npmjs" in done.stderr
    config.write_text(f'[origins]\n"public:nuget-org" = "{bundle}"\n')
    done = command.run("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--config", config)
    assert done.returncode == 1 and "from an address only" in done.stderr


def test_another_bundle_takes_the_place_of_one(inside, outside, bundle, tmp_path):
    """It is put there in one step; what comes in from then on is out of it."""
    file = wheel("mirror-leaf", "2.0.0")[0]
    path = f"simple/mirror-leaf/2.0.0/{file}"
    assert outside.get("pypi", path).status == 404
    new = tmp_path / "new.zip"
    assert inside.export(new, "pypi:mirror-leaf", f"npm:{unique('x')}").returncode == 1
    assert inside.export(new, "pypi:mirror-leaf", "npm:@acme/mirror-leaf", "cargo:mirror-leaf").returncode == 0
    shutil.copy(new, bundle.parent / "next")
    (bundle.parent / "next").rename(bundle)
    # What was seen of a package is good for five minutes: one that nobody asked for yet is seen as it is now.
    other = outside.packages.create_repository(domain=DOMAIN, repository="fresh")["repository"]["name"]
    outside.packages.associate_external_connection(
        domain=DOMAIN, repository=other, externalConnection=CONNECTIONS["pypi"]
    )
    assert outside.get("pypi", path, repository=other).status == 200
