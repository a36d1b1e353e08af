//! A look at the source: what becomes of each of its datasets. And the new file, made of what it found.

use super::crew::Work;
use super::job::{Job, Way};
use super::sides::{self, Opened};
use super::split::Split;
use super::together::Ranks;
use super::{Order, Together, mover, output, verify};
use crate::engine::{is_part_of, missing_part};
use crate::h5::tree::{self, Copied, Kind, StorageKind, StorageNow, Tree, WantedStorage, copy_attributes};
use crate::h5::virtual_dataset;
use crate::identity::{Identity, identity};
use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::repack_plan::receipt::{Change, Receipt};
use h5lab_core::repack_plan::rules::Rules;
use h5lab_core::report::printable;
use hdf5_metno as hdf5;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The source, and what becomes of each of its datasets.
pub(super) struct Survey {
    pub(super) file: hdf5::File,
    pub(super) bytes: File,
    tree: Tree,
    pub(super) jobs: Vec<Job>,
    /// The files that its values are in: itself, and those that virtual datasets show.
    pub(super) files: Vec<PathBuf>,
}

impl Survey {
    pub(super) fn of(order: &Order) -> Result<Survey> {
        let path = &order.input;
        let file = crate::h5::open_existing(path)?;
        let bytes = File::open(path).map_err(|e| Failure::io("open", path, &e))?;
        crate::h5::filters::register().map_err(|e| crate::h5::failure(&e, "register filters", path))?;
        let tree = Tree::of(&file, path)?;
        let rules = Rules::new(order.rules.clone())?;
        refuse_unmatched(&rules, &tree, path)?;
        let (mut jobs, mut files) = (Vec::new(), vec![path.clone()]);
        for (number, object) in tree.datasets() {
            let name = object.name();
            let fail =
                |e: hdf5::Error| crate::h5::failure(&e, &format!("look at dataset '{}'", printable(&name)), path);
            let dataset = tree::open_dataset(&file, object.address).map_err(fail)?;
            let now = StorageNow::of(&dataset).map_err(fail)?;
            if now.kind == StorageKind::Virtual {
                let shown = virtual_dataset::files(&dataset, path)?;
                // HDF5 would read fill values where a part is missing.
                let mut parts = shown.iter().filter(|_| order.materialize);
                if let Some(part) = parts.find(|file| is_part_of(path, file) && !file.exists()) {
                    return Err(missing_part(part));
                }
                files.extend(shown);
            }
            let mut wish = rules.wish(&object.names());
            if now.bytes() < order.minimum {
                wish.filters = None;
            }
            jobs.push(Job::new(number, object, now, &wish, order.materialize, path)?);
        }
        Ok(Survey { file, bytes, tree, jobs, files })
    }

    /// Writes the new file, whole and closed: what rank 0 does. `shown` are the datasets, by number, whose values are in other
    /// files; all others get theirs, with the help of other ranks if there are any.
    pub(super) fn write(
        &self,
        order: &Order,
        partial: &Path,
        shown: &HashMap<usize, WantedStorage>,
        work: &Work<'_>,
        ranks: Ranks<'_>,
    ) -> Result<(Vec<String>, Option<Identity>)> {
        let fail = |what: &str| {
            let what = what.to_owned();
            move |e: hdf5::Error| crate::h5::failure(&e, &what, partial)
        };
        let target = tree::create_file(&self.file, partial).map_err(fail("create"))?;
        let made = identity(partial);
        let outcome = self.fill(order, (&target, partial), shown, work, ranks);
        let flushed = outcome.and_then(|notes| target.flush().map_err(fail("write")).map(|()| notes));
        let closed = crate::h5::close_file(target, partial);
        let notes = flushed.and_then(|notes| closed.map(|()| notes))?;
        let block = self.file.userblock();
        output::user_block(&order.input, partial, block)?;
        Ok((notes, made))
    }

    /// What ranks other than 0 do: their groups of each dataset that passes by HDF5.
    pub(super) fn help(&self, order: &Order, partial: &Path, work: &Work<'_>, ranks: Ranks<'_>) -> Result<()> {
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let mut shared = self.jobs.iter().filter(|job| job.way == Way::Tiles);
        shared.try_for_each(|job| mover::by_tiles(job, &source, None, partial, work, ranks))
    }

    fn fill(
        &self,
        order: &Order,
        (target, partial): (&hdf5::File, &Path),
        shown: &HashMap<usize, WantedStorage>,
        work: &Work<'_>,
        ranks: Ranks<'_>,
    ) -> Result<Vec<String>> {
        let wanted = self.jobs.iter().map(|job| (job.number, shown.get(&job.number).unwrap_or(&job.wanted).clone()));
        let wanted: HashMap<usize, WantedStorage> = wanted.collect();
        let at = |what: &str, name: &str| format!("{what} '{}'", printable(name));
        let mut copied = Copied::structure(&self.file, target, &self.tree, &wanted)
            .map_err(|(name, e)| crate::h5::failure(&e, &at("make", &name), partial))?;
        for object in &self.tree.objects {
            let made = copied.address(object.address).expect("every object was made");
            copy_attributes(object.address, made, &mut copied)
                .map_err(|e| crate::h5::failure(&e, &at("copy the attributes of", &object.name()), partial))?;
        }
        // Metadata first: where a contiguous dataset begins is known only once it is there.
        let bytes =
            File::options().read(true).write(true).open(partial).map_err(|e| Failure::io("open", partial, &e))?;
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let target = Opened { file: target, bytes: &bytes, path: partial };
        for job in self.jobs.iter().filter(|job| !shown.contains_key(&job.number)) {
            let address = copied.address(job.address).expect("every object was made");
            mover::values(job, &source, &target, address, &mut copied, work, ranks)?;
        }
        Ok(notes(&copied, order, &self.jobs))
    }

