"""API destinations and their connections: the API, and rules that call an endpoint over TLS."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from harness.aws import Aws
from harness.endpoint import Endpoint
from harness.eventually import until
from harness.identities import allow, create_role, trust, unique
from harness.server import ACCOUNT, REGION, Server

SECONDS = 30
ARN = f"arn:aws:events:{REGION}:{ACCOUNT}"
BASIC = {"BasicAuthParameters": {"Username": "somebody", "Password": "a secret word"}}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    endpoint = Endpoint(tmp_path_factory.mktemp("endpoint"))
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, endpoint):
    """A server that trusts the endpoint's certificate."""
    environment = {"SSL_CERT_FILE": str(endpoint.certificate)}
    server = Server(tmp_path_factory.mktemp("server"), environment=environment).start()
    yield server
    assert server.stop() == 0, server.log_tail()
    assert server.panics() == []


@pytest.fixture(scope="module")
def events(aws):
    return aws.events


def refused(code, message=None):
    return pytest.raises(ClientError, match=rf"(?s)\({code}\).*{message or ''}")


def connect(events, kind, parameters, name=None):
    """A connection's ARN."""
    name = name or unique("connection")
    answer = events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=parameters)
    return answer["ConnectionArn"]


def destination(events, connection, url, **more):
    """An API destination's ARN."""
    more = {"HttpMethod": "POST", **more}
    answer = events.create_api_destination(
        Name=unique("destination"), ConnectionArn=connection, InvocationEndpoint=url, **more
    )
    return answer["ApiDestinationArn"]


def deliver(aws, destination_arn, detail, **target):
    """Puts an event for a rule whose target is the destination: `(event id, rule name)`."""
    source, rule = unique("source"), unique("rule")
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("events:InvokeApiDestination"))
    aws.events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    aws.events.put_targets(Rule=rule, Targets=[{"Id": "http", "Arn": destination_arn, "RoleArn": role, **target}])
    entry = {"Source": source, "DetailType": "t", "Detail": json.dumps(detail)}
    (answer,) = aws.events.put_events(Entries=[entry])["Entries"]
    return answer["EventId"], rule


def received(endpoint, path, count=1):
    """The requests for a path, once there are so many."""

    def probe():
        requests = [request for request in endpoint.requests if request["path"].startswith(path)]
        return requests if len(requests) >= count else None

    return until(probe, SECONDS, f"{count} requests for {path}")


def test_a_connection_is_made_described_changed_and_deleted(events):
    name = unique("connection")
    arn = connect(events, "BASIC", BASIC, name)
    assert arn.startswith(f"{ARN}:connection/{name}/")
    with refused("ResourceAlreadyExistsException", f"Connection {name} already exists."):
        connect(events, "BASIC", BASIC, name)
    described = events.describe_connection(Name=name)
    assert described["ConnectionState"] == "AUTHORIZED"
    assert described["AuthParameters"] == {"BasicAuthParameters": {"Username": "somebody"}}
    secret = {"HeaderParameters": [{"Key": "X-A", "Value": "hidden", "IsValueSecret": True}]}
    changed = {"BasicAuthParameters": {"Password": "another"}, "InvocationHttpParameters": secret}
    events.update_connection(Name=name, AuthParameters=changed, Description="new")
    described = events.describe_connection(Name=name)
    assert described["AuthParameters"]["BasicAuthParameters"] == {"Username": "somebody"}
    (header,) = described["AuthParameters"]["InvocationHttpParameters"]["HeaderParameters"]
    assert header == {"Key": "X-A", "IsValueSecret": True}
    assert [one["Name"] for one in events.list_connections(NamePrefix=name)["Connections"]] == [name]
    assert events.deauthorize_connection(Name=name)["ConnectionState"] == "DEAUTHORIZING"
    assert events.describe_connection(Name=name)["ConnectionState"] == "DEAUTHORIZED"
    assert events.delete_connection(Name=name)["ConnectionState"] == "DELETING"
    for call in (
        events.describe_connection,
        events.update_connection,
        events.deauthorize_connection,
        events.delete_connection,
    ):
        with refused("ResourceNotFoundException", f"Connection '{name}' does not exist."):
            call(Name=name)
    with refused("ValidationException", "NextToken"):
        events.list_connections(NextToken="made-up")


def test_what_is_no_connection(events):
    with refused("ValidationException", "AuthParameters"):
        connect(events, "API_KEY", BASIC)
    oauth = {
        "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
        "AuthorizationEndpoint": "http://localhost/token",
        "HttpMethod": "POST",
    }
    with refused("ValidationException", "HTTPS"):
        connect(events, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth})


