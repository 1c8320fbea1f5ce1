//! How many prompt tokens to read in a step.

use super::config::EngineConfig;
use crate::compute::BLOCK_TOKENS;

/// How fast prompts are read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    rows_per_second: f64,
}

impl Reading {
    /// Fewer rows than this use a processor badly, however slow it is.
    const FEWEST: usize = 2 * BLOCK_TOKENS;

    pub(super) fn timed(&mut self, rows: usize, seconds: f64) {
        if rows >= Self::FEWEST && seconds > 0.0 {
            let speed = rows as f64 / seconds;
            let weight = if self.rows_per_second > 0.0 { 0.3 } else { 1.0 };
            self.rows_per_second += weight * (speed - self.rows_per_second);
        }
    }

    /// Rows to read in a step: what is allowed, and what the time for a step suffices for.
    pub(super) fn rows(&self, config: &EngineConfig) -> usize {
        let allowed = config.prefill_tokens_per_step.max(1);
        // Before the first measure, as few as a slow machine reads in time.
        let in_time = self.rows_per_second * config.step_milliseconds as f64 / 1000.0;
        allowed.min((in_time as usize).max(Self::FEWEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows_per_second: f64, allowed: usize, step_milliseconds: u64) -> usize {
        let mut reading = Reading::default();
        reading.timed(100, 100.0 / rows_per_second);
        reading.rows(&EngineConfig {
            prefill_tokens_per_step: allowed,
            step_milliseconds,
            ..EngineConfig::default()
        })
    }

    #[test]
    fn a_step_reads_what_its_time_suffices_for() {
        assert_eq!(rows(1000.0, 4096, 500), 500);
        assert_eq!(rows(1e6, 4096, 500), 4096, "no more than allowed");
        assert_eq!(rows(3.0, 4096, 500), 64, "no less than is worth a step");
        assert_eq!(rows(1000.0, 10, 500), 10, "unless it is not allowed");
    }

    #[test]
    fn steps_of_few_rows_tell_nothing_of_reading() {
        let mut reading = Reading::default();
        reading.timed(3, 1000.0);
        reading.timed(100, 0.1);
        assert_eq!(reading.rows(&EngineConfig::default()), 500);
    }
}