    /// Looks at the new file: what each dataset takes there, and whether every value is what it was, if that is asked for.
    /// Ranks share the values, and do not wait for each other. What is `split` is known by its parts, which have not got their
    /// names yet: here it is only made sure that the new file shows them.
    pub(super) fn look_at(
        &self,
        order: &Order,
        partial: &Path,
        split: Option<&Split>,
        work: &Work<'_>,
    ) -> Result<HashMap<u64, u64>> {
        let mut sizes = HashMap::new();
        if work.rank > 0 && !order.verify {
            return Ok(sizes);
        }
        let file = crate::h5::open_existing(partial)?;
        let bytes = File::open(partial).map_err(|e| Failure::io("open", partial, &e))?;
        let tree = Tree::of(&file, partial)?;
        let source = Opened { file: &self.file, bytes: &self.bytes, path: &order.input };
        let target = Opened { file: &file, bytes: &bytes, path: partial };
        if order.verify {
            verify::compare((&source, &self.tree), (&target, &tree), &self.jobs, split, work)?;
        }
        let here = |job: &&Job| split.and_then(|split| split.share(job)).is_none();
        for job in self.jobs.iter().filter(here) {
            let address = tree.objects.get(job.number).map_or(0, |object| object.address);
            let dataset = sides::dataset(&target, address)?;
            sizes.insert(job.address, dataset.storage_size());
        }
        Ok(sizes)
    }

    /// What was done, or would be; `stored` has the bytes that the dataset with this address in the source takes now.
    pub(super) fn receipt(
        &self,
        order: &Order,
        crew: Together,
        split: Option<&Split>,
        stored: &dyn Fn(u64) -> Option<u64>,
    ) -> Result<Receipt> {
        let count = |kind: Kind| self.tree.objects.iter().filter(|object| object.kind == kind).count() as u64;
        let nobody = |_: u64| {};
        let work = crew.work(order, &nobody);
        let mut changes = Vec::new();
        for job in self.jobs.iter().filter(|job| job.changes()) {
            changes.push(Change {
                dataset: job.name.clone(),
                shape: job.now.shape.clone(),
                bytes: job.now.bytes(),
                before: job.before(),
                after: job.after(stored(job.address)),
                groups: match split {
                    Some(split) => split.groups(job),
                    None => mover::groups(job, &work)?,
                },
                parts: split.map_or(0, |split| split.count(job)),
            });
        }
        Ok(Receipt {
            h5lab: env!("CARGO_PKG_VERSION").into(),
            dry_run: false,
            input: order.input.clone(),
            output: order.output.clone(),
            input_bytes: output::state(&order.input).map_or(0, |found| found.len()),
            output_bytes: None,
            bytes: self.jobs.iter().map(|job| job.now.bytes()).sum(),
            changes,
            groups: count(Kind::Group),
            datasets: count(Kind::Dataset),
            datatypes: count(Kind::Datatype),
            threads: crew.threads,
            ranks: crew.ranks,
            memory: order.memory,
            seconds: 0.0,
            verify_seconds: None,
            parts: split.map_or_else(Vec::new, Split::files),
            notes: Vec::new(),
        })
    }
}

/// What should be known of a file that was carried over.
fn notes(copied: &Copied<'_>, order: &Order, jobs: &[Job]) -> Vec<String> {
    let mut notes = Vec::new();
    if copied.dangling > 0 {
        notes.push(format!("{} references lead to objects that are gone: they are null now", copied.dangling));
    }
    for path in &copied.skipped {
        notes.push(format!("the link '{}' is of a class that a program defined for itself: left out", printable(path)));
    }
    let folder = |path: &Path| std::path::absolute(path).ok().and_then(|p| p.parent().map(Path::to_owned));
    let elsewhere = jobs.iter().any(|job| job.leads_elsewhere()) || copied.leads_elsewhere();
    if elsewhere && folder(&order.input) != folder(&order.output) {
        notes.push("external links, virtual or external datasets name other files: seen from the new folder".into());
    }
    notes
}

fn refuse_unmatched(rules: &Rules, tree: &Tree, path: &Path) -> Result<()> {
    let paths: Vec<String> = tree.datasets().flat_map(|(_, object)| object.names()).collect();
    let Some(name) = rules.unmatched(&paths).first().map(|name| printable(name)) else { return Ok(()) };
    let mut shown: Vec<String> = paths.iter().take(40).map(|path| printable(path)).collect();
    if paths.len() > shown.len() {
        shown.push(format!("and {} more", paths.len() - shown.len()));
    }
    let there =
        if shown.is_empty() { "it has no dataset at all".into() } else { format!("it has: {}", shown.join(", ")) };
    Err(Failure::new(FailureKind::Input, format!("no dataset fits '{name}'"))
        .at(path)
        .mend(format!("name another; {there}")))
}
