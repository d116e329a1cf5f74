//! `git fetch`, `git clone`, `git ls-remote`: `codecommit:GitPull`.

use aws::http::{Response, full};
use serde_json::json;

use super::Call;
use super::address::Program;
use super::answer::{Refusal, advertisement, result};
use crate::git::repositories::Folder;
use crate::git::request_body::RequestBody;
use crate::git::upload_pack;

impl Call<'_> {
    /// The first request of a fetch. Only refusals are recorded: the requests that follow are.
    pub async fn advertise_fetch(&self) -> Result<Response, Refusal> {
        let folder = match self.readable().await {
            Ok(folder) => folder,
            Err(error) => return Err(self.refuse(error).await),
        };
        let body = upload_pack::advertise(&folder, self.protocol()).await.map_err(crate::Error::Git)?;
        Ok(advertisement(Program::UploadPack, full(body)))
    }

    pub async fn fetch(&self, body: RequestBody) -> Result<Response, Refusal> {
        let folder = match self.readable().await {
            Ok(folder) => folder,
            Err(error) => return Err(self.refuse(error).await),
        };
        self.record(json!({ "repositoryName": self.name }), None).await?;
        let answer = upload_pack::serve(&folder, self.protocol(), body).await.map_err(crate::Error::Git)?;
        Ok(result(Program::UploadPack, answer))
    }

    /// The repository, allowed to be read, with the references that git shall show.
    async fn readable(&self) -> Result<Folder, aws::Error> {
        self.authorise().await?;
        let repository = self.repository().await?;
        self.codecommit.project(&repository).await?;
        Ok(self.codecommit.folder(&repository)?)
    }
}
