//! Lists every `schemes/*.json` in a generated table, so that a new scheme is one new file.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let folder = Path::new(&root).join("schemes");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("spec/schemes is part of the crate")
        .map(|entry| entry.expect("readable folder").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));

    let mut table = String::from("&[\n");
    for file in files {
        let name = file.file_stem().expect("a file name").to_string_lossy();
        writeln!(table, "    ({name:?}, include_str!({:?})),", file.display().to_string())
            .expect("writing to a String");
    }
    table.push(']');
    fs::write(Path::new(&out).join("schemes.rs"), table).expect("OUT_DIR is writable");
}
