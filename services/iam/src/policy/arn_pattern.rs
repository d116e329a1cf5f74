//! Patterns over ARNs: six parts compared one by one, so that a wildcard in one part never reaches into the next.

use super::context::Context;
use super::document::Version;
use super::template::Template;
use super::wildcard::{self, Pattern, Piece};

/// The six parts of an ARN; the last is everything after the fifth colon. `None` for anything else.
pub fn split(arn: &str) -> Option<[&str; 6]> {
    let mut parts = arn.splitn(6, ':');
    let six = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    (six[0] == "arn").then_some(six)
}

/// A `Resource` or `NotResource` entry.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourcePattern {
    /// `*`
    Any,
    Arn {
        head: [Pattern; 5],
        resource: Template,
    },
}

impl ResourcePattern {
    /// Compiles an entry; `None` when it is neither `*` nor of ARN form.
    /// Variables have a meaning in the sixth part only.
    pub fn new(text: &str, version: Version) -> Option<Self> {
        if text == "*" {
            return Some(ResourcePattern::Any);
        }
        let [arn, partition, service, region, account, resource] = split(text)?;
        Some(ResourcePattern::Arn {
            head: [arn, partition, service, region, account].map(Pattern::new),
            resource: Template::new(resource, version),
        })
    }

    /// True when the resource of a request, already split, is meant. `None` is a request that names no resource:
    /// only `*` covers it.
    pub fn matches(&self, resource: Option<&[&str; 6]>, context: &Context) -> bool {
        match (self, resource) {
            (ResourcePattern::Any, _) => true,
            (ResourcePattern::Arn { .. }, None) => false,
            (ResourcePattern::Arn { head, resource: last }, Some(parts)) => {
                head.iter().zip(parts).all(|(pattern, part)| pattern.matches(part))
                    && last.matches(parts[5], context)
            }
        }
    }
}

/// A value of `ArnEquals` or `ArnLike` (the two are the same).
#[derive(Clone, Debug, PartialEq)]
pub struct ArnValue(pub Template);

impl ArnValue {
    /// A lone `*` matches every ARN.
    pub fn matches(&self, arn: &str, context: &Context) -> bool {
        let Some(parts) = split(arn) else { return false };
        let Some(pieces) = self.0.resolve(context) else { return false };
        if pieces.as_ref() == [Piece::Many] {
            return true;
        }
        split_pieces(&pieces)
            .is_some_and(|patterns| patterns.iter().zip(parts).all(|(p, part)| wildcard::matches(p, part)))
    }
}

/// Cuts pieces at the first five colons.
fn split_pieces<'a>(pieces: &'a [Piece<'_>]) -> Option<[Vec<Piece<'a>>; 6]> {
    let mut parts: [Vec<Piece<'a>>; 6] = Default::default();
    let mut index = 0;
    for piece in pieces {
        let mut text = match piece {
            Piece::Text(text) => text.as_ref(),
            Piece::One => {
                parts[index].push(Piece::One);
                continue;
            }
            Piece::Many => {
                parts[index].push(Piece::Many);
                continue;
            }
        };
        while index < 5 {
            let Some((before, after)) = text.split_once(':') else { break };
            parts[index].push(Piece::Text(before.into()));
            (index, text) = (index + 1, after);
        }
        parts[index].push(Piece::Text(text.into()));
    }
    (index == 5).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(pattern: &str, arn: &str) -> bool {
        let pattern = ResourcePattern::new(pattern, Version::V2012).expect("ARN form");
        pattern.matches(split(arn).as_ref(), &Context::new())
    }

    #[test]
    fn resources() {
        for (pattern, arn, expected) in [
            ("*", "arn:aws:s3:::b/k", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:::B/*", "arn:aws:s3:::b/k", false),
            ("arn:*:s3:::b", "arn:aws:s3:::b", true),
            (
                "arn:aws:codebuild:*:123456789012:project/*",
                "arn:aws:codebuild:eu-west-1:123456789012:project/p",
                true,
            ),
            // A wildcard does not reach over a colon into the next part.
            ("arn:aws:codebuild:*:project/p", "arn:aws:codebuild:eu-west-1:123456789012:project/p", false),
            ("arn:aws:codebuild:*:*:project/?", "arn:aws:codebuild:eu-west-1:123456789012:project/p", true),
        ] {
            let actual = ResourcePattern::new(pattern, Version::V2012).is_some() && resource(pattern, arn);
            assert_eq!(actual, expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn no_resource_is_covered_by_star_only() {
        let any = ResourcePattern::new("*", Version::V2012).expect("star");
        let all_s3 = ResourcePattern::new("arn:aws:s3:::*", Version::V2012).expect("ARN form");
        assert!(any.matches(None, &Context::new()));
        assert!(!all_s3.matches(None, &Context::new()));
    }

    #[test]
    fn condition_values() {
        let mut context = Context::new();
        context.set("aws:PrincipalArn", "arn:aws:iam::123456789012:role/a");
        for (value, arn, expected) in [
            ("arn:aws:sns:*:123456789012:*", "arn:aws:sns:eu-west-1:123456789012:t", true),
            ("arn:aws:sns:*:t", "arn:aws:sns:eu-west-1:123456789012:t", false),
            ("*", "arn:aws:sns:eu-west-1:123456789012:t", true),
            ("*", "no arn", false),
            ("${aws:PrincipalArn}", "arn:aws:iam::123456789012:role/a", true),
            ("${aws:PrincipalArn}", "arn:aws:iam::123456789012:role/b", false),
        ] {
            let value_pattern = ArnValue(Template::new(value, Version::V2012));
            assert_eq!(value_pattern.matches(arn, &context), expected, "{value} {arn}");
        }
    }
}
