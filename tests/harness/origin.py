"""A stand-in for the public sources: a registry of npm, indexes of Python, cargo, RubyGems and NuGet, and a repository
of Maven that the tests fill, slow down, let lie and take away."""

import base64
import gzip
import hashlib
import http.server
import json
import threading
import time


class Origin:
    """Serves from a thread until `stop`; `start` lets it come back on the same port."""

    def __init__(self):
        self.npm, self.pypi, self.files = {}, {}, {}
        # A folder of files that a repository of Maven has, beside those that tests add.
        self.folder = None
        self.requests = []
        self.port = 0
        # What is done instead of answering: `("html" | "stall" | "redirect" | "error" | "cut", part of a path)`.
        self.fault = None
        self.delay = 0
        # The `Last-Modified` of every answer, if it is to have one.
        self.modified = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                origin.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.is_up = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        # Connections that are open already end with the next request.
        self.is_up = False
        self.server.shutdown()
        self.server.server_close()

    def count(self, part):
        """How often something was asked for."""
        return sum(part in path for path in self.requests)

    def add_npm(self, name, version, content=None, **changes):
        """A version of a package of npm; `changes` are of its `dist`."""
        content = content or f"{name} {version}".encode()
        path = f"/tarballs/{name.replace('/', '-')}-{version}.tgz"
        self.files[path] = content
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        dist = {"tarball": self.url + path, "integrity": integrity, "shasum": hashlib.sha1(content).hexdigest()}
        packument = self.npm.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}, "time": {}})
        packument["versions"][version] = {"name": name, "version": version, "dist": {**dist, **changes}}
        packument["dist-tags"]["latest"] = version
        packument["time"][version] = "2020-01-02T03:04:05.678Z"

    def add_pypi(self, name, file, content, **changes):
        """A file of a project of Python."""
        self.files[f"/files/{file}"] = content
        page = self.pypi.setdefault(name, {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": []})
        entry = {
            "filename": file,
            "url": f"../../files/{file}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
            "upload-time": "2020-01-02T03:04:05.678901Z",
            "yanked": False,
        }
        page["files"].append({**entry, **changes})

    def add_maven(self, group, artifact, version, content, extension="jar", **checksums):
        """A file of a version, with its checksum, unless `checksums` say otherwise: `sha1="…"`."""
        folder = f"/maven2/{group.replace('.', '/')}/{artifact}"
        path = f"{folder}/{version}/{artifact}-{version}.{extension}"
        self.files[path] = content
        for algorithm, digits in (checksums or {"sha1": hashlib.sha1(content).hexdigest()}).items():
            self.files[f"{path}.{algorithm}"] = digits.encode()
        versions = {name[len(folder) + 1 :].split("/")[0] for name in self.files if name.startswith(f"{folder}/")}
        self.files[f"{folder}/maven-metadata.xml"] = metadata(group, artifact, versions - {"maven-metadata.xml"})

    def add_crate(self, name, version, content, **changes):
        """A version of a crate; `changes` are of its line in the index."""
        self.files["/index/config.json"] = json.dumps({"dl": f"{self.url}/crates"}).encode()
        self.files[f"/crates/{name}/{version}/download"] = content
        line = {"name": name, "vers": version, "deps": [], "features": {}, "yanked": False}
        line["cksum"] = hashlib.sha256(content).hexdigest()
        path = f"/index/{name[:2]}/{name[2:4]}/{name}"
        self.files[path] = self.files.get(path, b"") + json.dumps({**line, **changes}).encode() + b"\n"

    def add_gem(self, name, version, content, dependencies="", **told):
        """A gem in a compact index; `told` is what its line says besides, or instead of its checksum."""
        self.files[f"/ruby/gems/{name}-{version}.gem"] = content
        told = {"checksum": hashlib.sha256(content).hexdigest(), **told}
        told = ",".join(f"{key}:{value}" for key, value in told.items() if value is not None)
        path = f"/ruby/info/{name}"
        self.files[path] = self.files.get(path, b"---\n") + f"{version} {dependencies}|{told}\n".encode()
        lines = []
        for path in sorted(path for path in self.files if path.startswith("/ruby/info/")):
            versions = ",".join(line.split(" ")[0] for line in self.files[path].decode().splitlines()[1:])
            lines.append(f"{path.split('/')[-1]} {versions} {hashlib.md5(self.files[path]).hexdigest()}\n")
        self.files["/ruby/versions"] = "".join(["created_at: 2026-01-01T00:00:00Z\n---\n", *lines]).encode()

    def add_nuget(self, identity, version, content, page=None, catalog=None, **changes):
        """A version of a package of NuGet, whose hash the catalog tells as at nuget.org. `changes` are of its entry,
        `catalog` of what the catalog says; with a `page` it is on a page of its own, packed."""
        name, base = f"{identity}.{version}".lower(), f"{self.url}/nuget"
        resources = [{"@id": f"{base}/registration/", "@type": "RegistrationsBaseUrl/3.6.0"}]
        self.files["/nuget/v3/index.json"] = json.dumps({"version": "3.0.0", "resources": resources}).encode()
        self.files[f"/nuget/files/{name}.nupkg"] = content
        entry = {"@id": f"{base}/catalog/{name}.json", "id": identity, "version": version, "listed": True}
        entry["published"] = "2020-01-02T03:04:05.678Z"
        digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
        told = {**entry, "packageHash": digest, "packageHashAlgorithm": "SHA512", **(catalog or {})}
        self.files[f"/nuget/catalog/{name}.json"] = json.dumps(told).encode()
        leaf = {"catalogEntry": {**entry, **changes}, "packageContent": f"{base}/files/{name}.nupkg"}
        path = f"/nuget/registration/{identity.lower()}/index.json"
        index = json.loads(self.files.get(path, b'{"items": []}'))
        if page:
            index["items"].append({"@id": f"{base}/pages/{page}"})
            self.files[f"/nuget/pages/{page}"] = gzip.compress(json.dumps({"items": [leaf]}).encode())
        else:
            index["items"].append({"items": [leaf]})
        self.files[path] = json.dumps(index).encode()

    def of_folder(self, path):
        """A file of the folder; the metadata of a package follows from its versions."""
        file = self.folder / path.removeprefix("/maven2/")
        if file.name == "maven-metadata.xml" and file.parent.is_dir():
            versions = {entry.name for entry in file.parent.iterdir() if list(entry.glob("*.pom"))}
            if versions:
                group = ".".join(file.parent.relative_to(self.folder).parts[:-1])
                return metadata(group, file.parent.name, versions)
        return file.read_bytes() if file.is_file() else None

    def answer(self, request):
        path = request.path
        if not self.is_up:
            request.close_connection = True
            return None
        self.requests.append(path)
        time.sleep(self.delay)
        fault, part = self.fault or (None, "")
        if fault and part in path:
            return self.fail(request, fault)
        if path.startswith("/npm/"):
            name = path.removeprefix("/npm/").replace("%2f", "/").replace("%2F", "/")
            return self.send(request, self.npm.get(name), "application/json")
        if path.startswith("/simple/"):
            page = self.pypi.get(path.removeprefix("/simple/").strip("/"))
            return self.send(request, page, "application/vnd.pypi.simple.v1+json")
        content = self.files.get(path)
        if content is None and self.folder and path.startswith("/maven2/"):
            content = self.of_folder(path)
        return self.send(request, content, "application/octet-stream")

    def send(self, request, content, media_type):
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        request.send_response(404 if content is None else 200)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(body)))
        if self.modified:
            request.send_header("Last-Modified", self.modified)
        request.end_headers()
        request.wfile.write(body)

    def fail(self, request, fault):
        if fault == "html":
            return self.send(request, b"<html>Sign in to the hotel's network</html>", "text/html")
        if fault == "redirect":
            request.send_response(302)
            request.send_header("Location", "http://127.0.0.1:1/elsewhere")
            request.send_header("Content-Length", "0")
            return request.end_headers()
        if fault == "cut":
            request.send_response(200)
            request.send_header("Content-Type", "application/octet-stream")
            request.send_header("Content-Length", "1000000")
            request.end_headers()
            request.wfile.write(b"only the beginning")
            request.close_connection = True
            return None
        request.send_error(503)
        return None


def metadata(group, artifact, versions):
    listed = "".join(f"<version>{version}</version>" for version in sorted(versions))
    return (
        f"<metadata><groupId>{group}</groupId><artifactId>{artifact}</artifactId><versioning>"
        f"<release>{max(versions, default='')}</release><versions>{listed}</versions></versioning></metadata>"
    ).encode()
