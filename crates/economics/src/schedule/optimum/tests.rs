//! The plan that is found against every plan that there is.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
use proptest::prelude::*;

use super::*;

/// Every plan that there is, one action a step.
fn every_plan(steps: usize) -> Vec<Vec<Action>> {
    let actions = [Action::Off, Action::Start, Action::Work, Action::Idle];
    let mut plans = vec![Vec::new()];
    for _ in 0..steps {
        plans = plans
            .into_iter()
            .flat_map(|plan| actions.map(|action| plan.iter().copied().chain([action]).collect()))
            .collect();
    }
    plans
}

/// What a plan costs, told step by step and apart from [`cost`].
fn told(problem: &Problem, plan: &[Action]) -> Option<f64> {
    let (mut sum, mut done, mut loaded, mut loading) = (0.0, 0, false, 0);
    for (price, action) in problem.prices.iter().zip(plan) {
        if done == problem.steps {
            break;
        }
        if loading > 0 && *action != Action::Start {
            return None;
        }
        match action {
            Action::Start => {
                if loaded || problem.start_steps == 0 {
                    return None;
                }
                sum += (*price)? * problem.start / problem.start_steps as f64;
                loading += 1;
                if loading == problem.start_steps {
                    (loaded, loading) = (true, 0);
                }
            }
            Action::Work => {
                if !loaded {
                    if problem.start_steps > 0 {
                        return None;
                    }
                    sum += (*price)? * problem.start;
                    loaded = true;
                }
                sum += (*price)? * problem.work;
                done += 1;
            }
            Action::Idle => {
                if !loaded {
                    return None;
                }
                sum += price.unwrap_or(0.0) * problem.idle;
            }
            Action::Off => {
                if loaded && !problem.restartable {
                    return None;
                }
                loaded = false;
                if problem.stays_on {
                    sum += price.unwrap_or(0.0) * problem.idle;
                }
            }
        }
    }

    (done == problem.steps).then_some(sum)
}

/// True where work is one stretch, and nothing but waiting comes before it.
fn in_one(plan: &[Action]) -> bool {
    let work: Vec<usize> = (0..plan.len()).filter(|i| plan[*i] == Action::Work).collect();
    let starts: Vec<usize> = (0..plan.len()).filter(|i| plan[*i] == Action::Start).collect();
    let all: Vec<usize> = starts.into_iter().chain(work).collect();
    all.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

fn problems() -> impl Strategy<Value = Problem> {
    let price = prop_oneof![4 => (-50..100i32).prop_map(|p| Some(f64::from(p))), 1 => Just(None)];
    (
        prop::collection::vec(price, 1..7),
        1..4usize,
        0..40u32,
        0..3usize,
        0..8u32,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(prices, steps, start, start_steps, idle, stays_on, restartable)| Problem {
            prices,
            steps,
            work: 10.0,
            start: f64::from(start),
            start_steps,
            idle: f64::from(idle),
            stays_on,
            restartable,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// No plan among all plans is cheaper than the one that is found, and it costs what it is said to.
    #[test]
    fn no_plan_is_cheaper(problem in problems(), interruptible in any::<bool>()) {
        let all = every_plan(problem.prices.len());
        let allowed = all.iter().filter(|plan| interruptible || in_one(plan));
        let least = allowed.filter_map(|plan| told(&problem, plan)).fold(f64::INFINITY, f64::min);
        match best(&problem, interruptible) {
            None => prop_assert!(least.is_infinite(), "a plan of {least} was missed"),
            Some(plan) => {
                let found = told(&problem, &plan).unwrap();
                prop_assert!((found - least).abs() <= 1e-6, "{found} is not {least}: {plan:?}");
                prop_assert!((cost(&problem, &plan).unwrap() - found).abs() <= 1e-6);
                prop_assert!(interruptible || in_one(&plan));
            }
        }
    }
}

#[test]
fn waiting_can_pay_and_can_cost() {
    let problem = |prices: &[f64], idle: f64, start: f64| Problem {
        prices: prices.iter().copied().map(Some).collect(),
        steps: 2,
        work: 1.0,
        start,
        start_steps: 0,
        idle,
        stays_on: false,
        restartable: true,
    };
    let check = |problem: &Problem, wanted: &[Action]| assert_eq!(best(problem, true).unwrap(), wanted);
    use Action::{Idle, Off, Work};
    check(&problem(&[9.0, 1.0, 9.0, 1.0], 0.0, 0.0), &[Off, Work, Idle, Work]);
    check(&problem(&[9.0, 1.0, 9.0, 1.0], 2.0, 0.0), &[Off, Work, Off, Work]);
    // another start costs more than working through
    check(&problem(&[3.0, 1.0, 2.0, 1.0], 9.0, 9.0), &[Off, Work, Work]);
    // being paid to draw power
    check(&problem(&[1.0, 1.0, -5.0, -5.0], 0.0, 0.0), &[Off, Off, Work, Work]);
    // equally cheap: the earlier
    check(&problem(&[1.0; 5], 0.0, 0.0), &[Work, Work]);
}
