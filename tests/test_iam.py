"""IAM operation by operation: users, groups, roles, policies, keys; what decisions and refusals they lead to."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.credentials import Credentials
from harness.eventually import until
from harness.identities import allow, create_role, create_user, deny, policy, trust, unique
from harness.server import ACCOUNT

READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
CODEBUILD = trust(Service="codebuild.amazonaws.com")


def refused(call, **arguments):
    """The code and the message that `call` is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def missing(noun, name):
    """How IAM says that something is not there."""
    return "NoSuchEntity", f"The {noun} with name {name} cannot be found."


@pytest.fixture(scope="module")
def iam(aws):
    return aws.iam


@pytest.fixture
def user(iam):
    """The name of a new user."""
    name = unique("user")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def group(iam):
    """The name of a new group."""
    name = unique("group")
    iam.create_group(GroupName=name)
    return name


@pytest.fixture
def role(aws):
    """The name of a new role."""
    return create_role(aws, CODEBUILD).rsplit("/", 1)[-1]


@pytest.fixture
def managed(iam):
    """The ARN of a new managed policy that allows sns:Publish."""
    document = policy(allow("sns:Publish"))
    return iam.create_policy(PolicyName=unique("policy"), PolicyDocument=document)["Policy"]["Arn"]


def test_users(iam):
    name, other = unique("user"), unique("user")
    made = iam.create_user(UserName=name, Path="/team/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/{name}"
    assert iam.get_user(UserName=name)["User"] == made
    assert name in [found["UserName"] for found in iam.list_users(PathPrefix="/team/")["Users"]]
    assert refused(iam.create_user, UserName=name.upper()) == (
        "EntityAlreadyExists",
        f"User with name {name.upper()} already exists.",
    )
    iam.update_user(UserName=name, NewUserName=other, NewPath="/")
    assert iam.get_user(UserName=other)["User"]["UserId"] == made["UserId"]
    for call in (iam.get_user, iam.update_user, iam.delete_user):
        assert refused(call, UserName=name) == missing("user", name)
    iam.delete_user(UserName=other)
    assert refused(iam.list_users, Marker="forged")[0] == "ValidationError"


def test_groups_and_their_members(iam, user, group):
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert [found["UserName"] for found in iam.get_group(GroupName=group)["Users"]] == [user]
    assert [found["GroupName"] for found in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    assert group in [found["GroupName"] for found in iam.list_groups()["Groups"]]
    assert refused(iam.delete_group, GroupName=group) == (
        "DeleteConflict",
        "Cannot delete entity, must remove users from group first.",
    )
    assert refused(iam.delete_user, UserName=user)[1] == "Cannot delete entity, must remove users from group first."
    iam.remove_user_from_group(GroupName=group, UserName=user)
    assert refused(iam.remove_user_from_group, GroupName=group, UserName=user)[0] == "NoSuchEntity"
    other = unique("group")
    iam.update_group(GroupName=group, NewGroupName=other)
    for call in (iam.get_group, iam.update_group, iam.delete_group):
        assert refused(call, GroupName=group) == missing("group", group)
    assert refused(iam.add_user_to_group, GroupName=group, UserName=user) == missing("group", group)
    assert refused(iam.create_group, GroupName=other)[0] == "EntityAlreadyExists"
    assert refused(iam.list_groups_for_user, UserName="nobody") == missing("user", "nobody")
    assert refused(iam.list_groups, Marker="forged")[0] == "ValidationError"
    iam.delete_group(GroupName=other)


def test_roles(iam):
    name = unique("role")
    made = iam.create_role(RoleName=name, Path="/ci/", AssumeRolePolicyDocument=CODEBUILD, Description="Builds")["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/ci/{name}"
    # The document comes back decoded: botocore has undone the percent-encoding.
    assert made["AssumeRolePolicyDocument"] == json.loads(CODEBUILD)
    assert name in [found["RoleName"] for found in iam.list_roles(PathPrefix="/ci/")["Roles"]]
    iam.update_role(RoleName=name, MaxSessionDuration=7200)
    answer = iam.update_role_description(RoleName=name, Description="Still builds")["Role"]
    assert (answer["MaxSessionDuration"], answer["Description"]) == (7200, "Still builds")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(AWS=ACCOUNT))
    statement = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"AWS": ACCOUNT}
    assert refused(iam.create_role, RoleName=name, AssumeRolePolicyDocument=CODEBUILD)[0] == "EntityAlreadyExists"
    assert refused(iam.update_assume_role_policy, RoleName=name, PolicyDocument="{") == (
        "MalformedPolicyDocument",
        "This policy contains invalid Json",
    )
    iam.delete_role(RoleName=name)
    for call in (iam.get_role, iam.delete_role, iam.update_role):
        assert refused(call, RoleName=name) == missing("role", name)
    assert refused(iam.update_role_description, RoleName=name, Description="") == missing("role", name)
    assert refused(iam.list_roles, Marker="forged")[0] == "ValidationError"


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_inline_policies(iam, kind, request):
    name = request.getfixturevalue(kind)
    of = {f"{kind.title()}Name": name}
    put, get = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"get_{kind}_policy")
    delete, listed = getattr(iam, f"delete_{kind}_policy"), getattr(iam, f"list_{kind}_policies")
    document = policy(allow("sns:Publish"))
    put(**of, PolicyName="p", PolicyDocument=document)
    assert get(**of, PolicyName="p")["PolicyDocument"] == json.loads(document)
    assert listed(**of)["PolicyNames"] == ["p"]
    assert refused(put, **of, PolicyName="q", PolicyDocument="{") == (
        "MalformedPolicyDocument",
        "Syntax errors in policy.",
    )
    delete(**of, PolicyName="p")
    absent = "NoSuchEntity", f"The {kind} policy with name p cannot be found."
    assert refused(get, **of, PolicyName="p") == refused(delete, **of, PolicyName="p") == absent
    nobody = {f"{kind.title()}Name": "nobody"}
    assert refused(listed, **nobody) == missing(kind, "nobody")


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_attached_policies(iam, managed, kind, request):
    name = request.getfixturevalue(kind)
    of = {f"{kind.title()}Name": name}
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    listed = getattr(iam, f"list_attached_{kind}_policies")
    attach(**of, PolicyArn=managed)
    attach(**of, PolicyArn=READ_ONLY)
    arns = {found["PolicyArn"] for found in listed(**of)["AttachedPolicies"]}
    assert arns == {managed, READ_ONLY}
    users_of_it = iam.list_entities_for_policy(PolicyArn=managed)[f"Policy{kind.title()}s"]
    assert [found[f"{kind.title()}Name"] for found in users_of_it] == [name]
    assert iam.get_policy(PolicyArn=managed)["Policy"]["AttachmentCount"] == 1
    assert refused(iam.delete_policy, PolicyArn=managed) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    detach(**of, PolicyArn=managed)
    assert refused(detach, **of, PolicyArn=managed) == ("NoSuchEntity", f"Policy {managed} was not found.")
    none = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert refused(attach, **of, PolicyArn=none) == (
        "NoSuchEntity",
        f"Policy {none} does not exist or is not attachable.",
    )
    assert refused(listed, **{f"{kind.title()}Name": "nobody"}) == missing(kind, "nobody")


