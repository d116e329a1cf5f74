"""`stagewright run`: a pipeline's definition on a working folder, with no server set up before."""

import json
import re
import signal

import pytest

from harness.git import Git
from harness.local_run import LocalRun, Terminal, action, approval, build, deploy, hello_web, processes, source

YAML = """
name: local
roleArn: arn:aws:iam::123456789012:role/pipeline
artifactStore: {type: S3, location: artifacts}
stages:
  - name: Source
    actions:
      - name: Fetch
        actionTypeId: {category: Source, owner: ThirdParty, provider: GitHub, version: "1"}
        configuration: {Owner: dana, Repo: web, Branch: main, OAuthToken: "****"}
        outputArtifacts: [{name: Code}]
  - name: Build
    actions:
      - name: Make
        actionTypeId: {category: Build, owner: AWS, provider: CodeBuild, version: "1"}
        configuration: {ProjectName: make}
        inputArtifacts: [{name: Code}]
        outputArtifacts: [{name: Out}]
"""


@pytest.fixture
def run(tmp_path):
    return LocalRun(tmp_path)


@pytest.fixture
def commit(run):
    """Commits all of the working folder; answers the commit's id."""
    git = Git(run.folder / "home")
    return lambda: git.commit_folder(run.source, "All of it")


def terminal(run, *arguments):
    return Terminal(run.command(*arguments), run.environment(), run.folder)


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_example_runs_to_its_end_and_leaves_the_site(run, commit):
    projects = hello_web(run)
    commit = commit()
    done = run.run("--yes", *projects)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert f"Approval/Approve: Deploy 2 pages of commit {commit}?" in lines
    assert any(line.startswith("Deploy/Publish: succeeded in ") for line in lines)
    assert any(line.startswith("BuildSite | Built 2 pages from ") for line in lines)
    site = run.output / "deployed" / "hello-site" / "index.html"
    assert f"Built from {commit[:8]}" in site.read_text()
    assert str(site.parent) in done.stdout
    assert (run.output / "artifacts" / "Site" / "index.html").read_text() == site.read_text()
    assert (run.output / "artifacts" / "Source" / "buildspec.yml").is_file()
    assert "Built 2 pages" in (run.output / "logs" / "Build-BuildSite.log").read_text()
    record = json.loads((run.output / "run.json").read_text())
    assert (record["pipeline"], record["status"]) == ("hello", "Succeeded")

    # What a run has left is not part of the next one's source, and gives way to what that leaves.
    (run.output / "artifacts" / "stale").write_text("")
    done = run.run("--yes", *projects)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (run.output / "artifacts" / "stale").exists()
    assert not (run.output / "artifacts" / "Source" / ".stagewright").exists()


def test_a_failing_build_ends_with_its_error_and_the_end_of_its_log(run):
    run.buildspec("echo this is the reason; exit 3")
    run.define([source()], [build()], [deploy()])
    done = run.run()
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "Make | this is the reason" in lines
    assert any(line.startswith("S2/Make: failed after ") for line in lines)
    assert any("COMMAND_EXECUTION_ERROR" in line and "exit status 3" in line for line in lines)
    assert "ended as Failed" in done.stderr
    assert "this is the reason" in (run.output / "logs" / "S2-Make.log").read_text()


def test_failing_commands_end_with_the_end_of_their_log(run):
    run.write("page.txt", "hello")
    lines = ["echo this is the reason", "exit 3"]
    run.define([source()], [action("Make", "Compute", "Commands", inputs=["Code"], commands=lines)])
    done = run.run()
    assert done.returncode == 1
    assert "Make | this is the reason" in done.stdout.splitlines()
    assert "this is the reason" in (run.output / "logs" / "S2-Make.log").read_text()


