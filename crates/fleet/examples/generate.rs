//! Made-up inferences of a month in tables: `cargo run --release -p infercost-fleet --example generate -- DIR ROWS`.
//!
//! Ten models, five services and ten thousand customers over thirty days; the same rows every time. What is printed is what
//! the tables must add up to.
#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a program for benchmarks")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use infercost_fleet::TablesWriter;
use infercost_fleet::tables::rows::{CostParts, InferenceRow};
use rust_decimal::Decimal;

const DAYS: u64 = 30;
/// The first of November 2026, in seconds since 1970.
const FIRST: u64 = 1_793_491_200;
const SERVICES: [&str; 5] = ["chat", "search", "summaries", "coding", "support"];
const MACHINES: [&str; 4] = ["a100", "4090", "mac", "cpu-box"];
const MODELS: u64 = 10;
const CUSTOMERS: u64 = 10_000;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a number follows from a seed alone.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, rows] = arguments.as_slice() else { return Err("usage: generate DIR ROWS".into()) };
    let (folder, rows) = (PathBuf::from(folder), rows.parse::<u64>()?);
    let customers: Vec<String> = (0..CUSTOMERS).map(|number| format!("customer-{number:05}")).collect();
    let models: Vec<String> = (0..MODELS).map(|number| format!("vendor/model-{number}")).collect();

    let mut cost = Decimal::ZERO;
    for day in 0..DAYS {
        let of_day = rows / DAYS + u64::from(day < rows % DAYS);
        let mut writer = TablesWriter::create(&folder, &format!("generated-{day:02}"))?;
        let mut numbers = Numbers(day);
        for row in 0..of_day {
            let (input, output) = (50 + numbers.below(4000), 1 + numbers.below(800));
            let model = numbers.below(MODELS);
            let tokens = Decimal::new((input * (model + 1) + output * 4 * (model + 1)) as i64, 8);
            let failed = numbers.below(200) == 0;
            let second = row * 86_400 / of_day;
            let latency = 50_000 + output * (2_000 + numbers.below(20_000));
            let span = format!("{:016x}", numbers.next());

            cost += if failed { Decimal::ZERO } else { tokens };
            writer.inference(&InferenceRow {
                model: Some(&models[model as usize]),
                machine: Some(MACHINES[(model % 4) as usize]),
                service: Some(SERVICES[numbers.below(5) as usize]),
                customer: Some(&customers[numbers.below(CUSTOMERS) as usize]),
                span_id: Some(&span),
                issued_at: Some(UNIX_EPOCH + Duration::from_secs(FIRST + day * 86_400 + second)),
                latency_us: Some(latency as i64),
                ttft_us: (!failed).then(|| (20_000 + numbers.below(300_000)) as i64),
                input_tokens: Some(input as u32),
                cached_input_tokens: Some((input / (1 + numbers.below(8))) as u32 / 2),
                output_tokens: (!failed).then_some(output as u32),
                failed,
                failure: failed.then_some("timeout"),
                energy_j: Some(latency as f64 * 1e-4),
                energy_source: Some("counter"),
                currency: (!failed).then_some("USD"),
                parts: CostParts { tokens: (!failed).then_some(tokens), ..CostParts::default() },
                cost_basis: (!failed).then_some("stated"),
                ..InferenceRow::default()
            })?;
        }
        writer.finish()?;
    }
    println!("{rows} inferences for {cost} USD");
    Ok(())
}
