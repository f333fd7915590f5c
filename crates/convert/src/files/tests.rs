use super::*;
use crate::testing::jpeg;
use crate::testing::put;

#[test]
fn names_come_apart() {
    assert_eq!((stem("a/b.c.jpg"), extension("a/b.c.jpg")), ("b.c", "jpg"));
    assert_eq!((stem("a.b/c"), extension("a.b/c")), ("c", ""));
    assert_eq!((stem(".x"), extension(".x")), (".x", ""));
}

#[cfg(unix)]
#[test]
fn nothing_outside_is_listed() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "secret.jpg", jpeg(4, 4, 0));
    let folder = tempfile::tempdir().unwrap();
    let root = open_root(folder.path()).unwrap();
    put(&root, "cat/1.jpg", jpeg(4, 4, 0));
    put(&root, "cat/.hidden/2.jpg", jpeg(4, 4, 0));
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    link(&outside.path().join("secret.jpg"), "cat/2.jpg");
    link(outside.path(), "dog");
    link(Path::new("1.jpg"), "cat/3.jpg");
    link(Path::new(".."), "cat/circle");
    link(Path::new("nowhere"), "cat/dead.jpg");
    let listing = walk(&root).unwrap();
    assert_eq!(listing.files, ["cat/1.jpg", "cat/3.jpg"]);
    let left_out: Vec<&str> = listing.warnings.iter().map(|w| w.file.as_str()).collect();
    assert_eq!(left_out, ["cat/2.jpg", "cat/circle", "cat/dead.jpg", "dog"]);
}

#[test]
fn kinds_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "no_name", jpeg(4, 4, 0));
    put(root, "photo.dat", jpeg(4, 4, 0));
    put(root, "table.dat", "1 2 3");
    put(root, "README", "hello");
    assert_eq!(kind(root, "no_name"), FileKind::Image);
    assert_eq!(kind(root, "photo.dat"), FileKind::Image);
    assert_eq!(kind(root, "table.dat"), FileKind::Unknown);
    assert_eq!(kind(root, "README"), FileKind::Companion);
    assert_eq!(kind(root, "anything.gif"), FileKind::OtherImage);
}

#[test]
fn files_end_at_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a", [0u8; 10]);
    assert_eq!(read(folder.path(), "a", 10, "max").unwrap().len(), 10);
    let problem = read(folder.path(), "a", 9, "max").unwrap_err();
    assert!(problem.cause.contains("raise `max`"), "{problem}");
}
