"""`stagewright artifact login`: stock package managers set up by it, and asking it for tokens by themselves."""

import json
import os
import pathlib
import stat
import subprocess

import pytest

from harness import command
from harness.cargo import Cargo
from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.npm import Npm
from harness.plain_http import fetch
from harness.python_packages import Python, wheel
from harness.server import ADMINISTRATOR, REGION, binary

DOMAIN = "login-tests"


@pytest.fixture(scope="module")
def packages(aws):
    aws.codeartifact.create_domain(domain=DOMAIN)
    return aws.codeartifact


class Machine:
    """A home with a key in the shared credentials file, and none in the environment."""

    def __init__(self, packages, server, folder):
        self.name = unique("repository")
        packages.create_repository(domain=DOMAIN, repository=self.name)
        self.packages, self.url, self.home = packages, server.url, folder / "home"
        (self.home / ".aws").mkdir(parents=True)
        key = server.administrator
        (self.home / ".aws" / "credentials").write_text(
            f"[default]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n"
        )
        variables = [name for name in os.environ if name.startswith(("AWS_", "XDG_", "PIP_", "UV_", "CARGO_"))]
        self.environment = {**dict.fromkeys(variables), "HOME": str(self.home), "AWS_ENDPOINT_URL": server.url}
        self.environment["AWS_DEFAULT_REGION"] = REGION

    def tried(self, tool, *options, **environment):
        arguments = ("artifact", "login", "--tool", tool, "--domain", DOMAIN, "--repository", self.name, *options)
        return command.run(*arguments, environment={**self.environment, **environment})

    def login(self, tool, *options, **environment):
        done = self.tried(tool, *options, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def endpoint(self, kind):
        found = self.packages.get_repository_endpoint(domain=DOMAIN, repository=self.name, format=kind)
        return found["repositoryEndpoint"]

    def files(self):
        return {path: path.read_bytes() for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture
def machine(packages, server, tmp_path):
    return Machine(packages, server, tmp_path)


def test_npm(machine, tmp_path):
    npm = Npm(tmp_path / "npm")
    config = pathlib.Path(npm.environment["NPM_CONFIG_USERCONFIG"])
    config.write_text("; mine\nsave-exact=true\n")
    for _ in range(2):
        told = machine.login("npm", NPM_CONFIG_USERCONFIG=str(config))
    assert "log in again then" in told
    lines = config.read_text().splitlines()
    assert lines[:3] == ["; mine", "save-exact=true", f"registry={machine.endpoint('npm')}"] and len(lines) == 4
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    npm.run("publish", cwd=npm.project("left"))
    folder = npm.application(left="1.0.0")
    npm.run("install", cwd=folder)
    assert (folder / "node_modules" / "left" / "index.js").exists()


def test_twine(machine):
    python = Python(machine.home)
    (machine.home / ".pypirc").write_text("[distutils]\nindex-servers =\n    other\n\n[other]\nusername = me\n")
    machine.login("twine", "--name", "ours")
    file = python.write(*wheel("left", "1.0.0"))
    python.run("twine", "upload", "--repository", "ours", file)
    assert "username = me" in (machine.home / ".pypirc").read_text()
    listed = machine.packages.list_packages(domain=DOMAIN, repository=machine.name)["packages"]
    assert [package["package"] for package in listed] == ["left"]


def pip(machine, folder, package):
    """The stock pip, without the module keyring, so that it asks the program."""
    hidden = machine.home / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "keyring.py").write_text("raise ImportError\n")
    python = Python(machine.home)
    # Before version 23.1 pip asks nobody at all when it may not ask at the terminal.
    del python.environment["PIP_NO_INPUT"]
    python.environment |= {"PATH": f"{machine.home}/.local/bin:/usr/bin:/bin", "PYTHONPATH": str(hidden)}
    return python.tried("pip", "install", "--target", folder, package)


def test_pip_asks_for_a_token_by_itself(machine, tmp_path):
    machine.login("twine")
    python = Python(machine.home)
    python.run("twine", "upload", "--repository", f"{DOMAIN}-{machine.name}", python.write(*wheel("left", "1.0.0")))
    told = machine.login("pip")
    config = (machine.home / ".config" / "pip" / "pip.conf").read_text()
    assert "http://aws@127.0.0.1" in config and "keyring-provider = subprocess" in config
    assert "for good" in told and "put its folder in front of the PATH" in told
    done = pip(machine, tmp_path / "target", "left")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "target" / "left.py").exists()
    (machine.home / ".aws" / "credentials").unlink()
    assert pip(machine, tmp_path / "other", "left").returncode != 0
    before = machine.files()
    machine.login("uv", **ADMINISTRATOR.environment())
    assert machine.files() == before | {
        machine.home / ".config" / "uv" / "uv.toml": (machine.home / ".config" / "uv" / "uv.toml").read_bytes()
    }


