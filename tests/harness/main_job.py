"""The main job: the example application pushed by git through Source, Build, Test, Approval and Deploy.

What it stands on (roles, buckets, repository, projects, pipeline) is made of the documents in
`examples/hello-web/aws`, the same that `scripts/demo` shows.
"""

import json
import shutil

from .eventually import until
from .identities import unique
from .server import ACCOUNT, REGION, REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "hello-web"
STAGES = ["Source", "Build", "Test", "Approval", "Deploy"]
OVER = {"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"}
RUN_SECONDS = 180


class MainJob:
    """All resources of one pipeline, each named after `name`, and a clone of the repository in `folder`."""

    def __init__(self, aws, folder):
        self.aws = aws
        self.name = unique("hello")
        self.pipeline = self.repository = self.name
        self.artifacts = f"{self.name}-artifacts"
        self.site = f"{self.name}-site"
        self.clone = folder / self.name
        self.clone_url = None

    def document(self, name):
        """A document of the example's `aws` folder with its names filled in, parsed."""
        text = (EXAMPLE / "aws" / name).read_text()
        names = {
            "PIPELINE": self.pipeline,
            "REPOSITORY": self.repository,
            "ACCOUNT": ACCOUNT,
            "REGION": REGION,
            "ARTIFACTS": self.artifacts,
            "SITE": self.site,
        }
        for placeholder, value in names.items():
            text = text.replace(f"@{placeholder}@", value)
        return json.loads(text)

    def create(self):
        """Creates everything but the pipeline, and lays the example into the clone."""
        for role, service in (("pipeline", "codepipeline"), ("build", "codebuild")):
            self.aws.iam.create_role(
                RoleName=f"{self.name}-{role}",
                AssumeRolePolicyDocument=json.dumps(self.document(f"trust-{service}.json")),
            )
            self.aws.iam.put_role_policy(
                RoleName=f"{self.name}-{role}",
                PolicyName="permissions",
                PolicyDocument=json.dumps(self.document(f"{role}-role.json")),
            )
        for bucket in (self.artifacts, self.site):
            self.aws.s3.create_bucket(Bucket=bucket)
        for project in ("build", "test"):
            self.aws.codebuild.create_project(**self.document(f"{project}-project.json"))
        repository = self.aws.codecommit.create_repository(repositoryName=self.repository)
        self.clone_url = repository["repositoryMetadata"]["cloneUrlHttp"]
        shutil.copytree(EXAMPLE, self.clone, ignore=shutil.ignore_patterns("__pycache__"))

    def create_pipeline(self):
        """Creates the pipeline, which starts its first execution. Answers that execution's id."""
        self.aws.codepipeline.create_pipeline(pipeline=self.document("pipeline.json"))
        (first,) = until(self.executions, 10, "the first execution")
        return first["pipelineExecutionId"]

    def write(self, path, text):
        """Writes a file of the application, to be pushed."""
        (self.clone / path).write_text(text)

    def push(self, git, message):
        """Commits what was written and pushes it to main, with `git`. Answers the commit's id."""
        commit = git.commit_folder(self.clone, message)
        git.run("push", "--quiet", self.clone_url, "main", folder=self.clone)
        return commit

    def executions(self):
        """The summaries of all executions, newest first."""
        pages = self.aws.codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=self.pipeline)
        return [summary for page in pages for summary in page["pipelineExecutionSummaries"]]

    def execution_of(self, commit):
        """The id of the execution that a push of `commit` started."""

        def probe():
            for summary in self.executions():
                if commit in [revision.get("revisionId") for revision in summary.get("sourceRevisions", [])]:
                    return summary["pipelineExecutionId"]
            return None

        return until(probe, 30, f"an execution of commit {commit}")

    def status(self, execution):
        answer = self.aws.codepipeline.get_pipeline_execution(pipelineName=self.pipeline, pipelineExecutionId=execution)
        return answer["pipelineExecution"]["status"]

    def actions(self, execution):
        """The details of all action executions of an execution, in the order in which they started."""
        pages = self.aws.codepipeline.get_paginator("list_action_executions").paginate(
            pipelineName=self.pipeline, filter={"pipelineExecutionId": execution}
        )
        newest_first = [detail for page in pages for detail in page["actionExecutionDetails"]]
        return newest_first[::-1]

    def action(self, execution, name):
        """The details of the one execution of the action of that name."""
        (action,) = [action for action in self.actions(execution) if action["actionName"] == name]
        return action

    def approval_token(self, execution):
        """The token of the approval that waits in this execution; None if none does."""
        state = self.aws.codepipeline.get_pipeline_state(name=self.pipeline)
        (stage,) = [stage for stage in state["stageStates"] if stage["stageName"] == "Approval"]
        if stage.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            return None
        latest = stage["actionStates"][0].get("latestExecution", {})
        return latest.get("token") if latest.get("status") == "InProgress" else None

    def answer_approval(self, token, status="Approved", by=None):
        """Answers the approval, as `by` or the creator."""
        (by or self.aws).codepipeline.put_approval_result(
            pipelineName=self.pipeline,
            stageName="Approval",
            actionName="Approve",
            token=token,
            result={"summary": "seen", "status": status},
        )

    def wait_for_approval(self, execution):
        """The token of the approval once it waits. Fails if the execution is over before."""

        def probe():
            token = self.approval_token(execution)
            assert token or self.status(execution) not in OVER, self.story(execution)
            return token

        return until(probe, RUN_SECONDS, "the approval to wait")

    def wait_until_over(self, execution):
        """The final status of the execution."""

        def probe():
            status = self.status(execution)
            return status if status in OVER else None

        return until(probe, RUN_SECONDS, f"execution {execution} to be over")

    def story(self, execution):
        """What happened in an execution, for the message of a failed test."""
        lines = [f"execution {execution}: {self.status(execution)}"]
        for action in self.actions(execution):
            result = action.get("output", {}).get("executionResult", {})
            lines.append(f"  {action['stageName']}/{action['actionName']}: {action['status']} {result}")
        return "\n".join(lines)

    def deployed(self, path):
        """The text of a deployed file."""
        return self.aws.s3.get_object(Bucket=self.site, Key=path)["Body"].read().decode()
