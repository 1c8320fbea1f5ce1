//! One entrance for all formats.

use crate::{
    ExtractError, ExtractLimits, Extracted, MediaType, docx, html, markdown, pdf, plain, sniff,
};

/// Reads a file. Runs in this process and may take long or fail hard on a hostile file: a server
/// uses [`crate::ParseWorker`].
///
/// # Errors
/// Why the file cannot be read; see [`ExtractError`].
pub fn extract(
    file_name: &str,
    bytes: &[u8],
    limits: &ExtractLimits,
) -> Result<Extracted, ExtractError> {
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(ExtractError::file_too_large(limits.max_file_bytes));
    }
    match sniff(file_name, bytes)? {
        MediaType::Pdf => pdf::extract(bytes, limits),
        MediaType::Docx => docx::extract(bytes, limits),
        MediaType::Html => html::extract(bytes, limits.max_depth),
        MediaType::Markdown => markdown::extract(bytes, limits.max_depth),
        MediaType::Text => plain::extract(bytes),
    }
}
