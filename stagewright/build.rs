//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A supervisor is started for each build. The table of what the loader relocates then is a twentieth like this.
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
