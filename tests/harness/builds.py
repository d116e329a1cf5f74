"""Projects and builds of CodeBuild: starting them, waiting for them, and what they left to read."""

import json

from .eventually import until
from .identities import allow, create_role, trust, unique

BUILD_SECONDS = 120


class Builds:
    """Builds of one server, by a role that may write logs and use one bucket."""

    def __init__(self, aws, image, *statements):
        self.aws = aws
        self.image = image
        self.bucket = unique("builds")
        aws.s3.create_bucket(Bucket=self.bucket)
        self.role = create_role(
            aws,
            trust(Service="codebuild.amazonaws.com"),
            allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
            allow("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", on=f"arn:aws:s3:::{self.bucket}/*"),
            *statements,
        )

    def create(self, buildspec, environment=None, **settings):
        """Creates a project without source and artifacts unless `settings` say otherwise; answers its name."""
        name = unique("project")
        text = buildspec if isinstance(buildspec, str) else json.dumps(buildspec)
        arguments = {
            "name": name,
            "source": {"type": "NO_SOURCE", "buildspec": text},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": self.image,
                "computeType": "BUILD_GENERAL1_SMALL",
                **(environment or {}),
            },
            "serviceRole": self.role,
            **settings,
        }
        self.aws.codebuild.create_project(**arguments)
        return name

    def start(self, project, **overrides):
        return self.aws.codebuild.start_build(projectName=project, **overrides)["build"]["id"]

    def run(self, buildspec, **settings):
        """A build of a new project, once it is over."""
        return self.over(self.start(self.create(buildspec, **settings)))

    def look(self, build):
        (now,) = self.aws.codebuild.batch_get_builds(ids=[build])["builds"]
        return now

    def over(self, build, within=BUILD_SECONDS):
        """The build once it is over."""

        def probe():
            now = self.look(build)
            return now if now["buildComplete"] else None

        return until(probe, within, f"build {build} to be over")

    def log(self, build):
        """What a build has printed by now; nothing if it came to no log."""
        place = {"logGroupName": build["logs"].get("groupName"), "logStreamName": build["logs"].get("streamName")}
        if not all(place.values()):
            return ""
        pages, token = [], {}
        while True:
            page = self.aws.logs.get_log_events(**place, startFromHead=True, **token)
            pages += [event["message"] for event in page["events"]]
            if token == {"nextToken": page["nextForwardToken"]}:
                return "".join(pages)
            token = {"nextToken": page["nextForwardToken"]}

    def says(self, build, text):
        """Waits until a running build has printed a text."""
        until(lambda: text in self.log(self.look(build)), BUILD_SECONDS, f"build {build} to print {text!r}")


def phases(*commands, **named):
    """A buildspec: commands of BUILD, or of phases by name."""
    named = {"build": list(commands), **named} if commands else named
    listed = {name: body if isinstance(body, dict) else {"commands": body} for name, body in named.items()}
    return {"version": 0.2, "phases": listed}


def phase(build, name):
    (found,) = [phase for phase in build["phases"] if phase["phaseType"] == name]
    return found


def context(build, name):
    """Status, code and message of a phase."""
    found = phase(build, name)
    (told,) = found.get("contexts") or [{}]
    return found["phaseStatus"], told.get("statusCode", ""), told.get("message", "")
