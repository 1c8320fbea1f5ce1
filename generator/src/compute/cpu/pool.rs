#![allow(
    unsafe_code,
    reason = "hands disjoint parts of one buffer to several threads"
)]
//! Work split over threads, and the memory it needs.

use std::ops::Range;

use super::workers::Workers;

/// Runs `f` over all of `0..units`, in parallel ranges when there is enough to do.
pub(super) fn parallel(units: usize, enough: bool, f: impl Fn(Range<usize>) + Sync) {
    #[cfg(test)]
    if let Some(size) = CHUNK.with(std::cell::Cell::get) {
        for start in (0..units).step_by(size).rev() {
            f(start..units.min(start + size));
        }
        return;
    }
    if !enough || units <= 1 {
        if units > 0 {
            f(0..units);
        }
        return;
    }
    Workers::get().run(units, &f);
}

/// Threads that [`parallel`] can use.
pub(super) fn threads() -> usize {
    Workers::get().threads()
}

#[cfg(test)]
thread_local! {
    /// Makes [`parallel`] run chunks of this size, last first, on this thread.
    pub(super) static CHUNK: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

/// A pointer that threads share to write disjoint parts of one buffer.
pub(super) struct Shared<T>(*mut T);

// By hand: a derive would ask for `T: Copy`.
impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: whoever dereferences the pointer answers for writing disjoint parts; see each use.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// A method, so that closures capture the whole and not the bare pointer.
    pub(super) fn get(self) -> *mut T {
        self.0
    }
}

/// Runs `f` over the pieces of `size` elements of a slice, in parallel.
pub(super) fn parallel_chunks<T: Send>(
    all: &mut [T],
    size: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let pieces = all.len() / size.max(1);
    let start = Shared::new(all.as_mut_ptr());
    parallel(pieces, true, |range| {
        for index in range {
            // SAFETY: the pieces lie in the slice and do not overlap; each index comes once.
            f(index, unsafe {
                std::slice::from_raw_parts_mut(start.get().add(index * size), size)
            });
        }
    });
}

/// A vector whose elements are all written by `fill` before it exists.
///
/// # Safety
/// `fill` must write each of the `len` elements at the pointer it is given.
pub(super) unsafe fn filled<T: Copy>(len: usize, fill: impl FnOnce(*mut T)) -> Vec<T> {
    let mut out = Vec::with_capacity(len);
    fill(out.as_mut_ptr());
    // SAFETY: the capacity is `len` and the caller promises that all elements are written.
    unsafe { out.set_len(len) };
    out
}

/// 64 bytes on a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);

    /// The bytes of some lines.
    pub(super) fn bytes_mut(lines: &mut [Self]) -> &mut [u8] {
        // SAFETY: a line is 64 bytes without padding.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines)) }
    }
}

/// Scratch memory of one thread, kept between calls.
pub(super) struct Scratch(Vec<Line>);

impl Scratch {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// At least `bytes`, on a cache line, with whatever was there before.
    pub(super) fn bytes(&mut self, bytes: usize) -> *mut u8 {
        let lines = bytes.div_ceil(64);
        if self.0.len() < lines {
            self.0.resize(lines, Line::ZERO);
        }
        self.0.as_mut_ptr().cast()
    }
}
