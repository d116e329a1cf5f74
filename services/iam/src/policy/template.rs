//! Policy texts with variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, and the literals
//! `${*}`, `${?}`, `${$}`.

use std::borrow::Cow;

use super::context::Context;
use super::document::Version;
use super::wildcard::{self, Pattern, Piece};

/// A pattern whose text may depend on the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    Fixed(Pattern),
    Variable(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Piece(Piece<'static>),
    Variable(Variable),
}

/// A reference to a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// As written, for GetContextKeysForPolicy.
    pub name: String,
    /// Lower case, for lookups.
    pub key: String,
    pub default: Option<String>,
}

impl Template {
    /// Compiles `text`. Variables exist since version 2012-10-17; in older documents `${…}` is plain text.
    pub fn new(text: &str, version: Version) -> Self {
        if version == Version::V2008 || !text.contains("${") {
            return Template::Fixed(Pattern::new(text));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            push_text(&mut parts, &rest[..start]);
            parts.push(reference(&rest[start + 2..start + length]));
            rest = &rest[start + length + 1..];
        }
        push_text(&mut parts, rest);
        Template::of_parts(parts)
    }

    fn of_parts(parts: Vec<Part>) -> Self {
        if parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            return Template::Variable(parts);
        }
        let pieces = parts.into_iter().filter_map(|part| match part {
            Part::Piece(piece) => Some(piece),
            Part::Variable(_) => None,
        });
        Template::Fixed(Pattern::from_pieces(pieces.collect()))
    }

    /// The pattern for this request; `None` when a variable has neither value nor default.
    pub fn resolve<'a>(&'a self, context: &'a Context) -> Option<Cow<'a, [Piece<'a>]>> {
        match self {
            Template::Fixed(pattern) => Some(Cow::Borrowed(pattern.pieces())),
            Template::Variable(parts) => {
                parts.iter().map(|part| part.resolve(context)).collect::<Option<Vec<_>>>().map(Cow::Owned)
            }
        }
    }

    /// True when `text` matches with wildcards; an unresolved variable matches nothing.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        self.resolve(context).is_some_and(|pieces| wildcard::matches(&pieces, text))
    }

    /// True when `test` holds for the text itself, wildcard characters taken as they are.
    pub fn compare(&self, context: &Context, test: impl FnOnce(&str) -> bool) -> bool {
        self.resolve(context).is_some_and(|pieces| test(&wildcard::plain_text(&pieces)))
    }

    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        let parts = match self {
            Template::Fixed(_) => &[][..],
            Template::Variable(parts) => parts,
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(variable),
            Part::Piece(_) => None,
        })
    }
}

impl Part {
    fn resolve<'a>(&'a self, context: &'a Context) -> Option<Piece<'a>> {
        match self {
            Part::Piece(piece) => Some(piece.clone()),
            Part::Variable(variable) => {
                let value = context.variable(&variable.key).or(variable.default.as_deref())?;
                Some(Piece::Text(Cow::Borrowed(value)))
            }
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    parts.extend(Pattern::new(text).pieces().iter().cloned().map(Part::Piece));
}

/// What stands between `${` and `}`.
fn reference(inside: &str) -> Part {
    let inside = inside.trim();
    if matches!(inside, "*" | "?" | "$") {
        return Part::Piece(Piece::Text(Cow::Owned(inside.to_owned())));
    }
    let (name, default) = match inside.split_once(',') {
        Some((name, default)) => {
            let default = default.trim();
            let quoted = default.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            (name.trim(), quoted.map(str::to_owned))
        }
        None => (inside, None),
    };
    Part::Variable(Variable { name: name.to_owned(), key: name.to_ascii_lowercase(), default })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, text: &str, expected: bool) {
        let mut context = Context::new();
        context.set("aws:username", "jane");
        context.set("aws:PrincipalTag/star", "*");
        let matched = Template::new(template, Version::V2012).matches(text, &context);
        assert_eq!(matched, expected, "{template} {text}");
    }

    #[test]
    fn variables() {
        check("home/${aws:username}/*", "home/jane/x", true);
        check("home/${AWS:UserName}/*", "home/jane/x", true);
        check("home/${aws:username}/*", "home/joe/x", false);
        check("home/${aws:userid}/*", "home//x", false);
        check("${aws:PrincipalTag/team, 'none'}", "none", true);
        check("${aws:username, 'none'}", "jane", true);
    }

    #[test]
    fn substituted_text_is_no_wildcard() {
        check("${aws:PrincipalTag/star}", "anything", false);
        check("${aws:PrincipalTag/star}", "*", true);
        check("a${*}c", "abc", false);
        check("a${*}c", "a*c", true);
        check("a${?}${$}", "a?$", true);
    }

    #[test]
    fn unfinished_reference_is_text() {
        check("a${b", "a${b", true);
    }

    #[test]
    fn old_documents_have_no_variables() {
        let template = Template::new("${aws:username}", Version::V2008);
        assert!(template.matches("${aws:username}", &Context::new()));
    }
}
