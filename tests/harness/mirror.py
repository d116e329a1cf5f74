"""Servers on both sides of an air gap, and `stagewright mirror` between them."""

import json

from harness import command
from harness.aws import Aws
from harness.aws_cli import AwsCli
from harness.identities import unique
from harness.plain_http import fetch
from harness.server import REGION, Server

DOMAIN, REPOSITORY = "gap", "all"


class Place:
    """A server with one repository that is connected with each public source through one of its own.

    `connections` are their names, by format; `origins` is where they are, by those names.
    """

    def __init__(self, folder, origins, connections):
        folder.mkdir(exist_ok=True)
        config = folder / "stagewright.toml"
        config.write_text("[origins]\n" + "".join(f'"{name}" = "{where}"\n' for name, where in origins.items()))
        self.server = Server(folder, "--config", config).start()
        self.aws = Aws(self.server.url, self.server.administrator)
        self.packages = self.aws.codeartifact
        self.packages.create_domain(domain=DOMAIN)
        for form, connection in connections.items():
            name = {"domain": DOMAIN, "repository": f"outside-{form}"}
            self.packages.create_repository(**name)
            self.packages.associate_external_connection(**name, externalConnection=connection)
        upstreams = [{"repositoryName": f"outside-{form}"} for form in connections]
        self.packages.create_repository(domain=DOMAIN, repository=REPOSITORY, upstreams=upstreams)
        self.cli = AwsCli(self.server.url, self.server.administrator, REGION, folder / "home")

    def mirror(self, *arguments, key=None):
        key = key or self.server.administrator
        environment = {
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        }
        return command.run("mirror", *arguments, environment=environment)

    def export(self, output, *arguments, key=None):
        place = ("--domain", DOMAIN, "--repository", REPOSITORY, "--output", output)
        return self.mirror("export", *place, *arguments, key=key)

    def endpoint(self, form):
        found = self.packages.get_repository_endpoint(domain=DOMAIN, repository=REPOSITORY, format=form)
        return found["repositoryEndpoint"]

    def token(self):
        return self.packages.get_authorization_token(domain=DOMAIN)["authorizationToken"]

    def versions(self, form, package, **namespace):
        listed = self.packages.list_package_versions(
            domain=DOMAIN, repository=REPOSITORY, format=form, package=package, **namespace
        )["versions"]
        return {version["version"]: version["origin"]["originType"] for version in listed}

    def stop(self):
        assert self.server.stop() == 0, self.server.log_tail()
        assert self.server.panics() == []

    def get(self, form, path, repository=REPOSITORY):
        """What a package manager gets at a path of a repository."""
        found = self.packages.get_repository_endpoint(domain=DOMAIN, repository=repository, format=form)
        return fetch(found["repositoryEndpoint"] + path, headers={"Authorization": f"Bearer {self.token()}"})


class Own:
    """A repository that bundles are published into."""

    def __init__(self, place):
        self.place, self.name = place, unique("own")
        place.packages.create_repository(domain=DOMAIN, repository=self.name)

    def imported(self, bundle):
        """What the command prints, on both ways."""
        done = self.place.mirror("import", bundle, "--domain", DOMAIN, "--repository", self.name)
        return done.returncode, done.stdout + done.stderr

    def of(self, form, package, namespace=None):
        names = {"namespace": namespace} if namespace else {}
        return {"domain": DOMAIN, "repository": self.name, "format": form, "package": package, **names}

    def become(self, status, version, *package):
        done = self.place.packages.update_package_versions_status(
            **self.of(*package), versions=[version], targetStatus=status
        )
        assert version in done["successfulVersions"], done

    def versions(self, *package):
        listed = self.place.packages.list_package_versions(**self.of(*package))["versions"]
        return {version["version"]: version["status"] for version in listed}

    def tags(self, package):
        found = self.place.get("npm", f"-/package/{package}/dist-tags", repository=self.name)
        return json.loads(found.body)
