"""Who calls S3, and how they prove it: presigned URLs, forms, chunked bodies, and buckets in host names."""

import datetime
import http.client
import json
import socket
import urllib.parse
import zlib
from base64 import b64encode

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from harness.aws import Aws
from harness.credentials import Credentials
from harness.identities import allow, create_role, trust, unique
from harness.plain_http import fetch, post_form
from harness.refusal import refused
from harness.server import ACCOUNT, REGION


@pytest.fixture(scope="module")
def bucket(aws):
    """The name of a bucket with the object `k`, shared by the tests of this file."""
    name = unique("signing")
    aws.s3.create_bucket(Bucket=name)
    aws.s3.put_object(Bucket=name, Key="k", Body=b"hello")
    return name


def code(answer):
    """The code in an error document."""
    return answer.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


# ---------------------------------------------------------------- presigned URLs


@pytest.fixture(params=["s3v4", "s3"], ids=["version 4", "version 2"])
def presign(aws, bucket, request):
    """Makes a presigned URL for an operation on the bucket, in either version of signatures."""
    client = aws.client("s3", signature_version=request.param)

    def url(operation, expires=60, **parameters):
        return client.generate_presigned_url(operation, Params={"Bucket": bucket, **parameters}, ExpiresIn=expires)

    return url


def test_a_url_reads_writes_and_deletes(aws, bucket, presign):
    read = fetch(presign("get_object", Key="k"))
    assert (read.status, read.body) == (200, b"hello")
    assert fetch(presign("get_object", Key="k", ResponseContentType="text/html")).headers["content-type"] == "text/html"
    assert fetch(presign("head_object", Key="k"), method="HEAD").headers["content-length"] == "5"

    content_type = {"content-type": "text/plain"}
    url = presign("put_object", Key="ä + put", ContentType="text/plain")
    assert fetch(url, method="PUT", body=b"by URL", headers=content_type).status == 200
    answer = aws.s3.get_object(Bucket=bucket, Key="ä + put")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"by URL", "text/plain")
    assert fetch(presign("delete_object", Key="ä + put"), method="DELETE").status == 204
    refused("404", aws.s3.head_object, Bucket=bucket, Key="ä + put")


def test_a_url_is_good_for_what_it_was_made_for_alone(aws, bucket, presign):
    url = presign("get_object", Key="k")
    parts = urllib.parse.urlsplit(url)
    for other in (
        url.replace(parts.path, f"/{bucket}/other"),
        url.replace("Expires=", "Expires=1"),
        f"{url[:-1]}{'1' if url[-1] == '0' else '0'}",
        f"{url}&versionId=null",
    ):
        answer = fetch(other)
        assert (answer.status, code(answer)) == (403, "SignatureDoesNotMatch"), other
    answer = fetch(url, method="PUT", body=b"x")
    assert (answer.status, code(answer)) == (403, "SignatureDoesNotMatch")
    nobody = url.replace(aws.credentials.access_key_id, "AKIANOBODYNOBODY2222")
    answer = fetch(nobody)
    assert (answer.status, code(answer)) == (403, "InvalidAccessKeyId")


def test_a_url_expires(aws, bucket, monkeypatch):
    past = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: past)
    client = aws.client("s3", signature_version="s3v4")
    answer = fetch(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60))
    assert (answer.status, code(answer)) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in answer.body
    still_good = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=7200)
    assert fetch(still_good).status == 200
    too_long = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=604_801)
    assert code(fetch(too_long)) == "AuthorizationQueryParametersError"


def test_an_old_url_expires(aws, bucket, monkeypatch):
    client = aws.client("s3", signature_version="s3")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=-60)
    answer = fetch(url)
    assert (answer.status, code(answer)) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in answer.body


