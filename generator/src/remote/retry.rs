//! When, and after how long, a failed request is sent once more.
//!
//! Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): the wait is drawn evenly between
//! nothing and a bound that doubles, so that those who failed together do not return together.

use std::time::Duration;

use jiff::Timestamp;

use super::error::RemoteError;

/// The bound of the first wait.
const FIRST: Duration = Duration::from_millis(200);
/// The bound of every wait.
const MOST: Duration = Duration::from_secs(3);
/// The longest wait that a server may ask for; a longer one is told to the person who waits.
const MOST_ASKED: Duration = Duration::from_secs(5);

/// How long to wait before try number `tries + 1`, `tries` having failed, the last one with
/// `error`; nothing where there must be no further one. `draw` is even in [0, 1).
pub(super) fn wait(
    error: &RemoteError,
    tries: u32,
    most_retries: u32,
    draw: f64,
) -> Option<Duration> {
    if !error.may_retry() || tries > most_retries {
        return None;
    }
    let asked = error.retry_after().unwrap_or_default();
    if asked > MOST_ASKED {
        return None;
    }
    let doublings = tries.saturating_sub(1).min(16);
    let bound = FIRST.saturating_mul(1 << doublings).min(MOST);
    Some(asked + bound.mul_f64(draw))
}

/// The wait that a `Retry-After` header asks for: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn read_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let wait = date.timestamp().duration_since(now);
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::error::Phase;
    use super::*;

    fn overloaded(seconds: Option<u64>) -> RemoteError {
        RemoteError::Overloaded {
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_are_drawn_under_a_bound_that_doubles() {
        let bound = |tries| wait(&overloaded(None), tries, 99, 1.0).unwrap().as_millis();
        assert_eq!(
            (1..=6).map(bound).collect::<Vec<_>>(),
            [200, 400, 800, 1_600, 3_000, 3_000]
        );
        assert_eq!(bound(99), 3_000);
        assert_eq!(wait(&overloaded(None), 3, 99, 0.0), Some(Duration::ZERO));
        assert_eq!(wait(&overloaded(None), 1, 99, 0.5), Some(FIRST / 2));
    }

    #[test]
    fn tries_come_to_an_end() {
        assert!(wait(&overloaded(None), 2, 2, 0.0).is_some());
        assert!(wait(&overloaded(None), 3, 2, 0.0).is_none());
        assert!(wait(&overloaded(None), 1, 0, 0.0).is_none());
    }

    #[test]
    fn a_short_wait_is_granted_and_a_long_one_ends_the_tries() {
        assert_eq!(wait(&overloaded(Some(5)), 1, 2, 0.0), Some(MOST_ASKED));
        assert!(wait(&overloaded(Some(5)), 1, 2, 0.9).unwrap() > MOST_ASKED);
        assert_eq!(wait(&overloaded(Some(6)), 1, 2, 0.0), None);
    }

    #[test]
    fn only_what_was_not_begun_is_tried_again() {
        let unavailable = RemoteError::Unavailable {
            status: 503,
            retry_after: None,
        };
        assert!(wait(&unavailable, 1, 1, 0.0).is_some());
        for error in [
            RemoteError::Timeout(Phase::FirstToken),
            RemoteError::Failed { status: Some(500) },
            RemoteError::Dropped { source: None },
            RemoteError::Rejected { status: 400 },
        ] {
            assert_eq!(wait(&error, 1, 9, 0.0), None, "{error:?}");
        }
    }

    #[test]
    fn a_retry_after_is_read_in_both_its_forms() {
        let now: Timestamp = "2026-11-23T20:00:00Z".parse().unwrap();
        let read = |value| read_retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(read(" 7 "), Some(7));
        assert_eq!(read("Mon, 23 Nov 2026 20:00:09 GMT"), Some(9));
        assert_eq!(read("Mon, 23 Nov 2026 19:00:00 GMT"), Some(0));
        for nonsense in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
