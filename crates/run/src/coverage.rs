//! Whether a meter covers the device that a model runs on.
//!
//! A board's sensor reads joules whoever is at work: beside a model on the CPU they are those of an idle board, and
//! must not pass for the model's.

use infercost_core::{EnergyDomain, EnergyScope, MeterError, ServerPlace, UnavailableMeter};
use infercost_energy::{Discovery, MeterBasis, MeterChoice, WatchedProcesses};
use infercost_served::ServedAddress;

use crate::machine::{discover_watching, gpus};
use crate::request::RunRequest;

/// Where a model runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine's processor.
    Cpu,
    /// On one of its GPUs.
    Gpu,
    /// Behind a server of this machine, which does not tell on which device.
    Server,
    /// Behind a server on the host named.
    Elsewhere(String),
}

/// What a meter covers, as far as it bears on where models run.
#[derive(Debug, Clone)]
pub struct Boundary {
    scope: EnergyScope,
    /// The user named the instrument, and so said that it is the right one where nothing else tells.
    named: bool,
    /// The user pointed at an instrument outside the machine, which reads whatever it is plugged into.
    pointed: bool,
    /// Part of the readings are the user's own assumption.
    assumed: bool,
    /// The machine has a GPU, metered or not.
    has_gpu: bool,
}

/// Why the readings say nothing of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What the meter does not see.
    pub reason: String,
    /// What would help.
    pub fix: String,
}

impl Gap {
    /// Both in one line.
    pub fn text(&self) -> String {
        format!("{}; {}", self.reason, self.fix)
    }
}

impl Place {
    /// Where the model that the command line names will run.
    fn of_argument(model: &str, request: &RunRequest) -> Self {
        let address = ServedAddress::is_meant(model).then_some(model);
        Self::of(address, request)
    }

    /// Where a model runs: behind the server at `url`, else where the command line has it run.
    pub fn of(url: Option<&str>, request: &RunRequest) -> Self {
        if let Some(url) = url {
            let place = ServerPlace::of(url);
            return if place.is_this_machine() { Self::Server } else { Self::Elsewhere(place.host) };
        }
        match request.spec.device.as_str() {
            _ if request.serve.is_some() => Self::Server,
            "cpu" => Self::Cpu,
            _ => Self::Gpu,
        }
    }
}

impl Boundary {
    /// The boundary of the meter that was found.
    pub fn of(discovery: &Discovery, choice: &MeterChoice) -> Self {
        let meters_gpu = discovery.found.iter().any(|meter| meter.domain == EnergyDomain::Gpu);
        Self {
            scope: discovery.meter.scope(),
            named: choice.is_named(),
            pointed: choice.is_pointed(),
            assumed: matches!(discovery.basis, MeterBasis::Mixed | MeterBasis::Estimated),
            has_gpu: meters_gpu || !gpus().is_empty(),
        }
    }

    /// Why readings say nothing of a model at `place`; `None` where they hold it or a part of it, and where there
    /// are no readings.
    pub fn gap(&self, place: &Place) -> Option<Gap> {
        use EnergyDomain::{CpuPackage, Gpu, Other, Platform, Wall};
        let Self { scope, named, pointed, assumed, has_gpu } = self;
        if let Place::Elsewhere(host) = place {
            let reason = format!("the server runs on {host}, which this machine's meters do not see");
            let fix = "point --meter at a plug or an exporter there".to_owned();
            return (!pointed).then_some(Gap { reason, fix });
        }

        if scope.0.is_empty() {
            return None;
        }

        let unclear = scope.0.iter().any(|part| matches!(part, Other(_)));
        let holds_all =
            scope.0.contains(&Platform) || scope.0.contains(&Wall) || unclear && (*named || *assumed);
        let (holds, reason) = match place {
            Place::Cpu => (
                scope.0.contains(&CpuPackage),
                format!("the model runs on the CPU, and the meter covers {scope}"),
            ),
            Place::Gpu => {
                (scope.0.contains(&Gpu), format!("the model runs on a GPU, and the meter covers {scope}"))
            }
            Place::Server | Place::Elsewhere(_) => (
                *named || scope.0.contains(&CpuPackage) && (scope.0.contains(&Gpu) || !has_gpu),
                format!("which device the server uses is not known, and the meter covers {scope} alone"),
            ),
        };

        if holds || holds_all {
            return None;
        }

        let mut fix = match place {
            Place::Server => "name the instrument that covers it (such as --meter nvml for a GPU)".to_owned(),
            Place::Cpu => "`infercost doctor` names what would open the CPU's sensors, --meter takes a plug or an \
                           exporter, and --assume-watts an assumption"
                .to_owned(),
            _ => "`infercost doctor` names what would open the GPU's sensor, and --meter takes a plug or an exporter"
                .to_owned(),
        };

        if unclear && *place != Place::Server {
            fix += "; if it is fed by what the meter reads, say so by naming the instrument, such as --meter hwmon";
        }

        Some(Gap { reason, fix })
    }
}