def test_keyring_hands_on_what_it_does_not_know(machine, tmp_path):
    machine.login("pip")
    ours, theirs = machine.home / ".local" / "bin", tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "keyring").write_text('#!/bin/sh\necho "theirs: $*"\n')
    (theirs / "keyring").chmod(0o755)

    def ask(*arguments, path=f"{ours}:{theirs}:/usr/bin:/bin"):
        environment = {"HOME": str(machine.home), "PATH": path}
        return subprocess.run([ours / "keyring", *arguments], env=environment, text=True, capture_output=True)

    own = machine.endpoint("pypi") + "simple/"
    token = ask("get", own, "aws").stdout.strip()
    ping = machine.endpoint("npm") + "-/ping"
    assert fetch(ping, headers={"Authorization": f"Bearer {token}"}).status == 200
    assert ask("--mode", "creds", "get", own).stdout.splitlines()[0] == "aws"
    assert ask("get", own, "somebody").returncode == 1
    elsewhere = own.replace("127.0.0.1", "elsewhere.test")
    for arguments in (("get", elsewhere, "aws"), ("set", own, "aws"), ("--list-backends",)):
        assert ask(*arguments).stdout == f"theirs: {' '.join(arguments)}\n"
    assert ask("get", elsewhere, "aws", path=f"{ours}:/usr/bin:/bin").returncode == 1
    (ours / "keyring").write_text("#!/bin/sh\n")
    refused = machine.tried("pip")
    assert refused.returncode == 1 and "another program" in refused.stderr and "--bin" in refused.stderr


def test_cargo_asks_for_a_token_by_itself(machine, tmp_path):
    cargo = Cargo(tmp_path / "cargo", "http://127.0.0.1:1/", "")
    cargo.environment = {**cargo.environment, "AWS_SHARED_CREDENTIALS_FILE": f"{machine.home}/.aws/credentials"}
    del cargo.environment["CARGO_REGISTRIES_OURS_TOKEN"]
    config = cargo.home / "config.toml"
    config.write_text("[net]\nretry = 0 # mine\n")
    machine.login("cargo", "--name", "ours", CARGO_HOME=str(cargo.home))
    text = config.read_text()
    assert text.startswith("[net]\nretry = 0 # mine\n") and f'index = "sparse+{machine.endpoint("cargo")}"' in text
    cargo.publish("abc", "1.0.0")
    folder = cargo.project("user", dependencies='abc = { version = "1", registry = "ours" }\n')
    assert cargo.lock(folder)["abc"] == "1.0.0"
    # What asks on behalf of another server is told nothing.
    config.write_text(config.read_text().replace('--server", "http://127.0.0.1', '--server", "http://127.0.0.2'))
    (folder / "Cargo.lock").unlink()
    refused = cargo.tried("update", cwd=folder)
    assert refused.returncode != 0 and "credential" in refused.stderr


def test_pnpm_has_a_program_that_prints_a_header(machine):
    machine.login("pnpm", "--namespace", "@acme")
    lines = dict(line.split("=", 1) for line in (machine.home / ".npmrc").read_text().splitlines())
    assert lines["@acme:registry"] == machine.endpoint("npm")
    (helper,) = [value for key, value in lines.items() if key.endswith("/:tokenHelper")]
    done = subprocess.run([helper], env={"HOME": str(machine.home)}, text=True, capture_output=True)
    answer = fetch(machine.endpoint("npm") + "-/ping", headers={"Authorization": done.stdout.strip()})
    assert answer.status == 200, done.stderr


def test_the_others_have_a_token_in_their_files(machine):
    for tool, file in (
        ("maven", ".m2/settings.xml"),
        ("yarn", ".yarnrc.yml"),
        ("poetry", ".config/pypoetry/auth.toml"),
        ("gradle", f".gradle/init.d/stagewright-{DOMAIN}-{machine.name}.gradle"),
    ):
        dry = machine.login(tool, "--dry-run", "--no-helper")
        assert "****" in dry and not (machine.home / file).exists(), dry
        token = machine.packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        given = machine.home / "token"
        given.write_text(token + "\n")
        machine.login(tool, "--token-file", given)
        before = machine.files()
        machine.login(tool, "--token-file", given)
        assert machine.files() == before and token in (machine.home / file).read_text()
        assert stat.S_IMODE((machine.home / file).stat().st_mode) == 0o600


