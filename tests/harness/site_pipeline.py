"""A pipeline that publishes a site: an object in S3, its deployment, and a person who confirms it."""

import io
import zipfile

from harness.eventually import until
from harness.identities import allow, create_role, trust, unique

SECONDS = 60


def place(aws, *permissions):
    """A role and buckets that pipelines of a file of tests share."""
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*", *permissions))
    names = {kind: unique(f"site-{kind}") for kind in ("source", "artifacts", "site")}
    for name in names.values():
        aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=names["source"], VersioningConfiguration={"Status": "Enabled"})
    return {"role": role, **names}


def action(name, category, provider, configuration, **more):
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


class SitePipeline:
    """Source → Deploy (Ship, then Confirm) → Done. `deploy` and `done` are further members of those stages."""

    def __init__(self, aws, place, deploy=None, done=None):
        self.aws, self.place = aws, place
        self.client = aws.codepipeline
        self.name = unique("site")
        self.key = f"{self.name}.zip"
        self.deploy, self.done = deploy or {}, done or {}

    def declaration(self, **changes):
        source = {"S3Bucket": self.place["source"], "S3ObjectKey": self.key, "PollForSourceChanges": "false"}
        site = {"BucketName": self.place["site"], "Extract": "true", "ObjectKey": self.name}
        ship = action("Ship", "Deploy", "S3", site, inputArtifacts=[{"name": "App"}])
        confirm = action("Confirm", "Approval", "Manual", {"CustomData": "#{Source.VersionId}"}, runOrder=2)
        stages = [
            {
                "name": "Source",
                "actions": [
                    action("Take", "Source", "S3", source, outputArtifacts=[{"name": "App"}], namespace="Source")
                ],
            },
            {"name": "Deploy", "actions": [ship, confirm], **self.deploy},
            {"name": "Done", "actions": [action("Look", "Approval", "Manual", {})], **self.done},
        ]
        return {
            "name": self.name,
            "roleArn": self.place["role"],
            "artifactStore": {"type": "S3", "location": self.place["artifacts"]},
            "stages": stages,
            "pipelineType": "V2",
            **changes,
        }

    def put_source(self, text):
        """Answers the new version's id."""
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("index.html", text)
        return self.aws.s3.put_object(Bucket=self.place["source"], Key=self.key, Body=body.getvalue())["VersionId"]

    def create(self, **changes):
        """Answers the id of the first execution."""
        self.client.create_pipeline(pipeline=self.declaration(**changes))
        (first,) = self.executions()
        return first["pipelineExecutionId"]

    def start(self, **more):
        return self.client.start_pipeline_execution(name=self.name, **more)["pipelineExecutionId"]

    def site(self):
        page = self.aws.s3.get_object(Bucket=self.place["site"], Key=f"{self.name}/index.html")
        return page["Body"].read().decode()

    def executions(self, **more):
        return self.client.list_pipeline_executions(pipelineName=self.name, **more)["pipelineExecutionSummaries"]

    def execution(self, id):
        answer = self.client.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=id)
        return answer["pipelineExecution"]

    def wait(self, id, status):
        """The execution, once it has that status."""

        def probe():
            execution = self.execution(id)
            return execution if execution["status"] == status else None

        return until(probe, SECONDS, f"{id} of {self.name} to be {status}")

    def stage(self, name):
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        (stage,) = [stage for stage in stages if stage["stageName"] == name]
        return stage

    def wait_stage(self, name, id, status):
        """The stage, once this execution is the latest in it and has that status."""

        def probe():
            stage = self.stage(name)
            latest = stage.get("latestExecution", {})
            return stage if (latest.get("pipelineExecutionId"), latest.get("status")) == (id, status) else None

        return until(probe, SECONDS, f"{name} of {self.name} to be {status} in {id}")

    def token(self, id, stage="Deploy", action="Confirm", after=None):
        """The token of an approval that this execution waits for; `after`: not this one."""

        def probe():
            state = self.stage(stage)
            if state.get("latestExecution", {}).get("pipelineExecutionId") != id:
                return None
            (ask,) = [known for known in state["actionStates"] if known["actionName"] == action]
            token = ask.get("latestExecution", {}).get("token")
            return token if token != after else None

        return until(probe, SECONDS, f"{action} of {self.name} to be asked in {id}")

    def answer(self, id, status="Approved", stage="Deploy", action="Confirm", after=None):
        """Decides an approval of this execution; answers its token."""
        token = self.token(id, stage, action, after)
        self.client.put_approval_result(
            pipelineName=self.name,
            stageName=stage,
            actionName=action,
            result={"summary": "said so", "status": status},
            token=token,
        )
        return token

    def finish(self, id):
        """Confirms and ends an execution."""
        self.answer(id)
        self.answer(id, stage="Done", action="Look")
        return self.wait(id, "Succeeded")