def test_a_retried_action_shows_the_logs_of_both_attempts(run):
    run.write("page.txt", "hello")
    lines = ["echo this is the reason", "exit 3"]
    run.define([source()], [action("Make", "Compute", "Commands", inputs=["Code"], commands=lines)])
    definition = json.loads(run.definition.read_text())
    retry = {"result": "RETRY", "retryConfiguration": {"retryMode": "FAILED_ACTIONS"}}
    definition["stages"][1]["onFailure"] = retry
    run.definition.write_text(json.dumps(definition))
    done = run.run()
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines.count("Make | this is the reason") == 2, done.stdout
    assert len([line for line in lines if line.startswith("S2/Make: failed after ")]) <= 2, done.stdout
    log = (run.output / "logs" / "S2-Make.log").read_text().splitlines()
    assert log.count("this is the reason") == 2, log


def rule(name, provider, **members):
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "ruleTypeId": kind, **members}


def conditions(*rules):
    return {"conditions": [{"result": "FAIL", "rules": list(rules)}]}


def test_conditions_find_what_they_need_and_say_why_they_fail(run, commit):
    run.buildspec("echo built")
    id = commit()
    inputs = {"inputArtifacts": [{"name": "Code"}]}
    own = {"roleArn": "arn:aws:iam::123456789012:role/rules", **inputs}
    look = rule("Look", "Commands", commands=["test '#{Src.CommitId}' = " + id, "cat buildspec.yml"], **own)
    check = rule("Check", "CodeBuild", configuration={"ProjectName": "check"}, **inputs)
    run.define([source(namespace="Src")], [build()])
    definition = json.loads(run.definition.read_text())
    definition["stages"][1] |= {"beforeEntry": conditions(look, check)}
    run.definition.write_text(json.dumps(definition))
    done = run.run()
    assert done.returncode == 0, done.stdout + done.stderr

    definition["stages"][1]["onSuccess"] = conditions(
        rule("Fail", "Commands", commands=["echo no luck; exit 7"], **own)
    )
    run.definition.write_text(json.dumps(definition))
    done = run.run()
    assert done.returncode == 1
    assert "The condition ON_SUCCESS of stage 'S2' was not met: rule 'Fail' (Commands) failed" in done.stdout
    assert "| no luck" in done.stdout.splitlines()


def test_an_approval_without_a_terminal_ends_the_run(run):
    run.buildspec("true")
    run.define([source()], [approval()], [build()])
    done = run.run()
    assert done.returncode == 1
    assert "S2/Approve waits for approval and there is no terminal to ask at" in done.stderr
    assert "S2/Approve: abandoned after" in done.stdout


def test_ctrl_c_leaves_nothing(run):
    run.buildspec("echo it runs", "sleep 600")
    run.define([source()], [build()])
    process = run.start()
    for line in process.stdout:
        if line == "Make | it runs\n":
            break
    assert processes(str(run.temporary)) != []
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stdout + stderr
    run.assert_nothing_left()
    assert not (run.source / ".stagewright").exists()


def test_the_prompt_of_a_terminal_approves(run):
    run.buildspec(r"printf '\033[31mred\033[2J\n'", "echo made > made.txt")
    run.define([source()], [build()], [approval(CustomData="Is it good?")], [deploy()])
    shown = terminal(run)
    shown.wait_for("Approve S3/Approve? [y/N]")
    assert "Is it good?" in shown.seen
    shown.type("y\n")
    assert shown.finish() == 0, shown.seen
    assert "✔ S4  Publish" in shown.seen and "Succeeded" in shown.seen
    # What a build prints does not reach the terminal raw.
    assert "\x1b[31m" not in shown.seen and "\x1b[2J" not in shown.seen
    assert shown.seen.rfind("\x1b[?25h") > shown.seen.rfind("\x1b[?25l"), "the cursor is shown again"
    assert (run.output / "deployed" / "local-site" / "made.txt").read_text() == "made\n"
    run.assert_nothing_left()


