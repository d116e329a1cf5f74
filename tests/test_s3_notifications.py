"""Buckets that tell queues and topics what happens to their objects."""

import json

import pytest

from harness.eventually import until
from harness.identities import allow, policy, unique
from harness.plain_http import post_form
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

SECONDS = 30


class Queue:
    """A queue that a service may send to."""

    def __init__(self, aws, service, condition):
        self.sqs, self.name = aws.sqs, unique("told")
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        statement = {**allow("sqs:SendMessage", on=self.arn, condition=condition), "Principal": {"Service": service}}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy(statement)})
        self.bodies = []

    def wait_for(self, count):
        """Takes what comes until there are so many messages: their bodies, parsed."""

        def probe():
            found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in found.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                self.bodies.append(json.loads(message["Body"]))
            return len(self.bodies) >= count

        until(probe, SECONDS, f"{count} messages in {self.name}")
        return self.bodies


@pytest.fixture
def bucket(aws):
    name = unique("telling")
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(aws, bucket):
    """With the policy that AWS documents."""
    condition = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:*:{bucket}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    return Queue(aws, "s3.amazonaws.com", condition)


def configure(aws, bucket, **configuration):
    aws.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def to_queue(queue, *events, **more):
    return {"QueueArn": queue.arn, "Events": [f"s3:{event}" for event in events], **more}


def filtered(**rules):
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}


def test_a_queue_is_told_of_objects(aws, bucket, queue):
    uploads = to_queue(queue, "ObjectCreated:*", Id="uploads", Filter=filtered(prefix="in/", suffix=".txt"))
    removals = to_queue(queue, "ObjectRemoved:Delete", "ObjectTagging:*", Filter=filtered(prefix="in/"))
    configure(aws, bucket, QueueConfigurations=[uploads, removals])
    first, second = aws.s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert first == uploads and second == {**removals, "Id": second["Id"]}
    for test in queue.wait_for(2):
        assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
        assert set(test) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}

    queue.bodies.clear()
    key = "in/a b+ä.txt"
    etag = aws.s3.put_object(Bucket=bucket, Key=key, Body=b"four")["ETag"]
    aws.s3.put_object(Bucket=bucket, Key="in/a.bin", Body=b"not wanted")
    aws.s3.put_object(Bucket=bucket, Key="out/a.txt", Body=b"not wanted")
    (message,) = queue.wait_for(1)
    (record,) = message["Records"]
    assert record["s3"]["configurationId"] == "uploads"
    assert record["s3"]["bucket"]["name"] == bucket and record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    told = record["s3"]["object"]
    assert (told["key"], told["size"], told["eTag"]) == ("in%2Fa+b%2B%C3%A4.txt", 4, etag.strip('"'))
    assert told["sequencer"] and "versionId" not in told
    facts = {name: record[name] for name in ("eventVersion", "eventSource", "awsRegion", "eventName")}
    assert facts == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventName": "ObjectCreated:Put",
    }
    assert record["userIdentity"]["principalId"].startswith("AWS:A")
    assert record["requestParameters"]["sourceIPAddress"] == "127.0.0.1"

    aws.s3.copy_object(Bucket=bucket, Key="in/copy.txt", CopySource={"Bucket": bucket, "Key": key})
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    aws.s3.put_object_tagging(Bucket=bucket, Key="in/copy.txt", Tagging=tags)
    aws.s3.delete_object(Bucket=bucket, Key="in/copy.txt")
    form = aws.client("s3", signature_version="s3v4").generate_presigned_post(bucket, "in/form.txt", ExpiresIn=60)
    assert post_form(form["url"], form["fields"].items(), b"by form").status == 204
    names = {record["eventName"] for message in queue.wait_for(5) for record in message["Records"]}
    created = {f"ObjectCreated:{kind}" for kind in ("Put", "Post", "Copy")}
    assert names == created | {"ObjectTagging:Put", "ObjectRemoved:Delete"}