def test_managed_policies(iam):
    name = unique("policy")
    made = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("sns:Publish")), Description="d")["Policy"]
    arn = made["Arn"]
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (got["DefaultVersionId"], got["Description"], got["AttachmentCount"]) == ("v1", "d", 0)
    assert arn in [found["Arn"] for found in iam.list_policies(Scope="Local")["Policies"]]
    assert READ_ONLY in [found["Arn"] for found in iam.list_policies(Scope="AWS")["Policies"]]
    assert refused(iam.create_policy, PolicyName=name, PolicyDocument=policy(allow("sns:Publish"))) == (
        "EntityAlreadyExists",
        f"A policy called {name} already exists. Duplicate names are not allowed.",
    )
    assert refused(iam.get_policy, PolicyArn=arn + "x") == ("NoSuchEntity", f"Policy {arn}x was not found.")
    assert refused(iam.list_entities_for_policy, PolicyArn=arn + "x")[0] == "NoSuchEntity"
    assert refused(iam.list_policies, Marker="forged")[0] == "ValidationError"
    iam.delete_policy(PolicyArn=arn)


def test_versions_of_a_managed_policy(iam, managed):
    document = policy(deny("sns:Publish"))
    made = iam.create_policy_version(PolicyArn=managed, PolicyDocument=document, SetAsDefault=True)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", True)
    got = iam.get_policy_version(PolicyArn=managed, VersionId="v2")["PolicyVersion"]
    assert got["Document"] == json.loads(document)
    assert refused(iam.delete_policy_version, PolicyArn=managed, VersionId="v2") == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )
    iam.set_default_policy_version(PolicyArn=managed, VersionId="v1")
    iam.delete_policy_version(PolicyArn=managed, VersionId="v2")
    versions = iam.list_policy_versions(PolicyArn=managed)["Versions"]
    assert [version["VersionId"] for version in versions] == ["v1"]
    for call in (iam.get_policy_version, iam.set_default_policy_version):
        assert refused(call, PolicyArn=managed, VersionId="v9")[0] == "NoSuchEntity"
    assert refused(iam.list_policy_versions, PolicyArn=managed + "x")[0] == "NoSuchEntity"
    for _ in range(4):
        iam.create_policy_version(PolicyArn=managed, PolicyDocument=document)
    code, message = refused(iam.create_policy_version, PolicyArn=managed, PolicyDocument=document)
    assert code == "LimitExceeded" and message.startswith("A managed policy can have up to 5 versions.")


