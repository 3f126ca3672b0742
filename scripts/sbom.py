"""Writes the bill of materials of a release, in CycloneDX: sbom.py LIB WHEELS > hotlined-VERSION.cdx.json.

LIB is the folder of the package's Python packages, WHEELS where they came from. What it says follows from these, from
scripts/requirements.txt and from SOURCE_DATE_EPOCH alone: the same release has the same bill.
"""

import hashlib
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_string
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from licences import OWN, licence, texts
from packageurl import PackageURL
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
# what licences.py calls each, as Debian does, and as SPDX does; all others are called alike
SPDX = {
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "Expat": "MIT",
    "LGPL-3": "LGPL-3.0-only",
    "LGPL-3+": "LGPL-3.0-or-later",
    "PSF-2": "PSF-2.0",
}
NAMESPACE = uuid.UUID("6f1ff0a2-5f0c-4d5e-9c5b-0a1d8f6d2c11")  # of our serial numbers, drawn once


def pinned() -> dict[str, tuple[str, set[str]]]:
    """Return the version of each package that is pinned, and the hashes that its files may have."""
    found = {}
    for line in (ROOT / "scripts/requirements.txt").read_text("utf-8").splitlines():
        if match := re.match(r"([\w.-]+)==(\S+)", line):
            found[canonicalize_name(match[1])] = match[2], set(re.findall(r"sha256:(\w{64})", line))
    return found


def vendored(library: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield name and version of each package in a folder, with what it says of itself; ours aside."""
    for folder in sorted(library.glob("*.dist-info")):
        said = message_from_string((folder / "METADATA").read_text("utf-8"))
        name = canonicalize_name(said["Name"])
        if name != OWN:
            yield name, said["Version"], folder


def _wheels(folder: Path) -> dict[tuple[str, str], str]:
    """Return the hash of each wheel by the name and the version of its package."""
    found = {}
    for path in folder.glob("*.whl"):
        name, version, *_ = parse_wheel_filename(path.name)
        found[name, str(version)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def bill(library: Path, wheels: Path) -> str:
    """Return the bill of what is in the package, and of what it has from Debian."""
    (folder,) = library.glob(f"{OWN}-*.dist-info")
    said = message_from_string((folder / "METADATA").read_text("utf-8"))
    hashes, pins = _wheels(wheels), pinned()
    own = Component(
        name=OWN,
        version=said["Version"],
        type=ComponentType.APPLICATION,
        bom_ref=OWN,
        description=said["Summary"],
        licenses=[DisjunctiveLicense(id=said["License"] or said["License-Expression"])],
    )
    bill = Bom(serial_number=uuid.uuid5(NAMESPACE, said["Version"]))
    bill.metadata.component = own
    bill.metadata.timestamp = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    parts = []
    for name, version, folder in vendored(library):
        package = message_from_string((folder / "METADATA").read_text("utf-8"))
        kind = licence(package, texts(folder))
        content = hashes[name, version]
        assert content in pins[name][1], f"{name} {version} is another file than the one in scripts/requirements.txt"
        parts.append(
            Component(
                name=name,
                version=version,
                bom_ref=f"{name}@{version}",
                purl=PackageURL("pypi", None, name, version),
                licenses=[DisjunctiveLicense(id=SPDX.get(kind, kind))],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content)],
            )
        )
    depends = re.search(r"^Depends: (.*)$", (ROOT / "debian/control").read_text("utf-8"), re.MULTILINE)
    assert depends
    parts += [
        Component(name=name, bom_ref=name, purl=PackageURL("deb", "debian", name))
        for name in re.findall(r"\bpython3-[\w-]+", depends[1])
    ]
    bill.components.update(parts)
    bill.register_dependency(own, parts)
    return JsonV1Dot6(bill).output_as_string(indent=2) + "\n"


def wrong(text: str, library: Path) -> str:
    """Return what is wrong with a bill of the packages in a folder; nothing where it is whole."""
    if found := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        return f"it is no CycloneDX: {getattr(found.data, 'message', found.data)}"

    pins = pinned()
    listed = {
        (part["name"], part["version"]): {each["content"] for each in part.get("hashes", [])}
        for part in json.loads(text).get("components", [])
        if part.get("purl", "").startswith("pkg:pypi/")
    }
    there = {(name, version) for name, version, _ in vendored(library)}
    for words, packages in (("lacks", there - listed.keys()), ("has more than is there", listed.keys() - there)):
        if packages:
            return f"it {words}: {', '.join(' '.join(each) for each in sorted(packages))}"
    for (name, version), hashes in sorted(listed.items()):
        if pins.get(name, ("", set()))[0] != version or not hashes or not hashes <= pins[name][1]:
            return f"{name} {version} has another version or hash in scripts/requirements.txt"
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: sbom.py LIB WHEELS")
    sys.stdout.write(bill(Path(sys.argv[1]), Path(sys.argv[2])))
