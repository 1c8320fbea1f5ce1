#![allow(
    unsafe_code,
    reason = "lends a closure on the caller's stack to other threads"
)]
//! The threads that help with one operation at a time.
//!
//! A step of a small model is hundreds of operations of a few microseconds, so helpers wait for the
//! next one awake for a while. And nobody waits for a helper that has not begun: on a machine that does
//! other things too, a helper may be off its core for milliseconds (candle's pool waits for all of
//! its threads at each operation, which then costs a slice of the scheduler each time).

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread::Thread;

/// Looks at the next operation before a helper sleeps: about 0.2 ms.
const PATIENCE: usize = 4_000;

/// Grabs per thread: few enough to cost nothing, enough that a slow thread does not hold up the end.
const GRABS: usize = 8;

thread_local! {
    /// Set on helpers: what they run must not wait for themselves.
    static HELPER: Cell<bool> = const { Cell::new(false) };
}

/// An operation: ranges of its units are taken until there are none.
struct Operation<'a> {
    run: &'a (dyn Fn(Range<usize>) + Sync),
    units: usize,
    grab: usize,
    next: AtomicUsize,
    failed: AtomicBool,
}

impl Operation<'_> {
    fn work(&self) {
        loop {
            let start = self.next.fetch_add(self.grab, Ordering::Relaxed);
            if start >= self.units {
                return;
            }
            let range = start..self.units.min(start + self.grab);
            if catch_unwind(AssertUnwindSafe(|| (self.run)(range))).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// What the caller and the helpers share.
struct Shared {
    /// The operation at hand, or null.
    current: AtomicPtr<Operation<'static>>,
    /// Changes with each operation, to be noticed.
    round: AtomicUsize,
    /// Helpers that may hold `current`.
    inside: AtomicUsize,
}

/// All helpers of the process.
pub(super) struct Workers {
    shared: &'static Shared,
    helpers: Vec<Thread>,
    caller: Mutex<()>,
}

impl Workers {
    /// The helpers, started at the first use: one fewer than the threads candle would use
    /// (`RAYON_NUM_THREADS`, or the physical cores).
    pub(super) fn get() -> &'static Self {
        static WORKERS: OnceLock<Workers> = OnceLock::new();
        WORKERS.get_or_init(|| Self::start(candle_core::utils::get_num_threads().saturating_sub(1)))
    }

    fn start(count: usize) -> Self {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            current: AtomicPtr::new(std::ptr::null_mut()),
            round: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
        }));
        let start = |index: usize| {
            let name = format!("compute-{index}");
            std::thread::Builder::new()
                .name(name)
                .spawn(move || help(shared))
                .ok()
        };
        // A helper that cannot be started is done without.
        let helpers = (0..count)
            .filter_map(start)
            .map(|handle| handle.thread().clone())
            .collect();
        Self {
            shared,
            helpers,
            caller: Mutex::new(()),
        }
    }

    /// Threads that work at an operation, the caller's among them.
    pub(super) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// The helpers for this caller, unless they work for another. A panic of an operation before leaves
    /// nothing half done.
    fn claim(&self) -> Option<MutexGuard<'_, ()>> {
        match self.caller.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Runs `run` over all of `0..units`; each unit once, ranges on any thread. Inline where there is
    /// no help: on a helper, or while the helpers work for another thread.
    ///
    /// # Panics
    /// After the operation, if `run` panicked.
    pub(super) fn run(&self, units: usize, run: &(dyn Fn(Range<usize>) + Sync)) {
        let alone = self.helpers.is_empty() || units < 2 || HELPER.get();
        let Some(_caller) = (if alone { None } else { self.claim() }) else {
            if units > 0 {
                run(0..units);
            }
            return;
        };
        let operation = Operation {
            run,
            units,
            grab: units.div_ceil(self.threads() * GRABS),
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        let pointer = (&raw const operation)
            .cast_mut()
            .cast::<Operation<'static>>();
        self.shared.current.store(pointer, Ordering::SeqCst);
        self.shared.round.fetch_add(1, Ordering::SeqCst);
        for helper in &self.helpers {
            helper.unpark();
        }
        operation.work();
        // From here on no helper begins; those that have begun are waited for. `work` does not unwind,
        // so this is always reached before `operation` goes.
        self.shared
            .current
            .store(std::ptr::null_mut(), Ordering::SeqCst);
        let mut looks = 0;
        while self.shared.inside.load(Ordering::SeqCst) != 0 {
            looks += 1;
            if looks < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        assert!(
            !operation.failed.load(Ordering::Relaxed),
            "a kernel panicked"
        );
    }
}

/// A helper's life.
fn help(shared: &'static Shared) {
    HELPER.set(true);
    let mut seen = 0;
    let mut looks = 0;
    loop {
        let round = shared.round.load(Ordering::SeqCst);
        if round == seen {
            looks += 1;
            if looks < PATIENCE {
                std::hint::spin_loop();
            } else {
                // A wake-up between the look and this is kept: `park` returns at once then.
                std::thread::park();
                looks = 0;
            }
            continue;
        }
        (seen, looks) = (round, 0);
        // Said before looking, so that the caller, who takes the operation away before it looks here,
        // either sees this helper or has not left it anything to see.
        shared.inside.fetch_add(1, Ordering::SeqCst);
        let operation = shared.current.load(Ordering::SeqCst);
        if !operation.is_null() {
            // SAFETY: the caller keeps the operation until `inside` is 0 again; see above.
            unsafe { (*operation).work() }
        }
        shared.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Workers;

    #[test]
    fn every_unit_runs_once_from_many_callers_and_from_inside() {
        for helpers in [0, 1, 3] {
            let workers = Workers::start(helpers);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for units in [0usize, 1, 2, 7, 100, 1000].repeat(50) {
                            let done: Vec<_> = (0..units).map(|_| AtomicUsize::new(0)).collect();
                            workers.run(units, &|range| {
                                for unit in range {
                                    workers.run(2, &|inner| {
                                        done[unit].fetch_add(inner.len(), Ordering::Relaxed);
                                    });
                                }
                            });
                            assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 2));
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_next_operation_runs() {
        let workers = Workers::start(1);
        for _ in 0..20 {
            let failed = std::panic::catch_unwind(|| {
                workers.run(50, &|range| assert!(!range.contains(&33)));
            });
            assert!(failed.is_err());
            let count = AtomicUsize::new(0);
            workers.run(50, &|range| {
                count.fetch_add(range.len(), Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 50);
            assert!(
                workers.claim().is_some(),
                "the helpers can be claimed again"
            );
        }
    }
}
