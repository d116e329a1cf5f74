"""The judge is judged: strict validation finds each kind of wrong response, and lets right ones pass.

No Stagewright is needed here: the responses are made by hand, in the forms that AWS sends.
"""

import http.server
import json
import subprocess
import threading

import boto3
import botocore.model
import botocore.session
import pytest

from harness import strict
from harness.aws_cli import AwsCli
from harness.credentials import Credentials
from harness.strict import json_body
from harness.strict.response import judge

JSON_HEADERS = {
    "x-amzn-RequestId": "6f0e0b8f-8f53-4b8e-9a3f-1f1f1f1f1f1f",
    "Content-Type": "application/x-amz-json-1.1",
    "Date": "Tue, 02 Jan 2024 03:04:05 GMT",
}
XML_HEADERS = {**JSON_HEADERS, "Content-Type": "text/xml"}
S3_HEADERS = {
    "x-amz-request-id": "N4N7GDK58NMKJ12R",
    "x-amz-id-2": "abc",
    "Date": "Tue, 02 Jan 2024 03:04:05 GMT",
    "Content-Type": "application/xml",
}
S3_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

SESSION = botocore.session.Session()


def violations(service, operation, body, status=200, headers=None):
    model = SESSION.get_service_model(service).operation_model(operation)
    if headers is None:
        headers = {"query": XML_HEADERS, "rest-xml": S3_HEADERS}.get(
            model.service_model.resolved_protocol, JSON_HEADERS
        )
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    return judge(model, status, headers, body.encode() if isinstance(body, str) else body).violations


def pipeline(**changes):
    action = {
        "name": "Fetch",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": "b", "S3ObjectKey": "k"},
        "runOrder": 1,
    }
    action.update(changes)
    return {
        "pipeline": {
            "name": "P",
            "roleArn": "arn:aws:iam::123456789012:role/R",
            "stages": [{"name": "Source", "actions": [action]}],
            "version": 1,
        },
        "metadata": {"pipelineArn": "arn:aws:codepipeline:us-east-1:123456789012:P", "created": 1704164645.25},
    }


def test_right_json_passes():
    assert violations("codepipeline", "GetPipeline", pipeline()) == []
    assert violations("codepipeline", "DeletePipeline", "") == []
    assert violations("codepipeline", "DeletePipeline", "{}") == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": None}, "null where a string is due"),
        ({"name": 7}, "int where a string is due"),
        ({"runOrder": "1"}, "'1' where an integer is due"),
        ({"runOrder": True}, "True where an integer is due"),
        ({"runOrder": 1.0}, "1.0 where an integer is due"),
        ({"runOrder": 1 << 31}, "does not fit 32 bits"),
        ({"configuration": []}, "list where a map is due"),
        ({"configuration": {"S3Bucket": 1}}, "int where a string is due"),
        ({"inputArtifacts": {}}, "dict where a list is due"),
        ({"inputArtifacts": ["a"]}, "str where a structure is due"),
        ({"colour": "red"}, "unknown member 'colour'"),
        ({"actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3"}}, "required member 'version'"),
        (
            {"actionTypeId": {"category": "Fun", "owner": "AWS", "provider": "S3", "version": "1"}},
            "'Fun' is not one of",
        ),
    ],
)
def test_wrong_members_of_json_are_found(change, complaint):
    found = violations("codepipeline", "GetPipeline", pipeline(**change))
    assert len(found) == 1 and complaint in found[0], found
    assert "pipeline.stages[0].actions[0]" in found[0]


@pytest.mark.parametrize(
    ("created", "complaint"),
    [
        ("2024-01-02T03:04:05Z", "where a number of epoch seconds is due"),
        (1704164645250, "no plausible time in epoch seconds"),
        (0, "no plausible time in epoch seconds"),
        (True, "where a number of epoch seconds is due"),
    ],
)
def test_wrong_json_times_are_found(created, complaint):
    body = pipeline()
    body["metadata"]["created"] = created
    (found,) = violations("codepipeline", "GetPipeline", body)
    assert complaint in found


