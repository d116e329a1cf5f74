"""Git hosts of the tests' own: the part of GitHub's API that registers webhooks, and repositories over HTTP."""

import base64
import http.server
import itertools
import json
import os
import pathlib
import subprocess
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


class HostApi:
    """What GitHub, GitLab and Bitbucket have of webhooks and statuses, below any path. `hooks` has what is registered,
    by the path of the list and number; while `refusal` is set it answers that status to everybody, `faults`
    has what becomes of methods: "unheard" is done and answered 503, "refused" is answered 503."""

    def __init__(self):
        self.hooks, self.posted, self.refusal, numbers = {}, [], None, itertools.count(1)
        # Roles of accounts, by name; and the newest commit of every pull request.
        self.faults, self.roles, self.newest = {}, {}, None
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
                path, _, number = self.path.partition("?")[0].partition("/hooks")
                if api.refusal or api.faults.get(self.command) == "refused":
                    return self.answer(api.refusal or 503, {"message": "no"})
                if not self.headers.get("Authorization", "").startswith(("Bearer ", "Basic ")):
                    return self.answer(401, {"message": "Bad credentials"})
                if "/collaborators/" in path:
                    role = api.roles.get(path.split("/")[-2])
                    return self.answer(200 if role else 404, {"permission": "read", "role_name": role})
                if "/members/all/" in path:
                    level = api.roles.get(path.split("/")[-1])
                    return self.answer(200 if level else 404, {"state": "active", "access_level": level})
                if "/permissions/repositories/" in path:
                    account = self.path.partition("%7B")[2].partition("%7D")[0]
                    told = {"user": {"uuid": f"{{{account}}}"}, "permission": api.roles.get(account)}
                    return self.answer(200, {"values": [told] if told["permission"] else []})
                if path.endswith("/commits"):
                    return self.answer(200, {"values": [{"hash": api.newest}]})
                if "/status" in path:
                    api.posted.append((path, body))
                    return self.answer(201, {})
                hooks = api.hooks.setdefault(f"{path}/hooks", {})
                number = int(number.strip("/") or 0)
                if self.command == "GET":
                    return self.answer(200, [{"id": key, **hook} for key, hook in hooks.items()])
                if self.command == "DELETE":
                    del hooks[number]
                    return self.answer(204, None)
                number = number or next(numbers)
                hooks[number] = body
                return self.answer(201, {"id": number})

            def answer(self, status, value):
                text = b"" if value is None else json.dumps(value).encode()
                self.send_response(503 if self.command in api.faults else status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

            def log_message(self, *_):
                """The tests' output is not for this."""

        self.port = free_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def statuses(self, path):
        """What was posted for a commit, in order."""
        return [body for where, body in self.posted if where == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class GitHost:
    """Repositories over HTTP, as a Git host has them: git's own http-backend, behind a user name and a token.

    `seen` has what was asked for, with the Authorization header; `sent` counts the bytes of all answers. While
    `is_down` it answers 503; `moved_to` sends everybody elsewhere; while `is_old` it hands out nothing but what a
    branch or tag names."""

    def __init__(self, folder, user, token):
        self.folder, self.seen, self.sent = pathlib.Path(folder), [], 0
        self.is_down, self.moved_to, self.is_old = False, None, False
        self.authorization = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.body()
                shown = self.headers.get("Authorization")
                host.seen.append((self.command, self.path, shown))
                if host.is_down:
                    return self.answer(503, {}, b"")
                if host.moved_to:
                    return self.answer(301, {"Location": host.moved_to + self.path}, b"")
                if shown != host.authorization:
                    return self.answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                return self.backend(body)

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def backend(self, body):
                path, _, query = self.path.partition("?")
                names = {"Content-Type": "CONTENT_TYPE", "Content-Encoding": "HTTP_CONTENT_ENCODING"}
                names |= {} if host.is_old else {"Git-Protocol": "GIT_PROTOCOL"}
                environment = {
                    **{"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(host.folder), "GIT_HTTP_EXPORT_ALL": "1"},
                    **{"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command},
                    **{"CONTENT_LENGTH": str(len(body)), "GIT_CONFIG_NOSYSTEM": "1", "REMOTE_USER": "tests"},
                    **{names[name]: self.headers[name] for name in names if self.headers.get(name)},
                }
                ran = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
                head, _, content = ran.stdout.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
                self.answer(int(headers.pop("Status", "200").split()[0]), headers, content)

            def answer(self, status, headers, content):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                host.sent += len(content)

            do_GET = do_POST = handle_any

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


class Repository:
    """One repository of a Git host, written to as its owner does."""

    def __init__(self, host, git, name):
        self.name, self.git = name, git
        self.bare = host.folder / f"{name}.git"
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        git.run("init", "--quiet", "--bare", self.bare)
        self.clone = host.folder.parent / "clones" / name
        self.clone.mkdir(parents=True)
        git.run("init", "--quiet", folder=self.clone)

    def commit(self, files, branch="main", message="change", start=None):
        """Commits `files` on a branch, which begins at `start` if it is new, and pushes it. Answers the commit's id."""
        if start:
            self.git.run("checkout", "--quiet", "-B", branch, start, folder=self.clone)
        else:
            self.git.run("checkout", "--quiet", "-B", branch, folder=self.clone)
        for path, text in files.items():
            (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / path).write_text(text)
        self.git.run("add", "--all", folder=self.clone)
        self.git.run("commit", "--quiet", "--allow-empty", "-m", message, folder=self.clone)
        self.git.run("push", "--quiet", "--force", self.bare, f"HEAD:refs/heads/{branch}", folder=self.clone)
        return self.git.run("rev-parse", "HEAD", folder=self.clone).strip()

    def tag(self, name, commit):
        """Pushes an annotated tag. Answers the id of the tag's own object."""
        self.git.run("tag", "-a", "-m", name, name, commit, folder=self.clone)
        self.git.run("push", "--quiet", self.bare, f"refs/tags/{name}", folder=self.clone)
        return self.git.run("rev-parse", name, folder=self.clone).strip()
