//! What the programs of a build trust, where the server's certificate is of an authority of its own.
//!
//! Each kind of client looks somewhere else for it. Most of them take a file in place of what they trust else, so the file
//! has the machine's authorities as well.

mod java;

use std::{collections::BTreeMap, fs, io};

use runner::Folder;
use rustls_pki_types::{CertificateDer, pem::PemObject};

const FOLDER: &str = "trust";
const AUTHORITY: &str = "authority.pem";
const ALL: &str = "all.pem";
const JAVA: &str = "java.p12";

/// Authorities in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The server's.
    authority: String,
    /// With those of the machine.
    all: String,
    /// The same ones as a store of Java.
    java: Vec<u8>,
}

impl Trust {
    pub fn new(authority: String, of_machine: &str) -> Self {
        let all = format!("{}\n{authority}", of_machine.trim_end());
        // What is no certificate is left out.
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(all.as_bytes()).filter_map(Result::ok).collect();
        let java = java::store(&certificates);
        Self { authority, all, java }
    }

    /// The server's, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Sources: AWS SDKs and Tools Reference Guide, "General settings"; OpenSSL, `SSL_CERT_FILE`; and the documentation of
    /// curl, git, pip, Cargo and Node.js; Java Secure Socket Extension Reference Guide, "Customizing Default Keystores and
    /// Truststores".
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let with_those_of_the_machine = [
            "AWS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "PIP_CERT",
            "CARGO_HTTP_CAINFO",
        ];
        let at = |file: &str| format!("/codebuild/readonly/{FOLDER}/{file}");
        let mut variables: BTreeMap<_, _> =
            with_those_of_the_machine.map(|name| (name.to_owned(), at(ALL))).into();
        // Node.js adds it to what it brings along.
        variables.insert("NODE_EXTRA_CA_CERTS".to_owned(), at(AUTHORITY));
        // The one variable that every Java machine reads, those that tools start too. It says so on standard error.
        let options =
            format!("-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=PKCS12", at(JAVA));
        variables.insert("JAVA_TOOL_OPTIONS".to_owned(), options);
        variables
    }

    /// Puts the files where the variables say.
    pub(crate) fn furnish(&self, folder: &Folder) -> io::Result<()> {
        let place = folder.read_only().join(FOLDER);
        fs::create_dir_all(&place)?;
        fs::write(place.join(AUTHORITY), &self.authority)?;
        fs::write(place.join(JAVA), &self.java)?;
        fs::write(place.join(ALL), &self.all)
    }
}
