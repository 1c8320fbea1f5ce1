//! Leaves a failing server alone, so that nobody waits for it and it can recover.
//!
//! The circuit breaker of Nygard, "Release It!": closed (requests pass, failures in a row are
//! counted), open (requests fail at once), half open (one request tries; its end decides).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What the breaker lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Circuit {
    /// Everything.
    Closed,
    /// Nothing, for a while.
    Open,
    /// One request, to see whether the server is back.
    HalfOpen,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trying: bool },
}

/// The breaker without its clock: every step is told the time.
#[derive(Debug)]
struct Machine {
    most_failures: u32,
    rest: Duration,
    state: State,
    /// Counts the changes of state. What was admitted before a change no longer has a say.
    era: u64,
}

impl Machine {
    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }

    /// The era that a request is admitted in, or how long to stay away.
    fn admit(&mut self, now: Instant) -> Result<u64, Duration> {
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < *until => return Err(*until - now),
            State::Open { .. } => self.change(State::HalfOpen { trying: true }),
            State::HalfOpen { trying: true } => return Err(self.rest.min(Duration::from_secs(1))),
            State::HalfOpen { trying } => *trying = true,
        }
        Ok(self.era)
    }

    fn succeeded(&mut self, era: u64) {
        if era == self.era {
            match &mut self.state {
                State::Closed { failures } => *failures = 0,
                State::Open { .. } => {}
                State::HalfOpen { .. } => self.change(State::Closed { failures: 0 }),
            }
        }
    }

    fn failed(&mut self, era: u64, now: Instant) {
        if era != self.era {
            return;
        }
        let open = match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                *failures >= self.most_failures
            }
            State::Open { .. } => false,
            State::HalfOpen { .. } => true,
        };
        if open {
            self.change(State::Open {
                until: now + self.rest,
            });
        }
    }

    /// The request ended without telling anything about the server.
    fn released(&mut self, era: u64) {
        if era == self.era
            && let State::HalfOpen { trying } = &mut self.state
        {
            *trying = false;
        }
    }

    fn circuit(&self, now: Instant) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { until } if now < until => Circuit::Open,
            State::Open { .. } | State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }
}

/// The breaker of one server, shared by all that ask it.
#[derive(Debug, Clone)]
pub(super) struct Breaker(Arc<Mutex<Machine>>);

impl Breaker {
    /// Opens after `most_failures` in a row, for `rest`.
    pub(super) fn new(most_failures: u32, rest: Duration) -> Self {
        Self(Arc::new(Mutex::new(Machine {
            most_failures,
            rest,
            state: State::Closed { failures: 0 },
            era: 0,
        })))
    }

    /// Leave to send one request, or how long to stay away.
    pub(super) fn admit(&self) -> Result<Leave, Duration> {
        let era = self.machine().admit(Instant::now())?;
        Ok(Leave {
            breaker: self.clone(),
            era,
            settled: false,
        })
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.machine().circuit(Instant::now())
    }

    /// No step of the machine can leave it half changed, so a panic elsewhere does not spoil it.
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to send one request. Dropped unsettled (nobody listens any more) it counts for nothing.
#[derive(Debug)]
pub(super) struct Leave {
    breaker: Breaker,
    era: u64,
    settled: bool,
}

impl Leave {
    /// The server gave a whole answer.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.breaker.machine().succeeded(self.era);
    }

    /// The server failed.
    pub(super) fn failed(mut self) {
        self.settled = true;
        let mut machine = self.breaker.machine();
        machine.failed(self.era, Instant::now());
        if matches!(machine.state, State::Open { .. }) && machine.era == self.era + 1 {
            tracing::warn!("the model's server failed too often: it is left alone for a while");
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.machine().released(self.era);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(10);

    fn machine(most_failures: u32) -> Machine {
        Machine {
            most_failures,
            rest: REST,
            state: State::Closed { failures: 0 },
            era: 0,
        }
    }

    /// A machine that has just opened, and when.
    fn opened() -> (Machine, Instant) {
        let (mut machine, now) = (machine(1), Instant::now());
        let era = machine.admit(now).unwrap();
        machine.failed(era, now);
        (machine, now)
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let (mut machine, now) = (machine(3), Instant::now());
        for last in [false, false, true] {
            let era = machine.admit(now).unwrap();
            machine.failed(era, now);
            assert_eq!(machine.circuit(now) == Circuit::Open, last);
        }
        assert_eq!(machine.admit(now), Err(REST));
        assert_eq!(machine.admit(now + REST / 2), Err(REST / 2));
    }

    #[test]
    fn a_success_forgives_the_failures_before_it() {
        let (mut machine, now) = (machine(2), Instant::now());
        for _ in 0..5 {
            let era = machine.admit(now).unwrap();
            machine.failed(era, now);
            machine.succeeded(era);
        }
        assert_eq!(machine.circuit(now), Circuit::Closed);
    }

    #[test]
    fn after_its_rest_one_request_tries() {
        let (mut machine, now) = opened();
        let later = now + REST;
        assert_eq!(machine.circuit(later), Circuit::HalfOpen);
        let era = machine.admit(later).unwrap();
        assert!(machine.admit(later).is_err(), "a second one tries as well");
        machine.succeeded(era);
        assert_eq!(machine.circuit(later), Circuit::Closed);
        assert!(machine.admit(later).is_ok() && machine.admit(later).is_ok());
    }

    #[test]
    fn a_failed_try_opens_it_for_another_rest() {
        let (mut machine, now) = opened();
        let later = now + REST;
        let era = machine.admit(later).unwrap();
        machine.failed(era, later);
        assert_eq!(machine.admit(later), Err(REST));
        assert!(machine.admit(later + REST).is_ok());
    }

    #[test]
    fn a_try_that_nobody_waited_for_leaves_room_for_the_next() {
        let (mut machine, now) = opened();
        let later = now + REST;
        let era = machine.admit(later).unwrap();
        machine.released(era);
        assert_eq!(machine.circuit(later), Circuit::HalfOpen);
        assert!(machine.admit(later).is_ok());
    }

    #[test]
    fn what_was_asked_before_it_opened_has_no_say_after() {
        let (mut machine, now) = (machine(1), Instant::now());
        let old = machine.admit(now).unwrap();
        let failing = machine.admit(now).unwrap();
        machine.failed(failing, now);
        let later = now + REST;
        let _try = machine.admit(later).unwrap();
        machine.succeeded(old);
        assert_eq!(machine.circuit(later), Circuit::HalfOpen);
        machine.failed(old, later);
        machine.released(old);
        assert!(machine.admit(later).is_err(), "the try is still on its way");
    }

    #[test]
    fn a_leave_that_is_dropped_counts_for_nothing() {
        let breaker = Breaker::new(1, Duration::ZERO);
        breaker.admit().unwrap().failed();
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap().succeeded();
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }
}
