"""git over HTTP: the stock git against a repository, with each kind of credentials."""

import subprocess

import pytest

from harness.aws_cli import AwsCli
from harness.git import Git
from harness.identities import allow, create_user, deny, unique
from harness.server import ACCOUNT, REGION


@pytest.fixture
def repository(aws):
    """The name and the address of a new, empty repository."""
    name = unique("repository")
    metadata = aws.codecommit.create_repository(repositoryName=name)["repositoryMetadata"]
    return name, metadata["cloneUrlHttp"]


@pytest.fixture
def clone(tmp_path):
    """A folder with one file, to be pushed."""
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "words.txt").write_text("one\n")
    return folder


def git_of(aws, server, folder, *statements):
    """git as a user who may do what `statements` say."""
    name, credentials = create_user(aws, *statements)
    return name, Git(folder / f"git-{name}", AwsCli(server.url, credentials, REGION, folder / f"cli-{name}"))


def tip(aws, name, branch="main"):
    return aws.codecommit.get_branch(repositoryName=name, branchName=branch)["branch"]["commitId"]


def test_push_clone_and_pull(aws, git, repository, clone, tmp_path):
    name, url = repository
    first = git.commit_folder(clone, "First")
    git.run("push", "--quiet", url, "main", folder=clone)
    assert tip(aws, name) == first

    other = tmp_path / "other"
    git.run("clone", "--quiet", url, other)
    assert (other / "words.txt").read_text() == "one\n"
    (clone / "words.txt").write_text("two\n")
    second = git.commit_folder(clone, "Second")
    git.run("push", "--quiet", url, "main", folder=clone)
    git.run("pull", "--quiet", folder=other)
    assert git.run("rev-parse", "HEAD", folder=other).strip() == second
    assert (other / "words.txt").read_text() == "two\n"


def test_shallow_and_partial_clones(git, repository, clone, tmp_path):
    _, url = repository
    for number in range(4):
        (clone / "words.txt").write_text(f"{number}\n" * 1000)
        git.commit_folder(clone, f"Number {number}")
    git.run("push", "--quiet", url, "main", folder=clone)

    git.run("clone", "--quiet", "--depth", "1", url, tmp_path / "shallow")
    assert git.run("rev-list", "--count", "HEAD", folder=tmp_path / "shallow").strip() == "1"
    git.run("fetch", "--quiet", "--unshallow", folder=tmp_path / "shallow")
    assert git.run("rev-list", "--count", "HEAD", folder=tmp_path / "shallow").strip() == "4"

    git.run("clone", "--quiet", "--filter=blob:none", "--no-checkout", url, tmp_path / "partial")
    missing = git.run("rev-list", "--objects", "--missing=print", "HEAD", folder=tmp_path / "partial")
    assert sum(line.startswith("?") for line in missing.splitlines()) == 4


def test_tags_and_deleted_branches(aws, git, repository, clone):
    name, url = repository
    git.commit_folder(clone, "First")
    git.run("tag", "v1", folder=clone)
    git.run("push", "--quiet", url, "main", "main:refs/heads/work", "v1", folder=clone)
    assert sorted(aws.codecommit.list_branches(repositoryName=name)["branches"]) == ["main", "work"]
    assert "refs/tags/v1" in git.run("ls-remote", url)
    git.run("push", "--quiet", url, ":refs/heads/work", folder=clone)
    assert aws.codecommit.list_branches(repositoryName=name)["branches"] == ["main"]


def test_a_push_that_is_no_fast_forward_is_rejected(aws, git, repository, clone, tmp_path):
    name, url = repository
    git.commit_folder(clone, "First")
    git.run("push", "--quiet", url, "main", folder=clone)
    git.run("clone", "--quiet", url, tmp_path / "other")
    (clone / "words.txt").write_text("two\n")
    second = git.commit_folder(clone, "Second")
    git.run("push", "--quiet", url, "main", folder=clone)
    (tmp_path / "other" / "words.txt").write_text("other\n")
    git.commit_folder(tmp_path / "other", "Other")
    push = git.try_run("push", url, "main", folder=tmp_path / "other")
    assert push.returncode != 0 and "rejected" in push.stderr
    assert tip(aws, name) == second


