//! The sentences of findings: one or two, plain, with the numbers.

use std::collections::BTreeMap;
use std::fmt;

use super::{Fact, ServerFact, Weighting};
use crate::board::CrossCheck;
use crate::energy::EstimationMethod;
use crate::interference::{Disturbance, DisturbedWindow};
use crate::machine::WallFactor;
use crate::number::plain;
use crate::record::{IdlePhase, OperatingPoint};
use crate::served::{ParameterChange, UsageFault};
use crate::text::{about_prompts, count, percent, percents, printable};

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(self))
    }
}

fn sentence(fact: &Fact) -> String {
    match fact {
        Fact::Stated { sentence, .. } => sentence.clone(),
        Fact::MachineBusy { disturbed, watched, remeasured, left, others_share } => {
            let share = others_share.map_or_else(String::new, |share| {
                format!("; others took {} of the processors' time", percent(share))
            });
            format!(
                "The machine was busy: {disturbed} of {} were disturbed, {remeasured} measured again, {left} left{share}.",
                count(*watched, "watched window")
            )
        }
        Fact::DisturbedWindows { windows } => disturbed_windows(windows),
        Fact::SavingAtLengths { prompt_tokens, answer_tokens } => {
            let prompts =
                prompt_tokens.map_or_else(String::new, |tokens| format!("{tokens:.0} of a prompt and "));
            format!(
                "Savings hold for the set's own mix of lengths ({prompts}{answer_tokens:.0} of an answer on average, in \
                 tokens); another mix has another saving."
            )
        }
        Fact::SeveralMachines => {
            "The runs come from different machines; speed and cost are joined over them.".to_owned()
        }
        Fact::CutOff { windows } => format!(
            "{} cut off: the inferences count, the energy is left out.",
            if *windows == 1 { "1 window was".to_owned() } else { format!("{windows} windows were") }
        ),
        Fact::Failures { variant, failures, inferences, kinds } => format!(
            "{variant} failed in {failures} of {} ({}); failures score 0, and what they took is billed to the answers.",
            count(*inferences, "inference"),
            listed_kinds(kinds)
        ),
        Fact::Server { variant, server } => of_server(variant, server),
        Fact::Economics { economics } => economics.to_string(),
        Fact::PricesAssumed { .. }
        | Fact::UtilizationAssumed { .. }
        | Fact::PriceOld { .. }
        | Fact::Costlier { .. }
        | Fact::NoiseFloor { .. }
        | Fact::CommonParts { .. }
        | Fact::OpenQuestion { .. } => of_cost(fact),
        Fact::EnergyUnavailable { .. }
        | Fact::EnergyEstimated { .. }
        | Fact::EnergyGaps { .. }
        | Fact::ShortWindows { .. }
        | Fact::IdleDrift { .. }
        | Fact::AtTheWall(_)
        | Fact::NoSharedWallFactor
        | Fact::Attribution { .. } => of_energy(fact),
        Fact::BoardThrottled { .. }
        | Fact::BoardShared { .. }
        | Fact::BoardWarmed { .. }
        | Fact::CounterDoubtful(_) => of_board(fact),
        Fact::OneAtATime { .. }
        | Fact::Saturated { .. }
        | Fact::TestedNoHarder { .. }
        | Fact::LoadCutOff { .. }
        | Fact::NoPointsCompared => of_load_test(fact),
        _ => of_quality(fact),
    }
}

/// What prices, savings and open questions say.
fn of_cost(fact: &Fact) -> String {
    match fact {
        Fact::PricesAssumed { book } => format!(
            "Prices are assumed: the shipped example \"{}\", not yours; put your own into infercost.toml.",
            printable(book)
        ),
        Fact::UtilizationAssumed { utilization } => format!(
            "Utilization of {} is assumed; give `utilization` in [prices], or requests_per_hour and capacity_per_hour in [load].",
            percent(*utilization)
        ),
        Fact::PriceOld { price, days, date, source } => format!(
            "The price of {} was {days} days old when the run began ({date}, {}).",
            printable(price),
            printable(source)
        ),
        // A quantized model that costs more must be reported as such, with the cause where it is known.
        Fact::Costlier { variant, share, bandwidth_share } => {
            let bound = bandwidth_share.map_or_else(String::new, |share| {
                let cause = if share < 0.5 { ", so the engine limits it, not the memory" } else { "" };
                format!("; decoding reaches {} of the memory bandwidth{cause}", percent(share))
            });
            format!("{variant} costs {} more than the baseline{bound}.", percent(*share))
        }
        Fact::NoiseFloor { saving } => format!(
            "The baseline run a second time seems to cost {} {} less than itself: that is the noise of this \
             machine, and no smaller saving counts.",
            percent(saving.point),
            percents(saving)
        ),
        Fact::CommonParts { variant, parts } => {
            let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
            format!(
                "The saving of {variant} compares only what is known of both costs: {}.",
                names.join(", ")
            )
        }
        Fact::OpenQuestion { variant, saving, prompts_needed } => {
            let more = prompts_needed.map_or_else(String::new, |prompts| {
                let prompts = usize::try_from(prompts).unwrap_or(usize::MAX);
                format!(" ({} would settle it)", about_prompts(prompts))
            });
            format!(
                "{variant} may save more, {} {}, but whether it is good enough is not settled{more}.",
                percent(saving.point),
                percents(saving)
            )
        }
        _ => String::new(),
    }
}

