"""Checks what `cargo publish` would upload: what a crate's page needs is there, and cargo has no complaint.

The crates are packaged, not built again: the rest of the checks builds the same sources.
"""

import json
import subprocess
import sys

REQUIRED = {"Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT"}
FIELDS = ["description", "documentation", "license", "readme", "categories", "keywords", "rust_version"]


def run(*command):
    """What a command says on its two outputs; its failure is ours."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout, done.stderr


def published():
    """The packages of the workspace that are meant for others."""
    told, _ = run("cargo", "metadata", "--format-version", "1", "--locked", "--no-deps")
    return [package for package in json.loads(told)["packages"] if package["publish"] != []]


def check(package):
    """Insists on what a page of a crate shows."""
    name = package["name"]
    absent = [field for field in FIELDS if not package[field]]
    if absent:
        sys.exit(f"{name} lacks {', '.join(absent)}")
    listed, _ = run("cargo", "package", "--list", "--allow-dirty", "-p", name)
    absent = REQUIRED - set(listed.splitlines())
    if absent:
        sys.exit(f"{name} is packaged without {', '.join(sorted(absent))}")


def main():
    packages = published()
    for package in packages:
        check(package)
    names = [package["name"] for package in packages]
    chosen = [word for name in names for word in ("-p", name)]
    _, said = run("cargo", "package", "--locked", "--no-verify", "--allow-dirty", *chosen)
    warnings = [line for line in said.splitlines() if line.startswith("warning")]
    if warnings:
        sys.exit("\n".join(warnings))
    print(f"{', '.join(names)}: complete")


if __name__ == "__main__":
    main()
