//! The thread that writes to the terminal. A terminal can stand still (Ctrl-S, a pipe that nobody reads); the runtime
//! must not.

use std::io::{self, BufRead, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::text::cut;
use super::tree::Size;

/// How much may wait to be written. Then whoever has more to show waits.
const WAITING: usize = 64;

const HIDE_CURSOR: &str = "\u{1b}[?25l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";
const CLEAR_LINE: &str = "\u{1b}[2K";
const SAVE_CURSOR: &str = "\u{1b}7";
const RESTORE_CURSOR: &str = "\u{1b}8";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Standard output is gone: nobody reads any more.
#[derive(Debug, thiserror::Error)]
#[error("the output was closed")]
pub struct Closed;

enum Message {
    Lines(Vec<String>),
    /// Takes the place of the frame before.
    Frame(Vec<String>),
    /// The frame stays.
    Keep,
    /// The last line is where the answer is typed.
    Ask(Vec<String>, oneshot::Sender<bool>),
    Answered,
}

/// A handle to the thread.
pub struct Screen {
    messages: mpsc::Sender<Message>,
    ended: oneshot::Receiver<()>,
}

impl Screen {
    pub fn start() -> Self {
        let (messages, received) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            let _closed = Writer { output: io::stdout(), frame: None, asked: 0 }.run(received);
            let _unheard = end.send(());
        });
        Self { messages, ended }
    }

    pub async fn lines(&self, lines: Vec<String>) -> Result<(), Closed> {
        self.send(Message::Lines(lines)).await
    }

    pub async fn frame(&self, lines: Vec<String>) -> Result<(), Closed> {
        self.send(Message::Frame(lines)).await
    }

    pub async fn keep(&self) -> Result<(), Closed> {
        self.send(Message::Keep).await
    }

    pub async fn ask(&self, lines: Vec<String>) -> Result<bool, Closed> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Ask(lines, answer)).await?;
        let answer = answered.await.map_err(|_| Closed)?;
        self.send(Message::Answered).await?;
        Ok(answer)
    }

    pub async fn close(self) {
        drop(self.messages);
        let _ended = self.ended.await;
    }

    async fn send(&self, message: Message) -> Result<(), Closed> {
        self.messages.send(message).await.map_err(|_| Closed)
    }
}

struct Writer<W> {
    output: W,
    /// Lines of the frame on the screen, with the question below it. None: there is none, and the cursor is shown.
    frame: Option<usize>,
    /// Lines of the question below the frame, the one that is typed on included.
    asked: usize,
}

