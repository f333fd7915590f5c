//! WebDataset: tar files in which consecutive members of one name are a sample.
//!
//! `000001.jpg, 000001.cls, 000001.json, 000002.jpg, ...`: a row for each sample, a column for
//! each extension, named after it; what a sample does not have is null. The name ends at the
//! first dot of its last part, so `a/1.seg.png` is the column `seg.png` of sample `a/1`. Columns:
//!
//! | column | type | from |
//! |---|---|---|
//! | `key` | text | the members' common name |
//! | `jpg`, `jpeg`, `jpe`, `jfif`, `png` | image | the member, byte for byte |
//! | `cls` | class_label, without names | a number as text |
//! | `index`, `inx`, `id` | i64 | a number as text |
//! | `txt`, `text`, `transcript` | text | |
//! | `json`, `jsn` | JSON | |
//! | `npy` | tensor | numbers and bools in C order |
//! | any other | bytes | the member, byte for byte |
//!
//! The last part of an extension decides. A folder of `.tar` files is a dataset of shards in the
//! order of their names. Members that begin with `__`, hidden ones and those without extension
//! are passed over, as is what is no file.
//!
//! Headers are read once before the first row (bodies are passed over); about a hundred bytes a
//! sample and 24 a member are kept. Nothing is unpacked: names are never paths here. The rules are
//! those of <https://github.com/webdataset/webdataset>.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use lakebed_core::Limits;
use lakebed_core::Schema;

use crate::detect::blocking;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::files::Listing;
use crate::options::ImportOptions;
use crate::pipeline;
use crate::pipeline::Found;
use crate::pipeline::Item;
use crate::pipeline::Loaded;
use crate::source::BatchStream;
use crate::source::Source;
use crate::webdataset::member::Builder;
use crate::webdataset::member::Kind;
use crate::webdataset::member::Row;
use crate::webdataset::member::Value;
use crate::webdataset::shard::Extensions;
use crate::webdataset::shard::Member;
use crate::webdataset::shard::Sample;

mod member;
mod npy;
mod shard;

/// Extensions at most: each is a column.
const MOST_EXTENSIONS: usize = 1000;
/// Arrays of a column that are looked at for its type.
const LOOKED_AT: usize = 16;

/// One tar file or several, their headers read.
#[derive(Debug)]
pub struct WebDataset {
    schema: Schema,
    kinds: Arc<[Kind]>,
    root: PathBuf,
    entries: Vec<Entry>,
    found: Found,
}

#[derive(Debug)]
struct Entry {
    shard: Arc<str>,
    sample: Sample,
}

impl WebDataset {
    /// Reads the headers of a tar file, or of all `.tar` files of a folder.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::UnknownFormat`] if a folder has no `.tar` file;
    /// [`Error::File`] if nothing can be read.
    pub async fn open(path: &Path, options: &ImportOptions) -> Result<WebDataset> {
        let (path, options) = (path.to_path_buf(), options.clone());
        blocking(move || {
            let read = |source| Error::Read { path: path.clone(), source };
            let known = std::fs::canonicalize(&path).map_err(read)?;
            if known.is_file() {
                return WebDataset::from_file(&known, &options);
            }
            let root = files::open_root(&path)?;
            let listing = files::walk(&root)?;
            if !WebDataset::is_listed(&listing) {
                let found = format!("found {} other files", listing.files.len());
                return Err(Error::UnknownFormat { path, found });
            }
            WebDataset::from_listing(root, listing, &options)
        })
        .await
    }

    pub(crate) fn is_listed(listing: &Listing) -> bool {
        listing.files.iter().any(|file| is_shard(file))
    }

    pub(crate) fn from_file(path: &Path, options: &ImportOptions) -> Result<WebDataset> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let listing = Listing { files: name.into_iter().collect(), ..Listing::default() };
        WebDataset::read(folder.to_path_buf(), listing, options)
    }

    pub(crate) fn from_listing(
        root: PathBuf,
        mut listing: Listing,
        options: &ImportOptions,
    ) -> Result<WebDataset> {
        listing.files.retain(|file| is_shard(file));
        WebDataset::read(root, listing, options)
    }

    fn read(root: PathBuf, listing: Listing, options: &ImportOptions) -> Result<WebDataset> {
        let Listing { files: shards, warnings, mut refused } = listing;
        let mut extensions = Extensions::default();
        let mut entries = Vec::new();
        for shard in shards {
            let mut samples = Vec::new();
            let listed =
                shard::list(&root.join(&shard), &mut extensions, &mut samples, MOST_EXTENSIONS);
            if let Err(cause) = listed {
                let packed = cause.starts_with("no tar file") && is_gzip(&root, &shard);
                let cause =
                    if packed { "it is compressed: unpack it with gunzip".into() } else { cause };
                // What comes before is whole, but the last sample may have had more members.
                if let Some(last) = samples.last_mut() {
                    last.wrong = Some("its shard is damaged behind it".into());
                }
                refused.push(Problem::new(shard.as_str(), cause));
            }
            let shard: Arc<str> = shard.into();
            entries.extend(
                samples.into_iter().map(|sample| Entry { shard: Arc::clone(&shard), sample }),
            );
        }
        if entries.is_empty() {
            let problem = refused.into_iter().next();
            let none = || Problem::new(".", "no sample: members need names like 000001.jpg");
            return Err(Error::File(problem.unwrap_or_else(none)));
        }
        let mut kinds: Vec<Kind> = extensions.names().iter().map(|name| Kind::of(name)).collect();
        let longest = options.limits.max_page_bytes;
        look_at_arrays(&root, &entries, &mut kinds, &extensions, longest).map_err(Error::File)?;
        let present = |place: usize| {
            let with = |entry: &&Entry| entry.sample.members.iter().any(|m| m.extension == place);
            entries.iter().filter(with).count()
        };
        let nullable: Vec<bool> =
            (0..kinds.len()).map(|place| present(place) < entries.len()).collect();
        let schema = member::schema(extensions.names(), &kinds, &nullable)?;
        let found = Found { warnings, refused, doomed: None };
        Ok(WebDataset { schema, kinds: kinds.into(), root, entries, found })
    }
}

