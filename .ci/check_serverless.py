"""Checks that serverless.yml deploys what template.yaml deploys, by reading both.

Each is reduced to the same few facts, which must be equal. To show that it would see a difference,
it must see each of MISTAKES.
"""

import pathlib
import sys

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path("template.yaml").read_text()
SERVERLESS = pathlib.Path("serverless.yml").read_text()

MISTAKES = {
    "another key": ("AttributeName: group, KeyType: RANGE", "AttributeName: sort, KeyType: RANGE"),
    "another TTL attribute": ("AttributeName: ttl", "AttributeName: expires"),
    "a right less": ("[dynamodb:GetItem, dynamodb:UpdateItem]", "[dynamodb:UpdateItem]"),
    "a right more": ("[dynamodb:GetItem,", "[dynamodb:Scan, dynamodb:GetItem,"),
    "rights on everything": ("Resource: !GetAtt LockTable.Arn", 'Resource: "*"'),
    "another key in the event": ("/orderId", "/id"),
    "a variable less": ("      LOCKS_TABLE: !Ref LockTable\n", ""),
    "no wrapper": ("      AWS_LAMBDA_EXEC_WRAPPER: /opt/lambda-locks\n", ""),
    "another runtime": ("runtime: provided.al2023", "runtime: provided.al2"),
    "another handler": ("handler: bootstrap", "handler: orders"),
    "another Node": ("runtime: nodejs22.x", "runtime: nodejs18.x"),
    "no Lambda layer": ("[!Ref ExtensionLambdaLayer]", "[]"),
    "a function without the parameter": ("architecture: ${param", "architecture: arm64 # ${param"),
    "a zip for one architecture": ("orders-${param:architecture}.zip", "orders-arm64.zip"),
    "a table that goes with its stack": ("DeletionPolicy: Retain", "DeletionPolicy: Delete"),
}

# What each calls the two things that its user chooses.
CHOSEN = {
    "${Architecture}": "<architecture>",
    "${param:architecture}": "<architecture>",
    "${Stage}": "<stage>",
    "${sls:stage}": "<stage>",
}


def plain(value):
    """A value without what SAM and Serverless write differently; the names of resources differ."""
    if isinstance(value, dict) and set(value) == {"Ref"}:
        return plain("${" + value["Ref"] + "}")
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        return plain(value["Fn::Sub"])
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        # The template's other cases, of a table that is there already and of metrics, are its own.
        condition, yes, no = value["Fn::If"]
        return plain(yes if condition == "OwnTable" else no)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    for written, meant in CHOSEN.items() if isinstance(value, str) else ():
        value = value.replace(written, meant)
    return value


def table(resource):
    """A table, and what becomes of it; all that is not said of it is DynamoDB's default."""
    facts = {f"table: {name}": value for name, value in resource["Properties"].items()}
    policies = ("DeletionPolicy", "UpdateReplacePolicy")
    return facts | {f"table: {policy}": resource.get(policy) for policy in policies}


def rights(statements):
    """What a function may do, and to what."""
    return {
        "rights": sorted(
            (one["Effect"], sorted(one["Action"]), str(one["Resource"])) for one in statements
        )
    }


def other(language, description, runtime, handler, variables, layers):
    """The facts of a function in another language; where its code lies is a part of its handler."""
    return {
        f"{language} function's runtime": runtime,
        f"{language} function's handler": handler,
        f"{language} function's description": description,
        f"{language} function's variables": variables,
        f"{language} function's Lambda layers": layers,
    }


def other_of_template(language, resources):
    """The same of template.yaml, where each function has its own rights."""
    function = resources[f"{language}OrdersFunction"]["Properties"]
    if function["Policies"] != resources["OrdersFunction"]["Properties"]["Policies"]:
        sys.exit("the functions of template.yaml have different rights")
    return other(
        language,
        function["Description"],
        function["Runtime"],
        f"{function['CodeUri']}/{function['Handler']}",
        function["Environment"]["Variables"],
        len(function["Layers"]),
    )


