//! Which instructions the kernels use.

use std::env;
use std::sync::OnceLock;

/// The variable that forces a level.
pub const ISA_VARIABLE: &str = "INFERCOST_ISA";

/// A level of kernels, from the fastest to the one that runs everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
    /// AVX2, FMA and F16C.
    Avx2,
    /// Plain Rust.
    Portable,
}

/// Why a level cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// The variable holds a word that names no level.
    #[error("{ISA_VARIABLE}={given} names no level of kernels. Give one of: portable, avx2, avx512")]
    Unknown {
        /// What the variable holds.
        given: String,
    },
    /// The processor lacks instructions of the level.
    #[error(
        "{ISA_VARIABLE}={level} cannot be used: this processor lacks {lacks}. Unset {ISA_VARIABLE}, \
         or give a level that the processor has: {available}"
    )]
    Unsupported {
        /// The level asked for.
        level: &'static str,
        /// The instructions that are missing, separated by commas.
        lacks: String,
        /// The levels that would run, separated by commas.
        available: String,
    },
}

impl Isa {
    /// Every level, fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The level that [`ISA_VARIABLE`] forces, else the fastest that this processor has.
    ///
    /// # Errors
    /// The variable names no level, or one that the processor lacks.
    pub fn from_environment() -> Result<Self, IsaError> {
        match env::var_os(ISA_VARIABLE) {
            Some(given) if !given.is_empty() => Self::from_name(&given.to_string_lossy()),
            _ => Ok(Self::best()),
        }
    }

    /// The level of this name, where the processor has it.
    ///
    /// # Errors
    /// The name is of no level, or the processor lacks it.
    pub fn from_name(name: &str) -> Result<Self, IsaError> {
        let Some(level) = Self::ALL.into_iter().find(|level| level.name() == name) else {
            return Err(IsaError::Unknown { given: name.escape_debug().take(64).collect() });
        };

        let lacks = level.missing();
        if lacks.is_empty() {
            return Ok(level);
        }

        let available: Vec<_> = Self::available().into_iter().map(Self::name).collect();
        Err(IsaError::Unsupported {
            level: level.name(),
            lacks: lacks.join(", "),
            available: available.join(", "),
        })
    }

    /// The fastest level that this processor has.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Portable))
    }

    /// The levels that this processor has, fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|level| level.missing().is_empty()).collect()
    }

    /// True where this processor has the level.
    #[must_use]
    pub fn is_available(self) -> bool {
        self == Self::Portable || Self::available().contains(&self)
    }

    /// The word that forces this level.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// What runs, for the identity of an engine: the level and the optional instructions that it uses.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512-vnni",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// The instructions of this level that the processor lacks.
    #[cfg(target_arch = "x86_64")]
    fn missing(self) -> Vec<&'static str> {
        let needed: &[(&'static str, bool)] = match self {
            Self::Avx512 => &[
                ("AVX2", is_x86_feature_detected!("avx2")),
                ("FMA", is_x86_feature_detected!("fma")),
                ("F16C", is_x86_feature_detected!("f16c")),
                ("AVX512F", is_x86_feature_detected!("avx512f")),
                ("AVX512BW", is_x86_feature_detected!("avx512bw")),
                ("AVX512DQ", is_x86_feature_detected!("avx512dq")),
                ("AVX512VL", is_x86_feature_detected!("avx512vl")),
                ("AVX512_VNNI", is_x86_feature_detected!("avx512vnni")),
            ],
            Self::Avx2 => &[
                ("AVX2", is_x86_feature_detected!("avx2")),
                ("FMA", is_x86_feature_detected!("fma")),
                ("F16C", is_x86_feature_detected!("f16c")),
            ],
            Self::Portable => &[],
        };
        needed.iter().filter(|(_, present)| !present).map(|(name, _)| *name).collect()
    }

    /// The instructions of this level that the processor lacks.
    #[cfg(not(target_arch = "x86_64"))]
    fn missing(self) -> Vec<&'static str> {
        match self {
            Self::Avx512 | Self::Avx2 => vec!["x86-64"],
            Self::Portable => Vec::new(),
        }
    }
}
