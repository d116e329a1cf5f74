"""A trail of CloudTrail with a bucket of its own, whose policy is the one that AWS documents."""

import gzip
import json

from .eventually import until
from .identities import unique
from .server import ACCOUNT, REGION

DELIVERED_SECONDS = 60
PRINCIPAL = {"Service": "cloudtrail.amazonaws.com"}


class Trail:
    """`name`, `arn` and `bucket`; the trail is made by `create` and logs from `start` on."""

    def __init__(self, aws, prefix=None):
        self.aws = aws
        self.name = unique("trail")
        self.prefix = prefix
        self.arn = f"arn:aws:cloudtrail:{aws.region}:{ACCOUNT}:trail/{self.name}"
        self.bucket = f"{self.name}-files"
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != REGION else {}
        aws.s3.create_bucket(Bucket=self.bucket, **elsewhere)
        self.root = f"{prefix}/AWSLogs/{ACCOUNT}/" if prefix else f"AWSLogs/{ACCOUNT}/"

    def policy(self, arn=None, acl="bucket-owner-full-control"):
        """The policy of the documentation, of this trail or another."""
        source = {"aws:SourceArn": arn or self.arn}
        bucket = f"arn:aws:s3:::{self.bucket}"
        read = {"Effect": "Allow", "Principal": PRINCIPAL, "Action": "s3:GetBucketAcl", "Resource": bucket}
        write = {"Effect": "Allow", "Principal": PRINCIPAL, "Action": "s3:PutObject"}
        write["Resource"] = f"{bucket}/{self.root}*"
        read["Condition"] = {"StringEquals": source}
        write["Condition"] = {"StringEquals": {"s3:x-amz-acl": acl, **source}}
        return json.dumps({"Version": "2012-10-17", "Statement": [read, write]})

    def admit(self, **changes):
        """Lets CloudTrail write into the bucket."""
        self.aws.s3.put_bucket_policy(Bucket=self.bucket, Policy=self.policy(**changes))

    def create(self, **settings):
        """Answers what CreateTrail answers."""
        self.admit()
        if self.prefix:
            settings["S3KeyPrefix"] = self.prefix
        return self.aws.cloudtrail.create_trail(Name=self.name, S3BucketName=self.bucket, **settings)

    def start(self):
        self.aws.cloudtrail.start_logging(Name=self.name)
        return self

    def stop(self):
        self.aws.cloudtrail.stop_logging(Name=self.name)

    def status(self):
        return self.aws.cloudtrail.get_trail_status(Name=self.name)

    def files(self, kind="CloudTrail", region=None):
        """The keys of the files of a kind, of a region or of all, in order."""
        prefix = f"{self.root}{kind}/" + (f"{region}/" if region else "")
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key):
        """A file's document."""
        return json.loads(gzip.decompress(self.aws.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()))

    def records(self, region=None):
        """The records of all log files."""
        return [record for key in self.files(region=region) for record in self.read(key)["Records"]]

    def has_more(self, kind, before):
        """Waits until there are other files of a kind than `before`."""
        until(lambda: set(self.files(kind)) - before, DELIVERED_SECONDS, f"another file of {kind}")

    def delivered(self, wanted, what):
        """The records that fit, once there are any."""
        return until(lambda: [record for record in self.records() if wanted(record)], DELIVERED_SECONDS, what)
