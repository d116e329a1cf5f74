"""pip and twine in an environment of their own, signed in by the AWS CLI, and the packages that they carry."""

import hashlib
import io
import os
import pathlib
import subprocess
import tarfile
import zipfile

from .aws_cli import PROGRAMS

TIMEOUT_SECONDS = 120


def wheel(name, version, requires_python=None, requires=(), inside=None):
    """The name and the bytes of a wheel with one module. `inside` is the name in its metadata, if another one."""
    distribution = name.replace("-", "_")
    metadata = [f"Metadata-Version: 2.1\nName: {inside or name}\nVersion: {version}"]
    metadata += [f"Requires-Python: {requires_python}"] if requires_python else []
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {
        f"{distribution}.py": f"VERSION = {version!r}\n",
        f"{distribution}-{version}.dist-info/METADATA": "\n".join(metadata) + "\n\nA description.\n",
        f"{distribution}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{distribution}-{version}.dist-info/RECORD": "",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return f"{distribution}-{version}-py3-none-any.whl", content.getvalue()


def source(name, version):
    """The name and the bytes of a source distribution."""
    stem = f"{name.replace('-', '_')}-{version}"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        files = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "pyproject.toml": ""}
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{stem}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{stem}.tar.gz", content.getvalue()


def form(name, version, file, content, **changes):
    """The body and the content type of what twine posts."""
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel" if file.endswith(".whl") else "sdist",
        "pyversion": "py3",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        **changes,
    }
    boundary = "tests-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
        if value is not None
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{file}"\r\n\r\n'.encode()
    return b"".join(parts) + head + content + f"\r\n--{boundary}--\r\n".encode(), (
        f"multipart/form-data; boundary={boundary}"
    )


class Python:
    """pip and twine with a home of their own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_RETRIES": "0",
        }

    def login(self, cli, tool, domain, repository):
        """`aws codeartifact login --tool pip` or `twine`, as it is, with this home."""
        home, cli.environment["HOME"] = cli.environment["HOME"], str(self.folder)
        try:
            return cli.run("codeartifact", "login", "--tool", tool, "--domain", domain, "--repository", repository)
        finally:
            cli.environment["HOME"] = home

    def tried(self, program, *arguments):
        """The finished process, whether or not it failed."""
        return subprocess.run(
            [PROGRAMS / program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )

    def run(self, program, *arguments):
        """What it prints. Raises `CalledProcessError`, with all that it said, if it fails."""
        done = self.tried(program, *arguments)
        if done.returncode != 0:
            failure = subprocess.CalledProcessError(done.returncode, [program, *arguments], done.stdout, done.stderr)
            failure.add_note(done.stdout + done.stderr)
            raise failure
        return done.stdout

    def write(self, file, content):
        path = self.folder / file
        path.write_bytes(content)
        return path