def test_a_large_push_streams(aws, git, repository, clone):
    name, url = repository
    block = bytes(range(256)) * 4096
    for number in range(24):
        (clone / f"{number}.bin").write_bytes(number.to_bytes(2, "big") + block)
    commit = git.commit_folder(clone, "Large")
    git.run("-c", "http.postBuffer=65536", "push", "--quiet", url, "main", folder=clone)
    assert tip(aws, name) == commit


def test_who_may_only_pull_may_not_push(aws, server, git, repository, clone, tmp_path):
    name, url = repository
    first = git.commit_folder(clone, "First")
    git.run("push", "--quiet", url, "main", folder=clone)
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{name}"
    _, reader = git_of(aws, server, tmp_path, allow("codecommit:GitPull", on=arn))
    reader.run("clone", "--quiet", url, tmp_path / "read")
    (clone / "words.txt").write_text("two\n")
    git.commit_folder(clone, "Second")
    push = reader.try_run("push", url, "main", folder=clone)
    assert push.returncode != 0 and "403" in push.stderr
    assert tip(aws, name) == first


def test_a_protected_branch_is_refused_and_others_are_not(aws, server, repository, clone, tmp_path):
    name, url = repository
    protected = deny(
        "codecommit:GitPush",
        condition={
            "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
            "Null": {"codecommit:References": "false"},
        },
    )
    _, writer = git_of(aws, server, tmp_path, allow("codecommit:GitPull", "codecommit:GitPush"), protected)
    commit = writer.commit_folder(clone, "First")
    assert writer.try_run("push", url, "main", folder=clone).returncode != 0
    writer.run("push", "--quiet", url, "main:refs/heads/work", folder=clone)
    assert aws.codecommit.list_branches(repositoryName=name)["branches"] == ["work"]
    assert tip(aws, name, "work") == commit


def test_without_credentials_nothing_is_told(repository, tmp_path):
    _, url = repository
    answer = Git(tmp_path / "nobody").try_run("ls-remote", url)
    assert answer.returncode != 0
    assert "could not read Username" in answer.stderr


def test_user_name_and_password_that_are_good_for_git_alone(aws, repository, clone, tmp_path):
    name, url = repository
    user, _ = create_user(aws, allow("codecommit:GitPull", "codecommit:GitPush"))
    made = aws.iam.create_service_specific_credential(UserName=user, ServiceName="codecommit.amazonaws.com")
    secret = made["ServiceSpecificCredential"]
    git = Git(tmp_path / "password")

    def helper(password):
        answer = f"echo username={secret['ServiceUserName']}; echo password={password}"
        return ["-c", f"credential.helper=!f() {{ test $1 != get || {{ {answer}; }}; }}; f"]

    commit = git.commit_folder(clone, "First")
    git.run(*helper(secret["ServicePassword"]), "push", "--quiet", url, "main", folder=clone)
    assert tip(aws, name) == commit
    assert git.try_run(*helper("wrong"), "ls-remote", url).returncode != 0

    aws.iam.update_service_specific_credential(
        UserName=user, ServiceSpecificCredentialId=secret["ServiceSpecificCredentialId"], Status="Inactive"
    )
    assert git.try_run(*helper(secret["ServicePassword"]), "ls-remote", url).returncode != 0


def test_temporary_credentials(aws, server, repository, clone, tmp_path):
    name, url = repository
    _, credentials = create_user(aws, allow("codecommit:GitPull", "codecommit:GitPush"))
    session = aws.acting_as(credentials).sts.get_session_token()["Credentials"]
    temporary = type(credentials).from_session(session)
    git = Git(tmp_path / "temporary", AwsCli(server.url, temporary, REGION, tmp_path / "temporary-cli"))
    commit = git.commit_folder(clone, "First")
    git.run("push", "--quiet", url, "main", folder=clone)
    assert tip(aws, name) == commit


def test_a_repository_that_is_not_there(git, server):
    with pytest.raises(subprocess.CalledProcessError) as failure:
        git.run("ls-remote", f"{server.url}/v1/repos/not-there")
    assert "not-there" in failure.value.stderr
