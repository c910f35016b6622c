//! What looks may spend, and error rates with looks by seeded simulation.
use super::*;

#[test]
fn plans() {
    for (prompts, block, expected) in [
        (60, 10, vec![20, 30, 40, 60]),
        (15, 10, vec![15]),
        (20, 10, vec![20]),
        (100, 10, vec![20, 30, 40, 60, 80, 100]),
        (1546, 10, vec![20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1280, 1546]),
        (60, 25, vec![25, 50, 60]),
        (60, 60, vec![60]),
        (60, 0, vec![24, 32, 48, 60]),
        (0, 10, vec![0]),
    ] {
        assert_eq!(planned_looks(prompts, block, prompts).after, expected, "{prompts} in blocks of {block}");
    }
}

#[test]
fn one_look_at_the_end_spends_everything_there() {
    let levels = Levels::at(&planned_looks(15, 10, 15), 15, 15, 2, 0.05);
    assert!((levels.passing(1) - 0.05).abs() < 1e-12 && (levels.passing(2) - 0.025).abs() < 1e-12);
    assert!((levels.failing() - 0.05).abs() < 1e-12);
}

/// A trace may hold any numbers.
#[test]
fn strange_plans_spend_no_more() {
    for after in [vec![], vec![0, 0], vec![60, 20, 20], vec![u32::MAX; 3], (0..10_000).collect()] {
        for seen in [0, 1, 20, 60, 100] {
            let levels = Levels::at(&Looks { after: after.clone(), graded: 0 }, seen, 60, 1, 0.05);
            for level in [levels.passing(1), levels.failing()] {
                assert!((0.0..=0.05).contains(&level), "{after:?} at {seen}: {level}");
            }
        }
    }
}
