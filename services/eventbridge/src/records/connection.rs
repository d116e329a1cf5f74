use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

/// How API destinations prove who calls. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub description: Option<String>,
    pub kind: ConnectionKind,
    pub state: ConnectionState,
    pub state_reason: Option<String>,
    /// The [`Auth`], sealed; `None` once it was deauthorised.
    pub sealed: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub authorized: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionKind {
    Basic,
    ApiKey,
    OAuth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionState {
    Authorized,
    Authorizing,
    Deauthorized,
}

/// What a connection adds to a request. It holds secrets: never stored but sealed, never printed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    pub scheme: Scheme,
    pub parameters: Vec<Parameter>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Scheme {
    Basic {
        username: String,
        password: String,
    },
    ApiKey {
        name: String,
        value: String,
    },
    OAuth {
        client_id: String,
        client_secret: String,
        endpoint: String,
        method: String,
        parameters: Vec<Parameter>,
    },
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub place: Place,
    pub key: String,
    pub value: String,
    pub is_secret: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Header,
    Query,
    Body,
}

/// An HTTP endpoint that rules can call. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiDestination {
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub description: Option<String>,
    /// The connection's ARN.
    pub connection: String,
    /// `https://…`, with `*` for values of the target.
    pub endpoint: String,
    pub method: String,
    /// Per second; `None`: 300.
    pub rate: Option<u32>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl ConnectionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::ApiKey => "API_KEY",
            Self::OAuth => "OAUTH_CLIENT_CREDENTIALS",
        }
    }
}

impl ConnectionState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "AUTHORIZED",
            Self::Authorizing => "AUTHORIZING",
            Self::Deauthorized => "DEAUTHORIZED",
        }
    }
}

impl Auth {
    pub fn kind(&self) -> ConnectionKind {
        match self.scheme {
            Scheme::Basic { .. } => ConnectionKind::Basic,
            Scheme::ApiKey { .. } => ConnectionKind::ApiKey,
            Scheme::OAuth { .. } => ConnectionKind::OAuth,
        }
    }
}

impl Connection {
    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> String {
        self.scope.arn("events", format!("connection/{}/{}", self.name, self.id)).to_string()
    }

    /// The name in an ARN of a connection.
    pub fn name_in(arn: &str) -> Option<&str> {
        arn.split_once(":connection/")?.1.split('/').next()
    }

    /// What its secrets are sealed for.
    pub fn purpose(&self) -> String {
        format!("events-connection/{}", self.id)
    }
}

impl Record for Connection {
    const KIND: &'static str = "eventbridge/connection";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}

impl ApiDestination {
    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> String {
        self.scope.arn("events", format!("api-destination/{}/{}", self.name, self.id)).to_string()
    }
}

impl Record for ApiDestination {
    const KIND: &'static str = "eventbridge/api-destination";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}
