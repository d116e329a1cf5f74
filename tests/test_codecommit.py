"""CodeCommit operation by operation."""

import pytest
from botocore.exceptions import ClientError

from harness.identities import allow, create_user, deny, unique
from harness.server import ACCOUNT, REGION

ZEROES = "0" * 40


def refused(code, call, **arguments):
    """The message of the error `code` that a call is refused with."""
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    assert refusal.value.response["Error"]["Code"] == code, refusal.value
    return refusal.value.response["Error"]["Message"]


@pytest.fixture
def repository(aws):
    """The name of a new, empty repository."""
    name = unique("repository")
    aws.codecommit.create_repository(repositoryName=name)
    return name


def put(aws, repository, path, content, branch="main", **more):
    """Puts a file on a branch, on top of its tip if it has one. Answers the commit's id."""
    try:
        tip = aws.codecommit.get_branch(repositoryName=repository, branchName=branch)["branch"]["commitId"]
        more = {"parentCommitId": tip, **more}
    except ClientError as error:
        assert error.response["Error"]["Code"] == "BranchDoesNotExistException"
    return aws.codecommit.put_file(
        repositoryName=repository, branchName=branch, filePath=path, fileContent=content, **more
    )["commitId"]


# ---------------------------------------------------------------- repositories


def test_a_repository_is_made_and_found(aws, server):
    name = unique("repository")
    made = aws.codecommit.create_repository(repositoryName=name, repositoryDescription="Words", tags={"team": "tests"})[
        "repositoryMetadata"
    ]
    assert made["Arn"] == f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{name}"
    assert made["cloneUrlHttp"] == f"{server.url}/v1/repos/{name}"
    assert aws.codecommit.get_repository(repositoryName=name)["repositoryMetadata"] == made
    assert {"repositoryName": name, "repositoryId": made["repositoryId"]} in aws.codecommit.list_repositories()[
        "repositories"
    ]
    answer = aws.codecommit.batch_get_repositories(repositoryNames=[name, "not-there"])
    assert answer["repositories"] == [made]
    assert answer["repositoriesNotFound"] == ["not-there"]

    refused("RepositoryNameExistsException", aws.codecommit.create_repository, repositoryName=name)
    refused("InvalidRepositoryNameException", aws.codecommit.create_repository, repositoryName="ends.git")
    refused("RepositoryDoesNotExistException", aws.codecommit.get_repository, repositoryName="not-there")
    refused("InvalidContinuationTokenException", aws.codecommit.list_repositories, nextToken="made up")
    refused("RepositoryNamesRequiredException", aws.codecommit.batch_get_repositories, repositoryNames=[])


