use aws::{Access, Ctx};
use codebuild_model::{DescribeTestCases, DescribeTestCasesOutput, TestCaseFilter};
use store::Range;

use super::{access_to_groups_of, named};
use crate::{
    CodeBuild,
    error::Error,
    operations::{next_token, page_size, page_start},
    records::{Report, ReportedCase},
    report::{
        Kind,
        results::{CaseStatus, MAX_CASES, TestCase},
    },
    shape,
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &DescribeTestCases,
) -> Result<Vec<Access>, Error> {
    access_to_groups_of(codebuild, ctx, [&input.report_arn]).await
}

/// The cases of a report, those that failed first, perhaps only some.
/// Errors: InvalidInput, ReportNotFound.
/// Source: CodeBuild API Reference, DescribeTestCases.
pub(super) async fn describe_test_cases(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DescribeTestCases,
) -> Result<DescribeTestCasesOutput, Error> {
    let DescribeTestCases { report_arn, next_token: token, max_results, filter } = input;
    let (scope, id) = named(&ctx.scope, &report_arn)
        .ok_or_else(|| Error::InvalidInput(format!("Invalid report ARN: {report_arn}")))?;
    let filter = Filter::of(filter)?;
    let (start, size) = (page_start(ctx, token.as_deref())?, page_size(max_results));
    let read = codebuild.store.read(move |tx| {
        let Some(report) = tx.get::<Report>(&Report::key_of(&scope, &id))? else {
            return Err(Error::ReportNotFound(report_arn.clone()));
        };
        if report.kind != Kind::Test {
            return Err(Error::InvalidInput(format!("Report {report_arn} has no test cases")));
        }
        // A report has so few cases that all of the rest may be looked at.
        let range = Range::prefix(ReportedCase::all_of(id.uuid)).after(start.clone());
        let rest = tx.scan::<ReportedCase>(range, MAX_CASES)?.into_records();
        let mut found = rest.into_iter().filter(|reported| filter.admits(&reported.case));
        let page: Vec<ReportedCase> = found.by_ref().take(size).collect();
        let next = found.next().and_then(|_| page.last().map(store::Record::key));
        let cases = page.iter().map(|reported| shape::test_case(&report, &reported.case)).collect();
        Ok((cases, next))
    });
    let (cases, next) = read.await?;
    Ok(DescribeTestCasesOutput { test_cases: Some(cases), next_token: next_token(ctx, next.as_ref()) })
}

#[derive(Default)]
struct Filter {
    status: Option<CaseStatus>,
    /// Part of the name or of the prefix.
    keyword: Option<String>,
}

impl Filter {
    /// Errors: `InvalidInput` for a status that no case has.
    fn of(given: Option<TestCaseFilter>) -> Result<Self, Error> {
        let Some(TestCaseFilter { status, keyword }) = given else { return Ok(Self::default()) };
        let known = |text: String| {
            let found = CaseStatus::ALL.into_iter().find(|status| status.as_str() == text);
            found.ok_or_else(|| Error::InvalidInput(format!("Invalid test case status: {text}")))
        };
        Ok(Self { status: status.map(known).transpose()?, keyword })
    }

    fn admits(&self, case: &TestCase) -> bool {
        let has = |keyword: &String| case.name.contains(keyword) || case.prefix.contains(keyword);
        self.status.is_none_or(|status| status == case.status) && self.keyword.as_ref().is_none_or(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let case = TestCase {
            name: "test_login".into(),
            prefix: "app.tests".into(),
            suite: "pytest".into(),
            status: CaseStatus::Failed,
            nanoseconds: 1,
            message: String::new(),
            file: "a.xml".into(),
        };
        let filter = |status: Option<&str>, keyword: Option<&str>| {
            let given =
                TestCaseFilter { status: status.map(str::to_owned), keyword: keyword.map(str::to_owned) };
            Filter::of(Some(given))
        };
        for (status, keyword, expected) in [
            (None, None, true),
            (Some("FAILED"), Some("login"), true),
            (Some("SUCCEEDED"), Some("login"), false),
            (None, Some("app.t"), true),
            (None, Some("pytest"), false),
        ] {
            assert_eq!(filter(status, keyword).unwrap().admits(&case), expected, "{status:?} {keyword:?}");
        }
        assert!(filter(Some("failed"), None).is_err());
    }
}
