"""SQS operation by operation: queues and their attributes, messages in standard and FIFO queues, dead letters."""

import hashlib
import json
import threading
import time

import pytest

from harness.aws import Aws
from harness.eventually import until
from harness.identities import allow, create_user, policy, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
UNSUPPORTED = "AWS.SimpleQueueService.UnsupportedOperation"
MAXIMUM = 1_048_576


def arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


@pytest.fixture
def sqs(aws):
    return aws.sqs


@pytest.fixture
def queue(sqs):
    """The URL of a new queue."""
    return sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]


@pytest.fixture
def fifo(sqs):
    """The URL of a new FIFO queue, which knows duplicates by their content."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return sqs.create_queue(QueueName=f"{unique('queue')}.fifo", Attributes=attributes)["QueueUrl"]


def name_of(url):
    return url.rpartition("/")[2]


def nowhere(url):
    return url.replace(name_of(url), "nowhere")


def attributes(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def counts(sqs, url):
    """Visible, in flight, delayed."""
    got = attributes(sqs, url)
    kinds = ("", "NotVisible", "Delayed")
    return tuple(int(got[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)


def send(sqs, url, *bodies, **arguments):
    return [sqs.send_message(QueueUrl=url, MessageBody=body, **arguments) for body in bodies]


def receive(sqs, url, most=10, **arguments):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, **arguments).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def delete(sqs, url, *messages):
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


# ---------------------------------------------------------------- queues


def test_a_queue_is_made_found_and_deleted(sqs, server):
    name = unique("made")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"}, tags={"team": "tests"})["QueueUrl"]
    assert url == f"{server.url}/{ACCOUNT}/{name}"
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})["QueueUrl"] == url
    message = refused("QueueAlreadyExists", sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "8"})
    assert message.endswith("different value for attribute VisibilityTimeout")
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "8"})
    sqs.delete_queue(QueueUrl=url)
    assert refused(NO_QUEUE, sqs.get_queue_url, QueueName=name) == "The specified queue does not exist."
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refusal:
        sqs.delete_queue(QueueUrl=url)
    error = refusal.value.response["Error"]
    assert (error["QueryErrorCode"], error["Type"]) == ("QueueDoesNotExist", "Sender")

    create = sqs.create_queue
    refused("InvalidParameterValue", create, QueueName="no spaces")
    refused("InvalidParameterValue", create, QueueName="x.fifo")
    refused("InvalidParameterValue", create, QueueName="x", Attributes={"FifoQueue": "true"})
    refused("InvalidAttributeName", create, QueueName="x", Attributes={"FifoQueue": "false"})
    refused("InvalidAttributeName", create, QueueName="x", Attributes={"Colour": "red"})
    refused("InvalidAttributeValue", create, QueueName="x", Attributes={"DelaySeconds": "901"})
    refused("NotImplemented", create, QueueName="x", Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    refused("InvalidParameterValue", create, QueueName="x", tags={"aws:x": "y"})
    refused("InvalidAddress", sqs.delete_queue, QueueUrl="nonsense")


def test_queues_are_listed_by_prefix_and_page(sqs):
    prefix = unique("listed")
    urls = [sqs.create_queue(QueueName=f"{prefix}-{letter}")["QueueUrl"] for letter in "abc"]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [page["QueueUrls"] for page in pages] == [urls[:2], urls[2:]]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=f"{prefix}-none")
    refused("InvalidParameterValue", sqs.list_queues, MaxResults=1001)
    refused("InvalidParameterValue", sqs.list_queues, MaxResults=1, NextToken="forged")


def test_attributes(sqs, queue, fifo):
    got = attributes(sqs, queue)
    assert got["QueueArn"] == arn(name_of(queue))
    assert (got["VisibilityTimeout"], got["MessageRetentionPeriod"], got["DelaySeconds"]) == ("30", "345600", "0")
    assert (got["MaximumMessageSize"], got["ReceiveMessageWaitTimeSeconds"]) == (str(MAXIMUM), "0")
    assert (got["SqsManagedSseEnabled"], "FifoQueue" in got, "Policy" in got) == ("true", False, False)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "MaximumMessageSize": "1024"})
    chosen = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout", "MaximumMessageSize"])
    assert chosen["Attributes"] == {"VisibilityTimeout": "1", "MaximumMessageSize": "1024"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue)
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=queue, MessageBody="x" * 1025)
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes=high)
    assert high.items() <= attributes(sqs, fifo).items()

    change = sqs.set_queue_attributes
    refused("InvalidAttributeValue", change, QueueUrl=queue, Attributes={"VisibilityTimeout": "43201"})
    refused("InvalidAttributeValue", change, QueueUrl=queue, Attributes={"Policy": "no policy"})
    unreadable = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]})}
    refused("InvalidAttributeValue", change, QueueUrl=queue, Attributes=unreadable)
    refused("InvalidAttributeName", change, QueueUrl=queue, Attributes={"QueueArn": "x"})
    refused("InvalidAttributeName", change, QueueUrl=queue, Attributes={"ContentBasedDeduplication": "true"})
    refused("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=queue, AttributeNames=["Colour"])
    refused(NO_QUEUE, change, QueueUrl=nowhere(queue), Attributes={"DelaySeconds": "1"})
    refused(NO_QUEUE, sqs.get_queue_attributes, QueueUrl=nowhere(queue))
    assert attributes(sqs, queue)["VisibilityTimeout"] == "1"


def test_tags(sqs, queue):
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=queue, TagKeys=["a", "none"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "2"}
    refused("InvalidParameterValue", sqs.tag_queue, QueueUrl=queue, Tags={f"k{number}": "" for number in range(51)})
    for call, more in ((sqs.tag_queue, {"Tags": {"a": "1"}}), (sqs.untag_queue, {"TagKeys": ["a"]})):
        refused(NO_QUEUE, call, QueueUrl=nowhere(queue), **more)
    refused(NO_QUEUE, sqs.list_queue_tags, QueueUrl=nowhere(queue))


# ---------------------------------------------------------------- who may


def test_a_policy_lets_others_in(aws, sqs, queue):
    other = "111122223333"
    sqs.add_permission(QueueUrl=queue, Label="one", AWSAccountIds=[other], Actions=["SendMessage", "ReceiveMessage"])
    statement = json.loads(attributes(sqs, queue)["Policy"])["Statement"][0]
    assert (statement["Sid"], statement["Resource"]) == ("one", arn(name_of(queue)))
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{other}:root"}
    assert statement["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"]
    add = {"QueueUrl": queue, "AWSAccountIds": [other]}
    refused("InvalidParameterValue", sqs.add_permission, **add, Label="one", Actions=["SendMessage"])
    refused("InvalidParameterValue", sqs.add_permission, **add, Label="two", Actions=["Fly"])
    sqs.remove_permission(QueueUrl=queue, Label="one")
    assert "Policy" not in attributes(sqs, queue)
    refused("InvalidParameterValue", sqs.remove_permission, QueueUrl=queue, Label="one")

    name, credentials = create_user(aws)
    user = aws.acting_as(credentials).sqs
    message = refused("AccessDeniedException", user.send_message, QueueUrl=queue, MessageBody="x")
    assert f"not authorized to perform: sqs:SendMessage on resource: {arn(name_of(queue))}" in message.replace(
        "sqs:sendmessage", "sqs:SendMessage"
    )
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    statement = {**allow("sqs:SendMessage", on=arn(name_of(queue))), "Principal": principal}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(statement)})
    send(user, queue, "by policy")
    refused("AccessDeniedException", user.receive_message, QueueUrl=queue)
    # Batches need the permission of what they are batches of.
    sent = user.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "more"}])
    assert len(sent["Successful"]) == 1


# ---------------------------------------------------------------- messages


def test_a_message_arrives_with_all_it_carries(sqs, queue):
    given = {
        "text": {"DataType": "String", "StringValue": "grün"},
        "number": {"DataType": "Number.int", "StringValue": "42"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    before = time.time()
    sent = sqs.send_message(
        QueueUrl=queue, MessageBody="Grüße 🦀", MessageAttributes=given, MessageSystemAttributes=trace
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5("Grüße 🦀".encode()).hexdigest()
    # boto3 itself does not look at the digests.
    assert sent["MD5OfMessageAttributes"] == md5_of_attributes(given)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of_attributes(trace)
    assert "SequenceNumber" not in sent
    names = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
    [got] = receive(sqs, queue, **names)
    assert (got["Body"], got["MessageAttributes"], got["MessageId"]) == ("Grüße 🦀", given, sent["MessageId"])
    assert (got["MD5OfBody"], got["MD5OfMessageAttributes"]) == (
        sent["MD5OfMessageBody"],
        sent["MD5OfMessageAttributes"],
    )
    system = got["Attributes"]
    assert system["ApproximateReceiveCount"] == "1"
    assert before - 1 < int(system["SentTimestamp"]) / 1000 <= int(system["ApproximateFirstReceiveTimestamp"]) / 1000
    assert system["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    delete(sqs, queue, got)

    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=given)
    [got] = receive(sqs, queue, MessageAttributeNames=["t.*", "number"], AttributeNames=["SenderId"])
    wanted = {name: given[name] for name in ("text", "number")}
    assert (got["MessageAttributes"], set(got["Attributes"])) == (wanted, {"SenderId"})
    assert got["MD5OfMessageAttributes"] == md5_of_attributes(wanted)


def md5_of_attributes(attributes):
    """As SDKs compute it."""

    def field(data):
        return len(data).to_bytes(4, "big") + data

    digest = hashlib.md5()
    for name, value in sorted(attributes.items()):
        digest.update(field(name.encode()) + field(value["DataType"].encode()))
        if value["DataType"].startswith("Binary"):
            digest.update(b"\x02" + field(value["BinaryValue"]))
        else:
            digest.update(b"\x01" + field(value["StringValue"].encode()))
    return digest.hexdigest()


def test_what_cannot_be_sent(sqs, queue):
    def told(code, **arguments):
        return refused(code, sqs.send_message, **{"QueueUrl": queue, "MessageBody": "x", **arguments})

    assert told("MissingParameter", MessageBody="") == "The request must contain the parameter MessageBody."
    told("InvalidMessageContents", MessageBody="\u0000")
    assert "shorter than 1048576 bytes" in told("InvalidParameterValue", MessageBody="x" * (MAXIMUM + 1))
    told("InvalidParameterValue", DelaySeconds=901)
    told("InvalidParameterValue", MessageDeduplicationId="d")
    attribute = {"DataType": "String", "StringValue": "v"}
    told("InvalidParameterValue", MessageAttributes={f"a{number}": attribute for number in range(11)})
    told("InvalidParameterValue", MessageAttributes={"a": {"DataType": "Text", "StringValue": "v"}})
    told("InvalidParameterValue", MessageAttributes={"a": {"DataType": "Number", "StringValue": "one"}})
    told("InvalidParameterValue", MessageAttributes={"AWS.a": attribute})
    told(UNSUPPORTED, MessageAttributes={"a": {"DataType": "String", "StringListValues": ["v"]}})
    told(NO_QUEUE, QueueUrl=nowhere(queue))
    assert counts(sqs, queue) == (0, 0, 0)
    # The largest that may be sent comes back whole.
    send(sqs, queue, "x" * MAXIMUM)
    assert receive(sqs, queue)[0]["Body"] == "x" * MAXIMUM


def test_a_received_message_comes_back_unless_it_is_deleted(sqs, queue):
    send(sqs, queue, "one", "two")
    first = receive(sqs, queue, VisibilityTimeout=1)
    assert sorted(bodies(first)) == ["one", "two"]
    assert counts(sqs, queue) == (0, 2, 0)
    assert receive(sqs, queue) == []
    gone, kept = first
    delete(sqs, queue, gone, gone)
    # It wakes who waits, by its time alone.
    began = time.monotonic()
    [again] = receive(sqs, queue, WaitTimeSeconds=10, MessageSystemAttributeNames=["All"])
    assert time.monotonic() - began < 8
    assert (again["Body"], again["Attributes"]["ApproximateReceiveCount"]) == (kept["Body"], "2")
    assert again["ReceiptHandle"] != kept["ReceiptHandle"]

    change = sqs.change_message_visibility
    change(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=0)
    assert counts(sqs, queue) == (1, 0, 0)
    again = {"QueueUrl": queue, "ReceiptHandle": again["ReceiptHandle"]}
    refused("AWS.SimpleQueueService.MessageNotInflight", change, **again, VisibilityTimeout=1)
    refused("InvalidParameterValue", change, **again, VisibilityTimeout=43201)
    [last] = receive(sqs, queue)
    delete(sqs, queue, last)
    gone = {"QueueUrl": queue, "ReceiptHandle": last["ReceiptHandle"]}
    assert "does not exist" in refused("InvalidParameterValue", change, **gone, VisibilityTimeout=1)
    for call, more in ((change, {"VisibilityTimeout": 1}), (sqs.delete_message, {})):
        refused("ReceiptHandleIsInvalid", call, QueueUrl=queue, ReceiptHandle="forged", **more)
        refused(NO_QUEUE, call, QueueUrl=nowhere(queue), ReceiptHandle="x", **more)
    for name, value in (("MaxNumberOfMessages", 11), ("WaitTimeSeconds", 21), ("VisibilityTimeout", -1)):
        refused("InvalidParameterValue", sqs.receive_message, QueueUrl=queue, **{name: value})
    refused(NO_QUEUE, sqs.receive_message, QueueUrl=nowhere(queue))


def test_a_delayed_message_comes_later(sqs, queue):
    send(sqs, queue, "later", DelaySeconds=1)
    assert counts(sqs, queue) == (0, 0, 1)
    assert receive(sqs, queue) == []
    assert bodies(receive(sqs, queue, WaitTimeSeconds=10)) == ["later"]


def test_who_waits_is_woken_by_a_message(sqs, queue):
    found = []
    waiting = [threading.Thread(target=lambda: found.extend(receive(sqs, queue, 1, WaitTimeSeconds=20))) for _ in "ab"]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)  # Whether they wait yet or not, they get the messages: this only makes it likely that they do.
    began = time.monotonic()
    send(sqs, queue, "one", "two")
    for thread in waiting:
        thread.join()
    assert time.monotonic() - began < 10
    assert sorted(bodies(found)) == ["one", "two"]
    assert receive(sqs, queue, WaitTimeSeconds=1) == []


def test_batches(sqs, queue):
    sent = sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "good", "MessageBody": "one"},
            {"Id": "bad", "MessageBody": "two", "DelaySeconds": 901},
            {"Id": "odd", "MessageBody": "\u0001"},
        ],
    )
    assert [entry["Id"] for entry in sent["Successful"]] == ["good"]
    failed = {entry["Id"]: (entry["Code"], entry["SenderFault"]) for entry in sent["Failed"]}
    assert failed == {"bad": ("InvalidParameterValue", True), "odd": ("InvalidMessageContents", True)}
    [message] = receive(sqs, queue)
    handle = message["ReceiptHandle"]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 60},
            {"Id": "b", "ReceiptHandle": "forged", "VisibilityTimeout": 60},
        ],
    )
    assert [entry["Id"] for entry in changed["Successful"]] == ["a"]
    assert [entry["Code"] for entry in changed["Failed"]] == ["ReceiptHandleIsInvalid"]
    entries = [{"Id": "a", "ReceiptHandle": handle}, {"Id": "b", "ReceiptHandle": "forged"}]
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    assert [entry["Id"] for entry in deleted["Successful"]] == ["a"]
    assert [entry["Code"] for entry in deleted["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert counts(sqs, queue) == (0, 0, 0)

    def told(code, *entries):
        entries = [{"MessageBody": "x", **entry} for entry in entries]
        full = f"AWS.SimpleQueueService.{code}"
        return refused(full, sqs.send_message_batch, QueueUrl=queue, Entries=entries)

    told("EmptyBatchRequest")
    told("TooManyEntriesInBatchRequest", *({"Id": str(number)} for number in range(11)))
    assert told("BatchEntryIdsNotDistinct", {"Id": "a"}, {"Id": "a"}) == "Id a repeated."
    told("InvalidBatchEntryId", {"Id": "no spaces"})
    told("BatchRequestTooLong", {"Id": "a", "MessageBody": "x" * MAXIMUM}, {"Id": "b"})
    for call in (sqs.delete_message_batch, sqs.change_message_visibility_batch):
        refused("AWS.SimpleQueueService.EmptyBatchRequest", call, QueueUrl=queue, Entries=[])


def test_a_purge_takes_all(sqs, queue):
    send(sqs, queue, "one", "two", "three")
    [held] = receive(sqs, queue, 1)
    sqs.purge_queue(QueueUrl=queue)
    assert counts(sqs, queue) == (0, 0, 0)
    delete(sqs, queue, held)
    refused("AWS.SimpleQueueService.PurgeQueueInProgress", sqs.purge_queue, QueueUrl=queue)
    send(sqs, queue, "four")
    assert bodies(receive(sqs, queue)) == ["four"]
    refused(NO_QUEUE, sqs.purge_queue, QueueUrl=nowhere(queue))


# ---------------------------------------------------------------- FIFO


def test_a_group_keeps_its_order_and_others_go_on(sqs, fifo):
    numbers = [send(sqs, fifo, f"a{n}", MessageGroupId="a")[0]["SequenceNumber"] for n in range(4)]
    assert numbers == sorted(numbers) and len(numbers[0]) == 20
    send(sqs, fifo, "b0", MessageGroupId="b")
    first = receive(sqs, fifo, 2, MessageSystemAttributeNames=["All"])
    assert bodies(first) == ["a0", "a1"]
    assert [message["Attributes"]["SequenceNumber"] for message in first] == numbers[:2]
    assert first[0]["Attributes"]["MessageGroupId"] == "a"
    # The group is held; the other one is not.
    assert bodies(receive(sqs, fifo)) == ["b0"]
    delete(sqs, fifo, first[0])
    assert receive(sqs, fifo) == []
    # Given back, it comes again before those behind it.
    sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=first[1]["ReceiptHandle"], VisibilityTimeout=0)
    rest = receive(sqs, fifo)
    assert bodies(rest) == ["a1", "a2", "a3"]
    expired = {"QueueUrl": fifo, "ReceiptHandle": first[1]["ReceiptHandle"]}
    assert "has expired" in refused("InvalidParameterValue", sqs.delete_message, **expired)
    delete(sqs, fifo, *rest)
    assert receive(sqs, fifo, WaitTimeSeconds=1) == []


def test_duplicates_are_taken_once(sqs, fifo):
    group = {"MessageGroupId": "g"}
    first, again = send(sqs, fifo, "same", "same", **group)
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    [by_id, by_same_id] = send(sqs, fifo, "one", "two", MessageDeduplicationId="d", **group)
    assert by_id["MessageId"] == by_same_id["MessageId"]
    got = receive(sqs, fifo)
    assert bodies(got) == ["same", "one"]
    delete(sqs, fifo, *got)
    # Also after the first one is gone.
    send(sqs, fifo, "same", **group)
    assert receive(sqs, fifo) == []

    def told(code, **arguments):
        return refused(code, sqs.send_message, QueueUrl=fifo, MessageBody="x", **arguments)

    assert told("MissingParameter") == "The request must contain the parameter MessageGroupId."
    told("InvalidParameterValue", MessageGroupId="no spaces")
    told("InvalidParameterValue", DelaySeconds=1, **group)
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"ContentBasedDeduplication": "false"})
    assert "ContentBasedDeduplication enabled" in told("InvalidParameterValue", **group)


def test_a_call_that_is_repeated_receives_the_same(sqs, fifo, queue):
    for number in range(3):
        send(sqs, fifo, str(number), MessageGroupId="g")

    def received(attempt, **more):
        more = {"MaxNumberOfMessages": 2, "VisibilityTimeout": 30, **more}
        answer = sqs.receive_message(QueueUrl=fifo, ReceiveRequestAttemptId=attempt, **more)
        return [(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", [])]

    first = received("a")
    assert [body for body, _ in first] == ["0", "1"]
    assert received("a") == first and received("b") == []
    # What was modified is not received again by the old name.
    (_, handle), _ = first
    sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=handle, VisibilityTimeout=40)
    assert received("a") == []
    for _, handle in first:
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=handle)
    third = received("a")
    assert [body for body, _ in third] == ["2"] and received("a", MaxNumberOfMessages=1) == third
    attempt = {"QueueUrl": fifo, "ReceiveRequestAttemptId": "no spaces"}
    refused("InvalidParameterValue", sqs.receive_message, **attempt)
    attempt = {"QueueUrl": queue, "ReceiveRequestAttemptId": "a"}
    assert "not valid for this queue type" in refused("InvalidParameterValue", sqs.receive_message, **attempt)


# ---------------------------------------------------------------- dead letters


def with_dead_letters(sqs, most=1, suffix="", **attributes):
    """The URLs of a queue and of its dead-letter queue."""
    name = unique("work")
    dead = sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=attributes)["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn(name_of(dead)), "maxReceiveCount": most})
    source = sqs.create_queue(QueueName=f"{name}{suffix}", Attributes={**attributes, "RedrivePolicy": redrive})
    return source["QueueUrl"], dead


def test_what_is_received_too_often_goes_to_the_dead_letter_queue(sqs):
    queue, dead = with_dead_letters(sqs, most=2)
    [sent] = send(sqs, queue, "poison", MessageAttributes={"a": {"DataType": "String", "StringValue": "v"}})
    for _ in range(2):
        assert bodies(receive(sqs, queue, VisibilityTimeout=0)) == ["poison"]
    assert receive(sqs, queue) == []
    [letter] = receive(sqs, dead, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"])
    assert (letter["Body"], letter["MessageId"]) == ("poison", sent["MessageId"])
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn(name_of(queue))
    assert letter["MessageAttributes"]["a"]["StringValue"] == "v"

    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [queue]
    assert sqs.list_dead_letter_source_queues(QueueUrl=queue)["queueUrls"] == []
    refused(NO_QUEUE, sqs.list_dead_letter_source_queues, QueueUrl=nowhere(queue))
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": '{"redrivePermission": "denyAll"}'})

    def told(**redrive):
        attributes = {"RedrivePolicy": json.dumps({"maxReceiveCount": 1, **redrive})}
        return refused("InvalidParameterValue", sqs.set_queue_attributes, QueueUrl=queue, Attributes=attributes)

    assert "does not allow" in told(deadLetterTargetArn=arn(name_of(dead)))
    assert "does not exist" in told(deadLetterTargetArn=arn("nowhere"))
    assert "same type" in told(deadLetterTargetArn=arn("dead.fifo"))
    assert "maxReceiveCount" in told(deadLetterTargetArn=arn("dead"), maxReceiveCount=0)


def test_dead_letters_of_a_group_make_room_for_the_next(sqs):
    queue, dead = with_dead_letters(sqs, suffix=".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    send(sqs, queue, "poison", "good", MessageGroupId="g")
    assert bodies(receive(sqs, queue, 1, VisibilityTimeout=0)) == ["poison"]
    assert bodies(receive(sqs, queue, 1)) == ["good"]
    assert bodies(receive(sqs, dead)) == ["poison"]


def test_dead_letters_are_moved_back(sqs):
    queue, dead = with_dead_letters(sqs)
    send(sqs, queue, "one", "two", "three")
    until(lambda: len(receive(sqs, queue, VisibilityTimeout=0)) == 0, 10, "all to be given up")
    assert counts(sqs, dead) == (3, 0, 0)
    source = arn(name_of(dead))
    start = sqs.start_message_move_task
    refused("InvalidParameterValue", start, SourceArn=arn(name_of(queue)))
    refused("InvalidParameterValue", start, SourceArn=source, DestinationArn=source)
    refused("InvalidParameterValue", start, SourceArn=source, MaxNumberOfMessagesPerSecond=501)
    refused("ResourceNotFoundException", start, SourceArn=arn("nowhere"))

    # Slowly, to be cancelled on its way.
    handle = start(SourceArn=source, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    refused(UNSUPPORTED, start, SourceArn=source)
    [task] = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert (task["Status"], task["TaskHandle"], task["ApproximateNumberOfMessagesToMove"]) == ("RUNNING", handle, 3)
    sqs.cancel_message_move_task(TaskHandle=handle)
    refused(UNSUPPORTED, sqs.cancel_message_move_task, TaskHandle=handle)
    refused("ResourceNotFoundException", sqs.cancel_message_move_task, TaskHandle="forged")

    def status():
        return sqs.list_message_move_tasks(SourceArn=source)["Results"][0]["Status"]

    until(lambda: status() == "CANCELLED", 10, "the task to be cancelled")
    # Another queue has the dead-letter queue now: nobody has asked whether messages may go to the first one.
    redrive = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    other = sqs.create_queue(QueueName=unique("other"), Attributes=redrive)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
    start(SourceArn=source)
    until(lambda: status() == "FAILED", 10, "the task to fail")
    [task] = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=redrive)
    sqs.delete_queue(QueueUrl=other)
    start(SourceArn=source)
    until(lambda: status() == "COMPLETED", 10, "the task to end")
    assert counts(sqs, dead) == (0, 0, 0)
    assert sorted(bodies(receive(sqs, queue))) == ["one", "three", "two"]
    assert len(sqs.list_message_move_tasks(SourceArn=source, MaxResults=10)["Results"]) == 3
    refused("InvalidParameterValue", sqs.list_message_move_tasks, SourceArn=source, MaxResults=11)
    refused("ResourceNotFoundException", sqs.list_message_move_tasks, SourceArn=arn("nowhere"))


# ---------------------------------------------------------------- at rest, in records, after a crash


def test_contents_are_sealed(sqs, queue, server):
    plain = sqs.create_queue(QueueName=unique("plain"), Attributes={"SqsManagedSseEnabled": "false"})["QueueUrl"]
    send(sqs, queue, "sealed-at-rest-4711")
    send(sqs, plain, "kept-as-it-is-4712")
    stored = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert b"kept-as-it-is-4712" in stored
    assert b"sealed-at-rest-4711" not in stored


def test_the_aws_cli_sends_and_receives(cli, queue):
    sent = cli.json("sqs", "send-message", "--queue-url", queue, "--message-body", "by CLI")
    got = cli.json("sqs", "receive-message", "--queue-url", queue, "--attribute-names", "All")["Messages"][0]
    assert (got["Body"], got["MessageId"]) == ("by CLI", sent["MessageId"])


def test_what_was_acknowledged_survives_a_kill(sqs, server, fifo):
    """Sends and deletes go on until the server is killed; none that was answered is lost or undone."""
    sent, deleted = [], []

    def work():
        try:
            for number in range(10_000):
                send(sqs, fifo, f"{number:05}", MessageGroupId=f"g{number % 3}")
                sent.append(f"{number:05}")
                if number % 4 == 0:
                    for message in receive(sqs, fifo, 1, VisibilityTimeout=1):
                        delete(sqs, fifo, message)
                        deleted.append(message["Body"])
        except Exception:  # The server is gone: what its error is does not matter.
            return

    worker = threading.Thread(target=work)
    worker.start()
    until(lambda: len(deleted) > 5, 30, "some messages to be deleted")
    server.kill()
    worker.join()
    server.start()
    found = []

    def drain():
        messages = receive(sqs, fifo, WaitTimeSeconds=2)
        found.extend(bodies(messages))
        delete(sqs, fifo, *messages)
        return not messages and counts(sqs, fifo) == (0, 0, 0)

    until(drain, 30, "the queue to be empty")
    # At most one send and one delete were under way.
    missing = set(sent) - set(deleted) - set(found)
    assert len(missing) <= 1 and len(set(found) - set(sent)) <= 1
    assert not set(found) & set(deleted)
    for group in range(3):
        numbers = [int(body) for body in found if int(body) % 3 == group]
        assert numbers == sorted(set(numbers)), f"group {group} is out of order"


def test_who_waits_does_not_hold_the_end_of_the_server_up(start):
    server = start()
    sqs = Aws(server.url, server.administrator).sqs
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(receive(sqs, url, WaitTimeSeconds=20)))
    waiting.start()
    time.sleep(0.5)  # The call has to have arrived; were it late, it would be refused, and the test would fail.
    began = time.monotonic()
    assert server.stop() == 0
    waiting.join()
    assert answers == [[]]
    assert time.monotonic() - began < 7, "it did not wait for the call to end by itself"
