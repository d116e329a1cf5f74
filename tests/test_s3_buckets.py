"""Buckets of S3 and their settings, operation by operation."""

import json

import pytest

from harness.eventually import until
from harness.identities import allow, create_role, create_user, trust, unique
from harness.plain_http import fetch
from harness.refusal import refused
from harness.server import ACCOUNT, REGION


@pytest.fixture
def bucket(aws):
    """The name of a new bucket."""
    name = unique("bucket")
    aws.s3.create_bucket(Bucket=name)
    return name


# ---------------------------------------------------------------- buckets


def test_a_bucket_is_made_found_and_deleted(aws):
    name = unique("made")
    assert aws.s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    # In the oldest region, making one's own bucket again is no error.
    aws.s3.create_bucket(Bucket=name)
    assert aws.s3.head_bucket(Bucket=name)["BucketRegion"] == REGION
    assert aws.s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert name in [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]]

    aws.s3.put_object(Bucket=name, Key="k", Body=b"x")
    message = refused("BucketNotEmpty", aws.s3.delete_bucket, Bucket=name)
    assert message == "The bucket you tried to delete is not empty"
    aws.s3.delete_object(Bucket=name, Key="k")
    aws.s3.delete_bucket(Bucket=name)
    refused("404", aws.s3.head_bucket, Bucket=name)
    assert refused("NoSuchBucket", aws.s3.delete_bucket, Bucket=name) == "The specified bucket does not exist"
    refused("NoSuchBucket", aws.s3.get_bucket_location, Bucket=name)


def test_buckets_of_other_regions(aws):
    name = unique("elsewhere")
    there = aws.in_region("eu-west-1")
    refused("IllegalLocationConstraintException", there.s3.create_bucket, Bucket=name)
    there.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert aws.s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    again = {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    refused("BucketAlreadyOwnedByYou", there.s3.create_bucket, **again)


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "192.168.1.1", "dot..dot", "x" * 64])
def test_names_that_are_none(aws, name):
    refused("InvalidBucketName", aws.unchecked("s3").create_bucket, Bucket=name)


