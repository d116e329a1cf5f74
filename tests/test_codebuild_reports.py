"""Reports of CodeBuild: report groups by the API, and what builds put into them."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.identities import allow, create_role, create_user, deny, trust, unique
from harness.server import ACCOUNT, REGION

BUILD_SECONDS = 90
ENVIRONMENT = {
    "type": "LINUX_CONTAINER",
    "image": "aws/codebuild/standard:7.0",
    "computeType": "BUILD_GENERAL1_SMALL",
}
GROUPS = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group"
NOWHERE = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report/none:12345678-1234-4234-8234-123456789012"
NO_EXPORT = {"exportConfigType": "NO_EXPORT"}
REPORTING = (
    *("codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport"),
    *("codebuild:BatchPutTestCases", "codebuild:BatchPutCodeCoverages"),
)
JUNIT = """<testsuites><testsuite name="unit">
<testcase name="adds" classname="app.Calc" time="0.25"/>
<testcase name="divides" classname="app.Calc" time="1.5"><failure message="by zero">trace</failure></testcase>
<testcase name="later" classname="app.Later"><skipped/></testcase></testsuite></testsuites>"""
LCOV = """SF:src/a.c
DA:1,1
DA:2,1
DA:3,1
DA:4,0
BRDA:2,0,0,1
BRDA:2,0,1,-
end_of_record
SF:src/b.c
DA:1,0
end_of_record
"""


@pytest.fixture(scope="module")
def bucket(aws):
    name = unique("reports")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def role(aws, bucket):
    """A service role that may log, report and export."""
    return create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        allow(*REPORTING, on=f"{GROUPS}/*"),
        allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"),
        allow("ssm:GetParameters"),
    )


@pytest.fixture(scope="module")
def build(aws, role):
    """Builds with files and reports; answers the build once it is over."""

    def build(files, reports, commands=(), project=None, **settings):
        write = [f"mkdir -p $(dirname {name}); cat >{name} <<'END'\n{text}\nEND" for name, text in files.items()]
        spec = {"version": 0.2, "phases": {"build": {"commands": [*write, *commands]}}, "reports": reports}
        buildspec = json.dumps(spec)
        if project is None:
            project = unique("project")
            aws.codebuild.create_project(
                name=project,
                source={"type": "NO_SOURCE", "buildspec": buildspec},
                artifacts={"type": "NO_ARTIFACTS"},
                environment=ENVIRONMENT,
                serviceRole=settings.pop("role", role),
            )
        started = aws.codebuild.start_build(projectName=project, buildspecOverride=buildspec, **settings)["build"]["id"]

        def over():
            (now,) = aws.codebuild.batch_get_builds(ids=[started])["builds"]
            return now if now["buildComplete"] else None

        return until(over, BUILD_SECONDS, f"build {started} to be over")

    return build


@pytest.fixture(scope="module")
def tested(build):
    """A build whose tests have failed, with a report of them and one of what they covered."""
    files = {"out/unit.xml": JUNIT, "lcov.info": LCOV}
    reports = {
        "unit": {"files": ["**/*.xml"], "base-directory": "out"},
        "$COVERAGE": {"files": "lcov.info", "file-format": "lcov"},
    }
    return build(files, reports, ["COVERAGE=coverage", "exit 1"])


@pytest.fixture
def group(aws):
    """The ARN of a report group for tests."""
    created = aws.codebuild.create_report_group(name=unique("group"), type="TEST", exportConfig=NO_EXPORT)
    return created["reportGroup"]["arn"]


def report_of(aws, build, part):
    """The report of a build whose group's name ends so."""
    reports = aws.codebuild.batch_get_reports(reportArns=build["reportArns"])["reports"]
    (found,) = [report for report in reports if report["reportGroupArn"].endswith(part)]
    return found


def phase(build, name):
    (found,) = [phase for phase in build["phases"] if phase["phaseType"] == name]
    return found["phaseStatus"], found["contexts"][0]["message"]


def log(aws, build):
    place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    return "".join(event["message"] for event in aws.logs.get_log_events(**place, startFromHead=True)["events"])


