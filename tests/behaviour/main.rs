//! What the whole promises, tried on the real program: real processes, files, database and index.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect fails"
)]

mod answers;
mod architecture;
mod bad_files;
mod bad_questions;
mod browser;
mod claims;
mod crash;
mod demo;
mod disk;
mod harness;
mod ingestion;
mod local_model;
mod model_server;
mod models;
mod real_documents;
mod remote_model;
mod rest;
mod settings;
mod versions;
