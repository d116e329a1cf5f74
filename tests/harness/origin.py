"""A stand-in for the public sources: a registry of npm and an index of Python that the tests fill, slow down, let lie
and take away."""

import base64
import hashlib
import http.server
import json
import threading
import time


class Origin:
    """Serves from a thread until `stop`; `start` lets it come back on the same port."""

    def __init__(self):
        self.npm, self.pypi, self.files = {}, {}, {}
        self.requests = []
        self.port = 0
        # What is done instead of answering: `("html" | "stall" | "redirect" | "error" | "cut", part of a path)`.
        self.fault = None
        self.delay = 0
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
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
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

    def answer(self, request):
        path = request.path
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
        return self.send(request, content, "application/octet-stream")

    def send(self, request, content, media_type):
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        request.send_response(404 if content is None else 200)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(body)))
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
