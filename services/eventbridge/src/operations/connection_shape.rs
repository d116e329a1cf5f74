//! Connections between the shapes of the API and the records. Answers never have secrets.

use events_model as model;

use crate::error::Error;
use crate::records::{Auth, ConnectionKind, Parameter, Place, Scheme};

/// What a new connection adds to requests. Errors: `Validation` if the parameters are not those of the type.
pub(super) fn new_auth(
    kind: &model::ConnectionAuthorizationType,
    parameters: model::CreateConnectionAuthRequestParameters,
) -> Result<Auth, Error> {
    if parameters.connectivity_parameters.is_some() {
        return Err(Error::not_implemented("Connections to private endpoints are"));
    }
    let given =
        (parameters.basic_auth_parameters, parameters.api_key_auth_parameters, parameters.o_auth_parameters);
    let scheme = match (kind.as_str(), given) {
        ("BASIC", (Some(basic), None, None)) => {
            Scheme::Basic { username: basic.username, password: basic.password }
        }
        ("API_KEY", (None, Some(key), None)) => {
            Scheme::ApiKey { name: key.api_key_name, value: key.api_key_value }
        }
        ("OAUTH_CLIENT_CREDENTIALS", (None, None, Some(oauth))) => Scheme::OAuth {
            client_id: oauth.client_parameters.client_id,
            client_secret: oauth.client_parameters.client_secret,
            endpoint: https(oauth.authorization_endpoint, "AuthorizationEndpoint")?,
            method: oauth.http_method.as_str().to_owned(),
            parameters: http_parameters(oauth.o_auth_http_parameters),
        },
        _ => return Err(not_of_type(kind.as_str())),
    };
    Ok(Auth { scheme, parameters: http_parameters(parameters.invocation_http_parameters) })
}

/// What a connection adds once it was changed; members that are not given stay. Errors: as `new_auth`.
pub(super) fn changed_auth(
    known: Option<Auth>,
    kind: ConnectionKind,
    new: model::UpdateConnectionAuthRequestParameters,
) -> Result<Auth, Error> {
    if new.connectivity_parameters.is_some() {
        return Err(Error::not_implemented("Connections to private endpoints are"));
    }
    let missing = || not_of_type(kind.as_str());
    let (known_scheme, known_parameters) =
        known.map_or((None, Vec::new()), |auth| (Some(auth.scheme), auth.parameters));
    let scheme = match kind {
        ConnectionKind::Basic => {
            let basic = new.basic_auth_parameters.unwrap_or_default();
            let (username, password) = match known_scheme {
                Some(Scheme::Basic { username, password }) => (Some(username), Some(password)),
                _ => (None, None),
            };
            Scheme::Basic {
                username: basic.username.or(username).ok_or_else(missing)?,
                password: basic.password.or(password).ok_or_else(missing)?,
            }
        }
        ConnectionKind::ApiKey => {
            let key = new.api_key_auth_parameters.unwrap_or_default();
            let (name, value) = match known_scheme {
                Some(Scheme::ApiKey { name, value }) => (Some(name), Some(value)),
                _ => (None, None),
            };
            Scheme::ApiKey {
                name: key.api_key_name.or(name).ok_or_else(missing)?,
                value: key.api_key_value.or(value).ok_or_else(missing)?,
            }
        }
        ConnectionKind::OAuth => {
            changed_oauth(known_scheme, new.o_auth_parameters.unwrap_or_default()).ok_or_else(missing)??
        }
    };
    let parameters = match new.invocation_http_parameters {
        Some(parameters) => http_parameters(Some(parameters)),
        None => known_parameters,
    };
    Ok(Auth { scheme, parameters })
}

/// `None` if something is missing.
fn changed_oauth(
    known: Option<Scheme>,
    new: model::UpdateConnectionOAuthRequestParameters,
) -> Option<Result<Scheme, Error>> {
    let (mut id, mut secret, mut at, mut how, mut with) = (None, None, None, None, Vec::new());
    if let Some(Scheme::OAuth { client_id, client_secret, endpoint, method, parameters }) = known {
        (id, secret, at, how, with) =
            (Some(client_id), Some(client_secret), Some(endpoint), Some(method), parameters);
    }
    let client = new.client_parameters.unwrap_or_default();
    let endpoint = match https(new.authorization_endpoint.or(at)?, "AuthorizationEndpoint") {
        Ok(endpoint) => endpoint,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(Scheme::OAuth {
        client_id: client.client_id.or(id)?,
        client_secret: client.client_secret.or(secret)?,
        endpoint,
        method: new.http_method.map(|method| method.as_str().to_owned()).or(how)?,
        parameters: match new.o_auth_http_parameters {
            Some(parameters) => http_parameters(Some(parameters)),
            None => with,
        },
    }))
}

