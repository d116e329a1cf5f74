use aws::Ctx;
use codepipeline_model::{ListWebhooks, ListWebhooksOutput};
use store::Range;

use super::put_webhook::item;
use crate::CodePipeline;
use crate::error::Error;
use crate::records::Webhook;

const PAGE: usize = 100;

/// The webhooks of the account and region by name. Errors: `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListWebhooks.
pub(super) async fn list_webhooks(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListWebhooks,
) -> Result<ListWebhooksOutput, Error> {
    let start = super::page_start(ctx, input.next_token.as_ref())?;
    let size = super::page_size(input.max_results, PAGE);
    let range = Range::prefix(Webhook::in_scope(&ctx.scope)).after(start);
    let page = codepipeline.store.read(move |tx| tx.scan::<Webhook>(range.clone(), size)).await?;
    let next_token = super::page_end(ctx, page.next.clone());
    let webhooks =
        page.into_records().iter().map(|webhook| item(codepipeline, webhook)).collect::<Result<_, _>>()?;
    Ok(ListWebhooksOutput { webhooks: Some(webhooks), next_token })
}
