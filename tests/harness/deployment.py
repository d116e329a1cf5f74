"""A repository that a pipeline deploys into a bucket: the smallest thing that shows that pushes, pipelines and objects
work together."""

import itertools
import urllib.parse

from .eventually import until
from .identities import allow, create_role, trust, unique

DEPLOYED_SECONDS = 60


class Deployment:
    """A repository whose `main` a pipeline deploys into a bucket, file by file."""

    def __init__(self, aws, folder):
        self.aws = aws
        self.name = unique("deployed")
        self.clone = folder / self.name
        self.clone.mkdir()
        self.pushes = itertools.count()
        for bucket in (f"{self.name}-artifacts", f"{self.name}-site"):
            aws.s3.create_bucket(Bucket=bucket)
        metadata = aws.codecommit.create_repository(repositoryName=self.name)["repositoryMetadata"]
        self.path = urllib.parse.urlsplit(metadata["cloneUrlHttp"]).path

    def push(self, git, text, aws=None):
        """Pushes a commit with the file `text.txt`. The first push makes the pipeline. Answers the commit's id."""
        aws = aws or self.aws
        (self.clone / "text.txt").write_text(text)
        commit = git.commit_folder(self.clone, text)
        git.run("push", "--quiet", f"{aws.url}{self.path}", "main", folder=self.clone)
        if next(self.pushes) == 0:
            self.create_pipeline()
        return commit

    def create_pipeline(self):
        role = create_role(self.aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*", "codecommit:*"))
        source = {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"}
        deploy = {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"}
        fetch_action = {
            "name": "Fetch",
            "actionTypeId": source,
            "configuration": {"RepositoryName": self.name, "BranchName": "main"},
            "outputArtifacts": [{"name": "Source"}],
        }
        publish_action = {
            "name": "Publish",
            "actionTypeId": deploy,
            "configuration": {"BucketName": f"{self.name}-site", "Extract": "true"},
            "inputArtifacts": [{"name": "Source"}],
        }
        self.aws.codepipeline.create_pipeline(
            pipeline={
                "name": self.name,
                "roleArn": role,
                "artifactStore": {"type": "S3", "location": f"{self.name}-artifacts"},
                "stages": [
                    {"name": "Source", "actions": [fetch_action]},
                    {"name": "Deploy", "actions": [publish_action]},
                ],
            }
        )

    def wait_until_deployed(self, text, aws=None):
        s3 = (aws or self.aws).s3

        def deployed():
            keys = [item["Key"] for item in s3.list_objects_v2(Bucket=f"{self.name}-site").get("Contents", [])]
            if "text.txt" not in keys:
                return None
            return s3.get_object(Bucket=f"{self.name}-site", Key="text.txt")["Body"].read().decode() == text

        until(deployed, DEPLOYED_SECONDS, f"{text!r} to be deployed")
