"""EventBridge operation by operation: buses, rules, targets, permissions, tags, patterns, PutEvents."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.identities import allow, create_role, create_user, trust, unique
from harness.server import ACCOUNT, REGION

ARN = f"arn:aws:events:{REGION}:{ACCOUNT}"
PATTERN = json.dumps({"source": ["tests"]})


@pytest.fixture(scope="module")
def events(aws):
    return aws.events


@pytest.fixture
def bus(events):
    """The name of a bus of its own."""
    name = unique("bus")
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def rule(events):
    """The name of a rule of the default bus."""
    name = unique("rule")
    events.put_rule(Name=name, EventPattern=PATTERN)
    return name


def refused(code, message=None):
    """`with refused(code, part of the message)`: the call is refused so."""
    return pytest.raises(ClientError, match=rf"(?s)\({code}\).*{message or ''}")


def bus_target(name, identifier="1", **more):
    """A target that needs no role: another bus."""
    return {"Id": identifier, "Arn": f"{ARN}:event-bus/{name}", **more}


# Buses


def test_a_bus_is_made_described_changed_and_deleted(events):
    name = unique("bus")
    answer = events.create_event_bus(Name=name, Description="first", Tags=[{"Key": "team", "Value": "a"}])
    assert answer["EventBusArn"] == f"{ARN}:event-bus/{name}" and answer["Description"] == "first"
    with refused("ResourceAlreadyExistsException", f"Event bus {name} already exists."):
        events.create_event_bus(Name=name)
    events.update_event_bus(Name=name, Description="second")
    described = events.describe_event_bus(Name=name)
    assert described["Description"] == "second" and described["Arn"] == answer["EventBusArn"]
    assert "Policy" not in described
    assert events.describe_event_bus(Name=described["Arn"])["Name"] == name
    listed = events.list_event_buses(NamePrefix=name)["EventBuses"]
    assert [bus["Name"] for bus in listed] == [name]
    events.delete_event_bus(Name=name)
    events.delete_event_bus(Name=name)
    with refused("ResourceNotFoundException", f"Event bus {name} does not exist."):
        events.describe_event_bus(Name=name)
    with refused("ResourceNotFoundException"):
        events.update_event_bus(Name=name, Description="third")


def test_the_default_bus_is_always_there(events):
    assert events.describe_event_bus()["Name"] == "default"
    assert events.list_event_buses(NamePrefix="def")["EventBuses"][0]["Arn"] == f"{ARN}:event-bus/default"
    with refused("ValidationException", "Cannot delete event bus default."):
        events.delete_event_bus(Name="default")


def test_buses_come_in_pages(events):
    prefix = unique("paged")
    names = [f"{prefix}-{number}" for number in range(3)]
    for name in names:
        events.create_event_bus(Name=name)
    first = events.list_event_buses(NamePrefix=prefix, Limit=2)
    second = events.list_event_buses(NamePrefix=prefix, Limit=2, NextToken=first["NextToken"])
    assert [bus["Name"] for bus in first["EventBuses"] + second["EventBuses"]] == names
    assert "NextToken" not in second
    with refused("ValidationException", "NextToken"):
        events.list_event_buses(NextToken="made-up")


def test_what_a_bus_cannot_have(events):
    with refused("ValidationException", "must not contain '/'"):
        events.create_event_bus(Name="aws.partner/x")
    for queue in ("dead.fifo", "somewhere/else"):
        dead = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}
        with refused("ValidationException", "DeadLetterConfig must name a standard queue"):
            events.create_event_bus(Name=unique("bus"), DeadLetterConfig=dead)
    with refused("NotImplemented", "Customer managed keys"):
        events.create_event_bus(Name=unique("bus"), KmsKeyIdentifier="alias/mine")


def test_the_queue_of_a_bus_is_shown_and_changed(events):
    name = unique("bus")
    queues = [{"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"} for queue in ("one", "two")]
    assert events.create_event_bus(Name=name, DeadLetterConfig=queues[0])["DeadLetterConfig"] == queues[0]
    assert events.update_event_bus(Name=name, Description="other")["DeadLetterConfig"] == queues[0]
    assert events.update_event_bus(Name=name, DeadLetterConfig=queues[1])["DeadLetterConfig"] == queues[1]
    assert events.describe_event_bus(Name=name)["DeadLetterConfig"] == queues[1]
    assert "DeadLetterConfig" not in events.update_event_bus(Name=name, DeadLetterConfig={})
    assert "DeadLetterConfig" not in events.describe_event_bus(Name=name)


def test_permissions_of_a_bus(events, bus):
    grant = {"EventBusName": bus, "Action": "events:PutEvents"}
    events.put_permission(**grant, StatementId="other", Principal="999999999999")
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    events.put_permission(**grant, StatementId="org", Principal="*", Condition=condition)
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "other",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": "events:PutEvents",
            "Resource": f"{ARN}:event-bus/{bus}",
        },
        {
            "Sid": "org",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": f"{ARN}:event-bus/{bus}",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
        },
    ]
    events.remove_permission(EventBusName=bus, StatementId="other")
    with refused("ResourceNotFoundException", "Statement with the provided id does not exist."):
        events.remove_permission(EventBusName=bus, StatementId="other")
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=bus)
    with refused("PolicyLengthExceededException"):
        long = {"Sid": "x" * 10_240, **policy["Statement"][0]}
        events.put_permission(EventBusName=bus, Policy=json.dumps({"Statement": [{**long, "Sid": "x" * 10_240}]}))
    with refused("ValidationException", "Policy"):
        events.put_permission(EventBusName=bus, Policy='{"Statement": [{}]}')
    unreadable = {**policy["Statement"][0], "Condition": {"StringEqualz": {"aws:SourceAccount": ACCOUNT}}}
    with refused("ValidationException", "Policy"):
        events.put_permission(EventBusName=bus, Policy=json.dumps({"Statement": [unreadable]}))
    with refused("ValidationException", "Principal must be"):
        events.put_permission(**grant, StatementId="x", Principal="999999999999", Condition=condition)


# Rules


def test_a_rule_is_made_described_replaced_and_deleted(events, bus):
    name = unique("rule")
    answer = events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN, Description="first")
    assert answer["RuleArn"] == f"{ARN}:rule/{bus}/{name}"
    events.put_targets(Rule=name, EventBusName=bus, Targets=[bus_target("default")])
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": ["other"]}), State="DISABLED")
    rule = events.describe_rule(Name=name, EventBusName=bus)
    del rule["ResponseMetadata"]
    assert rule == {
        "Name": name,
        "Arn": answer["RuleArn"],
        "EventPattern": '{"source": ["other"]}',
        "State": "DISABLED",
        "EventBusName": bus,
        "CreatedBy": ACCOUNT,
    }
    assert len(events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]) == 1
    with refused("ValidationException", "Rule can't be deleted since it has targets."):
        events.delete_rule(Name=name, EventBusName=bus)
    with refused("ValidationException", "since it has rules"):
        events.delete_event_bus(Name=bus)
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["1"])
    events.delete_rule(Name=name, EventBusName=bus)
    events.delete_rule(Name=name, EventBusName=bus)
    with refused("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}."):
        events.describe_rule(Name=name, EventBusName=bus)
    with refused("ResourceNotFoundException", "Event bus nowhere does not exist."):
        events.delete_rule(Name=name, EventBusName="nowhere")


def test_what_is_no_rule(events, bus):
    name = unique("rule")
    with refused("ValidationException", r"Parameter\(s\) EventPattern or ScheduleExpression must be specified."):
        events.put_rule(Name=name)
    with refused("ValidationException", "Parameter ScheduleExpression is not valid."):
        events.put_rule(Name=name, ScheduleExpression="rate(1 minutes)")
    with refused("ValidationException", "ScheduleExpression is supported only on the default event bus."):
        events.put_rule(Name=name, EventBusName=bus, ScheduleExpression="rate(1 minute)")
    with refused("ResourceNotFoundException", "Event bus nowhere does not exist."):
        events.put_rule(Name=name, EventBusName="nowhere", EventPattern=PATTERN)
    with refused("InvalidEventPatternException") as refusal:
        events.put_rule(Name=name, EventPattern='{"source": "aws.s3"}')
    assert refusal.value.response["Error"]["Message"] == (
        'Event pattern is not valid. Reason: "source" must be an object or an array\n'
        ' at [Source: (String)"{"source": "aws.s3"}"; line: 1, column: 13]'
    )
    with refused("ResourceNotFoundException"):
        events.describe_rule(Name=name)


def test_rules_are_enabled_and_disabled(events, rule):
    events.disable_rule(Name=rule)
    assert events.describe_rule(Name=rule)["State"] == "DISABLED"
    events.enable_rule(Name=rule)
    assert events.describe_rule(Name=rule)["State"] == "ENABLED"
    for change in (events.enable_rule, events.disable_rule):
        with refused("ResourceNotFoundException", "Rule nothing does not exist on EventBus default."):
            change(Name="nothing")


def test_rules_are_listed_by_name(events, bus):
    for name in ("b", "a1", "a2"):
        events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)
    pages = events.get_paginator("list_rules").paginate(EventBusName=bus, PaginationConfig={"PageSize": 1})
    assert [rule["Name"] for page in pages for rule in page["Rules"]] == ["a1", "a2", "b"]
    assert [rule["Name"] for rule in events.list_rules(EventBusName=bus, NamePrefix="a")["Rules"]] == ["a1", "a2"]
    with refused("ResourceNotFoundException"):
        events.list_rules(EventBusName="nowhere")


def test_rules_are_found_by_their_target(events, bus):
    other = unique("bus")
    for name in ("x", "y", "z"):
        events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)
    for name in ("x", "z"):
        events.put_targets(Rule=name, EventBusName=bus, Targets=[bus_target(other)])
    asked = {"TargetArn": f"{ARN}:event-bus/{other}", "EventBusName": bus}
    assert events.list_rule_names_by_target(**asked)["RuleNames"] == ["x", "z"]
    first = events.list_rule_names_by_target(**asked, Limit=1)
    assert first["RuleNames"] == ["x"]
    assert events.list_rule_names_by_target(**asked, NextToken=first["NextToken"])["RuleNames"] == ["z"]
    with refused("ResourceNotFoundException"):
        events.list_rule_names_by_target(TargetArn="arn", EventBusName="nowhere")


# Targets


def test_targets_come_back_as_they_were_put(events, rule):
    transformer = {"InputPathsMap": {"id": "$.id"}, "InputTemplate": '{"id": <id>}'}
    targets = [
        bus_target("a", "1", Input='{"a": 1}', RetryPolicy={"MaximumRetryAttempts": 3}),
        bus_target("b", "2", InputPath="$.detail"),
        bus_target("c", "3", InputTransformer=transformer),
    ]
    answer = events.put_targets(Rule=rule, Targets=targets[::-1])
    assert answer["FailedEntryCount"] == 0 and answer["FailedEntries"] == []
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == targets
    first = events.list_targets_by_rule(Rule=rule, Limit=2)
    assert first["Targets"] == targets[:2]
    assert events.list_targets_by_rule(Rule=rule, NextToken=first["NextToken"])["Targets"] == targets[2:]
    replacement = bus_target("d", "2")
    events.put_targets(Rule=rule, Targets=[replacement])
    assert events.list_targets_by_rule(Rule=rule)["Targets"][1] == replacement
    removed = events.remove_targets(Rule=rule, Ids=["1", "9"])
    assert [entry["TargetId"] for entry in removed["FailedEntries"]] == ["9"]
    assert [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]] == ["2", "3"]
    for call in (
        lambda: events.put_targets(Rule="nothing", Targets=[replacement]),
        lambda: events.remove_targets(Rule="nothing", Ids=["1"]),
        lambda: events.list_targets_by_rule(Rule="nothing"),
    ):
        with refused("ResourceNotFoundException", "Rule nothing does not exist on EventBus default."):
            call()


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"Arn": "nonsense"}, "ValidationException", "Provided Arn is not in correct format."),
        ({"InputPath": "$.a", "Input": "{}"}, "ValidationException", "Only one of Input, InputPath, or InputTransf"),
        ({"InputPath": "a"}, "ValidationException", "Invalid InputPath for target 1."),
        ({"Input": "{"}, "ValidationException", "JSON syntax error in input for target 1"),
        (
            {"InputTransformer": {"InputTemplate": '"<x>"'}},
            "ValidationException",
            "InputTemplate for target 1 contains invalid placeholder x.",
        ),
        (
            {"Arn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:p"},
            "ValidationException",
            "RoleArn is required for target",
        ),
        ({"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}, "NotImplemented", "function:f are not built yet"),
        (
            {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q.fifo"}},
            "ValidationException",
            "must name a standard queue",
        ),
        (
            {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q.fifo"},
            "ValidationException",
            r"Parameter\(s\) SqsParameters must be specified for target: 1.",
        ),
        ({"SqsParameters": {"MessageGroupId": "g"}}, "ValidationException", r"Parameter\(s\) SqsParameters not valid"),
    ],
)
def test_what_is_no_target(events, rule, change, code, message):
    with refused(code, message):
        events.put_targets(
            Rule=rule, Targets=[bus_target("a", **change) if "Arn" not in change else {"Id": "1", **change}]
        )
    assert events.list_targets_by_rule(Rule=rule)["Targets"] == []


def test_a_rule_has_five_targets_at_most(events, rule):
    with refused("LimitExceededException", "The requested resource exceeds the maximum number allowed."):
        events.put_targets(Rule=rule, Targets=[bus_target("a", str(number)) for number in range(6)])


def test_a_role_is_handed_over_only_by_who_may(aws, rule):
    role = create_role(aws, trust(Service="events.amazonaws.com"))
    target = {"Id": "1", "Arn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:p", "RoleArn": role}
    _, without = create_user(aws, allow("events:*"))
    with refused("AccessDeniedException", f"iam:PassRole on resource: {role}"):
        aws.acting_as(without).events.put_targets(Rule=rule, Targets=[target])
    condition = {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}}
    _, allowed = create_user(aws, allow("events:PutTargets"), allow("iam:PassRole", condition=condition))
    aws.acting_as(allowed).events.put_targets(Rule=rule, Targets=[target])


def test_policies_name_rules_and_buses(aws, bus):
    on = [f"{ARN}:rule/{bus}/mine-*", f"{ARN}:event-bus/{bus}"]
    only = {"StringEquals": {"events:source": "tests"}}
    _, credentials = create_user(
        aws, allow("events:PutRule", on=on[0]), allow("events:PutEvents", on=on[1], condition=only)
    )
    events = aws.acting_as(credentials).events
    events.put_rule(Name="mine-1", EventBusName=bus, EventPattern=PATTERN)
    with refused("AccessDeniedException", f"events:PutRule on resource: {ARN}:rule/{bus}/other"):
        events.put_rule(Name="other", EventBusName=bus, EventPattern=PATTERN)
    entry = {"Source": "tests", "DetailType": "t", "Detail": "{}", "EventBusName": bus}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with refused("AccessDeniedException", "events:PutEvents"):
        events.put_events(Entries=[entry, {**entry, "Source": "other"}])


# Tags


def test_tags(events, bus, rule):
    for arn in (f"{ARN}:event-bus/{bus}", f"{ARN}:rule/{rule}"):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        events.untag_resource(ResourceARN=arn, TagKeys=["a", "c"])
        assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    missing = f"{ARN}:rule/nothing"
    for call in (
        lambda: events.tag_resource(ResourceARN=missing, Tags=[{"Key": "a", "Value": "1"}]),
        lambda: events.untag_resource(ResourceARN=missing, TagKeys=["a"]),
        lambda: events.list_tags_for_resource(ResourceARN=missing),
    ):
        with refused("ResourceNotFoundException", "Rule nothing does not exist on EventBus default."):
            call()


# Events


def test_patterns_are_tried_out(events):
    event = json.dumps({"source": "tests", "detail": {"size": 7}})
    pattern = json.dumps({"detail": {"size": [{"numeric": [">", 5]}]}})
    assert events.test_event_pattern(EventPattern=pattern, Event=event)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["x"]}', Event=event)["Result"] is False
    with refused("InvalidEventPatternException", "Empty objects are not allowed"):
        events.test_event_pattern(EventPattern="{}", Event=event)
    with refused("ValidationException", "Parameter Event is not valid."):
        events.test_event_pattern(EventPattern=pattern, Event="[]")


def test_each_entry_is_judged_by_itself(events):
    good = {"Source": "tests", "DetailType": "t", "Detail": "{}"}
    without = [{name: value for name, value in good.items() if name != gone} for gone in good]
    entries = [
        good,
        *without,
        {**good, "Detail": "[]"},
        {**good, "Source": "aws.s3"},
        {**good, "EventBusName": "nowhere"},
    ]
    answer = events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 5
    seen = [(entry.get("ErrorCode"), entry.get("ErrorMessage")) for entry in answer["Entries"]]
    required = "Parameter {0} is not valid. Reason: {0} is a required argument."
    assert seen == [
        (None, None),
        *[("InvalidArgument", required.format(name)) for name in good],
        ("MalformedDetail", "Detail is malformed."),
        ("NotAuthorizedForSourceException", "Not authorized for the source."),
        (None, None),
    ]
    assert all(("EventId" in entry) == ("ErrorCode" not in entry) for entry in answer["Entries"])


def test_calls_that_are_too_large(events):
    entry = {"Source": "tests", "DetailType": "t", "Detail": "{}"}
    with refused("ValidationException", "Member must have length less than or equal to 10"):
        events.put_events(Entries=[entry] * 11)
    large = {**entry, "Detail": json.dumps({"text": "x" * 600_000})}
    with refused("ValidationException", "Total size of the entries in the request is over the limit."):
        events.put_events(Entries=[large, large])
