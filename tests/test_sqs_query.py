"""SQS in the Query protocol, which its clients spoke before they spoke JSON, at the same address."""

import json
import urllib.parse
import xml.etree.ElementTree as ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from harness.eventually import until
from harness.identities import allow, create_user, unique
from harness.older_boto3 import OlderBoto3
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

SECONDS = 30
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
# What a parser of XML would change if it were not escaped.
TEXT = 'one\r\ntwo\r\t<&>"\u0085\u2028 ü 😀'


@pytest.fixture(scope="module")
def older(server):
    client = OlderBoto3(server.url, server.administrator)
    yield client
    client.close()


@pytest.fixture
def queue(older):
    """The URL of a new queue."""
    return older.create_queue(QueueName=unique("queue"))["QueueUrl"]


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


def test_queues(aws, older, server):
    name = unique("queue")
    settings = {"VisibilityTimeout": "7", "DelaySeconds": "0"}
    url = older.create_queue(QueueName=name, Attributes=settings, tags={"team": "tests", "kind": "old"})["QueueUrl"]
    assert url == f"{server.url}/{ACCOUNT}/{name}"
    assert older.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert older.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]
    assert "QueueUrls" not in older.list_queues(QueueNamePrefix=f"{name}-none")
    older.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "3", "MaximumMessageSize": "2048"})
    names = ["VisibilityTimeout", "DelaySeconds", "MaximumMessageSize"]
    chosen = older.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert chosen == {"VisibilityTimeout": "7", "DelaySeconds": "3", "MaximumMessageSize": "2048"}
    everything = [client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]) for client in (older, aws.sqs)]
    assert everything[0]["Attributes"] == everything[1]["Attributes"]
    assert "Attributes" not in older.get_queue_attributes(QueueUrl=url)
    older.untag_queue(QueueUrl=url, TagKeys=["kind"])
    older.tag_queue(QueueUrl=url, Tags={"more": "yes"})
    assert older.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "tests", "more": "yes"}
    account = "111122223333"
    older.add_permission(QueueUrl=url, Label="friends", AWSAccountIds=[account], Actions=["SendMessage"])
    policy = older.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert account in policy and json.loads(policy)["Statement"][0]["Action"] == "SQS:SendMessage"
    older.remove_permission(QueueUrl=url, Label="friends")
    older.delete_queue(QueueUrl=url)
    refused(NO_QUEUE, aws.sqs.get_queue_url, QueueName=name)


