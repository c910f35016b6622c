//! The C functions, as NVML's header declares them.
#![expect(
    unsafe_code,
    reason = "the functions are called from C's side of the border and write through its pointers"
)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_longlong, c_uint, c_ulonglong, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use crate::script::{Board, Script, script_of};

type Return = c_uint;
/// A board's handle: its index plus one.
type Handle = *mut c_void;

const SUCCESS: Return = 0;
const UNINITIALIZED: Return = 1;
const INVALID_ARGUMENT: Return = 2;
const NOT_SUPPORTED: Return = 3;
const NOT_FOUND: Return = 6;
const INSUFFICIENT_SIZE: Return = 7;
const GPU_IS_LOST: Return = 15;
const UNKNOWN: Return = 999;

static MACHINE: OnceLock<Option<(Script, Instant)>> = OnceLock::new();

/// Reads the script next to this copy of the library.
fn read_script() -> Option<Script> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: `info` is writable, and the address is one of this library's own.
    let found = unsafe { libc::dladdr((&raw const MACHINE).cast(), &raw mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr succeeded, so the name is a string of the loader's that outlives this call.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let script = script_of(Path::new(OsStr::from_bytes(name.to_bytes())));
    serde_json::from_slice(&std::fs::read(script).ok()?).ok()
}

fn machine() -> Result<&'static (Script, Instant), Return> {
    MACHINE.get().and_then(Option::as_ref).ok_or(UNINITIALIZED)
}

fn board(handle: Handle) -> Result<(&'static Board, u64), Return> {
    let (script, begun) = machine()?;
    let index = handle.addr().checked_sub(1).ok_or(INVALID_ARGUMENT)?;
    let board = script.boards.get(index).ok_or(INVALID_ARGUMENT)?;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).map_err(|_| UNKNOWN)?;
    match board.lost_after_ms {
        Some(end) if milliseconds >= end => Err(GPU_IS_LOST),
        _ => Ok((board, milliseconds)),
    }
}

fn is_hot(handle: Handle) -> Result<bool, Return> {
    let (board, milliseconds) = board(handle)?;
    Ok(board.hot_after_ms.is_some_and(|begin| milliseconds >= begin))
}

fn code(result: Result<(), Return>) -> Return {
    result.err().unwrap_or(SUCCESS)
}

/// Writes a value to where the caller wants it.
fn put<T>(to: *mut T, value: T) -> Result<(), Return> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: NVML's contract is that the pointer is to one writable value of this type; null is refused.
    unsafe { to.write(value) };
    Ok(())
}

fn put_text(to: *mut c_char, length: c_uint, text: &str) -> Result<(), Return> {
    let bytes = text.as_bytes();
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    if bytes.len() >= length as usize {
        return Err(INSUFFICIENT_SIZE);
    }
    // SAFETY: the caller gives `length` writable bytes, and the text with its end is no longer than that.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len());
        to.add(bytes.len()).write(0);
    }
    Ok(())
}

/// Defines a function that C calls.
macro_rules! export {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $body:block)*) => {$(
        // SAFETY: the name is NVML's; only a test that asks for it by path loads this library.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> Return {
            fn checked($($argument: $type),*) -> Result<(), Return> $body
            code(checked($($argument),*))
        }
    )*};
}