/// What an answer says of it: everything but secrets.
pub(super) fn shown(auth: &Auth) -> model::ConnectionAuthResponseParameters {
    let mut answer = model::ConnectionAuthResponseParameters::default();
    match &auth.scheme {
        Scheme::Basic { username, .. } => {
            let username = Some(username.clone());
            answer.basic_auth_parameters = Some(model::ConnectionBasicAuthResponseParameters { username });
        }
        Scheme::ApiKey { name, .. } => {
            let api_key_name = Some(name.clone());
            answer.api_key_auth_parameters =
                Some(model::ConnectionApiKeyAuthResponseParameters { api_key_name });
        }
        Scheme::OAuth { client_id, endpoint, method, parameters, .. } => {
            let client_id = Some(client_id.clone());
            answer.o_auth_parameters = Some(model::ConnectionOAuthResponseParameters {
                client_parameters: Some(model::ConnectionOAuthClientResponseParameters { client_id }),
                authorization_endpoint: Some(endpoint.clone()),
                http_method: Some(method.as_str().into()),
                o_auth_http_parameters: shown_parameters(parameters),
            });
        }
    }
    answer.invocation_http_parameters = shown_parameters(&auth.parameters);
    answer
}

/// Errors: `Validation` for an address that is not `https`.
pub(super) fn https(address: String, name: &str) -> Result<String, Error> {
    let placeless = address.replace('*', "x");
    let uri = placeless.parse::<http::Uri>().ok();
    let is_fit = uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if is_fit { Ok(address) } else { Err(Error::parameter(name, "It must be a valid HTTPS URL.")) }
}

fn not_of_type(kind: &str) -> Error {
    Error::parameter("AuthParameters", &format!("They must be those of the authorization type {kind}."))
}

fn http_parameters(given: Option<model::ConnectionHttpParameters>) -> Vec<Parameter> {
    let given = given.unwrap_or_default();
    let parameter = |place, key: Option<String>, value: Option<String>, is_secret: Option<bool>| Parameter {
        place,
        key: key.unwrap_or_default(),
        value: value.unwrap_or_default(),
        is_secret: is_secret.unwrap_or(false),
    };
    let headers = given.header_parameters.into_iter().flatten();
    let queries = given.query_string_parameters.into_iter().flatten();
    let bodies = given.body_parameters.into_iter().flatten();
    headers
        .map(|one| parameter(Place::Header, one.key, one.value, one.is_value_secret))
        .chain(queries.map(|one| parameter(Place::Query, one.key, one.value, one.is_value_secret)))
        .chain(bodies.map(|one| parameter(Place::Body, one.key, one.value, one.is_value_secret)))
        .collect()
}

fn shown_parameters(parameters: &[Parameter]) -> Option<model::ConnectionHttpParameters> {
    if parameters.is_empty() {
        return None;
    }
    let of = |place| parameters.iter().filter(move |parameter| parameter.place == place);
    let value = |parameter: &Parameter| (!parameter.is_secret).then(|| parameter.value.clone());
    let headers = of(Place::Header).map(|parameter| model::ConnectionHeaderParameter {
        key: Some(parameter.key.clone()),
        value: value(parameter),
        is_value_secret: Some(parameter.is_secret),
    });
    let queries = of(Place::Query).map(|parameter| model::ConnectionQueryStringParameter {
        key: Some(parameter.key.clone()),
        value: value(parameter),
        is_value_secret: Some(parameter.is_secret),
    });
    let bodies = of(Place::Body).map(|parameter| model::ConnectionBodyParameter {
        key: Some(parameter.key.clone()),
        value: value(parameter),
        is_value_secret: Some(parameter.is_secret),
    });
    Some(model::ConnectionHttpParameters {
        header_parameters: Some(headers.collect()),
        query_string_parameters: Some(queries.collect()),
        body_parameters: Some(bodies.collect()),
    })
}
