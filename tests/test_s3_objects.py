"""Objects of S3: reading and writing them, their versions, copies and listings."""

import base64
import datetime
import hashlib

import pytest

from harness.aws import Aws
from harness.credentials import Credentials
from harness.identities import allow, create_user, unique
from harness.refusal import refused

# The checksums of b"123456789", which are the check values of these algorithms.
CHECKED = b"123456789"
CHECKSUMS = {
    "CRC32": (0xCBF43926).to_bytes(4, "big"),
    "CRC32C": (0xE3069283).to_bytes(4, "big"),
    "CRC64NVME": (0xAE8B14860A799888).to_bytes(8, "big"),
    "SHA1": hashlib.sha1(CHECKED).digest(),
    "SHA256": hashlib.sha256(CHECKED).digest(),
}


def text(digest):
    return base64.b64encode(digest).decode()


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


@pytest.fixture
def bucket(aws):
    """The name of a new bucket."""
    name = unique("bucket")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(aws, bucket):
    """The name of a new bucket whose objects have versions."""
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def body_of(aws, bucket, key, **arguments):
    return aws.s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


# ---------------------------------------------------------------- reading and writing


def test_an_object_is_kept_as_given(aws, bucket):
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    given = {
        "CacheControl": "no-store",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "ContentType": "text/plain",
        "Expires": expires,
        "Metadata": {"team": "tests", "stage": "one two"},
        "StorageClass": "STANDARD_IA",
        "WebsiteRedirectLocation": "/elsewhere",
    }
    key = "folder/ä b+c%.txt"
    put = aws.s3.put_object(Bucket=bucket, Key=key, Body=b"hello", Tagging="a=1&b=2", **given)
    assert put["ETag"] == etag(b"hello") and put["ServerSideEncryption"] == "AES256"
    for answer in (aws.s3.head_object(Bucket=bucket, Key=key), aws.s3.get_object(Bucket=bucket, Key=key)):
        assert {name: answer[name] for name in given} == given
        assert (answer["ETag"], answer["ContentLength"]) == (etag(b"hello"), 5)
        assert answer["AcceptRanges"] == "bytes"
    assert answer["Body"].read() == b"hello" and answer["TagCount"] == 2

    asked = {"ResponseContentType": "text/html", "ResponseCacheControl": "max-age=1"}
    answer = aws.s3.get_object(Bucket=bucket, Key=key, **asked)
    assert (answer["ContentType"], answer["CacheControl"]) == ("text/html", "max-age=1")


def test_an_object_may_hold_nothing(aws, bucket):
    for body in (b"", b"hello", b""):
        assert aws.s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"] == etag(body)
        assert body_of(aws, bucket, "k") == body


def test_an_upload_that_was_refused_leaves_its_client_well(aws, bucket):
    _, credentials = create_user(aws, allow("s3:GetObject"))
    s3 = aws.acting_as(credentials).s3
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    for _ in range(20):
        refused("AccessDenied", s3.put_object, Bucket=bucket, Key="k", Body=b"x" * 100_000)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_an_object_that_is_not_there(aws, bucket):
    assert refused("NoSuchKey", aws.s3.get_object, Bucket=bucket, Key="none") == "The specified key does not exist."
    refused("404", aws.s3.head_object, Bucket=bucket, Key="none")
    refused("NoSuchBucket", aws.s3.get_object, Bucket="never-made", Key="k")
    refused("NoSuchBucket", aws.s3.put_object, Bucket="never-made", Key="k", Body=b"x")
    aws.s3.delete_object(Bucket=bucket, Key="none")
    refused("NoSuchBucket", aws.s3.delete_object, Bucket="never-made", Key="k")


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [("bytes=0-4", 0, 5), ("bytes=95-", 95, 100), ("bytes=-3", 97, 100), ("bytes=90-200", 90, 100)],
)
def test_a_range(aws, bucket, asked, begin, end):
    body = bytes(range(100))
    aws.s3.put_object(Bucket=bucket, Key="k", Body=body)
    answer = aws.s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes {begin}-{end - 1}/100"
    assert answer["Body"].read() == body[begin:end]
    head = aws.s3.head_object(Bucket=bucket, Key="k", Range=asked)
    assert (head["ContentLength"], head["ContentRange"]) == (end - begin, answer["ContentRange"])


