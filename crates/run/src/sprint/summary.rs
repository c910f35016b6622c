//! From a sprint to what is said of it: a row for each setting, the answer in a sentence, a command.

use infercost_core::Workload;
use infercost_core::text::{count, percent, percents};
use infercost_models::ResolvedModel;
use infercost_sprint::roofline::{self, Model, Roofline, bound_by_targets};
use infercost_sprint::{Answer, Confirmed, Elimination, Quality, Setting, Standing};

use super::SprintRequest;
use super::course::{Course, why_words};
use super::folder::Header;
use super::hosted;
use super::levers::{self, Lever};
use super::outcome::{SettingOutcome, SprintOutcome};
use super::plan::{MAX_TOKENS, THREADS, VARIANT};
use super::roofs::Roofs;
use super::workload::Work;
use crate::{models, shell};

/// The port that a command names where it is shown.
const SHOWN_PORT: &str = "8080";

impl SprintOutcome {
    /// What the sprint came to.
    ///
    /// # Errors
    /// Where a model is gone.
    pub(super) fn of(
        course: &mut Course,
        request: &SprintRequest,
        header: &Header,
        work: &Work,
        mut notes: Vec<String>,
    ) -> anyhow::Result<Self> {
        let answer = course.sprint.answer();
        let roofs = Roofs::of(request, &course.bench.models);
        let settings = settings(course, &roofs);
        let present = course.ledger.account(&Setting::default()).map(|account| account.total.clone());
        let present_cost = present.as_ref().map(|total| course.ledger.cost(total));

        let mut roofline = verdict(course, &Setting::default(), &roofs);
        let missed = settings.iter().find(|one| {
            matches!(one.standing.left, Some((_, Elimination::MissesTargets { .. })))
                && one.saving().is_some_and(|saving| saving.point > 0.0)
        });
        if let Some(missed) = missed {
            roofline = roofline.map(|found| bound_by_targets(found, &missed.setting.to_string()));
        }

        let rules = course.sprint.rules().race;
        let tried = course.sprint.settings().len();
        let round = tried + tried.div_ceil(rules.group.max(1)) + 1;
        let grid_visits = u64::from(rules.rounds) * u64::try_from(round).unwrap_or(u64::MAX);
        let named = match &answer {
            Answer::Found { candidate, .. } => course.sprint.settings().get(*candidate).cloned(),
            _ => None,
        };
        let command = named.as_ref().map(|setting| command(course, request, setting)).transpose()?;
        if let Some(most) = named.as_ref().and_then(|setting| course.bench.max_tokens(setting)) {
            notes
                .push(format!("ask with \"max_tokens\": {most}: the limit is each request's, and no flag's"));
        }
        let confirm = named.as_ref().and_then(|setting| confirm(course, request, setting));
        let hosted = hosted(course, named.as_ref(), work, header)?;
        let sentence = sentence(&answer, course, &settings, header.wanted);
        let limits_tried = course.bench.space.get(MAX_TOKENS).is_some();
        let mut levers =
            present.as_ref().map(|total| levers::of(work, total, limits_tried)).unwrap_or_default();
        levers.extend(routers(course, &settings));
        if course.bench.models.len() < 2 {
            levers.push(levers::smaller_model());
        }

        Ok(Self {
            schema: header.schema.clone(),
            id: header.id.to_string(),
            folder: course.folder.path.display().to_string(),
            workload: header.workload.clone(),
            present: course.bench.id(&course.bench.space.present())?.to_string(),
            present_cost,
            prices: header.prices.clone(),
            cost_parts: course.ledger.parts().names().iter().map(ToString::to_string).collect(),
            took_s: course.elapsed_s,
            budget_s: course.sprint.rules().budget_s,
            wanted: header.wanted,
            visits: course.visits,
            confirmation_visits: course.confirmation_visits,
            grid_visits,
            settings,
            attempts: course.sprint.attempts().to_vec(),
            answer,
            sentence,
            command,
            confirm,
            quality_run: course.quality_run.clone(),
            roofline,
            hosted,
            levers,
            notes,
        })
    }
}

/// What bounds a setting. A server does not tell how many bytes a token reads; on a processor its file's size stands in.
fn verdict(course: &Course, setting: &Setting, roofs: &Roofs) -> Option<Roofline> {
    let total = &course.ledger.account(setting)?.total;
    let whole = course.bench.space.present().over(setting);
    let file = course.bench.model(&whole).ok()?;
    let weight_bytes = total.weight_bytes_per_token.or(file.bytes).map(|bytes| bytes as f64);
    let parameters = roofs.parameters(file);
    let model = Model { weight_bytes, parameters, lone_ttft_s: total.lone_ttft_s };
    roofline::verdict(total, &roofs.above(file), &model)
}

