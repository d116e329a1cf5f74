"""Archives keep the events of a bus; replays put them on it once more: in order, for chosen rules, through a crash."""

import datetime
import json

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.refusal import refused
from harness.server import ACCOUNT, REGION

SECONDS = 30
ARN = f"arn:aws:events:{REGION}:{ACCOUNT}"
# Log groups take what is some days old.
FIRST = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(days=2)


@pytest.fixture(scope="module")
def events(aws):
    return aws.events


@pytest.fixture(scope="module")
def role(aws):
    """A role with which rules write into log groups."""
    permissions = allow("logs:CreateLogStream", "logs:PutLogEvents")
    return create_role(aws, trust(Service="events.amazonaws.com"), permissions)


class Bus:
    """A bus with an archive."""

    def __init__(self, events):
        self.events = events
        self.name = unique("archived")
        self.arn = events.create_event_bus(Name=self.name)["EventBusArn"]
        self.archive = self.name

    def keep(self, **settings):
        """Makes the archive."""
        return self.events.create_archive(ArchiveName=self.archive, EventSourceArn=self.arn, **settings)

    def put(self, *numbers, source="mine"):
        """Puts an event for each number, that many minutes after FIRST."""
        for start in range(0, len(numbers), 10):
            entries = [self.entry(number, source) for number in numbers[start : start + 10]]
            answer = self.events.put_events(Entries=entries)
            assert answer["FailedEntryCount"] == 0
        return answer["Entries"][-1]["EventId"]

    def entry(self, number, source):
        return {
            "Source": source,
            "DetailType": "t",
            "Detail": json.dumps({"number": number}),
            "Time": FIRST + datetime.timedelta(minutes=number),
            "EventBusName": self.name,
            # Of one resource, so that their order is kept.
            "Resources": ["arn:aws:x:::one"],
        }

    def holds(self, count):
        """Waits until the archive holds so many events; answers its description."""

        def probe():
            described = self.events.describe_archive(ArchiveName=self.archive)
            return described if described["EventCount"] == count else None

        return until(probe, SECONDS, f"{count} events in {self.archive}")

    def replay(self, name, start=0, end=1_000, rules=None):
        """Starts a replay of the events between two numbers, the second one excluded."""
        destination = {"Arn": self.arn}
        if rules:
            destination["FilterArns"] = rules
        return self.events.start_replay(
            ReplayName=name,
            EventSourceArn=f"{ARN}:archive/{self.archive}",
            EventStartTime=FIRST + datetime.timedelta(minutes=start),
            EventEndTime=FIRST + datetime.timedelta(minutes=end),
            Destination=destination,
        )

    def replayed(self, name, state="COMPLETED"):
        """Waits for the end of a replay; answers its description."""

        def probe():
            described = self.events.describe_replay(ReplayName=name)
            return described if described["State"] == state else None

        return until(probe, SECONDS, f"replay {name} to be {state}")


class Rule:
    """A rule that writes what matches into a log group of its own."""

    def __init__(self, aws, role, bus, pattern=None):
        self.aws = aws
        self.name = unique("rule")
        self.group = f"/aws/events/{self.name}"
        aws.logs.create_log_group(logGroupName=self.group)
        pattern = json.dumps(pattern or {"source": [{"prefix": ""}]})
        self.arn = aws.events.put_rule(Name=self.name, EventBusName=bus.name, EventPattern=pattern)["RuleArn"]
        target = {"Id": "logs", "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.group}", "RoleArn": role}
        answer = aws.events.put_targets(Rule=self.name, EventBusName=bus.name, Targets=[target])
        assert answer["FailedEntryCount"] == 0

    def events(self):
        """What came, in the order in which it did."""
        pages = self.aws.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group)
        found = [event for page in pages for event in page["events"]]
        return [json.loads(event["message"]) for event in sorted(found, key=lambda event: event["ingestionTime"])]

    def got(self, count):
        """Waits until so many events came."""
        return until(lambda: self.events() if len(self.events()) >= count else None, SECONDS, f"{count} events")


@pytest.fixture
def bus(events):
    return Bus(events)


