//! What the catalogue promises, on SQLite and on PostgreSQL alike.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code, helpers too"
)]

#[path = "../common/mod.rs"]
mod common;
mod lifecycle;
mod records;
mod visibility;

/// Each case as a test of its own on SQLite, and all of them one after the other on PostgreSQL.
macro_rules! conformance {
    ($($module:ident: $($case:ident)*;)*) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(crate::common::World::sqlite().await).await;
                }
            )*)*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgresql_keeps_every_promise_too() {
            let Some(server) = common::postgres::Server::start().await else {
                return;
            };
            $($(
                eprintln!("on PostgreSQL: {}", stringify!($case));
                $module::$case(server.world(stringify!($case)).await).await;
            )*)*
        }
    };
}

conformance! {
    lifecycle:
        a_version_lives_from_received_to_active
        the_same_bytes_are_unchanged
        rejected_bytes_try_again_under_their_own_version
        a_named_document_is_replaced_by_a_file_of_another_name
        a_late_older_version_never_takes_the_place_of_a_newer_one
        two_active_versions_of_one_document_cannot_be_stored
        steps_out_of_order_are_refused_and_change_nothing
        of_many_callers_with_the_same_bytes_one_is_told_new
        versions_that_arrive_at_once_get_numbers_of_their_own
        a_superseded_version_can_be_chosen_again
        what_a_crash_left_is_listed_with_its_attempts;
    visibility:
        nothing_answers_before_it_is_active
        other_bytes_from_the_same_file_supersede_in_one_moment
        deleting_a_document_changes_the_very_next_answer
        a_file_that_two_documents_need_outlives_one_of_them
        a_document_answers_only_on_days_when_it_is_in_force
        collection_and_groups_bound_what_is_seen
        a_retired_version_comes_back_by_way_of_the_index
        a_reader_always_sees_exactly_one_version
        evidence_keeps_the_order_of_the_ranking;
    records:
        passages_come_back_as_they_were_stored
        a_passage_that_points_outside_its_text_is_not_stored
        ten_thousand_passages_are_stored_and_paged
        lists_show_everything_once
        metadata_can_be_changed
        a_collection_never_holds_the_same_bytes_twice
        a_job_is_followed_to_its_end
        feedback_is_kept
        the_index_contents_are_set_as_a_whole
        counts_and_checks_agree
        names_are_made_fit_for_a_list;
}

/// Past our own code, to the database itself.
pub(crate) async fn raw(url: &str, sql: String) -> Result<(), sqlx::Error> {
    use sqlx::Connection;
    let sql = sqlx::AssertSqlSafe(sql);
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    }
    Ok(())
}
