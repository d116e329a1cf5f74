"""The stock AWS CLI in an environment of its own: no setting of the machine's user reaches it."""

import json
import os
import pathlib
import subprocess
import sys

from .strict import record

TESTS = pathlib.Path(__file__).resolve().parents[1]
PROGRAMS = pathlib.Path(sys.executable).parent
TIMEOUT_SECONDS = 120


class AwsCli:
    """Runs `aws` as one caller. Version 1, from the environment of the tests, judges responses strictly."""

    def __init__(self, url, credentials, region, home, program=PROGRAMS / "aws"):
        self.url = url
        self.program = program
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "aws-config"
        plugins = "[plugins]\nstrict = harness.strict.cli_plugin\n" if program == PROGRAMS / "aws" else ""
        config.write_text(f"[default]\nregion = {region}\noutput = json\ncli_pager =\n{plugins}")
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(TESTS),
            # A test may read what a command prints while it goes on.
            "PYTHONUNBUFFERED": "1",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": url,
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1",
            **credentials.environment(),
        }

    def start(self, *arguments, **options):
        """The running process of `aws …`, for commands that go on until they are ended."""
        # The folder of the record may change between tests, so it is looked up for each command.
        recording = {name: os.environ[name] for name in (record.ENVIRONMENT,) if name in os.environ}
        return subprocess.Popen(
            [self.program, "--endpoint-url", self.url, *map(str, arguments)],
            env={**self.environment, **recording},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def run(self, *arguments, **options):
        """What `aws …` prints. Raises `CalledProcessError`, with its standard error, if it fails."""
        process = self.start(*arguments, **options)
        try:
            output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        if process.returncode != 0:
            failure = subprocess.CalledProcessError(process.returncode, ["aws", *map(str, arguments)], output, errors)
            failure.add_note(errors.strip())
            raise failure
        return output

    def json(self, *arguments, **options):
        """The document that `aws … ` prints; None if it prints nothing."""
        output = self.run(*arguments, "--output", "json", **options)
        return json.loads(output) if output.strip() else None
