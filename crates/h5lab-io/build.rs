//! Lets programs find the libhdf5 that they were built against when HDF5_DIR named it. LD_LIBRARY_PATH still comes first.

fn main() {
    println!("cargo::rerun-if-env-changed=HDF5_DIR");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if let (true, Ok(hdf5)) = (linux, std::env::var("HDF5_DIR")) {
        println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags,-rpath,{hdf5}/lib");
    }
}
