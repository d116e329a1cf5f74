"""`stagewright explain event`: why each rule matched or not, and what became of each delivery."""

import json
import os
import subprocess

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.server import ACCOUNT, REGION, binary

ARN = f"arn:aws:events:{REGION}:{ACCOUNT}"


def explain(server, event, *arguments, credentials=None):
    """Runs the command: `(exit code, output, errors)`."""
    who = credentials or server.administrator
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": who.access_key_id,
        "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
    }
    command = [binary(), "explain", "event", event, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def story(aws):
    """An event that one rule wants, whose role was deleted, and that two rules do not want."""
    events = aws.events
    source = unique("source")
    role = unique("role")
    create_role(aws, trust(Service="events.amazonaws.com"), allow("codepipeline:*"), name=role)
    target = {
        "Id": "pipeline",
        "Arn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:nothing",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
    }
    events.put_rule(Name="wants", EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule="wants", Targets=[target])
    pattern = {"source": [source], "detail": {"size": [{"numeric": [">", 5]}]}}
    events.put_rule(Name="larger", EventPattern=json.dumps(pattern))
    events.put_rule(Name="off", EventPattern=json.dumps({"source": [source]}), State="DISABLED")
    aws.iam.delete_role_policy(RoleName=role, PolicyName="permissions")
    aws.iam.delete_role(RoleName=role)
    entry = {"Source": source, "DetailType": "t", "Detail": '{"size": 3}'}
    (answer,) = events.put_events(Entries=[entry])["Entries"]
    return answer["EventId"]


def test_every_rule_is_explained(server, story):
    def explained():
        code, output, errors = explain(server, story, "--endpoint", server.url, "--json")
        if code != 0:
            assert "does not exist" in errors
            return None
        (observation,) = json.loads(output)["Observations"]
        rules = {rule["RuleArn"]: rule for rule in observation["Rules"]}
        (delivery,) = rules[f"{ARN}:rule/wants"]["Deliveries"]
        return None if delivery["Status"] == "PENDING" else rules

    rules = until(explained, 30, "the delivery to end")
    wants = rules[f"{ARN}:rule/wants"]
    assert wants["Matched"] is True
    (delivery,) = wants["Deliveries"]
    assert delivery["Status"] == "FAILED" and delivery["ErrorCode"] == "FAILED_TO_ASSUME_ROLE"
    assert "sts:AssumeRole" in delivery["ErrorMessage"] and delivery["Attempts"] == 1
    larger = rules[f"{ARN}:rule/larger"]
    assert (larger["Matched"], larger["Field"], larger["Seen"]) == (False, "detail.size", ["3"])
    assert larger["Wanted"] == ['{"numeric": [">", 5]}']
    assert rules[f"{ARN}:rule/off"]["Reason"] == "The rule is disabled."


def test_for_a_reader(server, story):
    code, output, _ = explain(server, story, "--endpoint", server.url)
    assert code == 0
    assert f'{ARN}:rule/larger did not match: detail.size is 3; wanted {{"numeric": [">", 5]}}' in output
    assert "FAILED_TO_ASSUME_ROLE: " in output


def test_it_needs_a_permission_on_the_bus(server, aws, story):
    _, without = create_user(aws)
    code, _, errors = explain(server, story, "--endpoint", server.url, credentials=without)
    assert code == 1 and f"events:ExplainEvent on resource: {ARN}:event-bus/default" in errors
    _, allowed = create_user(aws, allow("events:ExplainEvent", on=f"{ARN}:event-bus/default"))
    assert explain(server, story, "--endpoint", server.url, credentials=allowed)[0] == 0


def test_an_event_that_nobody_knows(server):
    unknown = "12345678-1234-4234-8234-123456789012"
    code, _, errors = explain(server, unknown, "--endpoint", server.url)
    assert code == 1 and f"Event {unknown} does not exist." in errors


def test_of_a_data_folder_that_no_server_has_open(server, story):
    server.stop()
    try:
        code, output, errors = explain(server, story, "--data", str(server.data), "--json")
    finally:
        server.start()
    assert code == 0, errors
    assert len(json.loads(output)["Observations"]) == 1