fn is_shard(file: &str) -> bool {
    files::extension(file).eq_ignore_ascii_case("tar")
}

fn is_gzip(root: &Path, shard: &str) -> bool {
    let mut first = [0; 2];
    let read = File::open(root.join(shard)).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == [0x1f, 0x8b]
}

/// Learns the element type and dimensions of array columns from their first arrays.
fn look_at_arrays(
    root: &Path,
    entries: &[Entry],
    kinds: &mut [Kind],
    extensions: &Extensions,
    longest: u64,
) -> Result<(), Problem> {
    for (place, kind) in kinds.iter_mut().enumerate() {
        if !matches!(kind, Kind::Array { .. }) {
            continue;
        }
        let members = entries.iter().flat_map(|entry| {
            let own = entry.sample.members.iter().filter(|member| member.extension == place);
            own.map(move |member| (entry, member))
        });
        let mut wrong = None;
        for (entry, member) in members.take(LOOKED_AT) {
            let looked = fetch(root, &entry.shard, member, longest)
                .and_then(|bytes| npy::NpyArray::new(&bytes));
            match looked {
                Ok(array) => {
                    *kind = Kind::Array { dtype: array.dtype().clone(), ndim: array.shape.len() };
                    wrong = None;
                    break;
                }
                Err(cause) => {
                    wrong = wrong.or(Some(entry.problem(extensions.names(), member, &cause)))
                }
            }
        }
        if let Some(problem) = wrong {
            return Err(problem);
        }
    }
    Ok(())
}

/// A member's bytes.
fn fetch(root: &Path, shard: &str, member: &Member, limit: u64) -> Result<Vec<u8>, String> {
    Limits::check("the member's length in bytes", member.length, limit, "max_page_bytes")
        .map_err(|e| e.to_string())?;
    let read = || {
        let mut file = File::open(root.join(shard))?;
        file.seek(SeekFrom::Start(member.offset))?;
        let mut bytes = Vec::new();
        file.take(member.length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e: std::io::Error| e.to_string())?;
    if u64::try_from(bytes.len()) != Ok(member.length) {
        return Err("the file ends inside the member".into());
    }
    Ok(bytes)
}

impl Entry {
    fn problem(&self, names: &[String], member: &Member, cause: &str) -> Problem {
        let extension = names.get(member.extension).map_or("", String::as_str);
        let (shard, key) = (&self.shard, &self.sample.key);
        Problem::new(format!("{shard}/{key}.{extension}"), cause)
    }

    fn load(
        &self,
        root: &Path,
        names: &[String],
        kinds: &[Kind],
        options: &ImportOptions,
    ) -> Result<Loaded<Row>, Problem> {
        if let Some(cause) = &self.sample.wrong {
            let file = format!("{}/{}", self.shard, self.sample.key);
            return Err(Problem::new(file, cause.as_str()));
        }
        let mut row = Row { key: self.sample.key.clone(), values: Vec::new() };
        row.values.resize_with(kinds.len(), || None);
        let mut weight = row.key.len() + kinds.len() * 16;
        for member in &self.sample.members {
            let problem = |cause: &str| self.problem(names, member, cause);
            let bytes = fetch(root, &self.shard, member, options.limits.max_page_bytes)
                .map_err(|cause| problem(&cause))?;
            weight += bytes.len();
            let Some((kind, value)) =
                kinds.get(member.extension).zip(row.values.get_mut(member.extension))
            else {
                continue;
            };
            *value = Some(Value::read(kind, bytes, options).map_err(|cause| problem(&cause))?);
        }
        Ok(Loaded { row, bytes: weight, warnings: Vec::new(), common: Vec::new() })
    }
}

impl Item for Entry {
    fn file(&self) -> &str {
        &self.sample.key
    }
}

impl Source for WebDataset {
    fn format(&self) -> &'static str {
        "WebDataset"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream {
        let WebDataset { schema, kinds, root, entries, found } = *self;
        let load_options = options.clone();
        let names: Vec<String> =
            schema.columns.iter().skip(1).map(|column| column.name.clone()).collect();
        let builder = Builder::new(schema, &kinds);
        let load = move |entry: Entry| entry.load(&root, &names, &kinds, &load_options);
        pipeline::run(entries, load, builder, found, options)
    }
}

#[cfg(test)]
mod tests;
