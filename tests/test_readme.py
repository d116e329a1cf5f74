"""The five-minute tour of README.md, run as it stands there: the same commands, in the same order, by a shell."""

import os
import re
import subprocess

import pytest

from harness.aws_cli import PROGRAMS
from harness.eventually import until
from harness.server import REPOSITORY

TOUR_HEADING = "## Five minutes with the AWS CLI"
WATCH_HEADING = "**Watch it.**"


def tour():
    """The text of the tour's section."""
    text = (REPOSITORY / "README.md").read_text()
    return text.split(TOUR_HEADING, 1)[1].split("\n## ", 1)[0]


def commands(text):
    """The indented blocks of a text, as one script; fenced ones are left out."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    """Runs a script in one folder, with the address and the key of the tour replaced by the server's."""
    folder = tmp_path_factory.mktemp("tour")
    credentials = server.administrator
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1",
        # Who commits is the one thing that the tour takes from the reader's own settings.
        "GIT_AUTHOR_NAME": "Rita Reader",
        "GIT_AUTHOR_EMAIL": "rita@example.com",
        "GIT_COMMITTER_NAME": "Rita Reader",
        "GIT_COMMITTER_EMAIL": "rita@example.com",
        "GIT_TERMINAL_PROMPT": "0",
    }

    def run(script):
        script = script.replace("http://127.0.0.1:4000", server.url)
        script = script.replace("AKIAEXAMPLEEXAMPLE22", credentials.access_key_id)
        script = script.replace("choose-a-long-secret", credentials.secret_access_key)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    run.folder = folder
    return run


def test_the_tour_ends_with_a_deployed_file(shell):
    text = tour()
    (shell.folder / "pipeline.json").write_text(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    # Its first block starts the server, which the fixture has done already.
    after_start = text.split("In another terminal", 1)[1]
    setting_up, watching = after_start.split(WATCH_HEADING, 1)
    clients = "\n".join(line for line in commands(setting_up).splitlines() if line.startswith("export"))
    shell(commands(setting_up))

    state, fetch = commands(watching).splitlines()
    stages = [["Source", "Succeeded"], ["Build", "Succeeded"], ["Deploy", "Succeeded"]]

    def deployed():
        seen = [line.split("\t") for line in shell(f"{clients}\n{state}").splitlines()]
        assert not any(status == "Failed" for _, status in seen), seen
        return seen == stages

    until(deployed, 120, "the pipeline of the tour to deploy")
    assert re.search(r"\d{4}", shell(f"{clients}\n{fetch}")), "the deployed file has no date"
