//! `stagewright artifact credential-helper`: tokens for package managers that ask a program, each time a new one.

use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::Error;
use super::server::Address;

/// What one line of cargo may have at most, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Answer as the program keyring does, which pip and uv ask; what it does not know, it hands to the next one
    Keyring {
        #[command(flatten)]
        whom: Whom,
        /// The path under which it is called, which is not asked again
        #[arg(long, value_name = "FILE")]
        called_as: Option<PathBuf>,
        /// The arguments of keyring
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

#[derive(clap::Parser)]
pub struct Whom {
    /// A server that may be asked; repeat it for others
    #[arg(long = "server", value_name = "URL", required = true)]
    servers: Vec<String>,
    /// Whose key of the shared credentials file to take
    #[arg(long)]
    profile: Option<String>,
}

pub async fn run(command: Command) -> Result<ExitCode, Error> {
    let Command::Keyring { whom, called_as, arguments } = command;
    keyring(&whom, called_as.as_deref(), &arguments).await
}

/// Speaks cargo's protocol on standard input and output. Cargo runs the program with this one argument and sends those of
/// its configuration with each request. Source: The Cargo Book, "Credential Provider Protocol".
pub async fn cargo() -> Result<ExitCode, Error> {
    say(&json!({ "v": [1] }))?;
    let mut input = io::stdin().lock();
    loop {
        let mut line = String::new();
        let read = io::Read::take(&mut input, LONGEST_LINE).read_line(&mut line);
        if read.map_err(Error::file(Path::new("standard input")))? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        say(&answer(&line).await)?;
    }
}

async fn answer(line: &str) -> Value {
    let refused = |kind: &str| json!({ "Err": { "kind": kind } });
    let failed = |message: String| json!({ "Err": { "kind": "other", "message": message, "caused-by": [] } });
    let request: Value = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(error) => return failed(format!("the request cannot be read: {error}")),
    };
    if request.get("v").and_then(Value::as_u64) != Some(1) {
        return failed("only version 1 of the protocol is spoken".to_owned());
    }
    if request.get("kind").and_then(Value::as_str) != Some("get") {
        return refused("operation-not-supported");
    }
    let arguments = request.get("args").and_then(Value::as_array).into_iter().flatten();
    let arguments = std::iter::once("stagewright").chain(arguments.filter_map(Value::as_str));
    let whom = match Whom::try_parse_from(arguments) {
        Ok(whom) => whom,
        Err(error) => return failed(error.to_string()),
    };
    let url = request.pointer("/registry/index-url").and_then(Value::as_str).unwrap_or_default();
    let Some(address) = Address::parse(url).filter(|address| address.is_at(&whom.servers)) else {
        return refused("url-not-supported");
    };
    match address.token(whom.profile.as_deref()).await {
        Ok(token) => json!({ "Ok": {
            "kind": "get", "token": token.text, "cache": "expires",
            "expiration": token.expires.as_millis() / 1000, "operation_independent": true,
        } }),
        Err(error) => failed(error.to_string()),
    }
}

fn say(line: &Value) -> Result<(), Error> {
    let mut output = io::stdout().lock();
    let said = writeln!(output, "{line}").and_then(|()| output.flush());
    said.map_err(Error::file(Path::new("standard output")))
}

/// Source: the documentation of the Python package keyring, "Command-line Utility"; what pip and uv run.
async fn keyring(whom: &Whom, called_as: Option<&Path>, arguments: &[String]) -> Result<ExitCode, Error> {
    let asked = Asked::of(arguments);
    let address = asked.as_ref().and_then(|asked| Address::parse(&asked.service));
    let Some((asked, address)) = asked.zip(address.filter(|address| address.is_at(&whom.servers))) else {
        return Ok(hand_on(called_as, arguments));
    };
    if asked.user.as_ref().is_some_and(|user| user != "aws") {
        return Ok(ExitCode::FAILURE);
    }
    let token = address.token(whom.profile.as_deref()).await?;
    if asked.with_user {
        println!("aws");
    }
    println!("{}", token.text);
    Ok(ExitCode::SUCCESS)
}

/// What keyring is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    service: String,
    user: Option<String>,
    /// Whether the name of the user is to be told as well.
    with_user: bool,
}

impl Asked {
    /// `get SERVICE USER`, or `get SERVICE --mode creds` with the options anywhere.
    fn of(arguments: &[String]) -> Option<Self> {
        let (mut words, mut mode) = (Vec::new(), None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.split_once('=') {
                _ if argument == "--mode" => mode = rest.next().cloned(),
                Some(("--mode", value)) => mode = Some(value.to_owned()),
                _ if argument.starts_with('-') => return None,
                _ => words.push(argument.clone()),
            }
        }
        let with_user = mode.as_deref() == Some("creds");
        let mut words = words.into_iter();
        let is_get = words.next().is_some_and(|word| word == "get");
        let asked = Self { service: words.next()?, user: words.next(), with_user };
        (is_get && words.next().is_none() && (with_user || asked.user.is_some())).then_some(asked)
    }
}

/// To the keyring that would have been found without this one. Does not come back if there is one.
fn hand_on(called_as: Option<&Path>, arguments: &[String]) -> ExitCode {
    let own = called_as.and_then(|path| path.canonicalize().ok());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("keyring"));
    let found = found.filter_map(|program| program.canonicalize().ok());
    // Only what stands behind this one on the path: two of us would hand on to each other for ever.
    let next = own.and_then(|own| {
        found.skip_while(|program| *program != own).find(|program| *program != own && program.is_file())
    });
    if let Some(next) = next {
        let error = std::process::Command::new(&next).args(arguments).exec();
        eprintln!("stagewright: {}: {error}", next.display());
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyring_is_asked_in_two_ways() {
        let of = |line: &str| Asked::of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let asked = |user: Option<&str>, with_user| {
            Some(Asked { service: "http://x".to_owned(), user: user.map(str::to_owned), with_user })
        };
        assert_eq!(of("get http://x aws"), asked(Some("aws"), false));
        assert_eq!(of("--mode creds get http://x"), asked(None, true));
        assert_eq!(of("get http://x --mode=creds"), asked(None, true));
        for line in ["set http://x aws", "get http://x", "get", "--list-backends", "get a b c"] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