@pytest.mark.parametrize(
    ("code", "operation", "arguments"),
    [
        ("RepositoryNameRequiredException", "create_repository", {}),
        ("RepositoryNameRequiredException", "update_repository_name", {"newName": "new"}),
        ("RepositoryNameRequiredException", "get_branch", {"branchName": "main"}),
        ("InvalidRepositoryNameException", "get_repository", {"repositoryName": "a b"}),
        ("InvalidRepositoryNameException", "delete_repository", {"repositoryName": ""}),
        ("InvalidRepositoryNameException", "batch_get_repositories", {"repositoryNames": ["fine", "n" * 101]}),
        ("RepositoryNamesRequiredException", "batch_get_repositories", {}),
        (
            "InvalidRepositoryDescriptionException",
            "create_repository",
            {"repositoryName": "r", "repositoryDescription": "d" * 1001},
        ),
        ("EncryptionKeyInvalidIdException", "create_repository", {"repositoryName": "r", "kmsKeyId": "no key"}),
        ("InvalidTagsMapException", "create_repository", {"repositoryName": "r", "tags": {"": "v"}}),
        ("InvalidSortByException", "list_repositories", {"sortBy": "size"}),
        ("InvalidOrderException", "list_repositories", {"order": "random"}),
        ("BranchNameRequiredException", "create_branch", {"repositoryName": "r", "commitId": ZEROES}),
        ("InvalidBranchNameException", "delete_branch", {"repositoryName": "r", "branchName": "b" * 257}),
        ("BranchNameRequiredException", "update_default_branch", {"repositoryName": "r"}),
        ("CommitIdRequiredException", "create_branch", {"repositoryName": "r", "branchName": "b"}),
        ("CommitIdRequiredException", "get_commit", {"repositoryName": "r"}),
        ("CommitIdsListRequiredException", "batch_get_commits", {"repositoryName": "r"}),
        ("CommitRequiredException", "get_differences", {"repositoryName": "r"}),
        ("BlobIdRequiredException", "get_blob", {"repositoryName": "r"}),
        ("PathRequiredException", "get_file", {"repositoryName": "r"}),
        ("PathRequiredException", "get_folder", {"repositoryName": "r"}),
        (
            "ParentCommitIdRequiredException",
            "delete_file",
            {"repositoryName": "r", "branchName": "b", "filePath": "f"},
        ),
        ("FileContentRequiredException", "put_file", {"repositoryName": "r", "branchName": "b", "filePath": "f"}),
        (
            "InvalidFileModeException",
            "put_file",
            {"repositoryName": "r", "branchName": "b", "filePath": "f", "fileContent": b"", "fileMode": "0644"},
        ),
        (
            "FileContentSizeLimitExceededException",
            "put_file",
            {"repositoryName": "r", "branchName": "b", "filePath": "f", "fileContent": b"x" * (6 * 1024 * 1024 + 1)},
        ),
        (
            "PathRequiredException",
            "create_commit",
            {"repositoryName": "r", "branchName": "b", "putFiles": [{"sourceFile": {"isMove": True}}]},
        ),
        (
            "FileModeRequiredException",
            "create_commit",
            {"repositoryName": "r", "branchName": "b", "setFileModes": [{"filePath": "f"}]},
        ),
        ("ResourceArnRequiredException", "list_tags_for_resource", {}),
        ("TagsMapRequiredException", "tag_resource", {"resourceArn": "arn:aws:codecommit:r:1:x"}),
        ("TagKeysListRequiredException", "untag_resource", {"resourceArn": "arn:aws:codecommit:r:1:x"}),
        ("InvalidTagKeysListException", "untag_resource", {"resourceArn": "arn:aws:codecommit:r:1:x", "tagKeys": [""]}),
    ],
)
def test_a_violated_constraint_has_an_error_of_its_own(aws, code, operation, arguments):
    refused(code, getattr(aws.unchecked("codecommit"), operation), **arguments)


def test_a_wrong_name_is_refused_in_awss_words(aws):
    message = refused("InvalidRepositoryNameException", aws.codecommit.get_repository, repositoryName="a/b")
    assert message.startswith("The repository name is not valid. Repository names can be any valid combination of ")


def test_a_repository_is_changed_and_deleted(aws, repository):
    aws.codecommit.update_repository_description(repositoryName=repository, repositoryDescription="New words")
    renamed = unique("renamed")
    aws.codecommit.update_repository_name(oldName=repository, newName=renamed)
    found = aws.codecommit.get_repository(repositoryName=renamed)["repositoryMetadata"]
    assert found["repositoryDescription"] == "New words"
    refused("RepositoryDoesNotExistException", aws.codecommit.get_repository, repositoryName=repository)
    refused(
        "RepositoryDoesNotExistException",
        aws.codecommit.update_repository_description,
        repositoryName=repository,
        repositoryDescription="",
    )
    refused(
        "RepositoryDoesNotExistException", aws.codecommit.update_repository_name, oldName=repository, newName="other"
    )

    assert aws.codecommit.delete_repository(repositoryName=renamed)["repositoryId"] == found["repositoryId"]
    refused("RepositoryDoesNotExistException", aws.codecommit.get_repository, repositoryName=renamed)
    assert "repositoryId" not in aws.codecommit.delete_repository(repositoryName=renamed)
    refused("InvalidRepositoryNameException", aws.codecommit.delete_repository, repositoryName="ends.git")


