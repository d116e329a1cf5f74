"""The stock npm in an environment of its own, signed in by the AWS CLI."""

import json
import os
import pathlib
import shutil
import subprocess

TIMEOUT_SECONDS = 120


class Npm:
    """npm with a home, a cache and a configuration of its own. What it runs in is a folder with packages."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            # Both npm and the AWS CLI look for it, the latter only in this spelling.
            "NPM_CONFIG_USERCONFIG": str(self.folder / "npmrc"),
            "npm_config_cache": str(self.folder / "cache"),
            "npm_config_update_notifier": "false",
            "npm_config_fund": "false",
            "npm_config_audit": "false",
            "npm_config_fetch_retries": "0",
        }

    def login(self, cli, domain, repository, *options):
        """`aws codeartifact login --tool npm`, as it is, with this npm's configuration."""
        before = dict(cli.environment)
        cli.environment.update({name: value for name, value in self.environment.items() if "npm" in name.lower()})
        try:
            return cli.run(
                "codeartifact", "login", "--tool", "npm", "--domain", domain, "--repository", repository, *options
            )
        finally:
            cli.environment = before

    def project(self, name, **manifest):
        """A folder with a `package.json` and one module: its path."""
        folder = self.folder / "projects" / f"{name.replace('/', '-')}-{manifest.get('version', '1.0.0')}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        package = {"name": name, "version": "1.0.0", "main": "index.js", "license": "MIT", **manifest}
        (folder / "package.json").write_text(json.dumps(package))
        (folder / "index.js").write_text(f"module.exports = {json.dumps(package['version'])};\n")
        (folder / "README.md").write_text(f"# {name}\n")
        return folder

    def application(self, **dependencies):
        """An empty folder to install into, with these dependencies."""
        return self.project(f"application-{len(list(self.folder.rglob('package.json')))}", dependencies=dependencies)

    def run(self, *arguments, cwd):
        """What `npm …` prints. Raises `CalledProcessError`, with all that it said, if it fails."""
        done = self.tried(*arguments, cwd=cwd)
        if done.returncode != 0:
            failure = subprocess.CalledProcessError(done.returncode, ["npm", *arguments], done.stdout, done.stderr)
            failure.add_note(done.stdout + done.stderr)
            raise failure
        return done.stdout

    def tried(self, *arguments, cwd):
        """The finished process of `npm …`, whether or not it failed."""
        return subprocess.run(
            ["npm", *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )

    def json(self, *arguments, cwd):
        """The document that `npm … --json` prints."""
        return json.loads(self.run(*arguments, "--json", cwd=cwd))
