//! `npm:left-pad@^1`, `pypi:requests>=2`, `cargo:serde[derive]@1`.

use std::collections::BTreeSet;

use super::{Wanted, cargo, npm, pypi};

const WANTED: &str = "like npm:left-pad@^1, pypi:requests>=2 or cargo:serde[derive]@1";

impl Wanted {
    /// Adds what a requirement says. Errors: what would be right.
    pub fn require(&mut self, text: &str) -> Result<(), String> {
        let wrong = || format!("'{text}' is no requirement: it should be {WANTED}");
        match text.split_once(':').ok_or_else(wrong)? {
            ("npm", rest) => {
                let at = rest.rfind('@').filter(|at| *at > 0);
                let (name, range) = at.map_or((rest, "*"), |at| {
                    let (name, range) = rest.split_at(at);
                    (name, range.trim_start_matches('@'))
                });
                self.npm.insert(npm::Need::of(name, range).map_err(|why| format!("{why}: {}", wrong()))?);
            }
            ("pypi", rest) => {
                let need = pypi::Requirement::parse(rest).map_err(|why| format!("{why}: {}", wrong()))?;
                self.pypi.insert(need);
            }
            ("cargo", rest) => {
                let (name, req) = rest.split_once('@').unwrap_or((rest, "*"));
                let (name, features) = match name.split_once('[') {
                    Some((name, features)) => (name, features.strip_suffix(']').ok_or_else(wrong)?),
                    None => (name, ""),
                };
                let features = features.split(',').map(str::trim).filter(|name| !name.is_empty());
                let features: BTreeSet<String> = features.map(str::to_owned).collect();
                let need = cargo::Need::of(name, req, features, true);
                self.cargo.insert(need.map_err(|why| format!("{why}: {}", wrong()))?);
            }
            ("maven", _) => {
                return Err(format!(
                    "'{text}': what Maven needs is told by a local repository that mvn has filled: --maven FOLDER"
                ));
            }
            ("nuget" | "ruby" | "swift" | "generic", _) => {
                return Err(format!("'{text}': mirrors are of npm, PyPI, Cargo and Maven packages only"));
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_and_others_refused() {
        let mut wanted = Wanted::default();
        for text in [
            "npm:left-pad@^1",
            "npm:@acme/a@>=1 <2",
            "npm:@acme/b",
            "pypi:Requests[socks]>=2,<3",
            "pypi:flask",
            "cargo:serde[derive, rc]@1",
            "cargo:libc",
        ] {
            wanted.require(text).unwrap();
        }
        let names: Vec<&str> = wanted.npm.iter().map(|need| need.name.as_str()).collect();
        assert_eq!(names, ["@acme/a", "@acme/b", "left-pad"]);
        let names: Vec<&str> = wanted.pypi.iter().map(|one| one.need.name.as_str()).collect();
        assert_eq!(names, ["flask", "requests"]);
        assert_eq!(wanted.cargo.iter().map(|need| need.features.len()).collect::<Vec<_>>(), [0, 2]);
        for text in [
            "left-pad",
            "gem:rails",
            "maven:g:a:1",
            "npm:",
            "npm:../x",
            "npm:a@git+ssh://x",
            "pypi:a==",
            "pypi:../a",
            "cargo:a@newest",
            "cargo:a[b@1",
            "cargo:../a",
        ] {
            assert!(wanted.require(text).is_err(), "{text}");
        }
    }
}
