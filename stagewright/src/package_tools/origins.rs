//! From where the package managers of a machine get public packages, as their own configuration says: what a server may be
//! told as the addresses of external connections.

use super::{cargo, ini, maven};

/// What one file or variable says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `public:npmjs`
    pub connection: &'static str,
    /// Without user and password.
    pub url: String,
}

/// The registry of an `.npmrc`.
pub fn of_npmrc(text: &str) -> Option<Origin> {
    let mut values = text.lines().filter_map(|line| line.split_once('='));
    let registry = values.rfind(|(key, _)| key.trim() == "registry").map(|(_, value)| value)?;
    of("public:npmjs", registry)
}

/// The index of a `pip.conf`.
pub fn of_pip(text: &str) -> Option<Origin> {
    let index = ini::get(text, "install", "index-url").or_else(|| ini::get(text, "global", "index-url"))?;
    of("public:pypi", &index)
}

/// What takes the place of crates.io in a `config.toml` of cargo.
pub fn of_cargo(text: &str) -> Option<Origin> {
    let document = cargo::parse(text).ok()?;
    let sources = document.get("source")?;
    let (mut name, mut seen) = (sources.get("crates-io")?.get("replace-with")?.as_str()?, 0);
    // One source may be replaced by another, but not for ever.
    while let Some(next) = sources.get(name).and_then(|source| source.get("replace-with")) {
        seen += 1;
        name = next.as_str().filter(|_| seen < 10)?;
    }
    of("public:crates-io", sources.get(name)?.get("registry")?.as_str()?.trim_start_matches("sparse+"))
}

/// The mirror of Maven Central in a `settings.xml`.
pub fn of_maven(text: &str) -> Option<Origin> {
    of("public:maven-central", &maven::mirror_of_central(text)?)
}

/// `None` for what is no address of HTTP.
pub fn of(connection: &'static str, url: &str) -> Option<Origin> {
    let url = url.trim().trim_matches(['"', '\'']);
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_plain =
        !host.is_empty() && !url.chars().any(|letter| letter.is_whitespace() || "\"\\$".contains(letter));
    let is_http = matches!(scheme, "http" | "https");
    (is_http && is_plain).then(|| Origin { connection, url: format!("{scheme}://{host}/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(found: Option<Origin>, connection: &str, url: &str) {
        let found = found.unwrap();
        assert_eq!((found.connection, found.url.as_str()), (connection, url));
    }

    #[test]
    fn each_tool_says_where() {
        is(of_npmrc("a=b\nregistry = https://m.test/npm/\n"), "public:npmjs", "https://m.test/npm/");
        is(
            of_pip("[global]\nindex-url = https://u:p@m.test/simple\n"),
            "public:pypi",
            "https://m.test/simple",
        );
        let text = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"b\"\n[source.b]\n\
                    registry = \"sparse+https://m.test/crates/\"\n";
        is(of_cargo(text), "public:crates-io", "https://m.test/crates/");
        let text = "<settings><mirrors><mirror><url>https://m.test/other</url><mirrorOf>x</mirrorOf></mirror>\
                    <mirror><url> https://m.test/maven </url><mirrorOf>*,!x</mirrorOf></mirror></mirrors></settings>";
        is(of_maven(text), "public:maven-central", "https://m.test/maven");
    }

    #[test]
    fn what_says_nothing_is_passed_over() {
        for text in ["", "registry=${URL}", "@acme:registry=https://m.test/"] {
            assert_eq!(of_npmrc(text), None, "{text}");
        }
        assert_eq!(of_cargo("[source.crates-io]\nreplace-with = \"crates-io\"\n"), None);
        assert_eq!(of_maven("<settings>"), None);
    }
}
