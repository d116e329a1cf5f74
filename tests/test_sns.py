"""SNS: topics, subscriptions and messages, to subscribers by HTTP and e-mail."""

import json
import re

import pytest

from harness import strict
from harness.aws import Aws
from harness.endpoint import Endpoint
from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.mail_server import MailServer
from harness.plain_http import fetch
from harness.receiver import Receiver, is_genuine, notified, subscribed
from harness.refusal import refused
from harness.server import ACCOUNT, REGION, Server

SECONDS = 30
ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}"
NOWHERE = f"{ARN}:nowhere"
NO_SUBSCRIPTION = f"{ARN}:nowhere:12345678-1234-4234-8234-123456789012"
# Tried again at once, three times.
AT_ONCE = json.dumps({"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3}})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    endpoint = Endpoint(tmp_path_factory.mktemp("endpoint"))
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, endpoint):
    """A server that trusts the endpoint's certificate."""
    environment = {"SSL_CERT_FILE": str(endpoint.certificate)}
    server = Server(tmp_path_factory.mktemp("server"), environment=environment).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def sns(aws):
    return aws.sns


@pytest.fixture
def topic(sns):
    """A new topic's ARN."""
    return sns.create_topic(Name=unique("topic"))["TopicArn"]


@pytest.fixture
def path():
    """A path of the receiver that no other test uses."""
    return f"/{unique('subscriber')}"


def attributes(sns, topic):
    return sns.get_topic_attributes(TopicArn=topic)["Attributes"]


def test_a_topic_is_made_once(sns):
    name = unique("topic")
    made = sns.create_topic(Name=name, Attributes={"DisplayName": "News"}, Tags=[{"Key": "team", "Value": "a"}])
    assert made["TopicArn"] == f"{ARN}:{name}"
    assert sns.create_topic(Name=name)["TopicArn"] == made["TopicArn"]
    assert sns.create_topic(Name=name, Attributes={"DisplayName": "News"})["TopicArn"] == made["TopicArn"]
    message = refused("InvalidParameter", sns.create_topic, Name=name, Attributes={"DisplayName": "Other"})
    assert message == "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    message = refused("InvalidParameter", sns.create_topic, Name=name, Tags=[{"Key": "team", "Value": "b"}])
    assert message == "Invalid parameter: Tags Reason: Topic already exists with different tags"
    assert attributes(sns, made["TopicArn"])["DisplayName"] == "News"


def test_what_is_no_topic_is_refused(sns):
    assert refused("InvalidParameter", sns.create_topic, Name="a b") == "Invalid parameter: Topic Name"
    with strict.tolerating("NotImplemented"):
        refused("NotImplemented", sns.create_topic, Name="t.fifo", Attributes={"FifoTopic": "true"})
        refused("NotImplemented", sns.create_topic, Name="t", Attributes={"KmsMasterKeyId": "alias/aws/sns"})
    message = refused("InvalidParameter", sns.create_topic, Name="t", Attributes={"Colour": "red"})
    assert message == "Invalid parameter: AttributeName"
    assert f"{ARN}:t" not in [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]


def test_topics_are_listed_page_by_page(aws, sns):
    west = aws.in_region("us-west-2").sns
    names = [f"page-{number:03}" for number in range(103)]
    for name in names:
        west.create_topic(Name=name)
    pages = list(west.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 3]
    listed = [topic["TopicArn"].rpartition(":")[2] for page in pages for topic in page["Topics"]]
    assert listed == names
    assert refused("InvalidParameter", west.list_topics, NextToken="x") == "Invalid parameter: NextToken"
    # A region knows only its own topics.
    message = refused("InvalidParameter", sns.get_topic_attributes, TopicArn=pages[0]["Topics"][0]["TopicArn"])
    assert message == "Invalid parameter: TopicArn"


def test_a_topic_can_be_deleted_twice(sns, topic):
    sns.delete_topic(TopicArn=topic)
    sns.delete_topic(TopicArn=topic)
    assert refused("NotFound", sns.get_topic_attributes, TopicArn=topic) == "Topic does not exist"
    message = refused("InvalidParameter", sns.delete_topic, TopicArn="news")
    assert message == "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"


def test_attributes_of_topics(sns, topic):
    shown = attributes(sns, topic)
    assert {key: shown[key] for key in ("TopicArn", "Owner", "DisplayName")} == {
        **{"TopicArn": topic, "Owner": ACCOUNT, "DisplayName": ""},
    }
    assert json.loads(shown["Policy"])["Statement"][0]["Sid"] == "__default_statement_ID"
    retries = json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (retries["numRetries"], retries["minDelayTarget"]) == (3, 20)

    def set_attribute(name, value):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)

    set_attribute("DisplayName", "Builds")
    set_attribute("SignatureVersion", "2")
    policy = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "disableSubscriptionOverrides": True}}
    set_attribute("DeliveryPolicy", json.dumps(policy))
    shown = attributes(sns, topic)
    assert (shown["DisplayName"], shown["SignatureVersion"]) == ("Builds", "2")
    assert json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 5

    for name, value in [("SignatureVersion", "3"), ("DeliveryPolicy", "{}"), ("Owner", "me"), ("Policy", "no")]:
        arguments = {"TopicArn": topic, "AttributeName": name, "AttributeValue": value}
        refused("InvalidParameter", sns.set_topic_attributes, **arguments)
    assert attributes(sns, topic) == shown
    arguments = {"TopicArn": NOWHERE, "AttributeName": "DisplayName", "AttributeValue": "x"}
    assert refused("NotFound", sns.set_topic_attributes, **arguments) == "Topic does not exist"


