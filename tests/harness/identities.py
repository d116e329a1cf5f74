"""Users and roles with exactly the permissions that a test names."""

import itertools
import json

from .credentials import Credentials

_numbers = itertools.count(1)


def unique(prefix):
    """A name that no other test of this process uses."""
    return f"{prefix}-{next(_numbers)}"


def allow(*actions, on="*", condition=None):
    """A statement that allows `actions` on a resource or a list of them."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return {**statement, "Condition": condition} if condition else statement


def deny(*actions, on="*", condition=None):
    """A statement that denies `actions` on a resource or a list of them."""
    return {**allow(*actions, on=on, condition=condition), "Effect": "Deny"}


def policy(*statements):
    """The text of a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(**principal):
    """The text of a trust policy: `trust(Service="codebuild.amazonaws.com")`, `trust(AWS=account)`."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return policy(statement)


def create_user(aws, *statements, name=None):
    """A user who may do what `statements` say: `(name, credentials)`."""
    name = name or unique("user")
    aws.iam.create_user(UserName=name)
    if statements:
        aws.iam.put_user_policy(UserName=name, PolicyName="permissions", PolicyDocument=policy(*statements))
    return name, Credentials.from_access_key(aws.iam.create_access_key(UserName=name)["AccessKey"])


def create_role(aws, trust_policy, *statements, name=None):
    """The ARN of a role that may do what `statements` say."""
    name = name or unique("role")
    role = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust_policy)["Role"]
    if statements:
        aws.iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=policy(*statements))
    return role["Arn"]
