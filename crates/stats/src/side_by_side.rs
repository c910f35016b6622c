//! Computations that have nothing to do with one another, on all processors.

use std::panic::resume_unwind;
use std::thread;

/// What `compute` gives for each item, in the order of the items; as many are computed at a time as there are processors. The
/// results do not depend on the machine.
pub fn side_by_side<T: Send, R: Send>(items: Vec<T>, compute: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut results = Vec::with_capacity(items.len());
    let mut left = items.into_iter();

    while left.len() > 0 {
        thread::scope(|scope| {
            let mut begun = Vec::new();
            for item in left.by_ref().take(threads) {
                let compute = &compute;
                begun.push(scope.spawn(move || compute(item)));
            }

            for thread in begun {
                match thread.join() {
                    Ok(result) => results.push(result),
                    Err(panic) => resume_unwind(panic),
                }
            }
        });
    }

    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for count in [0, 1, 2, 37] {
            let expected: Vec<u64> = (0..count).map(|item| item * item).collect();
            assert_eq!(side_by_side((0..count).collect(), |item| item * item), expected);
        }
    }
}
