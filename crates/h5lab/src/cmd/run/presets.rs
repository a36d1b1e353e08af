//! Plans that come with h5lab.

use crate::output::line;
use h5lab_core::failure::Result;
use h5lab_core::sweep::{Sweep, from_toml};

/// Name and text of each preset.
const PRESETS: &[(&str, &str)] = &[
    ("write", include_str!("../../../../../presets/write.toml")),
    ("read", include_str!("../../../../../presets/read.toml")),
    ("chunking", include_str!("../../../../../presets/chunking.toml")),
    ("projection-stack", include_str!("../../../../../presets/projection-stack.toml")),
];

/// The preset of this name.
///
/// # Errors
/// A usage failure that lists the names.
pub fn find(name: &str) -> Result<Sweep> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| {
        let names = PRESETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        crate::usage(format!("no preset '{}'", h5lab_core::report::printable(name))).mend(format!("use one of {names}"))
    })?;
    from_toml(text, Sweep::default())
}

/// Prints each preset with its description.
///
/// # Errors
/// Those of [`crate::output::print`].
pub fn list() -> Result<()> {
    for (name, text) in PRESETS {
        let description = text.lines().find_map(|l| l.strip_prefix("description = ")).unwrap_or("").trim_matches('"');
        line(format_args!("{name:18} {description}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_plan_with_cells() {
        for (name, text) in PRESETS {
            assert!(text.contains(&format!("name = \"{name}\"")) && text.contains("description = \""), "{name}");
            let (batches, _) = find(name).unwrap().batches(&|_| Ok(())).unwrap();
            assert!(batches.iter().flat_map(|b| b.cells()).count() > 0, "{name}");
        }
    }
}
