//! What goes on in an open environment beside its phases: commands of a sandbox, breakpoints, and the scripts for shells.
//! See [`crate::open`] for the pipes.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};
use uuid::Uuid;

use super::{journal::Journal, log::Log};
use crate::{
    event::Event,
    folder::Folder,
    mask::Masker,
    open::{INSIDE, Open, Pipes, make_pipe, write_end, write_new},
    plan::Plan,
    timestamp::now_millis,
    watch::Watcher,
};

/// Commands that run at one time; further ones wait.
const MOST_COMMANDS: usize = 64;
/// Of each stream of a command, what is kept beside the log.
const CAPTURED_BYTES: usize = 64 * 1024;
const PIPE_BYTES: usize = 64 * 1024;
/// A longer line in the log is cut into several.
const LINE_BYTES: usize = 64 * 1024;
/// How long the end of a build waits for shells that are about to be left.
const LEAVING: Duration = Duration::from_secs(5);
/// What scripts tell is shorter.
const CONTROL_BYTES: usize = 4096;

/// Run as a script of the first loop: the second one, which starts what it is told and waits for nothing.
pub(super) const SIDE_LOOP: &str = r#"#!/bin/sh
exec 4<>/codebuild/readonly/open/scripts
{ while IFS= read -r script; do /bin/sh $script 4<&- & done <&4; } >/dev/null 2>&1 &
"#;

/// Background jobs of a shell ignore Ctrl-C, and what they start inherits that.
const RESET_SIGNALS: &str = r#"reset=
if env --default-signal=INT,QUIT true 2>/dev/null; then reset="env --default-signal=INT,QUIT"; fi
"#;

/// The build's own files, with the same answers whether it is open or not.
const BREAKPOINT: &str = r#"#!/bin/sh
[ -p /codebuild/readonly/open/resume ] || exit 0
export -p >/codebuild/output/tmp/paused.env
pwd >/codebuild/output/tmp/paused.cwd
echo "The build is paused. This opens a shell in it, in which codebuild-resume lets it go on:"
echo "  stagewright build attach $CODEBUILD_BUILD_ID"
echo pause >/codebuild/readonly/open/control
read -r resumed </codebuild/readonly/open/resume
rm -f /codebuild/output/tmp/paused.env /codebuild/output/tmp/paused.cwd
"#;
const RESUME: &str = r#"#!/bin/sh
if [ ! -e /codebuild/readonly/open/paused ]; then
  echo "The build is not paused" >&2
  exit 1
fi
echo resume >/codebuild/readonly/open/control
"#;

/// Writes `codebuild-breakpoint` and `codebuild-resume`, which every build has.
pub(super) fn write_programs(folder: &Folder) -> io::Result<()> {
    let programs = folder.read_only().join("bin");
    fs::create_dir_all(&programs)?;
    write_new(&programs.join("codebuild-breakpoint"), BREAKPOINT, 0o755)?;
    write_new(&programs.join("codebuild-resume"), RESUME, 0o755)
}

/// An open environment, seen from its session.
pub(super) struct Side {
    task: JoinHandle<io::Result<()>>,
    stop: watch::Sender<bool>,
    resumes: watch::Receiver<u64>,
    shells: watch::Receiver<u32>,
    folder: Folder,
}

impl Side {
    /// Makes the pipes and scripts, and serves them. Before the environment is up.
    pub fn open(folder: &Folder, plan: &Plan, open: Open) -> io::Result<Self> {
        let open_folder = folder.open_folder();
        fs::create_dir_all(&open_folder)?;
        fs::create_dir_all(folder.requests())?;
        fs::create_dir_all(folder.path().join("commands"))?;
        for name in ["scripts", "control"] {
            make_pipe(&open_folder.join(name))?;
        }
        let both = |name: &str| open_folder.join(name);
        let resume = match open.sandbox {
            true => None,
            false => {
                make_pipe(&both("resume"))?;
                Some(write_end(&both("resume"), true)?)
            }
        };
        write_terminal(&open_folder, plan.shell.path())?;
        let (stop, stopped) = watch::channel(false);
        let (resumed, resumes) = watch::channel(0);
        let (shells_open, shells) = watch::channel(0);
        let serving = Serving {
            control: pipe::OpenOptions::new().read_write(true).open_receiver(both("control"))?,
            scripts: write_end(&both("scripts"), true)?,
            resume,
            resumed,
            shells: shells_open,
            paused: 0,
            running: HashMap::new(),
            seen: HashSet::new(),
            commands: JoinSet::new(),
            shell: plan.shell.path(),
            output: Arc::new(Output {
                folder: folder.clone(),
                secrets: plan.secrets.clone(),
                journal: Mutex::new(Journal::open(&folder.events())?),
                log: Mutex::new(Log::open(&folder.output_log(), &[], plan.limits.log_bytes)?),
            }),
        };
        let task = tokio::spawn(serving.serve(stopped));
        Ok(Self { task, stop, resumes, shells, folder: folder.clone() })
    }