def test_a_policy_that_nobody_can_read_is_refused(sns, topic):
    statement = {"Effect": "Allow", "Principal": {"AWS": "nobody"}, "Action": "sns:Publish", "Resource": topic}
    arguments = {"TopicArn": topic, "AttributeName": "Policy"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    message = refused("InvalidParameter", sns.set_topic_attributes, AttributeValue=policy, **arguments)
    assert message.startswith("Invalid parameter: Policy Error: Invalid principal in policy")
    policy = json.dumps({"Statement": [{**statement, "Principal": "*", "Action": "s3:GetObject"}]})
    message = refused("InvalidParameter", sns.set_topic_attributes, AttributeValue=policy, **arguments)
    assert message == "Invalid parameter: Policy statement action out of service scope!"


def test_permissions_come_and_go_by_label(sns, topic):
    arguments = {"TopicArn": topic, "Label": "friends", "AWSAccountId": ["111122223333"], "ActionName": ["Publish"]}
    sns.add_permission(**arguments)
    statement = json.loads(attributes(sns, topic)["Policy"])["Statement"][1]
    assert statement == {
        "Sid": "friends",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SNS:Publish",
        "Resource": topic,
    }
    assert refused("InvalidParameter", sns.add_permission, **arguments) == (
        "Invalid parameter: Statement already exists"
    )
    sns.remove_permission(TopicArn=topic, Label="friends")
    assert len(json.loads(attributes(sns, topic)["Policy"])["Statement"]) == 1
    assert refused("NotFound", sns.remove_permission, TopicArn=NOWHERE, Label="x") == "Topic does not exist"


def test_tags(sns, topic):
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "test"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["stage", "gone"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "team", "Value": "a"}]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    refused("TagLimitExceeded", sns.tag_resource, ResourceArn=topic, Tags=many)
    for call, more in [
        (sns.tag_resource, {"Tags": many[:1]}),
        (sns.untag_resource, {"TagKeys": ["a"]}),
        (sns.list_tags_for_resource, {}),
    ]:
        assert refused("ResourceNotFound", call, ResourceArn=NOWHERE, **more) == "Resource does not exist"


