//! `settings.xml` of Maven, changed where it has to be. Source: Maven's documentation, "Settings Reference".

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::{Registry, Unusable};

const EMPTY: &str = "<settings xmlns=\"http://maven.apache.org/SETTINGS/1.2.0\">\n</settings>\n";

/// An element: its names from the root on, and where it stands.
struct Element {
    path: String,
    outer: Range<usize>,
    /// `None` of one that ends where it begins.
    inner: Option<Range<usize>>,
}

/// A server with its password, and a profile, active by itself, with the repository.
pub fn settings(text: &str, registry: &Registry, token: &str) -> Result<String, Unusable> {
    let (name, url) = (escape(&registry.name), escape(&registry.endpoint));
    let server = format!(
        "<server>\n      <id>{name}</id>\n      <username>aws</username>\n      <password>{}</password>\n    </server>",
        escape(token)
    );
    let repository = |kind: &str| {
        format!("<{kind}>\n          <id>{name}</id>\n          <url>{url}</url>\n        </{kind}>")
    };
    let profile = format!(
        "<profile>\n      <id>{name}</id>\n      <repositories>\n        {}\n      </repositories>\n      \
         <pluginRepositories>\n        {}\n      </pluginRepositories>\n    </profile>",
        repository("repository"),
        repository("pluginRepository")
    );
    let text = if text.trim().is_empty() { EMPTY } else { text };
    let text = put(text, "servers", "server", "id", &registry.name, &server)?;
    let text = put(&text, "profiles", "profile", "id", &registry.name, &profile)?;
    let active = format!("<activeProfile>{name}</activeProfile>");
    put(&text, "activeProfiles", "activeProfile", "", &registry.name, &active)
}

/// The address of the mirror for Maven Central, if there is one.
pub fn mirror_of_central(text: &str) -> Option<String> {
    let elements = elements(text).ok()?;
    let inside = |one: &Element| one.inner.clone().and_then(|inner| text.get(inner)).map(str::trim);
    let mirrors = elements.iter().filter(|one| one.path == "settings/mirrors/mirror");
    let member = |mirror: &Element, name: &str| {
        let path = format!("settings/mirrors/mirror/{name}");
        let is_own = |one: &&Element| {
            one.path == path && mirror.outer.start < one.outer.start && one.outer.end <= mirror.outer.end
        };
        elements.iter().find(is_own).and_then(inside)
    };
    let is_for_central = |mirror: &&Element| {
        let of = member(mirror, "mirrorOf").unwrap_or_default();
        let mut names = of.split(',').map(str::trim);
        names.clone().any(|name| matches!(name, "*" | "external:*" | "central"))
            && names.all(|name| name != "!central")
    };
    mirrors.filter(is_for_central).find_map(|mirror| member(mirror, "url").map(str::to_owned))
}

/// Puts an element into a list below the root, in the place of the one with the same key. The key is the text of a child,
/// or of the element itself.
fn put(text: &str, list: &str, element: &str, key: &str, name: &str, new: &str) -> Result<String, Unusable> {
    let elements = elements(text)?;
    let of_list = format!("settings/{list}");
    let of_element = format!("{of_list}/{element}");
    let of_key = if key.is_empty() { of_element.clone() } else { format!("{of_element}/{key}") };
    let is_key = |one: &&Element| {
        let inside = one.inner.clone().and_then(|inner| text.get(inner)).unwrap_or_default();
        one.path == of_key && inside.trim() == escape(name)
    };
    if let Some(found) = elements.iter().find(is_key) {
        let holds = |one: &&Element| {
            one.path == of_element && one.outer.start <= found.outer.start && found.outer.end <= one.outer.end
        };
        let old = elements.iter().find(holds).map_or(found.outer.clone(), |holder| holder.outer.clone());
        return Ok(spliced(text, old, new));
    }
    let root = elements.iter().find(|one| one.path == "settings");
    let Some(root) = root.and_then(|root| root.inner.clone()) else {
        return Err(Unusable("its root must be <settings>, with something inside".to_owned()));
    };
    let entry = format!("  {new}\n  ");
    match elements.iter().find(|one| one.path == of_list) {
        Some(Element { inner: Some(inner), .. }) => {
            // Behind what is there, in front of the end tag's own line.
            Ok(spliced(text, inner.end..inner.end, &entry))
        }
        Some(Element { outer, inner: None, .. }) => {
            Ok(spliced(text, outer.clone(), &format!("<{list}>\n    {new}\n  </{list}>")))
        }
        None => {
            let whole = format!("  <{list}>\n    {new}\n  </{list}>\n");
            Ok(spliced(text, root.end..root.end, &whole))
        }
    }
}

fn spliced(text: &str, place: Range<usize>, new: &str) -> String {
    let (before, after) = (text.get(..place.start), text.get(place.end..));
    format!("{}{new}{}", before.unwrap_or_default(), after.unwrap_or_default())
}

/// Errors: `Unusable` for what is no XML.
fn elements(text: &str) -> Result<Vec<Element>, Unusable> {
    let mut reader = Reader::from_str(text);
    let (mut found, mut open) = (Vec::new(), Vec::<(String, usize, usize)>::new());
    let position = |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|error| Unusable(error.to_string()))?;
        let end = position(&reader);
        let path = |name: &str| {
            open.last().map_or_else(|| name.to_owned(), |(parent, ..)| format!("{parent}/{name}"))
        };
        match event {
            Event::Start(tag) => {
                let path = path(tag.local_name().as_ref());
                open.push((path, start, end));
            }
            Event::Empty(tag) => {
                found.push(Element { path: path(tag.local_name().as_ref()), outer: start..end, inner: None });
            }
            Event::End(_) => {
                if let Some((path, begin, inside)) = open.pop() {
                    found.push(Element { path, outer: begin..end, inner: Some(inside..start) });
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if open.is_empty() { Ok(found) } else { Err(Unusable("an element is not closed".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::super::tests::{is_idempotent, with_token};
    use super::*;

    fn change(text: &str, registry: &Registry) -> Result<String, Unusable> {
        match &registry.access {
            Access::Token(token) => settings(text, registry, token),
            Access::Helper(_) => unreachable!(),
        }
    }

    #[test]
    fn what_else_stands_there_stays() {
        let before = "<?xml version=\"1.0\"?>\n<settings>\n  <!-- mine -->\n  <servers>\n    <server>\n      \
                      <id>other</id>\n      <password>x</password>\n    </server>\n  </servers>\n  <mirrors/>\n</settings>\n";
        let after = is_idempotent(before, change);
        let ids = elements(&after).unwrap();
        let servers: Vec<_> = ids.iter().filter(|one| one.path == "settings/servers/server/id").collect();
        assert_eq!(servers.len(), 2, "{after}");
        assert!(after.contains("<activeProfile>acme-web</activeProfile>"), "{after}");
    }

    #[test]
    fn lists_are_made_where_there_are_none() {
        is_idempotent("", change);
        // On one line, which is another one afterwards.
        let once = change("<settings><servers/><profiles></profiles></settings>", &with_token("t")).unwrap();
        for path in ["settings/servers/server/id", "settings/profiles/profile/id"] {
            let found = elements(&once).unwrap();
            assert_eq!(found.iter().filter(|one| one.path == path).count(), 1, "{once}");
        }
        assert_eq!(change(&once, &with_token("t")).unwrap(), once);
    }

    #[test]
    fn what_is_no_settings_file_is_left_alone() {
        for text in ["<settings>", "<project></project>", "<settings/>", "nothing"] {
            assert!(change(text, &with_token("t")).is_err(), "{text}");
        }
    }
}