    /// Marks the build as paused, as a breakpoint does.
    pub fn pause(&mut self) -> io::Result<()> {
        self.resumes.mark_unchanged();
        mark_paused(&self.folder.open_folder())
    }

    pub fn unpause(&self) -> io::Result<()> {
        unmark_paused(&self.folder.open_folder())
    }

    /// Waits until somebody lets the build go on. May be dropped and called again.
    pub async fn resumed(&mut self) {
        if self.resumes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for shells to be left, but not long: whoever has let the build go on and leaves gets his shell's exit code.
    pub async fn shells_left(&mut self) {
        let left = self.shells.wait_for(|&open| open == 0);
        // Those that stay end with the environment.
        let _stay = tokio::time::timeout(LEAVING, left).await;
    }

    /// The environment's processes are gone, or will be at once: commands that have not ended never will.
    pub async fn shut_down(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.task.await.map_err(io::Error::other)??;
        fs::remove_file(self.folder.open_folder().join("scripts"))
    }
}

fn mark_paused(open_folder: &Path) -> io::Result<()> {
    File::create(open_folder.join("paused")).map(|_| ())
}

fn unmark_paused(open_folder: &Path) -> io::Result<()> {
    match fs::remove_file(open_folder.join("paused")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// `terminal.sh ID ROWS COLUMNS` runs a shell on a terminal of its own where `script` can make one, and without one where there
/// are no rows.
fn write_terminal(open_folder: &Path, shell: &str) -> io::Result<()> {
    let terminal = format!(
        r#"#!/bin/sh
exec <{INSIDE}/$1.in >{INSIDE}/$1.out 2>&1
echo "shell opened" >{INSIDE}/control
{RESET_SIGNALS}echo begun >{INSIDE}/$1.end
if [ "$2" -gt 0 ] && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  $reset script -qfec "stty rows $2 cols $3; exec {shell} {INSIDE}/shell.sh" /dev/null
else
  $reset {shell} {INSIDE}/shell.sh plain
fi
echo "$?" >{INSIDE}/$1.end
echo "shell left" >{INSIDE}/control
"#
    );
    let interactive = format!(
        r#"if [ -e {INSIDE}/paused ] && [ -r /codebuild/output/tmp/paused.env ]; then
  . /codebuild/output/tmp/paused.env
  cd "$(cat /codebuild/output/tmp/paused.cwd)" || cd "$CODEBUILD_SRC_DIR"
else
  . /codebuild/output/tmp/env.sh
  cd "$(cat /codebuild/output/tmp/cwd)" || cd "$CODEBUILD_SRC_DIR"
fi
if [ "$1" = plain ]; then exec {shell}; fi
export TERM=xterm
if command -v bash >/dev/null 2>&1; then exec bash -i; else exec {shell} -i; fi
"#
    );
    write_new(&open_folder.join("terminal.sh"), &terminal, 0o600)?;
    write_new(&open_folder.join("shell.sh"), &interactive, 0o600)
}

/// The task behind the pipes.
struct Serving {
    control: pipe::Receiver,
    scripts: File,
    /// None where breakpoints do not pause.
    resume: Option<File>,
    resumed: watch::Sender<u64>,
    /// How many are open.
    shells: watch::Sender<u32>,
    /// Breakpoints that wait.
    paused: usize,
    running: HashMap<Uuid, oneshot::Sender<i32>>,
    seen: HashSet<Uuid>,
    commands: JoinSet<io::Result<()>>,
    shell: &'static str,
    output: Arc<Output>,
}

impl Serving {
    async fn serve(mut self, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        let watcher = Watcher::new()?;
        let mut requests = watcher.watch(&self.output.folder.requests())?;
        let (mut told, mut chunk) = (Vec::new(), vec![0; CONTROL_BYTES]);
        loop {
            self.take_requests()?;
            tokio::select! {
                () = requests.changed() => {}
                read = self.control.read(&mut chunk) => {
                    told.extend_from_slice(&chunk[..read?]);
                    self.hear(&mut told)?;
                }
                Some(ended) = self.commands.join_next() => ended.map_err(io::Error::other)??,
                // An error is that the session is gone, and with it this.
                _ = stopped.changed() => break,
            }
        }
        self.hear_the_last(&mut told)?;
        self.running.clear();
        while let Some(ended) = self.commands.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    }

    /// What commands have told before the environment ended: who had ended by himself has an exit code.
    fn hear_the_last(&mut self, told: &mut Vec<u8>) -> io::Result<()> {
        let mut chunk = vec![0; CONTROL_BYTES];
        loop {
            // Read past Tokio, whose idea of readiness may be older.
            match rustix::io::read(&self.control, &mut chunk) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Ok(length) => {
                    told.extend_from_slice(&chunk[..length]);
                    self.hear(told)?;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes whole lines away from what was told.
    fn hear(&mut self, told: &mut Vec<u8>) -> io::Result<()> {
        while let Some(end) = told.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = told.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            match line.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
                ["ended", id, code] => {
                    if let (Ok(id), Ok(code)) = (id.parse::<Uuid>(), code.parse())
                        && let Some(command) = self.running.remove(&id)
                    {
                        // Its task is there until it has heard this.
                        let _heard = command.send(code);
                    }
                }
                ["pause"] if self.resume.is_some() => {
                    self.paused += 1;
                    mark_paused(&self.output.folder.open_folder())?;
                }
                ["resume"] => self.resume()?,
                ["shell", "opened"] => self.shells.send_modify(|open| *open = open.saturating_add(1)),
                ["shell", "left"] => self.shells.send_modify(|open| *open = open.saturating_sub(1)),
                // Whoever writes nonsense into the pipe harms nobody.
                _ => {}
            }
        }
        if told.len() > CONTROL_BYTES {
            told.clear();
        }
        Ok(())
    }

    fn resume(&mut self) -> io::Result<()> {
        unmark_paused(&self.output.folder.open_folder())?;
        for _ in 0..std::mem::take(&mut self.paused) {
            if let Some(resume) = &mut self.resume {
                resume.write_all(b"\n")?;
            }
        }
        self.resumed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn take_requests(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(self.output.folder.requests())? {
            if self.running.len() >= MOST_COMMANDS {
                return Ok(());
            }
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<Uuid>().ok()) else {
                continue;
            };
            if self.seen.insert(id) {
                let command = fs::read_to_string(entry.path())?;
                self.start(id, &command)?;
            }
            // It is remembered here for as long as the environment lives.
            fs::remove_file(entry.path())?;
        }
        Ok(())
    }

    fn start(&mut self, id: Uuid, command: &str) -> io::Result<()> {
        let folder = self.output.folder.open_folder();
        let pipes = Pipes::make(&folder, id, &["out", "err"])?;
        let shell = self.shell;
        let outer = format!(
            "exec </dev/null >{INSIDE}/{id}.out 2>{INSIDE}/{id}.err\n{RESET_SIGNALS}$reset {shell} {INSIDE}/{id}.command\n\
             echo \"ended {id} $?\" >{INSIDE}/control\n"
        );
        let inner = format!(". /codebuild/output/tmp/env.sh\ncd \"$CODEBUILD_SRC_DIR\"\n{command}\n");
        write_new(&folder.join(format!("{id}.sh")), &outer, 0o600)?;
        write_new(&folder.join(format!("{id}.command")), &inner, 0o600)?;
        let streams = (pipes.receiver("out")?, pipes.receiver("err")?);
        let (ended, end) = oneshot::channel();
        self.running.insert(id, ended);
        self.output.begin(id, command)?;
        self.scripts.write_all(format!("{INSIDE}/{id}.sh\n").as_bytes())?;
        self.commands.spawn(follow(self.output.clone(), id, streams, end, pipes));
        Ok(())
    }
}

/// Where what commands write goes.
struct Output {
    folder: Folder,
    secrets: Vec<String>,
    journal: Mutex<Journal>,
    log: Mutex<Log>,
}

impl Output {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: Uuid, command: &str) -> io::Result<()> {
        let shown = crate::mask::mask(&self.secrets, command)?;
        self.log().agent(&format!("Running command {shown}"))?;
        self.journal().append(&Event::RunStarted { id, at: now_millis() })
    }

    fn end(&self, id: Uuid, exit_code: Option<i32>) -> io::Result<()> {
        let how =
            exit_code.map_or_else(|| "was ended".to_owned(), |code| format!("ended with exit status {code}"));
        self.log().agent(&format!("Command execution {id} {how}"))?;
        let mut journal = self.journal();
        journal.append(&Event::RunEnded { id, exit_code, at: now_millis() })?;
        journal.sync()
    }
}

/// One command from its first output to its exit code.
async fn follow(
    output: Arc<Output>,
    id: Uuid,
    (mut stdout, mut stderr): (pipe::Receiver, pipe::Receiver),
    mut end: oneshot::Receiver<i32>,
    pipes: Pipes,
) -> io::Result<()> {
    let captured = output.folder.captured(id);
    let mut out = Stream::new(&output, &captured.with_extension("out"))?;
    let mut err = Stream::new(&output, &captured.with_extension("err"))?;
    let (mut chunk, mut error_chunk) = (vec![0; PIPE_BYTES], vec![0; PIPE_BYTES]);
    let exit_code = loop {
        tokio::select! {
            read = stdout.read(&mut chunk) => out.take(&chunk[..read?])?,
            read = stderr.read(&mut error_chunk) => err.take(&error_chunk[..read?])?,
            code = &mut end => break code.ok(),
        }
    };
    // What the pipes hold right now is the command's; a process that it has left behind may go on writing.
    for (pipe, stream) in [(&stdout, &mut out), (&stderr, &mut err)] {
        let mut drained = 0;
        while drained < PIPE_BYTES {
            // Read past Tokio, whose idea of readiness may be older than the exit code.
            match rustix::io::read(pipe, &mut chunk) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
                Ok(length) => {
                    stream.take(&chunk[..length])?;
                    drained += length;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        stream.finish()?;
    }
    for script in ["sh", "command"] {
        let _gone = fs::remove_file(pipes.path(script));
    }
    output.end(id, exit_code)
}

/// One stream of one command: whole lines to the log, the beginning to a file.
struct Stream<'a> {
    output: &'a Output,
    masker: Masker,
    line: Vec<u8>,
    file: File,
    remaining: usize,
}

impl<'a> Stream<'a> {
    fn new(output: &'a Output, path: &Path) -> io::Result<Self> {
        Ok(Self {
            output,
            masker: Masker::new(&output.secrets).map_err(io::Error::other)?,
            line: Vec::new(),
            file: OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?,
            remaining: CAPTURED_BYTES,
        })
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let shown = self.masker.push(bytes);
        self.show(&shown)
    }

    fn finish(&mut self) -> io::Result<()> {
        let shown = self.masker.flush();
        self.show(&shown)?;
        if !self.line.is_empty() {
            self.line.push(b'\n');
            self.end_line()?;
        }
        Ok(())
    }

    fn show(&mut self, shown: &[u8]) -> io::Result<()> {
        let kept = shown.len().min(self.remaining);
        self.file.write_all(&shown[..kept])?;
        self.remaining -= kept;
        for part in shown.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() >= LINE_BYTES {
                self.end_line()?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let mut log = self.output.log();
        log.output(&line)?;
        log.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command has told its exit code, and the environment ends before anybody has read it.
    async fn exit_code_at_the_end() -> Option<i32> {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("build"));
        folder.create().unwrap();
        fs::create_dir_all(folder.requests()).unwrap();
        let control = dir.path().join("control");
        make_pipe(&control).unwrap();
        let (id, (ended, end)) = (Uuid::new_v4(), oneshot::channel());
        let serving = Serving {
            control: pipe::OpenOptions::new().read_write(true).open_receiver(&control).unwrap(),
            scripts: File::create(dir.path().join("scripts")).unwrap(),
            resume: None,
            resumed: watch::channel(0).0,
            shells: watch::channel(0).0,
            paused: 0,
            running: HashMap::from([(id, ended)]),
            seen: HashSet::new(),
            commands: JoinSet::new(),
            shell: "/bin/sh",
            output: Arc::new(Output {
                folder: folder.clone(),
                secrets: vec![],
                journal: Mutex::new(Journal::open(&folder.events()).unwrap()),
                log: Mutex::new(Log::open(&folder.output_log(), &[], 1024).unwrap()),
            }),
        };
        write_end(&control, true).unwrap().write_all(format!("ended {id} 7\n").as_bytes()).unwrap();
        let (stop, stopped) = watch::channel(false);
        stop.send_replace(true);
        serving.serve(stopped).await.unwrap();
        end.await.ok()
    }

    #[tokio::test]
    async fn an_exit_code_that_was_told_outlasts_the_end_of_the_environment() {
        // Which of the two is seen first is up to chance.
        for _ in 0..20 {
            assert_eq!(exit_code_at_the_end().await, Some(7));
        }
    }
}