/// What meters did, and what became of their joules.
fn of_energy(fact: &Fact) -> String {
    match fact {
        Fact::EnergyUnavailable { variants, reason } => {
            let whom =
                if variants.is_empty() { String::new() } else { format!(" for {}", variants.join(", ")) };
            format!("Energy is unavailable{whom}: {reason}. The cost leaves it out.")
        }
        // An estimate is called one, with the assumption that it rests on.
        Fact::EnergyEstimated { estimated, windows, method } => {
            let part = if estimated < windows {
                format!(" in {estimated} of {windows} windows")
            } else {
                String::new()
            };
            format!(
                "Energy is estimated, not measured{part}: {}. Costs hold the estimate; savings and the recommendation \
                 leave energy out.",
                method_words(method)
            )
        }
        Fact::EnergyGaps { without, windows } => format!(
            "{without} of {windows} windows have no energy reading; energy per inference comes from the others."
        ),
        Fact::ShortWindows { short, metered, wanted, fewest } => format!(
            "{short} of {metered} metered windows hold fewer than {wanted} updates of the meter (the shortest \
             {fewest}); their energy may be off by one update at each edge. Longer answers, or more prompts in a \
             window, sharpen it."
        ),
        Fact::IdleDrift { first_w, last_w, drift } => {
            let sign = if *drift > 0.0 { "+" } else { "−" };
            format!(
                "Idle power drifted from {first_w:.1} W to {last_w:.1} W over the run ({sign}{}): net energy and the cost of idle \
                 hours are uncertain by as much.",
                percent(drift.abs())
            )
        }
        Fact::AtTheWall(wall) => wall_words(wall),
        Fact::NoSharedWallFactor => {
            "The runs do not share one sound wall factor, so costs take the meter's own joules.".to_owned()
        }
        Fact::Attribution { weighting } => {
            let how = match weighting {
                Weighting::Everywhere => {
                    "time in flight, prefill and decode weighted by a regression over windows"
                }
                Weighting::Nowhere => {
                    "time in flight (the windows differ too little to tell prefill from decode)"
                }
                Weighting::InPart => {
                    "time in flight, with prefill and decode weighted apart where the windows tell them apart"
                }
            };
            format!("Energy is metered by window and shared among inferences by {how}.")
        }
        _ => String::new(),
    }
}

fn method_words(method: &EstimationMethod) -> String {
    match method {
        EstimationMethod::GivenWatts { watts } => format!("{} W as given, × time", watts.get()),
        EstimationMethod::CpuTdp { model, tdp, source } => format!(
            "thermal design power of {} W of {} ({}) × CPU time used",
            tdp.get(),
            printable(model),
            printable(source)
        ),
        EstimationMethod::Mixed { parts } => printable(parts).into_owned(),
    }
}

/// Costs at the wall are no longer the meter's joules × tariff, so it must be said.
fn wall_words(wall: &WallFactor) -> String {
    format!(
        "Costs take energy at the wall: {:.3} × the meter {} {:.1} W, fitted on {} against {} over {} (residual \
         {}). Joules are the meter's own.",
        wall.factor,
        if wall.offset.get() < 0.0 { '−' } else { '+' },
        wall.offset.get().abs(),
        wall.date,
        printable(&wall.wall),
        count(u64::from(wall.windows), "window"),
        percent(wall.residual)
    )
}

