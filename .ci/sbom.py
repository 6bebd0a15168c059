"""Writes what a wheel is made of, as CycloneDX JSON: python .ci/sbom.py OUT

The package, the libraries that it needs as they are installed here, and its weights, with SHA-256
and licence. Needs pip install cyclonedx-python-lib, and the package installed.
"""

from __future__ import annotations

import hashlib
import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from terms import ROOT, terms_of, weights

from stc.install_hint import DISTRIBUTION


def library(package: Distribution, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    """A Python package, with the licence that its metadata state in SPDX's terms, if they do."""
    name, version = package.metadata["Name"], package.version
    stated = package.metadata.get("License-Expression")
    reference = PackageURL("pypi", None, re.sub(r"[-_.]+", "-", name).lower(), version)
    return Component(
        name=name,
        version=version,
        type=kind,
        purl=reference,
        bom_ref=str(reference),
        licenses=[LicenseExpression(stated)] if stated else None,
    )


def model(path: Path) -> Component:
    """A file of weights of the package."""
    terms = terms_of(path)
    digest = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
    return Component(
        name=path.stem,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=path.as_posix(),
        description=terms["SPDX-FileComment"],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=[LicenseExpression(terms["SPDX-License-Identifier"])],
        properties=[Property(name="stc:path", value=path.as_posix())],
    )


def needed(package: Distribution) -> dict[str, list[str]]:
    """Every package that one needs without extras, by name, with the names of what each needs."""
    tree: dict[str, list[str]] = {}
    waiting = [package]
    while waiting:
        one = waiting.pop()
        name = one.metadata["Name"]
        if name in tree:
            continue
        wanted = [Requirement(line) for line in one.requires or []]
        used = [w.name for w in wanted if w.marker is None or w.marker.evaluate({"extra": ""})]
        found = [distribution(name) for name in used]
        tree[name] = [other.metadata["Name"] for other in found]
        waiting += found
    return tree


def make() -> Bom:
    bom = Bom()
    tree = needed(distribution(DISTRIBUTION))
    parts = {name: library(distribution(name)) for name in tree}
    bom.metadata.component = parts[DISTRIBUTION]
    models = [model(path) for path in weights()]
    for part in [*(parts[name] for name in tree if name != DISTRIBUTION), *models]:
        bom.components.add(part)
    for name, others in tree.items():
        held = models if name == DISTRIBUTION else []
        bom.register_dependency(parts[name], [*(parts[other] for other in others), *held])
    return bom


if __name__ == "__main__":
    JsonV1Dot6(make()).output_to_file(sys.argv[1], allow_overwrite=True, indent=2)
    print(f"{sys.argv[1]}: {len(weights())} models and their licences")