def numbers(found):
    return [event["detail"]["number"] for event in found]


def test_an_archive_is_made_described_changed_and_deleted(events, bus):
    pattern = json.dumps({"source": ["mine"]})
    made = bus.keep(Description="of mine", EventPattern=pattern, RetentionDays=3)
    arn = f"{ARN}:archive/{bus.archive}"
    assert (made["ArchiveArn"], made["State"]) == (arn, "ENABLED")
    described = events.describe_archive(ArchiveName=bus.archive)
    expected = {
        "ArchiveArn": arn,
        "ArchiveName": bus.archive,
        "EventSourceArn": bus.arn,
        "Description": "of mine",
        "EventPattern": pattern,
        "State": "ENABLED",
        "RetentionDays": 3,
        "SizeBytes": 0,
        "EventCount": 0,
    }
    assert {name: described.get(name) for name in expected} == expected
    rule = events.describe_rule(Name=f"Events-Archive-{bus.archive}", EventBusName=bus.name)
    assert json.loads(rule["EventPattern"]) == {"source": ["mine"], "replay-name": [{"exists": False}]}
    assert rule["ManagedBy"] == "prod.vhs.events.aws.internal"
    message = refused("ManagedRuleException", events.disable_rule, Name=rule["Name"], EventBusName=bus.name)
    assert rule["Name"] in message
    events.update_archive(ArchiveName=bus.archive, RetentionDays=0, EventPattern='{"source": ["other"]}')
    described = events.describe_archive(ArchiveName=bus.archive)
    assert (described["RetentionDays"], described["Description"]) == (0, "of mine")
    bus.put(1)
    bus.put(2, source="other")
    bus.holds(1)
    events.delete_archive(ArchiveName=bus.archive)
    message = refused("ResourceNotFoundException", events.describe_archive, ArchiveName=bus.archive)
    assert message == f"Archive {bus.archive} does not exist."
    refused("ResourceNotFoundException", events.describe_rule, Name=rule["Name"], EventBusName=bus.name)
    bus.keep()
    assert bus.holds(0), "an archive of the same name is another one"


def test_what_is_no_archive(aws, events, bus):
    bus.keep()
    assert refused("ResourceAlreadyExistsException", bus.keep) == f"Archive {bus.archive} already exists."
    create = events.create_archive
    call = {"ArchiveName": "another", "EventSourceArn": bus.arn}
    message = refused("ResourceNotFoundException", create, **{**call, "EventSourceArn": f"{ARN}:event-bus/none"})
    assert message == "Event bus none does not exist."
    refused("InvalidEventPatternException", create, **call, EventPattern='{"source": "x"}')
    unchecked = aws.unchecked("events")
    refused("ValidationException", unchecked.create_archive, **call, RetentionDays=-1)
    refused("NotImplemented", create, **call, KmsKeyIdentifier="alias/k")
    update = events.update_archive
    message = refused("ValidationException", update, ArchiveName=bus.archive)
    assert message == "At least one of EventPattern, RetentionDays or Description must be provided."
    refused("InvalidEventPatternException", update, ArchiveName=bus.archive, EventPattern="{")
    for operation in [events.delete_archive, events.describe_archive]:
        refused("ResourceNotFoundException", operation, ArchiveName="another")
    refused("ResourceNotFoundException", update, ArchiveName="another", RetentionDays=1)


def test_archives_are_listed_by_name_bus_and_state(events):
    prefix = unique("listed")
    buses = [Bus(events) for _ in range(3)]
    for number, bus in enumerate(buses):
        bus.archive = f"{prefix}-{number}"
        bus.keep(RetentionDays=number)
    page = events.list_archives(NamePrefix=prefix, Limit=2)
    assert [archive["ArchiveName"] for archive in page["Archives"]] == [f"{prefix}-0", f"{prefix}-1"]
    rest = events.list_archives(NamePrefix=prefix, Limit=2, NextToken=page["NextToken"])
    assert [archive["RetentionDays"] for archive in rest["Archives"]] == [2] and "NextToken" not in rest
    (of_bus,) = events.list_archives(EventSourceArn=buses[1].arn)["Archives"]
    assert of_bus["ArchiveName"] == f"{prefix}-1" and of_bus["EventCount"] == 0
    assert events.list_archives(State="DISABLED")["Archives"] == []
    assert refused("ValidationException", events.list_archives, NamePrefix=prefix, State="ENABLED").startswith(
        "At most one filter is allowed for ListArchives."
    )
    refused("ValidationException", events.list_archives, NextToken="forged")


