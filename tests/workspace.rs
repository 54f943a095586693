//! What the workspace's own files say of it must be true.

/// The README names the oldest Rust that works, as `Cargo.toml` does; `tests/run` builds with it or newer.
#[test]
fn readme_names_the_rust_version() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer")));
}