impl<W: Write> Writer<W> {
    fn run(mut self, mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| messages.blocking_recv()) {
            match message {
                Message::Lines(lines) => self.lines(&lines)?,
                Message::Frame(lines) => {
                    // Only the newest of those that wait is worth drawing.
                    next = messages.try_recv().ok();
                    if !matches!(next, Some(Message::Frame(_))) {
                        self.frame(&lines)?;
                    }
                }
                Message::Keep => self.keep()?,
                Message::Ask(lines, answer) => {
                    self.ask(&lines)?;
                    read_answer(answer);
                    next = self.wait_for_answer(&mut messages)?;
                }
                Message::Answered => {}
            }
            self.output.flush()?;
        }
        self.keep()?;
        self.output.flush()
    }

    /// The frame above the question goes on, and nothing is drawn over what somebody types. Answers what to do when it is over, if anything.
    fn wait_for_answer(&mut self, messages: &mut mpsc::Receiver<Message>) -> io::Result<Option<Message>> {
        let mut newest = None;
        while let Some(message) = messages.blocking_recv() {
            match message {
                Message::Answered => return Ok(newest),
                Message::Frame(lines) => {
                    self.redraw_above(&lines, size())?;
                    newest = Some(Message::Frame(lines));
                }
                Message::Lines(lines) => self.lines(&lines)?,
                // Given up, by Ctrl-C: what is written next begins on a line of its own.
                Message::Keep | Message::Ask(..) => {
                    self.frame = None;
                    writeln!(self.output)?;
                    if let Some(Message::Frame(lines)) = newest {
                        self.frame(&lines)?;
                    }
                    self.keep()?;
                    return Ok(None);
                }
            }
        }
        Ok(newest)
    }

    fn lines(&mut self, lines: &[String]) -> io::Result<()> {
        self.keep()?;
        for line in lines {
            writeln!(self.output, "{line}")?;
        }
        Ok(())
    }

    fn frame(&mut self, lines: &[String]) -> io::Result<()> {
        match self.frame {
            None => write!(self.output, "{HIDE_CURSOR}")?,
            Some(0) => {}
            Some(height) => write!(self.output, "\r\u{1b}[{height}A")?,
        }
        write!(self.output, "{CLEAR_BELOW}")?;
        for line in lines {
            writeln!(self.output, "{line}")?;
        }
        self.frame = Some(lines.len());
        Ok(())
    }

    /// Draws over the frame above a question, whose height stays as it is; the cursor comes back to what is typed.
    fn redraw_above(&mut self, lines: &[String], size: Size) -> io::Result<()> {
        let Some(height) = self.frame.map(|height| height - self.asked) else { return Ok(()) };
        let above = height + self.asked - 1;
        // What has left the screen cannot be drawn over.
        if height == 0 || above >= size.rows {
            return Ok(());
        }
        write!(self.output, "{SAVE_CURSOR}\r\u{1b}[{above}A")?;
        for index in 0..height {
            let line = lines.get(index).map_or("", String::as_str);
            writeln!(self.output, "{CLEAR_LINE}{line}")?;
        }
        write!(self.output, "{RESTORE_CURSOR}")?;
        self.output.flush()
    }

    fn ask(&mut self, lines: &[String]) -> io::Result<()> {
        let columns = size().columns;
        let Some((question, above)) = lines.split_last() else { return Ok(()) };
        for line in above {
            writeln!(self.output, "{}", cut(line, columns))?;
        }
        write!(self.output, "{SHOW_CURSOR}{question} ")?;
        self.output.flush()?;
        // With the line that Enter ends.
        self.frame = self.frame.map(|height| height + lines.len());
        self.asked = lines.len();
        Ok(())
    }

    fn keep(&mut self) -> io::Result<()> {
        match self.frame.take() {
            Some(_) => write!(self.output, "{SHOW_CURSOR}"),
            None => Ok(()),
        }
    }
}

/// In a thread of its own, which nobody waits for: a question that nobody answers must not hold up the end.
fn read_answer(answer: oneshot::Sender<bool>) {
    thread::spawn(move || {
        let mut line = String::new();
        let _unreadable = io::stdin().lock().read_line(&mut line);
        let is_yes = matches!(line.trim().to_lowercase().as_str(), "y" | "yes");
        let _unheard = answer.send(is_yes);
    });
}

/// Of the terminal; a usual one where it does not say.
pub fn size() -> Size {
    let known =
        rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    match known {
        Some(size) => Size { columns: size.ws_col.into(), rows: size.ws_row.into() },
        None => Size { columns: 80, rows: 24 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines: &[&str], size: Size) -> String {
        let mut writer = Writer { output: Vec::new(), frame: Some(4), asked: 2 };
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        writer.redraw_above(&lines, size).unwrap();
        String::from_utf8(writer.output).unwrap()
    }

    #[test]
    fn a_frame_is_drawn_over_above_a_question_and_never_grows() {
        let size = Size { columns: 80, rows: 24 };
        let clear = "\u{1b}[2K";
        let expected = format!("\u{1b}7\r\u{1b}[3A{clear}a\n{clear}b\n\u{1b}8");
        assert_eq!(drawn(&["a", "b", "c"], size), expected);
        assert_eq!(drawn(&["a"], size), format!("\u{1b}7\r\u{1b}[3A{clear}a\n{clear}\n\u{1b}8"));
        assert_eq!(drawn(&["a", "b"], Size { columns: 80, rows: 3 }), "", "it has left the screen");
    }
}
