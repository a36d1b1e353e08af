//! What `h5lab tune` leaves: what reads took, what was predicted and promised, and what was obtained.

use crate::layout::Layout;
use crate::report::{Table, bytes, printable, seconds, significant};
use serde::{Deserialize, Serialize};

/// One kind of read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The read: `projection`.
    pub read: String,
    /// Seconds that one took in the old file.
    pub before: f64,
    /// Seconds that the model predicted for the new layout.
    pub predicted: f64,
    /// Seconds that the proof on a sample promised.
    pub promised: f64,
    /// Seconds that one takes in the new file.
    pub obtained: f64,
}

/// The receipt of a repack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The old file.
    pub old: String,
    /// The new one.
    pub new: String,
    /// The dataset.
    pub dataset: String,
    /// Its layout in the old file.
    pub from: Layout,
    /// Its layout in the new file.
    pub to: Layout,
    /// Each kind of read.
    pub reads: Vec<ReceiptLine>,
    /// Bytes that the dataset took, that were predicted, promised, and that it takes.
    pub stored: [u64; 4],
    /// Seconds that the repack took, verification included.
    pub repack_seconds: f64,
}

impl Receipt {
    /// The receipt as text.
    pub fn text(&self) -> String {
        let mut table = Table::new()
            .word("")
            .number("before")
            .number("predicted")
            .number("promised")
            .number("obtained")
            .number("gain")
            .number("obtained over\npromised");
        for line in &self.reads {
            table.row([
                format!("{}, s", line.read),
                seconds(line.before),
                seconds(line.predicted),
                seconds(line.promised),
                seconds(line.obtained),
                format!("{} x", significant(line.before / line.obtained.max(1e-12))),
                significant(line.obtained / line.promised.max(1e-12)),
            ]);
        }
        let [before, predicted, promised, obtained] = self.stored;
        let ratio = |a: u64, b: u64| significant(a as f64 / b.max(1) as f64);
        table.row([
            "stored".to_owned(),
            bytes(before),
            bytes(predicted),
            bytes(promised),
            bytes(obtained),
            format!("{} x", ratio(before, obtained)),
            ratio(obtained, promised),
        ]);
        format!(
            "{}: {} is {} now, in {} ({} before); written and verified in {} s\n\n{}",
            printable(&self.old),
            printable(&self.dataset),
            self.to,
            printable(&self.new),
            self.from,
            seconds(self.repack_seconds),
            table.render()
        )
    }
}
