//! The text of a file, within bounds.

use std::io::Read;
use std::path::Path;

use super::finding::Findings;

/// Larger files are no definitions: a pipeline of a thousand actions has a tenth of it.
const MAX_BYTES: u64 = 4 << 20;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it was asked for, `<stdin>` for standard input.
    pub name: String,
    pub text: String,
    /// Which pipeline of a template is meant.
    pub logical_id: Option<String>,
}

impl Source {
    /// Reads a file; `-` is standard input, `FILE#LogicalId` names a resource of a template.
    /// Errors: no such file, unreadable, too large, no UTF-8.
    pub fn open(path: &Path) -> Result<Self, Findings> {
        let told = path.to_string_lossy();
        let is_there = path.as_os_str() == "-" || path.exists();
        let (file, logical_id) = match told.rsplit_once('#') {
            Some((file, id)) if !is_there => (file.to_owned(), Some(id.to_owned())),
            _ => (told.into_owned(), None),
        };
        let read = match (file.as_str(), &logical_id) {
            ("-", _) => bytes(std::io::stdin()),
            (_, None) => std::fs::File::open(path).and_then(bytes),
            (_, Some(_)) => std::fs::File::open(&file).and_then(bytes),
        };
        let name = if file == "-" { "<stdin>".to_owned() } else { file };
        let bytes = read.map_err(|error| Findings::unreadable(&name, error))?;
        if bytes.len() as u64 > MAX_BYTES {
            let why = format!("larger than {} MiB, which no definition is", MAX_BYTES >> 20);
            return Err(Findings::unreadable(&name, why));
        }
        Self::new(name, bytes, logical_id)
    }

    fn new(name: String, bytes: Vec<u8>, logical_id: Option<String>) -> Result<Self, Findings> {
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                Ok(Self { name, text, logical_id })
            }
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(Findings::unreadable(&name, format!("no UTF-8 text: a wrong byte in line {line}")))
            }
        }
    }
}

fn bytes(file: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
