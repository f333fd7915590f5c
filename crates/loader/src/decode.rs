//! From a batch's share of what was read to the batch: decode, transform, collate.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use arrow::array::ArrayRef;
use arrow::array::UInt8Array;
use arrow::array::UInt64Array;
use lakebed_codec::media;
use lakebed_codec::media::Gathered;
use lakebed_core::Limits;
use lakebed_core::Shape;

use crate::batch::Batch;
use crate::batch::BatchColumn;
use crate::batch::Skipped;
use crate::batch::Tensor;
use crate::batch::Values;
use crate::builder::OnBadSample;
use crate::builder::PlannedColumn;
use crate::builder::Settings;
use crate::collate::Collate;
use crate::collate::collate;
use crate::error::Cause;
use crate::error::Error;
use crate::error::Result;
use crate::group::Task;
use crate::pool::Pool;
use crate::random::SampleRng;
use crate::sample::Row;
use crate::sample::Sample;
use crate::state::State;

/// What names a transform of whole rows in errors.
const ROW_TRANSFORM: &str = "(transform of rows)";

/// A column and the cause.
type Fault = (String, Cause);

/// How the samples of a column become a value of the batch.
enum Way<'a> {
    /// Scalars that nobody changes, taken all at once from those of the whole group.
    Taken(ArrayRef),
    /// One by one, then collated.
    Samples(Vec<Sample>),
    /// Images, each decoded to where it stays.
    Placed(Placed<'a>),
}

/// Images of one shape in memory of the pool.
struct Placed<'a> {
    shape: Shape,
    bytes: usize,
    memory: Vec<u8>,
    /// Of each row of the task what its file begins with, and the rest.
    files: Vec<[&'a [u8]; 2]>,
    /// Some of the files in one piece each, from this one on.
    gathered: Gathered,
    first: usize,
}

/// Files that are gathered at a time, while the next ones come from memory: few enough to stay in a
/// core's own caches until they are decoded.
const GATHERED: usize = 16;
/// Bytes from which on no file is added to those that are gathered.
const GATHERED_BYTES: usize = 32 << 10;

/// A row of a task.
#[derive(Clone, Copy)]
struct Place {
    /// Its number in the task.
    nth: usize,
    /// Its position in the version.
    position: u64,
    /// Where it is in its group.
    row: usize,
    /// Its number in the batch, unless it is bad.
    kept: usize,
}

