//! What the links in notifications of approvals lead to: how to look at the pipeline, and how to decide. It is the same for
//! every pipeline, whether there is one of that name or not: nobody has to sign in to read it, so it tells nothing.

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, full};
use http::{HeaderValue, Method, StatusCode, header};

/// Where AWS's console shows pipelines.
const PREFIX: &str = "/codesuite/codepipeline/pipelines/";

/// The page of a pipeline on this server.
pub(crate) fn address(endpoint: &str, pipeline: &str, region: &str) -> String {
    format!("{endpoint}{PREFIX}{pipeline}/view?region={region}")
}

/// The part of the front door that answers those links.
pub struct ReviewPage {
    endpoint: String,
}

impl ReviewPage {
    pub const PREFIX: &'static str = PREFIX;

    /// `endpoint`: the server's own address as others reach it.
    pub fn new(endpoint: String) -> Self {
        Self { endpoint }
    }

    fn page(&self, pipeline: &str, region: &str) -> String {
        let aws = format!("--endpoint-url {} --region {region}", escaped(&self.endpoint));
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{pipeline}</title>\n\
             <h1>{pipeline}</h1>\n\
             <p>The pipeline waits for somebody to approve. Stage, action and token stand in the message with the link.</p>\n\
             <p>With this program:</p>\n\
             <pre>stagewright pipeline show {pipeline}\n\
             stagewright pipeline approve {pipeline} --execution ID --summary WHY\n\
             stagewright pipeline approve {pipeline} --execution ID --summary WHY --reject</pre>\n\
             <p>With the AWS CLI:</p>\n\
             <pre>aws codepipeline get-pipeline-state {aws} --name {pipeline}\n\
             aws codepipeline put-approval-result {aws} --pipeline-name {pipeline} \\\n  \
             --stage-name STAGE --action-name ACTION --token TOKEN --result status=Approved,summary=WHY</pre>\n\
             <p>Either asks with the key of whoever decides, who must be allowed to.</p>\n"
        )
    }
}

/// Pipeline and region of a link.
fn linked<'a>(path: &'a str, query: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let name = path.strip_prefix(PREFIX)?.strip_suffix("/view")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_');
    let region = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("region="))?;
    let is_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=100).contains(&name.len()) && name.chars().all(is_name);
    let fits = fits && (1..=32).contains(&region.len()) && region.chars().all(is_region);
    fits.then_some((name, region))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[async_trait]
impl HttpService for ReviewPage {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let uri = request.uri();
        let (status, page) = match linked(uri.path(), uri.query()) {
            Some(_) if !matches!(*request.method(), Method::GET | Method::HEAD) => {
                (StatusCode::METHOD_NOT_ALLOWED, String::new())
            }
            Some((pipeline, region)) => (StatusCode::OK, self.page(pipeline, region)),
            None => (StatusCode::NOT_FOUND, String::new()),
        };
        let mut response = Response::new(full(page));
        *response.status_mut() = status;
        let fixed = HeaderValue::from_static;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, fixed("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_SECURITY_POLICY, fixed("default-src 'none'; frame-ancestors 'none'"));
        headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_strictly() {
        let path = format!("{PREFIX}web.site/view");
        assert_eq!(linked(&path, Some("region=eu-west-1")), Some(("web.site", "eu-west-1")));
        for (path, query) in [
            (format!("{PREFIX}<b>/view"), Some("region=eu-west-1")),
            (format!("{PREFIX}web/view"), Some("region=<b>")),
            (format!("{PREFIX}web/view"), None),
            (format!("{PREFIX}/view"), Some("region=eu-west-1")),
            (format!("{PREFIX}web"), Some("region=eu-west-1")),
        ] {
            assert_eq!(linked(&path, query), None, "{path} {query:?}");
        }
    }
}