def test_secrets_are_nowhere_in_the_data(server, events):
    connect(events, "API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "verysecretkeyvalue"}})
    found = [path for path in server.data.rglob("*") if path.is_file() and b"verysecretkeyvalue" in path.read_bytes()]
    assert found == []


def test_a_destination_is_made_described_changed_and_deleted(events):
    connection, name = connect(events, "BASIC", BASIC), unique("destination")
    asked = {"Name": name, "ConnectionArn": connection, "HttpMethod": "POST"}
    answer = events.create_api_destination(**asked, InvocationEndpoint="https://example.com/a")
    assert answer["ApiDestinationState"] == "ACTIVE"
    with refused("ResourceAlreadyExistsException"):
        events.create_api_destination(**asked, InvocationEndpoint="https://example.com/a")
    with refused("ResourceNotFoundException"):
        elsewhere = f"{ARN}:connection/nothing/12345678-1234-4234-8234-123456789012"
        events.create_api_destination(
            Name=unique("d"), ConnectionArn=elsewhere, HttpMethod="GET", InvocationEndpoint="https://example.com"
        )
    with refused("ValidationException", "HTTPS"):
        events.create_api_destination(**{**asked, "Name": unique("d")}, InvocationEndpoint="http://example.com/a")
    events.update_api_destination(Name=name, HttpMethod="PUT", InvocationRateLimitPerSecond=7)
    described = events.describe_api_destination(Name=name)
    assert described["HttpMethod"] == "PUT" and described["InvocationRateLimitPerSecond"] == 7
    assert described["InvocationEndpoint"] == "https://example.com/a"
    listed = events.list_api_destinations(ConnectionArn=connection)["ApiDestinations"]
    assert [one["Name"] for one in listed] == [name]
    events.deauthorize_connection(Name=connection.split("/")[1])
    assert events.describe_api_destination(Name=name)["ApiDestinationState"] == "INACTIVE"
    events.delete_api_destination(Name=name)
    for call in (events.describe_api_destination, events.update_api_destination, events.delete_api_destination):
        with refused("ResourceNotFoundException", f"ApiDestination '{name}' does not exist."):
            call(Name=name)
    with refused("ValidationException", "NextToken"):
        events.list_api_destinations(NextToken="made-up")


def test_an_endpoint_is_called(aws, events, endpoint):
    connection = connect(
        events,
        "BASIC",
        {
            **BASIC,
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Team", "Value": "a"}],
                "QueryStringParameters": [{"Key": "q", "Value": "1 2"}],
                "BodyParameters": [{"Key": "added", "Value": "b", "IsValueSecret": True}],
            },
        },
    )
    arn = destination(events, connection, f"{endpoint.url}/called/*/end")
    http = {
        "PathParameterValues": ["$.detail.who"],
        "HeaderParameters": {"X-Fixed": "f"},
        "QueryStringParameters": {"n": "$.detail.n"},
    }
    deliver(aws, arn, {"who": "a/b", "n": 3}, HttpParameters=http, InputPath="$.detail")
    (request,) = received(endpoint, "/called/")
    assert request["method"] == "POST" and request["path"] == "/called/a%2Fb/end?n=3&q=1+2"
    assert json.loads(request["body"]) == {"who": "a/b", "n": 3, "added": "b"}
    headers = request["headers"]
    assert headers["authorization"] == "Basic " + base64.b64encode(b"somebody:a secret word").decode()
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert (headers["x-team"], headers["x-fixed"]) == ("a", "f")


def test_a_key_is_a_header(aws, events, endpoint):
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "v"}}
    deliver(aws, destination(events, connect(events, "API_KEY", key), f"{endpoint.url}/key"), {})
    (request,) = received(endpoint, "/key")
    assert request["headers"]["x-key"] == "v"


def test_a_token_is_fetched_and_renewed_when_it_is_refused(aws, events, endpoint):
    oauth = {
        "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
        "AuthorizationEndpoint": f"{endpoint.url}/token",
        "HttpMethod": "POST",
    }
    name = unique("connection")
    answer = events.create_connection(
        Name=name, AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": oauth}
    )
    assert answer["ConnectionState"] == "AUTHORIZING"
    until(lambda: events.describe_connection(Name=name)["ConnectionState"] == "AUTHORIZED", SECONDS, "authorisation")
    endpoint.answers.append((401, {}))
    deliver(aws, destination(events, answer["ConnectionArn"], f"{endpoint.url}/oauth"), {})
    first, second = received(endpoint, "/oauth", 2)
    assert first["headers"]["authorization"] == "Bearer token-1"
    assert second["headers"]["authorization"] == "Bearer token-2"


def test_what_fails_for_now_is_tried_again(aws, events, endpoint):
    arn = destination(events, connect(events, "BASIC", BASIC), f"{endpoint.url}/again")
    endpoint.answers += [(503, {}), (429, {"Retry-After": "1"})]
    identity, _ = deliver(aws, arn, {})
    requests = received(endpoint, "/again", 3)
    assert len({request["body"] for request in requests}) == 1 and identity in requests[0]["body"]


def test_a_call_without_permission_goes_nowhere(aws, events, endpoint):
    arn = destination(events, connect(events, "BASIC", BASIC), f"{endpoint.url}/forbidden")
    source, rule = unique("source"), unique("rule")
    without = create_role(aws, trust(Service="events.amazonaws.com"))
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn, "RoleArn": without}])
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": "{}"}])
    allowed, _ = deliver(aws, arn, {})
    (request,) = received(endpoint, "/forbidden")
    assert json.loads(request["body"])["id"] == allowed


def test_another_region_has_connections_of_its_own(server, events):
    name = unique("connection")
    connect(events, "BASIC", BASIC, name)
    elsewhere = Aws(server.url, server.administrator, "eu-west-1").events
    with refused("ResourceNotFoundException"):
        elsewhere.describe_connection(Name=name)
