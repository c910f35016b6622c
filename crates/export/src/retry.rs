//! When to try again: what OTLP says (429, 502, 503, 504, and what the network does), with growing pauses.

use std::time::Duration;

/// How long and how often to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// All pauses together for one batch.
    pub total: Duration,
}

impl Patience {
    /// For an export that a person waits for: pauses of 0.5 to 8 s, 30 s in all.
    pub const REPLAY: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(8),
        total: Duration::from_secs(30),
    };

    /// For what is sent beside, such as metrics at the end of a run: 3 s in all.
    pub const BESIDE: Self = Self {
        first: Duration::from_millis(250),
        longest: Duration::from_secs(1),
        total: Duration::from_secs(3),
    };
}

/// The pauses of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    patience: Patience,
    next: Duration,
    spent: Duration,
}

impl Pauses {
    /// Of that patience, none spent.
    pub fn new(patience: Patience) -> Self {
        Self { patience, next: patience.first, spent: Duration::ZERO }
    }

    /// The next pause: what the server asked for, or twice the last one less a random part (full jitter keeps
    /// many senders apart). `None` where patience is at its end.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let drawn = self.next.mul_f64(rand::random_range(0.5..=1.0));
        let pause = asked.map_or(drawn, |asked| asked.max(Duration::from_millis(10)));
        self.next = (self.next * 2).min(self.patience.longest);
        self.spent = self.spent.saturating_add(pause);
        (self.spent <= self.patience.total).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let patience = Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(4),
            total: Duration::from_secs(20),
        };
        let mut pauses = Pauses::new(patience);
        let mut all = Vec::new();
        while let Some(pause) = pauses.next(None) {
            all.push(pause);
        }
        assert!((5..=11).contains(&all.len()), "{all:?}");
        assert!(all.iter().all(|pause| *pause <= patience.longest));
        assert!(all.iter().sum::<Duration>() <= patience.total);
        assert_eq!(Pauses::new(patience).next(Some(Duration::from_secs(9))), Some(Duration::from_secs(9)));
        assert_eq!(Pauses::new(patience).next(Some(Duration::from_secs(21))), None);
    }
}
