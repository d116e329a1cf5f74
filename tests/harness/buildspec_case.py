"""One case of `tests/buildspecs`: what is built, and what must come of it.

`expected.toml`, with what holds for one executor alone in a table of its name:

| key | what |
| --- | --- |
| `about` | what it shows; `sandbox` holds for workers too, `container` for pods |
| `needs` | programs without which it is skipped |
| `soak` | it takes long: only with `--soak` |
| `alike` | what it shows happens outside of the environment: in a container only with `--soak` |
| `status`, `any_status` | of the build; SUCCEEDED |
| `phases` | those between DOWNLOAD_SOURCE and FINALIZING, all of them |
| `context` | by phase: status, code, and what the message ends with or contains |
| `log`, `not_log` | whole lines that commands print or must not |
| `log_has`, `ordered` | texts anywhere in the log; in this order |
| `counts` | how often an expression is found in what commands print |
| `exported` | the exported variables, all of them |
| `files`, `must`, `never`, `contents`, `links`, `modes`, `name` | of the primary artifact: all files, some, none of |
| `secondary` | files of the other artifacts |
| `gone` | command lines of processes that must be gone |
| `stop_after` | the build is stopped once it has printed this line |
| `timeout_minutes`, `grow_buildspec_to` | of the project; bytes, by a comment at its end |
| `project`, `build` | `environmentVariables` by name |
"""

import functools
import io
import os
import pathlib
import re
import stat
import subprocess
import tomllib
import zipfile

from .builds import context

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "buildspecs"
CASES = sorted(path.name for path in FOLDER.iterdir())
# Keys that speak of the primary artifact.
PRIMARY = {"files", "must", "never", "contents", "links", "modes", "name"}
# What shows that a build is the same on a worker: everything that crosses between the machines. The others with --soak.
ON_WORKERS = {
    "artifacts-links-out-of-the-build",
    "artifacts-with-strange-names",
    "artifacts-with-variables",
    "exported-variables",
    "fails-in-upload",
    "no-buildspec",
    "output-that-is-no-utf-8",
    "stopped-while-it-ignores-sigterm",
}
# What only a build beside its worker could do otherwise.
IN_PODS = {
    "artifacts-in-tmp",
    "artifacts-with-variables",
    "daemon-left-behind",
    "exported-variables",
    "output-of-each-command-stands-with-it",
    "run-as-another-user",
    "session-files-are-links",
    "terminates-its-parents",
}
ISOLATION = {"workers": "sandbox", "kubernetes": "container"}
AGENT = re.compile(r"^\[Container\] .*$", re.MULTILINE)


@functools.cache
def _read(name):
    return tomllib.loads((FOLDER / name / "expected.toml").read_text())


