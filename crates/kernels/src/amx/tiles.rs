//! Tile registers: permission, shapes, and the product of two tiles.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use crate::PANEL_ROWS;
use crate::buffer::AlignedBuffer;

/// Tokens of a full tile.
pub(super) const TILE_TOKENS: usize = 16;

/// Integer sums of two tiles.
pub(super) const PAIR: usize = 2 * TILE_TOKENS * PANEL_ROWS;

/// Bytes between the rows of tiles of weights and of sums.
const ROW: usize = 64;

/// True where the processor has tiles of 8-bit integers and the system lets this process use them.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_tiles() && may_use_tiles())
}

/// CPUID leaf 7: AMX-TILE and AMX-INT8.
fn has_tiles() -> bool {
    const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8
}

/// Linux hands out the large state of tiles to processes that ask: `arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)`.
#[cfg(all(target_os = "linux", not(miri)))]
fn may_use_tiles() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;

    let answer: i64;
    // SAFETY: a system call that takes two numbers and touches no memory of this process.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn may_use_tiles() -> bool {
    false
}

/// Puts one number a token and block in the order in which tiles take them: `[tile][block][token]`.
pub(super) fn gather(tokens: usize, blocks: usize, numbers: &[f32], gathered: &mut AlignedBuffer<f32>) {
    gathered.reserve(tokens.next_multiple_of(TILE_TOKENS) * blocks);
    let tiles = gathered.as_mut_slice().chunks_exact_mut(blocks * TILE_TOKENS);
    let numbers = numbers.get(..tokens * blocks).unwrap_or(&[]);

    for (tile, numbers) in tiles.zip(numbers.chunks(blocks * TILE_TOKENS)) {
        for (t, numbers) in numbers.chunks_exact(blocks).enumerate() {
            for (place, number) in tile.iter_mut().skip(t).step_by(TILE_TOKENS).zip(numbers) {
                *place = *number;
            }
        }
    }
}

/// Keeps the compiler from moving loads across: it would need more registers than there are.
#[inline(always)]
pub(super) fn keep_order() {
    // SAFETY: no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Tile registers in use by this thread; released when dropped.
pub(super) struct Tiles;

impl Tiles {
    /// Shapes tiles for products over `columns` columns: two sets for 16 tokens, one for `rest` tokens.
    ///
    /// Registers 0 and 1 are sums, 2 and 3 activations, 4 and 5 weights, 6 and 7 sums and activations of the rest.
    ///
    /// # Safety
    /// [`is_available`], and this thread has no other `Tiles`. `columns` is at most 64 and a multiple of 4, `rest`
    /// at most 16.
    pub(super) unsafe fn new(columns: usize, rest: usize) -> Self {
        let [columns, rest] = [columns as u8, rest.max(1) as u8];
        let full = TILE_TOKENS as u8;
        let row = ROW as u8;
        let shapes = [
            (full, row),
            (full, row),
            (full, columns),
            (full, columns),
            (columns / 4, row),
            (columns / 4, row),
            (rest, row),
            (rest, columns),
        ];

        let mut configuration = Configuration([0; 64]);
        configuration.0[0] = 1;
        for (register, (rows, bytes)) in shapes.into_iter().enumerate() {
            configuration.0[16 + 2 * register] = bytes;
            configuration.0[48 + register] = rows;
        }

        // SAFETY: the process may use tiles, and the configuration is one of palette 1 with shapes inside its limits.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        Self
    }

    /// Two products of 16 tokens with neighboring parts of a panel.
    ///
    /// # Safety
    /// At both `inputs` lie 16 rows of the configured columns, `stride` bytes apart; at both `weights` the columns of
    /// 16 rows, four by four; at `sums` is room for two times 16 x 16 numbers.
    #[inline(always)]
    pub(super) unsafe fn two_products(
        &self,
        inputs: [*const i8; 2],
        stride: usize,
        weights: [*const u8; 2],
        sums: *mut i32,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tileloadd tmm2, [{first} + {stride}*1]",
                "tileloadd tmm4, [{low} + {row}*1]",
                "tdpbssd tmm0, tmm2, tmm4",
                "tilezero tmm1",
                "tileloadd tmm3, [{second} + {stride}*1]",
                "tileloadd tmm5, [{high} + {row}*1]",
                "tdpbssd tmm1, tmm3, tmm5",
                "tilestored [{sums} + {row}*1], tmm0",
                "tilestored [{sums} + {row}*1 + 1024], tmm1",
                first = in(reg) inputs[0],
                second = in(reg) inputs[1],
                stride = in(reg) stride,
                low = in(reg) weights[0],
                high = in(reg) weights[1],
                row = in(reg) ROW,
                sums = in(reg) sums,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _,
                options(nostack),
            );
        }
    }

    /// A product of the rest of the tokens with a part of a panel.
    ///
    /// # Safety
    /// As [`Self::two_products`], for as many tokens as were configured.
    #[inline(always)]
    pub(super) unsafe fn rest_product(&self, inputs: *const i8, stride: usize, weights: *const u8, sums: *mut i32) {
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "tilezero tmm6",
                "tileloadd tmm7, [{inputs} + {stride}*1]",
                "tileloadd tmm4, [{weights} + {row}*1]",
                "tdpbssd tmm6, tmm7, tmm4",
                "tilestored [{sums} + {row}*1], tmm6",
                inputs = in(reg) inputs,
                stride = in(reg) stride,
                weights = in(reg) weights,
                row = in(reg) ROW,
                sums = in(reg) sums,
                out("tmm4") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: a `Tiles` exists, so the process may use tiles; no other code of this thread holds any.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration([u8; 64]);
