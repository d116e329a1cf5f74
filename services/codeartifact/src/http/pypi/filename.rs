//! What the name of a distribution's file says. Pure.
//! Source: Python Packaging User Guide, "Binary distribution format", "Source distribution format".

use crate::error::Error;
use crate::names::Format;
use crate::package_names::python_name;
use crate::versions;

/// Longer names are nobody's.
const LONGEST: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Wheel,
    Source,
}

/// Errors: `Validation` unless the file is a distribution of that version of the project.
pub fn check(file: &str, name: &str, version: &str) -> Result<Kind, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'!');
    if file.len() > LONGEST || file.starts_with('.') || !file.bytes().all(fits) {
        return Err(Error::field("The name of the file has letters that no distribution's name has."));
    }
    let (kind, found) = if let Some(stem) = file.strip_suffix(".whl") {
        (Kind::Wheel, wheel(stem))
    } else if let Some(stem) = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip")) {
        (Kind::Source, source(stem, name))
    } else {
        let message = format!("{file} is neither a wheel (.whl) nor a source distribution (.tar.gz, .zip).");
        return Err(Error::field(message));
    };
    match found {
        Some((project, number)) if python_name(project) == python_name(name) && is_same(number, version) => {
            Ok(kind)
        }
        Some(_) | None => Err(Error::field(format!(
            "The name of the file, {file}, is not that of version {version} of {name}."
        ))),
    }
}

/// The version that a file of a project is of, in normal form; `None` if its name is not that of a distribution.
pub fn version(file: &str, project: &str) -> Option<String> {
    let stem = |suffix| file.strip_suffix(suffix);
    let number = match (stem(".whl"), stem(".tar.gz").or_else(|| stem(".zip"))) {
        (Some(stem), _) => wheel(stem)?.1,
        (None, Some(stem)) => source(stem, project)?.1,
        (None, None) => return None,
    };
    let version = versions::normal(Format::Pypi, &number.replace('_', "-")).ok()?;
    check(file, project, &version).is_ok().then_some(version)
}

/// `{distribution}-{version}(-{build tag})?-{python tag}-{abi tag}-{platform tag}`
fn wheel(stem: &str) -> Option<(&str, &str)> {
    match stem.split('-').collect::<Vec<_>>()[..] {
        [name, version, _, _, _] | [name, version, _, _, _, _] => Some((name, version)),
        _ => None,
    }
}

/// `{name}-{version}`; old names have hyphens of their own.
fn source<'s>(stem: &'s str, name: &str) -> Option<(&'s str, &'s str)> {
    let cuts = stem.match_indices('-').map(|(at, _)| (&stem[..at], &stem[at + 1..]));
    cuts.into_iter().find(|(project, _)| python_name(project) == python_name(name))
}

fn is_same(number: &str, version: &str) -> bool {
    // Wheels write `_` for the `-` of local versions.
    let number = number.replace('_', "-");
    match (versions::normal(Format::Pypi, &number), versions::normal(Format::Pypi, version)) {
        (Ok(number), Ok(version)) => number == version,
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_the_version_that_its_name_says() {
        for (file, kind) in [
            ("foo_bar-1.0-py3-none-any.whl", Kind::Wheel),
            ("Foo.Bar-1.0.0-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", Kind::Wheel),
            ("foo_bar-1.0.tar.gz", Kind::Source),
            ("foo-bar-1.0.zip", Kind::Source),
        ] {
            let version = if file.contains("1.0.0") { "1.0.0" } else { "1.0" };
            assert_eq!(check(file, "foo-bar", version).unwrap(), kind, "{file}");
        }
        for file in [
            "foo_bar-1.1-py3-none-any.whl",
            "foo-1.0-py3-none-any.whl",
            "foo_bar-1.0.whl",
            "foo_bar-1.0.exe",
            "../foo_bar-1.0.tar.gz",
            "foo_bar-1.0/x.tar.gz",
            ".foo_bar-1.0.tar.gz",
            "foo_bar.tar.gz",
        ] {
            assert!(check(file, "foo-bar", "1.0").is_err(), "{file}");
        }
    }
}
