//! Reads the build summary (`libhdf5.settings`) that most HDF5 libraries carry inside them.

use std::collections::BTreeMap;
use std::path::Path;

/// The title that opens the summary.
const TITLE: &[u8] = b"SUMMARY OF THE HDF5 CONFIGURATION";

/// The lines `name: value` of a library's build summary.
#[derive(Debug, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The summary inside a library file; empty when the library carries none.
    pub(super) fn of_library(file: &Path) -> Self {
        let image = std::fs::read(file).unwrap_or_default();
        Self::parse(summary(&image).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Self(pairs.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_string())).collect())
    }

    /// A value that is there and not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&name.to_lowercase())?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A switch: configure writes yes and no, CMake ON and OFF, or nothing for an option it did not offer.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        match self.value(name)?.to_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => Some(true),
            "no" | "off" | "false" | "0" => Some(false),
            _ => None,
        }
    }
}

/// The summary: from its title to the zero byte that ends a C string.
fn summary(image: &[u8]) -> Option<&str> {
    let start = memchr::memmem::find(image, TITLE)?;
    let text = &image[start..];
    let end = memchr::memchr(0, text)?;
    std::str::from_utf8(&text[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURE: &str = "SUMMARY OF THE HDF5 CONFIGURATION\n  Parallel HDF5: yes\n   Threadsafety: no\n Direct VFD: no\n (Read-Only) S3 VFD: yes\n";
    const CMAKE: &str =
        "SUMMARY OF THE HDF5 CONFIGURATION\n  Parallel HDF5: OFF\n   Subfiling VFD: \n Use file locking: best-effort\n";

    #[test]
    fn both_ways_to_build_are_understood() {
        let settings = Settings::parse(CONFIGURE);
        assert_eq!(settings.switch("Parallel HDF5"), Some(true));
        assert_eq!(settings.switch("Threadsafety"), Some(false));
        assert_eq!(settings.switch("(Read-Only) S3 VFD"), Some(true));
        let settings = Settings::parse(CMAKE);
        assert_eq!(settings.switch("parallel hdf5"), Some(false));
        assert_eq!(settings.value("Use file locking"), Some("best-effort"));
    }

    #[test]
    fn what_is_not_said_is_unknown() {
        let settings = Settings::parse(CMAKE);
        assert_eq!(settings.switch("Subfiling VFD"), None);
        assert_eq!(settings.switch("Mirror VFD"), None);
        assert_eq!(settings.switch("Use file locking"), None);
    }

    #[test]
    fn the_summary_is_found_inside_an_image() {
        let image = [b"\x7fELF\xff\0".as_slice(), CONFIGURE.as_bytes(), b"\0\xfe"].concat();
        assert_eq!(summary(&image), Some(CONFIGURE));
        assert_eq!(summary(b"\x7fELF"), None);
        assert_eq!(summary(CONFIGURE.as_bytes()), None);
    }
}
