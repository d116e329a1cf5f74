//! `config.toml` and `credentials.toml` of cargo. Source: The Cargo Book, "Configuration", "Credential Provider Protocol".

use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::{Access, Registry, Unusable};

/// A registry beside those that are there. With a helper, cargo runs it for each token.
pub fn config(text: &str, registry: &Registry) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    let table = table(&mut document, &["registries", &registry.name])?;
    table["index"] = value(format!("sparse+{}", registry.endpoint));
    table["credential-provider"] = match &registry.access {
        Access::Helper(helper) => value(array(&[vec![helper.program.clone()], helper.whom()].concat())),
        // Written in the credentials file.
        Access::Token(_) => value(array(&["cargo:token".to_owned()])),
    };
    Ok(document.to_string())
}

/// The token of a registry, where cargo itself keeps such.
pub fn credentials(text: &str, registry: &Registry, token: &str) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    table(&mut document, &["registries", &registry.name])?["token"] = value(token);
    Ok(document.to_string())
}

/// Errors: `Unusable` for what is no TOML.
pub fn parse(text: &str) -> Result<DocumentMut, Unusable> {
    text.parse().map_err(|error: toml_edit::TomlError| Unusable(error.to_string()))
}

/// The table of that path, made if it is not there. Errors: `Unusable` where something else stands there.
pub fn table<'d>(document: &'d mut DocumentMut, path: &[&str]) -> Result<&'d mut Table, Unusable> {
    let mut table = document.as_table_mut();
    for (depth, name) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let entry = table.entry(name).or_insert_with(|| {
            let mut new = Table::new();
            new.set_implicit(!is_last);
            Item::Table(new)
        });
        let other = || Unusable(format!("{} is no table", path[..=depth].join(".")));
        table = entry.as_table_mut().ok_or_else(other)?;
    }
    Ok(table)
}

fn array(words: &[String]) -> Array {
    words.iter().map(|word| Value::from(word.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_idempotent, with_helper, with_token};
    use super::*;

    #[test]
    fn a_registry_is_added() {
        let before = "# mine\n[net]\nretry = 0 # none\n\n[registries.other]\nindex = \"sparse+http://x/\"\n";
        let after = config(before, &with_helper()).unwrap();
        assert!(after.starts_with(before), "{after}");
        assert!(
            after.contains("[registries.acme-web]\nindex = \"sparse+http://127.0.0.1:4000/d/"),
            "{after}"
        );
        assert!(after.contains(r#"["/opt/stagewright", "--server", "http://127.0.0.1:4000"]"#));
        assert_eq!(config(&after, &with_helper()).unwrap(), after);
        is_idempotent(before, config);
    }

    #[test]
    fn a_token_is_kept_apart() {
        let after = credentials("[registry]\ntoken = \"theirs\"\n", &with_token("t"), "t").unwrap();
        assert_eq!(after, "[registry]\ntoken = \"theirs\"\n\n[registries.acme-web]\ntoken = \"t\"\n");
    }

    #[test]
    fn what_is_no_table_is_left_alone() {
        assert_eq!(
            config("registries = 1\n", &with_helper()),
            Err(Unusable("registries is no table".into()))
        );
        assert!(config("[[", &with_helper()).is_err());
    }
}
