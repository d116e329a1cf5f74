"""One change starts a pipeline once, whichever way it comes: by the pipeline's own look at its source, by the rule that
the console makes, or by the older one that goes by CloudTrail. A new change and a person start it each time."""

import json

import pytest

from harness.deployment import Deployment
from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION
from harness.trail import Trail

SECONDS = 60


@pytest.fixture(scope="module")
def role(aws):
    """The role with which rules start pipelines."""
    return create_role(aws, trust(Service="events.amazonaws.com"), allow("codepipeline:StartPipelineExecution"))


class Source:
    """A bucket with an object, and a pipeline that takes it."""

    def __init__(self, aws, role, polls="true"):
        self.aws, self.role = aws, role
        self.bucket, self.name = unique("taken"), unique("taker")
        aws.s3.create_bucket(Bucket=self.bucket)
        aws.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        own = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
        aws.codepipeline.create_pipeline(pipeline=self.declaration(own, polls))
        self.before = len(self.executions())

    def declaration(self, own, polls):
        def action(name, category, provider, configuration, **more):
            kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
            return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}

        source = {"S3Bucket": self.bucket, "S3ObjectKey": "app.zip", "PollForSourceChanges": polls}
        take = action("Take", "Source", "S3", source, outputArtifacts=[{"name": "App"}])
        return {
            "name": self.name,
            "roleArn": own,
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": [
                {"name": "Source", "actions": [take]},
                {"name": "Ask", "actions": [action("Ask", "Approval", "Manual", {})]},
            ],
            "pipelineType": "V2",
            "variables": [{"name": "WHO", "defaultValue": "nobody"}],
        }

    def announce(self):
        """Has the bucket's changes told to EventBridge."""
        notifications = {"EventBridgeConfiguration": {}}
        self.aws.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=notifications)

    def put(self, body):
        self.aws.s3.put_object(Bucket=self.bucket, Key="app.zip", Body=body)

    def rule(self, pattern, **target):
        """A rule that starts the pipeline: what tells how often it has done so."""
        return rule(self.aws, self.role, self.name, pattern, **target)

    def executions(self):
        """Those that were started since the pipeline was made, the oldest first."""
        summaries = self.aws.codepipeline.list_pipeline_executions(pipelineName=self.name)
        found = summaries["pipelineExecutionSummaries"][::-1]
        return found[self.before :] if hasattr(self, "before") else found

    def taken(self):
        """Those whose source action has taken a revision."""
        return [execution for execution in self.executions() if execution["sourceRevisions"]]

    def triggers(self):
        return [execution["trigger"]["triggerType"] for execution in self.executions()]

    def of_objects(self):
        """The pattern of the rule that the console makes."""
        detail = {"bucket": {"name": [self.bucket]}, "object": {"key": ["app.zip"]}}
        return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def rule(aws, role, pipeline, pattern, **target):
    """A rule that starts a pipeline: a function that answers the calls that it has made."""
    name = unique("starter")
    aws.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline}"
    aws.events.put_targets(Rule=name, Targets=[{"Id": "pipeline", "Arn": arn, "RoleArn": role, **target}])

    def calls():
        session = {"AttributeKey": "Username", "AttributeValue": f"AWSEvents_{name}"}
        found = aws.cloudtrail.lookup_events(LookupAttributes=[session])["Events"]
        records = [json.loads(event["CloudTrailEvent"]) for event in found]
        return [record for record in records if record["eventName"] == "StartPipelineExecution"]

    return calls


def test_polling_and_the_rule_of_the_console_start_once(aws, role):
    source = Source(aws, role)
    source.announce()
    calls = source.rule(source.of_objects())
    for number in range(1, 4):
        source.put(b"%d" % number)
        until(lambda number=number: len(calls()) == number, SECONDS, "the call of the rule")
        until(lambda number=number: len(source.taken()) == number, SECONDS, "the execution to take the object")
    assert len(source.executions()) == 3
    revisions = [execution["sourceRevisions"][0]["revisionId"] for execution in source.executions()]
    assert len(set(revisions)) == 3, "each change has its own execution"
    # The rule was told of the execution that there is.
    started = {call["responseElements"]["pipelineExecutionId"] for call in calls()}
    assert started == {execution["pipelineExecutionId"] for execution in source.executions()}
    # The same bytes again are another change, and a person is not a change.
    source.put(b"3")
    until(lambda: len(calls()) == 4, SECONDS, "the call of the rule")
    aws.codepipeline.start_pipeline_execution(name=source.name)
    until(lambda: len(source.executions()) == 5, SECONDS, "both executions")
    assert source.triggers()[4] == "StartPipelineExecution"


