#!/usr/bin/env python3
"""Writes the software bill of materials of the binary: CycloneDX 1.6 as JSON, from Cargo.lock.

    python3 release/sbom.py > infercost.cdx.json

What is linked into `infercost` on Linux counts; what only builds or tests it does not.
"""

import json
import subprocess
import sys
import uuid

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    for target in TARGETS:
        command += ["--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def linked(graph, root):
    """Ids of the packages that `root` is linked with, itself included."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    found, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def checksums():
    """SHA-256 of each crate's archive, by name and version, as Cargo.lock has them."""
    found, name, version = {}, None, None
    for line in open("Cargo.lock", encoding="utf-8"):
        key, _, value = line.strip().partition(" = ")
        value = value.strip('"')
        if key == "name":
            name = value
        elif key == "version":
            version = value
        elif key == "checksum":
            found[name, version] = value
    return found


def component(package, hashes):
    name, version = package["name"], package["version"]
    entry = {
        "type": "library",
        "bom-ref": f"pkg:cargo/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:cargo/{name}@{version}",
        "scope": "required",
    }
    if package.get("license"):
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if (name, version) in hashes:
        entry["hashes"] = [{"alg": "SHA-256", "content": hashes[name, version]}]
    return entry


def main():
    graph = metadata()
    packages = {package["id"]: package for package in graph["packages"]}
    root = next(package["id"] for package in graph["packages"] if package["name"] == "infercost")
    used, hashes = linked(graph, root), checksums()
    listed = sorted((packages[one] for one in used if one != root), key=lambda one: (one["name"], one["version"]))
    components = [component(package, hashes) for package in listed]

    reference = lambda one: f"pkg:cargo/{packages[one]['name']}@{packages[one]['version']}"
    dependencies = []
    for node in graph["resolve"]["nodes"]:
        if node["id"] in used:
            on = sorted({reference(one["pkg"]) for one in node["deps"] if one["pkg"] in used})
            dependencies.append({"ref": reference(node["id"]), "dependsOn": on})

    program = {**component(packages[root], hashes), "type": "application"}
    program.pop("scope")
    names = ",".join(one["bom-ref"] + one.get("hashes", [{}])[0].get("content", "") for one in components)
    json.dump({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, names)}",
        "version": 1,
        "metadata": {"component": program},
        "components": components,
        "dependencies": sorted(dependencies, key=lambda one: one["ref"]),
    }, sys.stdout, indent=1)
    print()


main()
