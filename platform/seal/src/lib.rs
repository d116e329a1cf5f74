//! Secrets at rest: sealed under the server's master key with XChaCha20-Poly1305.
//!
//! Every sealed text is bound to a purpose, so that one record's secret cannot be moved into another.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use thiserror::Error;

const VERSION: u8 = 1;
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;
/// The key's file in the data folder.
const FILE_NAME: &str = "master.key";

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    #[error("a secret could not be opened: it was sealed under another master key, or damaged")]
    Open,
    #[error("a secret could not be sealed")]
    Seal,
    #[error("the master key must be 32 bytes in hexadecimal")]
    Key,
    #[error("the master key file {path}: {cause}")]
    File { path: PathBuf, cause: String },
    #[error("the master key file {path} may be read by others; take away the rights of group and others")]
    Exposed { path: PathBuf },
}

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        Sealer { cipher: XChaCha20Poly1305::new(&key.into()) }
    }

    /// From 64 hexadecimal digits, as a configuration or an environment variable gives them.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let mut key = [0; KEY_LENGTH];
        if text.len() != 2 * KEY_LENGTH || !text.is_ascii() {
            return Err(SealError::Key);
        }
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| SealError::Key)?;
        }
        Ok(Sealer::new(key))
    }

    /// From the file `master.key` in the data folder, which is made at the first start, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be read or made, holds no key, or is open to others.
    pub fn from_data_folder(folder: &Path) -> Result<Self, SealError> {
        let path = folder.join(FILE_NAME);
        let failed = |error: std::io::Error| SealError::File { path: path.clone(), cause: error.to_string() };
        match File::open(&path) {
            Ok(mut file) => {
                let mode = file.metadata().map_err(failed)?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(SealError::Exposed { path });
                }
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                Sealer::from_hex(&text)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_key_file(folder, &path).map_err(failed)?;
                Sealer::from_data_folder(folder)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Seals a secret for a purpose, for instance `access-key/AKIA…`.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<String, SealError> {
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload { msg: secret, aad: purpose.as_bytes() };
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Seal)?;
        let mut bytes = Vec::with_capacity(1 + NONCE_LENGTH + ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        Ok(STANDARD_NO_PAD.encode(bytes))
    }

    /// Opens what was sealed for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| SealError::Open)?;
        let (&version, rest) = bytes.split_first().ok_or(SealError::Open)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(SealError::Open)?;
        if version != VERSION {
            return Err(SealError::Open);
        }
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Open)
    }

    /// Opens a secret that is text.
    pub fn open_text(&self, purpose: &str, sealed: &str) -> Result<String, SealError> {
        String::from_utf8(self.open(purpose, sealed)?).map_err(|_| SealError::Open)
    }
}

/// Makes the key under another name first: a crash in between leaves no half-written key behind.
fn make_key_file(folder: &Path, path: &Path) -> std::io::Result<()> {
    let key: [u8; KEY_LENGTH] = rand::random();
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let unfinished = folder.join(format!(".{FILE_NAME}.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    // A hard link fails where a key has appeared meanwhile: then that one counts.
    let linked = match std::fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    std::fs::remove_file(&unfinished)?;
    linked?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_sealed_for_the_same_purpose_only() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.seal("access-key/A", b"secret").expect("seals");
        assert_eq!(sealer.open_text("access-key/A", &sealed).as_deref(), Ok("secret"));
        assert_eq!(sealer.open("access-key/B", &sealed), Err(SealError::Open));
        assert_eq!(Sealer::new([8; 32]).open("access-key/A", &sealed), Err(SealError::Open));
        assert!(!sealed.contains("secret"));
        assert_ne!(sealer.seal("access-key/A", b"secret").expect("seals"), sealed);
    }

    #[test]
    fn damaged_text_is_refused() {
        let sealer = Sealer::new([7; 32]);
        for text in ["", "AQ", "€", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(sealer.open("p", text), Err(SealError::Open), "{text}");
        }
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Sealer::from_data_folder(folder.path()).expect("made");
        let second = Sealer::from_data_folder(folder.path()).expect("read");
        let sealed = first.seal("p", b"x").expect("seals");
        assert_eq!(second.open("p", &sealed).as_deref(), Ok(&b"x"[..]));
        let path = folder.path().join(FILE_NAME);
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(matches!(Sealer::from_data_folder(folder.path()), Err(SealError::Exposed { .. })));
    }

    #[test]
    fn keys_from_configuration() {
        assert!(Sealer::from_hex(&"0a".repeat(32)).is_ok());
        for text in ["", "0a", &"zz".repeat(32), &"€".repeat(64)] {
            assert!(matches!(Sealer::from_hex(text), Err(SealError::Key)), "{text}");
        }
    }
}