/// What metered boards showed at both ends of a run.
fn of_board(fact: &Fact) -> String {
    match fact {
        Fact::BoardThrottled { name, uuid, seen, reasons, clock_mhz } => {
            let clock = clock_mhz.map_or_else(String::new, |clock| format!(", at {clock} MHz"));
            format!(
                "{} was held back {}: {}{clock}; speed and energy are those of a slowed board.",
                board(name, uuid),
                listed_times(seen),
                printable(&reasons.join(", "))
            )
        }
        Fact::BoardShared { name, uuid, seen, processes } => {
            let processes = match processes {
                1 => "1 other process".to_owned(),
                many => format!("{many} other processes"),
            };
            format!(
                "{} was shared with {processes} {}: its joules are theirs too.",
                board(name, uuid),
                listed_times(seen)
            )
        }
        Fact::BoardWarmed { name, uuid, first, last } => format!(
            "{} was at {} °C {} and at {} °C {}; its power follows its heat.",
            board(name, uuid),
            first.1,
            when(first.0),
            last.1,
            when(last.0)
        ),
        Fact::CounterDoubtful(check) => disagreement(check),
        _ => String::new(),
    }
}

fn board(name: &str, uuid: &str) -> String {
    format!("{} ({})", printable(name), printable(uuid))
}

