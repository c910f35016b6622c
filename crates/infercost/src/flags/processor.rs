//! Where a model in process runs, as every command that runs one takes it.

use clap::Args;
use infercost_engine::ModelDevice;
use infercost_run::device;

/// Threads and device.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProcessorFlags {
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// Where models run: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device)]
    pub(crate) device: ModelDevice,
}

impl ProcessorFlags {
    /// The device as a specification names it.
    pub(crate) fn device_name(&self) -> String {
        match self.device {
            ModelDevice::Cpu => "cpu".to_owned(),
            ModelDevice::Cuda(index) => format!("cuda:{index}"),
        }
    }
}
