//! The crates as a registry would get them: packed, unpacked and built.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

#[test]
#[ignore = "it packs and builds two crates, which takes minutes: cargo test -p hookseal --test package -- --ignored"]
fn the_packed_crates_build_and_hold_their_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = root.join("target/package-check");
    let status = Command::new(env!("CARGO"))
        .args(["package", "--allow-dirty", "--no-default-features", "-p", "hookseal-spec", "-p", "hookseal"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&root)
        .status()
        .unwrap();
    assert!(status.success());

    let unpacked = |name: &str| target.join(format!("package/{name}-{}", env!("CARGO_PKG_VERSION")));
    for folder in ["schemes", "vectors", "scenarios"] {
        let packed = names(&unpacked("hookseal-spec").join(folder));
        assert_eq!(packed, names(&root.join("spec").join(folder)));
        assert!(!packed.is_empty());
    }
    for file in ["hookseal-spec/SPEC.md", "hookseal-spec/errors.json", "hookseal/README.md", "hookseal/src/lib.rs"] {
        let (name, path) = file.split_once('/').unwrap();
        assert!(unpacked(name).join(path).is_file(), "{file} is not in the archive");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