export! {
    fn nvmlInit_v2() {
        let machine = MACHINE.get_or_init(|| read_script().map(|script| (script, Instant::now())));
        match machine {
            Some((script, _)) if script.init_error == 0 => Ok(()),
            Some((script, _)) => Err(script.init_error),
            None => Err(UNKNOWN),
        }
    }

    fn nvmlShutdown() { Ok(()) }

    fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) {
        put_text(version, length, "570.00.00")
    }

    fn nvmlDeviceGetCount_v2(count: *mut c_uint) {
        put(count, c_uint::try_from(machine()?.0.boards.len()).map_err(|_| UNKNOWN)?)
    }

    fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, handle: *mut Handle) {
        let index = index as usize;
        machine()?.0.boards.get(index).ok_or(INVALID_ARGUMENT)?;
        put(handle, std::ptr::without_provenance_mut(index + 1))
    }

    fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, handle: *mut Handle) {
        if uuid.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: NVML's contract is that the pointer is to a string; null is refused.
        let uuid = unsafe { CStr::from_ptr(uuid) };
        let boards = &machine()?.0.boards;
        let index = boards.iter().position(|board| board.uuid.as_bytes() == uuid.to_bytes()).ok_or(NOT_FOUND)?;
        put(handle, std::ptr::without_provenance_mut(index + 1))
    }

    fn nvmlDeviceGetUUID(device: Handle, uuid: *mut c_char, length: c_uint) {
        put_text(uuid, length, &board(device)?.0.uuid)
    }

    fn nvmlDeviceGetName(device: Handle, name: *mut c_char, length: c_uint) {
        put_text(name, length, &board(device)?.0.name)
    }

    fn nvmlDeviceGetTotalEnergyConsumption(device: Handle, millijoules: *mut c_ulonglong) {
        let (board, now) = board(device)?;
        if !board.counter {
            return Err(NOT_SUPPORTED);
        }
        let refreshed = now - now % board.refresh_ms.max(1);
        put(millijoules, 5_000_000 + (board.watts * refreshed as f64) as u64)
    }

    fn nvmlDeviceGetPowerUsage(device: Handle, milliwatts: *mut c_uint) {
        let (board, _) = board(device)?;
        if !board.gauge {
            return Err(NOT_SUPPORTED);
        }
        put(milliwatts, (board.shown_watts.unwrap_or(board.watts) * 1e3) as c_uint)
    }

    fn nvmlDeviceGetEnforcedPowerLimit(device: Handle, milliwatts: *mut c_uint) {
        board(device)?;
        put(milliwatts, 700_000)
    }

    fn nvmlDeviceGetTemperature(device: Handle, _sensor: c_uint, degrees: *mut c_uint) {
        put(degrees, if is_hot(device)? { 80 } else { 45 })
    }

    fn nvmlDeviceGetClockInfo(device: Handle, clock: c_uint, megahertz: *mut c_uint) {
        let graphics = if is_hot(device)? { 1200 } else { 1980 };
        put(megahertz, if clock == 2 { 2619 } else { graphics })
    }

    fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Handle, reasons: *mut c_ulonglong) {
        let heat = if is_hot(device)? { 0x20 } else { 0 };
        put(reasons, board(device)?.0.throttle | heat)
    }

    fn nvmlDeviceGetUtilizationRates(device: Handle, rates: *mut Utilization) {
        let gpu = board(device)?.0.utilization.ok_or(NOT_SUPPORTED)?;
        put(rates, Utilization { gpu, memory: 0 })
    }

    fn nvmlDeviceGetMemoryInfo_v2(device: Handle, memory: *mut Memory) {
        let used = board(device)?.0.memory_used.ok_or(NOT_SUPPORTED)?;
        let total = 80_000_000_000;
        put(memory, Memory { version: 2, total, reserved: 0, free: total.saturating_sub(used), used })
    }

    fn nvmlDeviceGetMigMode(device: Handle, current: *mut c_uint, pending: *mut c_uint) {
        let mig = c_uint::from(board(device)?.0.mig);
        put(current, mig)?;
        put(pending, mig)
    }

    fn nvmlDeviceGetComputeRunningProcesses_v3(device: Handle, count: *mut c_uint, infos: *mut ProcessInfo) {
        let processes = &board(device)?.0.processes;
        if count.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: NVML's contract is that the pointer is to one count; null is refused.
        let room = unsafe { count.read() } as usize;
        put(count, c_uint::try_from(processes.len()).map_err(|_| UNKNOWN)?)?;
        if processes.len() > room {
            return Err(INSUFFICIENT_SIZE);
        }
        for (index, &process) in processes.iter().enumerate() {
            let info = ProcessInfo { process, memory: 1 << 30, gpu_instance: !0, compute_instance: !0 };
            // SAFETY: the caller gave room for `room` entries, and there are no more than that.
            put(unsafe { infos.add(index) }, info)?;
        }
        Ok(())
    }

    fn nvmlDeviceGetFieldValues(device: Handle, count: c_int, values: *mut FieldValue) {
        board(device)?;
        for index in 0..usize::try_from(count).map_err(|_| INVALID_ARGUMENT)? {
            // SAFETY: the caller gives `count` writable values.
            let value = unsafe { values.add(index) };
            if value.is_null() {
                return Err(INVALID_ARGUMENT);
            }
            // SAFETY: as above; no field is known here, so that callers show what they do without.
            unsafe { (*value).result = NOT_SUPPORTED };
        }
        Ok(())
    }
}

/// `nvmlUtilization_t`, in percent.
#[repr(C)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

/// `nvmlMemory_v2_t`, in bytes.
#[repr(C)]
struct Memory {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// `nvmlProcessInfo_v2_t`.
#[repr(C)]
struct ProcessInfo {
    process: c_uint,
    memory: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// `nvmlFieldValue_t`.
#[repr(C)]
struct FieldValue {
    field: c_uint,
    scope: c_uint,
    timestamp: c_longlong,
    latency: c_longlong,
    value_type: c_uint,
    result: Return,
    value: c_ulonglong,
}