def test_wrong_json_documents_are_found():
    assert "not JSON" in violations("codepipeline", "GetPipeline", "<html>")[0]
    assert "stands twice" in violations("codepipeline", "GetPipeline", '{"metadata": {}, "metadata": {}}')[0]
    assert "str where a structure is due" in violations("codepipeline", "GetPipeline", '"x"')[0]
    assert "no output" in violations("codepipeline", "DeletePipeline", '{"name": "P"}')[0]
    assert "status 201" in violations("codepipeline", "DeletePipeline", "{}", status=201)[0]


def test_wrong_blobs_and_enumerations_are_found():
    answer = {
        "commitId": "c",
        "blobId": "b",
        "filePath": "f",
        "fileMode": "NORMAL",
        "fileSize": 1,
        "fileContent": "aGk=",
    }
    assert violations("codecommit", "GetFile", answer) == []
    assert "not base64" in violations("codecommit", "GetFile", {**answer, "fileContent": "hi!"})[0]
    assert "'ODD' is not one of" in violations("codecommit", "GetFile", {**answer, "fileMode": "ODD"})[0]


@pytest.mark.parametrize(
    ("without", "complaint"),
    [("x-amzn-RequestId", "no request id"), ("Date", "no Date header"), ("Content-Type", "content type")],
)
def test_missing_headers_are_found(without, complaint):
    headers = {name: value for name, value in JSON_HEADERS.items() if name != without}
    (found,) = violations("codepipeline", "GetPipeline", pipeline(), headers=headers)
    assert complaint in found


def json_error(code, **members):
    return {"__type": code, "message": "It is not there.", **members}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json_error("PipelineNotFoundException"), 400),
        (json_error("com.amazonaws.codepipeline#PipelineNotFoundException:http://docs"), 400),
        (json_error("AccessDeniedException"), 400),
        (json_error("ValidationException"), 400),
        ({"__type": "UnknownOperationException"}, 400),
        (json_error("NotImplemented"), 501),
    ],
)
def test_right_json_errors_pass(body, status):
    assert violations("codepipeline", "GetPipeline", body, status=status) == []


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        (json_error("StageNotFoundException"), 400, "no error of this operation"),
        (json_error("PipelineNotFoundException"), 404, "with status 404"),
        (json_error("AccessDeniedException"), 403, "with status 403"),
        (json_error("PipelineNotFoundException", colour="red"), 400, "unknown member 'colour'"),
        ({"__type": "PipelineNotFoundException"}, 400, "no message"),
        ({"message": "m"}, 400, "no __type"),
        ([], 400, "no JSON object"),
        (json_error("InternalFailure"), 500, "the server answered 500"),
    ],
)
def test_wrong_json_errors_are_found(body, status, complaint):
    found = violations("codepipeline", "GetPipeline", body, status=status)
    assert any(complaint in line for line in found), found


def test_a_service_with_its_own_constraint_error_never_answers_another():
    (found,) = violations("codebuild", "StartBuild", json_error("ValidationException"), status=400)
    assert "does not answer ValidationException" in found


IAM_XMLNS = "https://iam.amazonaws.com/doc/2010-05-08/"
ROLE = """<Role><Path>/</Path><RoleName>R</RoleName><RoleId>AROAABCDEFGHIJKLMNOPQ</RoleId>
  <Arn>arn:aws:iam::123456789012:role/R</Arn><CreateDate>2024-01-02T03:04:05Z</CreateDate></Role>"""


def get_role(role=ROLE, beside="", metadata="<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"):
    result = f"<GetRoleResult>{role}</GetRoleResult>" if role is not None else ""
    return f'<GetRoleResponse xmlns="{IAM_XMLNS}">{result}{beside}{metadata}</GetRoleResponse>'