def test_buckets_are_listed_in_pages(aws):
    prefix = unique("paged")
    names = [f"{prefix}-{letter}" for letter in "abc"]
    for name in names:
        aws.s3.create_bucket(Bucket=name)
    pages = list(aws.s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [[bucket["Name"] for bucket in page["Buckets"]] for page in pages] == [names[:2], names[2:]]
    refused("InvalidArgument", aws.s3.list_buckets, ContinuationToken="forged")


# ---------------------------------------------------------------- settings

VERSIONING = {"VersioningConfiguration": {"Status": "Enabled"}}
TAGS = {"Tagging": {"TagSet": [{"Key": "team", "Value": "tests"}]}}
CORS_RULES = [
    {
        "AllowedOrigins": ["https://*.example.com"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    }
]
LIFECYCLE_RULES = [
    {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 30},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
]
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-4234-8234-123456789012"
ENCRYPTION_RULES = [
    {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KMS},
        "BucketKeyEnabled": True,
    }
]


def test_tagging(aws, bucket):
    assert refused("NoSuchTagSet", aws.s3.get_bucket_tagging, Bucket=bucket) == "The TagSet does not exist"
    aws.s3.put_bucket_tagging(Bucket=bucket, **TAGS)
    assert aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS["Tagging"]["TagSet"]
    twice = {"TagSet": TAGS["Tagging"]["TagSet"] * 2}
    refused("InvalidTag", aws.s3.put_bucket_tagging, Bucket=bucket, Tagging=twice)
    aws.s3.delete_bucket_tagging(Bucket=bucket)
    refused("NoSuchTagSet", aws.s3.get_bucket_tagging, Bucket=bucket)


def test_encryption(aws, bucket):
    aws.s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    assert aws.s3.head_object(Bucket=bucket, Key="plain")["ServerSideEncryption"] == "AES256"
    (rule,) = aws.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    configuration = {"Rules": ENCRYPTION_RULES}
    aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
    answer = aws.s3.get_bucket_encryption(Bucket=bucket)
    assert answer["ServerSideEncryptionConfiguration"] == configuration
    put = aws.s3.put_object(Bucket=bucket, Key="sealed", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", KMS, True)
    put = aws.s3.put_object(Bucket=bucket, Key="own", Body=b"x", ServerSideEncryption="AES256")
    assert put["ServerSideEncryption"] == "AES256"

    unknown = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "rot13"}}]}
    arguments = {"Bucket": bucket, "ServerSideEncryptionConfiguration": unknown}
    refused("MalformedXML", aws.unchecked("s3").put_bucket_encryption, **arguments)
    aws.s3.delete_bucket_encryption(Bucket=bucket)
    assert aws.s3.put_object(Bucket=bucket, Key="plain", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_lifecycle(aws, bucket):
    refused("NoSuchLifecycleConfiguration", aws.s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    aws.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": LIFECYCLE_RULES})
    assert aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == LIFECYCLE_RULES
    none = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": []}}
    refused("MalformedXML", aws.s3.put_bucket_lifecycle_configuration, **none)
    aws.s3.delete_bucket_lifecycle(Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", aws.s3.get_bucket_lifecycle_configuration, Bucket=bucket)


def test_lifecycle_rules_that_say_nothing_are_refused(aws, bucket):
    for rule in (
        {"ID": "idle", "Status": "Enabled", "Filter": {"Prefix": ""}},
        {"ID": "never", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 0}},
        {"ID": "maybe", "Status": "Perhaps", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
    ):
        arguments = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [rule]}}
        code = {"never": "InvalidArgument", "idle": "InvalidRequest", "maybe": "MalformedXML"}[rule["ID"]]
        refused(code, aws.s3.put_bucket_lifecycle_configuration, **arguments)
    twice = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": LIFECYCLE_RULES * 2}}
    refused("InvalidArgument", aws.s3.put_bucket_lifecycle_configuration, **twice)


def test_cors(aws, bucket, server):
    refused("NoSuchCORSConfiguration", aws.s3.get_bucket_cors, Bucket=bucket)
    aws.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": CORS_RULES})
    assert aws.s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == CORS_RULES

    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}
    preflight = fetch(f"{server.url}/{bucket}/k", method="OPTIONS", headers=asked)
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == asked["Origin"]
    assert preflight.headers["access-control-allow-methods"] == "GET, PUT"
    assert preflight.headers["access-control-max-age"] == "600"
    for refusal in ({**asked, "Origin": "https://example.org"}, {**asked, "Access-Control-Request-Method": "DELETE"}):
        assert fetch(f"{server.url}/{bucket}/k", method="OPTIONS", headers=refusal).status == 403
    read = fetch(f"{server.url}/{bucket}/k", headers={"Origin": asked["Origin"]})
    assert read.status == 403 and read.headers["access-control-expose-headers"] == "ETag"

    refused("MalformedXML", aws.s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": []})
    unknown = [{"AllowedOrigins": ["*"], "AllowedMethods": ["FETCH"]}]
    refused("InvalidRequest", aws.s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": unknown})
    aws.s3.delete_bucket_cors(Bucket=bucket)
    refused("NoSuchCORSConfiguration", aws.s3.get_bucket_cors, Bucket=bucket)


def test_ownership_and_acls(aws, bucket):
    def rules(ownership):
        return {"Bucket": bucket, "OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}

    controls = aws.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (grant,) = aws.s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert grant["Permission"] == "FULL_CONTROL" and grant["Grantee"]["Type"] == "CanonicalUser"
    aws.s3.put_bucket_acl(Bucket=bucket, ACL="private")
    message = refused("AccessControlListNotSupported", aws.s3.put_bucket_acl, Bucket=bucket, ACL="public-read")
    assert message == "The bucket does not allow ACLs"

    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    (grant,) = aws.s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"
    aws.s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    refused("AccessControlListNotSupported", aws.s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read")
    refused("NoSuchKey", aws.s3.get_object_acl, Bucket=bucket, Key="none")

    aws.s3.put_bucket_ownership_controls(**rules("ObjectWriter"))
    controls = aws.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    refused("MalformedXML", aws.unchecked("s3").put_bucket_ownership_controls, **rules("Nobody"))
    nobody = {"Bucket": unique("nobodys"), "ObjectOwnership": "Nobody"}
    refused("InvalidArgument", aws.s3.create_bucket, **nobody)
    aws.s3.delete_bucket_ownership_controls(Bucket=bucket)
    refused("OwnershipControlsNotFoundError", aws.s3.get_bucket_ownership_controls, Bucket=bucket)


def test_versioning_is_never_off_again(aws, bucket):
    assert "Status" not in aws.s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert aws.s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    off = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Off"}}
    refused("MalformedXML", aws.s3.put_bucket_versioning, **off)


def test_settings_that_nobody_can_make(aws, bucket):
    assert "Status" not in aws.s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in aws.s3.get_bucket_logging(Bucket=bucket)
    assert aws.s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    refused("ObjectLockConfigurationNotFoundError", aws.s3.get_object_lock_configuration, Bucket=bucket)
    refused("ReplicationConfigurationNotFoundError", aws.s3.get_bucket_replication, Bucket=bucket)
    refused("NoSuchWebsiteConfiguration", aws.s3.get_bucket_website, Bucket=bucket)
    logging = {"Bucket": bucket, "BucketLoggingStatus": {}}
    assert "not built yet" in refused("NotImplemented", aws.s3.put_bucket_logging, **logging)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        *(
            (f"get_bucket_{name}", {})
            for name in (
                *("accelerate_configuration", "acl", "cors", "encryption", "lifecycle_configuration", "logging"),
                *("notification_configuration", "ownership_controls", "policy", "policy_status", "replication"),
                *("request_payment", "tagging", "versioning", "website"),
            )
        ),
        ("get_object_lock_configuration", {}),
        ("get_public_access_block", {}),
        *((f"delete_bucket_{name}", {}) for name in ("cors", "encryption", "lifecycle", "ownership_controls")),
        *((f"delete_bucket_{name}", {}) for name in ("policy", "tagging")),
        ("delete_public_access_block", {}),
        ("put_bucket_acl", {"ACL": "private"}),
        ("put_bucket_cors", {"CORSConfiguration": {"CORSRules": CORS_RULES}}),
        ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": ENCRYPTION_RULES}}),
        ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": LIFECYCLE_RULES}}),
        ("put_bucket_notification_configuration", {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}),
        ("put_bucket_tagging", TAGS),
        ("put_bucket_versioning", VERSIONING),
        ("put_public_access_block", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}),
    ],
)
def test_a_bucket_that_is_not_there_has_no_settings(aws, operation, arguments):
    message = refused("NoSuchBucket", getattr(aws.s3, operation), Bucket="never-made", **arguments)
    assert message == "The specified bucket does not exist"


def test_another_owner_is_expected(aws, bucket):
    refused("AccessDenied", aws.s3.get_bucket_versioning, Bucket=bucket, ExpectedBucketOwner="210987654321")
    aws.s3.get_bucket_versioning(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)


# ---------------------------------------------------------------- policies


def statement(bucket, effect, key="*", action="s3:GetObject", principal="*"):
    resource = f"arn:aws:s3:::{bucket}/{key}"
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_a_policy_lets_anybody_read_and_denies_even_the_administrator(aws, server, bucket):
    for key in ("open/a.txt", "secret/b.txt", "closed/c.txt"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    policy = document(statement(bucket, "Allow", "open/*"), statement(bucket, "Deny", "secret/*", "s3:*"))
    assert fetch(f"{server.url}/{bucket}/open/a.txt").status == 403

    # A new bucket blocks public policies.
    refused("AccessDenied", aws.s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    block = aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True} and len(block) == 4
    aws.s3.delete_public_access_block(Bucket=bucket)
    refused("NoSuchPublicAccessBlockConfiguration", aws.s3.get_public_access_block, Bucket=bucket)
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert aws.s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert aws.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True

    read = fetch(f"{server.url}/{bucket}/open/a.txt")
    assert (read.status, read.body) == (200, b"open/a.txt")
    assert fetch(f"{server.url}/{bucket}/closed/c.txt").status == 403
    assert fetch(f"{server.url}/{bucket}/open/new.txt", method="PUT", body=b"x").status == 403
    message = refused("AccessDenied", aws.s3.get_object, Bucket=bucket, Key="secret/b.txt")
    assert message.endswith("with an explicit deny in a resource-based policy")

    # Restricted again, the policy counts for the account alone.
    block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False}
    block["RestrictPublicBuckets"] = True
    aws.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    assert fetch(f"{server.url}/{bucket}/open/a.txt").status == 403

    aws.s3.delete_bucket_policy(Bucket=bucket)
    refused("NoSuchBucketPolicy", aws.s3.get_bucket_policy, Bucket=bucket)
    refused("NoSuchBucketPolicy", aws.s3.get_bucket_policy_status, Bucket=bucket)
    assert aws.s3.get_object(Bucket=bucket, Key="secret/b.txt")["Body"].read() == b"secret/b.txt"


def test_a_policy_lets_a_user_in_who_has_no_other_permission(aws, bucket):
    name, credentials = create_user(aws)
    user = aws.acting_as(credentials)
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    message = refused("AccessDenied", user.s3.get_object, Bucket=bucket, Key="k")
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: s3:GetObject on resource: "
        f'"arn:aws:s3:::{bucket}/k" because no identity-based policy allows the s3:GetObject action'
    )
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=document(statement(bucket, "Allow", principal=principal)))
    assert user.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    # Whether a key is there, only who may list the bucket learns.
    refused("AccessDenied", user.s3.get_object, Bucket=bucket, Key="none")


