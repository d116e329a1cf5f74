"""The stock cargo in an environment of its own, with one registry and its token."""

import io
import json
import os
import pathlib
import subprocess
import tarfile

TIMEOUT_SECONDS = 120


def crate(name, version):
    """The archive of a crate with nothing in it."""
    content = io.BytesIO()
    manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in [("Cargo.toml", manifest), ("src/lib.rs", "")]:
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


class Cargo:
    """cargo with a home of its own. `ours` is the registry."""

    def __init__(self, folder, endpoint, token):
        self.folder = pathlib.Path(folder)
        self.home = self.folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "config.toml").write_text(
            f'[registries.ours]\nindex = "sparse+{endpoint}"\n'
            '[registry]\ndefault = "ours"\nglobal-credential-providers = ["cargo:token"]\n'
            "[net]\nretry = 0\n"
        )
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN") if name in os.environ},
            "HOME": os.environ.get("HOME", str(self.folder)),
            "CARGO_HOME": str(self.home),
            "CARGO_REGISTRIES_OURS_TOKEN": token,
            "CARGO_TERM_COLOR": "never",
            "NO_PROXY": "127.0.0.1",
        }

    def project(self, name, version="1.0.0", dependencies="", **package):
        """A folder with a library: its path."""
        folder = self.folder / "projects" / f"{name}-{version}"
        (folder / "src").mkdir(parents=True, exist_ok=True)
        (folder / "src" / "lib.rs").write_text(f'pub const VERSION: &str = "{version}";\n')
        more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in package.items())
        (folder / "Cargo.toml").write_text(
            f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\nlicense = "MIT"\n'
            f'description = "About {name}"\n{more}\n[dependencies]\n{dependencies}'
        )
        return folder

    def tried(self, *arguments, cwd):
        """The finished process of `cargo …`, whether or not it failed."""
        return subprocess.run(
            ["cargo", *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )

    def run(self, *arguments, cwd):
        """All that `cargo …` says. Raises `CalledProcessError` if it fails."""
        done = self.tried(*arguments, cwd=cwd)
        if done.returncode != 0:
            failure = subprocess.CalledProcessError(done.returncode, ["cargo", *arguments], done.stdout, done.stderr)
            failure.add_note(done.stdout + done.stderr)
            raise failure
        return done.stdout + done.stderr

    def publish(self, name, version="1.0.0", **project):
        folder = self.project(name, version, **project)
        return self.run("publish", "--registry", "ours", "--no-verify", "--allow-dirty", cwd=folder)

    def lock(self, folder):
        """What cargo resolves the dependencies to: `{name: version}`, fetched."""
        self.run("fetch", cwd=folder)
        text = (folder / "Cargo.lock").read_text().split("[[package]]")[1:]
        fields = [dict(line.split(" = ", 1) for line in part.strip().splitlines() if " = " in line) for part in text]
        return {field["name"].strip('"'): field["version"].strip('"') for field in fields}
