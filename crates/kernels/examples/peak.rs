//! Measures what this processor can do at most: multiply-adds a second by instruction, and bytes read a second.
//!
//! `cargo run --release -p infercost-kernels --example peak`

#![allow(unsafe_code, clippy::print_stdout)]

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Bytes that each reading thread walks over: more than caches that it does not share.
const READ_BYTES: usize = 256 << 20;

fn main() {
    for threads in [1, 2] {
        println!("read, {threads} thread(s): {:.1} GB/s", on_threads(threads, read));
    }

    #[cfg(target_arch = "x86_64")]
    for threads in [1, 2] {
        type Case = (&'static str, bool, fn() -> f64);
        let cases: [Case; 5] = [
            ("F32 FMA, 256 bits", is_x86_feature_detected!("fma"), x86::fma_256),
            ("F32 FMA, 512 bits", is_x86_feature_detected!("avx512f"), x86::fma_512),
            ("vpdpbusd, 512 bits", is_x86_feature_detected!("avx512vnni"), x86::dpbusd_512),
            ("vdpbf16ps, 512 bits", is_x86_feature_detected!("avx512bf16"), x86::dpbf16_512),
            ("tdpbssd", x86::tiles_allowed(), x86::tiles),
        ];
        for (name, present, rate) in cases {
            if present {
                println!("{name}, {threads} thread(s): {:.1} GMAC/s", on_threads(threads, rate) / 1e9);
            }
        }
    }
}

/// The sum of what a function measures on so many threads at once.
fn on_threads(threads: usize, rate: fn() -> f64) -> f64 {
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(rate)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN)).sum()
    })
}

/// Gigabytes read a second, best of five passes.
fn read() -> f64 {
    let memory: Vec<u64> = (0..READ_BYTES as u64 / 8).collect();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let mut sums = [0u64; 32];
        for values in memory.chunks_exact(32) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = sum.wrapping_add(*value);
            }
        }
        black_box(sums);
        best = best.min(start.elapsed().as_secs_f64());
    }
    READ_BYTES as f64 / best / 1e9
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::*;
    use std::hint::black_box;
    use std::time::Instant;

    const STEPS: u64 = 20_000_000;

    /// Multiply-adds a second of a loop that does `each` of them a step.
    fn rate(each: u64, run: impl Fn(u64)) -> f64 {
        run(STEPS / 20);
        let start = Instant::now();
        run(STEPS);
        (STEPS * each) as f64 / start.elapsed().as_secs_f64()
    }

    macro_rules! peak {
        ($name:ident, $feature:literal, $zero:expr, $vector:ty, $step:expr, $macs:expr) => {
            pub(crate) fn $name() -> f64 {
                #[target_feature(enable = $feature)]
                fn run(steps: u64) {
                    let x = black_box($zero);
                    let mut sums: [$vector; 12] = [$zero; 12];
                    for _ in 0..steps {
                        for sum in &mut sums {
                            *sum = $step(*sum, x, x);
                        }
                    }
                    black_box(sums);
                }
                // SAFETY: `main` runs this where the processor has the instructions.
                rate(12 * $macs, |steps| unsafe { run(steps) })
            }
        };
    }

    peak!(fma_256, "avx2,fma", _mm256_setzero_ps(), __m256, |s, x, y| _mm256_fmadd_ps(x, y, s), 8);
    peak!(fma_512, "avx512f", _mm512_setzero_ps(), __m512, |s, x, y| _mm512_fmadd_ps(x, y, s), 16);
    peak!(
        dpbusd_512,
        "avx512vnni",
        _mm512_setzero_si512(),
        __m512i,
        |s, x, y| _mm512_dpbusd_epi32(s, x, y),
        64
    );

    pub(crate) fn dpbf16_512() -> f64 {
        #[target_feature(enable = "avx512bf16,avx512f")]
        fn run(steps: u64) {
            let x = black_box(_mm512_cvtne2ps_pbh(_mm512_setzero_ps(), _mm512_setzero_ps()));
            let mut sums = [_mm512_setzero_ps(); 12];
            for _ in 0..steps {
                for sum in &mut sums {
                    *sum = _mm512_dpbf16_ps(*sum, x, x);
                }
            }
            black_box(sums);
        }
        // SAFETY: `main` runs this where the processor has the instructions.
        rate(12 * 32, |steps| unsafe { run(steps) })
    }

    /// Asks Linux for the tile registers.
    pub(crate) fn tiles_allowed() -> bool {
        let answer: i64;
        // SAFETY: a system call that touches no memory: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
        unsafe {
            asm!("syscall", inlateout("rax") 158i64 => answer, in("rdi") 0x1023u64, in("rsi") 18u64,
                 out("rcx") _, out("r11") _, options(nostack));
        }
        let leaf = __cpuid_count(7, 0);
        answer == 0 && leaf.edx & (1 << 25) != 0
    }

    pub(crate) fn tiles() -> f64 {
        let mut config = [0u8; 64];
        config[0] = 1;
        for tile in 0..8 {
            config[16 + 2 * tile] = 64;
            config[48 + tile] = 16;
        }
        // SAFETY: the processor has tiles and the process may use them; the tiles are cleared and released here.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) config.as_ptr());
            let rate = rate(4 * 16 * 16 * 64, |steps| {
                for _ in 0..steps / 40 {
                    for _ in 0..10 {
                        asm!("tdpbssd tmm0, tmm4, tmm6", "tdpbssd tmm1, tmm4, tmm7", "tdpbssd tmm2, tmm5, tmm6",
                         "tdpbssd tmm3, tmm5, tmm7", out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _);
                    }
                }
            }) / 4.0;
            asm!("tilerelease");
            rate
        }
    }
}