def test_without_polling_the_rule_starts(aws, role):
    source = Source(aws, role, polls="false")
    source.announce()
    calls = source.rule(source.of_objects())
    source.put(b"1")
    until(lambda: len(calls()) == 1, SECONDS, "the call of the rule")
    assert source.triggers() == ["CloudWatchEvent"]


def test_polling_needs_no_events(aws, role):
    source = Source(aws, role)
    calls = source.rule(source.of_objects())
    source.put(b"1")
    until(lambda: len(source.executions()) == 1, SECONDS, "the execution")
    assert source.triggers() == ["PollForSourceChanges"] and calls() == []


def test_a_rule_with_variables_is_a_start_of_its_own(aws, role):
    source = Source(aws, role)
    source.announce()
    template = {"InputTemplate": '{"variables": [{"name": "WHO", "value": "rule"}]}'}
    calls = source.rule(source.of_objects(), InputTransformer=template)
    source.put(b"1")
    until(lambda: len(calls()) == 1, SECONDS, "the call of the rule")
    until(lambda: len(source.executions()) == 2, SECONDS, "both executions")
    assert set(source.triggers()) == {"CloudWatchEvent", "PollForSourceChanges"}


def test_a_rule_that_hands_over_the_same_revision_starts_once(aws, role):
    source = Source(aws, role)
    source.announce()
    revision = '{"actionName": "Take", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": <version>}'
    transformer = {
        "InputPathsMap": {"version": "$.detail.object.version-id"},
        "InputTemplate": f'{{"sourceRevisions": [{revision}]}}',
    }
    calls = source.rule(source.of_objects(), InputTransformer=transformer)
    source.put(b"1")
    until(lambda: len(calls()) == 1, SECONDS, "the call of the rule")
    until(source.executions, SECONDS, "the execution")
    assert len(source.executions()) == 1


def by_cloudtrail(source):
    """The pattern of the rule that the console made formerly."""
    parameters = {"bucketName": [source.bucket], "key": ["app.zip"]}
    calls = ["PutObject", "CompleteMultipartUpload", "CopyObject"]
    detail = {"eventSource": ["s3.amazonaws.com"], "eventName": calls, "requestParameters": parameters}
    return {"source": ["aws.s3"], "detail-type": ["AWS API Call via CloudTrail"], "detail": detail}


@pytest.fixture(scope="module")
def trail(aws):
    """The trail that goes with the older rule: all writes on objects."""
    trail = Trail(aws)
    trail.create()
    objects = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": objects}
    aws.cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=[selector])
    yield trail.start()
    aws.cloudtrail.delete_trail(Name=trail.name)


def test_the_older_rule_starts_by_what_a_trail_records(aws, role, trail):
    source = Source(aws, role, polls="false")
    calls = source.rule(by_cloudtrail(source))
    source.put(b"1")
    until(lambda: len(calls()) == 1, SECONDS, "the call of the rule")
    assert source.triggers() == ["CloudWatchEvent"]
    trail.stop()
    source.put(b"2")
    trail.start()
    source.put(b"3")
    until(lambda: len(calls()) == 2, SECONDS, "the call of the rule")
    assert len(source.executions()) == 2, "what no trail takes is no event"


def test_polling_and_the_older_rule_start_once(aws, role, trail):
    source = Source(aws, role)
    calls = source.rule(by_cloudtrail(source))
    source.put(b"1")
    until(lambda: len(calls()) == 1, SECONDS, "the call of the rule")
    until(source.executions, SECONDS, "the execution")
    assert len(source.executions()) == 1


def test_a_push_starts_once(aws, git, role, tmp_path):
    deployment = Deployment(aws, tmp_path)
    deployment.push(git, "first")
    pattern = {
        "source": ["aws.codecommit"],
        "detail-type": ["CodeCommit Repository State Change"],
        "resources": [f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{deployment.name}"],
        "detail": {
            "event": ["referenceCreated", "referenceUpdated"],
            "referenceType": ["branch"],
            "referenceName": ["main"],
        },
    }
    calls = rule(aws, role, deployment.name, pattern)

    def revisions():
        answer = aws.codepipeline.list_pipeline_executions(pipelineName=deployment.name)
        summaries = answer["pipelineExecutionSummaries"]
        return [one["sourceRevisions"][0]["revisionId"] for one in summaries if one["sourceRevisions"]]

    commits = []
    for number in range(1, 3):
        commits.append(deployment.push(git, str(number)))
        until(lambda number=number: len(calls()) == number, SECONDS, "the call of the rule")
        until(lambda commit=commits[-1]: commit in revisions(), SECONDS, "the execution")
    assert [revisions().count(commit) for commit in commits] == [1, 1]
