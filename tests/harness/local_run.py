"""`stagewright run` and `stagewright demo` as child processes, on a terminal or without one."""

import contextlib
import errno
import json
import os
import pathlib
import pty
import select
import subprocess
import time

from .server import REPOSITORY, binary

ROLE = "arn:aws:iam::123456789012:role/pipeline"
RUN_SECONDS = 180


class LocalRun:
    """A working folder with an application, a definition of a pipeline, and a folder for temporary files of its own.

    Whatever a command leaves in that folder, and each process that still knows of it, is a mistake."""

    def __init__(self, folder):
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.definition = folder / "pipeline.json"

    @property
    def output(self):
        return self.source / ".stagewright" / "run"

    def write(self, path, text):
        path = self.source / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def buildspec(self, *commands, files="'**/*'"):
        """A buildspec that runs these commands and packs all files."""
        lines = ["version: 0.2", "phases:", "  build:", "    commands:"]
        lines += [f"      - {json.dumps(command)}" for command in commands]
        self.write("buildspec.yml", "\n".join([*lines, "artifacts:", f"  files: [{files}]", ""]))

    def define(self, *stages, **members):
        """Writes the definition: stages of actions, each made by the functions below."""
        stages = [{"name": f"S{number}", "actions": actions} for number, actions in enumerate(stages, 1)]
        pipeline = {"name": "local", "roleArn": ROLE, "pipelineType": "V2", "stages": stages, **members}
        pipeline.setdefault("artifactStore", {"type": "S3", "location": "artifacts"})
        self.definition.write_text(json.dumps(pipeline, indent=2))

    def command(self, *arguments):
        return [str(binary()), "run", str(self.definition), "--source", str(self.source), *map(str, arguments)]

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # Wrong on purpose: the machine's own AWS settings are none of a local run's business.
        wrong = {"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "AKIAWRONG", "AWS_SECRET_ACCESS_KEY": "wrong"}
        return {**kept, **wrong, "TMPDIR": str(self.temporary), "TERM": "xterm", "NO_COLOR": "1"}

    def start(self, *arguments):
        """The command with its output in a pipe, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments):
        """Runs the command to its end, which must leave nothing behind."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=RUN_SECONDS)
        self.assert_nothing_left()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def assert_nothing_left(self):
        """No temporary file, no process and no mount of it."""
        assert list(self.temporary.iterdir()) == []
        assert processes(str(self.temporary)) == []
        assert str(self.temporary) not in pathlib.Path("/proc/self/mounts").read_text()


def processes(text):
    """Command lines of running processes that hold a text."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in line:
                found.append(line)
    return found


class Terminal:
    """A command on a terminal of its own, which a test reads and types at."""

    def __init__(self, command, environment, folder):
        self.seen = ""
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execve(command[0], command, environment)
        self.pid = pid

    def wait_for(self, text, within=RUN_SECONDS):
        """Reads until a text has come. Fails with what was seen if it does not."""
        deadline = time.monotonic() + within
        while text not in self.seen:
            assert time.monotonic() < deadline, f"waited for {text!r}; seen: {self.seen!r}"
            assert self._read(), f"the command ended before {text!r}; seen: {self.seen!r}"

    def type(self, text):
        os.write(self.terminal, text.encode())

    def finish(self):
        """Reads to the end. Answers the exit code."""
        while self._read():
            pass
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self):
        readable, _, _ = select.select([self.terminal], [], [], RUN_SECONDS)
        assert readable, f"nothing came for {RUN_SECONDS} s; seen: {self.seen!r}"
        try:
            data = os.read(self.terminal, 65536)
        except OSError as error:
            # Linux says so when the last process at the terminal is gone.
            assert error.errno == errno.EIO, error
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


def action(name, category, provider, configuration=None, inputs=(), outputs=(), owner="AWS", **members):
    """The declaration of an action."""
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "configuration": configuration or {},
        "inputArtifacts": [{"name": artifact} for artifact in inputs],
        "outputArtifacts": [{"name": artifact} for artifact in outputs],
        **members,
    }


def source(name="Fetch", output="Code", **members):
    configuration = {"RepositoryName": "web", "BranchName": "main"}
    return action(name, "Source", "CodeCommit", configuration, outputs=[output], **members)


def build(name="Make", inputs=("Code",), outputs=("Out",), project="make", **configuration):
    configuration = {"ProjectName": project, **configuration}
    return action(name, "Build", "CodeBuild", configuration, inputs, outputs)


def approval(name="Approve", **configuration):
    return action(name, "Approval", "Manual", configuration)


def deploy(name="Publish", bucket="local-site", inputs=("Out",), **configuration):
    return action(name, "Deploy", "S3", {"BucketName": bucket, "Extract": "true", **configuration}, inputs)


def hello_web(run):
    """The example application in the working folder, with the definitions of its pipeline and projects beside it."""
    example = REPOSITORY / "examples" / "hello-web"
    names = {"PIPELINE": "hello", "REPOSITORY": "hello", "ACCOUNT": "123456789012", "REGION": "us-east-1"}
    names |= {"ARTIFACTS": "hello-artifacts", "SITE": "hello-site"}
    for path in sorted(example.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            run.write(path.relative_to(example), path.read_text())
    documents = {}
    for name in ("pipeline", "build-project", "test-project"):
        text = (example / "aws" / f"{name}.json").read_text()
        for placeholder, value in names.items():
            text = text.replace(f"@{placeholder}@", value)
        documents[name] = run.folder / f"{name}.json"
        documents[name].write_text(text)
    run.definition = documents["pipeline"]
    return ["--project", documents["build-project"], "--project", documents["test-project"]]