def test_headers_cannot_be_added_to_a_url(aws, bucket):
    client = aws.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "stolen"}, ExpiresIn=60)
    answer = fetch(url, method="PUT", body=b"", headers={"x-amz-copy-source": f"{bucket}/k"})
    assert (answer.status, code(answer)) == (403, "AccessDenied")
    refused("404", aws.s3.head_object, Bucket=bucket, Key="stolen")


def test_a_url_of_a_session_may_do_what_its_role_may(aws, bucket):
    role = create_role(aws, trust(AWS=ACCOUNT), allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/k"))
    client = aws.assuming(role).client("s3", signature_version="s3v4")
    for key, status in (("k", 200), ("other", 403)):
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
        assert fetch(url).status == status
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["X-Amz-Security-Token"][0]
    quoted = urllib.parse.quote(token, safe="")
    answer = fetch(url.replace(quoted, quoted[:-4] + "AAAA"))
    assert answer.status in (400, 403) and code(answer) in ("InvalidToken", "SignatureDoesNotMatch")


def test_a_form_of_a_browser(aws, bucket):
    client = aws.client("s3", signature_version="s3v4")
    post = client.generate_presigned_post(
        bucket, "forms/a.txt", Conditions=[["content-length-range", 1, 100]], ExpiresIn=60
    )

    def send(fields, body):
        return post_form(post["url"], fields, body)

    assert send(post["fields"].items(), b"by form").status == 204
    assert aws.s3.get_object(Bucket=bucket, Key="forms/a.txt")["Body"].read() == b"by form"
    tampered = {**post["fields"], "key": "elsewhere"}
    answer = send(tampered.items(), b"x")
    assert (answer.status, code(answer)) == (403, "AccessDenied"), answer.body
    assert code(send(post["fields"].items(), b"x" * 101)) == "EntityTooLarge"

    post = client.generate_presigned_post(bucket, "named/${filename}", ExpiresIn=60)
    assert send(post["fields"].items(), b"${filename}").status == 204
    assert aws.s3.get_object(Bucket=bucket, Key="named/a.txt")["Body"].read() == b"${filename}"


# ---------------------------------------------------------------- signed headers


def test_an_unknown_key_and_a_wrong_secret(server, bucket):
    unknown = Aws(server.url, Credentials("AKIANOBODYNOBODY2222", "nobody+knows+this+secret+access+key+4040"))
    message = refused("InvalidAccessKeyId", unknown.s3.get_object, Bucket=bucket, Key="k")
    assert message == "The AWS Access Key Id you provided does not exist in our records."
    thief = Aws(server.url, Credentials(server.administrator.access_key_id, "guessed+this+secret+access+key+of+40+chr"))
    refused("SignatureDoesNotMatch", thief.s3.get_object, Bucket=bucket, Key="k")
    refused("403", thief.s3.head_object, Bucket=bucket, Key="k")


def test_a_clock_that_is_wrong(aws, bucket, monkeypatch):
    past = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: past)
    refused("RequestTimeTooSkewed", aws.s3.get_object, Bucket=bucket, Key="k")


class Chunked:
    """Sends bodies in chunks with a checksum behind them, as clients do that do not know it before."""

    def __init__(self, server, bucket):
        self.server, self.bucket = server, bucket

    def put(self, key, body, checksum, name="x-amz-checksum-crc32"):
        credentials = self.server.administrator
        url = f"{self.server.url}/{self.bucket}/{key}"
        half = len(body) // 2
        chunks = [body[:half], body[half:]]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
        framed += f"0\r\n{name}:{checksum}\r\n\r\n".encode()
        headers = {
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(len(body)),
            "x-amz-trailer": name,
        }
        request = botocore.awsrequest.AWSRequest("PUT", url, headers=headers, data=framed)
        request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        key_pair = botocore.credentials.Credentials(credentials.access_key_id, credentials.secret_access_key)
        botocore.auth.S3SigV4Auth(key_pair, "s3", REGION).add_auth(request)
        assert request.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        prepared = request.prepare()
        return fetch(url, method="PUT", body=framed, headers=dict(prepared.headers.items()))


