//! The `/usr/local` of a sandbox. Builds install programs there (`pip install`, `npm install --global`, a downloaded file
//! moved to `/usr/local/bin`), and the machine's own must stay as it is. So the environment has folders of its own, in which
//! links lead to what the machine has; the machine's folder is seen, read-only, at [`SEEN_AT`].

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

pub(crate) const LOCAL: &str = "/usr/local";
pub(crate) const SEEN_AT: &str = "/codebuild/machine";

/// Folders that there are whether the machine has them or not.
const FOLDERS: [&str; 8] = ["bin", "etc", "games", "include", "lib", "sbin", "share", "src"];
/// What stands for programs that cannot work in a sandbox.
const PROGRAMS: [(&str, &str); 5] = [
    ("sudo", include_str!("sudo.sh")),
    ("apt", PACKAGES),
    ("apt-get", PACKAGES),
    ("dnf", PACKAGES),
    ("yum", PACKAGES),
];
const PACKAGES: &str = include_str!("packages.sh");
const PYTHON: &str = include_str!("python.sh");

/// Whether the machine has a folder that can be stood in for. A link, as some systems have it, leads elsewhere.
pub(crate) fn is_there(machine: &Path) -> bool {
    fs::symlink_metadata(machine).is_ok_and(|found| found.is_dir())
}

/// Makes the folders and links in `own`, for what the machine has in `machine`, its `/usr/local`.
pub(crate) fn furnish(own: &Path, machine: &Path) -> io::Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(own.join(name))?;
    }
    link(own, machine, Path::new(""))?;
    for (name, text) in PROGRAMS {
        program(&own.join("bin").join(name), text)?;
    }
    let programs = machine.with_file_name("bin");
    let has_python = fs::symlink_metadata(own.join("bin/python")).is_ok() || programs.join("python").exists();
    if !has_python && programs.join("python3").exists() {
        program(&own.join("bin/python"), PYTHON)?;
    }
    Ok(())
}

/// Puts a program in the place of a link to that of the machine.
fn program(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn link(own: &Path, machine: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(own.join(folder))?;
    for entry in fs::read_dir(machine.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() && is_own(&path) {
            link(own, machine, &path)?;
            continue;
        }
        match symlink(Path::new(SEEN_AT).join(&path), own.join(&path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether builds put files into this folder, so that a link to it would not do.
fn is_own(path: &Path) -> bool {
    let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).collect();
    match names.as_slice() {
        [top] => FOLDERS.contains(top),
        ["lib", "node_modules"] | ["share", "man"] | ["share", "man", _] => true,
        ["lib", python] => python.starts_with("python"),
        ["lib", python, "dist-packages" | "site-packages"] => python.starts_with("python"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_find_what_the_machine_has_and_room_beside_it() {
        let (own, usr) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let machine = usr.path().join("local");
        for file in [
            "../bin/python3",
            "bin/tool",
            "bin/sudo",
            "go/bin/go",
            "lib/python3.11/dist-packages/six.py",
            "lib/x/y",
        ] {
            fs::create_dir_all(machine.join(file).parent().unwrap()).unwrap();
            fs::write(machine.join(file), "").unwrap();
        }
        for _again in 0..2 {
            furnish(own.path(), &machine).unwrap();
        }
        for link in ["bin/tool", "go", "lib/python3.11/dist-packages/six.py", "lib/x"] {
            assert_eq!(fs::read_link(own.path().join(link)).unwrap(), Path::new(SEEN_AT).join(link));
        }
        for program in ["bin/sudo", "bin/yum", "bin/python"] {
            assert!(fs::symlink_metadata(own.path().join(program)).unwrap().is_file(), "{program}");
        }
        assert!(own.path().join("share").is_dir(), "also what the machine does not have");
        assert!(is_there(&machine) && !is_there(&own.path().join("go")) && !is_there(Path::new("/none")));
    }

    /// Exit code and standard output of a program that is put into sandboxes.
    fn run(name: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let (own, usr) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(usr.path().join("local")).unwrap();
        furnish(own.path(), &usr.path().join("local")).unwrap();
        let mut command = std::process::Command::new("/bin/sh");
        let output = command.arg(own.path().join("bin").join(name)).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn what_is_to_be_installed_must_be_there() {
        let apt = |arguments: &[&str]| run("apt-get", arguments).0;
        assert_eq!(apt(&["update", "-y"]), Some(0));
        assert_eq!(apt(&["-qq", "-o", "A=b", "install", "-y", "sh", "env"]), Some(0));
        assert_eq!(apt(&["install", "-y", "sh", "no-such-package"]), Some(100));
        assert_eq!(apt(&["install", "sh=0.0.0"]), Some(100), "another version");
        assert_eq!((apt(&["remove", "sh"]), apt(&[]), apt(&["-y", "-o"])), (Some(100), Some(100), Some(100)));
        assert_eq!(run("yum", &["install", "-y", "env"]), (Some(0), "env is there already\n".to_owned()));
    }

    #[test]
    fn sudo_runs_the_command_as_who_it_is() {
        let sudo = |arguments: &[&str]| run("sudo", arguments);
        let said = |text: &str| (Some(0), text.to_owned());
        assert_eq!(sudo(&["echo", "-n", "a b"]), said("a b"));
        assert_eq!(sudo(&["-EH", "-u", "root", "--", "echo", "x"]), said("x\n"));
        assert_eq!(sudo(&["-n", "A=1", "B=2", "sh", "-c", "echo $A$B"]), said("12\n"));
        assert_eq!(sudo(&["--preserve-env=PATH", "sh", "-c", "exit 3"]).0, Some(3));
        assert_eq!(sudo(&["-u", "nobody", "true"]), (Some(1), String::new()));
        assert_eq!(sudo(&[]).0, Some(1));
    }
}
