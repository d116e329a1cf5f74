//! Plain lines, one per change: for logs, pipes and terminals that can do no more.

use super::text::{clean, duration};
use crate::commands::run::progress::{Change, Place, Status};

pub fn lines(change: &Change) -> Vec<String> {
    match change {
        Change::Action { place, status, seconds, summary, error } => {
            let mut lines = vec![format!("{}: {}", name(place), told(*status, *seconds, summary.as_deref()))];
            lines.extend(
                error
                    .iter()
                    .flat_map(|error| error.lines())
                    .map(|line| format!("{}: {}", name(place), clean(line))),
            );
            lines
        }
        Change::Log { place, lines } => lines.iter().map(|line| logged(place, line)).collect(),
        Change::Approval { place, question, .. } => {
            let asks =
                std::iter::once("waits for approval").chain(question.iter().flat_map(|text| text.lines()));
            asks.map(|line| format!("{}: {}", name(place), clean(line))).collect()
        }
        Change::Ended { ending, seconds } => {
            vec![format!("{} in {}", ending.as_str(), duration(*seconds))]
        }
    }
}

fn logged(place: &Place, line: &str) -> String {
    format!("{} | {}", clean(&place.action), clean(line)).trim_end().to_owned()
}

fn name(place: &Place) -> String {
    clean(&format!("{}/{}", place.stage, place.action))
}

fn told(status: Status, seconds: f64, summary: Option<&str>) -> String {
    let summary = summary.and_then(|text| text.lines().next()).map(|line| format!(" ({})", clean(line)));
    let summary = summary.unwrap_or_default();
    match status {
        Status::Waiting => "waits".to_owned(),
        Status::InProgress => "started".to_owned(),
        Status::LeftOut => "left out".to_owned(),
        Status::Succeeded => format!("succeeded in {}{summary}", duration(seconds)),
        Status::Failed => format!("failed after {}{summary}", duration(seconds)),
        Status::Abandoned => format!("abandoned after {}", duration(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::commands::run::progress::Ending;

    #[test]
    fn a_line_for_each_change() {
        let place = || Place { stage: "Build".into(), action: "Make".into() };
        let action = |status, summary: Option<&str>, error: Option<&str>| Change::Action {
            place: place(),
            status,
            seconds: 3.25,
            summary: summary.map(str::to_owned),
            error: error.map(str::to_owned),
        };
        let changes = [
            action(Status::LeftOut, None, None),
            action(Status::InProgress, None, None),
            Change::Log { place: place(), lines: vec!["\u{1b}[31mone\n".into(), "two".into()] },
            action(Status::Succeeded, Some("3 files\nand more"), None),
            action(Status::Failed, None, Some("exit status 2\nsee above")),
            Change::Approval { place: place(), token: "t".into(), question: vec!["Really?".into()] },
            Change::Ended { ending: Ending::Failed, seconds: 75.0 },
        ];
        let lines: Vec<_> = changes.iter().flat_map(lines).collect();
        expect![[r#"
            Build/Make: left out
            Build/Make: started
            Make | one
            Make | two
            Build/Make: succeeded in 3.2s (3 files)
            Build/Make: failed after 3.2s
            Build/Make: exit status 2
            Build/Make: see above
            Build/Make: waits for approval
            Build/Make: Really?
            Failed in 1m15s"#]]
        .assert_eq(&lines.join("\n"));
    }
}