fn when(phase: IdlePhase) -> &'static str {
    match phase {
        IdlePhase::BeforeLoad => "before models were loaded",
        IdlePhase::Resident => "before the first window",
        IdlePhase::After => "after the last window",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed_times(phases: &[IdlePhase]) -> String {
    let words: Vec<&str> = phases.iter().copied().map(when).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn disagreement(check: &CrossCheck) -> String {
    let difference = check.difference();
    let sign = if difference < 0.0 { "below" } else { "above" };
    format!(
        "The integral of {}'s power is {} {sign} its energy counter ({:.1} J against {:.1} J over {}); joules are the \
         counter's, and doubtful.",
        printable(&check.name),
        percent(difference.abs()),
        check.integrated.get(),
        check.counted.get(),
        count(u64::from(check.windows), "window")
    )
}

/// What bears on verdicts, and on how much was run.
fn of_quality(fact: &Fact) -> String {
    match fact {
        Fact::BaselineExpanded { variant, from, requantized: true } => format!(
            "The baseline {variant} was quantized from the expansion of a published {} file: its quality is \
             that file's at best.",
            printable(from)
        ),
        Fact::BaselineExpanded { variant, from, requantized: false } => format!(
            "The baseline {variant} is an expansion of a published {} file, not the original full precision: \
             its quality is that file's.",
            printable(from)
        ),
        Fact::NothingGraded => {
            "No prompt was graded: the verdicts say nothing about right and wrong answers.".to_owned()
        }
        Fact::Margin { margin, several, limited } => {
            let (alone, holm) = if *several {
                (" for a candidate by itself", " Claims for several candidates are corrected together (Holm).")
            } else {
                ("", "")
            };
            match limited {
                None => format!("A loss of task score of up to {} is tolerated.{holm}", percent(*margin)),
                Some(limited) => format!(
                    "A loss of task score of up to {} is tolerated: the smallest that {} can rule out (80 % power{alone}, {} \
                     of answers changing); {} would need {} prompts.{holm}",
                    percent(*margin),
                    count(limited.graded, "graded prompt"),
                    percent(limited.discordance),
                    percent(limited.usual),
                    limited.needed
                ),
            }
        }
        Fact::DetectableLoss { losses } => {
            let losses: Vec<String> =
                losses.iter().map(|one| format!("{} {}", one.variant, percent(one.share))).collect();
            format!(
                "Smallest loss of task score that would be found with 80 % power, by the answers that did change: {}.",
                losses.join(", ")
            )
        }
        Fact::DivergenceNotLimited => {
            "Divergence is not limited, since servers show little of it: answers alone decide. --max-kld and --min-top1 \
             set limits."
                .to_owned()
        }
        // Likelihoods and words judge the same question differently.
        Fact::ChoicesByText { variants } => format!(
            "Multiple choice is judged by the words of the answer for {}, which gives no likelihoods; elsewhere by \
             likelihood. The two are not the same question.",
            variants.join(", ")
        ),
        Fact::StoppedEarly { planned, stopped } => {
            let stopped: Vec<String> =
                stopped.iter().map(|one| format!("{} after {}", one.variant, one.after)).collect();
            format!(
                "Stopped early, of {}: {}. The error rates are spent over the looks, so that they hold all the same; \
                 `--exhaustive` runs every prompt.",
                count(*planned, "prompt"),
                stopped.join(", ")
            )
        }
        Fact::PartPlanned { chosen, total, set } => {
            format!("Only part of the set was to be run: {chosen} of {total} prompts of {}.", printable(set))
        }
        Fact::PartRun { chosen, total, set } => {
            format!("Only part of the set was run: {chosen} of {total} prompts of {}.", printable(set))
        }
        Fact::PartAnswered { complete, chosen, total, set } => format!(
            "{complete} of {chosen} chosen prompts ({total} in {}) were answered by every variant.",
            printable(set)
        ),
        Fact::Thought { variant, answers, of, share } => {
            let share = match share {
                Some(share) => format!("{} of the output tokens are thinking", percent(*share)),
                None => "how many tokens that took is not known of all of them".to_owned(),
            };
            format!(
                "{variant} thought before {answers} of {}: {share}. Thinking is billed and timed, and never graded.",
                count(*of, "answer")
            )
        }
        Fact::ThinkingUsedUp { variant, answers, of, least, most } => {
            let limits = if least == most { least.to_string() } else { format!("{least} to {most}") };
            format!(
                "{answers} of {} of {variant} never began: thinking used up max_tokens ({limits}), and they count as wrong. \
                 Raise `max_tokens` in the prompt set, or say there how much `thinking` is allowed.",
                count(*of, "answer")
            )
        }
        _ => String::new(),
    }
}

/// What a load test showed.
fn of_load_test(fact: &Fact) -> String {
    match fact {
        Fact::OneAtATime { variants } => format!(
            "Under load, {} {} part at concurrency 1 only: a model in this process answers one request at a time.",
            variants.join(", "),
            if variants.len() == 1 { "takes" } else { "take" }
        ),
        Fact::Saturated { variant, concurrency } => format!(
            "{variant} is saturated at concurrency {concurrency}: more in flight brings hardly more throughput."
        ),
        Fact::TestedNoHarder { variant, at, over_saturated } => {
            let why = if *over_saturated { "over-saturated" } else { "limited by infercost itself" };
            let at = match at {
                OperatingPoint::Closed { concurrency } => format!("concurrency {concurrency}"),
                OperatingPoint::Open { rate } => format!("{} requests/s", plain(*rate)),
            };
            format!("{variant} was {why} at {at}; it was tested no harder.")
        }
        Fact::LoadCutOff { windows: 1 } => "1 window under load was cut off and is left out.".to_owned(),
        Fact::LoadCutOff { windows } => {
            format!("{windows} windows under load were cut off and are left out.")
        }
        Fact::NoPointsCompared => {
            "No operating points with known costs can be compared: the recommendation is that of single requests."
                .to_owned()
        }
        _ => String::new(),
    }
}

/// What a server does that bears on the numbers.
fn of_server(name: &str, fact: &ServerFact) -> String {
    match fact {
        ServerFact::ClaimsDisbelieved { answers, of, first } => format!(
            "{name} claimed token counts that cannot be in {answers} of {}, such as {}: they are not believed. Output tokens \
             are counted from the stream there, and other counts are unknown.",
            count(*of, "answer"),
            fault_words(*first)
        ),
        ServerFact::ThinkingBeside { answers, of, tokens } => format!(
            "{name} reports thinking beside its completion tokens and not among them in {answers} of {}: {} were added to the \
             output.",
            count(*of, "answer"),
            count(*tokens, "reasoning token")
        ),
        ServerFact::TotalsOff { answers, of, first } => format!(
            "{name}'s total tokens are not the sum of prompt and completion in {answers} of {} (by {first:+}, for instance): \
             tokens may be billed that it does not name.",
            count(*of, "answer")
        ),
        ServerFact::ParametersRefused { changes } => {
            let is_drawn = changes.iter().any(|change| change.refused == "temperature");
            let drawn = if is_drawn {
                " Without `temperature` it draws tokens as it likes, and its answers may differ from time to time."
            } else {
                ""
            };
            let changes: Vec<String> = changes.iter().map(change_words).collect();
            format!("{name} refuses parameters by name: {}.{drawn}", changes.join(", "))
        }
        ServerFact::CountedByChunks { answers, of } => format!(
            "{name} sent no `usage` with {answers} of {}: output tokens are the chunks of the stream there, and a chunk may hold \
             several.",
            count(*of, "answer")
        ),
        ServerFact::PromptTokensUnreported { answers, of } => format!(
            "{name} did not report the prompt tokens of {answers} of {}: they are unknown, and so are speed and cost by the prompt \
             token.",
            count(*of, "answer")
        ),
        ServerFact::TokenizerDisagrees { counted, by_usage, tokenized } => {
            let by = if *by_usage { "`usage`" } else { "the stream" };
            format!(
                "{name} counted {counted} tokens of a trial answer by {by}, and its own tokenizer finds {tokenized} in the \
                 text: speed and cost by the token may be off as much."
            )
        }
        ServerFact::SeveralInAChunk { answers, of } => format!(
            "{name} sent several tokens in a chunk, or some that were not shown, in {answers} of {}: gaps between chunks are not \
             gaps between tokens.",
            count(*of, "answer")
        ),
        ServerFact::FromCache { share } => format!(
            "{} of the prompt tokens of {name} came from a prompt cache in single requests: TTFT and cost are \
             those of prompts that it had seen.",
            percent(*share)
        ),
        ServerFact::CacheUnknown { warm_ups, repetitions, under_load } => {
            let asked =
                [(*warm_ups, "in warm-ups"), (*repetitions, "in repetitions"), (*under_load, "under load")];
            let again: Vec<&str> =
                asked.into_iter().filter(|(is_so, _)| *is_so).map(|(_, when)| when).collect();
            format!(
                "{name} does not tell what it takes from a prompt cache, and infercost knows no switch for it: prompts \
                 that were asked more than once ({}) may look faster and cheaper than new ones. Start it without \
                 one, where it can.",
                again.join(", ")
            )
        }
    }
}

fn change_words(change: &ParameterChange) -> String {
    match &change.replacement {
        Some(replacement) => format!("`{}` (`{replacement}` is sent instead)", change.refused),
        None => format!("`{}` (left out)", change.refused),
    }
}

fn fault_words(fault: UsageFault) -> String {
    match fault {
        UsageFault::NotACount => "a negative or fractional number".to_owned(),
        UsageFault::OutputBeyondLimit { claimed } => format!("{claimed} output tokens, beyond max_tokens"),
        UsageFault::OutputBeyondText { claimed } => {
            format!("{claimed} output tokens, more than the text that came can hold")
        }
        UsageFault::PromptBeyondText { claimed } => {
            format!("{claimed} prompt tokens, more than the prompt can hold")
        }
        UsageFault::CachedBeyondPrompt { claimed } => {
            format!("{claimed} cached tokens, more than the prompt has")
        }
        UsageFault::ThinkingBeyondContext { claimed } => {
            format!("{claimed} reasoning tokens, more than any context holds")
        }
        UsageFault::ThinkingOutsideCompletion { added } => {
            format!("{added} reasoning tokens beside the completion")
        }
        UsageFault::TotalDoesNotAddUp { difference } => format!("a total that is off by {difference:+}"),
    }
}

fn listed_kinds(kinds: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
    kinds.join(", ")
}

/// Most disturbed windows that a sentence lists.
const MOST_LISTED: usize = 12;

fn disturbed_windows(windows: &[DisturbedWindow]) -> String {
    let mut parts = Vec::new();
    for window in windows.iter().take(MOST_LISTED) {
        let causes: Vec<String> = window.causes.iter().map(cause).collect();
        let again = match window.measured_again_in {
            Some(index) => format!("; measured again as {index}"),
            None => String::new(),
        };
        let name = printable(window.variant.variant_name());
        parts.push(format!("{} of {name} ({}{again})", window.window, causes.join(", ")));
    }

    let more = windows.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        parts.push(format!("and {more} more, which `--json` lists"));
    }
    format!("Disturbed windows: {}.", parts.join(", "))
}

fn cause(disturbance: &Disturbance) -> String {
    match disturbance {
        Disturbance::OtherPrograms { share, waited: Some(waited) } => {
            format!("other programs took {}, {} of the time was waiting", percent(*share), percent(*waited))
        }
        Disturbance::OtherPrograms { share, waited: None } => {
            format!("other programs took {}", percent(*share))
        }
        Disturbance::Steal { share } => format!("{} stolen", percent(*share)),
        Disturbance::Heat => "heat".to_owned(),
        Disturbance::Boards { reasons } => printable(&reasons.join(" and ")).into_owned(),
    }
}