def test_events_come_again_in_order_with_the_name_of_the_replay(aws, role, events, bus):
    rule = Rule(aws, role, bus)
    bus.keep(EventPattern='{"source": ["mine"]}')
    # They are replayed by their own time, not as they came.
    bus.put(3, 1, 2, 5, 4)
    bus.put(9, source="other")
    described = bus.holds(5)
    assert described["SizeBytes"] > 5 * 100
    live = rule.got(6)
    name = unique("replay")
    started = bus.replay(name, start=2, end=5)
    assert (started["ReplayArn"], started["State"]) == (f"{ARN}:replay/{name}", "STARTING")
    described = bus.replayed(name)
    assert described["EventLastReplayedTime"] == FIRST + datetime.timedelta(minutes=4)
    assert described["ReplayEndTime"] >= described["ReplayStartTime"]
    assert described["EventSourceArn"] == f"{ARN}:archive/{bus.archive}" and described["Destination"]["Arn"] == bus.arn
    replayed = rule.got(9)[6:]
    assert numbers(replayed) == [2, 3, 4]
    assert {event["replay-name"] for event in replayed} == {name}
    for event in replayed:
        (before,) = [one for one in live if one["id"] == event["id"]]
        assert before == {key: value for key, value in event.items() if key != "replay-name"}
    assert list(replayed[0]).index("replay-name") == list(replayed[0]).index("region") + 1
    assert bus.holds(5), "what was replayed is not archived again"


def test_a_replay_is_for_chosen_rules(aws, role, events, bus):
    chosen, other = Rule(aws, role, bus), Rule(aws, role, bus)
    marked = Rule(aws, role, bus, {"replay-name": [{"exists": True}]})
    bus.keep()
    bus.put(1, 2)
    bus.holds(2)
    bus.replay(unique("replay"), rules=[chosen.arn, marked.arn])
    assert numbers(chosen.got(4)) == [1, 2, 1, 2]
    assert numbers(marked.got(2)) == [1, 2]
    # A live event that comes after the replay shows that nothing of it is still under way.
    bus.put(7)
    assert numbers(other.got(3)) == [1, 2, 7]


def test_what_is_no_replay(events, bus):
    bus.keep()
    stranger = Bus(events)
    arn = f"{ARN}:archive/{bus.archive}"
    call = {
        "ReplayName": unique("replay"),
        "EventSourceArn": arn,
        "EventStartTime": FIRST,
        "EventEndTime": FIRST + datetime.timedelta(minutes=1),
        "Destination": {"Arn": bus.arn},
    }
    for change, message in [
        (
            {"Destination": {"Arn": stranger.arn}},
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay",
        ),
        (
            {"Destination": {"Arn": "arn:aws:x:::y"}},
            "Parameter Destination.Arn is not valid. Reason: Must contain an event",
        ),
        (
            {"Destination": {"Arn": bus.arn, "FilterArns": [f"{ARN}:rule/r"]}},
            "Parameter Destination.FilterArns is not valid.",
        ),
        ({"EventEndTime": FIRST}, "Parameter EventEndTime is not valid. Reason: EventStartTime must be before"),
        (
            {"EventSourceArn": arn + "x"},
            f"Parameter EventSourceArn is not valid. Reason: Archive {bus.archive}x does not",
        ),
    ]:
        assert refused("ValidationException", events.start_replay, **{**call, **change}).startswith(message)
    events.start_replay(**call)
    message = refused("ResourceAlreadyExistsException", events.start_replay, **call)
    assert message == f"Replay {call['ReplayName']} already exists."
    assert (
        refused("ResourceNotFoundException", events.describe_replay, ReplayName="none") == "Replay none does not exist."
    )
    refused("ResourceNotFoundException", events.cancel_replay, ReplayName="none")
    bus.replayed(call["ReplayName"])
    message = refused("IllegalStatusException", events.cancel_replay, ReplayName=call["ReplayName"])
    assert message == f"Replay {call['ReplayName']} is not in a valid state for this operation."


