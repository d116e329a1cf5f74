//! The run as a tree of stages and actions: what is over in a line, what is under way with the end of its log. Pure.

use aws::Timestamp;

use super::paint::{Paint, sign};
use super::text::{clean, cut, duration, wrap};
use crate::commands::run::progress::{Action, Progress, Stage, Status, seconds};

/// Of the terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: usize,
    /// 0: as many as it takes.
    pub rows: usize,
}

/// Lines of the log under an action that runs, if there is room.
const LOG_TAIL: usize = 8;

const ERROR_INDENT: &str = "    ";

/// The picture at an instant. No line is wider than the terminal and, unless the run is over, there is one line less
/// than it has, so that it can be drawn over.
pub fn lines(progress: &Progress, now: Timestamp, size: Size, paint: Paint) -> Vec<String> {
    let is_over = progress.ended.is_some();
    let room = if is_over || size.rows == 0 { usize::MAX } else { size.rows.saturating_sub(1) };
    let draw = |log_tail| Drawing { now, columns: size.columns, log_tail, paint, is_over }.draw(progress);
    let full = draw(LOG_TAIL);
    if full.iter().map(Vec::len).sum::<usize>() <= room {
        return full.concat();
    }
    shortened((0..LOG_TAIL).rev().map(draw), room)
}

/// The picture with the longest logs that fits; if none does, stages that wait and stages that are over give way.
fn shortened(pictures: impl Iterator<Item = Vec<Vec<String>>>, room: usize) -> Vec<String> {
    let mut shortest = Vec::new();
    for picture in pictures {
        if picture.iter().map(Vec::len).sum::<usize>() <= room {
            return picture.concat();
        }
        shortest = picture;
    }
    // The head stays; in the middle is what is under way, which has more than a line.
    let mut blocks: std::collections::VecDeque<_> = shortest.into();
    let head = blocks.pop_front().unwrap_or_default();
    let length =
        |blocks: &std::collections::VecDeque<Vec<String>>| blocks.iter().map(Vec::len).sum::<usize>();
    while head.len() + length(&blocks) > room && blocks.back().is_some_and(|block| block.len() == 1) {
        blocks.pop_back();
    }
    while head.len() + length(&blocks) > room && blocks.len() > 1 {
        blocks.pop_front();
    }
    let mut lines = head;
    lines.extend(blocks.into_iter().flatten());
    lines.truncate(room);
    lines
}

struct Drawing {
    now: Timestamp,
    columns: usize,
    log_tail: usize,
    paint: Paint,
    is_over: bool,
}

impl Drawing {
    /// A block for the head, and one for each stage.
    fn draw(&self, progress: &Progress) -> Vec<Vec<String>> {
        let head = std::iter::once(vec![self.head(progress)]);
        head.chain(progress.stages.iter().map(|stage| self.stage(stage))).collect()
    }

    fn head(&self, progress: &Progress) -> String {
        let until = progress.ended.map_or(self.now, |(_, at)| at);
        let time = duration(seconds(progress.began, until));
        let ending = progress.ended.map_or(String::new(), |(ending, _)| format!("  {}", ending.as_str()));
        let rest = format!("  {time}{ending}");
        let name = cut(&clean(&progress.pipeline), self.columns.saturating_sub(rest.len()));
        format!("{}{}", self.paint.bold(&name), self.paint.dim(&rest))
    }

    fn stage(&self, stage: &Stage) -> Vec<String> {
        let status = status(stage);
        let shown = stage.actions.iter().filter(|action| action.status != Status::LeftOut);
        let names: Vec<&str> = shown.clone().map(|action| action.name.as_str()).collect();
        let detail = match status {
            // A stage that is over or waits tells in a line what is in it.
            Status::Succeeded | Status::Waiting => names.join(", "),
            Status::LeftOut => "left out".to_owned(),
            Status::InProgress | Status::Failed | Status::Abandoned => String::new(),
        };
        let summary = match (&stage.actions[..], status) {
            ([only], Status::Succeeded) => only.summary.as_deref().and_then(|text| text.lines().next()),
            _ => None,
        };
        let mut lines = vec![self.line("", status, &stage.name, &detail, self.time(stage), summary)];
        match status {
            Status::InProgress | Status::Failed | Status::Abandoned => {
                lines.extend(stage.actions.iter().flat_map(|action| self.action(action)));
            }
            Status::Succeeded | Status::Waiting => {
                let left_out = stage.actions.iter().filter(|action| action.status == Status::LeftOut);
                lines.extend(left_out.flat_map(|action| self.action(action)));
            }
            Status::LeftOut => {}
        }
        lines
    }

