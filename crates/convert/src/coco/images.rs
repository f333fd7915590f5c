//! Which file an image's name means.

use std::collections::HashMap;

use crate::files;

/// The images of a folder, found by name.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Relative to the root.
    files: Vec<String>,
    by_name: HashMap<String, Vec<usize>>,
    /// The folder of the annotation file, and its name without extension.
    folder: String,
    stem: String,
}

impl Images {
    /// All files but text; `annotations` is the annotation file.
    pub fn list(all: &[String], annotations: &str) -> Images {
        let folder = annotations.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
        let stem = files::stem(annotations).to_string();
        let mut images = Images { folder, stem, ..Images::default() };
        for file in all {
            if matches!(files::extension(file), "json" | "txt" | "xml" | "yaml" | "md") {
                continue;
            }
            let name = files::file_name(file).to_string();
            images.by_name.entry(name).or_default().push(images.files.len());
            images.files.push(file.clone());
        }
        images
    }

    /// The path of the image that an annotation file names. If several folders have one of that
    /// name, the path decides, then the annotation file's own folder, then a folder whose name is
    /// in the annotation file's: `val2017` for `instances_val2017.json`.
    ///
    /// What the annotation file says is only looked up, never opened: it may say anything.
    pub fn find(&self, wanted: &str) -> Result<&str, String> {
        let wanted = wanted.replace('\\', "/");
        let wanted = wanted.trim_start_matches("./");
        let candidates = self.by_name.get(files::file_name(wanted)).map_or(&[][..], Vec::as_slice);
        let paths: Vec<&str> = candidates
            .iter()
            .filter_map(|index| self.files.get(*index))
            .map(String::as_str)
            .collect();
        let below = |path: &str| {
            path == wanted || path.strip_suffix(wanted).is_some_and(|front| front.ends_with('/'))
        };
        let folder_of =
            |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
        let beside = |path: &str| folder_of(path) == self.folder;
        let named = |path: &str| {
            folder_of(path).split('/').any(|part| !part.is_empty() && self.stem.contains(part))
        };
        let rules: [&dyn Fn(&str) -> bool; 3] = [&below, &beside, &named];
        let mut left = paths;
        for rule in rules {
            if left.len() > 1 {
                let fit: Vec<&str> = left.iter().copied().filter(|path| rule(path)).collect();
                if !fit.is_empty() {
                    left = fit;
                }
            }
        }
        match left.as_slice() {
            [path] => Ok(path),
            [first, second, ..] => {
                Err(format!("cannot tell which file it is: '{first}' or '{second}'"))
            }
            [] => Err(format!("the file is missing ({} images are there)", self.files.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_image_of_a_name_is_found() {
        let files = ["val2017/a.jpg", "train2017/a.jpg", "train2017/b.jpg", "x/c.jpg", "y/c.jpg"];
        let files = files.map(str::to_string);
        let images = Images::list(&files, "annotations/instances_val2017.json");
        assert_eq!(images.find("a.jpg"), Ok("val2017/a.jpg"));
        assert_eq!(images.find("train2017/a.jpg"), Ok("train2017/a.jpg"));
        assert_eq!(images.find("..\\somewhere\\b.jpg"), Ok("train2017/b.jpg"));
        assert!(images.find("c.jpg").unwrap_err().contains("'x/c.jpg' or 'y/c.jpg'"));
        assert!(images.find("../../etc/passwd").unwrap_err().contains("missing"));
        let beside = Images::list(&files, "y/_annotations.coco.json");
        assert_eq!(beside.find("c.jpg"), Ok("y/c.jpg"));
    }
}
