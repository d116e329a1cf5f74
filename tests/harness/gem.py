"""The stock gem and Bundler in an environment of their own, with one source and its token."""

import os
import pathlib
import subprocess
import urllib.parse

TIMEOUT_SECONDS = 120


class Gem:
    def __init__(self, folder, endpoint, token):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        url = urllib.parse.urlsplit(endpoint)
        self.source = f"{url.scheme}://aws:{token}@{url.netloc}{url.path}"
        self.host = endpoint.rstrip("/")
        credentials = self.folder / ".gem" / "credentials"
        credentials.parent.mkdir()
        credentials.write_text(f"---\n:codeartifact_api_key: Bearer {token}\n")
        credentials.chmod(0o600)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GEM_HOME": str(self.folder / "gems"),
            "GEM_SPEC_CACHE": str(self.folder / "specs"),
            "BUNDLE_PATH": str(self.folder / "bundle"),
            "BUNDLE_RETRY": "0",
            "LANG": "C.UTF-8",
            "no_proxy": "127.0.0.1",
        }

    def build(self, name, version, **more):
        """The path of a gem; `more` are lines of its specification."""
        folder = self.folder / "projects" / f"{name}-{version}"
        (folder / "lib").mkdir(parents=True, exist_ok=True)
        (folder / "lib" / f"{name}.rb").write_text(f"puts {version!r}\n")
        lines = "".join(f"  s.{key} = {value}\n" for key, value in more.items() if key != "dependencies")
        lines += "".join(f"  s.add_dependency {', '.join(map(repr, it))}\n" for it in more.get("dependencies", []))
        (folder / "it.gemspec").write_text(
            f"Gem::Specification.new do |s|\n  s.name = {name!r}\n  s.version = {version!r}\n"
            f"  s.summary = 'About {name}'\n  s.authors = ['Us']\n  s.license = 'MIT'\n"
            f"  s.homepage = 'https://example.com'\n  s.files = ['lib/{name}.rb']\n{lines}end\n"
        )
        self.run("gem", "build", "it.gemspec", cwd=folder)
        (built,) = folder.glob("*.gem")
        return built

    def tried(self, *arguments, cwd=None):
        """The finished process, whether or not it failed."""
        return subprocess.run(
            list(map(str, arguments)),
            cwd=cwd or self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )

    def run(self, *arguments, cwd=None):
        """What a command prints. Raises `CalledProcessError` if it fails."""
        done = self.tried(*arguments, cwd=cwd)
        if done.returncode != 0:
            failure = subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)
            failure.add_note(done.stdout + done.stderr)
            raise failure
        return done.stdout

    def push(self, path):
        return self.tried("gem", "push", path, "--host", self.host, "--key", "codeartifact_api_key")

    def install(self, *arguments):
        return self.run("gem", "install", "--clear-sources", "--source", self.source, "--no-document", *arguments)
