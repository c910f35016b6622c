//! Accelerator boards: NVIDIA's through NVML, others' through what their drivers put into `/sys`.

use std::path::{Path, PathBuf};

use infercost_core::{Bytes, Watts};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;

use super::{DeviceKind, DeviceProcess, DeviceReading, DrawnEnergy, Known};
use crate::nvml;
use crate::sysfs_file;

/// More processes on one board than any table shows.
const MOST_PROCESSES: usize = 64;

/// NVIDIA's boards, with the library kept open: opening it takes longer than reading it.
pub(super) struct NvidiaBoards {
    library: Nvml,
    boards: Vec<(String, String)>,
    proc_root: PathBuf,
}

impl NvidiaBoards {
    /// The boards that the library shows; `None` where there is no library or no board.
    pub(super) fn open(library: Option<&Path>, proc_root: &Path) -> Option<Self> {
        let library = nvml::load(library).ok()?;
        let mut boards = Vec::new();
        for uuid in nvml::uuids(&library).into_iter().flatten() {
            let name = library.device_by_uuid(uuid.as_str()).map(|device| nvml::name(&device));
            boards.push((uuid, name.unwrap_or_else(|_| "GPU".to_owned())));
        }
        (!boards.is_empty()).then(|| Self { library, boards, proc_root: proc_root.to_owned() })
    }

    /// Identities of the boards, in the order of [`NvidiaBoards::read`].
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.boards.iter().map(|(uuid, _)| uuid.as_str())
    }

    /// What each board shows now, its energy aside.
    pub(super) fn read(&self) -> Vec<DeviceReading> {
        self.boards.iter().map(|(uuid, name)| self.board(uuid, name)).collect()
    }

    fn board(&self, uuid: &str, name: &str) -> DeviceReading {
        let energy = DrawnEnergy::Pending;
        let device = match self.library.device_by_uuid(uuid) {
            Ok(device) => device,
            Err(error) => {
                let why = nvml::plain(&error);
                return DeviceReading::of_energy(uuid, name, DeviceKind::Gpu, energy, &why);
            }
        };

        let memory = device.memory_info().map_err(|error| nvml::plain(&error));
        DeviceReading {
            id: uuid.to_owned(),
            name: name.to_owned(),
            kind: DeviceKind::Gpu,
            energy,
            temperature: known(device.temperature(TemperatureSensor::Gpu)).map(f64::from),
            utilization: known(device.utilization_rates()).map(|rates| f64::from(rates.gpu) / 100.0),
            memory_used: memory.clone().map(|memory| Bytes(memory.used)),
            memory_total: memory.map(|memory| Bytes(memory.total)),
            clock: known(device.clock_info(Clock::Graphics)).map(f64::from),
            memory_clock: known(device.clock_info(Clock::Memory)).map(f64::from),
            power_limit: known(device.enforced_power_limit())
                .map(|limit| Watts::from_milliwatts(u64::from(limit))),
            throttling: known(device.current_throttle_reasons()).map(reasons),
            processes: known(device.running_compute_processes()).map(|processes| {
                let mut all = Vec::new();
                for process in processes.into_iter().take(MOST_PROCESSES) {
                    let memory = match process.used_gpu_memory {
                        UsedGpuMemory::Used(bytes) => Some(Bytes(bytes)),
                        UsedGpuMemory::Unavailable => None,
                    };
                    all.push(DeviceProcess {
                        pid: process.pid,
                        name: program(&self.proc_root, process.pid),
                        memory,
                    });
                }
                all
            }),
        }
    }
}

fn known<T>(answer: Result<T, nvml_wrapper::error::NvmlError>) -> Known<T> {
    answer.map_err(|error| nvml::plain(&error))
}

/// What holds the clocks down, in words; idleness is no fault.
fn reasons(reasons: ThrottleReasons) -> Vec<String> {
    reasons
        .difference(ThrottleReasons::GPU_IDLE | ThrottleReasons::NONE)
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase().replace('_', " "))
        .collect()
}

/// The program of a process; empty where it cannot be seen.
fn program(proc_root: &Path, pid: u32) -> String {
    sysfs_file::read_text(&proc_root.join(pid.to_string()).join("comm")).unwrap_or_default()
}

/// A board whose driver shows it as a hwmon chip.
pub(super) struct ChipBoard {
    id: String,
    name: String,
    folder: PathBuf,
}

impl ChipBoard {
    /// The boards that are chips below `sysfs_root/class/hwmon`, in its order.
    pub(super) fn all(sysfs_root: &Path) -> Vec<Self> {
        let root = sysfs_root.join("class/hwmon");
        let mut boards = Vec::new();
        for entry in sysfs_file::entries(&root) {
            let folder = root.join(&entry);
            let driver = sysfs_file::read_text(&folder.join("name")).unwrap_or_default();
            if !matches!(driver.as_str(), "amdgpu" | "radeon" | "nouveau" | "xe" | "i915") {
                continue;
            }
            let product = sysfs_file::read_text(&folder.join("device/product_name")).ok();
            let name = product.filter(|name| !name.is_empty()).unwrap_or_else(|| driver.clone());
            boards.push(Self { id: format!("{driver}-{}", boards.len()), name, folder });
        }
        boards
    }

    /// What the board shows now, its energy aside.
    pub(super) fn read(&self) -> DeviceReading {
        let why = "its driver does not show it";
        DeviceReading {
            temperature: self.number("temp1_input").map(|millidegrees| millidegrees / 1e3),
            utilization: self.number("device/gpu_busy_percent").map(|percent| percent / 100.0),
            memory_used: self.number("device/mem_info_vram_used").map(|bytes| Bytes(bytes as u64)),
            memory_total: self.number("device/mem_info_vram_total").map(|bytes| Bytes(bytes as u64)),
            clock: self.number("freq1_input").map(|hertz| hertz / 1e6),
            memory_clock: self.number("freq2_input").map(|hertz| hertz / 1e6),
            power_limit: self.number("power1_cap").map(|microwatts| Watts::new(microwatts * 1e-6)),
            ..DeviceReading::of_energy(&self.id, &self.name, DeviceKind::Gpu, DrawnEnergy::Pending, why)
        }
    }

    fn number(&self, file: &str) -> Known<f64> {
        let number = sysfs_file::read_number(&self.folder.join(file)).map_err(|fault| fault.reason())?;
        Ok(number as f64)
    }
}
