"""Runs cargo-mutants over the heart, and holds the survivors against `.ci/mutants.txt`.

Arguments are passed on. The mutants are made in a copy of the sources, and tried by the tests of the package
`heart`, which is those files alone and builds in seconds.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
OUTPUT = ROOT / "target" / "mutants"
COLUMNS = re.compile(r"^([^:]+):\d+:\d+: (.*)$")


def known():
    """The survivors that are explained, and why each of them is none."""
    lines = (HERE / "mutants.txt").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    pairs = [line.split(" | ", 1) for line in lines]
    unexplained = [pair[0] for pair in pairs if len(pair) < 2 or not pair[1].strip()]
    assert not unexplained, f"no reason: {unexplained}"
    return dict(pairs)


def name(mutant):
    """A mutant without its line, which moves with every change of the file."""
    return COLUMNS.sub(r"\1: \2", mutant)


def outcomes():
    """The mutants that were tried, by what became of them."""
    tried = {}
    for outcome in json.loads((OUTPUT / "mutants.out" / "outcomes.json").read_text())["outcomes"]:
        if outcome["scenario"] != "Baseline":
            mutant = name(outcome["scenario"]["Mutant"]["name"])
            tried.setdefault(outcome["summary"], []).append(mutant)
    return tried


def run(arguments):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    # The tool would try the tests of the mutated package first, and build the SDK for that.
    subprocess.run(["cargo", "test", "--package", "heart"], cwd=ROOT, check=True)
    command = ["cargo", "mutants", "--package", "dynamodb-locks", "--baseline", "skip"]
    command += ["--timeout", "30", "--output", str(OUTPUT), *arguments]
    # One small crate is built again and again, and nobody debugs it.
    quick = {"CARGO_INCREMENTAL": "1", "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0"}
    status = subprocess.run(command, cwd=ROOT, env=os.environ | quick).returncode
    # 2: some survive, 3: some take too long. Both are judged here; all else is a failure of its own.
    if status not in (0, 2, 3):
        sys.exit(f"cargo mutants failed with {status}")


def main():
    explained = known()
    run(sys.argv[1:])
    tried = outcomes()
    survived = tried.get("MissedMutant", [])
    stopped = tried.get("CaughtMutant", []) + tried.get("Timeout", [])
    unknown = [mutant for mutant in survived if mutant not in explained]
    stale = [mutant for mutant in explained if mutant in stopped and mutant not in survived]
    print(
        f"{sum(map(len, tried.values()))} generated, {len(tried.get('CaughtMutant', []))} caught, "
        f"{len(tried.get('Timeout', []))} timed out, {len(survived)} survived "
        f"({len(survived) - len(unknown)} explained), {len(tried.get('Unviable', []))} do not compile"
    )
    for mutant in unknown:
        print(f"survived, and is not explained in .ci/mutants.txt: {mutant}")
    for mutant in stale:
        print(f"is caught, and still explained in .ci/mutants.txt: {mutant}")
    sys.exit(bool(unknown or stale))


main()
