"""A registry of images in miniature, for one user: as much of the distribution API as a pull needs."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """Serves `images` (files by path, for each) to who knows the password. `pulled` has the blobs that went out."""

    def __init__(self, images, user, password):
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.blobs, self.manifests, self.pulled = {}, {}, []
        for name, files in images.items():
            self._add(name, files)
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                registry._answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _add(self, name, files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, (content, mode) in files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))
        layer = gzip.compress(packed.getvalue(), 1)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin:/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(packed.getvalue())]},
        }
        config = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": digest_of(config)},
            "layers": [{"mediaType": LAYER, "size": len(layer), "digest": digest_of(layer)}],
        }
        self.blobs |= {digest_of(config): config, digest_of(layer): layer}
        self.manifests[f"/v2/{name}/manifests/latest"] = json.dumps(manifest).encode()

    def _answer(self, request):
        if request.headers.get("Authorization") != self.authorization:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="tests"')
            request.send_header("Content-Length", "0")
            return request.end_headers()
        kind, digest = "application/octet-stream", request.path.rpartition("/")[2]
        if request.path in ("/v2/", "/v2"):
            content = b"{}"
        elif request.path in self.manifests:
            kind, content = MANIFEST, self.manifests[request.path]
        else:
            content = self.blobs.get(digest)
            if content is not None:
                self.pulled.append(digest)
        request.send_response(404 if content is None else 200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content or b"")))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(content or b"")
