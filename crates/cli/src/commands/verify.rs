//! `lakebed verify`

mod repair;

use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use lakebed::core::human;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;

use crate::error::Error;
use crate::error::Result;
use crate::units;

#[derive(Debug, Args)]
pub struct Verify {
    /// The dataset, perhaps with @version: that version and all before it are checked
    dataset: String,
}

impl Verify {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let begun = Instant::now();
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(Duration::from_millis(200));
        let verified = Dataset::verify_at(&self.dataset, Options::default(), |objects, bytes| {
            let objects = units::count(objects, "object");
            progress.set_message(format!("{objects}, {}", human::bytes(bytes)));
        })
        .await;
        progress.finish_and_clear();
        let (dataset, report) = verified?;
        for damage in &report.damage {
            writeln!(out, "damaged: {damage}")?;
        }
        writeln!(
            out,
            "checked {}, {} and {} in {}",
            units::count(report.entries, "version"),
            units::count(report.objects, "object"),
            human::bytes(report.bytes),
            units::time(begun.elapsed())
        )?;
        if report.expired > 0 {
            let expired = units::count(report.expired, "version");
            writeln!(out, "not checked: {expired} that expired, whose bytes may be gone")?;
        }
        if report.unfinished > 0 {
            let files = units::count(report.unfinished, "unfinished file");
            let bytes = human::bytes(report.unfinished_bytes);
            writeln!(
                out,
                "not checked: {files} in tmp, {bytes}, of no version; lakebed gc removes those that were not written to for a day"
            )?;
        }
        if report.damage.is_empty() {
            match report.expired {
                0 => writeln!(out, "every byte is what was written")?,
                _ => writeln!(out, "every byte of the other versions is what was written")?,
            }
            return Ok(());
        }
        let repairs = dataset.repairs(&report).await?;
        writeln!(out, "what is damaged, and what can be done:")?;
        for found in &repairs {
            repair::write(found, &self.dataset, &dataset, out)?;
        }
        Err(Error::Damaged { url: dataset.url().to_string(), places: report.damage.len() })
    }
}
