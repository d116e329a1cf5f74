//! Which secrets a listing is asked for.
//! Source: Secrets Manager API Reference, Filter.

use secretsmanager_model as model;

use crate::error::Error;
use crate::records::Secret;

/// One condition. Several of them must all be met; of the values of one, any.
#[derive(Clone, Debug)]
pub struct Filter {
    field: Field,
    values: Vec<Wanted>,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Name,
    Description,
    TagKey,
    TagValue,
    All,
    /// Regions and services that no secret here has anything of.
    Nothing,
}

/// The beginning of a text, or with `!` what must not be its beginning.
#[derive(Clone, Debug)]
struct Wanted {
    negated: bool,
    text: String,
}

impl Filter {
    /// Errors: `InvalidParameter` for a filter without key or values.
    pub fn of(given: model::Filter) -> Result<Self, Error> {
        use model::FilterNameStringType as Key;
        let missing = |what: &str| Error::parameter(format!("Invalid filter: {what} is missing."));
        let field = match given.key.ok_or_else(|| missing("Key"))? {
            Key::Name => Field::Name,
            Key::Description => Field::Description,
            Key::TagKey => Field::TagKey,
            Key::TagValue => Field::TagValue,
            Key::All => Field::All,
            Key::PrimaryRegion | Key::OwningService => Field::Nothing,
            Key::Other(other) => return Err(Error::parameter(format!("Invalid filter: no key {other}."))),
        };
        let values = given.values.ok_or_else(|| missing("Values"))?;
        let values = values.into_iter().map(|value| match value.strip_prefix('!') {
            Some(text) => Wanted { negated: true, text: text.to_owned() },
            None => Wanted { negated: false, text: value },
        });
        Ok(Self { field, values: values.collect() })
    }

    pub fn fits(&self, secret: &Secret) -> bool {
        self.values.iter().any(|wanted| self.field.begins(secret, &wanted.text) != wanted.negated)
    }
}

impl Field {
    fn begins(self, secret: &Secret, text: &str) -> bool {
        let description = secret.description.as_deref().unwrap_or_default();
        match self {
            Self::Name => secret.name.starts_with(text),
            Self::Description => begins_in_any_case(description, text),
            Self::TagKey => secret.tags.keys().any(|key| key.starts_with(text)),
            Self::TagValue => secret.tags.values().any(|value| value.starts_with(text)),
            Self::All => text.split_whitespace().all(|word| {
                let tags = secret.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
                let mut texts = [secret.name.as_str(), description].into_iter().chain(tags);
                texts.any(|text| {
                    text.split(|c: char| !c.is_alphanumeric()).any(|own| begins_in_any_case(own, word))
                        || begins_in_any_case(text, word)
                })
            }),
            Self::Nothing => false,
        }
    }
}

fn begins_in_any_case(text: &str, beginning: &str) -> bool {
    text.to_lowercase().starts_with(&beginning.to_lowercase())
}