def test_the_prompt_of_a_terminal_rejects(run):
    run.buildspec("true")
    run.define([source()], [approval()], [build()])
    shown = terminal(run)
    shown.wait_for("Approve S2/Approve? [y/N]")
    shown.type("\n")
    assert shown.finish() == 1
    assert "✘ Approve" in shown.seen and "Rejected at the prompt" in shown.seen
    run.assert_nothing_left()


def test_ctrl_c_at_the_prompt(run):
    run.buildspec("true")
    run.define([source()], [approval()], [build()])
    shown = terminal(run)
    shown.wait_for("Approve S2/Approve? [y/N]")
    shown.type("\x03")
    assert shown.finish() == 130
    run.assert_nothing_left()


def test_a_terminal_keeps_the_error_of_a_failed_action(run):
    run.buildspec("echo this is the reason; exit 3")
    run.define([source()], [build()])
    shown = terminal(run)
    assert shown.finish() == 1
    last_frame = shown.seen[shown.seen.rfind("\x1b[J") :]
    assert "✘ Make  CodeBuild" in last_frame and "│ this is the reason" in last_frame
    assert "exit status 3" in " ".join(last_frame.split())
    run.assert_nothing_left()


def test_variables_of_the_pipeline_and_of_builds(run):
    run.buildspec('echo "$KIND-$SPEED-$EXTRA" > said.txt')
    values = [{"name": name.upper(), "value": f"#{{variables.{name}}}"} for name in ("Kind", "Speed")]
    variables = [{"name": "Kind"}, {"name": "Speed", "defaultValue": "fast"}]
    run.define([source()], [build(EnvironmentVariables=json.dumps(values))], variables=variables)
    done = run.run()
    assert done.returncode == 2
    assert "--var Kind=VALUE" in done.stderr
    done = run.run("--var", "Kind=docs", "--env", "EXTRA=more")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "artifacts" / "Out" / "said.txt").read_text() == "docs-fast-more\n"


