//! What a request of npm's asks for.

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::super::answer::Refusal;
use crate::names::{Coordinates, Format};

/// Longer names are nobody's. Source: npm documentation, "package.json", name.
const LONGEST_NAME: usize = 214;
const LONGEST_VERSION: usize = 255;

/// By which protocol it is asked for vulnerabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// By names and versions.
    Bulk,
    /// For a whole tree.
    Tree,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NpmRequest {
    Packument(Coordinates),
    /// By number or tag.
    Manifest {
        package: Coordinates,
        version: String,
    },
    Tarball {
        package: Coordinates,
        version: String,
    },
    /// Publishes, or deprecates: the body tells.
    Put(Coordinates),
    ListTags(Coordinates),
    PutTag {
        package: Coordinates,
        tag: String,
    },
    DeleteTag {
        package: Coordinates,
        tag: String,
    },
    Ping,
    Search,
    Audit(Audit),
    /// With the reason.
    Unsupported(&'static str),
}

const UNPUBLISH: &str = "npm unpublish is not supported, as in AWS CodeArtifact: use DeletePackageVersions, or \
                         UpdatePackageVersionsStatus to hide a version.";
const LOGIN: &str = "Logging in with npm is not supported: use aws codeartifact login --tool npm.";

impl NpmRequest {
    /// `rest` is what comes after the repository in the path. Errors: 404, 405, 400 for what is no name.
    pub fn parse(method: &Method, rest: &str) -> Result<Self, Refusal> {
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            let decoded = percent_decode_str(segment).decode_utf8();
            let decoded = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?;
            // A scope and its name may be one segment, `@scope%2fname`.
            segments.extend(decoded.split('/').map(str::to_owned));
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["-", own @ ..] => Self::of_registry(method, own),
            [scope, name, rest @ ..] if scope.starts_with('@') => {
                Self::of_package(method, Some(scope), name, rest)
            }
            [name, rest @ ..] if !name.starts_with('@') => Self::of_package(method, None, name, rest),
            _ => Err(Refusal::not_found("There is nothing at this address of the registry.")),
        }
    }

    fn of_registry(method: &Method, path: &[&str]) -> Result<Self, Refusal> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            ["ping"] if is_read => Ok(Self::Ping),
            ["v1", "search"] if is_read => Ok(Self::Search),
            ["npm", "v1", "security", audit @ ..] => match (method, audit) {
                (&Method::POST, ["advisories", "bulk"]) => Ok(Self::Audit(Audit::Bulk)),
                (&Method::POST, ["audits"] | ["audits", "quick"]) => Ok(Self::Audit(Audit::Tree)),
                (_, ["advisories", "bulk"] | ["audits"] | ["audits", "quick"]) => Err(not_allowed()),
                _ => Err(Refusal::not_found("The registry does not serve this.")),
            },
            ["user", ..] | ["v1", "login"] | ["whoami"] | ["npm", "v1", "user" | "tokens", ..] => {
                Ok(Self::Unsupported(LOGIN))
            }
            ["package", scope, name, "dist-tags", tag @ ..] if scope.starts_with('@') => {
                Self::of_tags(method, coordinates(Some(scope), name)?, tag)
            }
            ["package", name, "dist-tags", tag @ ..] => Self::of_tags(method, coordinates(None, name)?, tag),
            _ => Err(Refusal::not_found("The registry does not serve this.")),
        }
    }

    fn of_tags(method: &Method, package: Coordinates, path: &[&str]) -> Result<Self, Refusal> {
        match (method, path) {
            (&Method::GET, []) => Ok(Self::ListTags(package)),
            (&Method::PUT | &Method::POST, [tag]) => Ok(Self::PutTag { package, tag: (*tag).to_owned() }),
            (&Method::DELETE, [tag]) => Ok(Self::DeleteTag { package, tag: (*tag).to_owned() }),
            _ => Err(not_allowed()),
        }
    }

    fn of_package(method: &Method, scope: Option<&str>, name: &str, path: &[&str]) -> Result<Self, Refusal> {
        let package = coordinates(scope, name)?;
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            [] if is_read => Ok(Self::Packument(package)),
            [] if *method == Method::PUT => Ok(Self::Put(package)),
            ["-", file] if is_read => {
                let version =
                    file.strip_suffix(".tgz").and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
                let unknown =
                    || Refusal::not_found(format!("{file} is not a file of package {}.", package.shown()));
                let version =
                    version.filter(|version| is_text(version, LONGEST_VERSION)).ok_or_else(unknown)?;
                Ok(Self::Tarball { version: version.to_owned(), package: package.clone() })
            }
            ["-rev", ..] | ["-", _, "-rev", ..] => Ok(Self::Unsupported(UNPUBLISH)),
            [version] if is_read && is_text(version, LONGEST_VERSION) => {
                Ok(Self::Manifest { package, version: (*version).to_owned() })
            }
            [] => Err(not_allowed()),
            _ => Err(Refusal::not_found("There is nothing at this address of the registry.")),
        }
    }
}

fn not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "The registry does not do this at this address.")
}

/// Errors: 400 for what no package can be called.
pub fn coordinates(scope: Option<&str>, name: &str) -> Result<Coordinates, Refusal> {
    let scope = scope.map(|scope| scope.trim_start_matches('@'));
    let length = name.len() + scope.map_or(0, |scope| scope.len() + 2);
    let fits = |text: &str| is_text(text, LONGEST_NAME) && !matches!(text, "." | "..");
    if length > LONGEST_NAME || !fits(name) || !scope.is_none_or(fits) {
        return Err(Refusal::bad("This is not the name of a package."));
    }
    Ok(Coordinates::normal(Format::Npm, scope.unwrap_or_default(), name))
}

/// Whether a text can be a name or version by the API's rules.
fn is_text(text: &str, longest: usize) -> bool {
    let fits = |letter: char| {
        !letter.is_whitespace() && !letter.is_control() && !matches!(letter, '#' | '/' | '\\' | '?' | '%')
    };
    !text.is_empty() && text.len() <= longest && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Option<NpmRequest> {
        NpmRequest::parse(&Method::GET, path).ok()
    }

    fn package(scope: Option<&str>, name: &str) -> Coordinates {
        coordinates(scope, name).unwrap()
    }

    #[test]
    fn addresses_are_read_in_both_spellings_of_scopes() {
        let scoped = package(Some("@acme"), "web");
        for path in ["@acme/web", "@acme%2fweb", "@acme%2Fweb"] {
            assert_eq!(get(path), Some(NpmRequest::Packument(scoped.clone())), "{path}");
        }
        let tarball = NpmRequest::Tarball { package: scoped.clone(), version: "1.0.0-rc.1".into() };
        assert_eq!(get("@acme/web/-/web-1.0.0-rc.1.tgz"), Some(tarball));
        assert_eq!(
            get("react/latest"),
            Some(NpmRequest::Manifest { package: package(None, "react"), version: "latest".into() })
        );
        assert_eq!(get("-/package/@acme%2fweb/dist-tags"), Some(NpmRequest::ListTags(scoped)));
        assert_eq!(get("-/ping"), Some(NpmRequest::Ping));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for path in [
            "",
            "@acme",
            "..",
            "%2e%2e",
            "a%2f..%2fb/-/x.tgz",
            "@acme/..",
            "a b",
            "a%00",
            "a%5cb",
            "react/-/other-1.tgz",
            "react/-/react-.tgz",
            "react/-/react-1.0.0.zip",
        ] {
            assert_eq!(get(path), None, "{path}");
        }
        assert!(get(&"x".repeat(215)).is_none());
    }
}
