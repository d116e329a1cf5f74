//! What commands print. A reader that has seen enough (`stagewright coverage | head`) is no reason to fail: the standard
//! macros would panic.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Instead of the standard library's, in the whole program.
macro_rules! print {
    ($($argument:tt)*) => { $crate::output::write(format_args!($($argument)*), "") };
}

/// Instead of the standard library's, in the whole program.
macro_rules! println {
    () => { $crate::output::write(format_args!(""), "\n") };
    ($($argument:tt)*) => { $crate::output::write(format_args!($($argument)*), "\n") };
}

/// Writes to standard output. Whether anybody reads it changes nothing of what the command does or answers.
pub fn write(text: Arguments<'_>, end: &str) {
    let mut output = io::stdout().lock();
    let _nobody_reads = output.write_fmt(text).and_then(|()| output.write_all(end.as_bytes()));
}
