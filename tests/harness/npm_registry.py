"""What npm sends to a registry, made without npm."""

import base64
import gzip
import hashlib
import io
import json
import tarfile


def archive(name="p", version="1.0.0", more=""):
    """A package packed as npm does: the same bytes for the same arguments."""
    content = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as files,
    ):
        text = json.dumps({"name": name, "version": version, "description": more}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        files.addfile(entry, io.BytesIO(text))
    return content.getvalue()


def document(name="p", version="1.0.0", content=None, **changes):
    """What npm puts to publish a version."""
    content = archive(name, version) if content is None else content
    manifest = {
        "name": name,
        "version": version,
        "dist": {
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode(),
            "shasum": hashlib.sha1(content).hexdigest(),
        },
    }
    data = base64.b64encode(content).decode()
    attachment = {"content_type": "application/octet-stream", "data": data, "length": len(content)}
    return {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: manifest},
        "_attachments": {f"{name}-{version}.tgz": attachment},
        **changes,
    }
