//! What `store` promises, run on both engines.
//!
//! The PostgreSQL half runs when `STAGEWRIGHT_TEST_POSTGRES` holds the URL of a database in which schemas may be made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "contract/documents.rs"]
mod documents;
#[path = "contract/model.rs"]
mod model;
#[path = "contract/outbox.rs"]
mod outbox;
#[path = "contract/queue.rs"]
mod queue;
#[path = "contract/rig.rs"]
mod rig;
#[path = "contract/transactions.rs"]
mod transactions;

macro_rules! contract {
    ($($module:ident::{$($test:ident),* $(,)?})*) => {
        mod on_sqlite {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$module::$test(&crate::rig::Rig::sqlite()).await;
                }
            )* })*
        }

        mod on_postgres {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(rig) = crate::rig::Rig::postgres().await {
                        crate::$module::$test(&rig).await;
                    }
                }
            )* })*
        }
    };
}

contract! {
    documents::{
        a_record_comes_back_as_it_was_put,
        a_scan_visits_a_prefix_page_by_page_in_both_directions,
        an_index_follows_its_record,
        equal_index_keys_are_paged_through,
        put_if_refuses_what_changed_meanwhile,
        a_revision_is_never_repeated,
        records_of_an_older_version_are_migrated,
        records_of_an_unknown_version_are_refused,
        renewing_stores_the_current_form_and_indexes,
        kinds_are_apart,
        counts_are_of_ranges,
        records_survive_a_restart,
        documents_of_many_sizes_come_back,
        keys_have_a_greatest_length,
    }
    transactions::{
        an_error_undoes_the_whole_transaction,
        an_error_undoes_nothing_of_the_others,
        a_panic_undoes_its_transaction_and_harms_no_other,
        a_transaction_sees_its_own_changes,
        a_refusal_leaves_the_transaction_usable,
        concurrent_increments_are_all_counted,
        transactions_take_place_one_after_the_other,
        a_read_sees_one_state_while_others_write,
        a_read_waits_for_no_writer,
        what_is_written_is_seen_by_the_next_read,
        a_closed_store_refuses,
        abandoned_writes_are_carried_out,
        who_listens_is_woken_by_what_is_committed,
    }
    outbox::{
        entries_arrive_in_order,
        a_waiting_subscriber_is_woken,
        what_was_not_acknowledged_comes_again,
        an_undone_append_is_not_delivered,
        every_subscriber_gets_every_entry,
        topics_are_apart,
        entries_of_concurrent_writers_are_neither_lost_nor_out_of_order,
        an_acknowledgement_belongs_to_its_transaction,
        acknowledged_entries_are_trimmed,
        retention_keeps_acknowledged_entries,
        an_unsubscribed_name_holds_nothing_back,
        a_follower_sees_what_comes_from_now_on,
        an_observer_is_told_of_what_was_committed,
        waiting_ends_when_the_store_is_closed,
    }
    queue::{
        entries_are_claimed_in_the_order_in_which_they_are_due,
        several_entries_are_claimed_at_once,
        an_entry_is_there_once,
        an_entry_is_not_claimed_before_its_time,
        a_waiting_worker_is_woken,
        an_entry_whose_lease_ended_is_claimed_again,
        a_heartbeat_keeps_the_lease,
        a_released_entry_is_claimable_again,
        a_cancelled_entry_is_gone,
        an_entry_undone_with_its_transaction_is_never_claimed,
        many_workers_claim_each_entry_once,
        a_claim_that_nobody_waits_for_is_given_back,
        queues_are_apart_and_survive_a_restart,
        what_waits_and_what_was_committed_is_shown_in_numbers,
    }
    model::{
        random_operations_agree_with_a_map,
    }
}