def test_right_query_response_passes():
    assert violations("iam", "GetRole", get_role()) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (get_role(ROLE.replace("<RoleName>R</RoleName>", "")), "required member <RoleName>"),
        (get_role(ROLE.replace("</Role>", "<Hat/></Role>")), "unknown element <Hat>"),
        (get_role(ROLE.replace("</Role>", "<Path>/</Path></Role>")), "stands 2 times"),
        (get_role(ROLE.replace("2024-01-02T03:04:05Z", "1704164645")), "not an ISO 8601 time"),
        (get_role(ROLE.replace("</Role>", "<MaxSessionDuration>1h</MaxSessionDuration></Role>")), "is not an integer"),
        (get_role(ROLE.replace("</Role>", "<Tags><Tag/></Tags></Role>")), "<Tag> in a list of <member>"),
        (get_role(ROLE.replace("<Role>", "<Role>words")), "text 'words'"),
        (get_role(ROLE.replace("<Role>", "<Role kind='x'>")), "unknown attribute 'kind'"),
        (get_role(None), "<GetRoleResult> is missing"),
        (get_role(beside="<Other/>"), "unknown element <Other>"),
        (get_role(metadata=""), "no <ResponseMetadata>"),
        (get_role().replace(IAM_XMLNS, "urn:x"), "the namespace is 'urn:x'"),
        (get_role().replace("GetRoleResponse", "GetUserResponse"), "the root is <GetUserResponse>"),
        ("", "not XML"),
    ],
)
def test_wrong_query_responses_are_found(body, complaint):
    found = violations("iam", "GetRole", body)
    assert len(found) == 1 and complaint in found[0], found


def query_error(code, kind="Sender", message="<Message>m</Message>", extra=""):
    return (
        f'<ErrorResponse xmlns="{IAM_XMLNS}"><Error><Type>{kind}</Type><Code>{code}</Code>{message}{extra}</Error>'
        "<RequestId>r</RequestId></ErrorResponse>"
    )


def test_right_query_errors_pass():
    assert violations("iam", "GetRole", query_error("NoSuchEntity"), status=404) == []
    assert violations("iam", "GetRole", query_error("AccessDenied"), status=403) == []


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        (query_error("NoSuchEntityException"), 404, "no error of this operation"),
        (query_error("NoSuchEntity"), 400, "with status 400"),
        (query_error("NoSuchEntity", kind="Server"), 404, "the error's Type"),
        (query_error("NoSuchEntity", message=""), 404, "no <Message>"),
        (query_error("NoSuchEntity", extra="<Hat/>"), 404, "unknown element <Hat>"),
        ("<Error/>", 404, "the root of the error is <Error>"),
        ("{}", 404, "not XML"),
    ],
)
def test_wrong_query_errors_are_found(body, status, complaint):
    found = violations("iam", "GetRole", body, status=status)
    assert any(complaint in line for line in found), found


OBJECT = "<Contents><Key>k</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified><Size>1</Size></Contents>"


def listing(contents=OBJECT + OBJECT, root="ListBucketResult", xmlns=S3_XMLNS):
    return f"<{root} {xmlns}><Name>b</Name><IsTruncated>false</IsTruncated>{contents}</{root}>"


def test_right_s3_responses_pass():
    assert violations("s3", "ListObjectsV2", listing()) == []
    assert violations("s3", "GetBucketLocation", f"<LocationConstraint {S3_XMLNS}/>") == []
    assert violations("s3", "DeleteObject", "", status=204, headers={**S3_HEADERS, "x-amz-delete-marker": "true"}) == []
    got = {**S3_HEADERS, "Last-Modified": "Tue, 02 Jan 2024 03:04:05 GMT", "ETag": '"x"', "x-amz-meta-a": "b"}
    assert violations("s3", "GetObject", b"any bytes", headers=got) == []
    assert violations("s3", "GetObject", b"any", status=206, headers=got) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (listing(root="ListResult"), "the root is <ListResult>"),
        (listing(xmlns=""), "the namespace is ''"),
        (listing(OBJECT.replace("<Size>1</Size>", "<Size>big</Size>")), "'big' is not an integer"),
        (listing("<Hat/>"), "unknown element <Hat>"),
        (listing("<StorageClass/>"), "unknown element <StorageClass>"),
        (listing(OBJECT.replace("<Size>", "<StorageClass>TIN</StorageClass><Size>")), "'TIN' is not one of"),
        (listing().replace("false", "no"), "neither true nor false"),
    ],
)
def test_wrong_s3_bodies_are_found(body, complaint):
    found = violations("s3", "ListObjectsV2", body)
    assert len(found) == 1 and complaint in found[0], found


@pytest.mark.parametrize(
    ("header", "value", "complaint"),
    [
        ("Last-Modified", "2024-01-02T03:04:05Z", "not an IMF-fixdate"),
        ("Content-Length", "many", "is not an integer"),
        ("x-amz-server-side-encryption", "ROT13", "is not one of"),
        ("x-amz-delete-marker", "yes", "neither true nor false"),
        ("x-amz-hat", "red", "unknown header 'x-amz-hat'"),
    ],
)
def test_wrong_s3_headers_are_found(header, value, complaint):
    (found,) = violations("s3", "GetObject", b"", headers={**S3_HEADERS, header: value})
    assert complaint in found


