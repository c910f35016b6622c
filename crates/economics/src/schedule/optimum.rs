//! The cheapest plan over equal steps, by dynamic programming over (step, work left, running or not).

use serde::Serialize;

/// What the machine does in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Off, or on and not yet started where the machine stays on.
    Off,
    /// Bringing the model into memory, where that takes a step or more.
    Start,
    /// At work.
    Work,
    /// Model loaded, nothing asked.
    Idle,
}

/// What a plan is chosen for. Energies are in joules per step (per start), prices in anything per joule.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Price of each step; `None` is unknown, and nothing that draws power is planned there.
    pub prices: Vec<Option<f64>>,
    /// Steps of work, at least 1.
    pub steps: usize,
    /// Energy of a step of work.
    pub work: f64,
    /// Energy of one start, spread over its steps, or falling into the first step of work.
    pub start: f64,
    /// Steps of one start.
    pub start_steps: usize,
    /// Energy of a step of waiting with the model loaded.
    pub idle: f64,
    /// True where the machine idles before the first start instead of being off.
    pub stays_on: bool,
    /// True where the machine may be off between two stretches of work, at the price of another start.
    pub restartable: bool,
}

impl Problem {
    /// Waiting with the model loaded. At an unknown price it counts as nothing, and is said to be left out.
    fn idle(&self, index: usize) -> f64 {
        self.prices.get(index).copied().flatten().map_or(0.0, |price| price * self.idle)
    }

    /// Waiting off: free, unless the machine stays on.
    fn off(&self, index: usize) -> f64 {
        if self.stays_on { self.idle(index) } else { 0.0 }
    }

    fn work(&self, index: usize) -> Option<f64> {
        (*self.prices.get(index)?).map(|price| price * self.work)
    }

    /// The start that begins at a step, where it takes steps of its own.
    fn start(&self, index: usize) -> Option<f64> {
        let each = self.start / self.start_steps as f64;
        (index..index + self.start_steps)
            .try_fold(0.0, |sum, index| Some(sum + (*self.prices.get(index)?)? * each))
    }
}

/// What a plan costs; `None` where it is no plan for the problem: too little work, work without a start, or a step
/// whose price is unknown.
pub fn cost(problem: &Problem, plan: &[Action]) -> Option<f64> {
    let (mut total, mut left, mut running) = (0.0, problem.steps, false);
    let mut index = 0;
    while index < plan.len() && left > 0 {
        match plan.get(index)? {
            Action::Off if running && !problem.restartable => return None,
            Action::Off => {
                total += problem.off(index);
                running = false;
            }
            Action::Idle if running => total += problem.idle(index),
            Action::Idle => return None,
            Action::Start => {
                if running || problem.start_steps == 0 {
                    return None;
                }
                let whole = plan.get(index..index + problem.start_steps)?;
                if whole.iter().any(|action| *action != Action::Start) {
                    return None;
                }
                total += problem.start(index)?;
                running = true;
                index += problem.start_steps;
                continue;
            }
            Action::Work => {
                if !running {
                    if problem.start_steps > 0 {
                        return None;
                    }
                    total += (*problem.prices.get(index)?)? * problem.start;
                    running = true;
                }

                total += problem.work(index)?;
                left -= 1;
            }
        }

        index += 1;
    }

    (left == 0).then_some(total)
}

/// Starting at once and working through; `None` where a price on the way is unknown, or there is no time.
pub fn run_now(problem: &Problem) -> Option<Vec<Action>> {
    let plan = straight(problem, 0);
    cost(problem, &plan).map(|_| plan)
}

fn straight(problem: &Problem, from: usize) -> Vec<Action> {
    let mut plan = vec![Action::Off; from];
    plan.extend(std::iter::repeat_n(Action::Start, problem.start_steps));
    plan.extend(std::iter::repeat_n(Action::Work, problem.steps));
    plan
}

/// The cheapest plan, up to the last step of work; of equally cheap ones the earlier. `None` where there is none.
pub fn best(problem: &Problem, interruptible: bool) -> Option<Vec<Action>> {
    if problem.steps == 0 || problem.steps + problem.start_steps > problem.prices.len() {
        return None;
    }
    if interruptible { Table::fill(problem).plan(problem) } else { best_in_one(problem) }
}

fn best_in_one(problem: &Problem) -> Option<Vec<Action>> {
    let length = problem.steps + problem.start_steps;
    let sums = Sums::of(problem);

    let mut found: Option<(f64, usize)> = None;
    for from in 0..=problem.prices.len() - length {
        // Sums of many terms differ in their last bits; a later start must be truly cheaper.
        if let Some(total) = sums.total(problem, from)
            && found.is_none_or(|(best, _)| total < best - 1e-9 * best.abs())
        {
            found = Some((total, from));
        }
    }

    found.map(|(_, from)| straight(problem, from))
}

/// Sums over the steps before each step.
struct Sums {
    /// Of the known prices.
    prices: Vec<f64>,
    /// How many prices are unknown.
    unknown: Vec<usize>,
    /// What waiting costs.
    waits: Vec<f64>,
}

