//! The forms that clients publish with: texts and files, streamed.

use std::collections::BTreeMap;

use aws::http::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::BodyStream;
use multer::{Field, Multipart};

use super::answer::Refusal;

/// Of one text, in bytes: a description can be a book.
const LONGEST_TEXT: usize = 1024 * 1024;
/// Of all texts together.
const ALL_TEXTS: usize = 4 * 1024 * 1024;
const MOST_FIELDS: usize = 2_000;

/// The texts of a form, by name; some names come more than once.
#[derive(Debug, Default)]
pub struct Texts(BTreeMap<String, Vec<String>>);

impl Texts {
    /// Not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name).and_then(|values| values.first()).map(|text| text.trim());
        text.filter(|text| !text.is_empty() && *text != "UNKNOWN")
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }
}

/// A form that is being received.
pub struct Form {
    parts: Multipart<'static>,
    pub texts: Texts,
    /// The names of parts that are files, though they have no name of a file.
    files: &'static [&'static str],
    /// Of all texts up to now, with their names, in bytes.
    size: usize,
    count: usize,
}

impl Form {
    /// Errors: 400 for what is no form.
    pub fn of(content_type: Option<&str>, body: Body) -> Result<Self, Refusal> {
        let boundary = content_type.and_then(|kind| multer::parse_boundary(kind).ok());
        let boundary =
            boundary.ok_or_else(|| Refusal::bad("The body must be a form, as multipart/form-data."))?;
        let parts = Multipart::new(pieces(body), boundary);
        Ok(Self { parts, texts: Texts::default(), files: &[], size: 0, count: 0 })
    }

    pub fn with_files(self, files: &'static [&'static str]) -> Self {
        Self { files, ..self }
    }

    /// Reads texts up to the next file; `None` at the end. Errors: 400, 413.
    pub async fn next_file(&mut self) -> Result<Option<Field<'static>>, Refusal> {
        loop {
            let Some(mut field) = self.parts.next_field().await.map_err(malformed)? else { return Ok(None) };
            let is_named = field.name().is_some_and(|name| self.files.contains(&name));
            if is_named || field.file_name().is_some() {
                return Ok(Some(field));
            }
            let name = field.name().unwrap_or_default().to_owned();
            let mut text = Vec::new();
            while let Some(piece) = field.chunk().await.map_err(malformed)? {
                if text.len() + piece.len() > LONGEST_TEXT {
                    return Err(too_large(&name));
                }
                text.extend_from_slice(&piece);
            }
            self.size += text.len() + name.len();
            self.count += 1;
            if self.size > ALL_TEXTS || self.count > MOST_FIELDS {
                return Err(too_large("form"));
            }
            let text = String::from_utf8(text)
                .map_err(|_| Refusal::bad(format!("The field {name} is not UTF-8.")))?;
            self.texts.0.entry(name).or_default().push(text);
        }
    }
}

fn pieces(body: Body) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    BodyStream::new(body).filter_map(|frame| async move {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(std::io::Error::other(error))),
        }
    })
}

pub fn malformed(error: multer::Error) -> Refusal {
    Refusal::bad(format!("The form is malformed or broke off: {error}."))
}

fn too_large(what: &str) -> Refusal {
    Refusal::new(http::StatusCode::PAYLOAD_TOO_LARGE, format!("The {what} is too large."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files with so many texts before each of them.
    fn form(files: usize, texts: usize) -> Form {
        let mut body = String::new();
        for file in 0..files {
            for text in 0..texts {
                body.push_str(&format!(
                    "--b\r\nContent-Disposition: form-data; name=\"t{file}-{text}\"\r\n\r\nx\r\n"
                ));
            }
            body.push_str("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\ny\r\n");
        }
        body.push_str("--b--\r\n");
        Form::of(Some("multipart/form-data; boundary=b"), aws::http::full(body)).unwrap()
    }

    #[tokio::test]
    async fn texts_are_counted_over_all_files() {
        let mut form = form(2, MOST_FIELDS / 2);
        assert!(form.next_file().await.unwrap().is_some());
        assert!(form.next_file().await.unwrap().is_some());
        assert!(form.next_file().await.unwrap().is_none());
        let mut form = self::form(2, MOST_FIELDS / 2 + 1);
        assert!(form.next_file().await.unwrap().is_some());
        assert!(form.next_file().await.is_err());
    }
}
