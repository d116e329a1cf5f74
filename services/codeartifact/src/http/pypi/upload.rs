//! Uploading a file: what twine does.

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use http::header;
use multer::Field;

use super::super::answer::{Refusal, typed};
use super::super::form::{self, Form, Texts};
use super::super::{Action, Call, reading};
use super::filename::{self, Kind};
use super::{coordinates, wheel};
use crate::content::{LARGEST_ASSET, Received, Receiver};
use crate::error::Error;
use crate::external;
use crate::names::{Coordinates, Format};
use crate::package_names::python_name;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Dependency, Metadata, PythonFile, Status};
use crate::versions;

/// A readme beyond this is left out. In bytes.
const LONGEST_README: usize = 512 * 1024;
const MOST_DEPENDENCIES: usize = 5_000;
const LONGEST_NAME: usize = 255;

/// What a form says before its file.
struct Upload {
    package: Coordinates,
    /// As the form spells it.
    name: String,
    version: String,
    file: String,
    kind: Kind,
}

/// Takes a form. The policies are asked as soon as the name of the package is known, before the file is read.
pub async fn take(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    let mut form = Form::of(call.header(header::CONTENT_TYPE), body)?;
    let Some(file) = form.next_file().await? else {
        return Err(Refusal::bad("The form has no file: it belongs into the field content."));
    };
    let upload = Upload::of(&form.texts, &file)?;
    let (package, version) = (upload.package.clone(), upload.version.clone());
    let work = Box::pin(publish(&call, upload, form, file));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await
}

impl Upload {
    /// Errors: 400 for a form that does not fit together.
    fn of(texts: &Texts, file: &Field<'_>) -> Result<Self, Refusal> {
        if texts.get(":action") != Some("file_upload") {
            return Err(Refusal::bad("The field :action must be file_upload."));
        }
        if file.name() != Some("content") {
            return Err(Refusal::bad("The file belongs into the field content, after all other fields."));
        }
        let missing = |field: &str| Refusal::bad(format!("The form has no {field}."));
        let name = texts.get("name").ok_or_else(|| missing("name"))?;
        let package = coordinates(name).map_err(|_| Refusal::bad("The name is not that of a project."))?;
        let version = texts.get("version").ok_or_else(|| missing("version"))?;
        let version = versions::normal(Format::Pypi, version)?;
        if version.len() > LONGEST_NAME {
            return Err(Refusal::bad("The version is too long."));
        }
        let file = file.file_name().unwrap_or_default().to_owned();
        let kind = filename::check(&file, name, &version)?;
        let expected = match kind {
            Kind::Wheel => "bdist_wheel",
            Kind::Source => "sdist",
        };
        if texts.get("filetype") != Some(expected) {
            return Err(Refusal::bad(format!("The field filetype must be {expected} for {file}.")));
        }
        Ok(Self { package, name: name.to_owned(), version, file, kind })
    }
}

/// Errors: `Validation` for a file that is not as the form says; those of publishing.
async fn publish(
    call: &Call<'_>,
    upload: Upload,
    mut form: Form,
    file: Field<'static>,
) -> Result<Response, Error> {
    let received = receive(call, file).await?;
    // Signatures and attestations may follow; they are not kept.
    while let Some(mut more) = form.next_file().await.map_err(told)? {
        while more.chunk().await.map_err(|error| told(form::malformed(error)))?.is_some() {}
    }
    check_digests(&form.texts, &received)?;
    let metadata = match upload.kind {
        Kind::Wheel => inside(call, &upload, &received).await?,
        Kind::Source => None,
    };
    let requires_python = form.texts.get("requires_python").map(str::to_owned);
    let now = Timestamp::now();
    let asset = Asset::of(&received, Some(PythonFile { requires_python, metadata }), now);
    let publication = Publication {
        coordinates: upload.package,
        version: upload.version,
        assets: BTreeMap::from([(upload.file, asset)]),
        ticket: received.ticket,
        metadata: described(&upload.name, &form.texts),
        native: None,
        status: Status::Published,
        tags: Vec::new(),
    };
    // What is outside must not be published besides. While it cannot be asked, what was seen of it counts.
    external::refresh(call.codeartifact, reading::repository(call)?, &publication.coordinates).await?;
    let repository = call.address.repository.clone();
    let advisories = call.codeartifact.advisories.current();
    let write = call
        .codeartifact
        .store
        .write(move |tx| publishing::publish(tx, &advisories, &repository, &publication, now));
    write.await?;
    Ok(typed("text/plain; charset=utf-8", ""))
}

