//! A file that is whole, or as it was before.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::failure::Failure;

/// A file to be written later, by renaming a whole one over it. What is no regular file (a terminal, a pipe, `/dev/null`) is
/// written as it is.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// What is renamed; `None` where nothing may be.
    temporary: Option<PathBuf>,
}

impl File {
    /// Finds out whether it can be written, and leaves no trace.
    pub(super) fn check(path: &Path) -> Result<Self, Failure> {
        let cannot = |error| cannot(path, &error);
        // A link stays one: what it points to is written.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => return Err(cannot(io::ErrorKind::IsADirectory.into())),
            Ok(data) if !data.is_file() => return Ok(Self { path, temporary: None }),
            Ok(_) | Err(_) => {}
        }
        let Some(name) = path.file_name() else { return Err(cannot(io::ErrorKind::InvalidFilename.into())) };
        let temporary = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), process::id()));
        create(&temporary).and_then(|_| fs::remove_file(&temporary)).map_err(cannot)?;
        Ok(Self { path, temporary: Some(temporary) })
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &self.temporary {
            Some(temporary) => replace(temporary, &self.path, bytes),
            None => OpenOptions::new().write(true).open(&self.path).and_then(|mut file| file.write_all(bytes)),
        };
        written.map_err(|error| cannot(&self.path, &error))
    }
}

fn replace(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let whole = create(temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(temporary, path));
    if whole.is_err() {
        // Half a file is of no use to anyone; where it can't go either, the first error says why.
        drop(fs::remove_file(temporary));
    }
    whole
}

/// Only this process has a file of that name.
fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::Runtime(format!("can't write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of this test's own.
    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bowline-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = directory("replaced");
        let path = directory.join("report.json");
        for text in ["first", "second"] {
            let file = File::check(&path).unwrap();
            assert_eq!(path.exists(), text == "second");
            file.write(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let link = directory.join("link.json");
        symlink(&path, &link).unwrap();
        File::check(&link).unwrap().write(b"third").unwrap();
        assert!(link.is_symlink() && fs::read_to_string(&path).unwrap() == "third");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn devices_are_written_and_not_replaced() {
        File::check(Path::new("/dev/null")).unwrap().write(b"text").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn what_cannot_be_written_is_found_out() {
        let directory = directory("unwritable");
        assert!(File::check(&directory).is_err());
        assert!(File::check(&directory.join("none/report.json")).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
