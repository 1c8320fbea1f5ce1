//! The figures of information retrieval, and percentiles.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use serde::Serialize;

/// Recall, MRR and nDCG over many questions.
#[derive(Debug, Clone, Default)]
pub(super) struct RankingMeasures {
    questions: usize,
    recall: BTreeMap<usize, f64>,
    mrr_at_10: f64,
    ndcg_at_10: f64,
}

/// At which ranks recall is told.
pub(super) const RECALL_AT: [usize; 4] = [1, 5, 10, 100];

impl RankingMeasures {
    /// One more question, with its ranked documents (each once, best first) and those that answer.
    ///
    /// Recall at k is the share of questions with an answering document among the first k, as
    /// is usual where one document answers; nDCG has gains of 0 and 1 and the logarithmic discount
    /// of Järvelin and Kekäläinen (2002).
    pub(super) fn add<T: Eq + Hash>(&mut self, ranked: &[T], gold: &HashSet<T>) {
        self.questions += 1;
        let hit = |document: &T| gold.contains(document);
        for at in RECALL_AT {
            let found = ranked.iter().take(at).any(hit);
            *self.recall.entry(at).or_default() += f64::from(u8::from(found));
        }
        let first = ranked.iter().take(10).position(hit);
        self.mrr_at_10 += first.map_or(0.0, |place| 1.0 / (place + 1) as f64);
        let discount = |place: usize| 1.0 / ((place + 2) as f64).log2();
        let gain: f64 = ranked
            .iter()
            .take(10)
            .enumerate()
            .filter(|(_, document)| hit(document))
            .map(|(place, _)| discount(place))
            .sum();
        let ideal: f64 = (0..gold.len().min(10)).map(discount).sum();
        self.ndcg_at_10 += if ideal > 0.0 { gain / ideal } else { 0.0 };
    }

    /// The means.
    pub(super) fn json(&self) -> RankingJson {
        let mean = |sum: f64| {
            if self.questions == 0 {
                0.0
            } else {
                round(sum / self.questions as f64)
            }
        };
        RankingJson {
            questions: self.questions,
            recall_at: self
                .recall
                .iter()
                .map(|(at, sum)| (at.to_string(), serde_json::Value::from(mean(*sum))))
                .collect(),
            mrr_at_10: mean(self.mrr_at_10),
            ndcg_at_10: mean(self.ndcg_at_10),
        }
    }
}

/// Means over questions.
#[derive(Debug, Serialize)]
pub(super) struct RankingJson {
    pub(super) questions: usize,
    pub(super) recall_at: serde_json::Map<String, serde_json::Value>,
    pub(super) mrr_at_10: f64,
    pub(super) ndcg_at_10: f64,
}

/// To four decimals.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Percentiles of times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    /// Half are quicker.
    pub(crate) p50: f64,
    /// 95 of 100 are quicker.
    pub(crate) p95: f64,
    /// 99 of 100 are quicker.
    pub(crate) p99: f64,
}

impl Latency {
    /// Percentiles by the nearest rank.
    pub(crate) fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(rank).copied().map_or(0.0, crate::wire::round_ms)
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gold_passage_in_second_place_gives_the_textbook_figures() {
        let mut measures = RankingMeasures::default();
        measures.add(&["b", "a"], &HashSet::from(["a"]));
        let json = measures.json();
        assert_eq!(json.recall_at["1"], 0.0);
        assert_eq!(json.recall_at["5"], 1.0);
        assert!((json.mrr_at_10 - 0.5).abs() < 1e-9);
        assert!((json.ndcg_at_10 - 0.6309).abs() < 1e-9);
    }

    #[test]
    fn two_gold_passages_in_the_first_two_places_are_perfect() {
        let mut measures = RankingMeasures::default();
        measures.add(&["a", "b", "c"], &HashSet::from(["a", "b"]));
        assert!((measures.json().ndcg_at_10 - 1.0).abs() < 1e-9);
        assert_eq!(measures.json().recall_at["1"], 1.0);
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let latency = Latency::of((1..=100).map(f64::from).collect());
        assert_eq!(
            latency,
            Latency {
                p50: 50.0,
                p95: 95.0,
                p99: 99.0
            }
        );
        assert_eq!(Latency::of(vec![]), Latency::default());
    }
}
