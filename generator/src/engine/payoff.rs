//! Whether proposing pays, learnt from what steps cost and how often the model agrees.
//!
//! A step of `rows` rows costs T(rows), measured. Of k proposed tokens, each agreed to with chance
//! p once all before it were, p + p² + … + pᵏ are expected to stand. The number proposed is the
//! one that promises the most tokens a second for the whole step, so that with many requests, or
//! on a device where a further row costs as much as a further request, it is none. Now and then
//! it is tried all the same, because p and T change.

/// Row counts whose cost is told apart.
const MOST_ROWS: usize = 96;

/// Assumed growth of the cost by row where nothing is measured yet: hopeful, so that it is tried.
const HOPED_GROWTH: f64 = 0.1;

/// One refused proposal in so many is tried all the same, with so many tokens at most.
const TRIED_ONE_IN: u32 = 48;
const TRIED_TOKENS: usize = 3;

/// A promise below this factor is not worth the trouble.
const LEAST_GAIN: f64 = 1.02;

/// How often proposals were agreed to, by how many tokens matched before them.
#[derive(Debug, Clone)]
pub(super) struct Agreement([Count; 5]);

#[derive(Debug, Clone, Copy)]
struct Count {
    tried: f64,
    agreed: f64,
}

impl Count {
    /// Takes in a run of agreed tokens and, unless all stood, the one that did not.
    fn learn(&mut self, agreed: usize, refuted: bool, memory: f64) {
        self.tried = self.tried * memory + agreed as f64 + f64::from(u8::from(refuted));
        self.agreed = self.agreed * memory + agreed as f64;
    }
}

impl Agreement {
    /// A request of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self(
            [Count {
                tried: 0.0,
                agreed: 0.0,
            }; 5],
        )
    }

    fn class(matched: usize) -> usize {
        match matched {
            0..=2 => 0,
            3 => 1,
            4..=5 => 2,
            6..=9 => 3,
            _ => 4,
        }
    }
}

/// What is known of all requests together.
#[derive(Debug)]
pub(super) struct Payoff {
    costs: Vec<Cost>,
    everyone: Agreement,
    refused: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    samples: u32,
}

/// A step as far as it is planned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    /// Rows so far.
    pub(super) rows: usize,
    /// Tokens expected of them.
    pub(super) expected: f64,
}

impl Payoff {
    pub(super) fn new() -> Self {
        let hoped = |chance: f64| Count {
            tried: 4.0,
            agreed: 4.0 * chance,
        };
        Self {
            costs: vec![Cost::default(); MOST_ROWS + 1],
            everyone: Agreement([hoped(0.4), hoped(0.5), hoped(0.6), hoped(0.7), hoped(0.8)]),
            refused: 0,
        }
    }

    /// How many of `proposed` tokens to compute for a request, and the tokens they promise.
    pub(super) fn worth(
        &mut self,
        planned: Planned,
        own: &Agreement,
        matched: usize,
        proposed: usize,
    ) -> (usize, f64) {
        let chance = self.chance(own, matched);
        let plain = planned.expected / self.cost(planned.rows);
        let mut best = (0, 0.0, plain * LEAST_GAIN);
        let (mut promised, mut standing) = (0.0, 1.0);
        for count in 1..=proposed {
            standing *= chance;
            promised += standing;
            let speed = (planned.expected + promised) / self.cost(planned.rows + count);
            if speed > best.2 {
                best = (count, promised, speed);
            }
        }
        if best.0 == 0 && proposed > 0 {
            self.refused += 1;
            if self.refused >= TRIED_ONE_IN {
                self.refused = 0;
                return (proposed.min(TRIED_TOKENS), chance);
            }
        }
        (best.0, best.1)
    }

    /// Takes in what became of a proposal.
    pub(super) fn learn(
        &mut self,
        own: &mut Agreement,
        matched: usize,
        proposed: usize,
        agreed: usize,
    ) {
        let (class, refuted) = (Agreement::class(matched), agreed < proposed);
        self.everyone.0[class].learn(agreed, refuted, 0.98);
        own.0[class].learn(agreed, refuted, 0.9);
    }

