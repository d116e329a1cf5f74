//! Answers as git reads them: a refusal's text is shown to the user, line by line, as `remote: …`.

use aws::http::{Body, Response, full};
use http::{HeaderValue, StatusCode, header};

use super::address::Program;
use crate::error::Error;

/// Why a request is not served.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    message: String,
}

/// What git shows when it asks for a password.
const REALM: &str = "Basic realm=\"CodeCommit\"";

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// git asks its helpers for credentials only after this.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Authentication is required")
    }

    /// Credentials that do not hold. Not 401, which would make git ask the user again and again.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    pub fn into_response(self) -> Response {
        let mut response = with_type(full(format!("{}\n", self.message)), "text/plain; charset=utf-8");
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(REALM));
        }
        response
    }
}

impl From<aws::Error> for Refusal {
    fn from(error: aws::Error) -> Self {
        let status = match &*error.code {
            "RepositoryDoesNotExistException" => StatusCode::NOT_FOUND,
            "AccessDeniedException" => StatusCode::FORBIDDEN,
            _ => StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self::new(status, error.message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        aws::Error::from(error).into()
    }
}

/// What `info/refs` answers.
pub fn advertisement(program: Program, body: Body) -> Response {
    with_type(body, &format!("application/x-{}-advertisement", program.name()))
}

/// What the programs themselves answer.
pub fn result(program: Program, body: Body) -> Response {
    with_type(body, &format!("application/x-{}-result", program.name()))
}

fn with_type(body: Body, media_type: &str) -> Response {
    let mut response = http::Response::new(body);
    let headers = response.headers_mut();
    // Always one of the texts above.
    if let Ok(media_type) = HeaderValue::from_str(media_type) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
    response
}