    fn action(&self, action: &Action) -> Vec<String> {
        let summary = action.summary.as_deref().and_then(|text| text.lines().next());
        let detail = if action.status == Status::LeftOut { "left out" } else { &action.provider };
        let time = action.seconds(self.now);
        let mut lines = vec![self.line("  ", action.status, &action.name, detail, time, summary)];
        let (log, is_quoted) = match action.status {
            Status::InProgress => (self.log_tail.min(action.log.len()), true),
            Status::Failed | Status::Abandoned if self.is_over => (action.log.len(), true),
            Status::Failed | Status::Abandoned => (self.log_tail.min(action.log.len()), true),
            Status::Waiting | Status::Succeeded | Status::LeftOut => (0, false),
        };
        if is_quoted {
            let tail = action.log.iter().skip(action.log.len() - log);
            lines.extend(tail.map(|line| self.quoted("    │ ", line)));
        }
        let error = action.error.as_deref().filter(|_| action.status == Status::Failed);
        let error_lines = error.iter().flat_map(|error| error.lines());
        let room = self.columns.saturating_sub(ERROR_INDENT.len());
        for line in error_lines.flat_map(|line| wrap(&clean(line), room)) {
            let line = cut(&format!("{ERROR_INDENT}{line}"), self.columns);
            lines.push(self.paint.of(Status::Failed, &line));
        }
        lines
    }

    /// `✔ Build  Make, Lint  3.2s  summary`
    fn line(
        &self,
        indent: &str,
        status: Status,
        name: &str,
        detail: &str,
        time: Option<f64>,
        summary: Option<&str>,
    ) -> String {
        let begin = format!("{indent}{} ", sign(status));
        let name = cut(&clean(name), self.columns.saturating_sub(begin.chars().count()));
        let mut rest = String::new();
        for part in [Some(detail.to_owned()), time.map(duration), summary.map(clean)].into_iter().flatten() {
            if !part.is_empty() {
                rest.push_str("  ");
                rest.push_str(&clean(&part));
            }
        }
        let used = begin.chars().count() + unicode_width::UnicodeWidthStr::width(name.as_str());
        let rest = cut(&rest, self.columns.saturating_sub(used));
        let name =
            if status == Status::Waiting || status == Status::LeftOut { self.paint.dim(&name) } else { name };
        format!("{indent}{} {name}{}", self.paint.of(status, sign(status)), self.paint.dim(&rest))
    }

    fn quoted(&self, begin: &str, line: &str) -> String {
        let room = self.columns.saturating_sub(begin.chars().count());
        self.paint.dim(&format!("{begin}{}", cut(line, room)))
    }

    /// From the first of its actions that began to the last that ended.
    fn time(&self, stage: &Stage) -> Option<f64> {
        let began = stage.actions.iter().filter_map(|action| action.started).min()?;
        let is_open = stage.actions.iter().any(|action| action.status == Status::InProgress);
        let ended = stage.actions.iter().filter_map(|action| action.ended).max().filter(|_| !is_open);
        Some(seconds(began, ended.unwrap_or(self.now)))
    }
}