def test_permissions_boundaries(aws, iam, role):
    name, credentials = create_user(aws, allow("iam:*"))
    limited = aws.acting_as(credentials).iam
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=READ_ONLY)
    limited.list_users()
    code, message = refused(limited.create_user, UserName=unique("user"))
    assert code == "AccessDenied"
    assert message.endswith("because no permissions boundary allows the iam:CreateUser action")
    boundary = iam.get_user(UserName=name)["User"]["PermissionsBoundary"]
    assert boundary == {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": READ_ONLY,
    }
    iam.delete_user_permissions_boundary(UserName=name)
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=READ_ONLY)
    iam.delete_role_permissions_boundary(RoleName=role)
    for call in (iam.put_user_permissions_boundary, iam.delete_user_permissions_boundary):
        more = {"PermissionsBoundary": READ_ONLY} if call == iam.put_user_permissions_boundary else {}
        assert refused(call, UserName="nobody", **more) == missing("user", "nobody")
    assert refused(iam.put_role_permissions_boundary, RoleName=role, PermissionsBoundary=READ_ONLY + "x")[0] == (
        "NoSuchEntity"
    )
    assert refused(iam.delete_role_permissions_boundary, RoleName="nobody") == missing("role", "nobody")


def test_access_keys(aws, iam):
    name, credentials = create_user(aws)
    key = credentials.access_key_id
    clients = aws.acting_as(credentials)
    assert clients.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{name}"
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    assert refused(clients.sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Active")
    assert [found["Status"] for found in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]] == ["Active"]
    iam.create_access_key(UserName=name)
    assert refused(iam.create_access_key, UserName=name) == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    refused(clients.iam.list_users)
    last_used = until(
        lambda: iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"].get("LastUsedDate"),
        10,
        "the last use of the key",
    )
    assert last_used is not None
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    absent = "NoSuchEntity", f"The Access Key with id {key} cannot be found."
    assert refused(iam.delete_access_key, UserName=name, AccessKeyId=key) == absent
    assert refused(iam.update_access_key, UserName=name, AccessKeyId=key, Status="Active") == absent
    code, message = refused(iam.get_access_key_last_used, AccessKeyId=key)
    assert code == "AccessDenied" and message.endswith(f"iam:GetAccessKeyLastUsed on resource: access key {key}")
    assert refused(iam.list_access_keys, UserName="nobody") == missing("user", "nobody")
    assert refused(iam.delete_user, UserName=name)[1] == "Cannot delete entity, must delete access keys first."