impl Sums {
    fn of(problem: &Problem) -> Self {
        let mut sums = Self { prices: vec![0.0], unknown: vec![0], waits: vec![0.0] };
        let (mut sum, mut missing, mut wait) = (0.0, 0, 0.0);

        for (index, price) in problem.prices.iter().enumerate() {
            sum += price.unwrap_or(0.0);
            missing += usize::from(price.is_none());
            wait += problem.off(index);

            sums.prices.push(sum);
            sums.unknown.push(missing);
            sums.waits.push(wait);
        }
        sums
    }

    /// What starting at a step and working through costs; `None` where a price on the way is unknown.
    fn total(&self, problem: &Problem, from: usize) -> Option<f64> {
        let begins = from + problem.start_steps;
        let ends = begins + problem.steps;
        if self.unknown.get(ends)? > self.unknown.get(from)? {
            return None;
        }

        let start = if problem.start_steps > 0 {
            problem.start(from)?
        } else {
            (*problem.prices.get(from)?)? * problem.start
        };

        let work = (self.prices.get(ends)? - self.prices.get(begins)?) * problem.work;
        Some(self.waits.get(from)? + start + work)
    }
}

/// True where one cost is at most another: at equal cost, rounding apart, the earlier work wins.
fn at_most(one: f64, other: f64) -> bool {
    one.is_finite() && one <= other + 1e-9 * other.abs()
}

/// Least cost to finish from each (step, work left, running).
struct Table {
    width: usize,
    off: Vec<f64>,
    on: Vec<f64>,
}

impl Table {
    fn fill(problem: &Problem) -> Self {
        let (steps, width) = (problem.prices.len(), problem.steps + 1);

        let mut table = Self {
            width,
            off: vec![f64::INFINITY; (steps + 1) * width],
            on: vec![f64::INFINITY; (steps + 1) * width],
        };

        for step in 0..=steps {
            table.set(step, 0, 0.0, 0.0);
        }

        for step in (0..steps).rev() {
            for left in 1..=problem.steps.min(steps - step) {
                let wait = problem.off(step) + table.off(step + 1, left);
                let work = table.work(problem, step, left);
                let idle = problem.idle(step) + table.on(step + 1, left);
                let start = table.start(problem, step, left);
                let end = if problem.restartable { wait } else { f64::INFINITY };
                table.set(step, left, wait.min(start), work.min(idle).min(end));
            }
        }

        table
    }

    fn set(&mut self, step: usize, left: usize, off: f64, on: f64) {
        let index = step * self.width + left;
        for (cells, value) in [(&mut self.off, off), (&mut self.on, on)] {
            if let Some(cell) = cells.get_mut(index) {
                *cell = value;
            }
        }
    }

    fn off(&self, step: usize, left: usize) -> f64 {
        self.off.get(step * self.width + left).copied().unwrap_or(f64::INFINITY)
    }

    fn on(&self, step: usize, left: usize) -> f64 {
        self.on.get(step * self.width + left).copied().unwrap_or(f64::INFINITY)
    }

    fn work(&self, problem: &Problem, step: usize, left: usize) -> f64 {
        problem.work(step).map_or(f64::INFINITY, |cost| cost + self.on(step + 1, left - 1))
    }

    fn start(&self, problem: &Problem, step: usize, left: usize) -> f64 {
        let cost = if problem.start_steps > 0 {
            problem.start(step).map(|cost| cost + self.on(step + problem.start_steps, left))
        } else {
            let price = problem.prices.get(step).copied().flatten();
            price.map(|price| price * problem.start + self.work(problem, step, left))
        };

        cost.unwrap_or(f64::INFINITY)
    }

    /// Walks forward along the cheapest choices.
    fn plan(&self, problem: &Problem) -> Option<Vec<Action>> {
        if !self.off(0, problem.steps).is_finite() {
            return None;
        }
        let (mut plan, mut left, mut running) = (Vec::new(), problem.steps, false);

        while left > 0 && plan.len() < problem.prices.len() {
            let step = plan.len();
            let wait = problem.off(step) + self.off(step + 1, left);
            if running {
                let idle = problem.idle(step) + self.on(step + 1, left);
                let end = if problem.restartable { wait } else { f64::INFINITY };
                if at_most(self.work(problem, step, left), idle.min(end)) {
                    plan.push(Action::Work);
                    left -= 1;
                } else if at_most(idle, end) {
                    plan.push(Action::Idle);
                } else {
                    plan.push(Action::Off);
                    running = false;
                }
            } else if at_most(self.start(problem, step, left), wait) {
                running = true;

                if problem.start_steps > 0 {
                    plan.extend(std::iter::repeat_n(Action::Start, problem.start_steps));
                } else {
                    plan.push(Action::Work);
                    left -= 1;
                }
            } else {
                plan.push(Action::Off);
            }
        }

        (left == 0).then_some(plan)
    }
}

#[cfg(test)]
mod tests;
