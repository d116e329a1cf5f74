//! Messages as fields between blanks, as in access logs.

use super::terms::quoted;
use super::value::{Comparison, Operator, Value, regex};
use super::{InvalidPattern, invalid};

/// The fields of a pattern, in order.
#[derive(Clone, Debug)]
pub struct Fields(Vec<Field>);

#[derive(Clone, Debug)]
enum Field {
    /// `...`: any number of fields, also none.
    Rest,
    /// One field; it must fulfil one of the alternatives, each a list of comparisons. None: it may be anything.
    One(Vec<Vec<Comparison>>),
}

impl Fields {
    pub fn match_message(&self, message: &str) -> bool {
        let values = split(message);
        let position = self.0.iter().position(|field| matches!(field, Field::Rest));
        match position {
            None => values.len() == self.0.len() && all_hold(&self.0, &values),
            Some(at) => {
                let (before, after) = (&self.0[..at], &self.0[at + 1..]);
                values.len() >= before.len() + after.len()
                    && all_hold(before, &values)
                    && all_hold(after, &values[values.len() - after.len()..])
            }
        }
    }
}

fn all_hold(fields: &[Field], values: &[&str]) -> bool {
    fields.iter().zip(values).all(|(field, value)| match field {
        Field::Rest => true,
        Field::One(alternatives) if alternatives.is_empty() => true,
        Field::One(alternatives) => alternatives
            .iter()
            .any(|comparisons| comparisons.iter().all(|comparison| comparison.holds_for_text(value))),
    })
}

/// Splits a message at blanks; what stands in quotes or brackets is one field, without them.
fn split(message: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = closing.and_then(|closing| rest.get(1..)?.split_once(closing));
        let (value, after) =
            enclosed.unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        values.push(value);
        rest = after.trim_start();
    }
    values
}

pub fn parse(text: &str) -> Result<Fields, InvalidPattern> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(|| invalid("a `[` has no partner"))?;
    let fields = separated(inner, ",").into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    if fields.iter().filter(|field| matches!(field, Field::Rest)).count() > 1 {
        return Err(invalid("`...` may stand once only"));
    }
    Ok(Fields(fields))
}

fn field(text: &str) -> Result<Field, InvalidPattern> {
    let text = text.trim();
    if text == "..." {
        return Ok(Field::Rest);
    }
    let mut alternatives = Vec::new();
    for alternative in separated(text, "||") {
        let mut comparisons = Vec::new();
        for part in separated(alternative, "&&") {
            comparisons.extend(comparison(part.trim())?);
        }
        if !comparisons.is_empty() {
            alternatives.push(comparisons);
        }
    }
    Ok(Field::One(alternatives))
}

/// `name`, `name = value`; the name only says what the field is.
fn comparison(text: &str) -> Result<Option<Comparison>, InvalidPattern> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    let (_name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Ok(None);
    }
    let unexpected = || invalid(format!("`{rest}` is not expected here"));
    let (operator, value) = Operator::strip(rest).ok_or_else(unexpected)?;
    let value = value.trim();
    let value = if let Some(rest) = value.strip_prefix('"') {
        Value::Text(quoted(rest)?.0)
    } else if let Some(rest) = value.strip_prefix('%') {
        Value::Regex(regex(rest.strip_suffix('%').ok_or_else(|| invalid("a `%` has no partner"))?)?)
    } else if value.is_empty() {
        return Err(invalid("a comparison has no value"));
    } else {
        Value::bare(value)
    };
    Comparison::new(operator, value).map(Some)
}

/// Splits at a separator outside quotes and expressions.
fn separated<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let (mut parts, mut begin, mut within) = (Vec::new(), 0, None);
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        match (within, c) {
            (None, '"' | '%') => within = Some(c),
            (Some(opening), c) if c == opening => within = None,
            (None, _) if text.get(at..).is_some_and(|rest| rest.starts_with(separator)) => {
                parts.push(text.get(begin..at).unwrap_or_default());
                begin = at + separator.len();
                skip_to = begin;
            }
            (None | Some(_), _) => {}
        }
    }
    parts.push(text.get(begin..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;

    const MESSAGE: &str =
        "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";

    fn holds(pattern: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(MESSAGE)
    }

    #[test]
    fn fields_are_counted() {
        assert!(holds("[ip, user, username, timestamp, request, status_code, bytes]"));
        assert!(!holds("[ip, user]"));
        assert!(holds("[ip, ..., bytes]"));
        assert!(holds("[...]"));
    }

    #[test]
    fn fields_compare() {
        assert!(holds("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes > 1000]"));
        assert!(!holds("[ip, user, username, timestamp, request, status_code = 5*, bytes]"));
        assert!(holds("[..., status = 404 || status = 410, bytes]"));
        assert!(holds("[..., bytes > 1000 && bytes < 2000]"));
        assert!(holds("[ip = %127\\.0\\.0\\.[0-9]%, ...]"));
        assert!(holds("[ip != 10.0.0.1, ...]"));
        assert!(holds("[ip, user, w3 = \"frank\", ...]"));
    }

    #[test]
    fn mistakes_are_named() {
        for pattern in ["[a", "[..., ...]", "[a ~ 1]", "[a =]", "[a > b]", "[a = %x]"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
