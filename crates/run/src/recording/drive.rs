//! The measurement itself: the harness runs, the recorder writes, the export follows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use infercost_core::{EnergyMeter, RunHeader, RunRecord, VariantId};
use infercost_energy::MeterBasis;
use infercost_harness::machine::CpuTicks;
use infercost_harness::{Completed, Plan, Prepared};
use infercost_trace::RunStore;

use super::begun_here;
use super::completed::completed;
use super::content::Content;
use super::progress::RunProgress;
use super::recorder::Recorder;
use super::setup::{IDLE_TIME, Setup};
use crate::early_stop::EarlyStop;
use crate::exporting::live::Following;
use crate::exporting::metrics::Live;
use crate::{console, machine_checks, served_energy, stopping};

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
        let spec = &self.request.spec;
        self.servers.keep_logs(&folder, self.request);

        // What is planned, less what an earlier part of the run has done.
        let done = before.map_or_else(Completed::default, |run| completed(run, &self.prompts));
        let scored_before = done.scorings.clone();
        let variants: Vec<VariantId> = prepared.engines.iter().map(|(id, _)| id.clone()).collect();
        let progress = RunProgress::new(&variants, self.prompts.len(), spec.repetitions, &done);
        let early_stop =
            EarlyStop::new(folder.clone(), header.looks.clone(), header.baseline.clone(), before);
        let models = self.models.iter().map(|contender| (&contender.id, &contender.model));
        let watched = &self.servers.watched;
        let unmetered = served_energy::unmetered(models, self.request, basis, &self.boundary, watched);
        let models = self.models.iter().map(|contender| (&contender.id, &contender.model));
        let watch = served_energy::watch(models);
        let plan = Plan {
            repetitions: spec.repetitions,
            warm_ups: spec.warm_ups,
            window_prompts: spec.prompts_in_a_window(self.prompts.len()),
            seed: spec.sampling.seed,
            sampling: spec.sampling.clone(),
            idle_time: IDLE_TIME,
            unmetered,
            watch,
            max_remeasure: spec.max_remeasure,
            load: self.request.load_plan()?,
            completed: done,
            prompts: self.prompts,
        };

        // Who wants to see it meanwhile.
        let following = self
            .destination
            .map(|destination| Following::start(&folder, destination, self.request))
            .transpose()?;
        let run = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let engines = prepared.engines.iter();
        let providers = engines.map(|(id, engine)| (id.clone(), engine.identity().engine.clone())).collect();
        let live = Live::start(&self.request.live, &run, following.is_some(), providers)?;

        let content = Content::new(spec.content, self.request.redact.clone());
        let mut recorder =
            Recorder::new(store, content, before, scored_before, early_stop, progress, live.clone());
        let stop = match self.servers.command {
            Some(_) => Arc::clone(&self.servers.stop),
            None => stopping::on_interrupt(),
        };
        let ticks = CpuTicks::now(Path::new("/proc"));

        let measured = infercost_harness::run(prepared, &plan, meter, &mut recorder, &stop);
        let measured = measured.map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "the run was cut off; what was measured is in {}, and `--resume` completes it",
                folder.display()
            ))
        });
        let finished = measured.and_then(|()| Ok(recorder.finish()?));

        // What was measured is sent even where the run was cut off.
        if let Some(following) = following {
            following.finish();
            live.send(&self.request.live);
        }

        finished?;
        begun_here::forget(header);

        let stolen = ticks.and_then(|before| CpuTicks::now(Path::new("/proc"))?.steal_share_since(before));
        let sampling = meter.sampler_overhead();
        let doubts = [stolen.and_then(machine_checks::stolen), sampling.and_then(machine_checks::sampling)];
        for doubt in doubts.into_iter().flatten() {
            console::warn(&doubt);
        }

        Ok(folder)
    }
}
