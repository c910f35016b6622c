//! Pulls models and says what became of them: `cargo run -p infercost-models --example pull -- CACHE MODEL…`.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::time::Instant;

use infercost_models::{Catalog, HubSettings, ModelCache, ModelError, ModelStore, Pip, Progress};

fn main() -> Result<(), ModelError> {
    let mut arguments = std::env::args().skip(1);
    let cache = arguments.next().unwrap_or_else(|| ".".into());
    let store = ModelStore {
        catalog: Catalog::load(None),
        cache: ModelCache::at(cache),
        hub: HubSettings::from_env(|name| std::env::var(name).ok()),
        pip: Pip::default(),
        offline: false,
    };
    let started = Instant::now();
    let mut last = None;
    let models = store.resolve_all(&arguments.collect::<Vec<_>>(), &mut |progress| match progress {
        Progress::Step { stage, file, .. } => {
            if last != Some(stage) {
                println!("{:7.2} s {} {file}", started.elapsed().as_secs_f64(), stage.name());
            }
            last = Some(stage);
        }
        other => println!("{other:?}"),
    })?;
    println!("{:7.2} s done", started.elapsed().as_secs_f64());
    for model in models {
        println!("{} {:?} {:?}\n  {}", model.variant, model.bytes, model.location.path(), model.provenance);
    }
    Ok(())
}