@pytest.mark.parametrize("passed_over", ["bytes=0-1,4-5", "lines=0-1", "bytes=5-2", "0-4"])
def test_a_range_that_is_passed_over(aws, bucket, passed_over):
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = aws.s3.get_object(Bucket=bucket, Key="k", Range=passed_over)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (200, b"0123456789")
    assert aws.s3.head_object(Bucket=bucket, Key="k", Range=passed_over)["ContentLength"] == 10
    refused("NoSuchKey", aws.s3.get_object, Bucket=bucket, Key="none", Range=passed_over)
    _, credentials = create_user(aws)
    refused("AccessDenied", aws.acting_as(credentials).s3.get_object, Bucket=bucket, Key="k", Range=passed_over)
    thief = aws.acting_as(Credentials(aws.credentials.access_key_id, "guessed+this+secret+access+key+of+40+chr"))
    refused("SignatureDoesNotMatch", thief.s3.get_object, Bucket=bucket, Key="k", Range=passed_over)


def test_ranges_that_cannot_be_had(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    message = refused("InvalidRange", aws.s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")
    assert message == "The requested range is not satisfiable"
    refused("416", aws.s3.head_object, Bucket=bucket, Key="k", Range="bytes=10-")
    both = {"Range": "bytes=0-1", "PartNumber": 1}
    refused("InvalidRequest", aws.s3.get_object, Bucket=bucket, Key="k", **both)


def test_conditional_reads(aws, bucket):
    put = aws.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    modified = aws.s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = modified - datetime.timedelta(hours=1), modified + datetime.timedelta(seconds=1)
    other = etag(b"other")
    for conditions in (
        {"IfMatch": put["ETag"]},
        {"IfMatch": "*"},
        {"IfNoneMatch": other},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": after},
        {"IfMatch": put["ETag"], "IfUnmodifiedSince": before},
        {"IfNoneMatch": other, "IfModifiedSince": modified},
    ):
        assert body_of(aws, bucket, "k", **conditions) == b"x", conditions
    for conditions in ({"IfMatch": other}, {"IfUnmodifiedSince": before}):
        refused("PreconditionFailed", aws.s3.get_object, Bucket=bucket, Key="k", **conditions)
        refused("412", aws.s3.head_object, Bucket=bucket, Key="k", **conditions)
    for conditions in (
        {"IfNoneMatch": put["ETag"]},
        {"IfModifiedSince": modified},
        {"IfNoneMatch": put["ETag"], "IfModifiedSince": before},
    ):
        refused("304", aws.s3.get_object, Bucket=bucket, Key="k", **conditions)
        refused("304", aws.s3.head_object, Bucket=bucket, Key="k", **conditions)


def test_conditional_writes(aws, bucket):
    first = aws.s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    refused("PreconditionFailed", aws.s3.put_object, Bucket=bucket, Key="k", Body=b"again", IfNoneMatch="*")
    second = aws.s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=first["ETag"])
    refused("PreconditionFailed", aws.s3.put_object, Bucket=bucket, Key="k", Body=b"late", IfMatch=first["ETag"])
    refused("NoSuchKey", aws.s3.put_object, Bucket=bucket, Key="none", Body=b"x", IfMatch=first["ETag"])
    refused("NotImplemented", aws.s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfNoneMatch=first["ETag"])
    refused("PreconditionFailed", aws.s3.delete_object, Bucket=bucket, Key="k", IfMatch=first["ETag"])
    assert body_of(aws, bucket, "k") == b"second"
    aws.s3.delete_object(Bucket=bucket, Key="k", IfMatch=second["ETag"])
    refused("404", aws.s3.head_object, Bucket=bucket, Key="k")


def test_what_is_too_long(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"x", Metadata={"m": "x" * 2047})
    assert refused("KeyTooLongError", aws.s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"x") == (
        "Your key is too long"
    )
    large = {"Metadata": {"mm": "x" * 2047}}
    refused("MetadataTooLarge", aws.s3.put_object, Bucket=bucket, Key="m", Body=b"x", **large)
    refused("404", aws.s3.head_object, Bucket=bucket, Key="m")


# ---------------------------------------------------------------- checksums


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_checksum_is_verified_kept_and_shown(aws, bucket, algorithm):
    right, wrong = text(CHECKSUMS[algorithm]), text(bytes(len(CHECKSUMS[algorithm])))
    member = f"Checksum{algorithm}"
    put = aws.s3.put_object(Bucket=bucket, Key="k", Body=CHECKED, **{member: right})
    assert (put[member], put["ChecksumType"]) == (right, "FULL_OBJECT")
    head = aws.s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[member] == right
    asked = ["ETag", "Checksum", "ObjectSize", "StorageClass"]
    attributes = aws.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert attributes["Checksum"] == {member: right, "ChecksumType": "FULL_OBJECT"}
    assert (attributes["ETag"], attributes["ObjectSize"]) == (etag(CHECKED).strip('"'), 9)

    message = refused("BadDigest", aws.s3.put_object, Bucket=bucket, Key="no", Body=CHECKED, **{member: wrong})
    assert message == f"The {algorithm} you specified did not match the calculated checksum."
    message = refused("InvalidRequest", aws.s3.put_object, Bucket=bucket, Key="no", Body=CHECKED, **{member: "AA=="})
    assert message == f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."
    refused("404", aws.s3.head_object, Bucket=bucket, Key="no")


def test_without_a_checksum_the_server_makes_one(aws, bucket):
    client = aws.client("s3", request_checksum_calculation="when_required")
    put = client.put_object(Bucket=bucket, Key="k", Body=CHECKED)
    assert put["ChecksumCRC64NVME"] == text(CHECKSUMS["CRC64NVME"])
    # What boto3 does by itself: a CRC32 that it computes.
    assert aws.s3.put_object(Bucket=bucket, Key="k", Body=CHECKED)["ChecksumCRC32"] == text(CHECKSUMS["CRC32"])
    two = {"ChecksumCRC32": text(CHECKSUMS["CRC32"]), "ChecksumSHA1": text(CHECKSUMS["SHA1"])}
    message = refused("InvalidRequest", aws.s3.put_object, Bucket=bucket, Key="k", Body=CHECKED, **two)
    assert message.startswith("Expecting a single x-amz-checksum- header.")


def test_a_checksum_that_is_not_computed_here_is_refused(aws, bucket):
    client = aws.client("s3")
    client.meta.events.register(
        "before-sign.s3.PutObject", lambda request, **_: request.headers.add_header("x-amz-checksum-xxhash9", "AA==")
    )
    message = refused("InvalidRequest", client.put_object, Bucket=bucket, Key="unchecked", Body=CHECKED)
    assert message == "The algorithm type you specified in x-amz-checksum- header is invalid."
    refused("404", aws.s3.head_object, Bucket=bucket, Key="unchecked")


def test_content_md5(aws, bucket):
    def put(md5):
        return {"Bucket": bucket, "Key": "k", "Body": b"hello", "ContentMD5": md5}

    aws.s3.put_object(**put(text(hashlib.md5(b"hello").digest())))
    refused("BadDigest", aws.s3.put_object, **put(text(hashlib.md5(b"other").digest())))
    refused("InvalidDigest", aws.s3.put_object, **put("no digest"))
    assert body_of(aws, bucket, "k") == b"hello"


def test_attributes_that_are_none(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    arguments = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["Colour"]}
    refused("InvalidArgument", aws.s3.get_object_attributes, **arguments)
    arguments = {"Bucket": bucket, "Key": "none", "ObjectAttributes": ["ETag"]}
    refused("NoSuchKey", aws.s3.get_object_attributes, **arguments)


# ---------------------------------------------------------------- tags


def test_tags(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=2")
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    tags = [{"Key": "team", "Value": "tests"}]
    aws.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    aws.s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []

    eleven = [{"Key": str(number), "Value": ""} for number in range(11)]
    refused("InvalidTag", aws.s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": eleven})
    refused("InvalidTag", aws.s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&a=2")
    refused("NoSuchKey", aws.s3.put_object_tagging, Bucket=bucket, Key="none", Tagging={"TagSet": tags})
    refused("NoSuchKey", aws.s3.get_object_tagging, Bucket=bucket, Key="none")
    refused("NoSuchKey", aws.s3.delete_object_tagging, Bucket=bucket, Key="none")


def test_tags_are_copied_by_those_who_may(aws, server, bucket):
    source = {"Bucket": bucket, "Key": "tagged"}
    aws.s3.put_object(**source, Body=b"x", Tagging="a=1")
    aws.s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    reads = allow("s3:GetObject", "s3:PutObject", "s3:GetObjectTagging")
    for statements, missing in (
        ([reads], "s3:PutObjectTagging"),
        ([allow("s3:*Object", "s3:PutObjectTagging")], "s3:GetObjectTagging"),
    ):
        copier = Aws(server.url, create_user(aws, *statements)[1]).s3
        to = {"Bucket": bucket, "Key": "copy of tags"}
        assert missing in refused("AccessDenied", copier.copy_object, **to, CopySource=source)
        refused("404", aws.s3.head_object, **to)
        copier.copy_object(**to, CopySource={**source, "Key": "plain"})
        aws.s3.delete_object(**to)


# ---------------------------------------------------------------- versions


def test_versions(aws, versioned):
    first = aws.s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    second = aws.s3.put_object(Bucket=versioned, Key="k", Body=b"two")["VersionId"]
    assert first != second
    assert body_of(aws, versioned, "k") == b"two"
    assert body_of(aws, versioned, "k", VersionId=first) == b"one"

    marker = aws.s3.delete_object(Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    refused("NoSuchKey", aws.s3.get_object, Bucket=versioned, Key="k")
    of_marker = {"Bucket": versioned, "Key": "k", "VersionId": marker["VersionId"]}
    refused("MethodNotAllowed", aws.s3.get_object, **of_marker)
    assert body_of(aws, versioned, "k", VersionId=second) == b"two"
    listed = aws.s3.list_object_versions(Bucket=versioned)
    assert [version["VersionId"] for version in listed["Versions"]] == [second, first]
    assert [version["IsLatest"] for version in listed["Versions"]] == [False, False]
    assert [(marker["VersionId"], marker["IsLatest"]) for marker in listed["DeleteMarkers"]] == [
        (marker["VersionId"], True)
    ]

    # Taking the marker away brings the object back; taking a version away is for good.
    assert aws.s3.delete_object(**of_marker)["DeleteMarker"] is True
    assert body_of(aws, versioned, "k") == b"two"
    assert aws.s3.delete_object(Bucket=versioned, Key="k", VersionId=second)["VersionId"] == second
    assert body_of(aws, versioned, "k") == b"one"
    refused("NoSuchVersion", aws.s3.get_object, Bucket=versioned, Key="k", VersionId=second)
    refused("InvalidArgument", aws.s3.get_object, Bucket=versioned, Key="k", VersionId="no version")
    hint = refused("BucketNotEmpty", aws.s3.delete_bucket, Bucket=versioned)
    assert hint.endswith("You must delete all versions in the bucket.")


def test_suspended_versioning_overwrites_the_null_version(aws, versioned):
    kept = aws.s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    aws.s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"null", b"null again"):
        assert aws.s3.put_object(Bucket=versioned, Key="k", Body=body)["VersionId"] == "null"
    listed = aws.s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [version["VersionId"] for version in listed] == ["null", kept]
    assert body_of(aws, versioned, "k", VersionId="null") == b"null again"
    assert body_of(aws, versioned, "k", VersionId=kept) == b"kept"


def test_versions_are_listed_in_pages(aws, versioned):
    for key in ("a", "b/1", "b/2", "c"):
        for _ in range(3):
            aws.s3.put_object(Bucket=versioned, Key=key, Body=b"x")
    paginator = aws.s3.get_paginator("list_object_versions")
    pages = list(paginator.paginate(Bucket=versioned, PaginationConfig={"PageSize": 5}))
    versions = [version for page in pages for version in page["Versions"]]
    assert [len(page["Versions"]) for page in pages] == [5, 5, 2]
    assert [version["Key"] for version in versions] == ["a"] * 3 + ["b/1"] * 3 + ["b/2"] * 3 + ["c"] * 3
    assert [version["IsLatest"] for version in versions] == [True, False, False] * 4
    assert len({version["VersionId"] for version in versions}) == 12
    folded = aws.s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert folded["CommonPrefixes"] == [{"Prefix": "b/"}] and len(folded["Versions"]) == 6
    refused("NoSuchBucket", aws.s3.list_object_versions, Bucket="never-made")
    refused("InvalidArgument", aws.s3.list_object_versions, Bucket=versioned, VersionIdMarker="x")


# ---------------------------------------------------------------- copies


def test_a_copy(aws, bucket):
    source = {"Bucket": bucket, "Key": "söurce +%.txt"}
    aws.s3.put_object(**source, Body=b"hello", ContentType="text/plain", Metadata={"a": "1"}, Tagging="t=1")
    copied = aws.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == etag(b"hello")
    copy = aws.s3.get_object(Bucket=bucket, Key="copy")
    assert (copy["Body"].read(), copy["ContentType"], copy["Metadata"]) == (b"hello", "text/plain", {"a": "1"})
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "1"}]

    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}, "ContentType": "text/html"}
    replaced |= {"TaggingDirective": "REPLACE", "Tagging": "u=2", "ChecksumAlgorithm": "SHA256"}
    answer = aws.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **replaced)
    assert answer["CopyObjectResult"]["ChecksumSHA256"] == text(hashlib.sha256(b"hello").digest())
    copy = aws.s3.head_object(Bucket=bucket, Key="copy")
    assert (copy["ContentType"], copy["Metadata"]) == ("text/html", {"b": "2"})
    assert aws.s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "u", "Value": "2"}]


