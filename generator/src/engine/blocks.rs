//! Who holds which block of the cache, and which full blocks may serve a prompt that begins alike.
//!
//! A block is *held* (by one or more sequences), *kept* (held by nobody, its content still known
//! by its digest) or *empty*. Kept blocks are given up oldest first when empty ones run out. Only
//! full blocks have a digest, and a full block is never written again, so that sharing is safe.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

/// Stands for a model and every token from the start of a prompt to the end of a block.
///
/// SHA-256, because what stands behind a digest is shown to whoever sends the same tokens: two
/// prompts must not meet by accident or on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PrefixDigest([u8; 32]);

impl PrefixDigest {
    /// The empty prefix of a model.
    pub(super) fn of_model(model_digest: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"prefix of keys and values, 1\n");
        hasher.update(model_digest.as_bytes());
        Self(hasher.finalize().into())
    }

    /// This prefix and the tokens of one more block.
    pub(super) fn extended(&self, tokens: &[u32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        for token in tokens {
            hasher.update(token.to_le_bytes());
        }
        Self(hasher.finalize().into())
    }
}

#[derive(Debug, Clone, Default)]
struct Block {
    holders: u32,
    digest: Option<PrefixDigest>,
    /// When it was last let go, while it is kept.
    let_go: u64,
}

/// The blocks of one cache.
#[derive(Debug)]
pub(super) struct BlockPool {
    blocks: Vec<Block>,
    empty: Vec<u32>,
    kept: BTreeMap<u64, u32>,
    by_digest: HashMap<PrefixDigest, u32>,
    clock: u64,
}

impl BlockPool {
    /// `count` empty blocks.
    pub(super) fn new(count: usize) -> Self {
        Self {
            blocks: vec![Block::default(); count],
            // The last is taken first: block 0 before block 1.
            empty: (0..u32::try_from(count).unwrap_or(u32::MAX))
                .rev()
                .collect(),
            kept: BTreeMap::new(),
            by_digest: HashMap::new(),
            clock: 0,
        }
    }

    /// Blocks in all.
    pub(super) fn total(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that nobody holds.
    pub(super) fn available(&self) -> usize {
        self.empty.len() + self.kept.len()
    }

    /// A block to write in, held once: an empty one, else the one kept longest.
    pub(super) fn take(&mut self) -> Option<u32> {
        let index = match self.empty.pop() {
            Some(index) => index,
            None => {
                let (_, index) = self.kept.pop_first()?;
                if let Some(digest) = self.blocks[index as usize].digest.take() {
                    self.by_digest.remove(&digest);
                }
                index
            }
        };
        self.blocks[index as usize].holders = 1;
        Some(index)
    }

    /// The block that holds the keys and values of a prefix's last tokens, held once more.
    pub(super) fn find(&mut self, digest: &PrefixDigest) -> Option<u32> {
        let index = *self.by_digest.get(digest)?;
        let block = &mut self.blocks[index as usize];
        if block.holders == 0 {
            self.kept.remove(&block.let_go);
        }
        block.holders += 1;
        Some(index)
    }

    /// Says what a full, held block contains. Where another block already stands for the same
    /// prefix, that one goes on doing so.
    pub(super) fn publish(&mut self, index: u32, digest: PrefixDigest) {
        let block = &mut self.blocks[index as usize];
        if block.digest.is_none() && !self.by_digest.contains_key(&digest) {
            block.digest = Some(digest);
            self.by_digest.insert(digest, index);
        }
    }

    /// Nobody finds this block any more: its content is not to be trusted.
    pub(super) fn forget(&mut self, index: u32) {
        if let Some(digest) = self.blocks[index as usize].digest.take() {
            self.by_digest.remove(&digest);
        }
    }

    /// One holder less for each. The last block of a prefix is given up before the first, since
    /// it is worth nothing without it.
    pub(super) fn release(&mut self, held: &[u32]) {
        for &index in held.iter().rev() {
            let block = &mut self.blocks[index as usize];
            block.holders = block.holders.saturating_sub(1);
            if block.holders > 0 {
                continue;
            }
            if block.digest.is_some() {
                self.clock += 1;
                block.let_go = self.clock;
                self.kept.insert(self.clock, index);
            } else {
                self.empty.push(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(of: u32) -> PrefixDigest {
        PrefixDigest::of_model("model").extended(&[of])
    }

    #[test]
    fn a_digest_covers_the_model_and_every_token_before() {
        let one = PrefixDigest::of_model("one");
        assert_ne!(one, PrefixDigest::of_model("two"));
        assert_ne!(
            one.extended(&[1, 2]),
            PrefixDigest::of_model("two").extended(&[1, 2])
        );
        assert_ne!(
            one.extended(&[1]).extended(&[3]),
            one.extended(&[2]).extended(&[3])
        );
        assert_eq!(one.extended(&[7, 8]), one.extended(&[7, 8]));
    }

    #[test]
    fn a_kept_block_is_found_until_its_place_is_needed() {
        let mut pool = BlockPool::new(2);
        let first = pool.take().expect("two are empty");
        pool.publish(first, digest(1));
        pool.release(&[first]);
        assert_eq!(pool.available(), 2);
        assert_eq!(pool.find(&digest(1)), Some(first));
        pool.release(&[first]);

        let other = pool.take().expect("one is empty");
        assert_ne!(other, first, "empty blocks go first");
        assert_eq!(pool.take(), Some(first), "then the one kept longest");
        assert_eq!(pool.find(&digest(1)), None);
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_given_up_before_its_start() {
        let mut pool = BlockPool::new(2);
        let held = [pool.take().expect("empty"), pool.take().expect("empty")];
        pool.publish(held[0], digest(1));
        pool.publish(held[1], digest(2));
        pool.release(&held);
        assert_eq!(pool.take(), Some(held[1]));
        assert_eq!(pool.find(&digest(1)), Some(held[0]));
    }

    #[test]
    fn a_forgotten_block_is_found_by_nobody() {
        let mut pool = BlockPool::new(1);
        let block = pool.take().expect("empty");
        pool.publish(block, digest(1));
        pool.forget(block);
        assert_eq!(pool.find(&digest(1)), None);
        pool.release(&[block]);
        assert_eq!(pool.available(), 1);
    }

    proptest! {
        /// Whatever is done in whatever order, every block is held, kept or empty, once.
        #[test]
        fn no_block_is_lost_or_given_twice(actions in prop::collection::vec((0u8..4, 0usize..8), 0..200)) {
            let mut pool = BlockPool::new(6);
            let mut held: Vec<u32> = Vec::new();
            for (action, number) in actions {
                match action {
                    0 => held.extend(pool.take()),
                    1 => held.extend(pool.find(&digest(u32::try_from(number).unwrap_or(0)))),
                    2 if !held.is_empty() => {
                        pool.publish(held[number % held.len()], digest(u32::try_from(number).unwrap_or(0)));
                    }
                    3 if !held.is_empty() => {
                        let gone = held.swap_remove(number % held.len());
                        pool.release(&[gone]);
                    }
                    _ => {}
                }
                let mut distinct = held.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(pool.available() + distinct.len(), pool.total());
                prop_assert!(distinct.iter().all(|block| !pool.empty.contains(block)));
            }
        }
    }
}