impl<'a> Way<'a> {
    /// For the `nth` column of a task.
    fn plan(settings: &Settings, task: &'a Task, nth: usize, column: &PlannedColumn) -> Way<'a> {
        let one_by_one = || Way::Samples(Vec::with_capacity(task.rows.len()));
        if column.transform.is_some() || settings.transform.is_some() {
            return one_by_one();
        }
        match (task.group.scalars(nth), column.collate) {
            (Some(elements), Collate::Stack | Collate::Pad) => Way::Taken(Arc::clone(elements)),
            (None, Collate::Stack) => {
                Placed::plan(settings, task, nth).map_or_else(one_by_one, Way::Placed)
            }
            _ => one_by_one(),
        }
    }
}

impl<'a> Placed<'a> {
    /// For a column of encoded images of one shape.
    fn plan(settings: &Settings, task: &'a Task, nth: usize) -> Option<Placed<'a>> {
        let images = task.group.images(nth)?;
        let of_task = || images.shape_of(task.found.iter().flatten().copied());
        let shape = images.common().or_else(of_task)?;
        // A hostile shape is refused where the image is decoded, before memory is taken for it.
        let limits = &settings.source.dataset.options().limits;
        let bytes = shape.checked_elements().filter(|bytes| {
            u64::try_from(*bytes).is_ok_and(|bytes| bytes <= limits.max_sample_bytes)
        })?;
        let memory = settings.of_batches.take(bytes.checked_mul(task.rows.len())?);
        let files = task.found.iter().map(|row| row.map_or([&[] as &[u8]; 2], |r| images.file(r)));
        let files: Vec<[&[u8]; 2]> = files.collect();
        prefetch_some(&files);
        let gathered = Gathered::default();
        Some(Placed { shape, bytes, memory, files, gathered, first: 0 })
    }

    fn decode(&mut self, place: Place, limits: &Limits) -> Result<(), Cause> {
        let ahead = self.first..self.first + self.gathered.len();
        if !ahead.contains(&place.nth) {
            let (_, files) = self.files.split_at(place.nth.min(self.files.len()));
            let (now, next) = files.split_at(some(files));
            self.first = place.nth;
            self.gathered.clear();
            now.iter().for_each(|file| self.gathered.push(*file));
            prefetch_some(next);
        }
        let room = place.kept * self.bytes..(place.kept + 1) * self.bytes;
        let room = self.memory.get_mut(room).unwrap_or_default();
        Ok(self.gathered.decode_into(place.nth - self.first, limits, &self.shape, room)?)
    }

    fn finish(self, column: &PlannedColumn, pool: &Arc<Pool>, count: usize) -> BatchColumn {
        let buffer = pool.buffer(self.memory, count * self.bytes);
        let elements = UInt8Array::new(buffer.into(), None);
        let shape = std::iter::once(count).chain(self.shape.iter().copied()).collect();
        let values = Values::Tensor(Tensor { shape, elements: Arc::new(elements) });
        BatchColumn { name: column.name.clone(), values, valid: None }
    }
}

/// How many of files are gathered together: at least one.
fn some(files: &[[&[u8]; 2]]) -> usize {
    let mut bytes = 0;
    let enough = files.iter().take(GATHERED).position(|[head, rest]| {
        bytes += head.len() + rest.len();
        bytes >= GATHERED_BYTES
    });
    enough.map_or(GATHERED, |last| last + 1).min(files.len())
}

fn prefetch_some(files: &[[&[u8]; 2]]) {
    // What files begin with is shared by all, and near.
    files.iter().take(some(files)).for_each(|[_, rest]| media::prefetch(rest));
}

/// Makes the batch of a task. `None` if `stop` was set meanwhile.
pub(crate) fn decode(
    settings: &Settings,
    task: &Task,
    state: State,
    stop: &AtomicBool,
) -> Result<Option<Batch>> {
    let source = &settings.source;
    let count = task.rows.len();
    let columns = settings.columns.iter().enumerate();
    let mut ways: Vec<Way<'_>> =
        columns.map(|(nth, column)| Way::plan(settings, task, nth, column)).collect();
    let mut places = Vec::with_capacity(count);
    let mut rows = Vec::with_capacity(count);
    let mut kept = Vec::with_capacity(count);
    let mut weights = source.is_weighted().then(Vec::new);
    let mut skipped = Vec::new();
    let of_task = task.places.clone().zip(&task.rows).zip(&task.found).enumerate();
    for (nth, ((place, row), found)) in of_task {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let position = source.position(*row);
        let rng = || SampleRng::new(settings.seed, state.epoch, place);
        let of_row = match found {
            Some(row) => {
                let here = Place { nth, position, row: *row, kept: kept.len() };
                one(settings, task, here, &mut ways, &rng).map(|of_row| (*row, of_row))
            }
            None => Err((settings.names.join(", "), task.group.why_not(position))),
        };
        match of_row {
            Ok((found, of_row)) => {
                let collated = ways.iter_mut().filter_map(|way| match way {
                    Way::Samples(samples) => Some(samples),
                    Way::Taken(_) | Way::Placed(_) => None,
                });
                for (samples, sample) in collated.zip(of_row) {
                    samples.push(sample);
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
    for (column, way) in settings.columns.iter().zip(ways) {
        columns.push(match way {
            Way::Taken(elements) => take(column, &elements, &kept)?,
            Way::Samples(samples) => {
                let empty = column.ty.dtype.to_arrow();
                collate(&column.name, column.collate, samples, &rows, &empty)?
            }
            Way::Placed(placed) => placed.finish(column, &settings.of_batches, kept.len()),
        });
    }
    Ok(Some(Batch { columns, places, rows, weights, skipped, state }))
}

/// The samples of a row, one for each column that is collated.
fn one(
    settings: &Settings,
    task: &Task,
    place: Place,
    ways: &mut [Way<'_>],
    rng: &dyn Fn() -> SampleRng,
) -> Result<Vec<Sample>, Fault> {
    let limits = &settings.source.dataset.options().limits;
    let mut samples = Vec::new();
    for (nth, (column, way)) in settings.columns.iter().zip(ways.iter_mut()).enumerate() {
        let fault = |cause| (column.name.clone(), cause);
        match way {
            Way::Taken(_) => continue,
            Way::Placed(placed) => {
                placed.decode(place, limits).map_err(fault)?;
                continue;
            }
            Way::Samples(_) => {}
        }
        let mut sample = task.group.sample(nth, place.row, limits).map_err(fault)?;
        if let Some(transform) = column.transform.as_ref().filter(|_| !sample.is_null()) {
            sample = guarded(|| transform(sample, &mut rng())).map_err(fault)?;
        }
        samples.push(sample);
    }
    if let Some(transform) = &settings.transform {
        // With a transform of rows nothing is gathered: every column has its sample.
        let mut view =
            Row { names: &settings.names, samples: &mut samples, position: place.position };
        guarded(|| transform(&mut view, &mut rng()))
            .map_err(|cause| (ROW_TRANSFORM.to_string(), cause))?;
    }
    Ok(samples)
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

fn take(column: &PlannedColumn, elements: &ArrayRef, kept: &UInt64Array) -> Result<BatchColumn> {
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
