"""kill -9 of the server at random points of a running pipeline: whatever was acknowledged is still there, and
the pipeline goes on, without running anything twice.
"""

import random
import time

import pytest

from harness.eventually import until
from harness.main_job import OVER, RUN_SECONDS, STAGES, MainJob

ROUNDS = 4
SOAK_ROUNDS = 120


@pytest.fixture(scope="module")
def job(aws, tmp_path_factory):
    job = MainJob(aws, tmp_path_factory.mktemp("clone"))
    job.create()
    return job


class Run:
    """One execution on its way, whose approval is answered once and only once."""

    def __init__(self, job, execution):
        self.job = job
        self.execution = execution
        self.approved = False

    def advance(self):
        """Looks at the execution, answers its approval if that waits. Answers its status once it is over."""
        status = self.job.status(self.execution)
        if status in OVER:
            return status
        if not self.approved:
            token = self.job.approval_token(self.execution)
            if token:
                self.job.answer_approval(token)
                self.approved = True
        else:
            assert self.job.approval_token(self.execution) is None, "an answered approval waits again"
        return None

    def advance_for(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.advance() is None:
            time.sleep(0.02)

    def finish(self):
        return until(self.advance, RUN_SECONDS, f"execution {self.execution} to be over")


@pytest.fixture(scope="module")
def undisturbed_seconds(job, git):
    """How long a run takes when nobody kills the server."""
    job.push(git, "Hello, pipeline")
    began = time.monotonic()
    run = Run(job, job.create_pipeline())
    assert run.finish() == "Succeeded", job.story(run.execution)
    return time.monotonic() - began


@pytest.mark.timeout(3 * 3600)
def test_killed_at_random_points(server, job, git, undisturbed_seconds, soak):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)  # shown by pytest if the test fails
    dice = random.Random(seed)
    for number in range(SOAK_ROUNDS if soak else ROUNDS):
        job.write("pages/index.md", f"# Round {number} of {seed}\n\nBack to [about](about.html).\n")
        commit = job.push(git, f"Round {number}")
        # The push was acknowledged: from here on the server may die at any moment.
        if dice.random() < 0.3:
            kill_and_start(server)
        run = Run(job, job.execution_of(commit))
        for _ in range(dice.randint(1, 3)):
            run.advance_for(dice.uniform(0, undisturbed_seconds))
            kill_and_start(server)
        assert run.finish() == "Succeeded", job.story(run.execution)
        assert_ran_once(job, run.execution)
        assert f"<h1>Round {number} of {seed}</h1>" in job.deployed("index.html")


def kill_and_start(server):
    server.kill()
    server.start()


def assert_ran_once(job, execution):
    """Each stage has one action execution, that succeeded, and each build action has one build."""
    actions = job.actions(execution)
    assert [(action["stageName"], action["status"]) for action in actions] == [(stage, "Succeeded") for stage in STAGES]
    for action in ("BuildSite", "VisitSite"):
        external = job.action(execution, action)["output"]["executionResult"]["externalExecutionId"]
        project = external.partition(":")[0]
        pages = job.aws.codebuild.get_paginator("list_builds_for_project").paginate(projectName=project)
        builds = [build for page in pages for build in page["ids"]]
        assert len(builds) == len(set(builds)) == len(job.executions()), f"{project}: {len(builds)} builds"