def test_a_subscriber_confirms_by_a_link_and_gets_signed_messages(sns, topic, receiver, path, tmp_path):
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url(path))
    assert answer["SubscriptionArn"] == "pending confirmation"
    (request,) = receiver.wait(path)
    invitation = json.loads(request["body"])
    assert request["method"] == "POST"
    headers = request["headers"]
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-message-id"] == invitation["MessageId"]
    assert headers["x-amz-sns-topic-arn"] == topic
    assert "x-amz-sns-subscription-arn" not in headers
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert list(invitation) == [
        *("Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp", "SignatureVersion"),
        *("Signature", "SigningCertURL"),
    ]
    assert invitation["Message"] == (
        f"You have chosen to subscribe to the topic {topic}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    assert is_genuine(invitation, tmp_path)
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    # Nobody who has not confirmed gets messages.
    sns.publish(TopicArn=topic, Message="too early")

    confirmed = fetch(invitation["SubscribeURL"])
    assert confirmed.status == 200
    assert b"<ConfirmSubscriptionResult><SubscriptionArn>" in re.sub(rb">\s+<", b"><", confirmed.body)
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    arn = listed["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    assert (attributes(sns, topic)["SubscriptionsConfirmed"], attributes(sns, topic)["SubscriptionsPending"]) == (
        "1",
        "0",
    )

    message_id = sns.publish(TopicArn=topic, Message='Ünïcode & "quotes"\n', Subject="Hello")["MessageId"]
    (request,) = receiver.wait(path, "Notification")
    notification = json.loads(request["body"])
    assert request["headers"]["x-amz-sns-subscription-arn"] == arn
    assert list(notification) == [
        *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"),
        *("SigningCertURL", "UnsubscribeURL"),
    ]
    assert (notification["MessageId"], notification["Message"]) == (message_id, 'Ünïcode & "quotes"\n')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", notification["Timestamp"])
    assert notification["SignatureVersion"] == "1"
    assert is_genuine(notification, tmp_path)
    assert not is_genuine({**notification, "Message": "forged"}, tmp_path)

    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    kind = {"DataType": "String", "StringValue": "x"}
    sns.publish(TopicArn=topic, Message="second", MessageAttributes={"kind": kind})
    second = notified(receiver, path, 2)[1]
    assert second["SignatureVersion"] == "2"
    assert second["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}
    assert is_genuine(second, tmp_path)


def test_an_unsubscribed_endpoint_is_told_and_may_come_back(sns, topic, receiver, path, tmp_path):
    arn = subscribed(sns, receiver, topic, path)
    sns.publish(TopicArn=topic, Message="first")
    (first,) = notified(receiver, path)
    assert fetch(first["UnsubscribeURL"]).status == 200
    (request,) = receiver.wait(path, "UnsubscribeConfirmation")
    farewell = json.loads(request["body"])
    assert farewell["Message"].startswith(f"You have chosen to deactivate subscription {arn}.")
    assert is_genuine(farewell, tmp_path)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert attributes(sns, topic)["SubscriptionsDeleted"] == "1"
    message = refused("NotFound", sns.get_subscription_attributes, SubscriptionArn=arn)
    assert message == "Subscription does not exist"
    sns.publish(TopicArn=topic, Message="unheard")

    assert fetch(farewell["SubscribeURL"]).status == 200
    sns.publish(TopicArn=topic, Message="again")
    assert [message["Message"] for message in notified(receiver, path, 2)] == ["first", "again"]


def test_who_confirms_with_a_signature_may_ask_for_one(sns, topic, receiver, path):
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url(path))
    invitation = json.loads(receiver.wait(path)[0]["body"])
    link = f"{invitation['SubscribeURL']}&AuthenticateOnUnsubscribe=true"
    assert fetch(link).status == 403
    arguments = {"TopicArn": topic, "Token": invitation["Token"], "AuthenticateOnUnsubscribe": "true"}
    arn = sns.confirm_subscription(**arguments)["SubscriptionArn"]
    assert sns.confirm_subscription(**arguments)["SubscriptionArn"] == arn
    sns.publish(TopicArn=topic, Message="m")
    refusal = fetch(notified(receiver, path)[0]["UnsubscribeURL"])
    assert refusal.status == 403 and b"<Code>AuthorizationError</Code>" in refusal.body
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["ConfirmationWasAuthenticated"] == "true"
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    refused("InvalidParameter", sns.unsubscribe, SubscriptionArn=topic)


def test_tokens_are_not_guessed(sns, topic, receiver, path):
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url(path))
    invitation = json.loads(receiver.wait(path)[0]["body"])
    other = sns.create_topic(Name=unique("topic"))["TopicArn"]
    for arn, token in [(topic, "0" * 64), (other, invitation["Token"])]:
        message = refused("InvalidParameter", sns.confirm_subscription, TopicArn=arn, Token=token)
        assert message == "Invalid parameter: Token"
    refused("NotFound", sns.confirm_subscription, TopicArn=NOWHERE, Token=invitation["Token"])