fn told(refusal: Refusal) -> Error {
    Error::field(refusal.message())
}

async fn receive(call: &Call<'_>, mut file: Field<'static>) -> Result<Received, Error> {
    let mut receiver = Receiver::begin(&call.codeartifact.blobs, LARGEST_ASSET).await?;
    while let Some(piece) = file.chunk().await.map_err(|error| told(form::malformed(error)))? {
        receiver.write(piece).await?;
    }
    receiver.finish(&call.codeartifact.store).await
}

/// Errors: `Validation`.
fn check_digests(texts: &Texts, received: &Received) -> Result<(), Error> {
    let found = [("sha256_digest", received.blob.to_string()), ("md5_digest", received.md5.clone())];
    for (field, found) in found {
        if texts.get(field).is_some_and(|said| !said.eq_ignore_ascii_case(&found)) {
            return Err(Error::field(format!("The file does not have the {field} that the form says.")));
        }
    }
    if texts.get("sha256_digest").is_none() {
        return Err(Error::field("The form has no sha256_digest."));
    }
    Ok(())
}

/// The metadata of a wheel, which must be of the version that the form says. Errors: `Validation`.
async fn inside(call: &Call<'_>, upload: &Upload, received: &Received) -> Result<Option<String>, Error> {
    let metadata = wheel::metadata(&call.codeartifact.blobs, received.blob, received.size).await?;
    let Some(text) = metadata else { return Ok(None) };
    let name = wheel::header(&text, "Name").unwrap_or_default();
    let version = wheel::header(&text, "Version").unwrap_or_default();
    let is_same = versions::normal(Format::Pypi, version).is_ok_and(|version| version == upload.version);
    if python_name(name) != upload.package.name || !is_same {
        let message = format!(
            "The wheel says that it is {name} {version}, and the form that it is {} {}.",
            upload.name, upload.version
        );
        return Err(Error::field(message));
    }
    Ok(Some(text))
}

fn described(name: &str, texts: &Texts) -> Metadata {
    let text = |field: &str| texts.get(field).map(str::to_owned);
    let url = |label: &str| {
        let labelled = texts.all("project_urls").filter_map(|url| url.split_once(','));
        labelled
            .into_iter()
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(label))
            .map(|(_, url)| url.trim().to_owned())
    };
    let license = text("license_expression").or_else(|| text("license"));
    let readme = text("description").filter(|readme| readme.len() <= LONGEST_README);
    let dependencies = texts.all("requires_dist").filter_map(dependency).take(MOST_DEPENDENCIES);
    Metadata {
        display_name: Some(name.to_owned()),
        summary: text("summary"),
        home_page: text("home_page").or_else(|| url("homepage")),
        source_code: url("source").or_else(|| url("repository")),
        licenses: license.into_iter().collect(),
        readme,
        dependencies: dependencies.collect(),
    }
}

/// `requests[socks] >=2 ; extra == "x"`. Source: Python Packaging User Guide, "Dependency specifiers".
fn dependency(line: &str) -> Option<Dependency> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let line = line.trim();
    let end = line.find(|letter| !is_of_name(letter)).unwrap_or(line.len());
    let (name, requirement) = line.split_at(end);
    let package = python_name(name);
    (!package.is_empty() && package.len() <= LONGEST_NAME).then(|| Dependency {
        namespace: None,
        package,
        kind: "requires-dist".to_owned(),
        requirement: requirement.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read() {
        let found = dependency("Foo_Bar[socks] >=2 ; extra == \"x\"").unwrap();
        assert_eq!(
            (found.package.as_str(), found.requirement.as_str()),
            ("foo-bar", "[socks] >=2 ; extra == \"x\"")
        );
        assert_eq!(dependency("a").unwrap().requirement, "");
        assert!(dependency(" >=2").is_none());
    }
}