def test_copies_that_are_refused(aws, bucket):
    source = {"Bucket": bucket, "Key": "source"}
    put = aws.s3.put_object(**source, Body=b"hello")
    assert "to itself" in refused("InvalidRequest", aws.s3.copy_object, **source, CopySource=source)
    aws.s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"a": "1"})
    to = {"Bucket": bucket, "Key": "copy", "CopySource": source}
    refused("PreconditionFailed", aws.s3.copy_object, **to, CopySourceIfMatch=etag(b"other"))
    refused("PreconditionFailed", aws.s3.copy_object, **to, CopySourceIfNoneMatch=put["ETag"])
    refused("NoSuchKey", aws.s3.copy_object, **{**to, "CopySource": {**source, "Key": "none"}})
    refused("NoSuchBucket", aws.s3.copy_object, **{**to, "CopySource": {**source, "Bucket": "never-made"}})
    refused("404", aws.s3.head_object, Bucket=bucket, Key="copy")


def test_a_copy_replaces_only_what_it_is_to_replace(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    kept = aws.s3.put_object(Bucket=bucket, Key="copy", Body=b"kept")
    to = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "source"}}
    refused("PreconditionFailed", aws.s3.copy_object, **to, IfNoneMatch="*")
    refused("PreconditionFailed", aws.s3.copy_object, **to, IfMatch=etag(b"other"))
    refused("NoSuchKey", aws.s3.copy_object, **{**to, "Key": "none"}, IfMatch=kept["ETag"])
    refused("NotImplemented", aws.s3.copy_object, **to, IfNoneMatch=kept["ETag"])
    assert aws.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"kept"
    aws.s3.copy_object(**to, IfMatch=kept["ETag"])
    aws.s3.copy_object(**{**to, "Key": "new"}, IfNoneMatch="*")
    for key in ("copy", "new"):
        assert aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"


