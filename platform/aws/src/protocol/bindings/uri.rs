//! URI templates of operations: `/v1/{name}/items/{key+}?acl`.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but unreserved characters.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, for labels that span segments.
const GREEDY: &AsciiSet = &STRICT.remove(b'/');

/// Decoded values of a path's labels.
pub type Labels = BTreeMap<String, String>;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    /// Parameters that a request must have to be meant; `None`: with any value.
    query: Vec<(&'static str, Option<&'static str>)>,
}

/// Ordered as candidates are tried: what says more comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    /// One or more segments.
    Greedy(&'static str),
}

impl Template {
    pub fn of(uri: &'static str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(label) => label.strip_suffix('+').map_or(Segment::Label(label), Segment::Greedy),
                None => Segment::Literal(segment),
            })
            .collect();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value))))
            .collect();
        Self { segments, query }
    }

    /// The labels, when a request's raw path and decoded parameters fit.
    pub fn matches(&self, path: &str, parameters: &[(String, String)]) -> Option<Labels> {
        let fits = |(name, value): &(&str, Option<&str>)| {
            parameters.iter().any(|(known, given)| known == name && value.is_none_or(|value| value == given))
        };
        if !self.query.iter().all(fits) {
            return None;
        }
        let mut parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let ends_greedy = matches!(self.segments.last(), Some(Segment::Greedy(_)));
        // Clients differ on a slash at the end; in a greedy label it belongs to the value.
        if !ends_greedy && parts.last() == Some(&"") {
            parts.pop();
        }
        let mut labels = Labels::new();
        let mut rest = parts.as_slice();
        for (index, segment) in self.segments.iter().enumerate() {
            let after = self.segments.len() - index - 1;
            let taken = match segment {
                Segment::Literal(_) | Segment::Label(_) => 1,
                Segment::Greedy(_) => rest.len().saturating_sub(after).max(1),
            };
            let (value, following) = rest.split_at_checked(taken)?;
            rest = following;
            match segment {
                Segment::Literal(literal) if value == [*literal] => {}
                Segment::Literal(_) => return None,
                Segment::Label(name) | Segment::Greedy(name) => {
                    let value = value.join("/");
                    let decoded =
                        percent_decode_str(&value).decode_utf8().ok().filter(|text| !text.is_empty())?;
                    labels.insert((*name).to_owned(), decoded.into_owned());
                }
            }
        }
        rest.is_empty().then_some(labels)
    }

    /// The path and constant query of a request; `None` where a label has no value.
    pub fn expand(&self, labels: &Labels) -> Option<String> {
        let mut out = String::new();
        for segment in &self.segments {
            out.push('/');
            match segment {
                Segment::Literal(literal) => out.push_str(literal),
                Segment::Label(name) => out.extend(utf8_percent_encode(given(labels, name)?, STRICT)),
                Segment::Greedy(name) => out.extend(utf8_percent_encode(given(labels, name)?, GREEDY)),
            }
        }
        if out.is_empty() {
            out.push('/');
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(name);
            if let Some(value) = value {
                out.push('=');
                out.push_str(value);
            }
        }
        Some(out)
    }

    /// Orders templates so that of those that match a request the first is the one meant: a literal segment
    /// says more than a label, a constant parameter more than none.
    pub fn compare_precision(&self, other: &Self) -> std::cmp::Ordering {
        let parameters = other.query.len().cmp(&self.query.len());
        let shape = |template: &Self| -> Vec<u8> { template.segments.iter().map(Segment::rank).collect() };
        shape(self).cmp(&shape(other)).then(parameters)
    }
}

impl Segment {
    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Label(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

/// The parameters of a raw query string, decoded, in their order.
pub fn parameters(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A name or value as it stands in a query string.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

fn given<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(template: &'static str, target: &str) -> Option<Vec<(String, String)>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Template::of(template).matches(path, &parameters(query)).map(|labels| labels.into_iter().collect())
    }

    fn of(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn labels_take_one_segment_and_greedy_ones_the_rest() {
        assert_eq!(labels("/", "/"), of(&[]));
        assert_eq!(labels("/v1/{name}", "/v1/a%2Fb%20c"), of(&[("name", "a/b c")]));
        assert_eq!(labels("/v1/{name}", "/v1/"), None);
        assert_eq!(labels("/v1/{name}", "/v1/a/b"), None);
        assert_eq!(labels("/v1/{name}/", "/v1/a"), of(&[("name", "a")]));
        assert_eq!(labels("/{b}/{k+}", "/b/x/y/"), of(&[("b", "b"), ("k", "x/y/")]));
        assert_eq!(labels("/{b}/{k+}/tail", "/b/x/y/tail"), of(&[("b", "b"), ("k", "x/y")]));
        assert_eq!(labels("/{b}/{k+}/tail", "/b/tail"), None);
        assert_eq!(labels("/v1/{name}", "/v1/%ff"), None);
    }

    #[test]
    fn constant_parameters_must_be_there() {
        assert_eq!(labels("/{b}?acl", "/b?acl"), of(&[("b", "b")]));
        assert_eq!(labels("/{b}?acl", "/b"), None);
        assert_eq!(labels("/{b}?list-type=2", "/b?list-type=1"), None);
    }

    #[test]
    fn what_says_more_comes_first() {
        let mut templates = ["/{b}/{k+}", "/{b}", "/{b}?acl", "/health", "/{b}/info"].map(Template::of);
        templates.sort_by(Template::compare_precision);
        let expected = ["/health", "/{b}?acl", "/{b}", "/{b}/info", "/{b}/{k+}"].map(Template::of);
        assert_eq!(templates, expected);
    }

    #[test]
    fn expansion_encodes_what_matching_decodes() {
        let values =
            Labels::from([("b".to_owned(), "a/b é".to_owned()), ("k".to_owned(), "x/y?".to_owned())]);
        let template = Template::of("/{b}/{k+}?acl&x=1");
        let target = template.expand(&values).unwrap();
        assert_eq!(target, "/a%2Fb%20%C3%A9/x/y%3F?acl&x=1");
        let (path, query) = target.split_once('?').unwrap();
        assert_eq!(template.matches(path, &parameters(query)), Some(values));
        assert_eq!(template.expand(&Labels::new()), None);
    }
}
