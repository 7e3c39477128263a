"""Reads pairs of a call file and the same record as JSON, and says where they differ.

Arguments: a folder of N.yaml beside N.json. Each YAML file is read by PyYAML and by ruamel.yaml, by
the rules of YAML 1.1 and of 1.2. Prints one line for each difference, then the number of pairs."""

import json
import math
import pathlib
import sys

import ruamel.yaml
import yaml

yaml.safe_load("a: 1")  # the C loader is another reader: it is asked as well, where it is built in
LOADERS = [("PyYAML", lambda text: yaml.load(text, yaml.SafeLoader))]
if hasattr(yaml, "CSafeLoader"):
    LOADERS.append(("PyYAML with libyaml", lambda text: yaml.load(text, yaml.CSafeLoader)))
for version in [(1, 1), (1, 2)]:

    def load(text, version=version):
        reader = ruamel.yaml.YAML(typ="safe", pure=True)
        reader.version = version
        return reader.load(text)

    LOADERS.append((f"ruamel.yaml {version[0]}.{version[1]}", load))


def differ(a, b, path=""):
    if type(a) is not type(b):
        return f"{path}: {a!r} in YAML is {b!r} in JSON"
    if isinstance(a, dict):
        if list(a) != list(b):
            return f"{path}: keys {list(a)!r} and {list(b)!r}"
        return next(filter(None, (differ(a[k], b[k], f"{path}/{k}") for k in a)), None)
    if isinstance(a, list):
        if len(a) != len(b):
            return f"{path}: lengths {len(a)} and {len(b)}"
        return next(filter(None, (differ(x, y, f"{path}/{i}") for i, (x, y) in enumerate(zip(a, b)))), None)
    if isinstance(a, float) and math.copysign(1, a) != math.copysign(1, b):
        return f"{path}: {a!r} in YAML is {b!r} in JSON"
    return None if a == b else f"{path}: {a!r} in YAML is {b!r} in JSON"


pairs = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    pairs += 1
    text = path.read_bytes().decode("utf-8")
    with open(path.with_suffix(".json"), encoding="utf-8", newline="") as file:
        expected = json.load(file)
    for name, load in LOADERS:
        try:
            difference = differ(load(text), expected)
        except Exception as error:
            difference = f"{type(error).__name__}: {error}"
        if difference:
            print(f"{path.name} by {name}: {ascii(difference)[:400]}")
print(f"{pairs} pairs")
