//! From a request to a record batch.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow_schema::Schema as ArrowSchema;
use bytes::Bytes;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::ObjectId;
use lakebed_format::ChunkPlan;
use lakebed_format::RowSet;
use lakebed_format::Verification;
use lakebed_store::coalesce::MAX_MERGED;

use super::directories::ChunkPlace;
use super::request::ColumnRead;
use super::request::ReadCost;
use super::request::ReadRequest;
use super::request::Rows;
use crate::dataset::Dataset;
use crate::dataset::PERMIT_BYTES;
use crate::error::Error;
use crate::error::Result;
use crate::fill;
use crate::options::Verify;

/// Bytes above which a read is assembled on another thread even if nothing is decoded.
const HEAVY: u64 = 256 * 1024;

/// A chunk that the request meets, and where its first row is.
struct Touched {
    column: usize,
    place: ChunkPlace,
    first_row: u64,
    rows: RowSet,
}

/// A chunk whose bytes are known.
struct Planned {
    column: usize,
    object: ObjectId,
    payload_offset: u64,
    first_row: u64,
    plan: ChunkPlan,
    fetched: Vec<Bytes>,
    /// The part before that decodes the same images, whose bytes and pixels this one shares.
    shared: Option<usize>,
}

/// Finds parts that decode the same images of the same chunk, and lets the first read for all.
fn share(planned: &mut [Planned], columns: &[ColumnRead]) {
    let mut first = BTreeMap::new();
    for nth in 0..planned.len() {
        let chunk = &planned[nth];
        if chunk.plan.samples_to_decode() > 0 {
            let column = columns.get(chunk.column).map(|read| read.column);
            let place = (column, chunk.object, chunk.payload_offset);
            let leader = *first.entry(place).or_insert(nth);
            let shares = leader != nth && chunk.plan.shares_images(&planned[leader].plan);
            planned[nth].shared = shares.then_some(leader);
        }
    }
}

impl Dataset {
    /// Reads some rows of one fragment. The batch has the fields of [`super::ColumnRead::field`],
    /// in the order of the request.
    ///
    /// # Errors
    /// Damage, an index that a row does not have, limits, or an error of the store.
    pub fn read<'a>(&'a self, request: &'a ReadRequest) -> BoxFuture<'a, Result<RecordBatch>> {
        Box::pin(async move { Ok(self.read_with_cost(request).await?.0) })
    }

