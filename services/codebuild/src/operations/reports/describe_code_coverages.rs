use aws::{Access, Ctx};
use codebuild_model::{
    DescribeCodeCoverages, DescribeCodeCoveragesOutput, ReportCodeCoverageSortByType, SortOrderType,
};
use store::{Key, Range, ReadTx};
use uuid::Uuid;

use super::{access_to_groups_of, named};
use crate::{
    CodeBuild,
    error::Error,
    operations::{next_token, page_size, page_start},
    records::{Report, ReportedFile},
    report::Kind,
    shape,
};

/// Files that one call looks at: a page may have fewer than it could, and another one follow it.
const MOST_LOOKED_AT: usize = 1000;

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &DescribeCodeCoverages,
) -> Result<Vec<Access>, Error> {
    access_to_groups_of(codebuild, ctx, [&input.report_arn]).await
}

/// The covered files of a report, by path unless asked otherwise.
/// Errors: InvalidInput, for a report that is not there too.
/// Source: CodeBuild API Reference, DescribeCodeCoverages.
pub(super) async fn describe_code_coverages(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DescribeCodeCoverages,
) -> Result<DescribeCodeCoveragesOutput, Error> {
    let (scope, id) = named(&ctx.scope, &input.report_arn)
        .ok_or_else(|| Error::InvalidInput(format!("Invalid report ARN: {}", input.report_arn)))?;
    let wanted = Wanted {
        report: id.uuid,
        by_percentage: input.sort_by == Some(ReportCodeCoverageSortByType::LineCoveragePercentage),
        is_descending: input.sort_order == Some(SortOrderType::Descending),
        least: input.min_line_coverage_percentage.unwrap_or(0.0),
        most: input.max_line_coverage_percentage.unwrap_or(100.0),
    };
    if wanted.least > wanted.most {
        return Err(Error::InvalidInput(
            "Invalid minLineCoveragePercentage: it is greater than maxLineCoveragePercentage".to_owned(),
        ));
    }
    let (start, size) = (page_start(ctx, input.next_token.as_deref())?, page_size(input.max_results));
    let report_arn = input.report_arn;
    let read = codebuild.store.read(move |tx| {
        let report = tx.get::<Report>(&Report::key_of(&scope, &id))?;
        let report = report
            .filter(|report| report.kind == Kind::CodeCoverage)
            .ok_or_else(|| Error::InvalidInput(format!("There is no code coverage report {report_arn}")))?;
        let (files, next) = wanted.page(tx, start.clone(), size)?;
        let files = files.iter().map(|reported| shape::code_coverage(&report, reported)).collect();
        Ok::<_, Error>((files, next))
    });
    let (files, next) = read.await?;
    Ok(DescribeCodeCoveragesOutput {
        code_coverages: Some(files),
        next_token: next_token(ctx, next.as_ref()),
    })
}

#[derive(Clone, Copy)]
struct Wanted {
    report: Uuid,
    by_percentage: bool,
    is_descending: bool,
    /// Percentages of lines, both included.
    least: f64,
    most: f64,
}

impl Wanted {
    fn page(
        &self,
        tx: &mut ReadTx<'_>,
        start: Option<Key>,
        size: usize,
    ) -> Result<(Vec<ReportedFile>, Option<Key>), store::Error> {
        let (mut found, mut start, mut looked_at) = (Vec::new(), start, 0);
        loop {
            let range = self.range().after(start);
            let page = match self.by_percentage {
                true => tx.scan_index::<ReportedFile>(ReportedFile::PERCENTAGE, range, size - found.len())?,
                false => tx.scan::<ReportedFile>(range, size - found.len())?,
            };
            looked_at += page.records.len();
            start = page.next.clone();
            found.extend(page.into_records().into_iter().filter(|reported| self.admits(reported)));
            if found.len() == size || start.is_none() || looked_at >= MOST_LOOKED_AT {
                return Ok((found, start));
            }
        }
    }

    fn range(&self) -> Range {
        let range = match self.by_percentage {
            // Whoever is at the very top is still below it.
            true => Range::between(
                ReportedFile::from_percentage(self.report, self.least),
                ReportedFile::from_percentage(self.report, self.most + 1e-5),
            ),
            false => Range::prefix(ReportedFile::all_of(self.report)),
        };
        if self.is_descending { range.descending() } else { range }
    }

    fn admits(&self, reported: &ReportedFile) -> bool {
        let percentage = reported.file.counts.line_percentage();
        (self.least..=self.most).contains(&percentage)
    }
}
