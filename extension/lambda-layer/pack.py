"""Packs a folder into a zip for Lambda: every file with its mode, and the same bytes each time."""

import pathlib
import sys
import zipfile


def main(folder, packed):
    folder = pathlib.Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for path in files:
            info = zipfile.ZipInfo(str(path.relative_to(folder)))
            info.external_attr = path.stat().st_mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, path.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
