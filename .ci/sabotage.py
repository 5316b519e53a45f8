"""Breaks the proxy and the extension on purpose: every mutant of `.ci/sabotage.toml` must make its test fail.

    python3 .ci/sabotage.py             tries all of them; with words, those whose names contain them
    python3 .ci/sabotage.py --check     only looks whether each can be applied, and whether its test is there

The mutants are made in a copy of the sources. Tests on AWS's emulator find it as in `.ci/run`.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.resolve()
COPY = ROOT / "target" / "sabotage" / "source"
# Its own: to cargo, the copy is the same workspace as the original.
BUILT = ROOT / "target" / "sabotage" / "built"
TOOLS = ROOT / "target" / "tools" / "bin"
# A test that waits for what never comes gives up before; on the emulator it builds the programs first.
TIMEOUT = 600


def mutants():
    return tomllib.loads((HERE / "sabotage.toml").read_text())["mutant"]


def wrong(mutant):
    """Why a mutant proves nothing any more, if so."""
    code = (ROOT / mutant["file"]).read_text()
    if code.count(mutant["code"]) != 1:
        return f"its code is {code.count(mutant['code'])} times in {mutant['file']}"
    target, test = mutant["caught_by"].split(" ")
    *_, name = test.split("::")
    folders = [path for path in ROOT.glob(f"*/tests/{target}")] + [ROOT / "tests/e2e/tests" / target]
    sources = [source for folder in folders for source in folder.rglob("*.rs")]
    if not any(re.search(rf"fn {name}\(", source.read_text()) for source in sources):
        return f"there is no test {name} in {target}"
    return None


def copy():
    """Brings the copy to the state of the sources; what has not changed keeps its date, so it is not built again."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file():
            put(target, source.read_bytes(), source.stat().st_mode)


def put(target, content, mode=None):
    if not target.exists() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if mode is not None:
        target.chmod(mode)


def cargo(target, *arguments, timeout=None):
    """What cargo says of the tests of a target, with the copy as it is, and whether it succeeds."""
    environment = os.environ | {
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "CARGO_INCREMENTAL": "0",
        "CARGO_TARGET_DIR": str(BUILT),
        "CI": "true",
        "LAMBDA_RIE": str(TOOLS / "aws-lambda-rie"),
    }
    command = ["cargo", "test", "--workspace", "--test", target, *arguments]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # A group of its own, so that the tests end with it.
    process = subprocess.Popen(command, cwd=COPY, env=environment, start_new_session=True, **output)
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return False, f"{said}\nit did not end"
    return process.returncode == 0, said


def run(caught_by):
    """What the test says."""
    target, test = caught_by.split(" ")
    built, said = cargo(target, "--no-run")
    return cargo(target, "--", "--exact", test, timeout=TIMEOUT)[1] if built else said


def verdict(said, test):
    if f"test {test} ... ok" in said:
        return "passed"
    # The proxy's own panic, or a build that fails, is no verdict of the test.
    return "failed" if f"test {test} ... FAILED" in said else "did not run"


def attempt(mutant):
    """None if the mutant is caught."""
    file, caught_by = mutant["file"], mutant["caught_by"]
    code = (ROOT / file).read_text()
    put(COPY / file, code.replace(mutant["code"], mutant["mutant"]).encode())
    try:
        said = run(caught_by)
    finally:
        put(COPY / file, code.encode())
    ended = verdict(said, caught_by.split(" ")[1])
    return None if ended == "failed" else f"its test {ended}:\n{said[-3000:]}"


def main(arguments):
    chosen = mutants()
    failures = [f"{mutant['name']}: {why}" for mutant in chosen if (why := wrong(mutant))]
    if failures or arguments == ["--check"]:
        print("\n".join(failures) or f"{len(chosen)} mutants can be applied")
        sys.exit(bool(failures))
    chosen = [mutant for mutant in chosen if all(word in mutant["name"] for word in arguments)]
    copy()
    for caught_by in sorted({mutant["caught_by"] for mutant in chosen}):
        said = run(caught_by)
        if verdict(said, caught_by.split(" ")[1]) != "passed":
            sys.exit(f"without any mutant, {caught_by} does not pass:\n{said[-3000:]}")
    survivors = 0
    for mutant in chosen:
        why = attempt(mutant)
        survivors += why is not None
        print(f"{'SURVIVED' if why else 'caught':9} {mutant['name']} [{mutant['caught_by']}] {why or ''}", flush=True)
    print(f"{len(chosen)} mutants, {len(chosen) - survivors} caught")
    sys.exit(bool(survivors or not chosen))


main(sys.argv[1:])
