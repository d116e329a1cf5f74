//! LCOV's tracefiles (`.info`).

use std::io::{BufRead, Read};

use super::{Counts, Coverage};
use crate::report::{Refusal, xml::Bounded};

const MAX_LINE_BYTES: u64 = 64 << 10;

/// Lines (`DA`) and branches (`BRDA`) are taken one by one; a file without them by what the tool has counted.
pub(in crate::report) fn read(file: &mut Bounded<'_>, coverage: &mut Coverage) -> Result<(), Refusal> {
    let mut line = Vec::new();
    let mut section: Option<Section> = None;
    let mut is_any = false;
    loop {
        line.clear();
        file.begin();
        file.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.len() as u64 > MAX_LINE_BYTES {
            return Err(Refusal::new(format!("a line has more than {MAX_LINE_BYTES} bytes")));
        }
        let text = std::str::from_utf8(&line).map_err(|_| Refusal::new("the file is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text == "end_of_record" {
            if let Some(section) = section.take() {
                coverage.count(section.counts());
            }
            continue;
        }
        let Some((key, value)) = text.split_once(':') else {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            return Err(Refusal::new("expected an LCOV tracefile"));
        };
        match (key, &mut section) {
            ("SF", _) => {
                coverage.begin(value)?;
                (section, is_any) = (Some(Section::default()), true);
            }
            (key, Some(section)) => section.take(key, value, coverage)?,
            (_, None) => {}
        }
    }
    match (section, is_any) {
        (Some(_), _) => Err(Refusal::new("the file ends before end_of_record")),
        (None, true) => Ok(()),
        (None, false) => Err(Refusal::new("expected an LCOV tracefile with at least one SF line")),
    }
}

/// A file's part, from SF to end_of_record.
#[derive(Default)]
struct Section {
    has_lines: bool,
    has_branches: bool,
    /// LF, LH, BRF, BRH.
    counted: [u32; 4],
}

impl Section {
    fn take(&mut self, key: &str, value: &str, coverage: &mut Coverage) -> Result<(), Refusal> {
        let number = || value.trim().parse().unwrap_or(0);
        match key {
            "DA" => {
                let mut parts = value.split(',');
                let (line, hits) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                if let Ok(line) = line.trim().parse() {
                    self.has_lines = true;
                    coverage.line(line, is_hit(hits))?;
                }
            }
            "BRDA" => {
                if let Some((name, taken)) = value.rsplit_once(',') {
                    self.has_branches = true;
                    coverage.branch(name, is_hit(taken))?;
                }
            }
            "LF" => self.counted[0] = number(),
            "LH" => self.counted[1] = number(),
            "BRF" => self.counted[2] = number(),
            "BRH" => self.counted[3] = number(),
            _ => {}
        }
        Ok(())
    }

    fn counts(&self) -> Counts {
        let [lines, lines_hit, branches, branches_hit] = self.counted;
        let mut counts = Counts::default();
        if !self.has_lines {
            counts.lines_covered = lines_hit.min(lines);
            counts.lines_missed = lines - counts.lines_covered;
        }
        if !self.has_branches {
            counts.branches_covered = branches_hit.min(branches);
            counts.branches_missed = branches - counts.branches_covered;
        }
        counts
    }
}

/// `-` is a branch that was never come to. Some tools write fractions.
fn is_hit(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(|hits| hits > 0.0)
}

#[cfg(test)]
mod tests {
    use crate::report::{Content, Format, coverage::tests::files};

    #[test]
    fn tracefiles() {
        let text = "TN:\r\nSF:/codebuild/src/src/a.c\r\nFN:1,main\nFNDA:1,main\nFNF:1\nFNH:1\nDA:1,5\nDA:2,0,checksum\nDA:3,=\n\
                    BRDA:2,0,0,-\nBRDA:2,0,1,4\nBRDA:e2,0,jump to 3,0\nLF:3\nLH:1\nBRF:3\nBRH:1\nend_of_record\n\
                    TN:other\nSF:src/a.c\nDA:2,1\nBRDA:2,0,0,1\nend_of_record\nSF:b.c\nLF:4\nLH:9\nend_of_record\n# end\n";
        assert_eq!(files(Format::Lcov, &[text]), ["b.c 4/0 0/0", "src/a.c 2/1 2/1"]);
    }

    #[test]
    fn other_files_are_refused() {
        for (text, word) in [
            ("", "SF line"),
            ("TN:\n", "SF line"),
            ("<coverage/>", "tracefile"),
            ("SF:a\nDA:1,1\n", "end_of_record"),
            ("SF:\n", "path"),
        ] {
            let mut content = Content::of(Format::Lcov, "/");
            let refused = content.read(Format::Lcov, "f", &mut text.as_bytes()).unwrap_err();
            assert!(refused.to_string().contains(word), "{text:?}: {refused}");
        }
        let mut content = Content::of(Format::Lcov, "/");
        assert!(content.read(Format::Lcov, "f", &mut &b"SF:\xff\n"[..]).is_err());
    }
}
