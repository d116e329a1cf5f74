//! What is known of a request and its answer while it is served.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws::gateway::Origin;
use aws::{Caller, Ctx, Gateway, Region, Scope};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::operations::OPERATIONS;
use crate::operations::put_object::FORM;

pub struct Exchange {
    pub s3: Arc<S3>,
    pub gateway: Arc<Gateway>,
    origin: Origin,
    id: Uuid,
    /// Set once the key is known; a request that stays without is anonymous.
    pub caller: OnceLock<Caller>,
    /// The session token that the request carries.
    pub session_token: OnceLock<String>,
    /// Set where a signature was taken off: its region.
    pub open_region: OnceLock<String>,
    /// Whether the request says which SHA-256 its body has.
    pub names_body_hash: OnceLock<()>,
    operation: OnceLock<&'static str>,
    parameters: OnceLock<Value>,
    /// Whether a handler was reached, which audits by itself.
    heard: OnceLock<()>,
    error: Mutex<Option<Error>>,
}

impl Exchange {
    pub fn new(s3: Arc<S3>, gateway: Arc<Gateway>, origin: Origin) -> Self {
        Self {
            s3,
            gateway,
            origin,
            id: Uuid::new_v4(),
            caller: OnceLock::new(),
            session_token: OnceLock::new(),
            open_region: OnceLock::new(),
            names_body_hash: OnceLock::new(),
            operation: OnceLock::new(),
            parameters: OnceLock::new(),
            heard: OnceLock::new(),
            error: Mutex::new(None),
        }
    }

    pub fn request_id(&self) -> String {
        crate::events::request_id(self.id)
    }

    pub fn host_id(&self) -> String {
        BASE64.encode(aws::sigv4::sha256_hex(self.id.as_bytes()))
    }

    pub fn note_operation(&self, name: &str, path: &S3Path, query: Option<&str>) {
        if let Some(operation) = OPERATIONS.iter().copied().find(|operation| *operation == name) {
            self.operation.get_or_init(|| operation);
        }
        self.parameters.get_or_init(|| parameters(path, query));
    }

    /// Begins a call: the circumstances for its handler. The decoder hands a browser's form to the handler of another
    /// operation; it goes by its own name.
    pub fn begin<T>(&self, operation: &'static str, request: &S3Request<T>) -> Ctx {
        self.heard.get_or_init(|| ());
        let operation = self.operation().filter(|asked| *asked == FORM).unwrap_or(operation);
        let signed_for = request.region.as_ref().map(|region| region.as_str().to_owned());
        self.ctx(operation, signed_for.or_else(|| self.open_region.get().cloned()))
    }

    pub fn parameters(&self) -> Value {
        self.parameters.get().cloned().unwrap_or(Value::Null)
    }

    /// Turns a handler's answer into that of the crate `s3s`; an error is kept, as its document says more.
    pub fn answer<T>(&self, result: Result<T, Error>) -> S3Result<S3Response<T>> {
        match result {
            Ok(output) => Ok(S3Response::new(output)),
            Err(error) => {
                let code = error.code().parse().unwrap_or(S3ErrorCode::InternalError);
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(S3Error::new(code))
            }
        }
    }

    /// The error that a handler or the authentication answered.
    pub fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the decoder could not read the body of a request: what it was held against was wrong, or it was cut.
    pub fn unreadable_body(&self) -> Error {
        match self.names_body_hash.get() {
            Some(()) => Error::ContentSha256Mismatch,
            None => Error::IncompleteBody,
        }
    }

    /// The operation asked for.
    pub fn operation(&self) -> Option<&'static str> {
        self.operation.get().copied()
    }

    /// The operation asked for, where no handler was reached.
    pub fn unheard_operation(&self) -> Option<&'static str> {
        self.operation().filter(|_| self.heard.get().is_none())
    }

    /// Audits a request that no handler heard of: its operation is not built, or its input could not be read.
    /// Requests whose operation was never known, as those with a wrong signature, leave no record.
    pub async fn audit_if_unheard(&self, error: Option<&Error>) -> Result<(), Error> {
        let Some(operation) = self.unheard_operation() else { return Ok(()) };
        let ctx = self.ctx(operation, self.open_region.get().cloned());
        let questions: [Question; 0] = [];
        self.s3.audit(&ctx, &questions, self.parameters(), error).await
    }

    fn ctx(&self, operation: &'static str, region: Option<String>) -> Ctx {
        let caller = self.caller.get().cloned().unwrap_or_else(Caller::anonymous);
        let home = &self.gateway.home;
        let region: Region = region.and_then(|name| name.parse().ok()).unwrap_or_else(|| home.region.clone());
        let account = caller.principal.account().unwrap_or(&home.account).clone();
        let mut ctx = self.gateway.ctx(caller, Scope::new(account, region), operation, self.origin.clone());
        ctx.request_id = self.id;
        ctx
    }
}

/// The request's parameters as audit records show them: what is in the path and the query, signatures left out.
fn parameters(path: &S3Path, query: Option<&str>) -> Value {
    let mut parameters = Map::new();
    match path {
        S3Path::Root => {}
        S3Path::Bucket { bucket } => {
            parameters.insert("bucketName".to_owned(), json!(bucket));
        }
        S3Path::Object { bucket, key } => {
            parameters.insert("bucketName".to_owned(), json!(bucket));
            parameters.insert("key".to_owned(), json!(key));
        }
    }
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let is_signature = name.to_lowercase().starts_with("x-amz-")
            || ["AWSAccessKeyId", "Signature", "Expires"].contains(&name.as_ref());
        if !is_signature {
            parameters.insert(name.into_owned(), json!(value));
        }
    }
    Value::Object(parameters)
}
