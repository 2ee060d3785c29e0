//! Variations of known inputs, the same ones in every run.

use fastrand::Rng;

/// Makes inputs out of those of a corpus.
pub(crate) struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    rng: Rng,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(corpus: &'a [Vec<u8>]) -> Self {
        Self {
            corpus,
            rng: Rng::with_seed(SEED),
        }
    }

    /// Returns an input of the corpus after a few changes.
    pub(crate) fn variation(&mut self) -> Vec<u8> {
        let mut input = self.rng.choice(self.corpus).unwrap().clone();
        for _ in 0..self.rng.u8(1..6) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.usize(..=input.len());
        let end = (at + self.rng.usize(1..12)).min(input.len());
        match self.rng.u8(..8) {
            0 if at < input.len() => input[at] ^= 1 << self.rng.u8(..8),
            1 if at < input.len() => input[at] = *self.rng.choice(&TELLING).unwrap(),
            2 if at < input.len() => input[at] = self.rng.u8(..),
            3 => input.insert(at, self.rng.u8(..)),
            4 => drop(input.drain(at..end)),
            5 => {
                let piece = input[at..end].to_vec();
                let to = self.rng.usize(..=input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let other = self.rng.choice(self.corpus).unwrap();
                let from = self.rng.usize(..=other.len());
                let length = self.rng.usize(..64).min(other.len() - from);
                input.splice(at..end, other[from..from + length].iter().copied());
            }
            _ if self.rng.u8(..8) == 0 => input.truncate(at),
            _ => {}
        }
    }
}

const SEED: u64 = 2131;

/// Bytes at which code likes to decide.
const TELLING: [u8; 16] = *b"\x00\x01\x20\x7f\x80\xff\"{}[],:;/=";