def other_of_serverless(language, functions):
    """The same of serverless.yml."""
    function = functions[f"{language.lower()}Orders"]
    return other(
        language,
        function["description"],
        function["runtime"],
        function["handler"],
        function["environment"],
        1 if function["layers"] == ["${ExtensionLambdaLayer}"] else 0,
    )


def of_template(tree):
    """The facts of template.yaml."""
    tree = {name: plain(part) for name, part in tree.items()}
    resources = tree["Resources"]
    function = resources["OrdersFunction"]["Properties"]
    layer = resources["ExtensionLayer"]["Properties"]
    [policy] = function["Policies"]
    return {
        **other_of_template("Python", resources),
        **other_of_template("Node", resources),
        **table(resources["LockTable"]),
        **rights(policy["Statement"]),
        "architecture": tree["Parameters"]["Architecture"]["Default"],
        "stage": tree["Parameters"]["Stage"]["Default"],
        "runtime": function["Runtime"],
        "handler": function["Handler"],
        "function's architecture": function["Architectures"],
        "function's description": function["Description"],
        "function's log": function["LoggingConfig"]["LogFormat"],
        "function's memory": function["MemorySize"],
        "function's timeout": function["Timeout"],
        "function's Lambda layers": len(function["Layers"]),
        "variables": function["Environment"]["Variables"],
        "Lambda layer's name": layer["LayerName"],
        "Lambda layer's description": layer["Description"],
        "Lambda layer's architecture": layer["CompatibleArchitectures"],
        "Lambda layer's runtime": layer["CompatibleRuntimes"],
        "Lambda layer's zip": "target/lambda-layer/lambda-locks-extension-<architecture>.zip",
        "function's zip": "target/lambda-function/orders-<architecture>.zip",
    }


def of_serverless(tree):
    """The facts of serverless.yml."""
    tree = plain(tree)
    provider, layer = tree["provider"], tree["layers"]["extension"]
    function = tree["functions"]["orders"]
    made_here = function["layers"] == ["${ExtensionLambdaLayer}"]
    return {
        **other_of_serverless("Python", tree["functions"]),
        **other_of_serverless("Node", tree["functions"]),
        **table(tree["resources"]["Resources"]["LockTable"]),
        **rights(provider["iam"]["role"]["statements"]),
        "architecture": tree["params"]["default"]["architecture"],
        "stage": provider["stage"],
        "runtime": provider["runtime"],
        "handler": function["handler"],
        "function's architecture": [provider["architecture"]],
        "function's description": function["description"],
        "function's log": provider["logs"]["lambda"]["logFormat"],
        "function's memory": provider["memorySize"],
        "function's timeout": provider["timeout"],
        "function's Lambda layers": 1 if made_here else 0,
        "variables": function["environment"],
        "Lambda layer's name": layer["name"],
        "Lambda layer's description": layer["description"],
        "Lambda layer's architecture": layer["compatibleArchitectures"],
        "Lambda layer's runtime": layer["compatibleRuntimes"],
        "Lambda layer's zip": layer["package"]["artifact"],
        "function's zip": function["package"]["artifact"],
    }


def differences(serverless):
    """Each fact that is not the same in both."""
    template = of_template(yaml_parse(TEMPLATE))
    other = of_serverless(yaml_parse(serverless))
    return [
        f"{name}: {template.get(name)} in template.yaml, {other.get(name)} in serverless.yml"
        for name in sorted(template.keys() | other.keys())
        if template.get(name) != other.get(name)
    ]


def main():
    if found := differences(SERVERLESS):
        sys.exit("\n".join(found))
    for mistake, (right, wrong) in MISTAKES.items():
        if right not in SERVERLESS:
            sys.exit(f"serverless.yml has no `{right}` any more: let MISTAKES in {__file__} follow")
        if not differences(SERVERLESS.replace(right, wrong)):
            sys.exit(f"{mistake} was not seen: `{wrong}`")
    print(f"serverless.yml deploys what template.yaml does; {len(MISTAKES)} mistakes were seen")


if __name__ == "__main__":
    main()
