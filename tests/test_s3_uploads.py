"""Multipart uploads of S3, objects that do not fit into memory, and the `s3` commands of the AWS CLI."""

import base64
import hashlib
import subprocess
import time
import zlib

import boto3.s3.transfer
import pytest

from harness.identities import unique
from harness.refusal import refused

MIB = 1 << 20
PART = 5 * MIB
LARGE = 1 << 30
# What the server may hold of 1 GiB that goes through it, in KiB, beside what it holds anyway.
RESIDENT_KIB = 120 * 1024
LARGE_SECONDS = 300


@pytest.fixture(scope="module")
def bucket(aws):
    """The name of a bucket, shared by the tests of this file."""
    name = unique("uploads")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def upload(aws, bucket):
    """The arguments that name a new multipart upload."""
    place = {"Bucket": bucket, "Key": unique("key")}
    return {**place, "UploadId": aws.s3.create_multipart_upload(**place)["UploadId"]}


def put_parts(aws, upload, *bodies):
    """Uploads parts, numbered from 1; answers them as CompleteMultipartUpload wants them."""
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = aws.s3.upload_part(**upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    return parts


def complete(aws, upload, parts, **arguments):
    return aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **arguments)


def base64_of(digest):
    return base64.b64encode(digest).decode()


# ---------------------------------------------------------------- multipart


