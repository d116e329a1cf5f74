//! From an entry of the cache to a clone: files are copied. Where the file system can share their blocks, it does.

use std::fs;
use std::io;
use std::path::Path;

/// Copies objects and the border of a shallow history, and writes the references.
pub(super) fn copy(entry: &Path, git_dir: &Path, references: &[(String, String)]) -> io::Result<()> {
    copy_objects(&entry.join("objects"), &git_dir.join("objects"))?;
    let border = entry.join("shallow");
    if border.exists() {
        fs::copy(border, git_dir.join("shallow"))?;
    }
    let mut packed = "# pack-refs with: sorted \n".to_owned();
    for (name, id) in references {
        packed.push_str(&format!("{id} {name}\n"));
    }
    fs::write(git_dir.join("packed-refs"), packed)
}

fn copy_objects(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        // What a fetch that was broken off has left, and lists of places elsewhere.
        let unfinished = name.to_string_lossy().starts_with("tmp_");
        if kind.is_dir() && name != "info" {
            copy_objects(&entry.path(), &to.join(name))?;
        } else if kind.is_file() && !unfinished {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
