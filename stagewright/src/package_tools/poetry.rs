//! `auth.toml`, `config.toml` and `pyproject.toml` of Poetry. Source: Poetry's documentation, "Repositories".

use toml_edit::{ArrayOfTables, Item, Table, value};

use super::cargo::{parse, table};
use super::{Registry, Unusable};

/// The name and the password of a repository.
pub fn auth(text: &str, registry: &Registry, token: &str) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    let own = table(&mut document, &["http-basic", &registry.name])?;
    own["username"] = value("aws");
    own["password"] = value(token);
    Ok(document.to_string())
}

/// Where `poetry publish -r NAME` goes.
pub fn config(text: &str, registry: &Registry) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    table(&mut document, &["repositories", &registry.name])?["url"] = value(registry.endpoint.as_str());
    Ok(document.to_string())
}

/// A source of a project.
pub fn project(text: &str, registry: &Registry) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    let poetry = table(&mut document, &["tool", "poetry"])?;
    let sources = poetry.entry("source").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let other = || Unusable("tool.poetry.source is no list of tables".to_owned());
    let sources = sources.as_array_of_tables_mut().ok_or_else(other)?;
    let is_own = |table: &Table| table.get("name").and_then(Item::as_str) == Some(registry.name.as_str());
    if !sources.iter().any(is_own) {
        let mut own = Table::new();
        own["name"] = value(registry.name.as_str());
        sources.push(own);
    }
    for own in sources.iter_mut().filter(|table| is_own(table)) {
        own["url"] = value(format!("{}simple/", registry.endpoint));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Access;
    use super::super::tests::{is_idempotent, with_token};
    use super::*;

    #[test]
    fn a_password_is_kept_beside_others() {
        is_idempotent("[http-basic.other]\nusername = \"u\" # mine\n", |text, registry| {
            match &registry.access {
                Access::Token(token) => auth(text, registry, token),
                Access::Helper(_) => unreachable!(),
            }
        });
    }

    #[test]
    fn a_project_gets_a_source() {
        let before = "[tool.poetry]\nname = \"p\"\n\n[tool.poetry.dependencies]\npython = \"^3.11\" # mine\n";
        let after = is_idempotent(before, project);
        assert!(after.contains("[[tool.poetry.source]]\nname = \"acme-web\"\n"), "{after}");
        assert!(config("", &with_token("t")).unwrap().starts_with("[repositories.acme-web]\nurl = "));
    }
}