def test_subscribing_again_asks_again(sns, topic, receiver, path):
    arguments = {"TopicArn": topic, "Protocol": "http", "Endpoint": receiver.url(path)}
    first = sns.subscribe(**arguments, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert first.startswith(f"{topic}:")
    receiver.wait(path)
    assert sns.subscribe(**arguments, ReturnSubscriptionArn=True)["SubscriptionArn"] == first
    tokens = {json.loads(request["body"])["Token"] for request in receiver.wait(path, count=2)}
    (token,) = tokens
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == first
    assert sns.subscribe(**arguments)["SubscriptionArn"] == first
    message = refused("InvalidParameter", sns.subscribe, **arguments, Attributes={"RawMessageDelivery": "true"})
    assert message == "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"


def test_what_cannot_be_subscribed_is_refused(sns, topic):
    def refusal(protocol, endpoint, code="InvalidParameter", to=topic):
        return refused(code, sns.subscribe, TopicArn=to, Protocol=protocol, Endpoint=endpoint)

    with strict.tolerating("NotImplemented"):
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        assert refusal("lambda", function, "NotImplemented") == "Subscriptions by lambda are not built yet."
        refusal("https", "https://user:password@example.com/", "NotImplemented")
    unknown = "Invalid parameter: Amazon SNS does not support this protocol string: pigeon"
    assert refusal("pigeon", "coop") == unknown
    differs = "Invalid parameter: Endpoint must match the specified protocol"
    assert refusal("https", "http://example.com/") == differs
    assert "no [smtp]" in refusal("email", "somebody@example.com")
    assert refusal("http", "http://example.com/", "NotFound", NOWHERE) == "Topic does not exist"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_lists_of_subscriptions(aws, receiver):
    sns = aws.in_region("eu-central-1").sns
    topics = [sns.create_topic(Name=unique("listed"))["TopicArn"] for _ in range(2)]
    for number in range(101):
        sns.subscribe(TopicArn=topics[0], Protocol="http", Endpoint=receiver.url(f"/listed/{number}"))
    sns.subscribe(TopicArn=topics[1], Protocol="http", Endpoint=receiver.url("/listed"))
    pages = list(sns.get_paginator("list_subscriptions").paginate())
    assert [len(page["Subscriptions"]) for page in pages] == [100, 2]
    pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topics[0]))
    listed = {it["Endpoint"] for page in pages for it in page["Subscriptions"]}
    assert listed == {receiver.url(f"/listed/{number}") for number in range(101)}
    assert refused("InvalidParameter", sns.list_subscriptions, NextToken="x") == "Invalid parameter: NextToken"
    nowhere = NOWHERE.replace(REGION, "eu-central-1")
    assert refused("NotFound", sns.list_subscriptions_by_topic, TopicArn=nowhere) == "Topic does not exist"
    # Its subscriptions go with a topic; a new one of the same name has none.
    sns.delete_topic(TopicArn=topics[0])
    sns.create_topic(Name=topics[0].rpartition(":")[2])
    assert sns.list_subscriptions_by_topic(TopicArn=topics[0])["Subscriptions"] == []
    until(lambda: len(sns.list_subscriptions()["Subscriptions"]) == 1, SECONDS, "the subscriptions to be gone")


