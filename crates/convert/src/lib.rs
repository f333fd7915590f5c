//! Outside formats, in and out: one file for each, as streams of Arrow record batches in bounded
//! memory.
//!
//! A [`Source`] knows its columns and its number of rows before the first image is read. Its
//! stream yields batches in a fixed order, with warnings and skipped rows between them; images
//! are checked to their last byte and pass through byte for byte. [`ingest()`] writes a stream to a
//! dataset and commits once, at the end. [`export()`] goes the other way: any stream of batches
//! becomes a file or folder of another format.
//!
//! This crate never knows DataFusion, never follows a link out of the folder it reads, and never
//! builds a path from what a file says.
//!
//! Read first: [`source`] (what an importer is), [`class_folders`] (the simplest one),
//! `pipeline.rs` (how rows become batches), [`table`] (tables in),
//! [`export`](mod@export) (the way out).

pub mod class_folders;
pub mod coco;
pub mod demo;
pub mod detect;
pub mod error;
pub mod export;
pub mod import_format;
pub mod ingest;
pub mod options;
pub mod pascal_voc;
pub mod source;
pub mod table;
pub mod webdataset;
pub mod yolo;

mod adapt;
mod annotated;
mod columns;
mod files;
mod masks;
mod media;
mod npy;
mod pipeline;
#[cfg(test)]
mod testing;

pub use class_folders::ClassFolders;
pub use coco::Coco;
pub use coco::CocoOptions;
pub use detect::detect;
pub use detect::detect_with;
pub use detect::open;
pub use error::BoxError;
pub use error::Error;
pub use error::ObjectRef;
pub use error::Problem;
pub use error::Result;
pub use export::ExportFormat;
pub use export::ExportOptions;
pub use export::ExportProgress;
pub use export::Exported;
pub use export::export;
pub use import_format::ImportFormat;
pub use ingest::Progress;
pub use ingest::Report;
pub use ingest::ingest;
pub use ingest::take_columns;
pub use options::ImportOptions;
pub use options::OnError;
pub use pascal_voc::PascalVoc;
pub use source::BatchStream;
pub use source::Event;
pub use source::Source;
pub use table::ColumnType;
pub use webdataset::WebDataset;
pub use yolo::Yolo;