def test_a_checksum_behind_the_body(aws, server, bucket):
    chunked, body = Chunked(server, bucket), b"123456789" * 1000
    right = b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    answer = chunked.put("chunked", body, right)
    assert (answer.status, answer.headers["x-amz-checksum-crc32"]) == (200, right)
    stored = aws.s3.get_object(Bucket=bucket, Key="chunked", ChecksumMode="ENABLED")
    assert stored["Body"].read() == body and stored["ChecksumCRC32"] == right
    assert "ContentEncoding" not in stored

    answer = chunked.put("refused", body, "AAAAAA==")
    assert (answer.status, code(answer)) == (400, "BadDigest")
    answer = chunked.put("refused", body, "no checksum")
    assert (answer.status, code(answer)) == (400, "InvalidRequest")
    refused("404", aws.s3.head_object, Bucket=bucket, Key="refused")


def test_a_body_that_ends_early(server, aws, bucket):
    client = aws.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "cut"}, ExpiresIn=60)
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("content-length", "1000")
    connection.endheaders(b"only this")
    connection.sock.shutdown(socket.SHUT_WR)
    connection.close()
    refused("404", aws.s3.head_object, Bucket=bucket, Key="cut")
    assert aws.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


# ---------------------------------------------------------------- buckets in host names


@pytest.fixture
def names_of_localhost(monkeypatch):
    """Resolves `*.localhost` to the loopback, as RFC 6761 asks for and not every resolver does."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host, *arguments, **options):
        return resolve("127.0.0.1" if host.endswith(".localhost") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_refusal_reaches_who_still_sends(server, bucket):
    # Without `Expect`: the server answers after the headers, the client listens after its body.
    host = urllib.parse.urlsplit(server.url).netloc
    for _ in range(5):
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("PUT", f"/{bucket}/of-nobody", body=b"x" * 20_000_000)
        answer = connection.getresponse()
        assert (answer.status, b"<Code>AccessDenied</Code>" in answer.read()) == (403, True)
        connection.close()


def test_a_bucket_in_the_host_name(server, aws, names_of_localhost):
    local = Aws(f"http://localhost:{server.port}", aws.credentials)
    client = local.client("s3", s3={"addressing_style": "virtual"}, signature_version="s3v4")
    name, sent = unique("virtual"), []
    client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.url))
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="folder/ä + b", Body=b"hello")
    assert client.get_object(Bucket=name, Key="folder/ä + b")["Body"].read() == b"hello"
    (listed,) = client.list_objects_v2(Bucket=name)["Contents"]
    assert listed["Key"] == "folder/ä + b"
    refused("NoSuchKey", client.get_object, Bucket=name, Key="none")
    refused("BucketNotEmpty", client.delete_bucket, Bucket=name)
    assert {urllib.parse.urlsplit(url).hostname for url in sent} == {f"{name}.localhost"}
    # By the path it is the same.
    assert aws.s3.get_object(Bucket=name, Key="folder/ä + b")["Body"].read() == b"hello"
    url = client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "folder/ä + b"})
    assert urllib.parse.urlsplit(url).hostname == f"{name}.localhost"
    assert fetch(url).body == b"hello"


# ---------------------------------------------------------------- the audit record


def test_calls_leave_audit_records(aws, bucket):
    answer = aws.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    attribute = {"AttributeKey": "EventName", "AttributeValue": "PutBucketTagging"}
    events = aws.cloudtrail.lookup_events(LookupAttributes=[attribute])["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    (record,) = [record for record in records if record["requestParameters"].get("bucketName") == bucket]
    assert record["eventSource"] == "s3.amazonaws.com"
    assert record["userIdentity"]["accessKeyId"] == aws.credentials.access_key_id
    assert record["requestID"] == answer["ResponseMetadata"]["RequestId"]