def test_what_cannot_be_done_changes_nothing(machine):
    settings = machine.home / ".m2" / "settings.xml"
    settings.parent.mkdir()
    settings.write_text("<settings>")
    before = machine.files()
    for tool, options, why in (
        ("maven", (), "left as it is"),
        ("pip", ("--namespace", "x"), "only npm, pnpm and yarn"),
        ("npm", ("--domain-owner", "111111111111"), "not authorized"),
        ("npm", ("--profile", "nobody"), "profile nobody"),
        ("npm", ("--token-file", settings), "holds no token"),
    ):
        refused = machine.tried(tool, *options)
        assert refused.returncode == 1 and why in refused.stderr, refused.stderr
        assert machine.files() == before
    elsewhere = command.run("artifact", "token", "--url", "http://127.0.0.1/simple", environment=machine.environment)
    assert elsewhere.returncode == 1 and "no address of a repository" in elsewhere.stderr


def test_the_helper_of_cargo_speaks_its_protocol(machine):
    get = {"v": 1, "kind": "get", "registry": {"index-url": "sparse+https://elsewhere.test/"}}
    others = [{"v": 2}, {"v": 1, "kind": "login"}, get, {**get, "args": ["--server", machine.url]}]
    lines = ["nonsense", *map(json.dumps, others)]
    done = subprocess.run(
        [binary(), "--cargo-plugin"],
        input="\n".join(lines),
        text=True,
        capture_output=True,
    )
    hello, *answers = done.stdout.splitlines()
    assert hello == '{"v":[1]}' and done.returncode == 0
    kinds = ("other", "other", "operation-not-supported", "other", "url-not-supported")
    for answer, kind in zip(answers, kinds, strict=True):
        assert f'"kind":"{kind}"' in answer


def service_token(machine, *arguments, **environment):
    return command.run("artifact", "service-token", *arguments, environment={**machine.environment, **environment})


@pytest.fixture(scope="module")
def role(aws):
    return create_role(aws, trust(Service="codeartifact.amazonaws.com"), allow("codeartifact:*"))


