//! The vocabulary as a tree of bytes, laid out so that walking it is one pass over memory.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::model::ModelTokenizer;

/// Tokens longer than this are never part of an answer: runs of spaces and rules of dashes.
const MAX_TOKEN_BYTES: usize = 64;

/// Whether a token of these bytes may be part of an answer.
pub(super) const fn is_written(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len() <= MAX_TOKEN_BYTES
}

/// No token ends at the node.
const NONE: u32 = u32::MAX;

/// All tokens of a vocabulary that stand for bytes, by their bytes.
///
/// The nodes stand in depth-first order: what follows a node is its first child, and `past` is the
/// node after all that begin like it, to go on from where the node may not be. A node takes 10
/// bytes; one of 255,000 tokens has 890,000 nodes.
pub(super) struct TokenTrie {
    bytes: Vec<u8>,
    depths: Vec<u8>,
    past: Vec<u32>,
    tokens: Vec<u32>,
    /// Tokens whose bytes are those of another: `(node, token)`, in order of nodes.
    twins: Vec<(u32, u32)>,
    vocab: usize,
}

impl TokenTrie {
    /// Sorts the vocabulary's tokens and lays them out.
    pub(super) fn new(tokenizer: &ModelTokenizer, stops: &BTreeSet<u32>) -> Self {
        let vocab = tokenizer.vocab_size();
        let mut words: Vec<(&[u8], u32)> = (0..vocab as u32)
            .filter(|id| !stops.contains(id))
            .filter_map(|id| Some((tokenizer.token_bytes(id)?, id)))
            .filter(|(bytes, _)| is_written(bytes))
            .collect();
        words.sort_unstable();
        let mut trie = Self {
            bytes: Vec::new(),
            depths: Vec::new(),
            past: Vec::new(),
            tokens: Vec::new(),
            twins: Vec::new(),
            vocab,
        };
        // The nodes of the word before, from the root down.
        let mut path: Vec<u32> = Vec::new();
        let mut before: &[u8] = &[];
        for (word, token) in words {
            let shared = before.iter().zip(word).take_while(|(a, b)| a == b).count();
            trie.close(&mut path, shared);
            for byte in &word[shared..] {
                path.push(trie.bytes.len() as u32);
                trie.bytes.push(*byte);
                trie.depths.push(path.len() as u8);
                trie.past.push(0);
                trie.tokens.push(NONE);
            }
            if let Some(node) = path.last() {
                let ends_here = &mut trie.tokens[*node as usize];
                if *ends_here == NONE {
                    *ends_here = token;
                } else {
                    trie.twins.push((*node, token));
                }
            }
            before = word;
        }
        trie.close(&mut path, 0);
        trie
    }

    fn close(&mut self, path: &mut Vec<u32>, keep: usize) {
        for node in path.drain(keep.min(path.len())..) {
            self.past[node as usize] = self.bytes.len() as u32;
        }
    }

    /// Size of the vocabulary.
    pub(super) const fn vocab(&self) -> usize {
        self.vocab
    }

    /// Calls `take` with every token that leads from `start` through `step` without dying.
    pub(super) fn walk<S: Copy + Eq + Hash>(
        &self,
        start: S,
        step: impl Fn(S, u8) -> Option<S>,
        mut take: impl FnMut(u32),
    ) {
        let mut steps = Steps::new(step);
        let mut path = [0; MAX_TOKEN_BYTES + 1];
        path[0] = steps.number(start);
        let mut twins = self.twins.iter().peekable();
        let mut node = 0;
        while node < self.bytes.len() {
            let depth = self.depths[node] as usize;
            let state = steps.after(path[depth - 1], self.bytes[node]);
            if state == DEAD {
                node = self.past[node] as usize;
                continue;
            }
            path[depth] = state;
            if self.tokens[node] != NONE {
                take(self.tokens[node]);
                while let Some((at, token)) = twins.next_if(|(at, _)| (*at as usize) <= node) {
                    if *at as usize == node {
                        take(*token);
                    }
                }
            }
            node += 1;
        }
    }
}

/// The states met on a walk, by number, and the steps between them: hundreds of thousands of nodes
/// meet some hundreds of states.
struct Steps<S, F> {
    step: F,
    numbers: HashMap<S, u16>,
    states: Vec<S>,
    table: Vec<[u16; 256]>,
}

/// No state.
const DEAD: u16 = u16::MAX;
/// A step not taken yet.
const UNKNOWN: u16 = u16::MAX - 1;

impl<S: Copy + Eq + Hash, F: Fn(S, u8) -> Option<S>> Steps<S, F> {
    fn new(step: F) -> Self {
        Self {
            step,
            numbers: HashMap::new(),
            states: Vec::new(),
            table: Vec::new(),
        }
    }

    fn number(&mut self, state: S) -> u16 {
        *self.numbers.entry(state).or_insert_with(|| {
            self.states.push(state);
            self.table.push([UNKNOWN; 256]);
            (self.states.len() - 1) as u16
        })
    }

    fn after(&mut self, state: u16, byte: u8) -> u16 {
        let known = self.table[state as usize][byte as usize];
        if known != UNKNOWN {
            return known;
        }
        let next = match (self.step)(self.states[state as usize], byte) {
            Some(next) => self.number(next),
            None => DEAD,
        };
        self.table[state as usize][byte as usize] = next;
        next
    }
}