/// What the actions of a stage make of it.
fn status(stage: &Stage) -> Status {
    let counted =
        || stage.actions.iter().map(|action| action.status).filter(|status| *status != Status::LeftOut);
    let any = |wanted| counted().any(|status| status == wanted);
    if counted().next().is_none() {
        Status::LeftOut
    } else if any(Status::InProgress) {
        Status::InProgress
    } else if any(Status::Failed) {
        Status::Failed
    } else if any(Status::Abandoned) {
        Status::Abandoned
    } else if counted().all(|status| status == Status::Succeeded) {
        Status::Succeeded
    } else if any(Status::Succeeded) {
        // Between two actions that run one after the other.
        Status::InProgress
    } else {
        Status::Waiting
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::commands::run::plan::LeftOut;
    use crate::commands::run::progress::tests::{detail, progress};
    use crate::commands::run::progress::{Ending, Place};

    const WIDE: Size = Size { columns: 60, rows: 0 };

    fn check(progress: &Progress, now: i64, size: Size, expected: Expect) {
        let drawn = lines(progress, Timestamp::from_millis(now), size, Paint::None);
        assert!(
            drawn.iter().all(|line| unicode_width::UnicodeWidthStr::width(line.as_str()) <= size.columns)
        );
        expected.assert_eq(&drawn.join("\n"));
    }

    /// Source is over; of Build one action runs, one has not begun and one is left out.
    fn under_way() -> Progress {
        let out = LeftOut { stage: "Build".into(), action: "Notify".into(), action_type: "x".into() };
        let definition =
            "Source: Fetch/S3 | Build: Make/CodeBuild, Lint/CodeBuild, Notify/Lambda | Deploy: Publish/S3";
        let mut progress = progress(definition, &[out]);
        progress.observe(&[
            detail(
                "Source",
                "Fetch",
                "Succeeded",
                0.2,
                0.7,
                json!({"externalExecutionSummary": "3 files of ."}),
            ),
            detail("Build", "Make", "InProgress", 1.0, 1.0, json!({})),
        ]);
        let log: Vec<_> = (1..=12).map(|number| format!("line {number} of the log")).collect();
        progress.log(&Place { stage: "Build".into(), action: "Make".into() }, &log);
        progress
    }

    #[test]
    fn a_run_under_way() {
        check(
            &under_way(),
            13_000,
            WIDE,
            expect![[r#"
            web  13s
            ✔ Source  Fetch  0.5s  3 files of .
            ● Build  12s
              ● Make  CodeBuild  12s
                │ line 5 of the log
                │ line 6 of the log
                │ line 7 of the log
                │ line 8 of the log
                │ line 9 of the log
                │ line 10 of the log
                │ line 11 of the log
                │ line 12 of the log
              · Lint  CodeBuild
              – Notify  left out
            · Deploy  Publish"#]],
        );
    }

    #[test]
    fn a_small_terminal_shows_less_of_the_log_and_then_fewer_stages() {
        let progress = under_way();
        check(
            &progress,
            13_000,
            Size { columns: 20, rows: 10 },
            expect![[r#"
            web  13s
            ✔ Source  Fetch  0.…
            ● Build  12s
              ● Make  CodeBuild…
                │ line 11 of th…
                │ line 12 of th…
              · Lint  CodeBuild
              – Notify  left out
            · Deploy  Publish"#]],
        );
        check(
            &progress,
            13_000,
            Size { columns: 20, rows: 6 },
            expect![[r#"
            web  13s
            ● Build  12s
              ● Make  CodeBuild…
              · Lint  CodeBuild
              – Notify  left out"#]],
        );
        for rows in 1..20 {
            let drawn = lines(&progress, Timestamp::from_millis(0), Size { columns: 20, rows }, Paint::None);
            assert!(drawn.len() < rows, "{} lines on {rows} rows", drawn.len());
        }
    }

    #[test]
    fn a_failure_keeps_its_error_and_the_end_of_its_log() {
        let mut progress = under_way();
        let error =
            json!({"errorDetails": {"code": "JobFailed", "message": "Build terminated\nwith state: FAILED"}});
        progress.observe(&[detail("Build", "Make", "Failed", 1.0, 14.0, error)]);
        progress.end(Ending::Failed, Timestamp::from_millis(14_500));
        check(
            &progress,
            99_000,
            Size { columns: 60, rows: 5 },
            expect![[r#"
            web  14s  Failed
            ✔ Source  Fetch  0.5s  3 files of .
            ✘ Build  13s
              ✘ Make  CodeBuild  13s
                │ line 1 of the log
                │ line 2 of the log
                │ line 3 of the log
                │ line 4 of the log
                │ line 5 of the log
                │ line 6 of the log
                │ line 7 of the log
                │ line 8 of the log
                │ line 9 of the log
                │ line 10 of the log
                │ line 11 of the log
                │ line 12 of the log
                Build terminated
                with state: FAILED
              · Lint  CodeBuild
              – Notify  left out
            · Deploy  Publish"#]],
        );
    }

    #[test]
    fn a_stage_that_is_left_out_and_one_that_succeeded_without_an_action() {
        let outs = [("Build", "Notify"), ("Deploy", "Publish")];
        let outs = outs.map(|(stage, action)| LeftOut {
            stage: stage.into(),
            action: action.into(),
            action_type: String::new(),
        });
        let mut progress =
            progress("Source: Fetch/S3 | Build: Make/CodeBuild, Notify/Lambda | Deploy: Publish/ECS", &outs);
        progress.observe(&[
            detail("Source", "Fetch", "Succeeded", 0.0, 0.5, json!({})),
            detail("Build", "Make", "Succeeded", 1.0, 2.0, json!({})),
        ]);
        progress.end(Ending::Succeeded, Timestamp::from_millis(2_100));
        check(
            &progress,
            0,
            WIDE,
            expect![[r#"
            web  2.1s  Succeeded
            ✔ Source  Fetch  0.5s
            ✔ Build  Make  1.0s
              – Notify  left out
            – Deploy  left out"#]],
        );
    }

    #[test]
    fn colours_are_around_the_text_only() {
        let drawn = lines(&under_way(), Timestamp::from_millis(13_000), WIDE, Paint::Colours);
        assert_eq!(drawn[0], "\u{1b}[1mweb\u{1b}[0m\u{1b}[2m  13s\u{1b}[0m");
        let plain: Vec<_> = drawn.iter().map(|line| clean(line)).collect();
        assert_eq!(plain, lines(&under_way(), Timestamp::from_millis(13_000), WIDE, Paint::None));
    }
}