    /// Takes in what a step of single tokens and proposals cost.
    pub(super) fn timed(&mut self, rows: usize, seconds: f64) {
        let Some(cost) = self.costs.get_mut(rows) else {
            return;
        };
        if cost.samples <= 1 {
            // The first of its size pays for what is set up once, so the second replaces it.
            cost.seconds = seconds;
        } else {
            // One slow step, when the machine did something else, does not count for more.
            cost.seconds += 0.15 * (seconds.min(3.0 * cost.seconds) - cost.seconds);
        }
        cost.samples = cost.samples.saturating_add(1);
    }

    /// The chance that the model agrees to a token: the request's own record, which weighs more
    /// the longer it is, over that of all requests.
    fn chance(&self, own: &Agreement, matched: usize) -> f64 {
        const WEIGHT_OF_ALL: f64 = 4.0;
        let class = Agreement::class(matched);
        let (all, own) = (self.everyone.0[class], own.0[class]);
        let of_all = all.agreed / all.tried.max(1e-6);
        ((own.agreed + WEIGHT_OF_ALL * of_all) / (own.tried + WEIGHT_OF_ALL)).min(0.98)
    }

    /// Seconds of a step: measured, between two measured, or hoped.
    fn cost(&self, rows: usize) -> f64 {
        let known = |(rows, cost): (usize, &Cost)| {
            (cost.samples > 0).then_some((rows as f64, cost.seconds))
        };
        let below = (self.costs.iter().enumerate().take(rows + 1).rev()).find_map(known);
        let above = (self.costs.iter().enumerate().skip(rows)).find_map(known);
        let rows = rows as f64;
        match (below, above) {
            (Some((at, seconds)), _) if at == rows => seconds,
            (Some((low, less)), Some((high, more))) => {
                less + (more - less) * (rows - low) / (high - low)
            }
            (Some((low, less)), None) => less * (1.0 + HOPED_GROWTH * (rows - low)),
            (None, Some((_, more))) => more,
            (None, None) => 1.0 + HOPED_GROWTH * rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of seven tokens are proposed after the model agreed to all or none of `history`,
    /// where a step of n rows costs `cost(n)` and `requests` run.
    fn proposed(cost: impl Fn(usize) -> f64, requests: usize, agrees: bool) -> usize {
        let (mut payoff, mut own) = (Payoff::new(), Agreement::unknown());
        for rows in 1..=MOST_ROWS {
            payoff.timed(rows, cost(rows));
            payoff.timed(rows, cost(rows));
        }
        for _ in 0..20 {
            payoff.learn(&mut own, 4, 4, if agrees { 4 } else { 0 });
        }
        let planned = Planned {
            rows: requests,
            expected: requests as f64,
        };
        payoff.worth(planned, &own, 4, 7).0
    }

    #[test]
    fn where_rows_are_free_and_agreed_to_all_are_proposed() {
        assert_eq!(proposed(|_| 1.0, 1, true), 7);
        assert_eq!(proposed(|rows| 1.0 + 0.1 * rows as f64, 1, true), 7);
    }

    #[test]
    fn nothing_is_proposed_where_nothing_was_agreed_to() {
        assert_eq!(proposed(|rows| 1.0 + 0.1 * rows as f64, 1, false), 0);
    }

    #[test]
    fn nothing_is_proposed_where_a_row_costs_as_much_as_a_token() {
        assert_eq!(proposed(|rows| rows as f64, 1, true), 0);
    }

    #[test]
    fn with_many_requests_rows_that_cost_a_fixed_time_no_longer_pay() {
        let cost = |rows: usize| 1.0 + 0.3 * rows as f64;
        assert!(proposed(cost, 1, true) > 0);
        assert_eq!(proposed(|rows| rows.max(8) as f64, 32, true), 0);
    }

    #[test]
    fn what_does_not_pay_is_tried_again_now_and_then() {
        let (mut payoff, own) = (Payoff::new(), Agreement::unknown());
        for rows in 1..10 {
            payoff.timed(rows, rows as f64);
        }
        let planned = Planned {
            rows: 1,
            expected: 1.0,
        };
        let tried = (0..480)
            .filter(|_| payoff.worth(planned, &own, 3, 7).0 > 0)
            .count();
        assert_eq!(tried, 10);
    }
}
