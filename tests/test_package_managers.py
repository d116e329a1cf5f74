"""uv, poetry, pnpm and yarn as they are, set up by `stagewright artifact login`."""

import json
import os
import pathlib
import subprocess

import pytest

from harness import command
from harness.aws import Aws
from harness.identities import unique
from harness.python_packages import wheel
from harness.server import REGION, Server

DOMAIN = "managers"
TIMEOUT_SECONDS = 120
TOOLS = pathlib.Path(__file__).parents[1] / ".tools"
POETRY, YARN = TOOLS / "poetry" / "bin" / "poetry", TOOLS / "yarn" / "node_modules" / ".bin" / "yarn"
UV, PNPM = TOOLS / "uv" / "bin" / "uv", TOOLS / "pnpm" / "node_modules" / ".bin" / "pnpm"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    record = {
        "id": "GHSA-leak",
        "summary": "It leaks",
        "database_specific": {"severity": "HIGH"},
        "affected": [
            {
                "package": {"ecosystem": "npm", "name": "@acme/leaky"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}],
            }
        ],
    }
    (folder / "osv.json").write_text(json.dumps(record))
    config = folder / "stagewright.toml"
    config.write_text(f'[advisories]\npath = "{folder}/osv.json"\n')
    server = Server(folder, "--config", config).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


class Home:
    """A home with a key in it, and package managers that are logged in there."""

    def __init__(self, server, folder):
        packages = Aws(server.url, server.administrator).codeartifact
        self.domain, self.repository = unique(DOMAIN), unique("repository")
        packages.create_domain(domain=self.domain)
        packages.create_repository(domain=self.domain, repository=self.repository)
        self.packages, self.folder = packages, folder / "home"
        (self.folder / ".aws").mkdir(parents=True)
        key = server.administrator
        (self.folder / ".aws" / "credentials").write_text(
            f"[default]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
        )
        self.environment = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}/.local/bin:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "AWS_ENDPOINT_URL": server.url,
            "AWS_DEFAULT_REGION": REGION,
            "UV_NO_PROGRESS": "1",
            "POETRY_NO_INTERACTION": "1",
            "POETRY_REQUESTS_MAX_RETRIES": "0",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "YARN_ENABLE_TELEMETRY": "0",
            "YARN_HTTP_RETRY": "0",
            "UV_PYTHON_DOWNLOADS": "never",
            "npm_config_fetch_retries": "0",
            "npm_config_update_notifier": "false",
        }

    def login(self, tool, *options):
        place = ("--domain", self.domain, "--repository", self.repository)
        variables = [name for name in os.environ if name.startswith(("AWS_", "XDG_", "UV_", "PNPM_", "npm_"))]
        environment = {**dict.fromkeys(variables), **self.environment}
        done = command.run("artifact", "login", "--tool", tool, *place, *options, environment=environment)
        assert done.returncode == 0, done.stderr

    def endpoint(self, form):
        found = self.packages.get_repository_endpoint(domain=self.domain, repository=self.repository, format=form)
        return found["repositoryEndpoint"]

    def tried(self, program, *arguments, cwd=None):
        return subprocess.run(
            [program, *map(str, arguments)],
            cwd=cwd or self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )

    def run(self, program, *arguments, cwd=None):
        """What it prints. Fails if it does."""
        done = self.tried(program, *arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def home(server, tmp_path):
    return Home(server, tmp_path)


def test_uv_publishes_locks_and_installs(home):
    home.login("uv", "--name", "ours")
    for name, requires in (("leaf", ()), ("root", ("leaf>=1.0",))):
        file, content = wheel(name, "1.0.0", requires=requires)
        (home.folder / file).write_bytes(content)
        place = ("--publish-url", home.endpoint("pypi"), "--username", "aws", "--keyring-provider", "subprocess")
        home.run(UV, "publish", *place, home.folder / file)
    target = home.folder / "target"
    home.run(UV, "pip", "install", "--python", "/usr/bin/python3", "--target", target, "root")
    assert (target / "root.py").exists() and (target / "leaf.py").exists()
    project = home.folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "application"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["root"]\n'
    )
    home.run(UV, "lock", "--python", "/usr/bin/python3", cwd=project)
    lock = (project / "uv.lock").read_text()
    assert 'name = "leaf"' in lock and home.endpoint("pypi").split("/d/")[1] in lock
    # It has nothing of its own that would let it in.
    (home.folder / ".aws" / "credentials").unlink()
    refused = home.tried(UV, "pip", "install", "--no-cache", "--target", home.folder / "other", "root")
    assert refused.returncode != 0 and not (home.folder / "other" / "root.py").exists()