def test_a_copy_of_a_version(aws, versioned):
    first = aws.s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    aws.s3.put_object(Bucket=versioned, Key="k", Body=b"two")
    source = {"Bucket": versioned, "Key": "k", "VersionId": first}
    # The way to bring an old version back.
    copied = aws.s3.copy_object(Bucket=versioned, Key="k", CopySource=source)
    assert copied["CopySourceVersionId"] == first and copied["VersionId"] != first
    assert body_of(aws, versioned, "k") == b"one"
    marker = aws.s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    of_marker = {"Bucket": versioned, "Key": "c", "CopySource": {**source, "VersionId": marker}}
    refused("InvalidRequest", aws.s3.copy_object, **of_marker)


# ---------------------------------------------------------------- listings

KEYS = ["a/1", "a/2", "a/b/3", "c d+e", "f%g", "h\u0001i", "z", "ä", "𝄞"]


@pytest.fixture(scope="module")
def listed(aws):
    """The name of a bucket with `KEYS`."""
    name = unique("listed")
    aws.s3.create_bucket(Bucket=name)
    for key in KEYS:
        aws.s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_keys_are_listed_in_pages(aws, listed, operation):
    paginator = aws.s3.get_paginator(operation)

    def read(**arguments):
        pages = list(paginator.paginate(Bucket=listed, PaginationConfig={"PageSize": 2}, **arguments))
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        prefixes = [prefix["Prefix"] for page in pages for prefix in page.get("CommonPrefixes", [])]
        assert all(len(page.get("Contents", []) + page.get("CommonPrefixes", [])) == 2 for page in pages[:-1])
        return keys, prefixes

    # The order is that of the bytes in UTF-8. boto3 has keys encoded, as XML cannot hold all of them.
    assert read() == (sorted(KEYS, key=str.encode), [])
    assert read(Delimiter="/") == (KEYS[3:], ["a/"])
    assert read(Prefix="a/", Delimiter="/") == (["a/1", "a/2"], ["a/b/"])
    assert read(Prefix="none") == ([], [])


