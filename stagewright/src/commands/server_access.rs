//! A running server, as every AWS client finds it.

use aws::{Credentials, Region, Remote, Secret};

/// Where to ask; the key is that in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN).
#[derive(clap::Args)]
pub struct ServerAccess {
    /// The server's address; the key is that in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    endpoint: String,
    #[command(flatten)]
    region: AskedRegion,
}

/// The region to ask in.
#[derive(clap::Args)]
pub struct AskedRegion {
    /// The region of its resources [default: AWS_REGION, AWS_DEFAULT_REGION, us-east-1]
    #[arg(long, global = true)]
    region: Option<Region>,
}

/// Why there is no way to the server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not set: it takes the key of somebody who may ask")]
    NoKey(&'static str),
    #[error("{0} is no region")]
    Region(String),
    #[error(transparent)]
    Endpoint(#[from] aws::remote::EndpointError),
}

impl ServerAccess {
    /// The server at an address.
    pub fn at(endpoint: String, region: Region) -> Self {
        Self { endpoint, region: AskedRegion { region: Some(region) } }
    }

    /// A client with the key of the environment.
    pub fn connect(&self) -> Result<Remote, Error> {
        remote(&self.endpoint, &self.region, credentials()?)
    }
}

impl AskedRegion {
    /// That of the flag, else of the environment, else the usual one.
    pub fn get(&self) -> Result<Region, Error> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        let set = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        match set {
            Some(region) => region.parse().map_err(|_| Error::Region(region)),
            None => Ok(crate::config::default_region()),
        }
    }
}

/// A client for a server at an address that was given.
pub fn remote(endpoint: &str, region: &AskedRegion, credentials: Credentials) -> Result<Remote, Error> {
    Ok(Remote::new(endpoint, region.get()?, credentials)?)
}

/// The key of the environment.
pub fn credentials() -> Result<Credentials, Error> {
    let needed = |name: &'static str| variable(name).ok_or(Error::NoKey(name));
    Ok(Credentials {
        access_key_id: needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: Secret::new(needed("AWS_SECRET_ACCESS_KEY")?),
        session_token: variable("AWS_SESSION_TOKEN").map(Secret::new),
        expires_at: None,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
