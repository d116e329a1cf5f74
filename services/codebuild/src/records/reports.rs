//! Report groups, reports, and what reports hold.

use std::{fmt, time::Duration};

use aws::{Arn, Scope, Timestamp};
use codebuild_model as model;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{api_json::in_api_json, in_scope};
use crate::report::{
    Kind,
    coverage::{Counts, FileCoverage},
    results::{TestCase, TestSummary},
};

/// How long reports are kept. Source: CodeBuild User Guide, "Test reports".
pub const REPORT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A report group by name. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportGroup {
    pub scope: Scope,
    pub name: String,
    pub kind: Kind,
    pub export: Export,
    pub created: Timestamp,
    pub last_modified: Timestamp,
    pub tags: Vec<(String, String)>,
    /// Its reports are being deleted, then it will be.
    pub deleting: bool,
}

/// Where raw files go, in the API's own JSON: a document of the user's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export(pub model::ReportExportConfig);

in_api_json!(Export, model::REPORT_EXPORT_CONFIG, "an export of reports");

impl ReportGroup {
    pub const CREATED: &'static str = "created";
    pub const LAST_MODIFIED: &'static str = "last-modified";

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        in_scope(scope).and(name)
    }

    pub fn arn(&self) -> String {
        report_group_arn(&self.scope, &self.name)
    }
}

pub fn report_group_arn(scope: &Scope, name: &str) -> String {
    scope.arn("codebuild", format_args!("report-group/{name}")).to_string()
}

impl Record for ReportGroup {
    const KIND: &'static str = "codebuild/report-group";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let at = |time: Timestamp| in_scope(&self.scope).and_i64(time.as_millis()).and(&self.name);
        vec![
            Index::new(Self::CREATED, at(self.created)),
            Index::new(Self::LAST_MODIFIED, at(self.last_modified)),
        ]
    }
}

/// `group:uuid`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReportId {
    pub group: String,
    pub uuid: Uuid,
}

impl ReportId {
    /// Of a report's ARN.
    pub fn of_arn(arn: &Arn) -> Option<Self> {
        let (group, uuid) = arn.resource.strip_prefix("report/")?.rsplit_once(':')?;
        Some(Self { group: group.to_owned(), uuid: uuid.parse().ok()? })
    }

    pub fn arn(&self, scope: &Scope) -> String {
        scope.arn("codebuild", format_args!("report/{self}")).to_string()
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.group, self.uuid)
    }
}

/// One report. Key: account, region, group, uuid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub scope: Scope,
    pub id: ReportId,
    pub kind: Kind,
    /// ARN of the build.
    pub execution: String,
    pub status: ReportStatus,
    pub created: Timestamp,
    /// Of the group when the report was made.
    pub export: Export,
    /// There were more cases than are kept.
    pub truncated: bool,
    pub summary: Option<Summary>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportStatus {
    Generating,
    Succeeded,
    Failed,
    Incomplete,
    Deleting,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Summary {
    Tests(TestSummary),
    Coverage(Counts),
}

impl ReportStatus {
    pub fn shape(self) -> model::ReportStatusType {
        match self {
            Self::Generating => model::ReportStatusType::Generating,
            Self::Succeeded => model::ReportStatusType::Succeeded,
            Self::Failed => model::ReportStatusType::Failed,
            Self::Incomplete => model::ReportStatusType::Incomplete,
            Self::Deleting => model::ReportStatusType::Deleting,
        }
    }
}

impl Report {
    /// Of a scope, by creation.
    pub const CREATED: &'static str = "created";
    /// Of a scope, by status and creation.
    pub const STATUS: &'static str = "status";
    /// Of a group, by creation.
    pub const OF_GROUP: &'static str = "of-group";
    /// Of a group, by status and creation.
    pub const OF_GROUP_STATUS: &'static str = "of-group-status";

    pub fn key_of(scope: &Scope, id: &ReportId) -> Key {
        in_scope(scope).and(&id.group).and(id.uuid.to_string())
    }

    /// The prefix of a group's reports, as of its entries in the indexes by group.
    pub fn of_group(scope: &Scope, group: &str) -> Key {
        in_scope(scope).and(group)
    }

    pub fn arn(&self) -> String {
        self.id.arn(&self.scope)
    }

    pub fn expires(&self) -> Timestamp {
        self.created.plus(REPORT_LIFETIME)
    }
}

impl Record for Report {
    const KIND: &'static str = "codebuild/report";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let uuid = self.id.uuid.to_string();
        let at = |prefix: Key| prefix.and_i64(self.created.as_millis()).and(&uuid);
        let status = self.status.shape();
        let (scope, group) = (in_scope(&self.scope), Self::of_group(&self.scope, &self.id.group));
        vec![
            Index::new(Self::CREATED, at(scope.clone())),
            Index::new(Self::STATUS, at(scope.and(status.as_str()))),
            Index::new(Self::OF_GROUP, at(group.clone())),
            Index::new(Self::OF_GROUP_STATUS, at(group.and(status.as_str()))),
        ]
    }
}

/// A case of a report, failed ones first. Key: the report's uuid, place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedCase {
    pub report: Uuid,
    pub place: u64,
    pub case: TestCase,
}

impl ReportedCase {
    pub fn all_of(report: Uuid) -> Key {
        Key::of(report.to_string())
    }
}

impl Record for ReportedCase {
    const KIND: &'static str = "codebuild/report-case";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::all_of(self.report).and_u64(self.place)
    }
}

/// A covered file of a report, in the order of the paths. Key: the report's uuid, place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportedFile {
    pub report: Uuid,
    pub place: u64,
    pub file: FileCoverage,
}

impl ReportedFile {
    /// By the percentage of its lines.
    pub const PERCENTAGE: &'static str = "percentage";

    pub fn all_of(report: Uuid) -> Key {
        Key::of(report.to_string())
    }

    /// Where files of a percentage begin in the index.
    pub fn from_percentage(report: Uuid, percentage: f64) -> Key {
        Self::all_of(report).and_u64(millionths(percentage))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 100, and the conversion saturates"
)]
fn millionths(percentage: f64) -> u64 {
    (percentage * 1e6) as u64
}

impl Record for ReportedFile {
    const KIND: &'static str = "codebuild/report-file";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::all_of(self.report).and_u64(self.place)
    }

    fn indexes(&self) -> Vec<Index> {
        let at = Self::from_percentage(self.report, self.file.counts.line_percentage());
        vec![Index::new(Self::PERCENTAGE, at.and_u64(self.place))]
    }
}
