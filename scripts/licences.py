"""Writes debian/copyright from what the vendored packages say of themselves: licences.py FOLDER > debian/copyright.

A package without a known licence, or with one that is not in the table, is an error: a person has to read it first.
"""

import re
import sys
from email import message_from_string
from email.message import Message
from pathlib import Path

OWN = "hotlined"
COMMON = ("Apache-2.0", "MPL-2.0")  # Debian has their texts for all
# as packages spell them, and as Debian does
KNOWN = {
    "Apache Software License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD": "BSD-3-clause",
    "BSD License": "BSD-3-clause",
    "BSD-2-Clause": "BSD-2-clause",
    "BSD-3-Clause": "BSD-3-clause",
    "ISC": "ISC",
    "LGPL-3.0-only": "LGPL-3",
    "LGPL-3.0-or-later": "LGPL-3+",
    "MIT": "Expat",
    "MIT License": "Expat",
    "MPL-2.0": "MPL-2.0",
    "PSF-2.0": "PSF-2",
    "ZPL 2.1": "ZPL-2.1",
}
# of a package whose own words are wrong: what its text is
CORRECTED = {"click-default-group": "BSD-3-clause"}  # calls itself public domain
# what stands in the text of each
MARKS = {
    "Apache-2.0": r"Apache License\s+Version 2\.0",
    "BSD-2-clause": "Redistribution and use in source and binary forms",
    "BSD-3-clause": r"Redistribution and use in source[\s\S]*endorse\s+or\s+promote",
    "Expat": "Permission is hereby granted, free of charge",
    "ISC": "Permission to use, copy, modify, and/or distribute",
    "LGPL-3": r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3",
    "PSF-2": "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
    "MPL-2.0": r"Mozilla\s+Public\s+License,?\s+(v\.|Version)\s+2\.0",
    "ZPL-2.1": r"Zope Public License \(ZPL\) Version 2\.1",
}
# of packages that have none beside them, and say in each file that they are under it
BSD = """Redistribution and use in source and binary forms, with or without modification, are permitted provided that
the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the
following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
following disclaimer in the documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or
promote products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED
WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A
PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY
DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR
OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH
DAMAGE.
"""
HEAD = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: hotlined
Comment: The packages below usr/lib/hotlined/unpacked/lib are Python's, each as it was published; what they say of their
 licence is beside them, in their .dist-info.

Files: *
Copyright: the hotlined maintainers
License: LGPL-3+

License: LGPL-3+
 On Debian systems, the text of the GNU Lesser General Public License, version 3, is in
 /usr/share/common-licenses/LGPL-3.
"""


class UnknownLicenceError(Exception):
    """A package does not say its licence, or one that is not in the table."""


def licence(package: Message, written: list[str]) -> str:
    """Return the licence of a package by Debian's name: what it says, and what its text says, too."""
    said = [package.get("License-Expression", ""), package.get("License", "").partition("\n")[0]]
    said += [each.rpartition(" :: ")[2] for each in package.get_all("Classifier", []) if each.startswith("License")]
    name = CORRECTED.get(package["Name"], next((KNOWN[words] for words in said if words in KNOWN), ""))
    if not name or (written and not any(re.search(MARKS[name], text, re.IGNORECASE) for text in written)):
        raise UnknownLicenceError(f"{package['Name']} {package['Version']}: {said}")
    return name


def texts(folder: Path) -> list[str]:
    """Return the licences that a package has beside it."""
    found = [path for path in sorted(folder.rglob("*")) if re.match(r"(?i)(licen[cs]e|copying|notice)", path.name)]
    return [path.read_text(errors="replace") for path in found if path.is_file()]


def owners(package: Message, written: list[str]) -> str:
    """Return who has the copyright, one a line."""
    pattern = re.compile(r"(?im)^\W*copyright\s+((?:\(c\)|©|\d{4}).*?)\W*$")
    found = [match[1].strip() for text in written for match in pattern.finditer(text)]
    found = [each for each in dict.fromkeys(found) if "[yyyy]" not in each]
    return (
        "\n ".join(found) or package.get("Author") or package.get("Author-email") or f"the authors of {package['Name']}"
    )


def indented(text: str) -> str:
    """Return a text as a field has it: each line behind a space, a dot in place of an empty one."""
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.strip().splitlines())


def paragraph(folder: Path) -> str:
    """Return what Debian wants to know of one package: its files, whose they are, and under what."""
    package, written = message_from_string((folder / "METADATA").read_text()), texts(folder)
    name = licence(package, written)
    lines = (folder / "RECORD").read_text().splitlines()
    tops = sorted({re.split("[/,]", line)[0] for line in lines if not line.startswith((".", '"'))} - {"bin"})
    files = " ".join(f"*/unpacked/lib/{top}{'' if top.endswith('.py') else '/*'}" for top in tops)
    head = f"Files: {files}\nCopyright: {owners(package, written)}\nLicense: "
    if name in COMMON:
        return head + name
    if not written and name != "BSD-3-clause":
        raise UnknownLicenceError(f"{package['Name']} {package['Version']} has no text of its licence ({name})")
    text = "\n\n".join(written) or BSD
    return f"{head}{name}-{package['Name']}\n{indented(text)}"


def main() -> int:
    """Write the file; 1 where a licence is not known."""
    folders = sorted(Path(sys.argv[1]).glob("*.dist-info"))
    found, wrong = [HEAD], []
    for folder in folders:
        if folder.name.startswith(f"{OWN}-"):
            continue
        try:
            found.append(paragraph(folder))
        except UnknownLicenceError as error:
            wrong.append(str(error))
    found += [
        f"License: {name}\n On Debian systems, its text is in /usr/share/common-licenses/{name}." for name in COMMON
    ]
    sys.stdout.write("\n\n".join(each.strip() for each in found) + "\n")
    sys.stderr.writelines(f"licences.py: {each}\n" for each in wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