def test_policies_that_are_none(aws, bucket):
    for policy in ("no JSON", "{}", document(statement("other", "Allow")), document(statement(bucket, "Perhaps"))):
        refused("MalformedPolicy", aws.s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    unreadable = {**statement(bucket, "Allow"), "Condition": {"StringEqualz": {"aws:SourceAccount": ACCOUNT}}}
    refused("MalformedPolicy", aws.s3.put_bucket_policy, Bucket=bucket, Policy=document(unreadable))
    refused("NoSuchBucketPolicy", aws.s3.get_bucket_policy, Bucket=bucket)
    policy = document(statement("never-made", "Allow", principal={"AWS": ACCOUNT}))
    refused("NoSuchBucket", aws.s3.put_bucket_policy, Bucket="never-made", Policy=policy)


def test_nobody_is_locked_out_for_good(aws, bucket):
    both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    lock = {**statement(bucket, "Deny", action="s3:*"), "Resource": both}
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=document(lock))
    refused("AccessDenied", aws.s3.list_objects_v2, Bucket=bucket)
    _, another = create_user(aws, allow("s3:*", on="*"))
    refused("AccessDenied", aws.acting_as(another).s3.delete_bucket_policy, Bucket=bucket)
    # What is denied to all is not denied to the first administrator, who stands in for the account's root user.
    assert json.loads(aws.s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [lock]
    aws.s3.delete_bucket_policy(Bucket=bucket)
    aws.s3.list_objects_v2(Bucket=bucket)


# ---------------------------------------------------------------- notification


def test_notification_configurations(aws, bucket):
    def configured():
        answer = aws.s3.get_bucket_notification_configuration(Bucket=bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    assert configured() == {}
    to_stream = {"EventBridgeConfiguration": {}}
    aws.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=to_stream)
    assert configured() == to_stream
    topic = {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:nowhere", "Events": ["s3:ObjectCreated:*"]}
    arguments = {"Bucket": bucket, "NotificationConfiguration": {"TopicConfigurations": [topic]}}
    message = refused("InvalidArgument", aws.s3.put_bucket_notification_configuration, **arguments)
    assert message == "Unable to validate the following destination configurations"
    assert configured() == to_stream
    aws.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert configured() == {}


def test_the_event_of_an_upload_starts_a_pipeline(aws, bucket):
    aws.s3.put_bucket_versioning(Bucket=bucket, **VERSIONING)
    aws.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    first = aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=b"one")["VersionId"]
    role = create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"))
    pipeline = unique("uploads")

    def stage(name, owner, category, provider, **action):
        kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
        return {"name": name, "actions": [{"name": name, "actionTypeId": kind, **action}]}

    source = {"S3Bucket": bucket, "S3ObjectKey": "source.zip", "PollForSourceChanges": "true"}
    stages = [
        stage("Source", "AWS", "Source", "S3", configuration=source, outputArtifacts=[{"name": "Source"}]),
        stage("Wait", "AWS", "Approval", "Manual"),
    ]
    store = {"type": "S3", "location": bucket}
    aws.codepipeline.create_pipeline(
        pipeline={"name": pipeline, "roleArn": role, "artifactStore": store, "stages": stages}
    )

    def revisions():
        answer = aws.codepipeline.list_pipeline_executions(pipelineName=pipeline)
        summaries = answer["pipelineExecutionSummaries"]
        return [revision["revisionId"] for one in summaries for revision in one.get("sourceRevisions", [])]

    until(lambda: revisions() == [first], 30, "the first version to be read")
    second = aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=b"two")["VersionId"]
    until(lambda: revisions() == [second, first], 30, "the upload to start an execution")
    # An upload beside it starts nothing: what starts after it is about the next version of the source.
    aws.s3.put_object(Bucket=bucket, Key="other.zip", Body=b"other")
    third = aws.s3.put_object(Bucket=bucket, Key="source.zip", Body=b"three")["VersionId"]
    until(lambda: revisions() == [third, second, first], 30, "the next upload to start an execution")
