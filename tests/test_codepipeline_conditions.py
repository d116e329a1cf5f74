"""Conditions of stages: what is checked before a stage, after its success and after its failure, and what follows."""

import pytest
from botocore.exceptions import ClientError

from harness.eventually import until
from harness.server import ACCOUNT
from harness.site_pipeline import SECONDS, SitePipeline
from harness.site_pipeline import place as make_place

NOBODY = "00000000-0000-4000-8000-000000000000"
# Open in one year, long after all of this.
FAR = {"Cron": "0 0 0 1 1 ? 2199", "TimeZone": "Europe/Berlin"}
VARIABLES = [{"name": "good", "defaultValue": "yes"}]


@pytest.fixture(scope="module")
def place(aws):
    return make_place(aws)


def refused(code, call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value.response["Error"]["Message"]


def condition(result, provider="VariableCheck", configuration=None, **rule):
    """A condition of one rule; if nothing else is said, that the variable `good` is `yes`."""
    configuration = configuration or {"Variable": "#{variables.good}", "Operator": "EQ", "Value": "yes"}
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    declared = {"name": "Check", "ruleTypeId": kind, "configuration": configuration, **rule}
    return {"conditions": [{"result": result, "rules": [declared]}]}


def checked(aws, place, **deploy):
    """A pipeline with conditions at its stage Deploy, and something to publish."""
    pipeline = SitePipeline(aws, place, deploy=deploy)
    pipeline.put_source("one")
    return pipeline


def bad(pipeline):
    """Starts an execution with which the check fails."""
    return pipeline.start(variables=[{"name": "good", "value": "no"}])


def state_of(stage, slot):
    """Status of a condition and the last execution of its rule."""
    state = stage[f"{slot}ConditionState"]
    (only,) = state["conditionStates"]
    (rule,) = only["ruleStates"]
    assert rule["ruleName"] == "Check"
    assert only["latestExecution"]["status"] == state["latestExecution"]["status"]
    return state["latestExecution"]["status"], rule["latestExecution"]


def override(pipeline, id, kind="BEFORE_ENTRY"):
    return {
        "pipelineName": pipeline.name,
        "stageName": "Deploy",
        "pipelineExecutionId": id,
        "conditionType": kind,
    }


def test_a_stage_is_skipped(aws, place):
    pipeline = checked(aws, place, beforeEntry=condition("SKIP"))
    pipeline.finish(pipeline.create(variables=VARIABLES))
    status, rule = state_of(pipeline.stage("Deploy"), "beforeEntry")
    assert (status, rule["status"]) == ("Succeeded", "Succeeded")
    id = bad(pipeline)
    pipeline.answer(id, stage="Done", action="Look")
    pipeline.wait(id, "Succeeded")
    stage = pipeline.wait_stage("Deploy", id, "Skipped")
    status, rule = state_of(stage, "beforeEntry")
    assert (status, rule["status"]) == ("Failed", "Failed")
    assert rule["errorDetails"]["message"] == "The value 'no' does not satisfy EQ 'yes'"
    # An execution that skipped the stage is nothing to go back to.
    deploy = {"pipelineName": pipeline.name, "stageName": "Deploy"}
    refused("UnableToRollbackStageException", aws.codepipeline.rollback_stage, **deploy, targetPipelineExecutionId=id)
    refused("ConditionNotOverridableException", aws.codepipeline.override_stage_condition, **override(pipeline, id))


def test_a_window_that_is_shut_is_waited_for_and_overridden(aws, place):
    pipeline = checked(aws, place, beforeEntry=condition("FAIL", "DeploymentWindow", FAR))
    client = aws.codepipeline
    id = pipeline.create()

    def waiting():
        stage = pipeline.stage("Deploy")
        if "latestExecution" not in stage.get("beforeEntryConditionState", {}):
            return None
        status, rule = state_of(stage, "beforeEntry")
        return rule if (status, "summary" in rule) == ("InProgress", True) else None

    rule = until(waiting, SECONDS, "the rule to wait for its window")
    assert rule["summary"] == "Waiting for the deployment window, which opens at 2198-12-31T23:00:00Z"
    assert pipeline.stage("Deploy")["latestExecution"]["status"] == "InProgress"
    client.override_stage_condition(**override(pipeline, id))
    pipeline.finish(id)
    status, rule = state_of(pipeline.stage("Deploy"), "beforeEntry")
    assert (status, rule["status"]) == ("Overridden", "Abandoned")
    assert rule["lastUpdatedBy"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    refused("ConditionNotOverridableException", client.override_stage_condition, **override(pipeline, id))
    elsewhere = {**override(pipeline, id), "stageName": "Elsewhere"}
    refused("StageNotFoundException", client.override_stage_condition, **elsewhere)
    # It can be stopped as well.
    again = pipeline.start()
    until(lambda: pipeline.stage("Deploy")["latestExecution"]["pipelineExecutionId"] == again, SECONDS, "it to enter")
    client.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=again)
    pipeline.wait(again, "Stopped")
    assert state_of(pipeline.stage("Deploy"), "beforeEntry")[0] == "Cancelled"


def test_an_entry_that_failed_is_overridden(aws, place):
    pipeline = checked(aws, place, beforeEntry=condition("FAIL"))
    client = aws.codepipeline
    pipeline.finish(pipeline.create(variables=VARIABLES))
    id = bad(pipeline)
    pipeline.wait(id, "Failed")
    listed = client.list_rule_executions(pipelineName=pipeline.name)["ruleExecutionDetails"]
    assert [detail["status"] for detail in listed] == ["Failed", "Succeeded"]
    newest = listed[0]
    assert (newest["stageName"], newest["ruleName"], newest["pipelineExecutionId"]) == ("Deploy", "Check", id)
    assert newest["input"]["ruleTypeId"]["provider"] == "VariableCheck"
    assert newest["input"]["configuration"]["Variable"] == "#{variables.good}"
    assert newest["input"]["resolvedConfiguration"]["Variable"] == "no"
    assert newest["output"]["executionResult"]["errorDetails"]["code"] == "JobFailed"
    latest = {"latestInPipelineExecution": {"pipelineExecutionId": id, "startTimeRange": "All"}}
    only = client.list_rule_executions(pipelineName=pipeline.name, filter=latest)["ruleExecutionDetails"]
    assert [detail["ruleExecutionId"] for detail in only] == [newest["ruleExecutionId"]]
    pages = client.list_rule_executions(pipelineName=pipeline.name, maxResults=1)
    assert pages["ruleExecutionDetails"] == listed[:1] and pages["nextToken"]
    unknown = {"pipelineExecutionId": NOBODY}
    refused(
        "PipelineExecutionNotFoundException", client.list_rule_executions, pipelineName=pipeline.name, filter=unknown
    )
    client.override_stage_condition(**override(pipeline, id))
    assert pipeline.execution(id)["status"] == "InProgress"
    pipeline.finish(id)


def test_a_success_that_is_none_goes_back(aws, place):
    pipeline = checked(aws, place, onSuccess=condition("ROLLBACK"))
    one = pipeline.create(variables=VARIABLES)
    pipeline.finish(one)
    pipeline.put_source("two")
    two = bad(pipeline)
    pipeline.answer(two)
    pipeline.wait(two, "Failed")
    rollback = pipeline.executions()[0]
    assert rollback["trigger"]["triggerType"] == "AutomatedRollback"
    assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": one}
    pipeline.answer(rollback["pipelineExecutionId"])
    pipeline.wait(rollback["pipelineExecutionId"], "Succeeded")
    assert pipeline.site() == "one"
    # Once a later execution has entered the stage, the earlier one stays where it is.
    outdated = override(pipeline, two, "ON_SUCCESS")
    refused("NotLatestPipelineExecutionException", aws.codepipeline.override_stage_condition, **outdated)


def test_a_success_that_is_none_is_let_pass(aws, place):
    pipeline = checked(aws, place, onSuccess=condition("FAIL"))
    pipeline.create(variables=VARIABLES)
    id = bad(pipeline)
    first = pipeline.executions()[1]["pipelineExecutionId"]
    pipeline.finish(first)
    pipeline.answer(id)
    pipeline.wait(id, "Failed")
    assert state_of(pipeline.stage("Deploy"), "onSuccess")[0] == "Failed"
    aws.codepipeline.override_stage_condition(**override(pipeline, id, "ON_SUCCESS"))
    pipeline.answer(id, stage="Done", action="Look")
    pipeline.wait(id, "Succeeded")
    assert state_of(pipeline.stage("Deploy"), "onSuccess")[0] == "Overridden"


def test_a_failure_goes_back_only_if_the_check_says_so(aws, place):
    pipeline = checked(aws, place, onFailure=condition("ROLLBACK"))
    pipeline.finish(pipeline.create(variables=VARIABLES))
    id = bad(pipeline)
    pipeline.answer(id, "Rejected")
    pipeline.wait(id, "Failed")
    assert state_of(pipeline.stage("Deploy"), "onFailure")[0] == "Failed"
    assert pipeline.executions()[0]["pipelineExecutionId"] == id
    id = pipeline.start()
    pipeline.answer(id, "Rejected")
    pipeline.wait(id, "Failed")
    rollback = pipeline.executions()[0]
    assert rollback["executionType"] == "ROLLBACK"
    pipeline.answer(rollback["pipelineExecutionId"])


def test_a_rule_whose_service_is_not_here_says_so(aws, place):
    pipeline = checked(aws, place, beforeEntry=condition("FAIL", "LambdaInvoke", {"FunctionName": "decide"}))
    pipeline.wait(pipeline.create(), "Failed")
    status, rule = state_of(pipeline.stage("Deploy"), "beforeEntry")
    assert (status, rule["status"]) == ("Errored", "Failed")
    assert rule["errorDetails"]["message"] == "The rule provider LambdaInvoke is not available here"


def test_rule_types_are_listed(aws):
    listed = aws.codepipeline.list_rule_types()["ruleTypes"]
    assert [kind["id"]["provider"] for kind in listed] == [
        "DeploymentWindow",
        "VariableCheck",
        "CodeBuild",
        "Commands",
        "LambdaInvoke",
        "CloudWatchAlarm",
    ]
    required = {prop["name"] for prop in listed[1]["ruleConfigurationProperties"] if prop["required"]}
    assert required == {"Variable", "Value", "Operator"}
    refused("ValidationException", aws.codepipeline.list_rule_types, ruleOwnerFilter="Nobody")


def test_no_action_here_has_targets(aws, place):
    pipeline = checked(aws, place)
    client = aws.codepipeline
    pipeline.finish(pipeline.create())
    (ship, _) = pipeline.stage("Deploy")["actionStates"]
    id = ship["latestExecution"]["actionExecutionId"]
    listed = client.list_deploy_action_execution_targets(pipelineName=pipeline.name, actionExecutionId=id)
    assert listed["targets"] == []
    assert client.list_deploy_action_execution_targets(actionExecutionId=id)["targets"] == []
    unknown = {"actionExecutionId": NOBODY}
    refused("ActionExecutionNotFoundException", client.list_deploy_action_execution_targets, **unknown)


def test_conditions_that_cannot_be(aws, place):
    def refused_with(slot, declared, **changes):
        declaration = SitePipeline(aws, place).declaration(**changes)
        declaration["stages"][1][slot] = declared
        return refused("InvalidStageDeclarationException", aws.codepipeline.create_pipeline, pipeline=declaration)

    window = condition("SKIP", "DeploymentWindow", {"Cron": "* * * ? * *"})
    message = refused_with("beforeEntry", window)
    assert message == "The result SKIP in stage 'Deploy' can only be used with the rules LambdaInvoke and VariableCheck"
    message = refused_with("onFailure", {**condition("ROLLBACK"), "result": "ROLLBACK"}, variables=VARIABLES)
    assert message.endswith("configured with both top level result and conditions: 'Deploy'")
    message = refused_with("onSuccess", condition("FAIL"), pipelineType="V1")
    assert message == "Stage level conditions can only be used with V2 pipelines."
    refused_with("beforeEntry", condition("ROLLBACK"), variables=VARIABLES)
