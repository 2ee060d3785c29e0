//! Samples and their quantiles.

use std::time::Duration;

/// The wall-clock and CPU times of one verb.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

/// What a set of samples comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Half the runs were faster.
    pub(crate) median: Duration,
    /// A tenth of the runs were faster.
    pub(crate) p10: Duration,
    /// A tenth of the runs were slower.
    pub(crate) p90: Duration,
    /// The mean CPU time: the kernel counts it in steps that a median would show.
    pub(crate) cpu: Duration,
}

impl Samples {
    /// Adds a run.
    pub(crate) fn push(&mut self, wall: Duration, cpu: Duration) {
        self.wall.push(wall);
        self.cpu.push(cpu);
    }

    /// Summarises the runs; all zero if there was none.
    pub(crate) fn summary(&self) -> Summary {
        let mut sorted = self.wall.clone();
        sorted.sort_unstable();
        let quantile = |percent: usize| {
            let at = (sorted.len().saturating_sub(1) * percent + 50) / 100;
            sorted.get(at).copied().unwrap_or_default()
        };
        let count = u32::try_from(self.cpu.len()).unwrap_or(u32::MAX).max(1);
        Summary {
            median: quantile(50),
            p10: quantile(10),
            p90: quantile(90),
            cpu: self.cpu.iter().sum::<Duration>() / count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_samples() {
        let mut samples = Samples::default();
        for millis in (0..=100).rev() {
            samples.push(Duration::from_millis(millis), Duration::from_millis(4));
        }
        let millis = Duration::from_millis;
        let expected = Summary {
            median: millis(50),
            p10: millis(10),
            p90: millis(90),
            cpu: millis(4),
        };
        assert_eq!(samples.summary(), expected);
    }

    #[test]
    fn no_samples_are_all_zero() {
        assert_eq!(Samples::default().summary().median, Duration::ZERO);
    }
}