def refused(code, call, **arguments):
    """The message of the error `code` that a call is refused with."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    assert refusal.value.response["Error"]["Code"] == code, refusal.value
    return refusal.value.response["Error"]["Message"]


# ---------------------------------------------------------------- groups


def test_a_report_group_is_kept_as_given(aws, bucket):
    name = unique("group")
    export = {"exportConfigType": "S3", "s3Destination": {"bucket": bucket, "path": "x", "packaging": "ZIP"}}
    tags = [{"key": "team", "value": "tests"}]
    created = aws.codebuild.create_report_group(name=name, type="CODE_COVERAGE", exportConfig=export, tags=tags)
    created = created["reportGroup"]
    assert created["arn"] == f"{GROUPS}/{name}"
    assert (created["status"], created["tags"]) == ("ACTIVE", tags)
    assert created["exportConfig"]["s3Destination"]["encryptionKey"].endswith("alias/aws/s3")
    other = f"{GROUPS}/none"
    found = aws.codebuild.batch_get_report_groups(reportGroupArns=[created["arn"], other])
    assert (found["reportGroups"], found["reportGroupsNotFound"]) == ([created], [other])

    too_many = [f"{GROUPS}/group-{number}" for number in range(101)]
    refused("InvalidInputException", aws.codebuild.batch_get_report_groups, reportGroupArns=too_many)
    refused("InvalidInputException", aws.codebuild.batch_get_reports, reportArns=too_many)

    create = aws.codebuild.create_report_group
    message = refused("ResourceAlreadyExistsException", create, name=name, type="TEST", exportConfig=NO_EXPORT)
    assert created["arn"] in message
    refused("InvalidInputException", create, name="a/b", type="TEST", exportConfig=NO_EXPORT)
    refused("InvalidInputException", create, name=unique("x"), type="TEST", exportConfig={"exportConfigType": "S3"})


def test_an_update_replaces_what_is_sent(aws, group):
    updated = aws.codebuild.update_report_group(arn=group, tags=[{"key": "a", "value": "b"}])["reportGroup"]
    assert (updated["exportConfig"], updated["tags"]) == (NO_EXPORT, [{"key": "a", "value": "b"}])
    assert aws.codebuild.update_report_group(arn=group, tags=[])["reportGroup"]["tags"] == []
    refused("ResourceNotFoundException", aws.codebuild.update_report_group, arn=f"{GROUPS}/none", tags=[])
    refused("InvalidInputException", aws.codebuild.update_report_group, arn="none")


def test_report_groups_are_listed_in_pages(aws):
    create = aws.codebuild.create_report_group
    made = [create(name=unique("listed"), type="TEST", exportConfig=NO_EXPORT)["reportGroup"] for _ in range(3)]
    pages = aws.codebuild.get_paginator("list_report_groups")
    for sort, order in [("NAME", "ASCENDING"), ("CREATED_TIME", "DESCENDING"), ("LAST_MODIFIED_TIME", "ASCENDING")]:
        listing = pages.paginate(sortBy=sort, sortOrder=order, PaginationConfig={"PageSize": 2})
        found = [arn for page in listing for arn in page["reportGroups"] if "/listed-" in arn]
        arns = [group["arn"] for group in made]
        assert found == (arns if order == "ASCENDING" else arns[::-1])
    refused("InvalidInputException", aws.codebuild.list_report_groups, nextToken="made up")


def test_permissions_follow_tags_of_groups(aws, group):
    aws.codebuild.update_report_group(arn=group, tags=[{"key": "open", "value": "yes"}])
    condition = {"StringEquals": {"aws:ResourceTag/open": "yes"}}
    _, credentials = create_user(aws, allow("codebuild:BatchGetReportGroups", condition=condition))
    reader = aws.acting_as(credentials).codebuild
    assert reader.batch_get_report_groups(reportGroupArns=[group])["reportGroups"][0]["arn"] == group
    aws.codebuild.update_report_group(arn=group, tags=[])
    refused("AccessDeniedException", reader.batch_get_report_groups, reportGroupArns=[group])


# ---------------------------------------------------------------- what builds report


def test_tests_of_a_failed_build_are_reported(aws, tested):
    assert (tested["buildStatus"], phase(tested, "UPLOAD_ARTIFACTS")) == ("FAILED", ("SUCCEEDED", ""))
    report = report_of(aws, tested, f"{tested['projectName']}-unit")
    assert (report["status"], report["type"], report["executionId"]) == ("FAILED", "TEST", tested["arn"])
    assert report["testSummary"] == {
        "total": 3,
        "statusCounts": {"SUCCEEDED": 1, "FAILED": 1, "ERROR": 0, "SKIPPED": 1, "UNKNOWN": 0},
        "durationInNanoSeconds": 1_750_000_000,
    }
    assert (report["expired"] - report["created"]).days == 30
    assert not report["truncated"]
    (group,) = aws.codebuild.batch_get_report_groups(reportGroupArns=[report["reportGroupArn"]])["reportGroups"]
    assert (group["type"], group["exportConfig"]) == ("TEST", NO_EXPORT)
    assert f"Preparing to copy TEST report {report['arn']}" in log(aws, tested)


def test_reports_that_no_buildspec_names_are_discovered(aws, build):
    files = {"target/TEST-a.xml": JUNIT, "out/lcov.info": LCOV, "pom.xml": "<project/>", "node_modules/x/a.xml": JUNIT}

    def groups(build):
        arns = [report["reportGroupArn"] for report in reports(build)]
        return sorted(arn.removeprefix(f"{GROUPS}/{build['projectName']}-") for arn in arns)

    def reports(build):
        return aws.codebuild.batch_get_reports(reportArns=build["reportArns"])["reports"]

    found = build(files, {})
    assert (found["buildStatus"], groups(found)) == ("SUCCEEDED", ["JUNITXML-AutoDiscovered", "LCOV-AutoDiscovered"])
    tests = report_of(aws, found, "-JUNITXML-AutoDiscovered")
    assert (tests["status"], tests["testSummary"]["total"]) == ("FAILED", 3), "without what others have tested"
    assert report_of(aws, found, "-LCOV-AutoDiscovered")["codeCoverageSummary"]["linesCovered"] == 3
    named = build(files, {"unit": {"files": "target/*.xml"}})
    assert groups(named) == ["LCOV-AutoDiscovered", "unit"]
    switch = [{"name": "CODEBUILD_CONFIG_AUTO_DISCOVER", "value": "false"}]
    assert "reportArns" not in build(files, {}, environmentVariablesOverride=switch)
    poor = create_role(aws, trust(Service="codebuild.amazonaws.com"), allow("logs:*"))
    refused_all = build(files, {}, role=poor)
    assert (refused_all["buildStatus"], refused_all.get("reportArns")) == ("SUCCEEDED", None)
    assert "Skipping auto-discovered LCOV-AutoDiscovered: error creating report group: AccessDenied" in log(
        aws, refused_all
    )


def test_cases_are_described(aws, tested):
    report = report_of(aws, tested, "-unit")["arn"]
    describe = aws.codebuild.describe_test_cases
    cases = describe(reportArn=report)["testCases"]
    assert [case["name"] for case in cases] == ["divides", "adds", "later"]
    first = {key: cases[0][key] for key in ("prefix", "testSuiteName", "status", "message", "testRawDataPath")}
    assert first == {
        "prefix": "app.Calc",
        "testSuiteName": "unit",
        "status": "FAILED",
        "message": "by zero\ntrace",
        "testRawDataPath": "unit.xml",
    }
    listing = aws.codebuild.get_paginator("describe_test_cases").paginate(
        reportArn=report, filter={"keyword": "Calc"}, PaginationConfig={"PageSize": 1}
    )
    assert [[case["name"] for case in page["testCases"]] for page in listing] == [["divides"], ["adds"]]
    assert describe(reportArn=report, filter={"status": "ERROR"})["testCases"] == []
    refused("InvalidInputException", describe, reportArn=report, filter={"status": "BAD"})
    refused("InvalidInputException", describe, reportArn=report_of(aws, tested, "-coverage")["arn"])
    refused("ResourceNotFoundException", describe, reportArn=NOWHERE)


def test_coverage_is_reported_and_described(aws, tested):
    report = report_of(aws, tested, f"{tested['projectName']}-coverage")
    assert (report["status"], report["type"]) == ("SUCCEEDED", "CODE_COVERAGE")
    assert report["codeCoverageSummary"] == {
        "lineCoveragePercentage": 60.0,
        "linesCovered": 3,
        "linesMissed": 2,
        "branchCoveragePercentage": 50.0,
        "branchesCovered": 1,
        "branchesMissed": 1,
    }

    def paths(**arguments):
        listing = aws.codebuild.get_paginator("describe_code_coverages").paginate(
            reportArn=report["arn"], PaginationConfig={"PageSize": 1}, **arguments
        )
        return [file["filePath"] for page in listing for file in page["codeCoverages"]]

    assert paths() == ["src/a.c", "src/b.c"]
    assert paths(sortOrder="DESCENDING") == ["src/b.c", "src/a.c"]
    assert paths(sortBy="LINE_COVERAGE_PERCENTAGE") == ["src/b.c", "src/a.c"]
    assert paths(sortBy="LINE_COVERAGE_PERCENTAGE", sortOrder="DESCENDING") == ["src/a.c", "src/b.c"]
    for sort in ("FILE_PATH", "LINE_COVERAGE_PERCENTAGE"):
        assert paths(sortBy=sort, minLineCoveragePercentage=75) == ["src/a.c"]
        assert paths(sortBy=sort, maxLineCoveragePercentage=74.5) == ["src/b.c"]
    refused("InvalidInputException", aws.codebuild.describe_code_coverages, reportArn=NOWHERE)


def test_reports_of_one_group_are_listed_summed_up_and_deleted(aws, build, group):
    name = group.rpartition("/")[2]
    passing = {"a.xml": "<testsuite><testcase name='a' time='2'/></testsuite>"}
    (first,) = build(passing, {group: {"files": "*.xml"}})["reportArns"]
    (second,) = build({"b.xml": JUNIT}, {group: {"files": "*.xml", "file-format": "JUnitXml"}})["reportArns"]
    assert first.startswith(f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report/{name}:")

    of_group = aws.codebuild.list_reports_for_report_group
    assert of_group(reportGroupArn=group)["reports"] == [second, first]
    assert of_group(reportGroupArn=group, sortOrder="ASCENDING", maxResults=1)["reports"] == [first]
    assert of_group(reportGroupArn=group, filter={"status": "FAILED"})["reports"] == [second]
    assert aws.codebuild.list_reports(maxResults=2)["reports"] == [second, first]
    assert first in aws.codebuild.list_reports(filter={"status": "SUCCEEDED"})["reports"]
    refused("ResourceNotFoundException", of_group, reportGroupArn=f"{GROUPS}/none")
    refused("InvalidInputException", aws.codebuild.list_reports, nextToken="made up")

    trend = aws.codebuild.get_report_group_trend(reportGroupArn=group, trendField="DURATION")
    assert trend["stats"] == {"average": "1875000000", "max": "2000000000", "min": "1750000000"}
    assert [entry["reportArn"] for entry in trend["rawData"]] == [second, first]
    rates = aws.codebuild.get_report_group_trend(reportGroupArn=group, trendField="PASS_RATE", numOfReports=1)
    assert rates["rawData"][0]["data"].startswith("33.33")
    trend = aws.codebuild.get_report_group_trend
    refused("InvalidInputException", trend, reportGroupArn=group, trendField="LINE_COVERAGE")
    refused("ResourceNotFoundException", trend, reportGroupArn=f"{GROUPS}/none", trendField="TOTAL")

    def gone(report):
        return until(
            lambda: aws.codebuild.batch_get_reports(reportArns=[report])["reportsNotFound"], 10, f"{report} to go"
        )

    aws.codebuild.delete_report(arn=second)
    assert gone(second) == [second]
    refused("ResourceNotFoundException", aws.codebuild.describe_test_cases, reportArn=second)
    refused("InvalidInputException", aws.codebuild.delete_report, arn="none")
    assert "has reports" in refused("InvalidInputException", aws.codebuild.delete_report_group, arn=group)
    aws.codebuild.delete_report_group(arn=group, deleteReports=True)
    gone(first)
    until(
        lambda: aws.codebuild.batch_get_report_groups(reportGroupArns=[group])["reportGroupsNotFound"], 10, "the group"
    )
    aws.codebuild.delete_report_group(arn=group)
    aws.codebuild.delete_report(arn=first)


@pytest.mark.parametrize("packaging", ["NONE", "ZIP"])
def test_raw_files_are_exported(aws, build, bucket, packaging):
    destination = {"bucket": bucket, "path": f"raw/{packaging}", "packaging": packaging}
    export = {"exportConfigType": "S3", "s3Destination": destination}
    group = aws.codebuild.create_report_group(name=unique("exported"), type="TEST", exportConfig=export)["reportGroup"]
    (arn,) = build({"deep/a.xml": JUNIT}, {group["arn"]: {"files": "**/*.xml"}})["reportArns"]
    report = arn.rpartition(":")[2]
    (found,) = aws.s3.list_objects_v2(Bucket=bucket, Prefix=f"raw/{packaging}")["Contents"]
    content = aws.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
    if packaging == "NONE":
        assert found["Key"] == f"raw/NONE/{report}/deep/a.xml"
    else:
        assert found["Key"] == f"raw/ZIP/{report}.zip"
        content = zipfile.ZipFile(io.BytesIO(content)).read("deep/a.xml")
    assert content.decode().strip() == JUNIT
    assert aws.codebuild.batch_get_reports(reportArns=[arn])["reports"][0]["exportConfig"] == group["exportConfig"]


def test_what_cannot_be_read_leaves_its_report_incomplete_and_nothing_else(aws, build):
    files = {
        "bomb.xml": '<!DOCTYPE a [<!ENTITY b "bb">]><testsuite><testcase name="&b;"/></testsuite>',
        "good.xml": "<testsuite><testcase name='a'/></testsuite>",
        "half.json": "[{",
    }
    reports = {"mixed": {"files": "*.xml"}, "half": {"files": "half.json", "file-format": "CUCUMBERJSON"}}
    done = build(files, reports)
    assert done["buildStatus"] == "SUCCEEDED"
    mixed, half = report_of(aws, done, "-mixed"), report_of(aws, done, "-half")
    assert (mixed["status"], mixed["testSummary"]["total"]) == ("INCOMPLETE", 1)
    assert (half["status"], half["testSummary"]["total"]) == ("INCOMPLETE", 0)
    told = log(aws, done)
    assert "Skipping report file bomb.xml: the document declares entities, which are not read" in told
    assert "Skipping report file half.json: expected a JSON document of this format" in told


def test_reports_without_files_and_without_groups_fail_the_phase(aws, build, tested):
    coverage = report_of(aws, tested, "-coverage")["reportGroupArn"]
    reports = {
        "empty": {"files": "none.xml"},
        "good": {"files": "good.xml"},
        f"{GROUPS}/none": {"files": "good.xml"},
        coverage: {"files": "good.xml"},
    }
    done = build({"good.xml": JUNIT}, reports)
    status, message = phase(done, "UPLOAD_ARTIFACTS")
    assert (done["buildStatus"], status) == ("FAILED", "FAILED")
    assert message.startswith("Error in UPLOAD_ARTIFACTS phase: [")
    assert "[empty: [report files not found in build]]" in message
    assert f"[{GROUPS}/none: [report group not found: {GROUPS}/none]]" in message
    assert "the file-format is of type TEST" in message
    assert report_of(aws, done, "-empty")["status"] == "INCOMPLETE"
    assert report_of(aws, done, "-good")["status"] == "FAILED"


def test_a_secret_in_the_name_of_a_file_is_not_shown(aws, build):
    name = unique("password")
    aws.ssm.put_parameter(Name=name, Type="SecureString", Value="correct-horse")
    secret = [{"name": "PASSWORD", "type": "PARAMETER_STORE", "value": name}]
    reports = {"unit": {"files": ["$PASSWORD.xml"], "base-directory": "none-of-$PASSWORD"}}
    done = build({}, reports, ["true"], environmentVariablesOverride=secret)
    status, message = phase(done, "UPLOAD_ARTIFACTS")
    assert (status, "none-of-***" in message) == ("FAILED", True)
    told = log(aws, done)
    assert "Expanding base directory path: none-of-***" in told
    assert "correct-horse" not in told + message


@pytest.mark.parametrize("action", ["CreateReportGroup", "CreateReport", "BatchPutTestCases", "UpdateReport"])
def test_a_role_without_a_permission_reports_nothing(aws, build, action):
    role = create_role(
        aws,
        trust(Service="codebuild.amazonaws.com"),
        allow("logs:*"),
        allow(*REPORTING),
        deny(f"codebuild:{action}"),
    )
    done = build({"a.xml": JUNIT}, {"unit": {"files": "a.xml"}}, role=role)
    status, message = phase(done, "UPLOAD_ARTIFACTS")
    assert (done["buildStatus"], status) == ("FAILED", "FAILED")
    assert message.startswith("Error in UPLOAD_ARTIFACTS phase: [unit: [error ")
    assert f"AccessDeniedException: User: {role_session(role)}" in message
    assert f"not authorized to perform: codebuild:{action}" in message
    reports = done.get("reportArns", [])
    assert len(reports) == (1 if action in ("BatchPutTestCases", "UpdateReport") else 0)
    if reports:
        assert report_of(aws, done, "-unit")["status"] == "INCOMPLETE"


def role_session(role):
    """How the ARN of a session of a role begins."""
    return role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
