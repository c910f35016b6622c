//! A made-up machine with planted settings: the sprint's own code decides, only the measurements are drawn.

use infercost_sprint::space::Candidates;
use infercost_sprint::{
    Answer, Elimination, Failure, Parameter, Quality, RaceRules, Rules, Setting, Space, Sprint, Step, Turn,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What is planted, and how badly it can be seen.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// What each setting truly saves, as a share of the present cost.
    pub(crate) savings: Vec<f64>,
    /// Settings that cannot be measured.
    pub(crate) failing: Vec<usize>,
    /// Settings whose answers are worse.
    pub(crate) wrong: Vec<usize>,
    /// Standard deviation of the logarithm of one measured cost.
    pub(crate) noise: f64,
    /// True where one measurement in twenty is off by four standard deviations more.
    pub(crate) outliers: bool,
    /// How much slower the machine becomes over the sprint, as a share; and as much at random, there and back.
    pub(crate) drift: f64,
}

/// What many sprints in a world came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Named the best setting or one within 2 % of its cost.
    pub(crate) found: u32,
    /// Named a setting that truly saves nothing.
    pub(crate) false_claims: u32,
    /// Named a setting with bad answers, or one that cannot be measured.
    pub(crate) bad_claims: u32,
    /// Named a setting whose true saving is not in the interval shown.
    pub(crate) interval_misses: u32,
    /// Said that nothing is settled.
    pub(crate) unsettled: u32,
    /// Measurements of all sprints.
    pub(crate) visits: u64,
    /// Measurements that whole grids would have taken: all rounds of all settings, in the same manner.
    pub(crate) grid: u64,
}

/// Seconds that one measurement takes in these worlds.
const VISIT_S: f64 = 8.0;

impl World {
    /// Sprints with seeds from 0 on.
    pub(crate) fn tally(&self, sprints: u32) -> Tally {
        let mut tally = Tally::default();
        for seed in 0..sprints {
            self.sprint(u64::from(seed), &mut tally);
        }
        tally
    }

    fn sprint(&self, seed: u64, tally: &mut Tally) {
        let mut chance = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9).wrapping_add(1));
        let count = self.savings.len();
        let race = RaceRules { seed, ..RaceRules::default() };
        let rules = Rules { race, pairs: 12, alpha: 0.05, budget_s: 1e9 };
        let mut sprint = Sprint::new(space(count), candidates(count), rules);

        let expected = 25.0 * count as f64;
        let (mut visits, mut walk) = (0_u64, 0.0);
        loop {
            match sprint.next(visits as f64 * VISIT_S) {
                Step::Done => break,
                Step::Judge(candidate) => sprint.judge(self.quality(candidate)),
                Step::Visit(visit) => {
                    let trend = self.drift * visits as f64 / expected;
                    walk += self.drift * normal(&mut chance) / expected.sqrt();
                    visits += 1;
                    sprint.observe(self.shown(visit.turn, trend + walk, &mut chance));
                }
            }
        }

        tally.visits += visits;
        let round = count as u64 + count.div_ceil(race.group) as u64 + 1;
        tally.grid += u64::from(race.rounds) * round;
        self.count(&sprint.answer(), tally);
    }

    fn quality(&self, candidate: usize) -> Quality {
        if self.wrong.contains(&candidate) {
            Quality::Lost { reason: "planted".to_owned() }
        } else {
            Quality::Kept { reason: "planted".to_owned() }
        }
    }

    fn shown(&self, turn: Turn, drift: f64, chance: &mut ChaCha8Rng) -> Result<f64, Elimination> {
        let truth = match turn {
            Turn::Present => 0.0,
            Turn::Candidate(index) if self.failing.contains(&index) => {
                return Err(Elimination::Failed { failure: Failure::of_start("out of memory") });
            }
            Turn::Candidate(index) => (1.0 - self.savings[index]).ln(),
        };
        let mut noise = self.noise * normal(chance);
        if self.outliers && chance.random::<f64>() < 0.05 {
            noise += self.noise * 4.0;
        }
        Ok(truth + drift + noise)
    }

    fn count(&self, answer: &Answer, tally: &mut Tally) {
        let usable = |index: usize| !self.failing.contains(&index) && !self.wrong.contains(&index);
        let best = (0..self.savings.len()).filter(|index| usable(*index)).map(|index| self.savings[index]);
        let best = best.fold(f64::NEG_INFINITY, f64::max);
        match answer {
            Answer::Found { candidate, saving, .. } => {
                let truth = self.savings[*candidate];
                tally.found += u32::from(usable(*candidate) && (1.0 - truth) <= (1.0 - best) * 1.02);
                tally.false_claims += u32::from(truth <= 0.0);
                tally.bad_claims += u32::from(!usable(*candidate));
                tally.interval_misses += u32::from(truth < saving.lower || truth > saving.upper);
            }
            Answer::Nothing => {}
            Answer::Unsettled { .. } => tally.unsettled += 1,
        }
    }
}

/// One parameter with as many values as there are settings.
fn space(count: usize) -> Space {
    let values = (0..=count).map(|value| value.to_string()).collect();
    Space { parameters: vec![Parameter::placeholder("x", values)] }
}

fn candidates(count: usize) -> Candidates {
    let settings = (1..=count).map(|value| Setting::default().with("x", &value.to_string())).collect();
    Candidates { settings, are_single: false, left_out: Vec::new() }
}

/// A standard normal value (Box & Muller, 1958).
pub(crate) fn normal(chance: &mut ChaCha8Rng) -> f64 {
    let (one, other): (f64, f64) = (chance.random(), chance.random());
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

/// The worlds of the documentation: what a sprint must not claim, and what it must find.
pub(crate) fn worlds() -> Vec<World> {
    let spread = |best: f64, count: usize| -> Vec<f64> {
        (0..count)
            .map(|index| if index == 7 { best } else { -0.3 + 0.3 * index as f64 / count as f64 })
            .collect()
    };

    let plain = World {
        name: "nothing saves, noise 3 %",
        savings: vec![0.0; 24],
        failing: Vec::new(),
        wrong: Vec::new(),
        noise: 0.03,
        outliers: false,
        drift: 0.1,
    };

    let mut tied = spread(0.25, 24);
    tied[3] = 0.245;
    tied[11] = 0.24;
    vec![
        plain.clone(),
        World { name: "nothing saves, noise 10 %", noise: 0.1, ..plain.clone() },
        World {
            name: "nothing saves, outliers, strong drift",
            noise: 0.05,
            outliers: true,
            drift: 0.5,
            ..plain.clone()
        },
        World { name: "5 % at best, noise 3 %", savings: spread(0.05, 24), ..plain.clone() },
        World { name: "25 % planted, noise 3 %", savings: spread(0.25, 24), ..plain.clone() },
        World { name: "25 % planted, noise 10 %", savings: spread(0.25, 24), noise: 0.1, ..plain.clone() },
        World {
            name: "15 % planted, noise 3 %, drift 50 %",
            savings: spread(0.15, 24),
            drift: 0.5,
            ..plain.clone()
        },
        World { name: "25 % and two ties, outliers", savings: tied, outliers: true, ..plain.clone() },
        World {
            name: "40 % with wrong answers, 30 % fails, 20 % good",
            savings: {
                let mut all = spread(0.2, 24);
                all[2] = 0.4;
                all[5] = 0.3;
                all
            },
            wrong: vec![2],
            failing: vec![5, 6],
            ..plain
        },
    ]
}
