"""What strangers see of public projects, and what the owners of other accounts' buckets get of artifacts."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.builds import Builds, phases
from harness.identities import allow, create_role, trust, unique
from harness.plain_http import fetch

SPEC = {
    **phases('mkdir docs; echo "<b>hello</b>" >docs/index.html; echo two >docs/two; echo a line of the log'),
    "artifacts": {"files": ["docs/*"], "secondary-artifacts": {"pages": {"files": ["docs/*"]}}},
}


@pytest.fixture(scope="module")
def builds(aws):
    return Builds(aws, "aws/codebuild/standard:7.0")


@pytest.fixture(scope="module")
def public(aws, builds):
    """The ARN of a project, and its build."""
    secondary = {"type": "S3", "location": builds.bucket, "artifactIdentifier": "pages", "name": "<pages>"}
    name = builds.create(
        SPEC,
        environment={"environmentVariables": [{"name": "HIDDEN", "value": "of-a-variable"}]},
        artifacts={"type": "S3", "location": builds.bucket, "name": "app.zip", "packaging": "ZIP"},
        secondaryArtifacts=[secondary],
    )
    build = builds.over(builds.start(name, sourceVersion="<i>main</i>"))
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    (found,) = aws.codebuild.batch_get_projects(names=[name])["projects"]
    return found["arn"], build


@pytest.fixture
def page(server, aws, public):
    """Publishes with these statements for the role; answers how to fetch a page below the alias."""

    def publish(*statements):
        role = create_role(aws, trust(Service="codebuild.amazonaws.com"), *statements)
        arn, _ = public
        answer = aws.codebuild.update_project_visibility(
            projectArn=arn, projectVisibility="PUBLIC_READ", resourceAccessRole=role
        )
        base = f"/codebuild/public/{answer['publicProjectAlias']}"

        def get(path="", **options):
            path = path if path.startswith("/codebuild/") else f"{base}{path}"
            return fetch(f"{server.url}{path}", **options)

        return get

    return publish


def shown(answer):
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_strangers_see_builds_logs_and_artifacts_as_the_role_may(builds, public, page):
    get = page(allow("logs:GetLogEvents"), allow("s3:GetObject", "s3:ListBucket"))
    _, build = public
    listed = shown(get("?format=json"))
    (summary,) = listed["builds"]
    assert (summary["buildNumber"], summary["buildStatus"], listed["next"]) == (1, "SUCCEEDED", None)
    shown_build = shown(get(summary["address"], headers={"accept": "application/json"}))
    assert [phase["phaseType"] for phase in shown_build["phases"]][:2] == ["SUBMITTED", "QUEUED"]
    log = get(shown_build["log"])
    assert log.headers["content-type"] == "text/plain; charset=utf-8" and log.body.decode() == builds.log(build)
    whole, pages = shown_build["artifacts"]
    archive = get(whole["address"])
    assert zipfile.ZipFile(io.BytesIO(archive.body)).read("docs/two") == b"two\n"
    assert whole["sha256sum"] == build["artifacts"]["sha256sum"]
    files = shown(get(f"{pages['address']}?format=json"))["files"]
    assert [file["name"] for file in files] == ["docs/index.html", "docs/two"]
    file = get(files[0]["address"])
    assert file.body == b"<b>hello</b>\n" and file.headers["content-disposition"] == "attachment"
    assert (
        file.headers["content-type"] == "application/octet-stream"
        and "sandbox" in file.headers["content-security-policy"]
    )
    assert len(shown(get(f"{pages['address']}?format=json&after=docs/index.html"))["files"]) == 1
    for address in ("", summary["address"], pages["address"]):
        html = get(address).body.decode()
        assert html.startswith("<!doctype html>") and "<i>" not in html
        assert "of-a-variable" not in html and "123456789012" not in html and builds.bucket not in html
    assert get(method="HEAD").body == b"" and get(method="POST", body=b"").status == 405
    assert shown(get("?format=json&before=1"))["builds"] == []


def test_what_the_role_may_not_read_nobody_gets(aws, public, page):
    get = page(allow("s3:GetObject"))
    summary = shown(get("?format=json"))["builds"][0]["address"]
    whole, pages = (artifact["address"] for artifact in shown(get(f"{summary}?format=json"))["artifacts"])
    assert get(whole).status == 200
    refusals = [get(path) for path in (f"{summary}/log", pages)]
    assert [refusal.status for refusal in refusals] == [403, 403]
    assert all(b"arn:" not in refusal.body for refusal in refusals)
    assert get(f"{pages}none").status == 403, "nor is it told that a file is not there"
    missing = ["/x", f"{summary}/x", f"{summary}/artifacts/none", f"{whole}/x", pages[:-1]]
    assert [get(path).status for path in missing] == [404] * len(missing)
    aws.codebuild.update_project_visibility(projectArn=public[0], projectVisibility="PRIVATE")
    for path in ("", summary, whole):
        assert get(path).status == 404
    assert get("/codebuild/public/").status == 404


def test_a_role_that_admits_codebuild_no_more_shows_nothing(aws, public, page):
    get = page(allow("s3:GetObject"))
    (found,) = aws.codebuild.batch_get_projects(names=[public[0]])["projects"]
    aws.iam.update_assume_role_policy(
        RoleName=found["resourceAccessRole"].rpartition("/")[2],
        PolicyDocument=trust(Service="codepipeline.amazonaws.com"),
    )
    summary = shown(get("?format=json"))["builds"][0]["address"]
    assert get(f"{summary}/artifacts/-").status == 403


def test_the_owner_of_the_bucket_gets_what_the_project_lets_it_have(aws, builds, server):
    bucket = unique("shared")
    aws.s3.create_bucket(Bucket=bucket)
    only_with_full_control = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    }
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(only_with_full_control))
    role = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"), allow("s3:PutObject"))
    spec = {**phases("echo made >made"), "artifacts": {"files": ["made"]}}

    def run(access):
        artifacts = {
            "type": "S3",
            "location": bucket,
            "name": access,
            **({"bucketOwnerAccess": access} if access != "-" else {}),
        }
        return builds.run(spec, artifacts=artifacts, serviceRole=role)

    build = run("FULL")
    assert (build["buildStatus"], build["artifacts"]["bucketOwnerAccess"]) == ("SUCCEEDED", "FULL")
    assert aws.s3.get_object(Bucket=bucket, Key="FULL/made")["Body"].read() == b"made\n"
    for access in ("NONE", "-"):
        assert run(access)["buildStatus"] == "FAILED"
    aws.s3.delete_bucket_policy(Bucket=bucket)
    assert run("NONE")["buildStatus"] == "SUCCEEDED"
    build = run("READ_ONLY")
    (context,) = [phase["contexts"][0] for phase in build["phases"] if phase.get("phaseStatus") == "FAILED"]
    assert "AccessControlListNotSupported" in context["message"], "its owner owns everything in the bucket"
    with pytest.raises(ClientError) as refusal:
        run("SOME")
    assert refusal.value.response["Error"]["Code"] == "InvalidInputException"