def test_a_message_is_the_same_in_both_protocols(aws, older, queue):
    attributes = {
        "kind": {"DataType": "String", "StringValue": TEXT},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff<"},
        "size": {"DataType": "Number", "StringValue": "12"},
    }
    traced = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    message = {"MessageBody": TEXT, "MessageAttributes": attributes, "MessageSystemAttributes": traced}
    clients = (older, aws.sqs)
    sent = [client.send_message(QueueUrl=queue, **message) for client in clients]
    digests = ("MD5OfMessageBody", "MD5OfMessageAttributes", "MD5OfMessageSystemAttributes")
    assert [sent[0][name] for name in digests] == [sent[1][name] for name in digests]
    wanted = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
    received = []
    for client in clients:
        page = client.receive_message(QueueUrl=queue, VisibilityTimeout=0, WaitTimeSeconds=5, **wanted)
        received.append({found["MessageId"]: found for found in page["Messages"]})
    assert set(received[0]) == set(received[1]) == {answer["MessageId"] for answer in sent}
    for id, told in received[0].items():
        assert (told["Body"], told["MessageAttributes"]) == (TEXT, attributes)
        same = ("Body", "MD5OfBody", "MessageAttributes", "MD5OfMessageAttributes")
        assert [told[name] for name in same] == [received[1][id][name] for name in same]
        assert told["Attributes"]["AWSTraceHeader"] == traced["AWSTraceHeader"]["StringValue"]
        assert set(told["Attributes"]) == set(received[1][id]["Attributes"])
    chosen = {"AttributeNames": ["SenderId"], "MessageAttributeNames": ["kind"]}
    (one,) = older.receive_message(QueueUrl=queue, **chosen)["Messages"]
    assert set(one["Attributes"]) == {"SenderId"} and set(one["MessageAttributes"]) == {"kind"}
    older.change_message_visibility(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0)
    again = older.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"][0]
    older.delete_message(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"])
    older.purge_queue(QueueUrl=queue)
    assert "Messages" not in older.receive_message(QueueUrl=queue)


def test_batches_and_their_errors(older, queue):
    entries = [{"Id": id, "MessageBody": id, "DelaySeconds": delay} for id, delay in [("a", 0), ("b", 0), ("c", 901)]]
    sent = older.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [found["Id"] for found in sent["Successful"]] == ["a", "b"]
    (failed,) = sent["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("c", True, "InvalidParameterValue")
    messages = older.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    handles = [{"Id": str(at), "ReceiptHandle": found["ReceiptHandle"]} for at, found in enumerate(messages)]
    timed = [{**entry, "VisibilityTimeout": 60} for entry in handles]
    changed = older.change_message_visibility_batch(QueueUrl=queue, Entries=timed)
    assert [found["Id"] for found in changed["Successful"]] == ["0", "1"] and "Failed" not in changed
    wrong = {"Id": "x", "ReceiptHandle": "nonsense"}
    deleted = older.delete_message_batch(QueueUrl=queue, Entries=[*handles, wrong])
    assert len(deleted["Successful"]) == 2 and deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    refused(
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        older.send_message_batch,
        QueueUrl=queue,
        Entries=[
            {"Id": "a", "MessageBody": "1"},
            {"Id": "a", "MessageBody": "2"},
        ],
    )


def test_dead_letters_in_order(older):
    dead = older.create_queue(QueueName=f"{unique('dead')}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 1})
    settings = {"FifoQueue": "true", "VisibilityTimeout": "0", "RedrivePolicy": redrive}
    queue = older.create_queue(QueueName=f"{unique('jobs')}.fifo", Attributes=settings)["QueueUrl"]
    assert older.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    sent = older.send_message(QueueUrl=queue, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
    assert int(sent["SequenceNumber"]) > 0
    older.receive_message(QueueUrl=queue, ReceiveRequestAttemptId="one")

    def moved():
        older.receive_message(QueueUrl=queue)
        found = older.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])
        return found["Attributes"]["ApproximateNumberOfMessages"] == "1"

    until(moved, SECONDS, "the message to be given up")
    task = older.start_message_move_task(SourceArn=arn(dead))["TaskHandle"]

    def completed():
        (known,) = older.list_message_move_tasks(SourceArn=arn(dead))["Results"]
        return known if known["Status"] == "COMPLETED" else None

    known = until(completed, SECONDS, "the task to be over")
    assert known["ApproximateNumberOfMessagesMoved"] == 1 and isinstance(known["StartedTimestamp"], int)
    refused("AWS.SimpleQueueService.UnsupportedOperation", older.cancel_message_move_task, TaskHandle=task)
    refused("ResourceNotFoundException", older.list_message_move_tasks, SourceArn=arn("x/nowhere"))


def test_errors_have_the_older_codes(aws, older, queue, server):
    def error(status, code, call, **arguments):
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            call(**arguments)
        response = refusal.value.response
        told = response["Error"]
        facts = (response["ResponseMetadata"]["HTTPStatusCode"], told["Code"], told["Type"])
        assert facts == (status, code, "Sender"), response
        return told["Message"]

    nowhere = queue.replace(queue.rpartition("/")[2], "nowhere")
    message = error(400, NO_QUEUE, older.send_message, QueueUrl=nowhere, MessageBody="x")
    assert message == "The specified queue does not exist."
    error(400, "InvalidAttributeName", older.create_queue, QueueName="x", Attributes={"Colour": "red"})
    name = queue.rpartition("/")[2]
    error(400, "QueueAlreadyExists", older.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "8"})
    error(400, "ReceiptHandleIsInvalid", older.delete_message, QueueUrl=queue, ReceiptHandle="nonsense")
    older.purge_queue(QueueUrl=queue)
    error(403, "AWS.SimpleQueueService.PurgeQueueInProgress", older.purge_queue, QueueUrl=queue)
    error(400, "InvalidAddress", older.delete_queue, QueueUrl=f"{server.url}/{ACCOUNT}/no spaces")
    _, credentials = create_user(aws, allow("sqs:GetQueueUrl"))
    stranger = OlderBoto3(server.url, credentials)
    message = error(403, "AccessDenied", stranger.send_message, QueueUrl=queue, MessageBody="x")
    assert "sqs:sendmessage" in message.lower()
    stranger.close()


class Raw:
    """Calls at the address of a queue, without its URL among the parameters."""

    def __init__(self, server):
        keys = server.administrator
        self.credentials = botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key)

    def signed(self, signer, method, url, body=None):
        headers = {"content-type": "application/x-www-form-urlencoded"} if body else {}
        request = botocore.awsrequest.AWSRequest(method, url, headers, body)
        signer(self.credentials, "sqs", REGION).add_auth(request)
        request = request.prepare()
        return fetch(request.url, method, request.body, dict(request.headers))

    def post(self, url, **parameters):
        return self.signed(botocore.auth.SigV4Auth, "POST", url, urllib.parse.urlencode(parameters).encode())

    def get(self, url, **parameters):
        url = f"{url}?{urllib.parse.urlencode(parameters)}"
        return self.signed(botocore.auth.SigV4QueryAuth, "GET", url)


def test_calls_at_the_address_of_a_queue(aws, server, queue):
    raw = Raw(server)
    parameters = {"Version": "2012-11-05", "Action": "SendMessage"}
    posted = raw.post(queue, MessageBody="posted", **parameters)
    assert (posted.status, posted.headers["content-type"]) == (200, "text/xml"), posted.body
    assert ElementTree.fromstring(posted.body).find(f"{NAMESPACE}SendMessageResult/{NAMESPACE}MessageId").text
    got = raw.get(queue, MessageBody="got", **parameters)
    assert got.status == 200, got.body
    received = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    assert {message["Body"] for message in received} == {"posted", "got"}

    def code(answer):
        return answer.status, ElementTree.fromstring(answer.body).findtext(f".//{NAMESPACE}Code")

    nowhere = f"{server.url}/{ACCOUNT}/nowhere"
    assert code(raw.post(nowhere, MessageBody="x", **parameters)) == (400, NO_QUEUE)
    assert code(raw.post(queue, Version="2012-11-05", Action="Nonsense")) == (400, "InvalidAction")
    assert code(raw.post(queue, **parameters)) == (400, "ValidationError")
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = urllib.parse.urlencode({"MessageBody": "x", **parameters}).encode()
    assert code(fetch(queue, "POST", body, form)) == (403, "MissingAuthenticationToken")
    assert aws.s3.list_buckets()["Buckets"] == []


def test_a_bucket_may_have_the_name_of_an_account(aws):
    aws.s3.create_bucket(Bucket=ACCOUNT)
    aws.s3.put_object(Bucket=ACCOUNT, Key="Action=x", Body=b"whole")
    assert aws.s3.get_object(Bucket=ACCOUNT, Key="Action=x")["Body"].read() == b"whole"
    aws.s3.delete_object(Bucket=ACCOUNT, Key="Action=x")
    aws.s3.delete_bucket(Bucket=ACCOUNT)
