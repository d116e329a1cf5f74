"""CodeArtifact's endpoints beside those who serve packages too: nginx, Verdaccio, pypiserver and devpi.

The same packages for all, on the same machine. nginx is also the stand-in for the public sources: it serves a registry
and an index of files, so that what lies between it and npm or pip is the repository alone.
"""

import base64
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import threading
import time

import boto3
from ground import CONNECTIONS, ROOT, TARGET, Process, describe, resident_mebibytes

from harness.maven import pom
from harness.npm_registry import archive, document
from harness.plain_http import fetch
from harness.python_packages import form, wheel
from harness.server import ADMINISTRATOR, REGION, Server, free_port

PEERS = ROOT / ".tools/bench-packages/bin"
NPM_PEERS = ROOT / ".tools/bench-npm/node_modules/.bin"
SIMPLE = "application/vnd.pypi.simple.v1+json"
DOMAIN, REPOSITORY = "bench", "bench"
VERSIONS_OF = (
    "<metadata><groupId>bench</groupId><artifactId>{name}</artifactId><versioning><versions><version>1.0.0</version>"
    "</versions></versioning></metadata>"
)
VERSIONS = 30
TREE, WHEELS = 500, 100


class Repository:
    """Ours: a server with one repository, and a token for it."""

    def __init__(self, folder, origins=None):
        folder.mkdir(parents=True)
        config = folder / "stagewright.toml"
        lines = [f'"{name}" = "{url}"' for name, url in (origins or {}).items()]
        config.write_text("\n".join(["[origins]", *lines, ""]))
        self.server = Server(folder, "--config", config).start()
        session = boto3.Session(ADMINISTRATOR.access_key_id, ADMINISTRATOR.secret_access_key, region_name=REGION)
        self.packages = session.client("codeartifact", endpoint_url=self.server.url)
        self.packages.create_domain(domain=DOMAIN)
        self.create(REPOSITORY)
        self.token = self.packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def create(self, name, connection=None):
        self.packages.create_repository(domain=DOMAIN, repository=name)
        if connection:
            self.packages.associate_external_connection(domain=DOMAIN, repository=name, externalConnection=connection)

    def endpoint(self, form, name=REPOSITORY):
        arguments = {"domain": DOMAIN, "repository": name, "format": form}
        return self.packages.get_repository_endpoint(**arguments)["repositoryEndpoint"]

    def deploy(self, name, content):
        """Puts any file as Maven does, and answers its address."""
        folder = f"{self.endpoint('maven')}bench/{name}"
        for path, body in (
            (f"1.0.0/{name}-1.0.0.jar", content),
            (f"1.0.0/{name}-1.0.0.pom", pom("bench", name, "1.0.0")),
            ("maven-metadata.xml", VERSIONS_OF.format(name=name)),
        ):
            body = body.encode() if isinstance(body, str) else body
            answer = fetch(f"{folder}/{path}", method="PUT", body=body, headers=self.headers)
            assert answer.status == 201, (answer.status, answer.body[:500])
        return f"{folder}/1.0.0/{name}-1.0.0.jar"

    def stop(self):
        self.server.stop()


class Nginx(Process):
    """Files of a folder, by nginx: `sendfile`, keep-alive, a worker for each core, no log."""

    def __init__(self, folder, root):
        folder.mkdir(parents=True)
        port = free_port()
        (folder / "nginx.conf").write_text(
            # Started by root it would read files as somebody else, who may not see them.
            f"{'user root; ' if os.geteuid() == 0 else ''}worker_processes auto; daemon off;\n"
            f"pid {folder}/pid; error_log {folder}/error.log;\n"
            "events { worker_connections 512; }\n"
            "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n"
            f"client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
            f"fastcgi_temp_path {folder}/fastcgi;\n"
            f"uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n"
            "types { application/octet-stream tgz whl bin; }\n"
            f"server {{ listen 127.0.0.1:{port}; root {root};\n"
            "location /npm/ { default_type application/json; }\n"
            f"location /simple/ {{ default_type {SIMPLE}; index index.json; }} }} }}\n"
        )
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        super().__init__([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], port)


