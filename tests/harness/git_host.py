"""A Git host of the tests' own: the part of GitHub's API that registers webhooks."""

import http.server
import itertools
import json
import threading

from .server import free_port


class GitHubApi:
    """Serves until it is closed. `hooks` has what is registered, by number, of one repository."""

    def __init__(self, token, repository):
        self.hooks, self.calls, numbers = {}, [], itertools.count(1)
        api, path = self, f"/repos/{repository}/hooks"

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.calls.append((self.command, self.path))
                if self.headers.get("Authorization") != f"Bearer {token}":
                    return self.answer(401, {"message": "Bad credentials"})
                place, _, number = self.path.partition("?")[0].partition("hooks")
                number = int(number.strip("/") or 0)
                if f"{place}hooks" != path or (number and number not in api.hooks):
                    return self.answer(404, {"message": "Not Found"})
                if self.command == "GET":
                    # The secret is GitHub's to keep.
                    hidden = {"secret": "********"}
                    hooks = [{"id": key, **hook, "config": hook["config"] | hidden} for key, hook in api.hooks.items()]
                    return self.answer(200, hooks)
                if self.command == "DELETE":
                    del api.hooks[number]
                    return self.answer(204, None)
                number = number or next(numbers)
                api.hooks[number] = json.loads(body)
                return self.answer(201, {"id": number})

            def answer(self, status, value):
                text = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                """The tests' output is not for this."""

        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