def test_two_source_actions_take_two_folders(run):
    run.buildspec('cat part.txt "$CODEBUILD_SRC_DIR_Docs/part.txt" > both.txt')
    run.write("part.txt", "code\n")
    docs = run.folder / "docs"
    docs.mkdir()
    (docs / "part.txt").write_text("docs\n")
    sources = [source(), action("Read", "Source", "GitHub", {"Repo": "docs"}, outputs=["Docs"], owner="ThirdParty")]
    run.define(sources, [build(inputs=["Code", "Docs"], PrimarySource="Code")])
    done = run.run("--source", f"Read={docs}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "artifacts" / "Out" / "both.txt").read_text() == "code\ndocs\n"
    done = run.run("--source", f"Raed={docs}")
    assert done.returncode == 2
    assert "--source Raed: no source action of that name; there are: Fetch, Read" in done.stderr


def test_json_lines(run):
    run.buildspec("echo hello")
    run.define([source()], [build()], [approval()])
    done = run.run("--json", "--yes", "--output", run.folder / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    told = objects(done)
    assert [each["type"] for each in (told[0], told[-2], told[-1])] == ["start", "end", "output"]
    actions = [(each["action"], each["status"]) for each in told if each["type"] == "action"]
    assert actions[-1] == ("Approve", "Succeeded") and ("Make", "Succeeded") in actions
    logged = [line for each in told if each["type"] == "log" for line in each["lines"]]
    assert "hello\n" in logged
    assert [each["question"] for each in told if each["type"] == "approval"] == [[]]
    assert told[-2]["status"] == "Succeeded"
    assert told[-1]["artifacts"]["Out"] == "artifacts/Out"
    assert not (run.source / ".stagewright").exists()


def test_what_is_not_served_is_refused_or_left_out(run):
    run.buildspec("true")
    invoke = action("Notify", "Invoke", "Lambda", {"FunctionName": "f"})
    run.define([source()], [build()], [invoke])
    done = run.run()
    assert done.returncode == 2
    assert "S3/Notify: its action type (Invoke by AWS/Lambda) is not served" in done.stderr
    assert not (run.source / ".stagewright").exists()
    for flags in (["--skip-unserved"], ["--skip", "S3/Notify"]):
        done = run.run(*flags)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "S3/Notify: left out" in done.stdout
    shown = terminal(run, "--skip", "Notify")
    assert shown.finish() == 0
    assert "– S3  left out" in shown.seen


def test_a_definition_with_errors(run):
    run.buildspec("true")
    run.define([source()], [build(inputs=["Cod"])])
    done = run.run()
    assert done.returncode == 2
    found = rf"{run.definition}:\d+:\d+: S2/Make \S+: Input Artifact Bundle Cod in action Make is not declared"
    assert re.search(found, done.stderr), done.stderr
    run.definition.write_text("{")
    done = run.run()
    assert done.returncode == 2
    assert str(run.definition) in done.stderr


def test_a_definition_in_yaml(run):
    run.buildspec("echo made > made.txt")
    run.definition = run.folder / "pipeline.yaml"
    run.definition.write_text(YAML)
    done = run.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "artifacts" / "Out" / "made.txt").read_text() == "made\n"


def test_commits_are_told_only_where_git_knows_them(run, commit):
    run.buildspec('echo "$COMMIT" > said.txt')
    values = json.dumps([{"name": "COMMIT", "value": "#{Src.CommitId} of #{Src.BranchName}"}])
    run.define([source(namespace="Src")], [build(EnvironmentVariables=values)])
    done = run.run()
    assert done.returncode == 2
    assert "--source-var Fetch.CommitId=VALUE" in done.stderr
    done = run.run("--source-var", "Fetch.CommitId=c0ffee", "--source-var", "Fetch.BranchName=none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "artifacts" / "Out" / "said.txt").read_text() == "c0ffee of none\n"
    commit = commit()
    done = run.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "artifacts" / "Out" / "said.txt").read_text() == f"{commit} of main\n"
    run.write("new.txt", "")
    done = run.run()
    assert f"commit {commit[:8]} with changes that are not committed" in done.stdout


def test_links_that_lead_out_are_refused(run):
    run.buildspec("true")
    (run.source / "secret").symlink_to("/etc/passwd")
    run.define([source()], [build()])
    done = run.run()
    assert done.returncode == 2
    assert "secret: the symbolic link leads to /etc/passwd" in done.stderr


def test_an_output_folder_with_other_things_is_not_touched(run):
    run.buildspec("true")
    run.define([source()], [build()])
    out = run.folder / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("")
    done = run.run("--output", out)
    assert done.returncode == 2
    assert "no run has left" in done.stderr
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_roles_of_actions_and_canned_acls(run):
    run.buildspec("echo made > made.txt")
    role = "arn:aws:iam::123456789012:role/team/deployer"
    publish = {**deploy(CannedACL="bucket-owner-full-control"), "roleArn": role}
    run.define([source()], [build()], [publish])
    done = run.run("--region", "eu-west-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.output / "deployed" / "local-site" / "made.txt").is_file()


def test_what_a_killed_run_leaves_goes_with_the_next(run):
    run.buildspec("echo it runs; sleep 300")
    run.define([source()], [build()])
    killed = run.start()
    try:
        for line in killed.stdout:
            if "it runs" in line:
                break
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
    (left,) = run.temporary.iterdir()
    assert processes(str(left)), "the build outlives the run"
    run.buildspec("echo quick")
    done = run.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not left.exists()


def test_the_tree_goes_on_while_an_approval_is_asked(run):
    run.buildspec("sleep 3", "echo made > made.txt")
    run.define([source()], [approval(), build()])
    shown = terminal(run)
    shown.wait_for("Approve S2/Approve? [y/N]")
    shown.wait_for("✔ Make")
    shown.type("y\n")
    assert shown.finish() == 0, shown.seen
    run.assert_nothing_left()