def test_replays_are_listed(events, bus):
    bus.keep()
    prefix = unique("replays")
    for number in range(3):
        bus.replay(f"{prefix}-{number}")
    page = events.list_replays(NamePrefix=prefix, Limit=2)
    assert [replay["ReplayName"] for replay in page["Replays"]] == [f"{prefix}-0", f"{prefix}-1"]
    rest = events.list_replays(NamePrefix=prefix, Limit=2, NextToken=page["NextToken"])
    assert [replay["ReplayName"] for replay in rest["Replays"]] == [f"{prefix}-2"]
    of_archive = events.list_replays(EventSourceArn=f"{ARN}:archive/{bus.archive}")["Replays"]
    assert len(of_archive) == 3
    assert events.list_replays(State="FAILED")["Replays"] == []
    refused("ValidationException", events.list_replays, NamePrefix=prefix, State="FAILED")


def test_a_replay_is_cancelled(aws, role, events, bus):
    rule = Rule(aws, role, bus, {"replay-name": [{"exists": True}]})
    bus.keep()
    bus.put(*range(500))
    bus.holds(500)
    name = unique("replay")
    bus.replay(name)
    cancelled = events.cancel_replay(ReplayName=name)
    assert (cancelled["ReplayArn"], cancelled["State"]) == (f"{ARN}:replay/{name}", "CANCELLING")
    described = bus.replayed(name, "CANCELLED")
    assert "ReplayEndTime" in described
    assert len(rule.events()) < 500


def test_a_replay_of_a_deleted_archive_fails(aws, events, bus):
    bus.keep()
    bus.put(*range(300))
    bus.holds(300)
    name = unique("replay")
    bus.replay(name)
    events.delete_archive(ArchiveName=bus.archive)
    described = bus.replayed(name, "FAILED")
    assert described["StateReason"] == f"Archive {bus.archive} does not exist."


def test_nothing_is_lost_or_replayed_twice_over_a_crash(server, aws, role, events, bus):
    rule = Rule(aws, role, bus, {"replay-name": [{"exists": True}]})
    bus.keep()
    bus.put(*range(400))
    server.kill()
    server.start()
    bus.holds(400)
    name = unique("replay")
    bus.replay(name)
    until(lambda: events.describe_replay(ReplayName=name)["State"] == "RUNNING", SECONDS, "the replay to run")
    server.kill()
    server.start()
    # A claim is taken over when its lease has ended.
    until(lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED", 90, "the replay to go on")
    found = until(lambda: rule.events() if len(rule.events()) >= 400 else None, 120, "400 events")
    assert sorted(set(numbers(found))) == list(range(400))
    kept = [event for event in aws.events.list_replays(NamePrefix=name)["Replays"]]
    assert kept[0]["EventLastReplayedTime"] == FIRST + datetime.timedelta(minutes=399)


def test_archives_and_replays_are_for_who_may(aws, events, bus):
    _, credentials = create_user(aws, allow("events:CreateArchive", on=f"{ARN}:archive/*"))
    limited = aws.acting_as(credentials).events
    message = refused("AccessDeniedException", limited.create_archive, ArchiveName=bus.archive, EventSourceArn=bus.arn)
    assert bus.arn in message, "the bus is asked for, too"
    bus.keep()
    message = refused(
        "AccessDeniedException",
        limited.start_replay,
        ReplayName="r",
        EventSourceArn=f"{ARN}:archive/{bus.archive}",
        EventStartTime=FIRST,
        EventEndTime=FIRST + datetime.timedelta(minutes=1),
        Destination={"Arn": bus.arn},
    )
    assert f"{ARN}:replay/r" in message
