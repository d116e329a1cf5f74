//! `uv.toml`. Source: uv's documentation, "Package indexes", "Authentication".

use toml_edit::{ArrayOfTables, Item, Table, value};

use super::cargo::parse;
use super::{Access, Registry, Unusable};

/// An index, in front of PyPI in the place of the default one. With a helper, uv asks the program `keyring`.
pub fn config(text: &str, registry: &Registry) -> Result<String, Unusable> {
    let mut document = parse(text)?;
    if matches!(registry.access, Access::Helper(_)) {
        document["keyring-provider"] = value("subprocess");
    }
    let indexes = document.entry("index").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let indexes =
        indexes.as_array_of_tables_mut().ok_or_else(|| Unusable("index is no list of tables".into()))?;
    let is_own = |table: &Table| table.get("name").and_then(Item::as_str) == Some(registry.name.as_str());
    if !indexes.iter().any(is_own) {
        let mut own = Table::new();
        own["name"] = value(registry.name.as_str());
        indexes.push(own);
    }
    for table in indexes.iter_mut() {
        if is_own(table) {
            table["url"] = value(registry.with_user("simple/"));
            table["publish-url"] = value(registry.endpoint.as_str());
            table["authenticate"] = value("always");
            table["default"] = value(true);
        } else if table.get("default").and_then(Item::as_bool) == Some(true) {
            let name = table.get("name").and_then(Item::as_str).unwrap_or("without a name").to_owned();
            return Err(Unusable(format!("index {name} is the default already: uv takes only one")));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_idempotent, with_helper};
    use super::*;

    #[test]
    fn an_index_is_added() {
        let before = "# mine\noffline = false\n\n[[index]]\nname = \"other\"\nurl = \"http://x/\"\n";
        is_idempotent(before, config);
        let after = config(before, &with_helper()).unwrap();
        assert!(after.contains("keyring-provider = \"subprocess\"\n"), "{after}");
        assert!(after.contains("url = \"http://aws@127.0.0.1:4000/d/"), "{after}");
        let taken = before.to_owned() + "default = true\n";
        assert!(config(&taken, &with_helper()).unwrap_err().0.contains("other"));
    }
}
