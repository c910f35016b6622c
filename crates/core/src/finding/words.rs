//! The sentences of findings: one or two, plain, with the numbers.

use std::collections::BTreeMap;
use std::fmt;

use super::Fact;
use super::board_words::of_board;
use super::disturbance_words::disturbed_windows;
use super::energy_words::of_energy;
use crate::price_per_million::PricePerMillion;
use crate::text::{about_prompts, count, percent, percents, printable};

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(self))
    }
}

fn several_machines(machines: &[String], pooled: &[String]) -> String {
    let mut sentence = format!(
        "The runs come from {} ({}): each variant is judged on each, with that machine's own prices.",
        count(machines.len() as u64, "machine"),
        shown_names(machines)
    );
    if !pooled.is_empty() {
        let names = shown_names(pooled);
        sentence
            .push_str(&format!(" Answers of the same code and weights count for the quality of {names}."));
    }
    sentence
}

/// What a run lacks that was cut off: inside a window, or between two.
fn cut_off(windows: u64, runs: &[String]) -> String {
    let windows = match windows {
        0 => None,
        1 => Some("1 window was".to_owned()),
        several => Some(format!("{several} windows were")),
    };
    let of_windows =
        windows.map(|what| format!("{what} cut off: the inferences count, the energy is left out."));

    let of_runs = match runs {
        [] => None,
        [run] => Some(format!("Run {} has no end: it was cut off, or still goes on.", printable(run))),
        several => {
            Some(format!("Runs {} have no end: they were cut off, or still go on.", shown_names(several)))
        }
    };
    let sentences: Vec<String> = of_windows.into_iter().chain(of_runs).collect();
    sentences.join(" ")
}

/// Names that a file states, in one line.
fn shown_names(names: &[String]) -> String {
    printable(&names.join(", ")).into_owned()
}

fn sentence(fact: &Fact) -> String {
    match fact {
        Fact::Stated { sentence, .. } => sentence.clone(),

        Fact::MachineBusy { disturbed, watched, remeasured, left, others_share } => {
            let share = others_share.map_or_else(String::new, |share| {
                format!("; others took {} of the processors' time", percent(share))
            });
            format!(
                "The machine was busy: {disturbed} of {} {} disturbed, {remeasured} measured again, {left} left{share}.",
                count(*watched, "watched window"),
                if *disturbed == 1 { "was" } else { "were" }
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

        Fact::SeveralMachines { machines, pooled } => several_machines(machines, pooled),
        Fact::MachinesUnpriced { machines } => format!(
            "What an hour of {} costs is unknown, so nothing is said of costs between machines.",
            shown_names(machines)
        ),

        Fact::CutOff { windows, runs } => cut_off(*windows, runs),

        Fact::Failures { variant, failures, inferences, kinds } => format!(
            "{variant} failed in {failures} of {} ({}); failures score 0, and what they took is billed to the answers.",
            count(*inferences, "inference"),
            listed_kinds(kinds)
        ),

        Fact::Server { variant, server } => server.sentence(variant),
        Fact::Comparison { comparison } => comparison.to_string(),
        Fact::Economics { economics } => economics.to_string(),

        Fact::PricesAssumed { .. }
        | Fact::UtilizationAssumed { .. }
        | Fact::PriceOld { .. }
        | Fact::Costlier { .. }
        | Fact::NoiseFloor { .. }
        | Fact::CommonParts { .. }
        | Fact::PaidByTokens { .. }
        | Fact::ByPriceAlone { .. }
        | Fact::SavingAtLeast { .. }
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
            "The price of {} was {} old when the run began ({date}, {}).",
            printable(price),
            count(u64::from(days.unsigned_abs()), "day"),
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

        Fact::PaidByTokens { variant, price } => format!(
            "{variant} is paid by its tokens: {}. What its machine costs, and its joules, are in that price.",
            token_price(price)
        ),

        Fact::ByPriceAlone { model, tokens_of, saving, price } => {
            let model = printable(model);
            let saved = match saving {
                Some(saving) if saving.point >= 0.0 => {
                    format!("{} less {}", percent(saving.point), percents(saving))
                }
                Some(saving) => {
                    format!("{} more", percent(-saving.point))
                }
                None => "an unknown share".to_owned(),
            };
            format!(
                "{model} was not asked, and stands here by its price alone: for the tokens of {tokens_of} it would cost \
                 {saved}. Its quality, its speed and its own tokens are unknown ({}).",
                token_price(price)
            )
        }

        Fact::SavingAtLeast { variant } => format!(
            "{variant} saves at least what is shown: its price holds everything, and the baseline's cost leaves parts out."
        ),

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

/// `0.15 USD per million tokens read, 0.60 written; litellm, 2026-11-20`.
fn token_price(price: &PricePerMillion) -> String {
    let PricePerMillion { input_per_million, output_per_million, currency, source, date, .. } = price;
    format!(
        "{input_per_million} {currency} per million tokens read, {output_per_million} written; {}, {date}",
        printable(source)
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
                None => format!("The non-inferiority margin of the task score is {}.{holm}", percent(*margin)),
                Some(limited) => format!(
                    "The non-inferiority margin of the task score is {}: the smallest loss that {} can rule out (80 % power{alone}, {} \
                     of answers changing); {} would need {}.{holm}",
                    percent(*margin),
                    count(limited.graded, "graded prompt"),
                    percent(limited.discordance),
                    percent(limited.usual),
                    count(limited.needed, "prompt")
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
                "Stopped early, of {}: {}. The error rates hold over all interim analyses; \
                 `--exhaustive` runs every prompt.",
                count(*planned, "prompt"),
                stopped.join(", ")
            )
        }

        Fact::PartPlanned { chosen, total, set } => {
            let total = count(u64::from(*total), "prompt");
            format!("Only part of the set was to be run: {chosen} of {total} of {}.", printable(set))
        }

        Fact::PartRun { chosen, total, set } => {
            let total = count(u64::from(*total), "prompt");
            format!("Only part of the set was run: {chosen} of {total} of {}.", printable(set))
        }

        Fact::PartAnswered { complete, chosen, total, set } => format!(
            "{complete} of {} ({total} in {}) {} answered by every variant.",
            count(u64::from(*chosen), "chosen prompt"),
            printable(set),
            if *complete == 1 { "was" } else { "were" }
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

fn listed_kinds(kinds: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
    kinds.join(", ")
}