def test_a_topic_is_told_and_versions_are_named(aws, bucket):
    name = unique("telling")
    topic = aws.sns.create_topic(Name=name)["TopicArn"]
    condition = {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}}
    publish = {**allow("sns:Publish", on=topic, condition=condition), "Principal": {"Service": "s3.amazonaws.com"}}
    aws.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(publish))
    queue = Queue(aws, "sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": topic}})
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    events = ["s3:ObjectCreated:Put", "s3:ObjectRemoved:*"]
    configure(aws, bucket, TopicConfigurations=[{"TopicArn": topic, "Events": events}], EventBridgeConfiguration={})
    version = aws.s3.put_object(Bucket=bucket, Key="k", Body=b"")["VersionId"]
    aws.s3.delete_object(Bucket=bucket, Key="k")
    aws.s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    messages = queue.wait_for(4)
    assert {message["Subject"] for message in messages} == {"Amazon S3 Notification"}
    bodies = [json.loads(message["Message"]) for message in messages]
    records = [body["Records"][0] for body in bodies if "Records" in body]
    versions = {record["eventName"]: record["s3"]["object"].get("versionId") for record in records}
    assert versions.keys() == {"ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"}
    assert versions["ObjectCreated:Put"] == versions["ObjectRemoved:Delete"] == version


def test_what_a_configuration_cannot_be(aws, bucket, queue):
    closed = Queue(aws, "s3.amazonaws.com", {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::another-bucket"}})
    all_of = to_queue(queue, "ObjectCreated:*")
    unreachable = "Unable to validate the following destination configurations"
    elsewhere = {**all_of, "QueueArn": queue.arn.replace(REGION, "eu-west-3")}
    function = {"LambdaFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "Events": ["s3:ObjectCreated:*"]}
    for configuration, message in [
        ({"QueueConfigurations": [to_queue(closed, "ObjectCreated:*")]}, unreachable),
        ({"QueueConfigurations": [{**all_of, "QueueArn": f"{queue.arn}-none"}]}, unreachable),
        ({"QueueConfigurations": [{**all_of, "QueueArn": f"{queue.arn}.fifo"}]}, unreachable),
        ({"QueueConfigurations": [elsewhere]}, unreachable),
        ({"LambdaFunctionConfigurations": [function]}, unreachable),
        ({"QueueConfigurations": [{**all_of, "QueueArn": "queue"}]}, "The ARN is not well formed"),
        ({"QueueConfigurations": [to_queue(queue, "Object*")]}, "A specified event is not supported"),
        (
            {"QueueConfigurations": [all_of, to_queue(queue, "ObjectCreated:Put")]},
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
        ),
        (
            {"QueueConfigurations": [{**all_of, "Filter": filtered(middle="x")}]},
            "filter rule name must be either prefix or suffix",
        ),
        (
            {"QueueConfigurations": [{**all_of, "Id": "a"}, to_queue(queue, "ObjectRemoved:*", Id="a")]},
            "Same ID used for multiple configurations",
        ),
    ]:
        arguments = {"Bucket": bucket, "NotificationConfiguration": configuration}
        assert message in refused("InvalidArgument", aws.s3.put_bucket_notification_configuration, **arguments)
    assert "QueueConfigurations" not in aws.s3.get_bucket_notification_configuration(Bucket=bucket)
    skipped = {"QueueConfigurations": [to_queue(closed, "ObjectCreated:*")]}
    aws.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=skipped, SkipDestinationValidation=True
    )
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert aws.s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 0


def test_what_was_to_be_told_survives_a_kill(aws, server, bucket, queue):
    configure(aws, bucket, QueueConfigurations=[to_queue(queue, "ObjectCreated:*")])
    for number in range(20):
        aws.s3.put_object(Bucket=bucket, Key=f"{number:02}", Body=b"")
    server.kill()
    server.start()

    def keys():
        records = [record for body in queue.bodies for record in body.get("Records", [])]
        return {record["s3"]["object"]["key"] for record in records}

    def probe():
        queue.wait_for(len(queue.bodies))
        return keys() == {f"{number:02}" for number in range(20)}

    until(probe, SECONDS, "all objects to be told of")
