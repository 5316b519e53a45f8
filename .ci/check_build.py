"""Checks what `sam build` and `make layer function` have built, before Lambda would.

Lambda starts every file in a Lambda layer's extensions/, so the extension must be alone there,
executable, and of the function's architecture: anything else fails every invocation. The scripts beside
it must be executable as well.
"""

import pathlib
import stat
import struct
import sys
import zipfile

EXTENSION = "extensions/lambda-locks-extension"
WRAPPER = "lambda-locks"
MOST_BYTES = 6_000_000  # of a zip: Lambda unpacks it at each cold start
MACHINES = {62: "x86_64", 183: "arm64"}  # e_machine in the ELF header


def architecture(program):
    """What a program, given as its bytes, was built for."""
    if program[:4] != b"\x7fELF":
        sys.exit("not a Linux program")
    return MACHINES.get(struct.unpack_from("<H", program, 18)[0], "neither x86_64 nor arm64")


def in_folder(folder):
    """The files below a folder: name, mode and bytes of each."""
    return [
        (str(path.relative_to(folder)), path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    ]


def in_zip(path):
    """The files in a zip: name, mode and bytes of each."""
    with zipfile.ZipFile(path) as packed:
        files = [info for info in packed.infolist() if not info.is_dir()]
        return [(info.filename, info.external_attr >> 16, packed.read(info)) for info in files]


def check(where, files, program, wanted, scripts=()):
    """Insists on a program of the architecture wanted and these scripts, executable, and nothing else."""
    found = {name: (mode, content) for name, mode, content in files}
    names = sorted([program, *scripts])
    if sorted(found) != names:
        sys.exit(f"{where} must hold {names} and nothing else, not {sorted(found)}")
    for name, (mode, content) in found.items():
        if not mode & stat.S_IXOTH:
            sys.exit(f"{where}: {name} is not executable")
        if name in scripts and not content.startswith(b"#!/bin/sh\n"):
            sys.exit(f"{where}: {name} is not a script")
    binary = found[program][1]
    if architecture(binary) != wanted:
        sys.exit(f"{where}: {program} is for {architecture(binary)}, not {wanted}")
    print(f"{where}: {program}, {len(binary):,} bytes, {wanted}")


def main(wanted):
    built = pathlib.Path(".aws-sam/build")
    layer = pathlib.Path("target/lambda-layer")
    packed = layer / f"lambda-locks-extension-{wanted}.zip"
    os_only = layer / f"lambda-locks-extension-os-only-{wanted}.zip"
    function = pathlib.Path(f"target/lambda-function/orders-{wanted}.zip")
    check("OrdersFunction", in_folder(built / "OrdersFunction"), "bootstrap", wanted)
    check("ExtensionLayer", in_folder(built / "ExtensionLayer"), EXTENSION, wanted, [WRAPPER])
    check(packed.name, in_zip(packed), EXTENSION, wanted, [WRAPPER])
    check(os_only.name, in_zip(os_only), EXTENSION, wanted, [WRAPPER, "bootstrap"])
    check(function.name, in_zip(function), "bootstrap", wanted)
    for zipped in (packed, os_only):
        if zipped.stat().st_size > MOST_BYTES:
            sys.exit(f"{zipped.name} has {zipped.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main(sys.argv[1])
