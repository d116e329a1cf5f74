"""What much costs: executions one after the other, pipelines that wait, a long history; and how soon things follow."""

import io
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time
import zipfile

from ground import CONNECTIONS, TARGET, load, pipeline

from harness.aws import Aws
from harness.endpoint import Endpoint
from harness.eventually import until
from harness.identities import allow, create_role, trust
from harness.server import ACCOUNT, ADMINISTRATOR, REGION, Server

EXECUTIONS = 10_000
FEW, MANY = 1_000, 1_000_000
WAITING = 1_000
QUIET_SECONDS = 30


def bench(*arguments):
    """What a command of the load half prints."""
    command = [TARGET / "bench", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_executions(table, durable_writes):
    """Executions of three stages whose actions are done at once, against writing small documents."""
    report = bench("executions", "--executions", EXECUTIONS)
    ratio = report["transactions_per_second"] / durable_writes
    table.add(
        f"{EXECUTIONS} executions of three stages",
        f"{report['executions_per_second']:.0f}/s, {report['transactions_per_second']:.0f} transactions/s "
        f"({report['transactions_per_execution']:.1f} each)",
        f"durable writes: {durable_writes:.0f}/s",
        f"{ratio:.2f} ×",
        "≥ 0.5 ×",
        ratio >= 0.5,
    )


def measure_transitions(table):
    """From the end of an action, durable, to the start of the next stage's, while others wait."""
    report = bench("transitions", "--pipelines", WAITING)
    table.add(
        "end of an action → start of the next stage's",
        f"p50 {report['p50_ms']:.2f} ms, p99 {report['p99_ms']:.2f} ms",
        f"{WAITING} pipelines under way; with the commit of the end: p50 {report['since_called_p50_ms']:.2f} ms",
        f"{report['p50_ms']:.2f} ms",
        "p50 < 5 ms",
        report["p50_ms"] < 5,
    )


class TimedEndpoint(Endpoint):
    """Notes when each event came, by its id."""

    def __init__(self, folder):
        super().__init__(folder)
        self.requests = Arrivals()


class Arrivals(list):
    """Requests, each with the time at which it was there."""

    def append(self, request):
        super().append({**request, "at": time.time()})


def measure_events(table, folder, events=200):
    """From PutEvents to the call of a rule's target: an API destination over TLS."""
    (folder / "endpoint").mkdir()
    endpoint = TimedEndpoint(folder / "endpoint")
    environment = {"SSL_CERT_FILE": str(endpoint.certificate)}
    server = Server(folder / "events", environment=environment).start()
    aws = Aws(server.url, ADMINISTRATOR)
    basic = {"BasicAuthParameters": {"Username": "bench", "Password": "a secret word"}}
    connection = aws.events.create_connection(Name="bench", AuthorizationType="BASIC", AuthParameters=basic)
    destination = aws.events.create_api_destination(
        Name="bench",
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=endpoint.url,
        HttpMethod="POST",
        InvocationRateLimitPerSecond=300,
    )
    role = create_role(aws, trust(Service="events.amazonaws.com"), allow("events:InvokeApiDestination"), name="bench")
    aws.events.put_rule(Name="bench", EventPattern=json.dumps({"source": ["bench"]}))
    target = {"Id": "http", "Arn": destination["ApiDestinationArn"], "RoleArn": role}
    aws.events.put_targets(Rule="bench", Targets=[target])
    called, published = {}, {}
    for number in range(events):
        began = time.time()
        entry = {"Source": "bench", "DetailType": "t", "Detail": json.dumps({"number": number})}
        (answer,) = aws.events.put_events(Entries=[entry])["Entries"]
        called[answer["EventId"]], published[answer["EventId"]] = began, time.time()
        until(lambda number=number: len(endpoint.requests) > number, 30, "the target to be called")
    server.stop()
    endpoint.close()
    arrived = {json.loads(request["body"])["id"]: request["at"] for request in endpoint.requests}

    def since(moments):
        millis = sorted((arrived[event] - moment) * 1000 for event, moment in moments.items())
        return statistics.median(millis), millis[int(len(millis) * 0.99)]

    (p50, p99), (from_call, _) = since(published), since(called)
    table.add(
        "event published → target called",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        f"{events} events; from the call of PutEvents: p50 {from_call:.1f} ms",
        f"{p50:.1f} ms",
        "p50 < 20 ms",
        p50 < 20,
    )


def prepare_site(aws, *permissions):
    """The bucket with a source, and a role that may use it."""
    aws.s3.create_bucket(Bucket="bench")
    aws.s3.put_bucket_versioning(Bucket="bench", VersioningConfiguration={"Status": "Enabled"})
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("index.html", "<h1>Bench</h1>")
    aws.s3.put_object(Bucket="bench", Key="source.zip", Body=body.getvalue())
    return create_role(aws, trust(Service="codepipeline.amazonaws.com"), allow("s3:*"), name="bench")


def history(folder):
    """Two stopped servers with the same pipeline: one has few executions, the other many."""
    few = Server(folder / "few").start()
    aws = Aws(few.url, ADMINISTRATOR)
    aws.codepipeline.create_pipeline(pipeline=pipeline("history", prepare_site(aws)))

    def succeeded():
        (first,) = aws.codepipeline.list_pipeline_executions(pipelineName="history")["pipelineExecutionSummaries"]
        return first["status"] == "Succeeded"

    until(succeeded, 30, "the first execution to succeed")
    few.stop()
    many = Server(folder / "many")
    for server, executions in (few, FEW), (many, MANY):
        if server is many:
            shutil.copytree(few.data, many.data)
        place = ["--data", server.data / "store", "--account", ACCOUNT, "--region", REGION]
        began = time.monotonic()
        bench("seed", *place, "--pipeline", "history", "--executions", executions)
        print(f"{executions} executions stored in {time.monotonic() - began:.0f} s", flush=True)
    return few, many


def is_at_rest(server):
    """Whether no execution of the pipeline is under way."""
    client = Aws(server.url, ADMINISTRATOR).codepipeline
    newest = client.list_pipeline_executions(pipelineName="history")["pipelineExecutionSummaries"]
    return all(execution["status"] != "InProgress" for execution in newest)


def measure_history(table, folder, turns=7):
    """What calls cost with few stored executions and with many, in turn; on one connection, so without waiting."""
    few, many = (server.start() for server in history(folder))
    calls = {
        "ListPipelines": ({}, 500),
        "GetPipelineState": ({"name": "history"}, 500),
        "ListPipelineExecutions": ({"pipelineName": "history"}, 200),
        "ListActionExecutions": ({"pipelineName": "history"}, 200),
        "StartPipelineExecution": ({"name": "history"}, 100),
    }
    costs = {(name, server): [] for name in calls for server in (few, many)}
    for turn in range(turns):
        for name, (body, rounds) in calls.items():
            for server in (few, many) if turn % 2 else (many, few):
                report = load(server.url, rounds, (name, body), connections=1)
                costs[name, server].append(report["p50_ms"])
                until(lambda server=server: is_at_rest(server), 300, "what was started to be over")
    few.stop()
    many.stop()
    for name in calls:
        least, most = (statistics.median(costs[name, server]) for server in (few, many))
        ratio = most / least
        table.add(
            f"{name} with {MANY} stored executions",
            f"p50 {most:.2f} ms",
            f"with {FEW}: p50 {least:.2f} ms",
            f"{ratio:.2f} ×",
            "≤ 1.2 ×",
            ratio <= 1.2,
        )


def processor_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quiet(server, seconds=QUIET_SECONDS):
    """Processor time of a server that nobody calls."""
    before = processor_seconds(server.process.pid)
    time.sleep(seconds)
    return processor_seconds(server.process.pid) - before


def measure_waiting(table, folder):
    """What pipelines cost that wait for an approval, over a server without any."""
    server = Server(folder / "waiting").start()
    aws = Aws(server.url, ADMINISTRATOR)
    role = prepare_site(aws)
    alone = quiet(server)
    waits = pipeline("w{n}", role)
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    waits["stages"][1]["actions"] = [{"name": "Ask", "actionTypeId": kind}]
    load(server.url, WAITING, ("CreatePipeline", {"pipeline": waits}), connections=CONNECTIONS)

    def waiting(name):
        stage = aws.codepipeline.get_pipeline_state(name=name)["stageStates"][1]
        return stage["actionStates"][0].get("latestExecution", {}).get("token")

    for number in range(WAITING):
        until(lambda number=number: waiting(f"w{number}"), 60, "a pipeline to wait")
    # What their start has begun comes to its end first.
    until(lambda: quiet(server, 5) < 0.02, 120, "the server to be done")
    with_pipelines = quiet(server)
    server.stop()
    more = with_pipelines - alone
    table.add(
        f"{WAITING} pipelines that wait",
        f"{with_pipelines * 1000:.0f} ms of processor time in {QUIET_SECONDS} s",
        f"without any: {alone * 1000:.0f} ms",
        f"{more * 1000:.0f} ms more",
        "≤ 30 ms more",
        more <= 0.03,
    )
