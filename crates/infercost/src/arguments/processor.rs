//! Where a model in process runs, as every command that runs one takes it.

use clap::Args;
use infercost_engine::ModelDevice;

/// Threads and device.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProcessorArguments {
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,

    /// Where models run: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device)]
    pub(crate) device: ModelDevice,
}

fn device(text: &str) -> Result<ModelDevice, String> {
    match text {
        "cpu" => Ok(ModelDevice::Cpu),
        "cuda" => Ok(ModelDevice::Cuda(0)),
        other => other
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok())
            .map(ModelDevice::Cuda)
            .ok_or_else(|| "use cpu, cuda or cuda:N".to_owned()),
    }
}