    /// As [`Dataset::read`], with what each column of the request took.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read_with_cost<'a>(
        &'a self,
        request: &'a ReadRequest,
    ) -> BoxFuture<'a, Result<(RecordBatch, Vec<ReadCost>)>> {
        Box::pin(async move {
            // Of a pack whose rows were all deleted nothing is read, whatever became of it.
            if request.rows.is_empty() {
                let fields = request.columns.iter().map(|read| read.field(&self.schema));
                let schema = arrow_schema::Schema::new(fields.collect::<Result<Vec<_>>>()?);
                let costs = vec![ReadCost::default(); request.columns.len()];
                return Ok((RecordBatch::new_empty(Arc::new(schema)), costs));
            }
            self.twice_if_damaged(move || self.read_patched(request)).await
        })
    }

    /// As [`Dataset::read_with_cost`], of the rows of a pack as they were written.
    pub(super) fn read_once<'a>(
        &'a self,
        request: &'a ReadRequest,
    ) -> BoxFuture<'a, Result<(RecordBatch, Vec<ReadCost>)>> {
        Box::pin(async move {
            let fields = request.columns.iter().map(|read| read.field(&self.schema));
            let fields = fields.collect::<Result<Vec<_>>>()?;
            let rows = request.rows.len();
            let mut touched = Vec::new();
            let mut filled: BTreeMap<usize, ArrayRef> = BTreeMap::new();
            for (number, read) in request.columns.iter().enumerate() {
                let column = self.column(read.column)?;
                match self.touch(request, number, read.column).await? {
                    Some(chunks) if rows > 0 => touched.extend(chunks),
                    Some(_) => {
                        let data_type = read.part.data_type(column)?;
                        filled.insert(number, arrow::array::new_empty_array(&data_type));
                    }
                    None => {
                        let limits = &self.shared.options.limits;
                        filled.insert(number, fill::rows_of(column, &read.part, rows, limits)?);
                    }
                }
            }
            let directories = self.directories(touched.iter().map(|chunk| &chunk.place)).await?;
            let mut planned = Vec::with_capacity(touched.len());
            for (chunk, directory) in touched.into_iter().zip(directories) {
                let read = &request.columns[chunk.column];
                let column = self.column(read.column)?;
                let first_row = chunk.first_row;
                let plan = ChunkPlan::new(directory, column, chunk.rows, read.part.clone())
                    .map_err(|e| self.locate(e, column, chunk.place.object, request, first_row))?;
                planned.push(Planned {
                    column: chunk.column,
                    object: chunk.place.object,
                    payload_offset: chunk.place.address.payload_offset,
                    first_row,
                    plan,
                    fetched: Vec::new(),
                    shared: None,
                });
            }
            share(&mut planned, &request.columns);
            let mut costs = vec![ReadCost::default(); request.columns.len()];
            for chunk in &planned {
                let cost = &mut costs[chunk.column];
                cost.chunks += 1;
                if chunk.shared.is_some() {
                    continue;
                }
                cost.bytes += chunk.plan.ranges().iter().map(|r| r.end - r.start).sum::<u64>();
                cost.decoded += chunk.plan.samples_to_decode();
            }
            let bytes: u64 = costs.iter().map(|cost| cost.bytes).sum();
            if !self.store.is_remote() {
                // A remote store knows better: it may have some of the blocks, and not others.
                let gap = self.store.coalesce_gap();
                planned.iter_mut().for_each(|chunk| chunk.plan.join_ranges(gap, MAX_MERGED));
            }
            let _in_flight = self.reserve(bytes).await?;
            self.fetch(&mut planned).await?;
            let (arrays, times) = self.assemble(request, planned, filled, bytes).await?;
            for (cost, time) in costs.iter_mut().zip(times) {
                cost.assembling = time;
            }
            let schema = Arc::new(ArrowSchema::new(fields));
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            Ok((RecordBatch::try_new_with_options(schema, arrays, &options)?, costs))
        })
    }

    pub(crate) fn column(&self, id: ColumnId) -> Result<&Column> {
        self.schema.by_id(id).ok_or_else(|| Error::SchemaMismatch {
            reason: format!("there is no column of id {id}"),
        })
    }

    /// The chunks of a column that the rows lie in; `None` if the fragment has none of it.
    async fn touch(
        &self,
        request: &ReadRequest,
        number: usize,
        column: ColumnId,
    ) -> Result<Option<Vec<Touched>>> {
        let Some(section) = self.section(&request.fragment, column).await? else { return Ok(None) };
        let first_rows = &section.chunks.first_rows;
        let (first, last) = match &request.rows {
            Rows::Range(range) => (range.start, range.end),
            Rows::List(list) => {
                (list.first().copied().unwrap_or(0), list.last().map_or(0, |last| last + 1))
            }
        };
        if last > first_rows.last().copied().unwrap_or(0) {
            let reason = format!("row {} of {} was asked for", last, request.fragment.pointer.rows);
            return Err(Error::SchemaMismatch { reason });
        }
        let from = first_rows.partition_point(|row| *row <= first).saturating_sub(1);
        let mut touched = Vec::new();
        for (nth, address) in section.addresses.iter().enumerate().skip(from) {
            let range = first_rows[nth]..first_rows[nth + 1];
            if range.start >= last {
                break;
            }
            if let Some(rows) = request.rows.within(&range) {
                touched.push(Touched {
                    column: number,
                    place: ChunkPlace::new(&request.fragment, column, address),
                    first_row: range.start,
                    rows,
                });
            }
        }
        Ok(Some(touched))
    }

    /// Waits until the bytes fit among those in flight. One read alone may be larger than all.
    async fn reserve(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let all = (self.shared.options.in_flight_bytes / PERMIT_BYTES).max(1);
        let permits = bytes.div_ceil(PERMIT_BYTES).clamp(1, all);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        Arc::clone(&self.shared.in_flight)
            .acquire_many_owned(permits)
            .await
            .map_err(|e| Error::Task(e.to_string()))
    }

    /// Fetches the ranges of all plans, one call for each object.
    async fn fetch(&self, planned: &mut [Planned]) -> Result<()> {
        let mut objects: BTreeMap<ObjectId, (Vec<Range<u64>>, Vec<usize>)> = BTreeMap::new();
        for (nth, chunk) in planned.iter().enumerate().filter(|(_, c)| c.shared.is_none()) {
            let (ranges, owners) = objects.entry(chunk.object).or_default();
            for range in chunk.plan.ranges() {
                let at = |offset: u64| chunk.payload_offset.saturating_add(offset);
                ranges.push(at(range.start)..at(range.end));
                owners.push(nth);
            }
        }
        let store = &self.store;
        let calls = objects.into_iter().filter(|(_, (ranges, _))| !ranges.is_empty()).map(
            |(object, (ranges, owners))| async move {
                let fetched = store.get_ranges(&object.key("data"), &ranges).await;
                Ok::<_, Error>((owners, self.or_expired(fetched).await?))
            },
        );
        for (owners, fetched) in futures::future::try_join_all(calls).await? {
            for (owner, bytes) in owners.into_iter().zip(fetched) {
                planned[owner].fetched.push(bytes);
            }
        }
        Ok(())
    }

    /// Builds the arrays, on another thread where that takes long.
    async fn assemble(
        &self,
        request: &ReadRequest,
        planned: Vec<Planned>,
        filled: BTreeMap<usize, ArrayRef>,
        bytes: u64,
    ) -> Result<(Vec<ArrayRef>, Vec<Duration>)> {
        let own = planned.iter().filter(|chunk| chunk.shared.is_none());
        let decodes: usize = own.map(|chunk| chunk.plan.samples_to_decode()).sum();
        self.shared
            .samples_decoded
            .fetch_add(u64::try_from(decodes).unwrap_or(u64::MAX), Ordering::Relaxed);
        let dataset = self.clone();
        let request = request.clone();
        let work = move || dataset.assemble_here(&request, planned, filled);
        if decodes == 0 && bytes <= HEAVY {
            return work();
        }
        let permit = Arc::clone(&self.shared.decoders).acquire_owned().await;
        let _permit = permit.map_err(|e| Error::Task(e.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Task(e.to_string()))?
    }

    fn assemble_here(
        &self,
        request: &ReadRequest,
        planned: Vec<Planned>,
        mut filled: BTreeMap<usize, ArrayRef>,
    ) -> Result<(Vec<ArrayRef>, Vec<Duration>)> {
        let verify = match (self.shared.options.verify, self.store.is_mapped()) {
            (Verify::Never, _) => Verification::Never,
            // What is mapped stays where it is; what is fetched lies elsewhere each time.
            (Verify::Fetched, true) => Verification::First,
            (Verify::Fetched, false) => Verification::Every,
        };
        let limits = &self.shared.options.limits;
        let mut pieces: Vec<Vec<ArrayRef>> = request.columns.iter().map(|_| Vec::new()).collect();
        let mut times = vec![Duration::ZERO; request.columns.len()];
        let mut followers: BTreeMap<usize, Vec<&Planned>> = BTreeMap::new();
        for chunk in &planned {
            if let Some(leader) = chunk.shared {
                followers.entry(leader).or_default().push(chunk);
            }
        }
        for (nth, chunk) in planned.iter().enumerate().filter(|(_, c)| c.shared.is_none()) {
            let begun = Instant::now();
            let mut parts = vec![chunk];
            parts.extend(followers.remove(&nth).unwrap_or_default());
            let arrays = match parts.as_slice() {
                [one] => one.plan.assemble(&one.fetched, limits, verify).map(|array| vec![array]),
                many => {
                    let plans: Vec<&ChunkPlan> = many.iter().map(|part| &part.plan).collect();
                    ChunkPlan::assemble_together(&plans, &chunk.fetched, limits, verify)
                }
            };
            let arrays = arrays.map_err(|e| {
                let id = request.columns[chunk.column].column;
                match self.column(id) {
                    Ok(column) => self.locate(e, column, chunk.object, request, chunk.first_row),
                    Err(other) => other,
                }
            })?;
            times[chunk.column] += begun.elapsed();
            for (part, array) in parts.into_iter().zip(arrays) {
                pieces[part.column].push(array);
            }
        }
        let mut arrays = Vec::with_capacity(pieces.len());
        for (number, pieces) in pieces.into_iter().enumerate() {
            arrays.push(match (filled.remove(&number), pieces.as_slice()) {
                (Some(array), _) => array,
                (None, [one]) => Arc::clone(one),
                (None, many) => {
                    let many: Vec<&dyn arrow::array::Array> = many.iter().map(|a| &**a).collect();
                    arrow::compute::concat(&many)?
                }
            });
        }
        Ok((arrays, times))
    }

    /// Puts an error to its object, or to its column and the position of its row.
    fn locate(
        &self,
        error: lakebed_format::Error,
        column: &Column,
        object: ObjectId,
        request: &ReadRequest,
        first_row: u64,
    ) -> Error {
        if error.is_damage() {
            let key = object.key("data");
            return self.in_object(&key, error);
        }
        let row = match &error {
            lakebed_format::Error::Subscript { row, .. } => {
                let first = request.fragment.first_position.saturating_add(first_row);
                Some(first.saturating_add(*row))
            }
            _ => None,
        };
        let source = match error {
            lakebed_format::Error::Subscript { source, .. } => source.into(),
            other => other,
        };
        Error::Sample { column: column.name.clone(), row, source: Box::new(source) }
    }
}
