"""An HTTP endpoint of the tests' own, without TLS: a subscriber that notes what it is sent."""

import base64
import http.server
import json
import subprocess
import threading

from .eventually import until
from .plain_http import fetch
from .server import free_port

SECONDS = 30


class Receiver:
    """Serves until it is closed. `requests` has what came, of all paths; `answers` the statuses (and headers) that a
    path still gives, 200 after that."""

    def __init__(self):
        self.requests, self.answers = [], {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
                waiting = receiver.answers.get(self.path)
                status, more = waiting.pop(0) if waiting else (200, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                """The tests' output is not for this."""

        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path, kind=None):
        """What came for a path so far, of one kind of message if it is named."""
        found = [request for request in list(self.requests) if request["path"] == path]
        return [it for it in found if kind is None or it["headers"].get("x-amz-sns-message-type") == kind]

    def wait(self, path, kind=None, count=1):
        """The requests for a path, once there are so many."""

        def probe():
            found = self.at(path, kind)
            return found if len(found) >= count else None

        return until(probe, SECONDS, f"{count} requests for {path}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def subscribed(sns, receiver, topic, path, **attributes):
    """The ARN of a confirmed subscription of a path."""
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url(path), Attributes=attributes)
    (request,) = receiver.wait(path, "SubscriptionConfirmation")
    message = json.loads(request["body"])
    return sns.confirm_subscription(TopicArn=topic, Token=message["Token"])["SubscriptionArn"]


def notified(receiver, path, count=1):
    """The messages of the notifications that came for a path, once there are so many."""
    return [json.loads(request["body"]) for request in receiver.wait(path, "Notification", count)]


NOTIFICATION = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
CONFIRMATION = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]


def is_genuine(message, folder):
    """Whether the signature of a message is good: what AWS's guide asks of a subscriber, done by OpenSSL."""
    names = NOTIFICATION if message["Type"] == "Notification" else CONFIRMATION
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    certificate = fetch(message["SigningCertURL"])
    assert certificate.status == 200
    (folder / "certificate.pem").write_bytes(certificate.body)
    (folder / "signature").write_bytes(base64.b64decode(message["Signature"]))
    key = subprocess.run(
        ["openssl", "x509", "-in", folder / "certificate.pem", "-pubkey", "-noout"], check=True, capture_output=True
    )
    (folder / "key.pem").write_bytes(key.stdout)
    digest = {"1": "-sha1", "2": "-sha256"}[message["SignatureVersion"]]
    command = ["openssl", "dgst", digest, "-verify", folder / "key.pem", "-signature", folder / "signature"]
    return subprocess.run(command, input=signed.encode(), capture_output=True).returncode == 0
