//! Signs awsJson calls, as every SDK does.

use aws::Timestamp;
use aws::credentials::Secret;
use aws::sigv4::{ALGORITHM, CredentialScope, sha256_hex, signature};

/// Who signs, and for what.
pub struct Signer {
    pub access_key_id: String,
    pub secret: Secret,
    pub region: String,
    pub service: String,
    pub host: String,
}

impl Signer {
    /// `(x-amz-date, authorization)` of a POST to `/`.
    pub fn sign(&self, target: &str, body: &str) -> (String, String) {
        let time = Timestamp::now().to_basic();
        let scope = CredentialScope {
            date: time.chars().take(8).collect(),
            region: self.region.clone(),
            service: self.service.clone(),
            terminator: "aws4_request".to_owned(),
        };
        let host = &self.host;
        let canonical = format!(
            "POST\n/\n\nhost:{host}\nx-amz-date:{time}\nx-amz-target:{target}\n\nhost;x-amz-date;x-amz-target\n{}",
            sha256_hex(body.as_bytes())
        );
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let signature = signature(&self.secret, &scope, &to_sign);
        let key = &self.access_key_id;
        let header = format!(
            "{ALGORITHM} Credential={key}/{scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={signature}"
        );
        (time, header)
    }
}
