//! Colours, where they are wanted.

use crate::commands::run::progress::Status;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Colours,
    None,
}

impl Paint {
    /// Colours unless `NO_COLOR` says otherwise. Source: no-color.org.
    pub fn of_terminal() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::None,
            Some(_) | None => Self::Colours,
        }
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub fn of(self, status: Status, text: &str) -> String {
        match status {
            Status::Waiting | Status::LeftOut => self.dim(text),
            Status::InProgress => self.with("33", text),
            Status::Succeeded => self.with("32", text),
            Status::Failed | Status::Abandoned => self.with("31", text),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Colours => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::None => text.to_owned(),
        }
    }
}

/// The sign of a status, one column wide.
pub fn sign(status: Status) -> &'static str {
    match status {
        Status::Waiting => "·",
        Status::InProgress => "●",
        Status::Succeeded => "✔",
        Status::Failed | Status::Abandoned => "✘",
        Status::LeftOut => "–",
    }
}
