use aws::{Access, Ctx};
use codebuild_model::{
    GetReportGroupTrend, GetReportGroupTrendOutput, ReportGroupTrendFieldType as Field,
    ReportGroupTrendStats, ReportWithRawData,
};
use store::Range;

use super::{access_to, group_of};
use crate::{
    CodeBuild,
    error::Error,
    operations::page_size,
    records::{Report, ReportStatus, Summary},
    report::{
        Kind,
        results::{CaseStatus, TestSummary},
    },
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &GetReportGroupTrend,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, [&input.report_group_arn]).await
}

/// One figure of the latest reports of a group, the newest first, and what it comes to. Durations are in nanoseconds, as in
/// reports; rates and coverage in percent.
/// Errors: InvalidInput for a figure that the group's reports do not have, ReportGroupNotFound.
/// Source: CodeBuild API Reference, GetReportGroupTrend.
pub(super) async fn get_report_group_trend(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: GetReportGroupTrend,
) -> Result<GetReportGroupTrendOutput, Error> {
    let (scope, name) = group_of(ctx, &input.report_group_arn)?;
    let group = codebuild.report_group(&scope, &name).await?;
    let group = group.ok_or(Error::ReportGroupNotFound(input.report_group_arn))?;
    if Some(group.kind) != kind_of(&input.trend_field) {
        return Err(Error::InvalidInput(format!(
            "Invalid trend field {} for report group {}",
            input.trend_field,
            group.arn()
        )));
    }
    let (range, size) =
        (Range::prefix(Report::of_group(&scope, &name)).descending(), page_size(input.num_of_reports));
    let read = codebuild.store.read(move |tx| tx.scan_index::<Report>(Report::OF_GROUP, range.clone(), size));
    let reports = read.await?.into_records();
    let done = reports.iter().filter(|report| report.status != ReportStatus::Generating);
    let values: Vec<(&Report, f64)> = done
        .filter_map(|report| Some((report, value(report.summary.as_ref()?, &input.trend_field)?)))
        .collect();
    let raw = values.iter().map(|(report, value)| ReportWithRawData {
        report_arn: Some(report.arn()),
        data: Some(value.to_string()),
    });
    let figures: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    Ok(GetReportGroupTrendOutput { stats: stats(&figures), raw_data: Some(raw.collect()) })
}

fn kind_of(field: &Field) -> Option<Kind> {
    match field {
        Field::PassRate | Field::Duration | Field::Total => Some(Kind::Test),
        Field::LineCoverage
        | Field::LinesCovered
        | Field::LinesMissed
        | Field::BranchCoverage
        | Field::BranchesCovered
        | Field::BranchesMissed => Some(Kind::CodeCoverage),
        Field::Other(_) => None,
    }
}

fn value(summary: &Summary, field: &Field) -> Option<f64> {
    match (summary, field) {
        (Summary::Tests(tests), Field::PassRate) => Some(pass_rate(tests)),
        (Summary::Tests(tests), Field::Duration) => Some(float(tests.nanoseconds.unsigned_abs())),
        (Summary::Tests(tests), Field::Total) => Some(float(tests.total)),
        (Summary::Coverage(counts), Field::LineCoverage) => Some(counts.line_percentage()),
        (Summary::Coverage(counts), Field::LinesCovered) => Some(counts.lines_covered.into()),
        (Summary::Coverage(counts), Field::LinesMissed) => Some(counts.lines_missed.into()),
        (Summary::Coverage(counts), Field::BranchCoverage) => Some(counts.branch_percentage()),
        (Summary::Coverage(counts), Field::BranchesCovered) => Some(counts.branches_covered.into()),
        (Summary::Coverage(counts), Field::BranchesMissed) => Some(counts.branches_missed.into()),
        _ => None,
    }
}

fn pass_rate(tests: &TestSummary) -> f64 {
    match tests.total {
        0 => 0.0,
        total => float(tests.count(CaseStatus::Succeeded)) * 100.0 / float(total),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a trend needs no more digits")]
fn float(number: u64) -> f64 {
    number as f64
}

/// None of nothing.
fn stats(figures: &[f64]) -> Option<ReportGroupTrendStats> {
    let max = figures.iter().copied().reduce(f64::max)?;
    let min = figures.iter().copied().reduce(f64::min)?;
    let average = figures.iter().sum::<f64>() / float(figures.len() as u64);
    Some(ReportGroupTrendStats {
        average: Some(average.to_string()),
        max: Some(max.to_string()),
        min: Some(min.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::coverage::Counts;

    #[test]
    fn figures() {
        let mut tests = TestSummary { total: 3, nanoseconds: 5, ..TestSummary::default() };
        tests.counts.insert(CaseStatus::Succeeded, 2);
        let tests = Summary::Tests(tests);
        assert_eq!(value(&tests, &Field::PassRate).unwrap().to_string(), "66.66666666666667");
        assert_eq!(value(&tests, &Field::Duration), Some(5.0));
        assert_eq!(value(&tests, &Field::LineCoverage), None);
        let counts = Summary::Coverage(Counts { lines_covered: 1, lines_missed: 3, ..Counts::default() });
        assert_eq!(value(&counts, &Field::LineCoverage), Some(25.0));
        assert_eq!(pass_rate(&TestSummary::default()), 0.0);
    }

    #[test]
    fn what_figures_come_to() {
        let all = stats(&[1.0, 2.0, 6.0]).unwrap();
        let shown = [all.average, all.max, all.min].map(Option::unwrap);
        assert_eq!(shown, ["3", "6", "1"]);
        assert_eq!(stats(&[]), None);
    }
}
