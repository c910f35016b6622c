//! Circles among the files of a crate: files that import one another can only be understood together.
//!
//! A file is a module; an edge leads from it to each module whose items it names by a path that begins with `crate`,
//! `super` or `self`. A module and the files below it are one room, so that what a module takes from its own
//! submodules makes no edge.

use std::collections::{BTreeMap, BTreeSet};

use super::source_text::SourceFile;

/// A module's path below the crate's root.
type Module = Vec<String>;

/// The circles of one crate, each as the paths of its files, sorted; none where its files can be read in some order.
pub(crate) fn circles(files: &[SourceFile]) -> Vec<Vec<String>> {
    let modules: BTreeMap<Module, &SourceFile> =
        files.iter().filter(|file| !file.is_test).map(|file| (module_of(&file.path), file)).collect();
    let mut reexports = BTreeMap::new();
    if let Some(root) = modules.get(&Module::new()) {
        for path in paths(&root.code, &["use"], &Module::new()) {
            let name = path.last().cloned().unwrap_or_default();
            reexports.insert(name, path);
        }
    }

    let mut edges: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for (module, file) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let named = paths(&file.code, &["crate", "super", "self"], module);
        let targets = named.iter().filter_map(|path| target(path, &modules, &reexports));
        let outside = targets.filter(|target| !target.starts_with(module));
        edges.insert(module, outside.collect());
    }

    let mut found: Vec<Vec<String>> = Vec::new();
    let mut placed = BTreeSet::new();
    for &module in edges.keys() {
        if placed.contains(module) {
            continue;
        }
        let there = reachable(module, &edges);
        let circle: Vec<&Module> =
            there.iter().copied().filter(|other| reachable(other, &edges).contains(module)).collect();
        if circle.len() > 1 {
            placed.extend(circle.iter().copied());
            found.push(circle.iter().map(|module| modules[*module].path.clone()).collect());
        }
    }
    found
}

/// What can be come to from a module, itself included only where a way leads back.
fn reachable<'m>(from: &Module, edges: &BTreeMap<&'m Module, BTreeSet<&'m Module>>) -> BTreeSet<&'m Module> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Module> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = waiting.pop() {
        if found.insert(module) {
            waiting.extend(edges.get(module).into_iter().flatten());
        }
    }
    found
}

/// `crates/x/src/a/b.rs` and `crates/x/src/a/b/mod.rs` are `[a, b]`; the root is empty.
fn module_of(path: &str) -> Module {
    let below = path.split_once("/src/").map_or(path, |(_, below)| below);
    let mut parts: Module = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The module that a path leads to: the longest beginning that is one, or where the root takes the name from.
fn target<'m>(
    path: &[String],
    modules: &'m BTreeMap<Module, &SourceFile>,
    reexports: &BTreeMap<String, Module>,
) -> Option<&'m Module> {
    let longest = |path: &[String]| {
        let mut beginnings = (1..=path.len()).rev().filter_map(|length| path.get(..length));
        beginnings.find_map(|beginning| modules.get_key_value(beginning)).map(|(module, _)| module)
    };
    longest(path).or_else(|| longest(reexports.get(path.first()?)?))
}

/// The paths in code that begin with one of the words, from the root of the crate on, groups written out.
///
/// The word `use` stands for re-exports of a root: what follows it begins at the root.
fn paths(code: &str, words: &[&str], module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for word in words {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            let stands_alone = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
            let rest = &code[at + word.len()..];
            let follows = if *word == "use" { rest.strip_prefix(' ') } else { rest.strip_prefix("::") };
            let (true, Some(mut rest)) = (stands_alone, follows) else { continue };

            let mut base = match *word {
                "super" => parent(module),
                "self" => module.clone(),
                _ => Module::new(),
            };
            while let Some(further) = rest.strip_prefix("super::") {
                base = parent(&base);
                rest = further;
            }
            expand(&mut rest, &base, &mut found);
        }
    }
    found
}

fn parent(module: &Module) -> Module {
    module.split_last().map_or_else(Module::new, |(_, parents)| parents.to_vec())
}

/// Reads `a::b`, `a::{b, c::d}` or `*`, and adds each path behind `base`.
fn expand(rest: &mut &str, base: &Module, found: &mut Vec<Module>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        loop {
            expand(rest, base, found);
            // ` as name` and the like are of no interest
            let Some(end) = rest.find([',', '}']) else { return };
            let is_last = rest[end..].starts_with('}');
            *rest = &rest[end + 1..];
            if is_last {
                return;
            }
        }
    }

    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, further) = rest.split_at(length);
    *rest = further;
    let mut path = base.clone();
    if !name.is_empty() && name != "self" {
        path.push(name.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(further) if !further.starts_with('<') => {
            *rest = further;
            expand(rest, &path, found);
        }
        _ => found.push(path),
    }
}
