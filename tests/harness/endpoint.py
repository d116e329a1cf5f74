"""An HTTPS endpoint of the tests' own, which notes what it is sent and answers what a test wants."""

import http.server
import json
import ssl
import subprocess
import threading

from .server import free_port


class Endpoint:
    """Serves until it is closed. `requests` has what came; `answers` the statuses (and headers) still to give."""

    def __init__(self, folder):
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        make += ["-keyout", key, "-out", self.certificate, "-days", "2", "-subj", "/CN=localhost"]
        make += ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(make, check=True, capture_output=True)
        self.requests, self.answers, self.tokens = [], [], 0
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                if self.path.startswith("/token"):
                    endpoint.tokens += 1
                    self.answer(200, {}, json.dumps({"access_token": f"token-{endpoint.tokens}", "expires_in": 3600}))
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.requests.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
                status, more = endpoint.answers.pop(0) if endpoint.answers else (200, {})
                self.answer(status, more, "")

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                """The tests' output is not for this."""

        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