/// What an answer takes in the setting that was found, else in the present one.
fn hosted(
    course: &Course,
    named: Option<&Setting>,
    work: &Work,
    header: &Header,
) -> anyhow::Result<Option<Workload>> {
    let present = course.bench.space.present();
    let setting = named.map_or_else(|| present.clone(), |setting| present.over(setting));
    let Some(account) = course.ledger.account(&setting.against(&present)) else { return Ok(None) };
    let (id, threads) = (course.bench.id(&setting)?, course.bench.threads(&setting));
    Ok(hosted::workload(id, threads, account, work, header))
}

/// The best router over the models of this sprint.
fn routers(course: &Course, settings: &[SettingOutcome]) -> Option<Lever> {
    let mut best: Option<Lever> = None;
    for one in settings {
        let Some(variant) = one.setting.get(VARIANT).filter(|_| one.setting.0.len() == 1) else { continue };
        let Some(saving) = one.saving() else { continue };
        let answers = course.ledger.comparison(&one.setting);
        let found = levers::router(variant, 1.0 - saving.point, answers.right, answers.graded);
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| best.saving < found.saving)
        {
            best = Some(found);
        }
    }
    best
}

/// All settings, the best first: what races, then what left, the latest first.
fn settings(course: &Course, roofs: &Roofs) -> Vec<SettingOutcome> {
    let present = course.bench.space.present();
    let mut all = Vec::new();
    for (candidate, setting) in course.sprint.settings().iter().enumerate() {
        let Some(standing) = course.sprint.standing(candidate) else { continue };
        let setting = setting.against(&present);
        let comparison = course.ledger.comparison(&setting);
        let roofline = verdict(course, &setting, roofs);
        let outcome = outcome(course, candidate, &standing);
        let same_answers = (comparison.same, comparison.prompts);
        all.push(SettingOutcome { candidate, setting, standing, same_answers, outcome, roofline });
    }

    all.sort_by(|one, other| {
        let (one, other) = (rank(one), rank(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    all
}

/// What orders settings: those that cannot be used come last, and else the largest saving first.
fn rank(one: &SettingOutcome) -> (bool, f64) {
    let failed = matches!(
        one.standing.left,
        Some((
            _,
            Elimination::Failed { .. } | Elimination::WrongAnswers { .. } | Elimination::MissesTargets { .. }
        ))
    );
    let saving = one.saving().map_or(f64::NEG_INFINITY, |saving| saving.point);
    (failed, -saving)
}

fn outcome(course: &Course, candidate: usize, standing: &Standing) -> String {
    if let Some(attempt) = course.sprint.attempts().iter().find(|attempt| attempt.candidate == candidate) {
        match (&attempt.confirmed, &attempt.quality) {
            (_, Some(Quality::Lost { reason })) => return format!("not good enough: {reason}"),
            (Confirmed::Yes { .. }, Some(quality)) if quality.is_kept() => return "confirmed".to_owned(),
            (Confirmed::Yes { .. }, _) => return "cheaper; quality not settled".to_owned(),
            (Confirmed::No { saving }, _) => {
                return format!("fresh pairs refute it: {} {}", percent(saving.point), percents(saving));
            }
            (Confirmed::Unsettled { .. }, _) => return "fresh pairs do not settle it".to_owned(),
        }
    }

    match &standing.left {
        None => "still in the race".to_owned(),
        Some((_, Elimination::NoBetter { than })) => {
            let present = course.bench.space.present();
            let leader = course.sprint.settings().get(*than).map(|setting| setting.against(&present));
            format!(
                "no better than {}",
                leader.map_or_else(|| "the leader".to_owned(), |one| one.to_string())
            )
        }
        Some((round, why)) => format!("{} (round {round})", why_words(why)),
    }
}

fn sentence(answer: &Answer, course: &Course, settings: &[SettingOutcome], wanted: f64) -> String {
    let present = course.bench.space.present();
    let name = |candidate: usize| {
        let setting = course.sprint.settings().get(candidate).map(|setting| setting.against(&present));
        setting.map_or_else(String::new, |setting| setting.to_string())
    };

    match answer {
        Answer::Found { candidate, saving, quality } => {
            let kept = match quality {
                Quality::Proven { prompts } => format!("the same answers on all {prompts} prompts"),
                _ => "quality within all limits".to_owned(),
            };
            format!(
                "Use {}: {} cheaper {}, confirmed on fresh pairs, {kept}",
                name(*candidate),
                percent(saving.point),
                percents(saving)
            )
        }
        Answer::Unsettled { best: Some(best), saving, reason } => {
            let saving = saving.as_ref().map_or_else(String::new, |saving| {
                format!(" seems to save {} {},", percent(saving.point), percents(saving))
            });
            format!("Nothing is settled: {}{saving} but {reason}", name(*best))
        }
        Answer::Unsettled { best: None, reason, .. } => format!("Nothing is settled: {reason}"),
        Answer::Nothing => {
            format!("Nothing here saves {}, because {}", percent(wanted), because(settings, course))
        }
    }
}

/// Why nothing saves enough: how many left for which reason.
fn because(settings: &[SettingOutcome], course: &Course) -> String {
    let (mut small, mut failed, mut wrong, mut late, mut refuted) = (0, 0, 0, 0, 0);
    let mut most = f64::NEG_INFINITY;
    for one in settings {
        match &one.standing.left {
            Some((_, Elimination::SavesTooLittle { at_most })) => {
                small += 1;
                most = most.max(*at_most);
            }
            Some((_, Elimination::NoBetter { .. })) => small += 1,
            Some((_, Elimination::Failed { .. })) => failed += 1,
            Some((_, Elimination::WrongAnswers { .. })) => wrong += 1,
            Some((_, Elimination::MissesTargets { .. })) => late += 1,
            None if is_lost(course, one.candidate) => wrong += 1,
            None => refuted += 1,
        }
    }

    let mut parts = Vec::new();
    if small > 0 {
        let bound = if most > 0.0 { format!(" (at most {})", percent(most)) } else { String::new() };
        parts.push(format!(
            "{} {} too little{bound}",
            count(small, "setting"),
            if small == 1 { "saves" } else { "save" }
        ));
    }
    for (number, one, several) in [
        (refuted, "was not confirmed", "were not confirmed"),
        (wrong, "gave worse answers", "gave worse answers"),
        (late, "missed the latency targets", "missed the latency targets"),
        (failed, "failed", "failed"),
    ] {
        match number {
            0 => {}
            1 if parts.is_empty() => parts.push(format!("1 setting {one}")),
            1 => parts.push(format!("1 {one}")),
            _ => parts.push(format!("{number} {several}")),
        }
    }
    if parts.is_empty() { "there was nothing to try".to_owned() } else { parts.join(", ") }
}

/// True for a winner whose quality was not good enough.
fn is_lost(course: &Course, candidate: usize) -> bool {
    let mut attempts = course.sprint.attempts().iter().filter(|attempt| attempt.candidate == candidate);
    attempts.any(|attempt| matches!(attempt.quality, Some(Quality::Lost { .. })))
}

/// What to copy.
fn command(course: &Course, request: &SprintRequest, setting: &Setting) -> anyhow::Result<String> {
    let model = course.bench.model(setting)?;
    if let Some(command) = course.bench.command(setting) {
        let path = model.location.path().map(|path| path.display().to_string()).unwrap_or_default();
        return Ok(command.replace("{port}", SHOWN_PORT).replace("{model}", &shell::word(&path)));
    }
    let mut words = format!("infercost record {}", word_of(request, model));
    if let Some(threads) = course.bench.threads(setting) {
        words.push_str(&format!(" --threads {threads}"));
    }
    words.push_str(&shell::prompts_argument(request.run.spec.prompts.as_deref()));
    Ok(words)
}

/// A model as it is named on a command line.
fn word_of(request: &SprintRequest, model: &ResolvedModel) -> String {
    models::word_of(Some(&request.run.spec), &model.variant)
}

/// What compares both once more, where one command can: models in process at the same threads.
fn confirm(course: &Course, request: &SprintRequest, setting: &Setting) -> Option<String> {
    let present = course.bench.space.present();
    let differs = setting.against(&present);
    let only_variant = differs.0.keys().all(|name| name == VARIANT);
    if !only_variant || request.run.serve.is_some() {
        return None;
    }
    let (now, then) = (course.bench.model(&present).ok()?, course.bench.model(setting).ok()?);
    let threads = setting.get(THREADS).map_or_else(String::new, |count| format!(" --threads {count}"));
    Some(format!(
        "infercost compare {} {}{threads}{}",
        word_of(request, now),
        word_of(request, then),
        shell::prompts_argument(request.run.spec.prompts.as_deref())
    ))
}
