//! `h5lab env`: what one looks up before experimenting.

use crate::cli::{Env, Output};
use h5lab_core::failure::{Failure, Result};

/// Prints what there is here.
pub fn run(args: Env, output: &Output) -> Result<()> {
    let host = h5lab_io::host::collect(Some(&args.path))
        .map_err(|e| Failure::io("look at", &args.path, &e).mend("name a path that you may look at"))?;
    if output.json {
        println!("{}", serde_json::to_string(&host).expect("plain data"));
    } else if !output.quiet {
        print!("{}", h5lab_core::host::text(&host));
    }
    Ok(())
}
