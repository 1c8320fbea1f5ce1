//! How much a file may ask for.

use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// What one file may hold. Counted by what is really read, not by what the file declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractLimits {
    /// Size of the file, in bytes.
    pub max_file_bytes: u64,
    /// Pages of a PDF.
    pub max_pages: u32,
    /// One stream of a PDF after decompression, in bytes.
    pub max_stream_bytes: u64,
    /// One part of a DOCX after decompression, in bytes.
    pub max_part_bytes: u64,
    /// Everything decompressed from one file, in bytes.
    pub max_total_bytes: u64,
    /// How many elements of HTML or XML may stand inside one another.
    pub max_depth: u32,
    /// Glyphs on one page of a PDF.
    pub max_page_glyphs: u32,
}

impl Default for ExtractLimits {
    fn default() -> Self {
        Self {
            max_file_bytes: 100 * MIB,
            max_pages: 5_000,
            max_stream_bytes: 32 * MIB,
            max_part_bytes: 64 * MIB,
            max_total_bytes: 256 * MIB,
            max_depth: 256,
            max_page_glyphs: 500_000,
        }
    }
}

/// What the process that reads one file may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerLimits {
    /// Address space, in bytes.
    pub address_space_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
    /// Time on the clock, in seconds.
    pub wall_seconds: u64,
    /// What it may answer, in bytes.
    pub output_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            address_space_bytes: 1024 * MIB,
            cpu_seconds: 30,
            wall_seconds: 120,
            output_bytes: 256 * MIB,
        }
    }
}
