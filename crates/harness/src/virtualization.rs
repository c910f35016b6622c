//! Whether this is a virtual machine, a container, or neither, from what each leaves visible.

use std::fs;
use std::path::Path;

/// What the system shows of what lies around it.
#[derive(Debug, Clone, Copy, Default)]
struct Clues<'a> {
    /// The CPU says that a hypervisor is there (CPUID leaf 1, ECX bit 31; `flags` in `/proc/cpuinfo`).
    hypervisor_flag: bool,
    /// `sys_vendor` and `product_name` of the firmware (SMBIOS type 1).
    vendor: Option<&'a str>,
    product: Option<&'a str>,
    /// Control groups of the first process.
    first_process: Option<&'a str>,
    /// Docker's or Podman's mark in the root folder.
    mark: Option<&'static str>,
}

/// Firmware names of hypervisors; the clouds' own machines without one have other product names.
const FIRMWARE: [(&str, &str); 11] = [
    ("QEMU", "QEMU"),
    ("KVM", "KVM"),
    ("VMware", "VMware"),
    ("VirtualBox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("Xen", "Xen"),
    ("Bochs", "Bochs"),
    ("Virtual Machine", "Hyper-V"),
    ("Google Compute Engine", "Google Compute Engine"),
    ("OpenStack", "OpenStack"),
    ("Amazon EC2", "Amazon EC2"),
];

/// Words in the path of a control group, and what makes them.
const GROUPS: [(&str, &str); 6] = [
    ("kubepods", "Kubernetes"),
    ("docker", "Docker"),
    ("libpod", "Podman"),
    ("containerd", "containerd"),
    ("lxc", "LXC"),
    ("machine.slice", "systemd-nspawn"),
];

/// The text of a file without white space around it; `None` where it cannot be read.
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Describes what this system runs in; `None` where nothing shows itself.
pub(crate) fn detect(cpu_flags: Option<&str>, proc_root: &Path, sys_root: &Path) -> Option<String> {
    let vendor = read(&sys_root.join("class/dmi/id/sys_vendor"));
    let product = read(&sys_root.join("class/dmi/id/product_name"));
    let first_process = read(&proc_root.join("1/cgroup"));
    let root = proc_root.parent().unwrap_or(Path::new("/"));
    let marks = [(".dockerenv", "Docker"), ("run/.containerenv", "Podman")];
    describe(Clues {
        hypervisor_flag: cpu_flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        vendor: vendor.as_deref(),
        product: product.as_deref(),
        first_process: first_process.as_deref(),
        mark: marks.iter().find(|(file, _)| root.join(file).exists()).map(|(_, name)| *name),
    })
}

fn describe(clues: Clues<'_>) -> Option<String> {
    let group = clues.first_process.and_then(|groups| GROUPS.iter().find(|(word, _)| groups.contains(word)));
    let container = group.map(|(_, name)| *name).or(clues.mark);
    // A cloud's machine without a hypervisor is called `….metal` there.
    let metal = clues.product.is_some_and(|product| product.ends_with(".metal"));
    let names = [clues.product, clues.vendor];
    let firmware = names.iter().flatten().find_map(|name| {
        FIRMWARE.iter().find(|(word, _)| !metal && name.contains(word)).map(|(_, known)| *known)
    });
    let machine = match firmware {
        Some(name) => Some(format!("virtual machine ({name})")),
        None => clues.hypervisor_flag.then(|| "virtual machine".to_owned()),
    };
    match (container, machine) {
        (Some(container), Some(machine)) => Some(format!("container ({container}) in a {machine}")),
        (Some(container), None) => Some(format!("container ({container})")),
        (None, machine) => machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings() {
        let none = Clues::default();

        for (clues, expected) in [
            (none, None),
            (Clues { vendor: Some("LENOVO"), product: Some("20XW00"), ..none }, None),
            (Clues { hypervisor_flag: true, ..none }, Some("virtual machine")),
            (
                Clues { hypervisor_flag: true, vendor: Some("QEMU"), product: Some("Standard PC"), ..none },
                Some("virtual machine (QEMU)"),
            ),
            // On ARM no flag tells; the firmware does.
            (
                Clues { vendor: Some("Amazon EC2"), product: Some("c7g.large"), ..none },
                Some("virtual machine (Amazon EC2)"),
            ),
            (Clues { vendor: Some("Amazon EC2"), product: Some("c7g.metal"), ..none }, None),
            (
                Clues {
                    vendor: Some("Microsoft Corporation"),
                    product: Some("Virtual Machine"),
                    hypervisor_flag: true,
                    ..none
                },
                Some("virtual machine (Hyper-V)"),
            ),
            (Clues { first_process: Some("0::/init.scope"), ..none }, None),
            (
                Clues { first_process: Some("1:cpu:/kubepods/besteffort/pod1/docker-2"), ..none },
                Some("container (Kubernetes)"),
            ),
            (
                Clues { mark: Some("Docker"), hypervisor_flag: true, ..none },
                Some("container (Docker) in a virtual machine"),
            ),
        ] {
            assert_eq!(describe(clues).as_deref(), expected, "{clues:?}");
        }
    }
}