def test_the_fields_of_a_listing(aws, listed):
    page = aws.s3.list_objects_v2(Bucket=listed, MaxKeys=2, StartAfter="a/1", FetchOwner=True)
    assert (page["KeyCount"], page["IsTruncated"], page["StartAfter"]) == (2, True, "a/1")
    first = page["Contents"][0]
    assert (first["Key"], first["Size"], first["ETag"]) == ("a/2", 3, etag(b"a/2"))
    assert first["StorageClass"] == "STANDARD" and first["Owner"]["ID"]
    page = aws.s3.list_objects(Bucket=listed, Marker="f%g", MaxKeys=1)
    assert (page["Contents"][0]["Key"], page["IsTruncated"]) == ("h\u0001i", True)
    assert aws.s3.list_objects_v2(Bucket=listed, MaxKeys=0)["KeyCount"] == 0


def test_listings_that_cannot_be_had(aws, listed):
    refused("InvalidArgument", aws.s3.list_objects_v2, Bucket=listed, ContinuationToken="forged")
    refused("InvalidArgument", aws.s3.list_objects_v2, Bucket=listed, MaxKeys=-1)
    refused("InvalidArgument", aws.s3.list_objects, Bucket=listed, EncodingType="morse")
    refused("NoSuchBucket", aws.s3.list_objects, Bucket="never-made")
    refused("NoSuchBucket", aws.s3.list_objects_v2, Bucket="never-made")


