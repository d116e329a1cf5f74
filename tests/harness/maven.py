"""The stock mvn in an environment of its own, with settings as in AWS's guide: CodeArtifact is every repository."""

import io
import os
import pathlib
import subprocess
import zipfile

TIMEOUT_SECONDS = 180
# Where mvn's own plug-ins are kept, as they came from where the machine gets them. Other runs get them from there.
PLUGINS = pathlib.Path(__file__).parents[2] / ".tools" / "maven" / "repository"
DEPLOY = "org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file"

SETTINGS = """<settings>
  <servers><server><id>codeartifact</id><username>aws</username><password>${{env.CODEARTIFACT_AUTH_TOKEN}}</password></server></servers>
  <mirrors><mirror><id>codeartifact</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror></mirrors>
  <profiles><profile><id>all</id>
    <repositories><repository><id>central</id><url>{url}</url>
      <snapshots><enabled>true</enabled><updatePolicy>always</updatePolicy></snapshots></repository></repositories>
    <pluginRepositories><pluginRepository><id>central</id><url>{url}</url></pluginRepository></pluginRepositories>
  </profile></profiles>
  <activeProfiles><activeProfile>all</activeProfile></activeProfiles>
</settings>
"""


def pom(group, artifact, version, inside="", packaging="jar"):
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"<packaging>{packaging}</packaging>{inside}</project>"
    )


def jar(**files):
    """An archive; `__` in a name stands for `/`, and `_` for `.`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return content.getvalue()


def plugins(folder):
    """A local repository with what deploying needs, fetched once."""
    if not PLUGINS.exists():
        text = folder / "pom.xml"
        text.write_text(pom("com.acme", "first", "1", packaging="pom"))
        target = [f"-Dfile={text}", f"-DpomFile={text}", f"-Durl=file://{folder}/target", "-DrepositoryId=x"]
        # Moved there when it is whole, so that what was cut short is begun again.
        fetched = PLUGINS.with_name(f"fetched-{os.getpid()}")
        command = ["mvn", "-B", "-ntp", "-q", f"-Dmaven.repo.local={fetched}", DEPLOY, *target]
        subprocess.run(command, cwd=folder, check=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL)
        fetched.rename(PLUGINS)
    return PLUGINS


class Maven:
    """mvn with a home and a local repository of its own, which is empty at first."""

    def __init__(self, folder, endpoint, token):
        self.folder, self.endpoint = pathlib.Path(folder), endpoint
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "settings.xml").write_text(SETTINGS.format(url=endpoint))
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ},
            "HOME": str(self.folder),
            "CODEARTIFACT_AUTH_TOKEN": token,
        }

    def run(self, *arguments, cwd=None):
        """What `mvn …` says. Raises `CalledProcessError` if it fails. Wrong checksums are failures, too."""
        options = ["-B", "-C", "-s", self.folder / "settings.xml", f"-Dmaven.repo.local={self.folder}/repository"]
        done = subprocess.run(
            ["mvn", *map(str, [*options, *arguments])],
            cwd=cwd or self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            failure = subprocess.CalledProcessError(done.returncode, ["mvn", *arguments], done.stdout, done.stderr)
            failure.add_note(done.stdout[-4000:] + done.stderr)
            raise failure
        return done.stdout

    def deploy(self, group, artifact, version, content, goal=DEPLOY):
        """Deploys an archive with a POM."""
        archive, text = self.folder / "archive.jar", self.folder / "archive.pom"
        archive.write_bytes(content)
        text.write_text(pom(group, artifact, version, "<name>Our application</name>"))
        target = [f"-Dfile={archive}", f"-DpomFile={text}", f"-Durl={self.endpoint}", "-DrepositoryId=codeartifact"]
        return self.run(goal, *target)
