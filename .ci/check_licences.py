"""Checks that every dependency, of whatever platform, may be used under a licence that we accept.

It reads what `cargo metadata` says and needs no network. Advisories do: the workflow's job
`advisories` asks for them.
"""

import json
import re
import subprocess
import sys

# Each asks for no more than its text and a notice. Another one is for a person to decide on.
ACCEPTED = {"Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"}

# What the check must answer, so that it is known to check.
EXAMPLES = {
    "MIT": True,
    "MIT OR Apache-2.0": True,
    "MIT/GPL-3.0-only": True,
    "Apache-2.0 WITH LLVM-exception OR MIT": True,
    "Apache-2.0 WITH LLVM-exception": False,
    "(MIT OR GPL-3.0-only) AND Unicode-3.0": True,
    "GPL-3.0-only": False,
    "MIT AND GPL-3.0-only": False,
    "(MIT OR Apache-2.0) AND GPL-3.0-only": False,
    "MIT OR": False,
    "": False,
}


def accepted(expression):
    """Whether an SPDX expression leaves us a choice that we accept; one with errors does not."""
    # Crates of before SPDX put a slash where they meant OR.
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    try:
        return either(words) and not words
    except IndexError:
        return False


def either(words):
    found = both(words)
    while words and words[0] == "OR":
        words.pop(0)
        found = both(words) or found
    return found


def both(words):
    found = one(words)
    while words and words[0] == "AND":
        words.pop(0)
        found = one(words) and found
    return found


def one(words):
    word = words.pop(0)
    if word == "(":
        found = either(words)
        return words.pop(0) == ")" and found
    if words and words[0] == "WITH":
        word = " ".join([word, words.pop(0), words.pop(0)])
    return word in ACCEPTED


def main():
    for expression, right in EXAMPLES.items():
        if accepted(expression) != right:
            sys.exit(f"the check is wrong about `{expression}`")
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    packages = json.loads(told)["packages"]
    refused = [
        f"{package['name']} {package['version']}: {package['license'] or 'none named'}"
        for package in packages
        if not accepted(package["license"] or "")
    ]
    if refused:
        sys.exit("These licences are not accepted:\n" + "\n".join(refused))
    print(f"the licences of {len(packages)} packages are accepted")


if __name__ == "__main__":
    main()