def test_service_specific_credentials(iam, user):
    made = iam.create_service_specific_credential(UserName=user, ServiceName="codecommit.amazonaws.com")
    made = made["ServiceSpecificCredential"]
    identity = {"UserName": user, "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    assert made["ServiceUserName"] == f"{user}-at-{ACCOUNT}" and len(made["ServicePassword"]) == 44
    iam.update_service_specific_credential(**identity, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"]
    assert [(found["ServiceUserName"], found["Status"]) for found in listed] == [(made["ServiceUserName"], "Inactive")]
    reset = iam.reset_service_specific_credential(**identity)["ServiceSpecificCredential"]
    assert reset["ServicePassword"] != made["ServicePassword"]
    iam.delete_service_specific_credential(**identity)
    for call in (iam.reset_service_specific_credential, iam.delete_service_specific_credential):
        assert refused(call, **identity)[0] == "NoSuchEntity"
    assert refused(iam.update_service_specific_credential, **identity, Status="Active")[0] == "NoSuchEntity"
    unsupported = {"UserName": user, "ServiceName": "s3.amazonaws.com"}
    for call in (iam.create_service_specific_credential, iam.list_service_specific_credentials):
        assert refused(call, **unsupported) == (
            "NoSuchEntity",
            "No such service s3.amazonaws.com is supported for Service Specific Credentials",
        )


def test_instance_profiles(iam, role):
    name = unique("profile")
    of = {"InstanceProfileName": name}
    iam.create_instance_profile(**of)
    iam.add_role_to_instance_profile(**of, RoleName=role)
    assert refused(iam.add_role_to_instance_profile, **of, RoleName=role)[0] == "LimitExceeded"
    assert [found["RoleName"] for found in iam.get_instance_profile(**of)["InstanceProfile"]["Roles"]] == [role]
    listed = iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]
    assert [found["InstanceProfileName"] for found in listed] == [name]
    assert name in [found["InstanceProfileName"] for found in iam.list_instance_profiles()["InstanceProfiles"]]
    assert refused(iam.delete_role, RoleName=role)[0] == "DeleteConflict"
    assert refused(iam.delete_instance_profile, **of)[0] == "DeleteConflict"
    iam.remove_role_from_instance_profile(**of, RoleName=role)
    assert refused(iam.remove_role_from_instance_profile, **of, RoleName=role)[0] == "NoSuchEntity"
    assert refused(iam.create_instance_profile, **of)[0] == "EntityAlreadyExists"
    iam.delete_instance_profile(**of)
    assert refused(iam.get_instance_profile, **of) == ("NoSuchEntity", f"Instance Profile {name} cannot be found.")
    assert refused(iam.list_instance_profiles_for_role, RoleName="nobody") == missing("role", "nobody")
    assert refused(iam.list_instance_profiles, Marker="forged")[0] == "ValidationError"


def test_tags(iam, user, role, managed):
    profile = unique("profile")
    iam.create_instance_profile(InstanceProfileName=profile)
    for kind, of, absent in [
        ("user", {"UserName": user}, {"UserName": "nobody"}),
        ("role", {"RoleName": role}, {"RoleName": "nobody"}),
        ("policy", {"PolicyArn": managed}, {"PolicyArn": managed + "x"}),
        ("instance_profile", {"InstanceProfileName": profile}, {"InstanceProfileName": "nobody"}),
    ]:
        tag, untag = getattr(iam, f"tag_{kind}"), getattr(iam, f"untag_{kind}")
        listed = getattr(iam, f"list_{kind}_tags")
        tag(**of, Tags=[{"Key": "Team", "Value": "a"}, {"Key": "x", "Value": ""}])
        tag(**of, Tags=[{"Key": "team", "Value": "b"}])
        assert listed(**of)["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}]
        untag(**of, TagKeys=["TEAM"])
        assert listed(**of)["Tags"] == [{"Key": "x", "Value": ""}]
        assert refused(tag, **of, Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]) == (
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
        assert refused(untag, **absent, TagKeys=["x"])[0] == "NoSuchEntity"
        assert refused(listed, **absent)[0] == "NoSuchEntity"


def test_the_policy_simulator(aws, iam):
    name, _ = create_user(aws, allow("s3:Get*", on="arn:aws:s3:::b/*"), deny("s3:GetObjectAcl"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    actions = ["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"]
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions, ResourceArns=["arn:aws:s3:::b/k"])
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["allowed", "explicitDeny", "implicitDeny"]
    answer = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*", condition={"Bool": {"aws:SecureTransport": "true"}}))],
        ActionNames=["s3:GetObject"],
    )
    assert answer["EvaluationResults"][0]["MissingContextValues"] == ["aws:SecureTransport"]
    assert refused(iam.simulate_principal_policy, PolicySourceArn=arn + "x", ActionNames=actions)[0] == "NoSuchEntity"
    assert refused(iam.simulate_custom_policy, PolicyInputList=["{}"], ActionNames=actions)[0] == "InvalidInput"


def test_context_keys(aws, iam):
    name, _ = create_user(aws, allow("iam:*", on="arn:aws:iam::*:user/${aws:username}"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == ["aws:username"]
    document = policy(allow("s3:*", condition={"StringLike": {"s3:prefix": "${aws:userid}/*"}}))
    names = iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"]
    assert names == ["s3:prefix", "aws:userid"]
    assert refused(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn + "x")[0] == "NoSuchEntity"
    assert refused(iam.get_context_keys_for_custom_policy, PolicyInputList=["{"])[0] == "InvalidInput"


def test_account_authorization_details(iam, user):
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 3})
    users = [found["UserName"] for page in pages for found in page["UserDetailList"]]
    assert user in users and len(users) == len(set(users))
    assert refused(iam.get_account_authorization_details, Marker="forged")[0] == "ValidationError"


def test_pages(iam):
    prefix = f"/{unique('pages')}/"
    names = [unique("paged") for _ in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path=prefix)
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=prefix, PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert sorted(found["UserName"] for page in pages for found in page["Users"]) == sorted(names)


def test_constraints_are_worded(iam):
    code, message = refused(iam.get_user, UserName="no spaces")
    assert code == "ValidationError"
    assert message.startswith("1 validation error detected: ") and "userName" in message
    code, message = refused(iam.get_access_key_last_used, AccessKeyId="not a key id at all")
    assert code == "ValidationError" and "accessKeyId" in message


def test_group_policies_and_explicit_denies(aws, iam, group):
    name, credentials = create_user(aws)
    clients = aws.acting_as(credentials)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow("iam:List*")))
    iam.add_user_to_group(GroupName=group, UserName=name)
    clients.iam.list_users()
    guard = iam.create_policy(PolicyName=unique("guard"), PolicyDocument=policy(deny("iam:ListUsers")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=guard)
    code, message = refused(clients.iam.list_users)
    assert code == "AccessDenied"
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: iam:ListUsers on resource: "
        f"arn:aws:iam::{ACCOUNT}:user/ with an explicit deny in an identity-based policy: {guard}"
    )
    clients.iam.list_roles()


def test_the_cli_reads_documents_and_answers(cli, iam, role):
    document = policy(allow("sns:Publish"))
    cli.run("iam", "put-role-policy", "--role-name", role, "--policy-name", "p", "--policy-document", document)
    got = json.loads(cli.run("iam", "get-role-policy", "--role-name", role, "--policy-name", "p"))
    assert got["PolicyDocument"] == json.loads(document)


def test_secrets_are_not_in_the_data_folder(server, aws):
    _, credentials = create_user(aws)
    assert isinstance(credentials, Credentials)
    secret = credentials.secret_access_key.encode()
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files and not [path for path in files if secret in path.read_bytes()]
