//! Writes the generated half of the Swift package, or of the Kotlin one, from the built library.
//!
//! `hookseal-bindgen swift LIBRARY OUT` makes `OUT/HooksealFFI/HooksealFFI.swift`, `OUT/CHookseal/CHookseal.h` and
//! `OUT/CHookseal/module.modulemap`; `hookseal-bindgen kotlin LIBRARY OUT` makes the file of the package that
//! `uniffi.toml` names. A crate of its own: the library that users link knows nothing of it.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use uniffi_bindgen::bindings::{
    GenerateOptions, SwiftBindingsOptions, TargetLanguage, generate, generate_swift_bindings,
};

/// The package of `[bindings.kotlin]`, as a path.
const KOTLIN_FILE: &str = "io/hookseal/internal/hookseal_swift.kt";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["swift", library, out] => swift(library, Path::new(out)),
        ["kotlin", library, out] => kotlin(library, Path::new(out)),
        _ => {
            eprintln!("usage: hookseal-bindgen swift|kotlin LIBRARY OUT");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

fn swift(library: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    let swift = SwiftBindingsOptions {
        generate_swift_sources: true,
        source: library.into(),
        out_dir: out.join("HooksealFFI").to_string_lossy().into_owned().into(),
        metadata_no_deps: true,
        ..SwiftBindingsOptions::default()
    };
    let c = SwiftBindingsOptions {
        generate_headers: true,
        generate_modulemap: true,
        source: library.into(),
        out_dir: out.join("CHookseal").to_string_lossy().into_owned().into(),
        module_name: Some("CHookseal".into()),
        modulemap_filename: Some("module.modulemap".into()),
        metadata_no_deps: true,
        ..SwiftBindingsOptions::default()
    };
    generate_swift_bindings(swift)?;
    Ok(generate_swift_bindings(c)?)
}

fn kotlin(library: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    generate(GenerateOptions {
        languages: vec![TargetLanguage::Kotlin],
        source: library.into(),
        out_dir: out.to_string_lossy().into_owned().into(),
        metadata_no_deps: true,
        ..GenerateOptions::default()
    })?;
    let file = out.join(KOTLIN_FILE);
    Ok(fs::write(&file, hidden(&fs::read_to_string(&file)?))?)
}

/// UniFFI makes what it declares public; nothing of it is for the users of the package.
fn hidden(kotlin: &str) -> String {
    const DECLARATIONS: &str = "class open data sealed enum abstract interface object fun inline typealias";
    let hide = |line: &str| {
        let declaration = line.strip_prefix("public ").unwrap_or(line);
        let keyword = declaration.split(' ').next().unwrap_or_default();
        if !keyword.is_empty() && DECLARATIONS.split(' ').any(|known| known == keyword) {
            format!("internal {declaration}\n")
        } else {
            format!("{}\n", line.replace(") fun `", ") internal fun `").replace("*/ fun `", "*/ internal fun `"))
        }
    };
    kotlin.lines().map(|line| hide(line.trim_end())).collect()
}