# ---------------------------------------------------------------- deleting many


def test_many_are_deleted_at_once(aws, versioned):
    keys = [f"k{number}" for number in range(120)]
    versions = [aws.s3.put_object(Bucket=versioned, Key=key, Body=b"x")["VersionId"] for key in keys]
    gone = {"Key": keys[0], "VersionId": versions[0]}
    answer = aws.s3.delete_objects(Bucket=versioned, Delete={"Objects": [gone, *({"Key": key} for key in keys[1:])]})
    assert answer["Deleted"][0] == gone and len(answer["Deleted"]) == 120 and "Errors" not in answer
    assert all(deleted["DeleteMarker"] for deleted in answer["Deleted"][1:])
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=versioned)
    absent = {"Objects": [{"Key": "never"}], "Quiet": True}
    answer = aws.s3.delete_objects(Bucket=versioned, Delete=absent)
    assert "Deleted" not in answer and "Errors" not in answer


def test_what_cannot_be_deleted_is_named_beside_what_was(aws, bucket):
    for key in ("free", "held"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",'
        f' "Resource": "arn:aws:s3:::{bucket}/held"}}]}}'
    )
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    objects = {"Objects": [{"Key": "free"}, {"Key": "held"}]}
    answer = aws.s3.delete_objects(Bucket=bucket, Delete=objects)
    assert answer["Deleted"] == [{"Key": "free"}]
    (error,) = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("held", "AccessDenied")
    refused("NoSuchBucket", aws.s3.delete_objects, Bucket="never-made", Delete=objects)
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    refused("MalformedXML", aws.s3.delete_objects, Bucket=bucket, Delete=many)