def s3_error(code, extra="<RequestId>r</RequestId>", root="Error"):
    return f"<{root}><Code>{code}</Code><Message>m</Message><Key>k</Key>{extra}</{root.split()[0]}>"


def test_right_s3_errors_pass():
    assert violations("s3", "GetObject", s3_error("NoSuchKey"), status=404) == []
    assert violations("s3", "HeadObject", "", status=404) == []


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        (s3_error("NoSuchKey"), 400, "with status 400"),
        (s3_error("NoSuchHat"), 404, "no error of this operation"),
        (s3_error("NoSuchKey", extra="<RequestId>r</RequestId><Hat/>"), 404, "unknown element <Hat>"),
        (s3_error("NoSuchKey", extra=""), 404, "no <RequestId>"),
        (s3_error("NoSuchKey", root=f"Error {S3_XMLNS}"), 404, "not <Error> without a namespace"),
        ("", 404, "without a body"),
        (s3_error("InternalError"), 500, "the server answered 500"),
    ],
)
def test_wrong_s3_errors_are_found(body, status, complaint):
    found = violations("s3", "GetObject", body, status=status)
    assert any(complaint in line for line in found), found


@pytest.fixture
def canned(tmp_path):
    """A server that gives every request the same answer: `canned.answer = (status, headers, body)`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                if name != "Date":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def without_record(monkeypatch, tmp_path):
    """The wrong answers of this test are not the run's: they go to a record of their own."""
    monkeypatch.setenv("STAGEWRIGHT_TEST_RECORD", str(tmp_path))


def test_boto3_clients_fail_on_a_wrong_answer(canned, monkeypatch, tmp_path):
    without_record(monkeypatch, tmp_path)
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="us-east-1")
    strict.watch(session._session.get_component("event_emitter"))
    client = session.client("codepipeline", endpoint_url=canned.url)

    canned.answer = (200, JSON_HEADERS, json.dumps(pipeline()).encode())
    assert client.get_pipeline(name="P")["pipeline"]["name"] == "P"

    canned.answer = (200, JSON_HEADERS, json.dumps(pipeline(colour="red")).encode())
    with pytest.raises(strict.StrictViolation, match="unknown member 'colour'"):
        client.get_pipeline(name="P")

    canned.answer = (400, JSON_HEADERS, json.dumps(json_error("PipelineNotFoundException")).encode())
    with pytest.raises(client.exceptions.PipelineNotFoundException):
        client.get_pipeline(name="P")

    assert [call["error"] for call in strict.record.read("calls")] == [None, "PipelineNotFoundException"]
    assert len(strict.record.read("violations")) == 1


def test_the_aws_cli_fails_on_a_wrong_answer(canned, monkeypatch, tmp_path):
    without_record(monkeypatch, tmp_path)
    cli = AwsCli(canned.url, Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), "us-east-1", tmp_path)

    canned.answer = (200, JSON_HEADERS, json.dumps(pipeline()).encode())
    assert cli.json("codepipeline", "get-pipeline", "--name", "P")["metadata"]

    canned.answer = (200, JSON_HEADERS, json.dumps(pipeline(runOrder="1")).encode())
    with pytest.raises(subprocess.CalledProcessError) as failure:
        cli.json("codepipeline", "get-pipeline", "--name", "P")
    assert "where an integer is due" in failure.value.stderr
    assert len(strict.record.read("violations")) == 1


def test_a_union_with_two_members_is_found():
    shapes = {
        "Choice": {
            "type": "structure",
            "union": True,
            "members": {"left": {"shape": "Text"}, "right": {"shape": "Text"}},
        },
        "Text": {"type": "string"},
    }
    choice = botocore.model.ShapeResolver(shapes).get_shape_by_name("Choice")
    assert list(json_body.check(choice, {"left": "l"}, "choice")) == []
    (found,) = json_body.check(choice, {"left": "l", "right": "r"}, "choice")
    assert "exactly one member" in found
