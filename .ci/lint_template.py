"""Lints template.yaml as CloudFormation will see it: expanded by SAM's own translator.

`sam validate --lint` looks no deeper than SAM's own resources: it passes a misspelt action in a
function's policy. To show that this lint does look there, it must refuse each of MISTAKES.
"""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path("template.yaml").read_text()

MISTAKES = {
    "a misspelt action": ("dynamodb:UpdateItem", "dynamodb:UpdateItme"),
    "an attribute that does not exist": ("!GetAtt LockTable.Arn", "!GetAtt LockTable.Nra"),
    "a Lambda layer that does not exist": ("[!Ref ExtensionLayer]", "[!Ref ExtensionLayre]"),
    "a property of the alarm that does not exist": ("MetricName: Lost", "Metric: Lost"),
}


class NoManagedPolicies:
    """The list of AWS's managed policies, for which the translator would ask AWS: we use none."""

    def load(self):
        return {}


def expand(template):
    """The plain CloudFormation that SAM makes of this template, as if its code were uploaded."""
    tree = yaml_parse(template)
    for resource in tree["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][uri] = "s3://bucket/key"
    return json.dumps(transform(tree, {}, NoManagedPolicies()), indent=1)


def findings(template):
    """What cfn-lint says against the expanded template; nothing where it is right."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as expanded:
        expanded.write(expand(template))
        expanded.flush()
        command = ["cfn-lint", expanded.name]
        lint = subprocess.run(command, capture_output=True, text=True, check=False)
    return lint.stdout + lint.stderr if lint.returncode else ""


def main():
    # The translator wants to be told a region; any.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # It warns of the metrics that it did not get to send.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    if found := findings(TEMPLATE):
        sys.exit(f"template.yaml, expanded:\n{found}")
    for mistake, (right, wrong) in MISTAKES.items():
        if right not in TEMPLATE:
            sys.exit(f"template.yaml has no `{right}` any more: let MISTAKES in {__file__} follow")
        if not findings(TEMPLATE.replace(right, wrong)):
            sys.exit(f"the lint passed {mistake}: `{wrong}`")
    print(f"template.yaml is right as CloudFormation; {len(MISTAKES)} mistakes in it were refused")


if __name__ == "__main__":
    main()
