//! How a run is shown: a tree that is drawn over on a terminal, else lines or JSON objects one after the other.
//!
//! What is shown is a pure function of what is known ([`tree`], [`plain`], [`json`]); [`screen`] is the thread that
//! does the writing.

mod json;
mod paint;
mod plain;
mod screen;
mod text;
mod tree;

use std::io::IsTerminal;

use aws::Timestamp;

use super::progress::{Change, Progress};
pub use paint::Paint;
pub use screen::{Closed, Screen};
pub use text::clean;

/// The picture of an instant, as long as it takes.
pub fn picture(progress: &Progress, paint: Paint) -> Vec<String> {
    let size = tree::Size { rows: 0, ..screen::size() };
    tree::lines(progress, Timestamp::now(), size, paint)
}

/// In what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Tree,
    Plain,
    Json,
}

impl Form {
    /// What standard output can show.
    pub fn of_output(as_json: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        match (as_json, std::io::stdout().is_terminal() && !is_dumb) {
            (true, _) => Self::Json,
            (false, true) => Self::Tree,
            (false, false) => Self::Plain,
        }
    }
}

/// Shows one run after the other.
pub struct View {
    pub form: Form,
    screen: Screen,
    paint: Paint,
}

impl View {
    pub fn new(form: Form) -> Self {
        let paint = if form == Form::Tree { Paint::of_terminal() } else { Paint::None };
        Self { form, screen: Screen::start(), paint }
    }

    /// What just happened. The tree shows it with the next [`View::draw`].
    pub async fn change(&self, change: &Change) -> Result<(), Closed> {
        match self.form {
            Form::Tree => Ok(()),
            Form::Plain => self.screen.lines(plain::lines(change)).await,
            Form::Json => self.screen.lines(json::lines(change)).await,
        }
    }

    /// The picture of now.
    pub async fn draw(&self, progress: &Progress) -> Result<(), Closed> {
        match self.form {
            Form::Tree => {
                self.screen.frame(tree::lines(progress, Timestamp::now(), screen::size(), self.paint)).await
            }
            Form::Plain | Form::Json => Ok(()),
        }
    }

    /// The picture of now with lines of text below it.
    pub async fn draw_with(&self, progress: &Progress, notes: &[String]) -> Result<(), Closed> {
        match self.form {
            Form::Tree => {
                let size = screen::size();
                let mut notes: Vec<String> =
                    notes.iter().flat_map(|note| text::wrap(note, size.columns.saturating_sub(1))).collect();
                // The tree needs half of the terminal at least.
                notes.truncate(size.rows / 2);
                let size = tree::Size { rows: size.rows.saturating_sub(notes.len()), ..size };
                let mut lines = tree::lines(progress, Timestamp::now(), size, self.paint);
                lines.extend(notes);
                self.screen.frame(lines).await
            }
            Form::Plain | Form::Json => Ok(()),
        }
    }

    /// The last picture stays; what comes next stands below it.
    pub async fn keep(&self, progress: &Progress) -> Result<(), Closed> {
        self.draw(progress).await?;
        self.screen.keep().await
    }

    /// Lines for people; nothing where the output is for programs.
    pub async fn say(&self, lines: Vec<String>) -> Result<(), Closed> {
        match self.form {
            Form::Tree | Form::Plain => self.screen.lines(lines).await,
            Form::Json => Ok(()),
        }
    }

    /// A line that stands out.
    pub async fn headline(&self, text: &str) -> Result<(), Closed> {
        self.say(vec![String::new(), self.paint.bold(text)]).await
    }

    /// An object for programs; nothing where the output is for people.
    pub async fn object(&self, object: serde_json::Value) -> Result<(), Closed> {
        match self.form {
            Form::Tree | Form::Plain => Ok(()),
            Form::Json => self.screen.lines(vec![object.to_string()]).await,
        }
    }

    /// Whether there is a person who can be asked.
    pub fn can_ask(&self) -> bool {
        self.form != Form::Json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// Asks a question below the picture. True for yes; false for anything else, the end of the input included.
    pub async fn ask(&self, about: &[String], question: &str) -> Result<bool, Closed> {
        let mut lines: Vec<_> =
            about.iter().flat_map(|text| text.lines()).map(|line| format!("  {}", clean(line))).collect();
        lines.push(self.paint.bold(question));
        self.screen.ask(lines).await
    }

    /// Returns once everything is written.
    pub async fn close(self) {
        self.screen.close().await;
    }
}
