"""The benches: each a function of a `Bench` that returns a `Report`. A new one is one line here."""

from . import advise, ceiling, chunking, codecs, direct, generator, repack, repeatability, report, start_up, write_read

BENCHES = {
    "write-read": write_read.run,
    "start-up": start_up.run,
    "generator": generator.run,
    "chunking": chunking.run,
    "codecs": codecs.run,
    "direct": direct.run,
    "ceiling": ceiling.run,
    "repeatability": repeatability.run,
    "repack": repack.run,
    "advise": advise.run,
    "report": report.run,
}
