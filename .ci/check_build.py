"""Checks what `sam build` and `make layer function` have built, before Lambda would.

Lambda starts every file in a Lambda layer's extensions/, so the extension must be alone there,
executable, and of the function's architecture: anything else fails every invocation.
"""

import pathlib
import stat
import struct
import sys
import zipfile

EXTENSION = "extensions/lambda-locks-extension"
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


def check(where, files, name, wanted):
    """Insists on one file of this name, executable and of the architecture wanted."""
    names = [file[0] for file in files]
    if names != [name]:
        sys.exit(f"{where} must hold {name} and nothing else, not {names}")
    [(_, mode, program)] = files
    if not mode & stat.S_IXOTH:
        sys.exit(f"{where}: {name} is not executable")
    if architecture(program) != wanted:
        sys.exit(f"{where}: {name} is for {architecture(program)}, not {wanted}")
    print(f"{where}: {name}, {len(program):,} bytes, {wanted}")


def main(wanted):
    built = pathlib.Path(".aws-sam/build")
    packed = pathlib.Path(f"target/lambda-layer/lambda-locks-extension-{wanted}.zip")
    function = pathlib.Path(f"target/lambda-function/orders-{wanted}.zip")
    check("OrdersFunction", in_folder(built / "OrdersFunction"), "bootstrap", wanted)
    check("ExtensionLayer", in_folder(built / "ExtensionLayer"), EXTENSION, wanted)
    check(packed.name, in_zip(packed), EXTENSION, wanted)
    check(function.name, in_zip(function), "bootstrap", wanted)


if __name__ == "__main__":
    main(sys.argv[1])
