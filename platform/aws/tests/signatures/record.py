"""Records what botocore signs at a fixed instant: python record.py > botocore.json"""

import datetime
import json
from unittest import mock

from botocore import auth, awsrequest, credentials

NOW = datetime.datetime(2026, 8, 24, 12, 30, 45)
KEY = "AKIDEXAMPLE00000001"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzE+token/with=signs%25=="
REGION = "eu-central-1"
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

# name, method, URL, headers, body, service, with a session token
SIGNED = [
    ("json call to a port", "POST", "http://127.0.0.1:4000/",
     {"X-Amz-Target": "CodeBuild_20161006.StartBuild", "Content-Type": JSON}, '{"projectName":"demo"}', "codebuild", False),
    ("json call of a session", "POST", "http://127.0.0.1:4000/",
     {"X-Amz-Target": "CodeBuild_20161006.StartBuild", "Content-Type": JSON}, "{}", "codebuild", True),
    ("form", "POST", "https://iam.example.org/", {"Content-Type": FORM},
     "Action=GetUser&Version=2010-05-08", "iam", False),
    ("no body", "GET", "https://codeartifact.example.org/v1/domain", {}, "", "codeartifact", False),
    ("parameters out of order, repeated, empty and encoded", "GET",
     "https://codeartifact.example.org/v1/repos?z=1&a=2&a=1&empty=&flag&sp=a%20b&sl=a%2Fb&tilde=~", {}, "",
     "codeartifact", False),
    ("colons in the path", "GET",
     "https://lambda.example.org/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ademo/policy",
     {}, "", "lambda", False),
    ("blanks and letters beyond ASCII in the path", "PUT",
     "https://codeartifact.example.org/v1/package%20name/%E2%82%AC", {"Content-Type": "application/json"},
     '{"a":1}', "codeartifact", False),
    ("dots and doubled slashes in the path", "GET", "https://codeartifact.example.org/v1/./a/../b//c/", {}, "",
     "codeartifact", False),
    ("blanks in headers", "POST", "https://sts.example.org/",
     {"X-Amz-Meta": "  two   blanks  ", "X-Custom": "a,b ; c", "Content-Type": "text/plain"}, "x", "sts", False),
    ("body beyond ASCII", "POST", "https://codecommit.example.org/",
     {"X-Amz-Target": "CodeCommit_20150413.PutFile", "Content-Type": JSON}, '{"name":"é€"}', "codecommit", True),
]
# name, method, URL, service, with a session token, seconds
PRESIGNED = [
    ("presigned", "GET", "https://sts.example.org/?Action=GetCallerIdentity&Version=2011-06-15", "sts", False, 60),
    ("presigned by a session", "GET", "https://sts.example.org/?Action=GetCallerIdentity&Version=2011-06-15",
     "sts", True, 900),
]


def record(signer, name, method, url, headers, body, service):
    request = awsrequest.AWSRequest(method=method, url=url, headers=dict(headers), data=body.encode())
    signer.add_auth(request)
    sent = request.prepare()
    pairs = [[key, value if isinstance(value, str) else value.decode()] for key, value in sent.headers.items()]
    return {"name": name, "method": method, "url": sent.url, "headers": pairs, "body": body, "service": service}


def identity(with_token):
    return credentials.Credentials(KEY, SECRET, TOKEN if with_token else None)


def main():
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: NOW):
        rows = [
            record(auth.SigV4Auth(identity(token), service, REGION), name, method, url, headers, body, service)
            for name, method, url, headers, body, service, token in SIGNED
        ] + [
            record(auth.SigV4QueryAuth(identity(token), service, REGION, expires=seconds),
                   name, method, url, {}, "", service)
            for name, method, url, service, token, seconds in PRESIGNED
        ]
    print(json.dumps(rows, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