def test_attributes_of_subscriptions(sns, topic, receiver, path):
    arn = subscribed(sns, receiver, topic, path)

    def shown():
        return sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]

    def set_attribute(name, value):
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)

    first = shown()
    expected = {
        "SubscriptionArn": arn,
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "Protocol": "http",
        "Endpoint": receiver.url(path),
        "PendingConfirmation": "false",
        "RawMessageDelivery": "false",
    }
    assert {name: first[name] for name in expected} == expected
    set_attribute("RawMessageDelivery", "true")
    set_attribute("FilterPolicyScope", "MessageBody")
    set_attribute("FilterPolicy", '{"a": {"b": ["c"]}}')
    set_attribute("DeliveryPolicy", AT_ONCE)
    changed = shown()
    assert (changed["RawMessageDelivery"], changed["FilterPolicyScope"]) == ("true", "MessageBody")
    assert json.loads(changed["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numNoDelayRetries"] == 3
    arguments = {"SubscriptionArn": arn}
    for name, value, message in [
        ("FilterPolicyScope", "x", "FilterPolicyScope: Invalid value [x]. Please use either MessageBody or"),
        ("FilterPolicyScope", "MessageAttributes", "FilterPolicy: Filter policy scope MessageAttributes does not"),
        ("FilterPolicy", '{"a": "b"}', 'FilterPolicy: "a" must be an object or an array\n at [Source: (String)'),
        ("RawMessageDelivery", "maybe", "RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        ("DeliveryPolicy", '{"healthyRetryPolicy": {"numRetries": 1000}}', "DeliveryPolicy: numRetries must be"),
        ("Colour", "red", "AttributeName"),
    ]:
        arguments |= {"AttributeName": name, "AttributeValue": value}
        refusal = refused("InvalidParameter", sns.set_subscription_attributes, **arguments)
        assert refusal.startswith(f"Invalid parameter: {message}")
    arguments |= {"AttributeName": "RedrivePolicy", "AttributeValue": "{}"}
    refused("InvalidParameter", sns.set_subscription_attributes, **arguments)
    assert shown() == changed
    arguments = {"SubscriptionArn": NO_SUBSCRIPTION, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    refused("NotFound", sns.set_subscription_attributes, **arguments)


def test_a_filter_policy_lets_through_what_it_matches(sns, topic, receiver, path):
    body = f"{path}/body"
    subscribed(sns, receiver, topic, path, FilterPolicy='{"state": ["FAILED", {"prefix": "STOP"}]}')
    scope = {"FilterPolicyScope": "MessageBody", "FilterPolicy": '{"detail": {"state": ["FAILED"]}}'}
    subscribed(sns, receiver, topic, body, **scope)
    for state in ("SUCCEEDED", "FAILED", "STOPPED"):
        attribute = {"DataType": "String", "StringValue": state}
        message = json.dumps({"detail": {"state": state}})
        sns.publish(TopicArn=topic, Message=message, MessageAttributes={"state": attribute})
    sns.publish(TopicArn=topic, Message="no attributes, no JSON")
    states = [json.loads(message["Message"])["detail"]["state"] for message in notified(receiver, path, 2)]
    assert sorted(states) == ["FAILED", "STOPPED"]
    # What comes last was published last, so nothing is still under way.
    last = {"DataType": "String", "StringValue": "FAILED"}
    sns.publish(TopicArn=topic, Message='{"detail": {"state": "FAILED"}}', MessageAttributes={"state": last})
    assert len(notified(receiver, path, 3)) == 3
    assert len(notified(receiver, body, 2)) == 2


def test_raw_messages_are_the_message_alone(sns, topic, receiver, path):
    policy = {"requestPolicy": {"headerContentType": "application/json"}}
    more = {"RawMessageDelivery": "true", "DeliveryPolicy": json.dumps(policy)}
    subscribed(sns, receiver, topic, path, **more)
    sns.publish(TopicArn=topic, Message='{"plain": true}', Subject="unseen")
    (request,) = receiver.wait(path, "Notification")
    assert request["body"] == '{"plain": true}'
    assert request["headers"]["x-amz-sns-rawdelivery"] == "true"
    assert request["headers"]["content-type"] == "application/json"


def test_each_protocol_has_its_message(sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    message = json.dumps({"default": "for all", "http": "for http", "email": "for mail"})
    sns.publish(TopicArn=topic, Message=message, MessageStructure="json")
    assert notified(receiver, path)[0]["Message"] == "for http"


def test_over_tls(sns, topic, endpoint):
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=f"{endpoint.url}/sns")
    (request,) = until(lambda: endpoint.requests, SECONDS, "the confirmation")
    token = json.loads(request["body"])["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token)
    sns.publish(TopicArn=topic, Message="secret")
    until(lambda: len(endpoint.requests) == 2, SECONDS, "the notification")
    assert json.loads(endpoint.requests[1]["body"])["Message"] == "secret"


def test_what_fails_for_now_is_tried_again(sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path, DeliveryPolicy=AT_ONCE)
    receiver.answers[path] = [(503, {}), (429, {}), (500, {})]
    sns.publish(TopicArn=topic, Message="m")
    requests = receiver.wait(path, "Notification", 4)
    assert len({request["headers"]["x-amz-sns-message-id"] for request in requests}) == 1
    assert len({request["body"] for request in requests}) == 1


def test_what_cannot_get_better_is_not_tried_again_and_no_redirect_is_followed(server, sns, topic, receiver, path):
    elsewhere = f"{path}/elsewhere"
    arn = subscribed(sns, receiver, topic, path, DeliveryPolicy=AT_ONCE)
    receiver.answers[path] = [(404, {}), (307, {"Location": receiver.url(elsewhere)})]
    for number in range(2):
        sns.publish(TopicArn=topic, Message="m")
        line = rf'{arn}".*"attempts":1,.*the endpoint answered {[404, 307][number]}'
        until(lambda line=line: re.search(line, server.log.read_text()), SECONDS, "the failure to be logged")
    sns.publish(TopicArn=topic, Message="last")
    receiver.wait(path, "Notification", 3)
    assert len(receiver.at(path, "Notification")) == 3
    assert receiver.at(elsewhere) == []


def test_the_server_sends_nothing_to_itself_nor_to_clouds_metadata(server, sns, topic):
    metadata = "http://169.254.169.254/latest/meta-data/"
    for endpoint in (f"{server.url}/?Action=ListTopics", f"http://localhost:{server.port}/", metadata):
        arguments = {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint, "ReturnSubscriptionArn": True}
        arn = sns.subscribe(**arguments)["SubscriptionArn"]
        line = f"{arn}.*no messages are sent to"
        until(lambda line=line: re.search(line, server.log.read_text()), SECONDS, "the refusal to be logged")


def test_what_cannot_be_published_is_refused(sns, topic):
    def refusal(code="InvalidParameter", **arguments):
        return refused(code, sns.publish, **{"TopicArn": topic, "Message": "m", **arguments})

    assert refusal(Message="") == "Invalid parameter: Empty message"
    assert refusal(Message="x" * 262_145) == "Invalid parameter: Message too long"
    assert refusal(Subject="x" * 101) == "Invalid parameter: Subject"
    assert refusal(Message="{}", MessageStructure="json") == (
        "Invalid parameter: Message Structure - No default entry in JSON message body"
    )
    attribute = {"a": {"DataType": "Binary", "StringValue": "x"}}
    assert refusal("ParameterValueInvalid", MessageAttributes=attribute) == (
        "The message attribute 'a' with type 'Binary' must use field 'Binary'."
    )
    assert refusal("NotFound", TopicArn=NOWHERE) == "Topic does not exist"
    message = refused("InvalidParameter", sns.publish, Message="m")
    assert message == "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
    with strict.tolerating("NotImplemented"):
        refused("NotImplemented", sns.publish, PhoneNumber="+15550100", Message="m")


def test_batches(sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    entries = [{"Id": "a", "Message": "one"}, {"Id": "b", "Message": ""}, {"Id": "c", "Message": "two"}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("b", "InvalidParameter", True)
    ids = {entry["Id"]: entry["MessageId"] for entry in answer["Successful"]}
    received = {message["MessageId"]: message["Message"] for message in notified(receiver, path, 2)}
    assert received == {ids["a"]: "one", ids["c"]: "two"}

    def refusal(code, *entries):
        refused(code, sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=list(entries))

    refusal("EmptyBatchRequest")
    refusal("TooManyEntriesInBatchRequest", *({"Id": str(number), "Message": "m"} for number in range(11)))
    refusal("BatchEntryIdsNotDistinct", entries[0], entries[0])
    refusal("InvalidBatchEntryId", {"Id": "a b", "Message": "m"})
    refusal("BatchRequestTooLong", *({"Id": str(number), "Message": "x" * 200_000} for number in range(2)))


def test_policies_decide_who_may_publish(aws, sns, topic):
    name, credentials = create_user(aws)
    user = aws.acting_as(credentials).sns
    message = refused("AuthorizationError", user.publish, TopicArn=topic, Message="m")
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: SNS:Publish on resource: {topic} "
        "because no identity-based policy allows the SNS:Publish action"
    )
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "SNS:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    assert user.publish(TopicArn=topic, Message="m")["MessageId"]
    assert user.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "m"}])["Successful"]
    refused("AuthorizationError", user.subscribe, TopicArn=topic, Protocol="http", Endpoint="http://example.com/")
    _, credentials = create_user(aws, allow("sns:Publish", on=NOWHERE))
    refused("AuthorizationError", aws.acting_as(credentials).sns.publish, TopicArn=topic, Message="m")


def test_a_rule_of_eventbridge_publishes_where_the_topic_admits_it(aws, sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    source, rule = unique("source"), unique("rule")
    aws.events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"
    condition = {"ArnEquals": {"aws:SourceArn": arn}}
    principal = {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    transformer = {"InputPathsMap": {"what": "$.detail.what"}, "InputTemplate": '"It was <what>."'}
    targets = [{"Id": "whole", "Arn": topic}, {"Id": "words", "Arn": topic, "InputTransformer": transformer}]
    assert aws.events.put_targets(Rule=rule, Targets=targets)["FailedEntryCount"] == 0
    entry = {"Source": source, "DetailType": "t", "Detail": '{"what": "red"}'}
    aws.events.put_events(Entries=[entry])
    messages = [message["Message"] for message in notified(receiver, path, 2)]
    words = '"It was red."'
    assert words in messages
    messages.remove(words)
    assert json.loads(messages[0])["detail"] == {"what": "red"}


def test_a_rule_of_eventbridge_publishes_as_its_role(aws, sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    source, rule = unique("source"), unique("rule")
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("sns:Publish", on=topic))
    aws.events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    aws.events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": topic, "RoleArn": role, "InputPath": "$.detail"}])
    aws.events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"what": "blue"}'}])
    assert notified(receiver, path)[0]["Message"] == '{"what":"blue"}'


def test_the_aws_cli_publishes(cli, sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    attribute = '{"kind": {"DataType": "String", "StringValue": "cli"}}'
    answer = cli.json("sns", "publish", "--topic-arn", topic, "--message", "m", "--message-attributes", attribute)
    (message,) = notified(receiver, path)
    assert message["MessageId"] == answer["MessageId"]
    assert message["MessageAttributes"]["kind"]["Value"] == "cli"


def test_audit_records_hide_tokens_and_leave_messages_to_trails(aws, sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    sns.publish(TopicArn=topic, Message="between us", Subject="secret")

    def records(name):
        lookup = [{"AttributeKey": "EventName", "AttributeValue": name}]
        events = aws.cloudtrail.lookup_events(LookupAttributes=lookup)["Events"]
        details = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in events]
        return [detail for detail in details if detail.get("topicArn") == topic]

    (confirmed,) = until(lambda: records("ConfirmSubscription"), SECONDS, "the record of ConfirmSubscription")
    assert confirmed["token"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert records("Publish") == []


def test_no_secret_lies_open(server, sns, topic, receiver, path):
    subscribed(sns, receiver, topic, path)
    token = json.loads(receiver.wait(path)[0]["body"])["Token"]
    assert server.files_with(token) == []
    assert server.files_with("PRIVATE KEY") == []
    assert fetch(f"{server.url}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem").status == 404


def test_a_message_that_was_acknowledged_survives_a_kill(start, receiver, path):
    server = start()
    sns = Aws(server.url, server.administrator).sns
    topic = sns.create_topic(Name="durable")["TopicArn"]
    delays = {"healthyRetryPolicy": {"numRetries": 20, "minDelayTarget": 1, "maxDelayTarget": 1}}
    subscribed(sns, receiver, topic, path, DeliveryPolicy=json.dumps(delays))
    receiver.answers[path] = [(503, {})] * 1_000
    ids = {sns.publish(TopicArn=topic, Message=str(number))["MessageId"] for number in range(20)}
    server.kill()
    receiver.answers[path] = []
    before = len(receiver.at(path, "Notification"))
    server.start()

    def delivered():
        later = receiver.at(path, "Notification")[before:]
        return {request["headers"]["x-amz-sns-message-id"] for request in later} == ids

    until(delivered, 90, "all messages to be delivered after the crash")


@pytest.fixture(scope="module")
def mail_server():
    mail_server = MailServer()
    yield mail_server
    mail_server.close()


@pytest.fixture(scope="module")
def mailing(mail_server, tmp_path_factory):
    """SNS of a server that sends e-mail."""
    folder = tmp_path_factory.mktemp("mail")
    config = folder / "stagewright.toml"
    address = f'host = "127.0.0.1"\nport = {mail_server.port}\n'
    config.write_text(f'[smtp]\n{address}tls = "none"\nfrom = "ci@example.com"\n')
    server = Server(folder / "server", "--config", config).start()
    yield Aws(server.url, server.administrator).sns
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


def mails(mail_server, address, count):
    """The e-mails for an address, once there are so many."""

    def probe():
        found = [mail for recipients, mail in mail_server.mails if recipients == [address]]
        return found if len(found) >= count else None

    return until(probe, SECONDS, f"{count} e-mails for {address}")


def text(mail):
    return mail.get_content().replace("\r\n", "\n")


def link(mail, action):
    """The one link of an e-mail that does `action`."""
    (found,) = re.findall(rf"http://\S+Action={action}\S+", text(mail))
    return found


def test_a_subscriber_by_mail(mailing, mail_server):
    topic = mailing.create_topic(Name="mail", Attributes={"DisplayName": "Builds"})["TopicArn"]
    address = "somebody@example.com"
    arguments = {"TopicArn": topic, "Protocol": "email"}
    message = refused("InvalidParameter", mailing.subscribe, **arguments, Endpoint="nobody")
    assert message == "Invalid parameter: Email address"
    mailing.subscribe(**arguments, Endpoint=address)
    (invitation,) = mails(mail_server, address, 1)
    assert invitation["Subject"] == "AWS Notification - Subscription Confirmation"
    assert invitation["From"] == "Builds <ci@example.com>"
    assert fetch(link(invitation, "ConfirmSubscription")).status == 200
    mailing.publish(TopicArn=topic, Message="Grüße\nfrom the build", Subject="It works")
    notification = mails(mail_server, address, 2)[1]
    assert notification["Subject"] == "It works"
    assert text(notification).startswith("Grüße\nfrom the build\n\n--\n")
    assert fetch(link(notification, "Unsubscribe")).status == 200
    farewell = mails(mail_server, address, 3)[2]
    assert fetch(link(farewell, "ConfirmSubscription")).status == 200
    mailing.publish(TopicArn=topic, Message="back again")
    assert text(mails(mail_server, address, 4)[3]).startswith("back again\n")


def test_json_by_mail(mailing, mail_server, tmp_path):
    topic = mailing.create_topic(Name="mail-json")["TopicArn"]
    address = "robot@example.com"
    mailing.subscribe(TopicArn=topic, Protocol="email-json", Endpoint=address)
    invitation = json.loads(text(mails(mail_server, address, 1)[0]))
    mailing.confirm_subscription(TopicArn=topic, Token=invitation["Token"])
    mailing.publish(TopicArn=topic, Message="m")
    mail = mails(mail_server, address, 2)[1]
    assert mail["Subject"] == "AWS Notification Message"
    assert is_genuine(json.loads(text(mail)), tmp_path)


def test_what_the_mail_server_refuses_is_not_sent_again(mailing, mail_server):
    topic = mailing.create_topic(Name="mail-refused")["TopicArn"]
    address = "gone@example.com"
    mailing.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    (invitation,) = mails(mail_server, address, 1)
    fetch(link(invitation, "ConfirmSubscription"))
    mail_server.refusals.append("550 no such mailbox")
    mailing.publish(TopicArn=topic, Message="lost")
    until(lambda: not mail_server.refusals, SECONDS, "the refusal")
    mailing.publish(TopicArn=topic, Message="next")
    assert text(mails(mail_server, address, 2)[1]).startswith("next\n")