def test_pnpm_publishes_installs_and_audits(home):
    home.login("pnpm")
    folder, project = home.folder / "leaky", home.folder / "project"
    for place in (folder, project):
        place.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "@acme/leaky", "version": "1.0.0"}))
    home.run(PNPM, "publish", "--no-git-checks", cwd=folder)
    manifest = {"name": "application", "version": "1.0.0", "dependencies": {"@acme/leaky": "1.0.0"}}
    (project / "package.json").write_text(json.dumps(manifest))
    home.run(PNPM, "install", cwd=project)
    assert (project / "node_modules" / "@acme" / "leaky" / "package.json").exists()
    found = home.tried(PNPM, "audit", "--json", cwd=project)
    (entry,) = json.loads(found.stdout)["advisories"].values()
    assert found.returncode == 1 and (entry["module_name"], entry["severity"]) == ("@acme/leaky", "high")
    missing = home.tried(PNPM, "add", "@acme/nothing", cwd=project)
    assert missing.returncode != 0 and "404" in missing.stdout + missing.stderr


def test_poetry_publishes_locks_and_installs(home):
    project = home.folder / "application"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "application"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = ["leaf"]\n'
        "[tool.poetry]\npackage-mode = false\n"
    )
    library = home.folder / "library"
    (library / "leaf").mkdir(parents=True)
    (library / "leaf" / "__init__.py").write_text("VERSION = 1\n")
    (library / "pyproject.toml").write_text(
        '[project]\nname = "leaf"\nversion = "1.0.0"\nrequires-python = ">=3.8"\n'
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    home.login("poetry", "--name", "ours", "--project", project)
    file, content = wheel("leaf", "1.0.0")
    (library / "dist").mkdir()
    (library / "dist" / file).write_bytes(content)
    home.run(POETRY, "publish", "--repository", "ours", cwd=library)
    home.run(POETRY, "config", "virtualenvs.in-project", "true", cwd=project)
    home.run(POETRY, "install", cwd=project)
    assert list(project.glob(".venv/lib/python3*/site-packages/leaf.py"))
    lock = (project / "poetry.lock").read_text()
    assert 'name = "leaf"' in lock and home.endpoint("pypi").split("/d/")[1] in lock
    missing = home.tried(POETRY, "add", "--source", "ours", "nothing-of-this-name", cwd=project)
    assert missing.returncode != 0 and "nothing-of-this-name" in missing.stdout + missing.stderr


def test_yarn_publishes_and_installs(home):
    home.login("yarn")
    folder, project = home.folder / "leaf", home.folder / "project"
    for place in (folder, project):
        place.mkdir()
        (place / "yarn.lock").write_text("")
    (folder / "package.json").write_text(json.dumps({"name": "@acme/yarn-leaf", "version": "1.0.0"}))
    home.run(YARN, "install", cwd=folder)
    home.run(YARN, "npm", "publish", cwd=folder)
    manifest = {"name": "application", "dependencies": {"@acme/yarn-leaf": "^1.0.0"}}
    (project / "package.json").write_text(json.dumps(manifest))
    (project / ".yarnrc.yml").write_text("nodeLinker: node-modules\nnpmPreapprovedPackages: ['@acme/*']\n")
    home.run(YARN, "install", cwd=project)
    assert (project / "node_modules" / "@acme" / "yarn-leaf" / "package.json").exists()
    assert "@acme/yarn-leaf@npm:1.0.0" in (project / "yarn.lock").read_text()
    missing = home.tried(YARN, "add", "@acme/nothing", cwd=project)
    assert missing.returncode != 0 and "404" in missing.stdout + missing.stderr
