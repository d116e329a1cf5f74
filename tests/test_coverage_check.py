"""The check that each served operation is called, with success and with an error, finds what is missing."""

from harness import coverage

SERVED = {("codepipeline", "GetPipeline"), ("codepipeline", "ListPipelines"), ("iam", "GetUser")}
CALLS = [
    {"service": "codepipeline", "operation": "GetPipeline", "error": None},
    {"service": "codepipeline", "operation": "GetPipeline", "error": "PipelineNotFoundException"},
    {"service": "iam", "operation": "GetUser", "error": None},
    {"service": "iam", "operation": "GetUser", "error": "AccessDenied"},
    {"service": "codepipeline", "operation": "ListPipelines", "error": "AccessDeniedException"},
]
GAPS = {("codepipeline", "ListPipelines"), ("iam", "GetUser", "error")}


def test_gaps_are_found():
    assert coverage.gaps(SERVED, CALLS) == GAPS


def test_a_complete_run_has_no_gap():
    complete = CALLS + [
        {"service": "codepipeline", "operation": "ListPipelines", "error": None},
        {"service": "codepipeline", "operation": "ListPipelines", "error": "ValidationException"},
        {"service": "iam", "operation": "GetUser", "error": "NoSuchEntity"},
    ]
    assert coverage.gaps(SERVED, complete) == set()


def test_no_error_is_asked_of_an_operation_that_has_none():
    calls = [call for call in CALLS if call["operation"] == "GetUser" or call["error"] is None]
    assert ("iam", "GetUser", "error") in coverage.gaps(SERVED, calls)
    assert ("iam", "GetUser", "error") not in coverage.gaps(SERVED, calls, {("iam", "GetUser")})
    assert coverage.faultless() == {
        ("codebuild", "ListCuratedEnvironmentImages"),
        ("codebuild", "ListSourceCredentials"),
        ("sts", "GetCallerIdentity"),
    }


def test_all_services_are_asked_for():
    served = coverage.served()
    assert {("s3", "PutObject"), ("s3", "UploadPart"), ("logs", "PutLogEvents"), ("sts", "AssumeRole")} <= served
    assert ("s3", "PutBucketLogging") not in served


def test_known_gaps_are_no_complaints_and_closed_ones_are():
    assert list(coverage.complaints(GAPS, GAPS)) == []
    assert len(list(coverage.complaints(GAPS, set()))) == 2
    (complaint,) = coverage.complaints(set(), {("iam", "GetUser", "error")})
    assert "no gap any more" in complaint


def test_the_file_of_exceptions_can_be_read():
    assert all(len(gap) in (2, 3) for gap in coverage.exceptions())


def test_shrinking_takes_out_closed_gaps_alone(monkeypatch, tmp_path):
    file = tmp_path / "uncovered.txt"
    file.write_text("# why\niam GetUser error\ncodepipeline ListPipelines\n")
    monkeypatch.setattr(coverage, "EXCEPTIONS", file)
    coverage.shrink({("iam", "GetUser", "error"), ("sts", "GetCallerIdentity")})
    assert file.read_text() == "# why\niam GetUser error\n"