class Case:
    def __init__(self, name, executor):
        self.name = name
        self.executor = executor
        isolation = ISOLATION.get(executor, executor)
        self.expected = {**_read(name), **_read(name).get(isolation, {})}
        self.needs = self.expected.get("needs", [])
        in_container = executor == "container"
        self.soak = self.expected.get("soak", False) or (in_container and self.expected.get("alike", False))
        self.soak |= executor == "workers" and name not in ON_WORKERS
        self.soak |= executor == "kubernetes" and name not in IN_PODS

    def upload(self, builds):
        """Puts the source where builds of all executors find it."""
        builds.aws.s3.put_object(Bucket=builds.bucket, Key=f"{self.name}.zip", Body=self._source())

    def start(self, builds, image):
        """Starts a build of the source; answers its id. Projects differ by their variables alone."""
        place = {"type": "S3", "location": builds.bucket, "packaging": "ZIP", "overrideArtifactName": True}
        place["path"] = f"{self.name}-{self.executor}"
        secondary = [{**place, "artifactIdentifier": name, "name": name} for name in self.expected.get("secondary", {})]
        overrides = {"secondaryArtifactsOverride": secondary} if secondary else {}
        if PRIMARY & self.expected.keys() or "UPLOAD_ARTIFACTS" in self.expected.get("context", {}):
            overrides["artifactsOverride"] = {**place, "name": "primary"}
        return builds.start(
            _project(builds, image, *self._variables("project")),
            sourceLocationOverride=f"{builds.bucket}/{self.name}.zip",
            environmentVariablesOverride=_texts(self._variables("build")),
            timeoutInMinutesOverride=self.expected.get("timeout_minutes", 60),
            **overrides,
        )

    def _variables(self, of):
        return self.expected.get(of, {}).get("environmentVariables", {}).items()

    def _source(self):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            buildspec = FOLDER / self.name / "buildspec.yml"
            if buildspec.exists():
                text = buildspec.read_bytes()
                length = self.expected.get("grow_buildspec_to", len(text))
                archive.writestr("buildspec.yml", text + b"#" * (length - len(text)))
            source = FOLDER / self.name / "source"
            for path in sorted(source.rglob("*")):
                entry = zipfile.ZipInfo(str(path.relative_to(source)))
                entry.external_attr = path.lstat().st_mode << 16
                if path.is_symlink():
                    archive.writestr(entry, os.readlink(path))
                elif path.is_file():
                    archive.writestr(entry, path.read_bytes())
        return packed.getvalue()

    def check(self, builds, build):
        expected = self.expected
        if "stop_after" in expected:
            builds.says(build, f"\n{expected['stop_after']}\n")
            builds.aws.codebuild.stop_build(id=build)
        over = builds.over(build, within=60 * expected.get("timeout_minutes", 1) + 120)
        log = builds.log(over)
        story = f"{expected['about']}\n{over['phases']}\n{log[-20_000:]}"
        assert over["buildStatus"] in expected.get("any_status", [expected.get("status", "SUCCEEDED")]), story
        self._check_phases(over, story)
        self._check_log(log, story)
        if "exported" in expected:
            exported = {pair["name"]: pair["value"] for pair in over.get("exportedEnvironmentVariables", [])}
            assert exported == expected["exported"], story
        self._check_artifacts(builds, story)
        for command in expected.get("gone", []):
            assert subprocess.run(["pgrep", "-fx", command], capture_output=True).returncode == 1, command

    def _check_phases(self, build, story):
        passed = [phase["phaseType"] for phase in build["phases"]]
        if "phases" in self.expected:
            assert (
                passed[passed.index("DOWNLOAD_SOURCE") + 1 : passed.index("FINALIZING")] == self.expected["phases"]
            ), story
        for phase, (status, code, message) in self.expected.get("context", {}).items():
            found = context(build, phase)
            assert found[:2] == (status, code) and message in found[2], f"{phase}: {found}\n{story}"

    def _check_log(self, log, story):
        printed = AGENT.sub("", log)
        lines = printed.splitlines()
        for line in self.expected.get("log", []):
            assert line in lines, f"{line!r} is not printed\n{story}"
        for line in self.expected.get("not_log", []):
            assert line not in lines, f"{line!r} is printed\n{story}"
        for text in self.expected.get("log_has", []):
            assert text in log, f"{text!r} is not in the log\n{story}"
        for expression, count in self.expected.get("counts", {}).items():
            assert len(re.findall(expression, printed)) == count, f"{expression}\n{story}"
        at = 0
        for text in self.expected.get("ordered", []):
            assert text in log[at:], f"{text!r} does not follow\n{story}"
            at = log.index(text, at)

    def _check_artifacts(self, builds, story):
        expected, key = self.expected, f"{self.name}-{self.executor}"
        for name, files in expected.get("secondary", {}).items():
            assert sorted(_fetch(builds, f"{key}/{name}").namelist()) == sorted(files), f"{name}\n{story}"
        if not PRIMARY & expected.keys():
            return
        archive = _fetch(builds, f"{key}/{expected.get('name', 'primary')}")
        names = archive.namelist()
        if "files" in expected:
            assert sorted(names) == sorted(expected["files"]), story
        assert set(expected.get("must", [])) <= set(names), f"{names}\n{story}"
        assert not set(expected.get("never", [])) & set(names), f"{names}\n{story}"
        for name, text in {**expected.get("contents", {}), **expected.get("links", {})}.items():
            assert archive.read(name).decode() == text, f"{name}\n{story}"
        modes = {name: archive.getinfo(name).external_attr >> 16 for name in names}
        assert all(stat.S_ISLNK(modes[name]) for name in expected.get("links", {})), f"{modes}\n{story}"
        for name, mode in expected.get("modes", {}).items():
            assert stat.S_IMODE(modes[name]) == mode, f"{name} {modes[name]:o}\n{story}"


def _fetch(builds, key):
    return zipfile.ZipFile(io.BytesIO(builds.aws.s3.get_object(Bucket=builds.bucket, Key=key)["Body"].read()))


@functools.cache
def _project(builds, image, *variables):
    environment = {"image": image, "environmentVariables": _texts(variables)}
    source = {"type": "S3", "location": f"{builds.bucket}/none.zip"}
    return builds.create("", environment=environment, source=source)


def _texts(variables):
    return [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables]
