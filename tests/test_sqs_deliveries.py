"""What others put into queues: rules of EventBridge, topics of SNS, and what both could not deliver."""

import json
import os
import subprocess

import pytest

from harness import strict
from harness.eventually import until
from harness.identities import allow, policy, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, binary

SECONDS = 30


def arn(url):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


def make_queue(aws, service=None, source=None, **attributes):
    """The URL of a queue into which `service` may send for the resource `source`."""
    name = unique("queue") + (".fifo" if "FifoQueue" in attributes else "")
    url = aws.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    if service:
        admit(aws, url, service, source)
    return url


def admit(aws, url, service, source):
    condition = {"ArnEquals": {"aws:SourceArn": source}}
    statement = {**allow("sqs:SendMessage", on=arn(url), condition=condition), "Principal": {"Service": service}}
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})


def receive(aws, url):
    """The next message, which has to come."""
    [message] = until(
        lambda: aws.sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=2, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        ).get("Messages"),
        SECONDS,
        f"a message in {url}",
    )
    aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


# ---------------------------------------------------------------- EventBridge


@pytest.fixture
def rule(aws):
    """The name of a rule, its ARN, and the source that it wants."""
    name = unique("rule")
    aws.events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    return name, f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}", name


def publish(aws, source, **detail):
    entry = {"Source": source, "DetailType": "test", "Detail": json.dumps(detail), "Resources": ["arn:of:all"]}
    [answer] = aws.events.put_events(Entries=[entry])["Entries"]
    return answer["EventId"]


def put_target(aws, rule, **target):
    answer = aws.events.put_targets(Rule=rule, Targets=[{"Id": "1", **target}])
    assert answer["FailedEntryCount"] == 0
    [shown] = aws.events.list_targets_by_rule(Rule=rule)["Targets"]
    assert shown == {"Id": "1", **target}


def explain(server, event):
    """What `stagewright explain event` prints."""
    who = server.administrator
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key}
    command = [binary(), "explain", "event", event, "--endpoint", server.url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rule_sends_events_to_a_queue(aws, server, rule):
    name, rule_arn, source = rule
    queue = make_queue(aws, "events.amazonaws.com", rule_arn)
    put_target(aws, name, Arn=arn(queue))
    event = publish(aws, source, number=1)
    message = receive(aws, queue)
    body = json.loads(message["Body"])
    assert (body["id"], body["detail"], body["source"]) == (event, {"number": 1}, source)
    until(lambda: f"made {message['MessageId']}" in explain(server, event), SECONDS, "the delivery to be recorded")


def test_a_rule_keeps_order_in_a_fifo_queue(aws, rule):
    name, rule_arn, source = rule
    queue = make_queue(aws, "events.amazonaws.com", rule_arn, FifoQueue="true", ContentBasedDeduplication="true")
    put_target(aws, name, Arn=arn(queue), SqsParameters={"MessageGroupId": "all"}, InputPath="$.detail.number")
    for number in range(5):
        publish(aws, source, number=number)
    got = [receive(aws, queue) for _ in range(5)]
    assert [message["Body"] for message in got] == ["0", "1", "2", "3", "4"]
    assert got[0]["Attributes"]["MessageGroupId"] == "all"


def test_what_a_rule_cannot_deliver_is_a_dead_letter(aws, server, rule):
    name, rule_arn, source = rule
    dead = make_queue(aws, "events.amazonaws.com", rule_arn)
    # Its policy admits another rule, so not this one.
    closed = make_queue(aws, "events.amazonaws.com", f"{rule_arn}-other")
    put_target(aws, name, Arn=arn(closed), DeadLetterConfig={"Arn": arn(dead)})
    event = publish(aws, source, number=1)
    letter = receive(aws, dead)
    assert json.loads(letter["Body"])["id"] == event
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert "not authorized to perform: sqs:SendMessage" in attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": arn(closed),
        "ERROR_CODE": "NO_PERMISSIONS",
        "RETRY_ATTEMPTS": "0",
    }
    told = f"It went to the dead-letter queue {arn(dead)}, as message {letter['MessageId']}."
    until(lambda: told in explain(server, event), SECONDS, "the dead letter to be told of")
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=closed)

    # A queue that does not admit the rule gets no letter either, and that is told.
    put_target(aws, name, Arn=arn(closed), DeadLetterConfig={"Arn": arn(closed)})
    event = publish(aws, source, number=2)
    told = f"The dead-letter queue {arn(closed)} did not take it: NO_PERMISSIONS"
    until(lambda: told in explain(server, event), SECONDS, "the refusal to be told of")


# ---------------------------------------------------------------- SNS


@pytest.fixture
def topic(aws):
    return aws.sns.create_topic(Name=unique("topic"))["TopicArn"]


def subscribe(aws, topic, queue, **attributes):
    answer = aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(queue), Attributes=attributes)
    return answer["SubscriptionArn"]


def test_a_topic_sends_messages_to_a_queue(aws, topic):
    queue = make_queue(aws, "sns.amazonaws.com", topic)
    subscription = subscribe(aws, topic, queue, FilterPolicy='{"kind": ["wanted"]}')
    shown = aws.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (shown["PendingConfirmation"], shown["Protocol"], shown["Endpoint"]) == ("false", "sqs", arn(queue))

    def publish(kind):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        return aws.sns.publish(TopicArn=topic, Message=f"it is {kind}", Subject="s", MessageAttributes=attributes)

    publish("unwanted")
    sent = publish("wanted")
    body = json.loads(receive(aws, queue)["Body"])
    assert (body["Type"], body["MessageId"], body["TopicArn"]) == ("Notification", sent["MessageId"], topic)
    assert (body["Message"], body["Subject"]) == ("it is wanted", "s")
    assert body["MessageAttributes"] == {"kind": {"Type": "String", "Value": "wanted"}}
    assert body["Signature"]

    aws.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    publish("wanted")
    raw = receive(aws, queue)
    assert raw["Body"] == "it is wanted"
    assert raw["MessageAttributes"] == {"kind": {"DataType": "String", "StringValue": "wanted"}}


def test_what_a_topic_cannot_deliver_is_a_dead_letter(aws, topic):
    dead = make_queue(aws, "sns.amazonaws.com", topic)
    closed = make_queue(aws)
    redrive = json.dumps({"deadLetterTargetArn": arn(dead)})
    subscription = subscribe(aws, topic, closed, RedrivePolicy=redrive, RawMessageDelivery="true")
    shown = aws.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert json.loads(shown["RedrivePolicy"]) == json.loads(redrive)
    aws.sns.publish(TopicArn=topic, Message="lost and found")
    assert receive(aws, dead)["Body"] == "lost and found"

    def refusal(endpoint, code="InvalidParameter", **attributes):
        arguments = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "Attributes": attributes}
        return refused(code, aws.sns.subscribe, **arguments)

    assert refusal("nonsense") == "Invalid parameter: SQS endpoint ARN"
    assert "FIFO SQS Queues can not be subscribed" in refusal(f"{arn(closed)}.fifo")
    assert "RedrivePolicy" in refusal(arn(dead), RedrivePolicy="{}")
    with strict.tolerating("NotImplemented"):
        refusal(f"arn:aws:sqs:{REGION}:111122223333:q", "NotImplemented")
