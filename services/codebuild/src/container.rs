//! Which builds run in a container, and in which one. Pure.

use std::collections::BTreeMap;

use codebuild_model::{ImagePullCredentialsType, ProjectEnvironment, RegistryCredential};
use runner::{Container, ImageName, Pool};
use serde::Deserialize;

use crate::{records::Build, state::Outcome};

/// The images that AWS keeps for CodeBuild, and hands to nobody else.
const CURATED: &str = "aws/codebuild/";

/// In what builds run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In sandboxes, whatever image a project names: with the programs of this machine.
    #[default]
    Sandbox,
    /// In containers of their images.
    Container,
    /// In containers of their images, but in sandboxes where AWS's own image is named and no other stands for it.
    Auto,
    /// In sandboxes of workers on other machines.
    Workers,
    /// In pods of a cluster, of their images.
    Kubernetes,
}

/// The operator's settings for builds in containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Containers {
    pub isolation: Isolation,
    /// Projects may ask for privileged mode, which is as good as root on this machine.
    pub privileged: bool,
    /// Images that stand for others: by the name that projects give.
    pub images: BTreeMap<String, String>,
    /// Containers are on the network of the machine.
    pub on_machine_network: bool,
}

impl Containers {
    /// The workers that a build is for; none if it runs on this machine.
    pub(crate) fn pool(&self, build: &Build) -> Option<Pool> {
        match build.fleet_of_workers() {
            Some(fleet) => Some(Pool::Fleet(fleet.to_owned())),
            None => match self.isolation {
                Isolation::Workers => Some(Pool::Common),
                Isolation::Kubernetes => Some(Pool::Cluster),
                Isolation::Sandbox | Isolation::Container | Isolation::Auto => None,
            },
        }
    }

    /// The container of a build; none if it runs in a sandbox, or on a worker. Errors: how PROVISIONING ends when it can have
    /// none.
    pub(crate) fn of(&self, build: &Build) -> Result<Option<Container>, Outcome> {
        match &build.configuration.0.environment {
            Some(environment) if self.pool(build).is_none() => {
                let privileged = environment.privileged_mode == Some(true);
                Ok(self.of_image(&environment.image, privileged)?)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The container that an image stands for; none if it is for a sandbox.
    pub fn of_image(&self, image: &str, privileged: bool) -> Result<Option<Container>, Unfit> {
        let stands_for = self.images.get(image);
        let in_sandbox = match self.isolation {
            Isolation::Sandbox | Isolation::Workers => true,
            Isolation::Container | Isolation::Kubernetes => false,
            Isolation::Auto => image.starts_with(CURATED) && stands_for.is_none(),
        };
        if in_sandbox {
            return Ok(None);
        }
        if privileged && !self.privileged {
            let message = "Privileged mode is not allowed on this server: its operator would have to set privileged = true in \
                           [builds.container]";
            return Err(Unfit { code: "CLIENT_ERROR", message: message.to_owned() });
        }
        let image = ImageName::parse(stands_for.map_or(image, String::as_str));
        let image = image.map_err(|error| Unfit::to_pull(&error.to_string()))?;
        Ok(Some(Container { image, privileged, layers: None }))
    }
}

/// Why a build cannot have its container, in CodeBuild's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub code: &'static str,
    pub message: String,
}

impl Unfit {
    /// `why` is the engine's.
    pub fn to_pull(why: &str) -> Self {
        Self {
            code: "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
            message: format!("Unable to pull customer's container image. CannotPullContainerError: {why}"),
        }
    }
}

impl From<Unfit> for Outcome {
    fn from(Unfit { code, message }: Unfit) -> Self {
        Self::failed(code, message)
    }
}

/// How PROVISIONING ends without the image.
pub(crate) fn unable_to_pull(why: &str) -> Outcome {
    Unfit::to_pull(why).into()
}

/// As whom the image of an environment is pulled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PullBy<'a> {
    /// As this server is signed in.
    CodeBuild,
    /// As the build's role. There is no registry that admits roles, so: as nobody.
    ServiceRole,
    /// With the name and the password in a secret, by its ARN or name.
    Secret(&'a str),
}

pub(crate) fn pull_by(environment: &ProjectEnvironment) -> PullBy<'_> {
    match (&environment.image_pull_credentials_type, &environment.registry_credential) {
        (Some(ImagePullCredentialsType::ServiceRole), Some(RegistryCredential { credential, .. })) => {
            PullBy::Secret(credential)
        }
        (Some(ImagePullCredentialsType::ServiceRole), None) => PullBy::ServiceRole,
        (None | Some(ImagePullCredentialsType::Codebuild | ImagePullCredentialsType::Other(_)), _) => {
            PullBy::CodeBuild
        }
    }
}

#[cfg(test)]
mod tests {
    use codebuild_model::Project;

    use super::*;
    use crate::{records::Configuration, state::tests::build};

    fn of(isolation: Isolation, image: &str, privileged: bool) -> Result<Option<Container>, Outcome> {
        let environment = ProjectEnvironment {
            image: image.to_owned(),
            privileged_mode: Some(privileged),
            ..ProjectEnvironment::default()
        };
        let mut build = build();
        build.configuration = Configuration(Project { environment: Some(environment), ..Project::default() });
        let images =
            BTreeMap::from([("aws/codebuild/standard:7.0".to_owned(), "localhost/standard:7".to_owned())]);
        Containers { isolation, images, ..Containers::default() }.of(&build)
    }

    #[test]
    fn curated_images_run_in_the_sandbox_unless_another_stands_for_them() {
        let image =
            |isolation, name| of(isolation, name, false).unwrap().map(|found| found.image.to_string());
        assert_eq!(image(Isolation::Sandbox, "debian"), None);
        assert_eq!(image(Isolation::Auto, "aws/codebuild/standard:5.0"), None);
        assert_eq!(
            image(Isolation::Auto, "aws/codebuild/standard:7.0").as_deref(),
            Some("localhost/standard:7")
        );
        assert_eq!(image(Isolation::Auto, "debian").as_deref(), Some("debian"));
        let curated = image(Isolation::Container, "aws/codebuild/standard:5.0");
        assert_eq!(curated.as_deref(), Some("aws/codebuild/standard:5.0"));
    }

    #[test]
    fn what_is_no_image_and_what_is_not_allowed_end_the_build() {
        let code = |outcome: Result<_, Outcome>| outcome.unwrap_err().context.unwrap().0;
        let no_image = of(Isolation::Auto, "docker-archive:/etc/passwd", false);
        assert_eq!(code(no_image), "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE");
        assert_eq!(code(of(Isolation::Container, "debian", true)), "CLIENT_ERROR");
        assert_eq!(of(Isolation::Sandbox, "debian", true).unwrap(), None);
    }
}