def test_tags(aws, repository):
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}"
    aws.codecommit.tag_resource(resourceArn=arn, tags={"team": "tests", "stage": "one"})
    aws.codecommit.untag_resource(resourceArn=arn, tagKeys=["stage"])
    assert aws.codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "tests"}
    absent = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:not-there"
    refused("RepositoryDoesNotExistException", aws.codecommit.tag_resource, resourceArn=absent, tags={"a": "b"})
    refused("RepositoryDoesNotExistException", aws.codecommit.untag_resource, resourceArn=absent, tagKeys=["a"])
    refused("InvalidResourceArnException", aws.codecommit.list_tags_for_resource, resourceArn="no arn")


def test_the_policy_is_asked_about_the_repository(aws, repository):
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}"
    _, credentials = create_user(aws, allow("codecommit:Get*", on=arn), deny("codecommit:GetFolder"))
    reader = aws.acting_as(credentials)
    reader.codecommit.get_repository(repositoryName=repository)
    message = refused("AccessDeniedException", reader.codecommit.delete_repository, repositoryName=repository)
    assert f"codecommit:DeleteRepository on resource: {arn} because no identity-based policy allows" in message
    message = refused("AccessDeniedException", reader.codecommit.get_folder, repositoryName=repository, folderPath="/")
    assert "with an explicit deny in an identity-based policy" in message


# ---------------------------------------------------------------- branches


def test_branches(aws, repository):
    first = put(aws, repository, "a.txt", b"one")
    aws.codecommit.create_branch(repositoryName=repository, branchName="work", commitId=first)
    second = put(aws, repository, "a.txt", b"two", branch="work")

    assert sorted(aws.codecommit.list_branches(repositoryName=repository)["branches"]) == ["main", "work"]
    assert aws.codecommit.get_branch(repositoryName=repository, branchName="work")["branch"] == {
        "branchName": "work",
        "commitId": second,
    }
    aws.codecommit.update_default_branch(repositoryName=repository, defaultBranchName="work")
    metadata = aws.codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert metadata["defaultBranch"] == "work"
    gone = aws.codecommit.delete_branch(repositoryName=repository, branchName="main")["deletedBranch"]
    assert gone == {"branchName": "main", "commitId": first}
    assert aws.codecommit.list_branches(repositoryName=repository)["branches"] == ["work"]

    on = {"repositoryName": repository}
    refused("BranchNameExistsException", aws.codecommit.create_branch, **on, branchName="work", commitId=first)
    refused("CommitDoesNotExistException", aws.codecommit.create_branch, **on, branchName="new", commitId=ZEROES)
    refused("BranchDoesNotExistException", aws.codecommit.get_branch, **on, branchName="main")
    refused("DefaultBranchCannotBeDeletedException", aws.codecommit.delete_branch, **on, branchName="work")
    refused("BranchDoesNotExistException", aws.codecommit.update_default_branch, **on, defaultBranchName="main")
    refused("RepositoryDoesNotExistException", aws.codecommit.list_branches, repositoryName="not-there")


# ---------------------------------------------------------------- files and commits


