//! The configuration files of package managers: what stands in them so that they use a repository, with everything else
//! left as it is. Pure: texts in, texts out.

pub mod cargo;
pub mod gradle;
pub mod ini;
pub mod maven;
pub mod npmrc;
pub mod origins;
pub mod poetry;
pub mod python;
pub mod uv;
pub mod yarn;

/// A repository as a package manager is told of it.
#[derive(Clone, Debug)]
pub struct Registry {
    /// For the manager's format, with a slash at the end.
    pub endpoint: String,
    /// By which the manager calls it, where it has names for such.
    pub name: String,
    /// Without `@`; only packages of this scope come from the repository then.
    pub scope: Option<String>,
    pub access: Access,
}

/// How the manager proves who asks.
#[derive(Clone, Debug)]
pub enum Access {
    /// By a token in its configuration.
    Token(String),
    /// By a command that gets a token whenever one is needed.
    Helper(Helper),
}

/// The command line of this program that gets tokens.
#[derive(Clone, Debug)]
pub struct Helper {
    /// Its absolute path.
    pub program: String,
    /// Servers that it gets tokens from; it sends nothing to others.
    pub servers: Vec<String>,
    /// Whose key it takes, of the shared credentials file.
    pub profile: Option<String>,
}

/// Why a file cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

impl Registry {
    /// The endpoint without its scheme: `//host/path/`.
    pub fn without_scheme(&self) -> &str {
        self.endpoint.split_once(':').map_or(self.endpoint.as_str(), |(_, rest)| rest)
    }

    pub fn is_plain_http(&self) -> bool {
        self.endpoint.starts_with("http://")
    }

    /// Without its port.
    pub fn host(&self) -> &str {
        let authority = self.without_scheme().trim_start_matches('/').split('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// The endpoint with a user name in it, and a password if there is one.
    pub fn with_user(&self, path: &str) -> String {
        let user = match &self.access {
            Access::Token(token) => format!("aws:{token}"),
            Access::Helper(_) => "aws".to_owned(),
        };
        self.endpoint.replacen("://", &format!("://{user}@"), 1) + path
    }
}

impl Helper {
    /// The command with its arguments.
    pub fn command(&self, what: &[&str]) -> Vec<String> {
        let mut command = vec![self.program.clone(), "artifact".to_owned()];
        command.extend(what.iter().map(|part| (*part).to_owned()));
        command.extend(self.whom());
        command
    }

    /// The arguments that say whose tokens, and of which servers.
    pub fn whom(&self) -> Vec<String> {
        let mut command = Vec::new();
        for server in &self.servers {
            command.extend(["--server".to_owned(), server.clone()]);
        }
        if let Some(profile) = &self.profile {
            command.extend(["--profile".to_owned(), profile.clone()]);
        }
        command
    }

    /// The command as a line of a shell.
    pub fn line(&self, what: &[&str]) -> String {
        let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
        self.command(what).iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// What a change takes away and what it adds, line by line.
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let lacks = |text: &str, line: &str| text.lines().all(|other| other != line);
    let gone = before.lines().filter(|line| lacks(after, line)).map(|line| format!("- {line}"));
    let new = after.lines().filter(|line| lacks(before, line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const ENDPOINT: &str = "http://127.0.0.1:4000/d/acme-123456789012/us-east-1/npm/web/";

    pub fn with_token(token: &str) -> Registry {
        let access = Access::Token(token.to_owned());
        Registry { endpoint: ENDPOINT.to_owned(), name: "acme-web".to_owned(), scope: None, access }
    }

    pub fn with_helper() -> Registry {
        let helper = Helper {
            program: "/opt/stagewright".to_owned(),
            servers: vec!["http://127.0.0.1:4000".to_owned()],
            profile: None,
        };
        Registry { access: Access::Helper(helper), ..with_token("") }
    }

    /// A change made again with another token leaves only the new one, and with the same nothing new.
    pub fn is_idempotent(
        before: &str,
        change: impl Fn(&str, &Registry) -> Result<String, Unusable>,
    ) -> String {
        let once = change(before, &with_token("first")).unwrap();
        assert_eq!(change(&once, &with_token("first")).unwrap(), once);
        let other = change(&once, &with_token("second")).unwrap();
        assert_eq!(other, once.replace("first", "second"));
        for line in before.lines() {
            assert!(once.contains(line), "{line} is lost:\n{once}");
        }
        once
    }

    #[test]
    fn the_parts_of_an_endpoint() {
        let registry = with_token("t");
        assert_eq!(registry.host(), "127.0.0.1");
        assert!(registry.without_scheme().starts_with("//127.0.0.1:4000/d/"));
        assert!(registry.with_user("simple/").starts_with("http://aws:t@127.0.0.1:4000/"));
        assert!(with_helper().with_user("").starts_with("http://aws@127.0.0.1:4000/"));
    }

    #[test]
    fn words_of_a_shell_are_quoted() {
        let Access::Helper(mut helper) = with_helper().access else { unreachable!() };
        helper.profile = Some("it's".to_owned());
        assert_eq!(
            helper.line(&["token"]),
            r"'/opt/stagewright' 'artifact' 'token' '--server' 'http://127.0.0.1:4000' '--profile' 'it'\''s'"
        );
    }
}
