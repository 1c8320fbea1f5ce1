//! ingest, from real bytes to passages.

mod bad_input;
mod chunking;
mod files;

mod pdf_layout;
mod real_documents;
mod signs;