def test_a_file_is_put_read_and_deleted(aws, repository):
    first = put(aws, repository, "docs/a.txt", b"one\n", name="Ada", email="ada@example.com", commitMessage="First")
    found = aws.codecommit.get_file(repositoryName=repository, filePath="docs/a.txt")
    assert (found["fileContent"], found["fileMode"], found["fileSize"]) == (b"one\n", "NORMAL", 4)
    assert found["commitId"] == first
    blob = aws.codecommit.get_blob(repositoryName=repository, blobId=found["blobId"])
    assert blob["content"] == b"one\n"

    folder = aws.codecommit.get_folder(repositoryName=repository, folderPath="/")
    assert [sub["absolutePath"] for sub in folder["subFolders"]] == ["docs"]
    inner = aws.codecommit.get_folder(repositoryName=repository, folderPath="docs")
    assert [file["relativePath"] for file in inner["files"]] == ["a.txt"]

    commit = aws.codecommit.get_commit(repositoryName=repository, commitId=first)["commit"]
    assert (commit["message"].strip(), commit["parents"]) == ("First", [])
    assert (commit["author"]["name"], commit["author"]["email"]) == ("Ada", "ada@example.com")

    second = aws.codecommit.delete_file(
        repositoryName=repository, branchName="main", filePath="docs/a.txt", parentCommitId=first
    )
    assert (
        aws.codecommit.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"]
        == second["commitId"]
    )
    on = {"repositoryName": repository}
    refused("FileDoesNotExistException", aws.codecommit.get_file, **on, filePath="docs/a.txt")
    refused("FolderDoesNotExistException", aws.codecommit.get_folder, **on, folderPath="docs")
    refused("BlobIdDoesNotExistException", aws.codecommit.get_blob, **on, blobId=ZEROES)
    refused("CommitIdDoesNotExistException", aws.codecommit.get_commit, **on, commitId=ZEROES)
    refused(
        "FileDoesNotExistException",
        aws.codecommit.delete_file,
        **on,
        branchName="main",
        filePath="docs/a.txt",
        parentCommitId=second["commitId"],
    )


def test_a_file_is_put_on_the_tip_alone(aws, repository):
    first = put(aws, repository, "a.txt", b"one")
    put(aws, repository, "a.txt", b"two")
    file = {"repositoryName": repository, "branchName": "main", "filePath": "a.txt", "fileContent": b"three"}
    refused("ParentCommitIdRequiredException", aws.codecommit.put_file, **file)
    refused("ParentCommitIdOutdatedException", aws.codecommit.put_file, **file, parentCommitId=first)
    assert aws.codecommit.get_file(repositoryName=repository, filePath="a.txt")["fileContent"] == b"two"


def test_a_commit_changes_several_files_at_once(aws, repository):
    first = put(aws, repository, "old.txt", b"old")
    answer = aws.codecommit.create_commit(
        repositoryName=repository,
        branchName="main",
        parentCommitId=first,
        putFiles=[
            {"filePath": "run.sh", "fileMode": "EXECUTABLE", "fileContent": b"#!/bin/sh\n"},
            {"filePath": "new.txt", "fileContent": b"new"},
        ],
        deleteFiles=[{"filePath": "old.txt"}],
    )
    assert sorted(file["absolutePath"] for file in answer["filesAdded"]) == ["new.txt", "run.sh"]
    assert [file["absolutePath"] for file in answer["filesDeleted"]] == ["old.txt"]
    executable = aws.codecommit.get_file(repositoryName=repository, filePath="run.sh")
    assert executable["fileMode"] == "EXECUTABLE"

    commits = aws.codecommit.batch_get_commits(repositoryName=repository, commitIds=[first, answer["commitId"], ZEROES])
    assert {commit["commitId"] for commit in commits["commits"]} == {first, answer["commitId"]}
    assert [error["commitId"] for error in commits["errors"]] == [ZEROES]

    pages = aws.codecommit.get_paginator("get_differences").paginate(
        repositoryName=repository,
        beforeCommitSpecifier=first,
        afterCommitSpecifier="main",
        PaginationConfig={"PageSize": 1},
    )
    changes = {
        (difference["changeType"], (difference.get("afterBlob") or difference["beforeBlob"])["path"])
        for page in pages
        for difference in page["differences"]
    }
    assert changes == {("A", "new.txt"), ("A", "run.sh"), ("D", "old.txt")}

    on = {"repositoryName": repository}
    refused(
        "FileEntryRequiredException",
        aws.codecommit.create_commit,
        **on,
        branchName="main",
        parentCommitId=answer["commitId"],
    )
    refused("CommitDoesNotExistException", aws.codecommit.get_differences, **on, afterCommitSpecifier="not-there")
    refused("RepositoryDoesNotExistException", aws.codecommit.batch_get_commits, repositoryName="x", commitIds=[first])