/// Finds the meter for what the command line wants to run. One that covers none of it is put aside, so that nothing
/// of it is read, shown or billed.
///
/// # Errors
/// As `discover_watching`, and where energy must be measured and a model's would not be.
pub fn discover(request: &RunRequest, watched: &WatchedProcesses) -> anyhow::Result<(Discovery, Boundary)> {
    let meter = request.meter()?;
    let mut discovery = discover_watching(&meter, watched)?;
    let mut boundary = Boundary::of(&discovery, &meter.choice);
    let places: Vec<Place> = match request.spec.models.as_slice() {
        [] => vec![Place::of(None, request)],
        models => models.iter().map(|model| Place::of_argument(model, request)).collect(),
    };
    let gaps: Vec<Option<Gap>> = places.iter().map(|place| boundary.gap(place)).collect();
    let Some(first) = gaps.iter().flatten().next() else { return Ok((discovery, boundary)) };
    if meter.require_measured {
        let Gap { reason, fix } = first.clone();
        return Err(MeterError::RequiredMeterMissing { meter: "measuring".into(), reason, fix }.into());
    }

    let elsewhere = places.iter().any(|place| matches!(place, Place::Elsewhere(_)));
    if gaps.iter().all(Option::is_some) && !elsewhere {
        discovery.meter = Box::new(UnavailableMeter::new(first.text()));
        discovery.basis = MeterBasis::Nothing;
        boundary.scope = EnergyScope::default();
    }

    Ok((discovery, boundary))
}

#[cfg(test)]
mod tests {
    use EnergyDomain::{CpuPackage, Dram, Gpu, Other, Platform, Wall};

    use super::*;

    fn boundary(scope: &[EnergyDomain]) -> Boundary {
        let scope = EnergyScope::of(scope.iter().cloned());
        Boundary { scope, named: false, pointed: false, assumed: false, has_gpu: true }
    }

    #[test]
    fn each_place_needs_its_part() {
        let rail = || Other("ina3221 VDD".into());
        // a boundary, and whether it holds the CPU, a GPU, whatever a server uses
        for (scope, cpu, gpu, server) in [
            (vec![Gpu], false, true, false),
            (vec![CpuPackage], true, false, false),
            (vec![CpuPackage, Dram], true, false, false),
            (vec![Dram], false, false, false),
            (vec![CpuPackage, Gpu], true, true, true),
            (vec![Platform], true, true, true),
            (vec![Wall], true, true, true),
            (vec![rail()], false, false, false),
            (vec![rail(), Gpu], false, true, false),
            (vec![], true, true, true),
        ] {
            let boundary = boundary(&scope);
            let holds = [Place::Cpu, Place::Gpu, Place::Server].map(|place| boundary.gap(&place).is_none());
            assert_eq!(holds, [cpu, gpu, server], "{scope:?}");
        }
    }

    #[test]
    fn what_the_user_says_settles_what_is_unknown_and_nothing_else() {
        let named = |scope: &[EnergyDomain]| Boundary { named: true, ..boundary(scope) };
        assert!(named(&[Gpu]).gap(&Place::Cpu).is_some(), "a GPU's sensor never reads the CPU");
        assert_eq!(named(&[Gpu]).gap(&Place::Server), None);
        assert_eq!(named(&[Other("VDD_IN".into())]).gap(&Place::Cpu), None);
        let assumed = Boundary { assumed: true, ..boundary(&[Gpu, Other("rest of the machine".into())]) };
        assert_eq!(assumed.gap(&Place::Cpu), None);
        let no_gpu = Boundary { has_gpu: false, ..boundary(&[CpuPackage]) };
        assert_eq!(no_gpu.gap(&Place::Server), None);
        let elsewhere = Place::Elsewhere("far".into());
        assert!(named(&[CpuPackage, Gpu]).gap(&elsewhere).is_some());
        let pointed = Boundary { pointed: true, ..named(&[Wall]) };
        assert_eq!(pointed.gap(&elsewhere), None);
    }

    #[test]
    fn the_reason_names_both_and_what_would_help() {
        let text = boundary(&[Gpu]).gap(&Place::Cpu).map(|gap| gap.text()).unwrap_or_default();
        assert_eq!(
            text,
            "the model runs on the CPU, and the meter covers gpu; `infercost doctor` names what would open the CPU's \
             sensors, --meter takes a plug or an exporter, and --assume-watts an assumption"
        );
        let text = boundary(&[CpuPackage]).gap(&Place::Server).map(|gap| gap.text()).unwrap_or_default();
        assert!(text.contains("not known") && text.contains("cpu package") && text.contains("--meter nvml"));
    }
}