def put(url, body, headers):
    answer = fetch(
        url, method="PUT", body=json.dumps(body).encode(), headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status in (200, 201), (answer.status, answer.body[:500])


def requests(folder, url, lines, *, headers=None, rounds=None, connections=CONNECTIONS, status=None):
    """Sends what the lines say (method, path, file of the body) to the server of `url`; the report."""
    origin = "/".join(url.split("/", 3)[:3])
    listed = folder / f"list-{len(list(folder.glob('list-*')))}"
    listed.write_text("\n".join(lines) + "\n")
    command = [TARGET / "bench", "requests", "--address", origin.removeprefix("http://"), "--list", listed]
    command += ["--connections", str(connections)]
    command += ["--rounds", str(rounds)] if rounds else []
    command += ["--status", str(status)] if status else []
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def path_of(url):
    return "/" + url.split("/", 3)[3]


def gets(folder, url, rounds, **options):
    return requests(folder, url, [f"GET {path_of(url)}"], rounds=rounds, **options)


def filler(size):
    """Bytes that do not compress, the same in each run."""
    return b"".join(hashlib.sha512(str(number).encode()).digest() for number in range(size // 64 + 1))[:size]


def measure_downloads(table, folder):
    """Assets of 100 KB and 100 MB, authorised and audited, beside nginx with the same file."""
    files = folder / "files"
    files.mkdir()
    (files / "small.bin").write_bytes(filler(100_000))
    (files / "large.bin").write_bytes(filler(100_000_000))
    ours, nginx = Repository(folder / "downloads"), Nginx(folder / "nginx", files)
    urls = {}
    for name in ("small", "large"):
        urls[name] = ours.deploy(name, (files / f"{name}.bin").read_bytes())
    for name, rounds, connections, goal in (("small", 20_000, CONNECTIONS, 0.6), ("large", 40, 4, 0.9)):
        reports = []
        for url, headers in ((urls[name], ours.headers), (f"{nginx.url}/{name}.bin", {})):
            gets(folder, url, rounds // 10, headers=headers, connections=connections)
            reports.append(gets(folder, url, rounds, headers=headers, connections=connections))
        mine, other = reports
        assert mine["bytes"] == other["bytes"], (mine, other)
        ratio = mine["rounds_per_second"] / other["rounds_per_second"]
        size = "100 KB" if name == "small" else "100 MB"
        table.add(
            f"download of {size}",
            describe(mine),
            f"nginx: {describe(other)}",
            f"{ratio:.2f} ×",
            f"≥ {goal} ×",
            ratio >= goal,
        )
    nginx.stop()
    ours.stop()


def verdaccio(folder):
    """Verdaccio, which lets anybody publish and has no uplink."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "config.yaml"
    config.write_text(
        f"storage: {folder}/storage\n"
        "web: {enable: false}\n"
        f"auth: {{htpasswd: {{file: {folder}/htpasswd}}}}\n"
        "uplinks: {}\n"
        "packages: {'**': {access: $all, publish: $anonymous}}\n"
        "max_body_size: 100mb\n"
        "log: {type: stdout, format: json, level: fatal}\n"
    )
    return Process([str(NPM_PEERS / "verdaccio"), "--config", str(config), "--listen", f"127.0.0.1:{port}"], port)


def add_index_row(table, what, ours, peer, name, goal=10):
    ratio = ours["rounds_per_second"] / peer["rounds_per_second"]
    table.add(what, describe(ours), f"{name}: {describe(peer)}", f"{ratio:.1f} ×", f"≥ {goal} ×", ratio >= goal)


def measure_indexes(table, folder):
    """Package documents, warm: what an installation asks for first."""
    ours = Repository(folder / "indexes")
    peer = verdaccio(folder / "verdaccio")
    for number in range(VERSIONS):
        version = f"1.{number}.0"
        body = document("padding", version, archive("padding", version, "on the left " * 20))
        put(ours.endpoint("npm") + "padding", body, ours.headers)
        put(f"{peer.url}/padding", body, {})
    url = ours.endpoint("npm") + "padding"
    gets(folder, url, 500, headers=ours.headers)
    mine = gets(folder, url, 20_000, headers=ours.headers)
    gets(folder, f"{peer.url}/padding", 200)
    add_index_row(table, "npm packument, 30 versions", mine, gets(folder, f"{peer.url}/padding", 2_000), "Verdaccio")
    tag = fetch(url, headers=ours.headers).headers["etag"]
    unchanged = gets(folder, url, 20_000, headers={**ours.headers, "If-None-Match": tag}, status=304)
    print(f"the same, 304: {describe(unchanged)}", flush=True)
    peer.stop()

    files = folder / "wheels"
    files.mkdir()
    for number in range(VERSIONS):
        name, content = wheel("padding", f"1.{number}.0")
        (files / name).write_bytes(content)
        body, kind = form("padding", f"1.{number}.0", name, content)
        answer = fetch(ours.endpoint("pypi"), method="POST", body=body, headers={**ours.headers, "Content-Type": kind})
        assert answer.status == 200, answer.body
    url = ours.endpoint("pypi") + "simple/padding/"
    gets(folder, url, 500, headers=ours.headers)
    mine = gets(folder, url, 20_000, headers=ours.headers)
    port = free_port()
    peer = Process([str(PEERS / "pypi-server"), "run", "-i", "127.0.0.1", "-p", str(port), str(files)], port)
    gets(folder, f"{peer.url}/simple/padding/", 100)
    add_index_row(
        table, "simple index, 30 files", mine, gets(folder, f"{peer.url}/simple/padding/", 1_000), "pypiserver"
    )
    peer.stop()
    peer, index = devpi(folder / "devpi", files)
    gets(folder, f"{index}/padding/", 100)
    add_index_row(table, "simple index, 30 files", mine, gets(folder, f"{index}/padding/", 1_000), "devpi")
    peer.stop()
    ours.stop()


def devpi(folder, files):
    """devpi with one index that holds the files: the process, and the address of the index."""
    port = free_port()
    subprocess.run([PEERS / "devpi-init", "--serverdir", folder, "--no-root-pypi"], check=True, capture_output=True)
    arguments = ["--serverdir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    peer = Process([str(PEERS / "devpi-server"), *arguments], port)
    client = [PEERS / "devpi"]
    where = ["--clientdir", folder / "client"]

    def run(*command):
        subprocess.run([*client, *command, *where], check=True, capture_output=True)

    run("use", peer.url)
    run("login", "root", "--password", "")
    run("index", "-c", "bench", "bases=")
    run("use", "root/bench")
    run("upload", "--no-vcs", "--from-dir", files)
    return peer, f"{peer.url}/root/bench/+simple"


def measure_publishing(table, folder, durable_writes, packages=1_000):
    """Small packages by 16 clients at once, each durable before its answer; against writing small documents."""
    ours = Repository(folder / "publishing")
    bodies = folder / "bodies"
    bodies.mkdir()
    endpoint = ours.endpoint("npm")
    lines = []
    for number in range(packages):
        name = f"small-{number}"
        (bodies / name).write_text(json.dumps(document(name, "1.0.0")))
        lines.append(f"PUT {path_of(endpoint)}{name} {bodies / name}")
    headers = {**ours.headers, "Content-Type": "application/json"}
    mine = requests(folder, endpoint, lines, headers=headers)
    ours.stop()
    peer = verdaccio(folder / "publishing-verdaccio")
    lines = [f"PUT /small-{number} {bodies}/small-{number}" for number in range(packages)]
    other = requests(folder, peer.url, lines, headers={"Content-Type": "application/json"})
    peer.stop()
    ratio = mine["rounds_per_second"] / other["rounds_per_second"]
    table.add(
        "publishing, 16 clients",
        describe(mine),
        f"Verdaccio: {describe(other)}",
        f"{ratio:.1f} ×",
        "≥ 1 ×",
        ratio >= 1,
    )
    ratio = mine["rounds_per_second"] / durable_writes
    table.add(
        "publishing, 16 clients",
        describe(mine),
        f"durable writes: {durable_writes:.0f}/s",
        f"{ratio:.2f} ×",
        "≥ 0.5 ×",
        ratio >= 0.5,
    )


class Tree:
    """A registry of npm and an index of Python as files: 500 packages that one depends on, and 100 wheels."""

    def __init__(self, root):
        self.root = root
        for folder in ("npm", "tarballs", "simple", "files"):
            (root / folder).mkdir(parents=True)

    def write(self, url):
        """Each needs the address that it is served at."""
        names = [f"leaf-{number}" for number in range(TREE - 1)]
        for name in names:
            self.package(url, name, filler(4_000), {})
        self.package(url, "tree", b"", dict.fromkeys(names, "^1.0.0"))
        self.wheels = [f"wheel-{number}" for number in range(WHEELS)]
        for name in self.wheels:
            file, content = wheel(name, "1.0.0")
            (self.root / "files" / file).write_bytes(content)
            entry = {
                "filename": file,
                "url": f"{url}/files/{file}",
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
                "size": len(content),
                "upload-time": "2020-01-02T03:04:05.678901Z",
            }
            page = {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0.0"], "files": [entry]}
            (self.root / "simple" / name).mkdir()
            (self.root / "simple" / name / "index.json").write_text(json.dumps(page))

    def package(self, url, name, filling, dependencies):
        content = archive(name, "1.0.0", base64.b64encode(filling).decode())
        (self.root / "tarballs" / f"{name}-1.0.0.tgz").write_bytes(content)
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        dist = {
            "tarball": f"{url}/tarballs/{name}-1.0.0.tgz",
            "integrity": integrity,
            "shasum": hashlib.sha1(content).hexdigest(),
        }
        version = {"name": name, "version": "1.0.0", "dependencies": dependencies, "dist": dist}
        packument = {
            "name": name,
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": version},
            "time": {"1.0.0": "2020-01-02T03:04:05.678Z"},
        }
        (self.root / "npm" / name).write_text(json.dumps(packument))


def took(command, folder, environment):
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began


def npm_ci(folder, registry, token=None):
    """A function that installs from a lock file with an empty cache, and tells the seconds that it took."""
    folder.mkdir(parents=True)
    npmrc = [f"registry={registry}", "audit=false", "fund=false", "update-notifier=false"]
    npmrc += [f"{registry.removeprefix('http:')}:_authToken={token}"] if token else []
    (folder / "npmrc").write_text("\n".join(npmrc) + "\n")
    (folder / "package.json").write_text(
        json.dumps({"name": "a", "version": "1.0.0", "dependencies": {"tree": "1.0.0"}})
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NPM_CONFIG_USERCONFIG": str(folder / "npmrc"),
        "npm_config_cache": str(folder / "cache"),
    }

    def lock():
        took(["npm", "install", "--package-lock-only"], folder, environment)

    def install():
        shutil.rmtree(folder / "cache", ignore_errors=True)
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        return took(["npm", "ci"], folder, environment)

    return lock, install


def pip_install(folder, index, names):
    folder.mkdir(parents=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = ROOT / ".tools/venv/bin/pip"

    def install():
        shutil.rmtree(folder / "target", ignore_errors=True)
        command = [pip, "install", "--no-cache-dir", "--no-deps", "--index-url", index, "--target", "target", *names]
        return took(command, folder, environment)

    return install


def measure_installing(table, folder, runs=3):
    """`npm ci` of 500 packages and `pip install` of 100 wheels, through a repository and straight from its origin."""
    tree = Tree(folder / "origin")
    nginx = Nginx(folder / "origin-nginx", tree.root)
    tree.write(nginx.url)
    origins = {"public:npmjs": f"{nginx.url}/npm/", "public:pypi": f"{nginx.url}/simple/"}
    ours = Repository(folder / "installing", origins)
    ours.create("npm", "public:npmjs")
    ours.create("pypi", "public:pypi")
    lock, straight = npm_ci(folder / "npm-straight", f"{nginx.url}/npm/")
    lock()
    registry = ours.endpoint("npm", "npm")
    _, through = npm_ci(folder / "npm-through", registry, ours.token)
    locked = (folder / "npm-straight/package-lock.json").read_text()
    ours_locked = json.loads(locked)
    for entry in ours_locked["packages"].values():
        if "resolved" in entry:
            file = entry["resolved"].rsplit("/", 1)[1]
            entry["resolved"] = f"{registry}{file.removesuffix('-1.0.0.tgz')}/-/{file}"
    (folder / "npm-through/package-lock.json").write_text(json.dumps(ours_locked))
    token = ours.token
    index = ours.endpoint("pypi", "pypi").replace("://", f"://aws:{token}@", 1) + "simple/"
    pip_straight = pip_install(folder / "pip-straight", f"{nginx.url}/simple/", tree.wheels)
    pip_through = pip_install(folder / "pip-through", index, tree.wheels)
    for what, direct, here in (
        (f"`npm ci` of {TREE} packages", straight, through),
        (f"`pip install` of {WHEELS} wheels", pip_straight, pip_through),
    ):
        direct()
        cold = here()
        warm_times, direct_times = [], []
        for _ in range(runs):
            direct_times.append(direct())
            warm_times.append(here())
        plain, warm = statistics.median(direct_times), statistics.median(warm_times)
        for state, seconds, goal in (("warm", warm, 1.05), ("cold", cold, 1.3)):
            ratio = seconds / plain
            table.add(
                f"{what}, {state}",
                f"{seconds:.2f} s",
                f"from its origin: {plain:.2f} s",
                f"{ratio:.2f} ×",
                f"≤ {goal} ×",
                ratio <= goal,
            )
    nginx.stop()
    ours.stop()


def measure_large_asset(table, folder, size=2 * 1024**3):
    """An asset of 2 GiB up and down, and what the server holds meanwhile."""
    ours = Repository(folder / "large")
    file = folder / "asset"
    piece = filler(1024 * 1024)
    digest = hashlib.sha256()
    with file.open("wb") as out:
        for _ in range(size // len(piece)):
            out.write(piece)
            digest.update(piece)
    arguments = {"domain": DOMAIN, "repository": REPOSITORY, "format": "generic", "namespace": "bench"}
    arguments |= {"package": "large", "packageVersion": "1"}
    peak = [0.0]
    watched = ours.server.process.pid

    def watch():
        while not over.wait(0.05):
            peak[0] = max(peak[0], resident_mebibytes(watched))

    over = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    with file.open("rb") as content:
        ours.packages.publish_package_version(
            **arguments, assetName="asset", assetContent=content, assetSHA256=digest.hexdigest()
        )
    up = time.monotonic() - began
    began = time.monotonic()
    body = ours.packages.get_package_version_asset(**arguments, asset="asset")["asset"]
    received = sum(len(chunk) for chunk in body.iter_chunks(1024 * 1024))
    down = time.monotonic() - began
    over.set()
    watcher.join()
    assert received == size
    ours.stop()
    table.add(
        "an asset of 2 GiB",
        f"up {up:.1f} s, down {down:.1f} s",
        "resident memory",
        f"{peak[0]:.0f} MiB",
        "< 150 MB",
        peak[0] < 143,
    )


MEASURES = {
    "downloads": measure_downloads,
    "indexes": measure_indexes,
    "installing": measure_installing,
    "large-asset": measure_large_asset,
}
