//! The measurement itself: the harness runs, the recorder writes, the wire follows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use infercost_core::{EnergyMeter, RunHeader, RunRecord};
use infercost_energy::MeterBasis;
use infercost_harness::machine::CpuTicks;
use infercost_harness::{Completed, Plan, Prepared};
use infercost_trace::RunStore;

use super::completed::completed;
use super::content::Content;
use super::recorder::Recorder;
use super::setup::{IDLE_TIME, Setup};
use crate::early_stop::EarlyStop;
use crate::exporting::live::Following;
use crate::exporting::metrics::Live;
use crate::output::progress::RunProgress;
use crate::{energy_of_servers, guards, output, stopping};

impl Setup<'_> {
    /// Measures what `before` lacks of the run with this header, and returns the run's folder.
    pub(super) fn drive(
        self,
        prepared: Prepared,
        meter: &mut dyn EnergyMeter,
        basis: MeterBasis,
        store: RunStore,
        header: &RunHeader,
        before: Option<&RunRecord>,
    ) -> anyhow::Result<PathBuf> {
        let folder = store.folder().to_owned();
        self.servers.keep_logs(&folder, self.arguments);
        let done = before.map_or_else(Completed::default, |run| completed(run, &self.prompts));
        let progress =
            RunProgress::new(prepared.engines.len(), self.prompts.len(), self.arguments.repetitions, &done);
        let early_stop =
            EarlyStop::new(folder.clone(), header.looks.clone(), header.baseline.clone(), before);
        let models = self.models.iter().map(|contender| (&contender.id, &contender.model));
        let unmetered = energy_of_servers::unmetered(
            models,
            self.arguments,
            (basis, &self.boundary),
            &self.servers.watched,
        );
        let plan = Plan {
            repetitions: self.arguments.repetitions,
            warm_ups: self.arguments.warm_ups,
            window_prompts: self.arguments.prompts_in_a_window(self.prompts.len()),
            seed: self.arguments.seed,
            sampling: self.sampling(),
            idle_time: IDLE_TIME,
            unmetered,
            load: self.arguments.load.plan(),
            completed: done,
            prompts: self.prompts,
        };
        let following = self
            .wire
            .destination
            .map(|destination| Following::start(&folder, destination, self.wire.live))
            .transpose()?;
        let content = Content::new(!self.arguments.no_content, self.arguments.live.redact.clone());
        let run = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let engines = prepared.engines.iter();
        let providers = engines.map(|(id, engine)| (id.clone(), engine.identity().engine.clone())).collect();
        let meters = Live::start(self.wire.live, &run, following.is_some(), providers)?;
        let mut recorder = Recorder::new(store, content, before, early_stop, progress, meters.clone());
        let stop = match self.servers.command {
            Some(_) => Arc::clone(&self.servers.stop),
            None => stopping::on_interrupt(),
        };
        let ticks = CpuTicks::now(Path::new("/proc"));
        let measured = infercost_harness::run(prepared, &plan, meter, &mut recorder, &stop);
        let finished = measured.map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "the run was cut off; what was measured is in {}, and `--resume` goes on with it",
                folder.display()
            ))
        });
        let finished = finished.and_then(|()| Ok(recorder.finish()?));
        if let Some(following) = following {
            following.finish();
            meters.send(self.wire.live);
        }
        finished?;
        let stolen = ticks.and_then(|before| CpuTicks::now(Path::new("/proc"))?.steal_share_since(before));
        let doubts = [stolen.and_then(guards::stolen), meter.sampler_overhead().and_then(guards::sampling)];
        for doubt in doubts.into_iter().flatten() {
            output::note(&format!("! {doubt}"));
        }
        Ok(folder)
    }
}