def make(machine, role, *permissions, **environment):
    words = [word for permission in permissions for word in ("--permission", permission)]
    place = ("--domain", DOMAIN, "--repository", machine.name, "--role-arn", role)
    done = service_token(machine, "create", *place, *words, "--description", "for CI", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def listed(machine):
    done = service_token(machine, "list", "--domain", DOMAIN, "--json")
    tokens = json.loads(done.stdout)["serviceTokens"]
    return {token["tokenId"]: token for token in tokens if token["repository"] == machine.name}


def test_a_service_token_does_what_it_is_for_until_it_is_revoked(machine, aws, role, tmp_path):
    token = make(machine, role, "read", "publish")
    given = tmp_path / "token"
    given.write_text(token)
    npm = Npm(tmp_path / "npm")
    config = npm.environment["NPM_CONFIG_USERCONFIG"]
    told = machine.login("npm", "--token-file", given, NPM_CONFIG_USERCONFIG=config)
    assert "as long as the token that you gave" in told
    npm.run("publish", cwd=npm.project("left"))
    folder = npm.application(left="1.0.0")
    npm.run("install", cwd=folder)
    (known,) = listed(machine).values()
    assert (known["roleArn"], known["permissions"], known["description"]) == (role, ["READ", "PUBLISH"], "for CI")
    assert known["lastUsedTime"] and token not in json.dumps(known)
    name = f"service-token-{known['tokenId'].replace('-', '')}"

    def recorded():
        named = [{"AttributeKey": "EventName", "AttributeValue": "PublishPackageVersion"}]
        events = aws.cloudtrail.lookup_events(LookupAttributes=named)["Events"]
        who = [json.loads(event["CloudTrailEvent"])["userIdentity"]["arn"] for event in events]
        return any(arn.endswith(f"/{name}") for arn in who)

    until(recorded, 30, "the record of who published")
    made = [{"AttributeKey": "EventName", "AttributeValue": "CreateServiceToken"}]
    events = until(lambda: aws.cloudtrail.lookup_events(LookupAttributes=made)["Events"], 30, "its record")
    assert all(token not in event["CloudTrailEvent"] for event in events)
    assert service_token(machine, "revoke", "--domain", DOMAIN, known["tokenId"]).returncode == 0
    assert npm.tried("view", "left", cwd=folder).returncode != 0
    answer = fetch(machine.endpoint("npm") + "left", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401 and "revoked" in json.loads(answer.body)["error"]
    again = service_token(machine, "revoke", "--domain", DOMAIN, known["tokenId"])
    assert again.returncode == 1 and "no service token" in again.stderr and listed(machine) == {}


def test_a_service_token_does_nothing_else(machine, packages, role, aws):
    own = machine.endpoint("npm")

    def ask(token, method="GET", body=None, path="left", repository=machine.name):
        endpoint = own.replace(machine.name, repository)
        answer = fetch(endpoint + path, method=method, body=body, headers={"Authorization": f"Bearer {token}"})
        return answer.status, answer.body.decode()

    reader, publisher = make(machine, role, "read"), make(machine, role, "publish")
    assert ask(reader)[0] == 404 and ask(publisher)[0] == 403
    status, why = ask(reader, "PUT", b'"1.0.0"', "-/package/left/dist-tags/next")
    assert status == 403 and "session policy" in why, why
    assert ask(publisher, "PUT", b'"1.0.0"', "-/package/left/dist-tags/next")[0] == 404
    other = unique("repository")
    packages.create_repository(domain=DOMAIN, repository=other)
    assert ask(reader, repository=other) == (401, ask(reader, repository=other)[1])
    assert machine.name in ask(reader, repository=other)[1]
    assert ask(reader[:-1] + ("0" if reader[-1] != "0" else "1"))[0] == 401
    weak = create_role(aws, trust(Service="codeartifact.amazonaws.com"))
    assert ask(make(machine, weak, "read"))[0] == 403
    # The role is asked at each new session; without trust there is none.
    for permission, where, words in (
        ("read", create_role(aws, trust(Service="codebuild.amazonaws.com")), "trust policy"),
        ("read", "arn:aws:iam::123456789012:role/nobody", "cannot be assumed"),
    ):
        place = ("--domain", DOMAIN, "--repository", machine.name, "--role-arn", where, "--permission", permission)
        refused = service_token(machine, "create", *place)
        assert refused.returncode == 1 and words in refused.stderr, refused.stderr
    _, without = create_user(aws, allow("codeartifact:*"))
    place = ("--domain", DOMAIN, "--repository", machine.name, "--role-arn", role, "--permission", "read")
    refused = service_token(machine, "create", *place, **without.environment())
    assert refused.returncode == 1 and "iam:PassRole" in refused.stderr
    packages.delete_repository(domain=DOMAIN, repository=machine.name)
    assert ask(reader)[0] == 401 and listed(machine) == {}


def test_each_refusal_says_why(machine, packages):
    endpoint = machine.endpoint("npm")
    answer = fetch(endpoint + "left")
    assert answer.status == 401 and "ReadFromRepository" in json.loads(answer.body)["error"]
    upstream = unique("repository")
    packages.create_repository(domain=DOMAIN, repository=upstream)
    packages.update_repository(domain=DOMAIN, repository=machine.name, upstreams=[{"repositoryName": upstream}])
    token = packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
    headers = {"Authorization": f"Bearer {token}"}
    packages.put_package_origin_configuration(
        domain=DOMAIN,
        repository=machine.name,
        format="npm",
        package="left",
        restrictions={"publish": "ALLOW", "upstream": "BLOCK"},
    )
    answer = fetch(endpoint + "left", headers=headers)
    assert answer.status == 404 and "origin configuration of package left" in json.loads(answer.body)["error"]
    packages.create_package_group(domain=DOMAIN, packageGroup="/npm//closed$")
    packages.update_package_group_origin_configuration(
        domain=DOMAIN, packageGroup="/npm//closed$", restrictions={"INTERNAL_UPSTREAM": "BLOCK"}
    )
    answer = fetch(endpoint + "closed", headers=headers)
    assert answer.status == 404 and "package group /npm//closed$" in json.loads(answer.body)["error"]
    # Where the policy of the repository admits everybody, nobody needs a token.
    statement = {"Effect": "Allow", "Principal": "*", "Action": "codeartifact:ReadFromRepository", "Resource": "*"}
    packages.put_repository_permissions_policy(
        domain=DOMAIN,
        repository=machine.name,
        policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    assert fetch(endpoint + "other").status == 404
    assert json.loads(fetch(machine.endpoint("cargo") + "config.json").body)["auth-required"] is False


def test_doctor_proposes_the_addresses_of_the_machine(tmp_path):
    (tmp_path / ".npmrc").write_text("registry=https://user:secret@mirror.test/npm/\n")
    (tmp_path / ".m2").mkdir()
    mirror = "<mirror><id>m</id><mirrorOf>central</mirrorOf><url>https://mirror.test/maven</url></mirror>"
    (tmp_path / ".m2" / "settings.xml").write_text(f"<settings><mirrors>{mirror}</mirrors></settings>")
    settings = {name: None for name in os.environ if name.lower().startswith(("npm_config_", "pip_", "cargo_", "xdg_"))}
    environment = {**settings, "HOME": str(tmp_path), "PIP_INDEX_URL": "https://mirror.test/simple"}
    done = command.run("doctor", "--origins", "--json", environment=environment)
    proposed = {origin["connection"]: origin["url"] for origin in json.loads(done.stdout)["origins"]}
    assert proposed["public:npmjs"] == "https://mirror.test/npm/"
    assert proposed["public:pypi"] == "https://mirror.test/simple"
    assert proposed["public:maven-central"] == "https://mirror.test/maven"
    shown = command.run("doctor", "--origins", environment=environment).stdout
    assert shown.startswith("[origins]\n") and "secret" not in shown
