#![allow(
    unsafe_code,
    reason = "calls kernels compiled for instructions found at run time"
)]

use std::sync::OnceLock;

use super::Lanes;
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// A kernel that can run on any [`Lanes`].
pub(in super::super) trait Work {
    type Out;

    /// # Safety
    /// Only through [`Isa::run`]. Must be `#[inline(always)]`, as all it calls with `L`, so that it
    /// is compiled with the instructions of the caller.
    unsafe fn run<L: Lanes>(self) -> Self::Out;
}

/// The instructions the kernels run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Isa {
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2, FMA, F16C and AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust.
    Scalar,
}

impl Isa {
    /// The best this machine has.
    pub(in super::super) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().first().copied().unwrap_or(Self::Scalar))
    }

    /// All this machine has, best first.
    pub(in super::super) fn all() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni")
            {
                found.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avxvnni") {
                found.push(Self::Avx2Vnni);
            }
            found.push(Self::Avx2);
        }
        found.push(Self::Scalar);
        found
    }

    /// Runs a kernel with these instructions.
    #[inline]
    pub(in super::super) fn run<W: Work>(self, work: W) -> W::Out {
        // SAFETY: values other than Scalar are made by `all` only, after the check that the machine
        // has the instructions.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => run_avx512(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2Vnni => run_avx2_vnni(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => run_avx2(work),
                Self::Scalar => work.run::<Scalar>(),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
unsafe fn run_avx512<W: Work>(work: W) -> W::Out {
    // SAFETY: this function has the features the lanes need.
    unsafe { work.run::<avx512::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
unsafe fn run_avx2_vnni<W: Work>(work: W) -> W::Out {
    // SAFETY: this function has the features the lanes need.
    unsafe { work.run::<avx2::Avx2<true>>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn run_avx2<W: Work>(work: W) -> W::Out {
    // SAFETY: this function has the features the lanes need.
    unsafe { work.run::<avx2::Avx2<false>>() }
}
