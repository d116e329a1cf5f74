//! CodeConnections, also called CodeStar connections: how the platform reaches repositories on Git hosts elsewhere.
//!
//! A connection is made by the API and authorised by an operator, who gives the token that AWS's console would get by a
//! handshake. From then on CodePipeline takes revisions through it (`operations::upload_revision`), with a role that may
//! use it, and the host's webhooks (`endpoint`, crate `githost`) become events that start pipelines.

mod change;
mod endpoint;
pub mod error;
mod operations;
mod provider;
pub mod records;

use std::path::Path;
use std::sync::Arc;

use aws::Client;
use githost::git::Git;
use seal::Sealer;
use store::Store;

pub use endpoint::WebhookEndpoint;
pub use error::Error;
pub use operations::routers;

/// The service's state.
pub struct CodeConnections {
    store: Store,
    client: Client,
    /// For tokens and secrets of webhooks.
    sealer: Sealer,
    git: Git,
    /// The server's own address as others reach it: that of webhooks begins with it.
    endpoint: String,
}

impl CodeConnections {
    /// `client` needs no identity: the service acts as its callers.
    pub fn new(store: Store, client: Client, sealer: Sealer, data: &Path, endpoint: String) -> Self {
        Self { store, client, sealer, git: Git::new(data.join("codeconnections")), endpoint }
    }

    /// Takes away what a crash has left of repositories that were being fetched. Before the first call; not for
    /// administration, which may look at the folder of a server that runs.
    pub fn clean_up(&self) {
        self.git.clean_up();
    }

    /// For the routers of both names.
    pub(crate) fn shared(self: &Arc<Self>, service: &'static aws::Service) -> Arc<operations::Named> {
        Arc::new(operations::Named { service, codeconnections: self.clone() })
    }
}