def test_an_upload_in_parts(aws, bucket):
    place = {"Bucket": bucket, "Key": "in parts"}
    begun = aws.s3.create_multipart_upload(
        **place, ContentType="text/plain", Metadata={"a": "1"}, Tagging="t=1", StorageClass="STANDARD_IA"
    )
    upload = {**place, "UploadId": begun["UploadId"]}
    bodies = [b"a" * PART, b"b" * PART, b"c"]
    parts = put_parts(aws, upload, *bodies)
    # A part that comes again replaces the one before.
    again = aws.s3.upload_part(**upload, PartNumber=2, Body=b"B" * PART)
    bodies[1], parts[1] = b"B" * PART, {"PartNumber": 2, "ETag": again["ETag"]}

    listed = aws.s3.list_parts(**upload)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, PART), (2, PART), (3, 1)]
    assert listed["StorageClass"] == "STANDARD_IA"
    pages = aws.s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2})
    assert [[part["PartNumber"] for part in page["Parts"]] for page in pages] == [[1, 2], [3]]
    refused("404", aws.s3.head_object, **place)

    done = complete(aws, upload, parts)
    md5s = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    assert (done["Bucket"], done["Key"]) == (bucket, "in parts")
    # Completing again answers the same.
    assert complete(aws, upload, parts)["ETag"] == done["ETag"]

    answer = aws.s3.get_object(**place)
    assert answer["Body"].read() == b"".join(bodies)
    assert (answer["ContentType"], answer["Metadata"], answer["TagCount"]) == ("text/plain", {"a": "1"}, 1)
    across = aws.s3.get_object(**place, Range=f"bytes={PART - 2}-{PART + 1}")
    assert across["Body"].read() == b"aaBB"
    second = aws.s3.get_object(**place, PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (3, bodies[1])
    refused("416", aws.s3.head_object, **place, PartNumber=4)
    refused("InvalidPartNumber", aws.s3.get_object, **place, PartNumber=4)
    attributes = aws.s3.get_object_attributes(**place, ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert attributes["ObjectSize"] == 2 * PART + 1
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3


def test_an_upload_that_is_given_up(aws, upload):
    put_parts(aws, upload, b"x")
    aws.s3.abort_multipart_upload(**upload)
    refused("NoSuchUpload", aws.s3.abort_multipart_upload, **upload)
    refused("NoSuchUpload", aws.s3.list_parts, **upload)
    refused("NoSuchUpload", aws.s3.upload_part, **upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": "x"}]}
    refused("NoSuchUpload", aws.s3.complete_multipart_upload, **upload, MultipartUpload=parts)


def test_parts_that_make_up_no_object(aws, upload):
    first, second = put_parts(aws, upload, b"x" * PART, b"too small, but for the last")
    third = {"PartNumber": 3, "ETag": aws.s3.upload_part(**upload, PartNumber=3, Body=b"last")["ETag"]}
    unknown = {"PartNumber": 4, "ETag": first["ETag"]}
    wrong = {"PartNumber": 1, "ETag": second["ETag"]}

    def named(*parts):
        return {**upload, "MultipartUpload": {"Parts": list(parts)}}

    for code, arguments in (
        ("EntityTooSmall", named(first, second, third)),
        ("InvalidPart", named(first, unknown)),
        ("InvalidPart", named(wrong)),
        ("InvalidPartOrder", named(second, first)),
        ("MalformedXML", named()),
        ("InvalidRequest", {**named(first, second), "MpuObjectSize": 1}),
    ):
        refused(code, aws.s3.complete_multipart_upload, **arguments)
    for number in (0, 10_001):
        refused("InvalidArgument", aws.unchecked("s3").upload_part, **upload, PartNumber=number, Body=b"x")
    # After all that, the upload is still good.
    complete(aws, upload, [first, second])


def test_conditions_of_a_completion(aws, bucket):
    place = {"Bucket": bucket, "Key": "conditional"}
    aws.s3.put_object(**place, Body=b"there before")
    upload = {**place, "UploadId": aws.s3.create_multipart_upload(**place)["UploadId"]}
    parts = {"Parts": put_parts(aws, upload, b"x")}
    refused("PreconditionFailed", aws.s3.complete_multipart_upload, **upload, MultipartUpload=parts, IfNoneMatch="*")
    etag = aws.s3.head_object(**place)["ETag"]
    complete(aws, upload, parts["Parts"], IfMatch=etag)
    assert aws.s3.get_object(**place)["Body"].read() == b"x"


def test_checksums_of_an_upload(aws, bucket):
    bodies = [b"a" * PART, b"b"]
    place = {"Bucket": bucket, "Key": "composite"}
    begun = aws.s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")
    assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == ("SHA256", "COMPOSITE")
    upload = {**place, "UploadId": begun["UploadId"]}
    digests = [hashlib.sha256(body).digest() for body in bodies]
    parts = []
    for number, (body, digest) in enumerate(zip(bodies, digests, strict=True), 1):
        answer = aws.s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumSHA256=base64_of(digest))
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": base64_of(digest)})
    wrong = {"PartNumber": 3, "Body": b"x", "ChecksumSHA256": base64_of(digests[0])}
    refused("BadDigest", aws.s3.upload_part, **upload, **wrong)
    other = {"PartNumber": 3, "Body": b"x", "ChecksumCRC32": base64_of(zlib.crc32(b"x").to_bytes(4, "big"))}
    refused("InvalidRequest", aws.s3.upload_part, **upload, **other)
    done = complete(aws, upload, parts)
    expected = f"{base64_of(hashlib.sha256(b''.join(digests)).digest())}-2"
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (expected, "COMPOSITE")

    place = {"Bucket": bucket, "Key": "full"}
    begun = aws.s3.create_multipart_upload(**place, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload = {**place, "UploadId": begun["UploadId"]}
    parts = put_parts(aws, upload, *bodies)
    wrong = {"MultipartUpload": {"Parts": parts}, "ChecksumCRC32": "AAAAAA==", "ChecksumType": "FULL_OBJECT"}
    refused("BadDigest", aws.s3.complete_multipart_upload, **upload, **wrong)
    other = {"MultipartUpload": {"Parts": parts}, "ChecksumSHA1": base64_of(hashlib.sha1(b"").digest())}
    message = refused("InvalidRequest", aws.s3.complete_multipart_upload, **upload, **other)
    assert "expected checksum Type: crc32, actual checksum Type: sha1" in message
    crc = base64_of(zlib.crc32(b"".join(bodies)).to_bytes(4, "big"))
    done = complete(aws, upload, parts, ChecksumCRC32=crc, ChecksumType="FULL_OBJECT")
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (crc, "FULL_OBJECT")
    impossible = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}
    refused("InvalidRequest", aws.s3.create_multipart_upload, **place, **impossible)


def test_parts_that_are_copied(aws, bucket, upload):
    source = {"Bucket": bucket, "Key": "source of parts"}
    body = bytes(range(256)) * (PART // 256 + 1)
    aws.s3.put_object(**source, Body=body)
    parts = []
    for number, range_ in enumerate([f"bytes=0-{PART - 1}", f"bytes={PART}-{len(body) - 1}"], 1):
        answer = aws.s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=range_)
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    copy = {**upload, "PartNumber": 3, "CopySource": source}
    refused("InvalidArgument", aws.s3.upload_part_copy, **copy, CopySourceRange="bytes=0-")
    for outside in ("bytes=0-99999999", "bytes=9999999-99999999"):
        message = refused("InvalidArgument", aws.s3.upload_part_copy, **copy, CopySourceRange=outside)
        assert message == f"Range specified is not valid for source object of size: {len(body)}"
    refused("NoSuchKey", aws.s3.upload_part_copy, **{**copy, "CopySource": {**source, "Key": "none"}})
    complete(aws, upload, parts)
    assert aws.s3.get_object(Bucket=bucket, Key=upload["Key"])["Body"].read() == body


def test_uploads_are_listed(aws):
    name = unique("listed")
    aws.s3.create_bucket(Bucket=name)
    keys = ["a/1", "a/2", "b", "b", "ä +"]
    ids = [aws.s3.create_multipart_upload(Bucket=name, Key=key)["UploadId"] for key in keys]
    pages = aws.s3.get_paginator("list_multipart_uploads").paginate(Bucket=name, PaginationConfig={"PageSize": 2})
    uploads = [upload for page in pages for upload in page["Uploads"]]
    assert [upload["Key"] for upload in uploads] == keys
    assert {upload["UploadId"] for upload in uploads} == set(ids)
    folded = aws.s3.list_multipart_uploads(Bucket=name, Delimiter="/")
    assert folded["CommonPrefixes"] == [{"Prefix": "a/"}] and len(folded["Uploads"]) == 3
    refused("NoSuchBucket", aws.s3.list_multipart_uploads, Bucket="never-made")
    refused("NoSuchBucket", aws.s3.create_multipart_upload, Bucket="never-made", Key="k")
    # A bucket with uploads alone is empty.
    aws.s3.delete_bucket(Bucket=name)


# ---------------------------------------------------------------- 1 GiB


def resident_peak_kib(process):
    """The most memory that a process held at once, without the pages of its program, which is large."""
    with open(f"/proc/{process.pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) - int(fields["RssFile"].split()[0])


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path, size):
    """Writes a file that takes little room: of each MiB, only the first bytes are there."""
    with open(path, "wb") as file:
        for number in range(size // MIB):
            file.seek(number * MIB)
            file.write(b"%08d" % number)
        file.truncate(size)


def test_a_gibibyte_goes_through_in_bounded_memory(aws, server, bucket, tmp_path):
    transfer = boto3.s3.transfer.TransferConfig(multipart_chunksize=16 * MIB, max_concurrency=4)
    there, back = tmp_path / "there", tmp_path / "back"
    write_file(there, LARGE)
    begin = time.monotonic()
    try:
        aws.s3.upload_file(str(there), bucket, "large", Config=transfer)
        assert aws.s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == LARGE
        aws.s3.download_file(bucket, "large", str(back), Config=transfer)
        took = time.monotonic() - begin
        assert sha256_of(back) == sha256_of(there)
    finally:
        for file in (there, back):
            file.unlink(missing_ok=True)
        aws.s3.delete_object(Bucket=bucket, Key="large")
    assert resident_peak_kib(server.process) < RESIDENT_KIB
    assert took < LARGE_SECONDS


def test_a_body_in_one_piece_is_not_held_in_memory(aws, server, bucket, tmp_path):
    there = tmp_path / "there"
    write_file(there, 2 * RESIDENT_KIB * 1024)
    with open(there, "rb") as body:
        aws.s3.put_object(Bucket=bucket, Key="one piece", Body=body)
    aws.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "one piece"})
    answer = aws.s3.get_object(Bucket=bucket, Key="copy")
    digest = hashlib.sha256()
    for chunk in answer["Body"].iter_chunks(MIB):
        digest.update(chunk)
    assert digest.hexdigest() == sha256_of(there)
    there.unlink()
    aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "one piece"}, {"Key": "copy"}]})
    assert resident_peak_kib(server.process) < RESIDENT_KIB


