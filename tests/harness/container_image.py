"""An image for builds in containers, made of this machine's own Debian packages: no registry is asked.

It holds the files of a few packages and of all that they depend on, as they are installed here, so that making it takes
seconds and needs no network. Its tag names the packages' versions: it is made once, and again when they change.
"""

import functools
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import tarfile

NAME = "localhost/stagewright-tests"
PACKAGES = ("bash", "git", "python3", "make", "gcc", "libc6-dev", "ca-certificates")
# What only people read.
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/")
# What installing packages has made.
OUTSIDE = (
    *("/usr/bin/awk", "/etc/alternatives/awk", "/usr/bin/cc", "/etc/alternatives/cc"),
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/ld.so.cache"),
    *(f"/etc/pam.d/common-{what}" for what in ("account", "auth", "password", "session")),
)
# Of the image itself, to be seen by builds and overridden by projects.
ENVIRONMENT = {"PATH": "/opt/image/bin:/usr/local/bin:/usr/bin:/bin", "IMAGE_SAYS": "hello", "IMAGE_GIVES": "a default"}
ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\nbuilder:x:1000:1000::/home/builder:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nbuilder:x:1000:\nnogroup:x:65534:\n",
    "shadow": "root:*:19000:0:99999:7:::\nbuilder:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
}


def engine() -> list[str]:
    """The engine's command line: `STAGEWRIGHT_ENGINE`, else podman, with runc where that is installed."""
    given = os.environ.get("STAGEWRIGHT_ENGINE")
    if given:
        return shlex.split(given)
    return ["podman", "--runtime", "runc"] if shutil.which("runc") else ["podman"]


@functools.cache
def image() -> tuple[str | None, str]:
    """The image's name, or none with the reason: no engine, no Debian, or an engine that runs nothing here."""
    if not shutil.which(engine()[0]):
        return None, f"{engine()[0]} is not installed"
    if not shutil.which("dpkg-query"):
        return None, "the image is made of Debian packages"
    packages = _closure()
    digest = hashlib.sha256("\n".join(f"{name} {version}" for name, version in sorted(packages.items())).encode())
    digest.update(repr((ENVIRONMENT, ACCOUNTS, OUTSIDE)).encode())
    name = f"{NAME}:{digest.hexdigest()[:12]}"
    if _run("image", "inspect", name).returncode != 0:
        made = _make(name, packages)
        if made:
            return None, made
    tried = subprocess.run([*run(), name, "true"], capture_output=True, text=True)
    return (name, "") if tried.returncode == 0 else (None, f"the engine runs nothing here: {tried.stderr.strip()}")


def run() -> list[str]:
    """The beginning of a command in a container of an image, which follows."""
    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]
    return [*engine(), "run", "--rm", "--pull", "never", "--network", "host", *limits]


def _run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([*engine(), *arguments], capture_output=True, text=True)


def _closure() -> dict[str, str]:
    """The packages with what they depend on, and their versions."""
    columns = "${Package}\t${Version}\t${Essential}\t${Provides}\t${Pre-Depends}, ${Depends}\t${db:Status-Status}\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", columns], capture_output=True, text=True, check=True).stdout
    bare = functools.partial(re.sub, r"[\s:(].*", "")
    versions, needs, provided, pending = {}, {}, {}, list(PACKAGES)
    for line in listed.splitlines():
        package, version, essential, provides, depends, status = line.split("\t")
        if status != "installed":
            continue
        versions[package] = version
        needs[package] = [[bare(name.strip()) for name in group.split("|")] for group in depends.split(",")]
        for name in provides.split(","):
            provided.setdefault(bare(name.strip()), package)
        if essential == "yes":
            pending.append(package)
    found = {}
    while pending:
        package = pending.pop()
        package = package if package in versions else provided.get(package)
        if package is None or package in found:
            continue
        found[package] = versions[package]
        for group in needs[package]:
            pending += [name for name in group if name in versions or name in provided][:1]
    return found


def _make(name: str, packages: dict[str, str]) -> str:
    """Gives what went wrong."""
    changes = [argument for variable in ENVIRONMENT.items() for argument in ("-c", "ENV {}={}".format(*variable))]
    importing = subprocess.Popen(
        [*engine(), "import", *changes, "-", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with tarfile.open(fileobj=importing.stdin, mode="w|") as tar:
        _write(tar, packages)
    _, complaint = importing.communicate()
    return "" if importing.returncode == 0 else complaint.decode()


def _write(tar: tarfile.TarFile, packages: dict[str, str]) -> None:
    seen = set(_write_root(tar))
    listed = subprocess.run(["dpkg", "-L", *packages], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        path = "/usr" + line if re.match("/(s?bin|lib[^/]*)(/|$)", line) else line
        if not path.startswith("/") or path in seen or path == "/." or path.startswith(LEFT_OUT):
            continue
        seen.add(path)
        if os.path.lexists(path) and "/__pycache__" not in path and path != "/etc/shadow":
            tar.add(path, path[1:], recursive=False)
    for path in OUTSIDE:
        if path not in seen and os.path.lexists(path):
            tar.add(path, path[1:], recursive=False)


def _write_root(tar: tarfile.TarFile) -> list[str]:
    """Writes what must be there before everything else, and gives the paths."""
    entries = {"usr": 0o755, "usr/bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777}
    for folder, mode in entries.items():
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)
    for link in ("bin", "sbin", "lib", "lib64"):
        entry = tarfile.TarInfo(link)
        entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
        tar.addfile(entry)
    for name, text in ACCOUNTS.items():
        entry = tarfile.TarInfo(f"etc/{name}")
        entry.size, entry.mode = len(text), 0o644
        tar.addfile(entry, io.BytesIO(text.encode()))
    return [f"/{path}" for path in (*entries, *(f"etc/{name}" for name in ACCOUNTS))]


def shell() -> dict[str, tuple[bytes, int]]:
    """The smallest files in which builds can run: a shell and `env`, with their libraries."""
    programs = {"/bin/sh": "/bin/dash", "/usr/bin/env": "/usr/bin/env"}
    files = {}
    for inside, program in programs.items():
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(?:=> )?(/\S+) \(0x", listed):
            files[library] = library
        files[inside] = program
    return {inside: (open(host, "rb").read(), 0o755) for inside, host in files.items()}
