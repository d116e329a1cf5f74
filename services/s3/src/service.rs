//! The service: its state, and the way of every call through authorisation and audit.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use aws::operation::ValidationStyle;
use aws::{AuditRecord, Auditor, Authoriser, Client, Ctx, Principal, Protocol, Service};
use blob::collection::References;
use blob::{Blobs, Digest};
use serde_json::Value;
use store::{Key, ReadTx, Store};

use crate::access::{self, Question};
use crate::error::Error;
use crate::events;
use crate::operations::OPERATIONS;
use crate::records::{Bucket, Part, Version};
use crate::versions;

/// S3 as policies, signatures and audit records name it. Its protocol is spoken by [`Frontend`](crate::Frontend).
pub static SERVICE: Service = Service {
    id: "S3",
    prefix: "s3",
    signing_name: "s3",
    protocol: Protocol::RestXml,
    target_prefix: "",
    api_version: "2006-03-01",
    xml_namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    validation: ValidationStyle { code: "InvalidArgument", shows_values: true },
    operations: OPERATIONS,
    errors: &[],
};

/// Buckets and objects over records and blobs.
pub struct S3 {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    authoriser: Arc<dyn Authoriser>,
    auditor: Arc<dyn Auditor>,
    /// With which buckets tell queues and topics.
    pub(crate) client: Option<Client>,
}

impl S3 {
    pub fn new(
        store: Store,
        blobs: Blobs,
        authoriser: Arc<dyn Authoriser>,
        auditor: Arc<dyn Auditor>,
    ) -> Self {
        Self { store, blobs, authoriser, auditor, client: None }
    }

    /// `client` needs no identity. Without it no queue and no topic can be told of what happens in a bucket.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Runs one call: authorise → handle → audit.
    pub(crate) async fn serve<T>(
        &self,
        ctx: &Ctx,
        questions: Vec<Question>,
        parameters: Value,
        handle: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let result = match self.authorise(ctx, &questions).await {
            Ok(()) => handle.await,
            Err(error) => Err(error),
        };
        let result = match result {
            Err(error) => Err(self.told_of_absence(ctx, &questions, error).await),
            Ok(output) => Ok(output),
        };
        self.audit(ctx, &questions, parameters, result.as_ref().err()).await?;
        result
    }

    /// Asks the policies. Errors: `AccessDenied`; `NoSuchBucket` for strangers, whom no policy can admit to a
    /// bucket that is not there.
    pub(crate) async fn authorise(&self, ctx: &Ctx, questions: &[Question]) -> Result<(), Error> {
        let names: Vec<String> =
            questions.iter().filter_map(|question| question.bucket_name().map(str::to_owned)).collect();
        let buckets = self.buckets(names).await?;
        self.authorise_in(ctx, questions, &buckets).await
    }

    /// Whether a policy for a bucket can be read. Errors: `MalformedPolicy`.
    pub(crate) async fn check_readable(&self, ctx: &Ctx, bucket: &str, policy: &str) -> Result<(), Error> {
        let checked = self.authoriser.check_resource_policy(ctx, &SERVICE, bucket, policy).await;
        checked.map_err(|error| Error::MalformedPolicy(error.message))
    }

    /// The same with the buckets at hand.
    pub(crate) async fn authorise_in(
        &self,
        ctx: &Ctx,
        questions: &[Question],
        buckets: &BTreeMap<String, Bucket>,
    ) -> Result<(), Error> {
        let is_absent =
            |question: &&Question| question.bucket_name().is_some_and(|name| !buckets.contains_key(name));
        if matches!(ctx.caller.principal, Principal::Anonymous)
            && let Some(absent) = questions.iter().filter(|q| q.action != "s3:CreateBucket").find(is_absent)
        {
            let bucket = absent.bucket_name().unwrap_or_default().to_owned();
            return Err(Error::NoSuchBucket { bucket });
        }
        let accesses = access::accesses(ctx, questions, buckets)?;
        match self.authoriser.authorise(ctx, &SERVICE, ctx.operation, &accesses).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let owner =
                    questions.iter().filter_map(Question::bucket_name).find_map(|name| buckets.get(name));
                Err(access::refusal(ctx, error, owner.map(|bucket| &bucket.scope)))
            }
        }
    }

    async fn buckets(&self, names: Vec<String>) -> Result<BTreeMap<String, Bucket>, Error> {
        self.store
            .read(move |tx| {
                let mut buckets = BTreeMap::new();
                for name in &names {
                    if let Some(bucket) = tx.get::<Bucket>(&Bucket::key_of(name))? {
                        buckets.insert(name.clone(), bucket.into_inner());
                    }
                }
                Ok(buckets)
            })
            .await
    }

    /// Only who may list a bucket learns that a key is absent.
    async fn told_of_absence(&self, ctx: &Ctx, questions: &[Question], error: Error) -> Error {
        if !matches!(error, Error::NoSuchKey { .. } | Error::KeyIsDeleted { .. }) {
            return error;
        }
        let Some(bucket) = questions.first().and_then(Question::bucket_name) else { return error };
        match self.authorise(ctx, &[Question::bucket("s3:ListBucket", bucket)]).await {
            Ok(()) => error,
            Err(refusal) => refusal,
        }
    }

    pub(crate) async fn audit(
        &self,
        ctx: &Ctx,
        questions: &[Question],
        parameters: Value,
        error: Option<&Error>,
    ) -> Result<(), Error> {
        let partition = &ctx.scope.partition;
        let record = AuditRecord {
            ctx: ctx.clone(),
            request_id: events::request_id(ctx.request_id),
            event_source: SERVICE.principal(),
            event_name: ctx.operation.to_owned(),
            read_only: is_read_only(ctx.operation),
            request_parameters: parameters,
            response_elements: Value::Null,
            resources: questions
                .iter()
                .map(|question| question.arn(partition))
                .filter(|arn| arn != "*")
                .collect(),
            error: error.map(|error| {
                aws::Error::new(error.code().to_owned(), error.to_string()).with_status(error.status())
            }),
        };
        self.auditor.record(record).await.map_err(Error::internal)
    }

    /// The bucket. Errors: `NoSuchBucket`.
    pub(crate) async fn bucket(&self, name: &str) -> Result<Bucket, Error> {
        let name = name.to_owned();
        self.store.read(move |tx| versions::bucket(tx, &name)).await
    }
}

impl References for S3 {
    fn names(&self, tx: &mut ReadTx<'_>, blob: Digest) -> Result<bool, store::Error> {
        let key = Key::of(blob.to_string());
        let of_version = tx.scan_index::<Version>(Version::BLOB, key.clone(), 1)?;
        let of_part = tx.scan_index::<Part>(Part::BLOB, key, 1)?;
        Ok(!of_version.records.is_empty() || !of_part.records.is_empty())
    }
}

fn is_read_only(operation: &str) -> bool {
    ["Get", "Head", "List", "Select"].iter().any(|verb| operation.starts_with(verb))
}

/// Guards that nobody asks, for tests of what goes on without a caller.
#[cfg(test)]
pub(crate) struct Nobody;

#[cfg(test)]
#[async_trait::async_trait]
impl Authoriser for Nobody {
    async fn authorise(&self, _: &Ctx, _: &Service, _: &str, _: &[aws::Access]) -> Result<(), aws::Error> {
        Err(aws::Error::access_denied("nobody may do anything"))
    }
}

#[cfg(test)]
#[async_trait::async_trait]
impl Auditor for Nobody {
    async fn record(&self, _: AuditRecord) -> Result<(), aws::Error> {
        Err(aws::Error::internal("there was nothing to record"))
    }
}
