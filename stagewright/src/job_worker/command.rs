//! The command that does the work.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use codepipeline_model::{Artifact, JobData};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::job::{Failure, Place};

/// Files that the command may write.
pub const VARIABLES: &str = "variables";
pub const NEW_REVISION: &str = "revision";
pub const CONTINUE: &str = "continue";

/// Lines that are kept for the message of a failure, and bytes of one.
const LAST_LINES: usize = 30;
const LONGEST_LINE: u64 = 4096;
/// How long lines are awaited that were printed before the command ended.
const DRAIN: Duration = Duration::from_secs(5);
/// The worker's own key is not the command's.
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// How the command ended.
pub enum Ended {
    Succeeded,
    Failed { status: ExitStatus, last_lines: String },
}

/// Runs the command. What it prints goes on to the worker's own output. Processes that it leaves behind are ended: the
/// job's folders are about to go.
pub async fn run(command: &[String], place: &Place, id: &str, data: &JobData) -> Result<Ended, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Artifact("there is no command to run".to_owned()));
    };
    let (output, mut child) = start(program, arguments, place, id, data).map_err(Failure::io(program))?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut output = BufReader::new(output);
    let (mut begun, mut last_lines) = (Vec::new(), VecDeque::new());
    let mut status = None;
    let silence = tokio::time::sleep(Duration::MAX);
    tokio::pin!(silence);
    loop {
        tokio::select! {
            line = next_line(&mut output, &mut begun) => match line {
                Some(line) => keep(&mut last_lines, line),
                None => break,
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(Failure::io(program))?);
                if let Some(group) = group {
                    // An error says that nobody is left in it.
                    let _ = rustix::process::kill_process_group(group, Signal::KILL);
                }
                silence.as_mut().reset(Instant::now() + DRAIN);
            }
            () = &mut silence, if status.is_some() => break,
        }
    }
    let status = match status {
        Some(status) => status,
        None => child.wait().await.map_err(Failure::io(program))?,
    };
    if status.success() {
        return Ok(Ended::Succeeded);
    }
    let last_lines: Vec<String> = last_lines.into();
    Ok(Ended::Failed { status, last_lines: last_lines.join("\n") })
}

/// Both of its outputs are one pipe, so that lines keep their order.
fn start(
    program: &str,
    arguments: &[String],
    place: &Place,
    id: &str,
    data: &JobData,
) -> std::io::Result<(pipe::Receiver, Child)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder(place, data)).envs(environment(place, id, data));
    for key in KEYS {
        command.env_remove(key);
    }
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).kill_on_drop(true);
    // Its own group: what stops the worker must not stop the job that it is to finish.
    command.process_group(0);
    let child = command.spawn()?;
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, child))
}

/// `None`: nobody can print any more. A line without end is cut into pieces. Cancelled, it leaves in `begun` what it read
/// of a line, and goes on there.
async fn next_line(output: &mut BufReader<pipe::Receiver>, begun: &mut Vec<u8>) -> Option<String> {
    let room = LONGEST_LINE.saturating_sub(begun.len() as u64).max(1);
    let read = output.take(room).read_until(b'\n', begun).await;
    if begun.is_empty() && matches!(read, Ok(0) | Err(_)) {
        return None;
    }
    let line = std::mem::take(begun);
    Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn keep(last_lines: &mut VecDeque<String>, line: String) {
    println!("{line}");
    if last_lines.len() == LAST_LINES {
        last_lines.pop_front();
    }
    last_lines.push_back(line);
}

fn folder(place: &Place, data: &JobData) -> PathBuf {
    let first = data.input_artifacts.iter().flatten().find_map(|artifact| artifact.name.as_deref());
    first.map_or_else(|| place.root().to_owned(), |name| place.input(name))
}

fn environment(place: &Place, id: &str, data: &JobData) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(format!("STAGEWRIGHT_{name}"), value.to_owned());
    };
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let name = |artifact: &Artifact| artifact.name.clone().unwrap_or_default();
    for artifact in data.input_artifacts.iter().flatten().map(name) {
        set(&format!("INPUT_{}", word(&artifact)), &text(place.input(&artifact)));
    }
    for artifact in data.output_artifacts.iter().flatten().map(name) {
        set(&format!("OUTPUT_{}", word(&artifact)), &text(place.output(&artifact)));
    }
    let configuration = data.action_configuration.as_ref().and_then(|given| given.configuration.as_ref());
    for (key, value) in configuration.into_iter().flatten() {
        set(&format!("CONFIG_{}", word(key)), value);
    }
    let revision = data.output_artifacts.iter().flatten().find_map(|artifact| artifact.revision.clone());
    let context = data.pipeline_context.clone().unwrap_or_default();
    let action = context.action.unwrap_or_default();
    let told = [
        ("PIPELINE", context.pipeline_name),
        ("STAGE", context.stage.and_then(|stage| stage.name)),
        ("ACTION", action.name),
        ("ACTION_EXECUTION_ID", action.action_execution_id),
        ("EXECUTION_ID", context.pipeline_execution_id),
        ("JOB_ID", Some(id.to_owned())),
        ("REVISION", revision),
        ("CONTINUATION_TOKEN", data.continuation_token.clone()),
        ("VARIABLES", Some(text(place.file(VARIABLES)))),
        ("NEW_REVISION", Some(text(place.file(NEW_REVISION)))),
        ("CONTINUE", Some(text(place.file(CONTINUE)))),
    ];
    for (name, value) in told {
        if let Some(value) = value {
            set(name, &value);
        }
    }
    variables
}

/// A name as part of a variable's name.
fn word(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// Whether a name is one folder's, and no path.
pub fn is_folder_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(only)), None) if only == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_variables_and_folders() {
        assert_eq!(word("My-App.1"), "My_App_1");
        assert!(is_folder_name("My-App"));
        for name in ["", "..", "a/b", "/a", "a/"] {
            assert!(!is_folder_name(name), "{name}");
        }
    }
}