# ---------------------------------------------------------------- the AWS CLI


def test_the_cli_makes_fills_reads_and_removes_a_bucket(cli, aws, tmp_path):
    name = unique("by-the-cli")
    there = f"s3://{name}"
    cli.run("s3", "mb", there)
    assert name in cli.run("s3", "ls")

    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b + ü.txt").write_text("b")
    (folder / "large.bin").write_bytes(b"x" * (9 * MIB))  # in parts
    cli.run("s3", "sync", folder, f"{there}/site")
    lines = cli.run("s3", "ls", "--recursive", there).splitlines()
    assert sorted(line.split(maxsplit=3)[2:] for line in lines) == [
        ["1", "site/a.txt"],
        ["1", "site/deep/b + ü.txt"],
        [str(9 * MIB), "site/large.bin"],
    ]
    assert "PRE deep/" in cli.run("s3", "ls", f"{there}/site/")
    assert aws.s3.head_object(Bucket=name, Key="site/large.bin")["ETag"].endswith('-2"')

    # Syncing again has nothing to do; with --delete, what is gone here goes there.
    assert cli.run("s3", "sync", folder, f"{there}/site") == ""
    (folder / "a.txt").unlink()
    assert "delete: " in cli.run("s3", "sync", "--delete", folder, f"{there}/site")
    assert cli.run("s3", "cp", f"{there}/site/deep/b + ü.txt", "-") == "b"
    cli.run("s3", "cp", f"{there}/site/large.bin", f"{there}/copy.bin")
    cli.run("s3", "cp", f"{there}/copy.bin", tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == (folder / "large.bin").read_bytes()
    cli.run("s3", "mv", f"{there}/copy.bin", f"{there}/moved.bin")

    with pytest.raises(subprocess.CalledProcessError) as failure:
        cli.run("s3", "rb", there)
    assert "BucketNotEmpty" in failure.value.stderr
    cli.run("s3", "rm", f"{there}/moved.bin")
    cli.run("s3", "rb", "--force", there)
    with pytest.raises(subprocess.CalledProcessError) as failure:
        cli.run("s3", "ls", there)
    assert "NoSuchBucket" in failure.value.stderr
