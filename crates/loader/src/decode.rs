//! From a batch's share of what was read to the batch: decode, transform, collate.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use arrow::array::UInt64Array;

use crate::batch::Batch;
use crate::batch::BatchColumn;
use crate::batch::Skipped;
use crate::batch::Tensor;
use crate::batch::Values;
use crate::builder::OnBadSample;
use crate::builder::Settings;
use crate::collate::Collate;
use crate::collate::collate;
use crate::error::Cause;
use crate::error::Error;
use crate::error::Result;
use crate::group::Task;
use crate::random::SampleRng;
use crate::sample::Row;
use crate::sample::Sample;
use crate::state::State;

/// What names a transform of whole rows in errors.
const ROW_TRANSFORM: &str = "(transform of rows)";

/// A column and the cause.
type Fault = (String, Cause);

/// Makes the batch of a task. `None` if `stop` was set meanwhile.
pub(crate) fn decode(
    settings: &Settings,
    task: &Task,
    state: State,
    stop: &AtomicBool,
) -> Result<Option<Batch>> {
    let source = &settings.source;
    // Scalars that nobody changes are gathered at once.
    let gathered: Vec<bool> = settings
        .columns
        .iter()
        .enumerate()
        .map(|(nth, column)| {
            let changed = column.transform.is_some() || settings.transform.is_some();
            !changed && column.collate != Collate::List && task.group.scalars(nth).is_some()
        })
        .collect();
    let count = task.rows.len();
    let mut samples: Vec<Vec<Sample>> =
        gathered.iter().map(|g| Vec::with_capacity(if *g { 0 } else { count })).collect();
    let (mut places, mut rows, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut weights = source.is_weighted().then(Vec::new);
    let mut skipped = Vec::new();
    for (place, row) in task.places.clone().zip(&task.rows) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let position = source.position(*row);
        let rng = SampleRng::new(settings.seed, state.epoch, place);
        match one(settings, task, position, &gathered, &rng) {
            Ok((found, of_row)) => {
                for (column, sample) in samples.iter_mut().zip(of_row) {
                    column.extend(sample);
                }
                places.push(place);
                rows.push(position);
                kept.push(u64::try_from(found).unwrap_or(u64::MAX));
                if let Some(weights) = &mut weights {
                    weights.push(source.weight(*row).unwrap_or(1.0));
                }
            }
            Err((column, cause)) => match settings.on_bad_sample {
                OnBadSample::Error => return Err(Error::Sample { column, row: position, cause }),
                OnBadSample::Skip => {
                    skipped.push(Skipped { row: position, column, cause: cause.to_string() });
                }
            },
        }
    }
    let kept = UInt64Array::from(kept);
    let mut columns = Vec::with_capacity(settings.columns.len());
    for (nth, (column, samples)) in settings.columns.iter().zip(samples).enumerate() {
        let scalars = task.group.scalars(nth).filter(|_| gathered[nth]);
        columns.push(match scalars {
            Some(elements) => gather(column, elements, &kept)?,
            None => {
                let empty = column.ty.dtype.to_arrow();
                collate(&column.name, column.collate, samples, &rows, &empty)?
            }
        });
    }
    Ok(Some(Batch { columns, places, rows, weights, skipped, state }))
}

/// The samples of a row, one for each column that is not gathered, and where the row is in its group.
fn one(
    settings: &Settings,
    task: &Task,
    position: u64,
    gathered: &[bool],
    rng: &SampleRng,
) -> Result<(usize, Vec<Option<Sample>>), Fault> {
    let all = || settings.names.join(", ");
    let row = task.group.find(position).map_err(|cause| (all(), cause))?;
    let limits = &settings.source.dataset.options().limits;
    let mut samples = Vec::with_capacity(settings.columns.len());
    for (nth, column) in settings.columns.iter().enumerate() {
        if gathered[nth] {
            samples.push(None);
            continue;
        }
        let fault = |cause| (column.name.clone(), cause);
        let mut sample = task.group.sample(nth, row, limits).map_err(fault)?;
        if let Some(transform) = column.transform.as_ref().filter(|_| !sample.is_null()) {
            sample = guarded(|| transform(sample, &mut rng.clone())).map_err(fault)?;
        }
        samples.push(Some(sample));
    }
    if let Some(transform) = &settings.transform {
        // With a transform of rows nothing is gathered: every column has its sample.
        let mut of_row: Vec<Sample> = samples.into_iter().flatten().collect();
        let mut view = Row { names: &settings.names, samples: &mut of_row, position };
        guarded(|| transform(&mut view, &mut rng.clone()))
            .map_err(|cause| (ROW_TRANSFORM.to_string(), cause))?;
        samples = of_row.into_iter().map(Some).collect();
    }
    Ok((row, samples))
}

/// Runs somebody else's code: its panic is a fault of the sample.
fn guarded<T>(work: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    // What a panicking transform leaves half done is dropped with its row.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("the transform panicked: {}", text.unwrap_or_default()).into())
    })
}

fn gather(
    column: &crate::builder::PlannedColumn,
    elements: &arrow::array::ArrayRef,
    kept: &UInt64Array,
) -> Result<BatchColumn> {
    let elements = arrow::compute::take(elements, kept, None)?;
    let tensor = Tensor { shape: vec![kept.len()], elements };
    let values = match column.collate {
        Collate::Pad => {
            let mask = arrow::buffer::BooleanBuffer::new_set(kept.len());
            Values::Padded { tensor, mask }
        }
        _ => Values::Tensor(tensor),
    };
    Ok(BatchColumn { name: column.name.clone(), values, valid: None })
}
