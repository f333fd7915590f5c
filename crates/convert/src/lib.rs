//! Importers: one file for each outside format, as streams of Arrow record batches in bounded
//! memory.
//!
//! A [`Source`] knows its columns and its number of rows before the first image is read. Its
//! stream yields batches in a fixed order, with warnings and skipped rows between them; images
//! are checked to their last byte and pass through byte for byte. [`ingest()`] writes a stream to a
//! dataset and commits once, at the end.
//!
//! This crate never knows DataFusion, never follows a link out of the folder it reads, and never
//! builds a path from what a file says.
//!
//! Read first: [`source`] (what an importer is), [`class_folders`] (the simplest one),
//! `pipeline.rs` (how rows become batches).

pub mod class_folders;
pub mod demo;
pub mod detect;
pub mod error;
pub mod ingest;
pub mod options;
pub mod pascal_voc;
pub mod source;

mod adapt;
mod columns;
mod files;
mod media;
mod pipeline;
#[cfg(test)]
mod testing;

pub use class_folders::ClassFolders;
pub use detect::detect;
pub use detect::detect_with;
pub use error::Error;
pub use error::ObjectRef;
pub use error::Problem;
pub use error::Result;
pub use ingest::Progress;
pub use ingest::Report;
pub use ingest::ingest;
pub use options::ImportOptions;
pub use options::OnError;
pub use pascal_voc::PascalVoc;
pub use source::BatchStream;
pub use source::Event;
pub use source::Source;
