//! Writes the generated half of the Swift package from the built library.
//!
//! `hookseal-bindgen LIBRARY OUT` makes `OUT/HooksealFFI/HooksealFFI.swift`, `OUT/CHookseal/CHookseal.h` and
//! `OUT/CHookseal/module.modulemap`. A crate of its own: the library that users link knows nothing of it.

use std::{env, path::Path, process::ExitCode};

use uniffi_bindgen::bindings::{SwiftBindingsOptions, generate_swift_bindings};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, out] = arguments.as_slice() else {
        eprintln!("usage: hookseal-bindgen LIBRARY OUT");
        return ExitCode::from(2);
    };
    let swift = SwiftBindingsOptions {
        generate_swift_sources: true,
        source: library.into(),
        out_dir: Path::new(out).join("HooksealFFI").to_string_lossy().into_owned().into(),
        metadata_no_deps: true,
        ..SwiftBindingsOptions::default()
    };
    let c = SwiftBindingsOptions {
        generate_headers: true,
        generate_modulemap: true,
        source: library.into(),
        out_dir: Path::new(out).join("CHookseal").to_string_lossy().into_owned().into(),
        module_name: Some("CHookseal".into()),
        modulemap_filename: Some("module.modulemap".into()),
        metadata_no_deps: true,
        ..SwiftBindingsOptions::default()
    };
    for options in [swift, c] {
        if let Err(error) = generate_swift_bindings(options) {
            eprintln!("{error:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
