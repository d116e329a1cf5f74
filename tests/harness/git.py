"""The stock git, with the credential helper of the AWS CLI and no setting of the machine's user."""

import os
import pathlib
import subprocess

from .aws_cli import PROGRAMS, TESTS
from .strict import record

TIMEOUT_SECONDS = 120
# The AWS CLI's helper knows --ignore-host-check for get alone, and has nothing to store or to erase.
CREDENTIAL_HELPER = '!f() { [ "$1" != get ] || aws codecommit credential-helper --ignore-host-check get; }; f'


class Git:
    """Runs `git` as one caller. `cli` is whose credentials sign the passwords; None for no helper at all."""

    def __init__(self, home, cli=None):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "gitconfig"
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **(cli.environment if cli else {}),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        settings = {"user.name": "Ada Tester", "user.email": "ada@example.com", "init.defaultBranch": "main"}
        if cli:
            settings |= {"credential.helper": CREDENTIAL_HELPER, "credential.UseHttpPath": "true"}
        for name, value in settings.items():
            subprocess.run(["git", "config", "--file", config, name, value], check=True, env=self.environment)

    def run(self, *arguments, folder=None, **options):
        """What `git …` prints, run in `folder`. Raises `CalledProcessError`, with its standard error, if it fails."""
        process = self.try_run(*arguments, folder=folder, **options)
        if process.returncode != 0:
            failure = subprocess.CalledProcessError(process.returncode, process.args, process.stdout, process.stderr)
            failure.add_note(process.stderr.strip())
            raise failure
        return process.stdout

    def try_run(self, *arguments, folder=None, **options):
        """The ended process of `git …`, whether it failed or not."""
        recording = {name: os.environ[name] for name in (record.ENVIRONMENT,) if name in os.environ}
        return subprocess.run(
            ["git", *map(str, arguments)],
            cwd=folder,
            env={**self.environment, **recording, "PYTHONPATH": str(TESTS)},
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            **options,
        )

    def commit_folder(self, folder, message):
        """Commits all that stands in `folder`, which becomes a repository if it is none. Answers the commit's id."""
        if not (pathlib.Path(folder) / ".git").exists():
            self.run("init", "--quiet", folder=folder)
        self.run("add", "--all", folder=folder)
        self.run("commit", "--quiet", "--message", message, folder=folder)
        return self.run("rev-parse", "HEAD", folder=folder).strip()
