//! Documents of users, kept in the API's own JSON.

/// Stores a shape of the API, which the type wraps, as the API writes it. `$what` is told when it cannot be read.
macro_rules! in_api_json {
    ($type:ty, $schema:expr, $what:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                aws::protocol::json::to_value(&self.0, &$schema).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                let refused = |error| serde::de::Error::custom(format!("{}: {error:?}", $what));
                aws::protocol::json::from_value(&$schema, &value).map(Self).map_err(refused)
            }
        }
    };
}

pub(super) use in_api_json;
