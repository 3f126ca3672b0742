"""How spreadsheets read a CSV: with commas between cells, or with the semicolons of Belgium, France and others."""

import csv
import io
import re


def calculated(written: str) -> list[str]:
    """Return the cells, by either rule, that begin like a formula; numbers are none."""
    cells = [cell for row in csv.reader(io.StringIO(written, newline="")) for cell in row] + with_semicolons(written)
    return [cell for cell in cells if re.match(r"[=+@-]", cell.strip()) and not re.fullmatch(r"-?[0-9.]+", cell)]


def with_semicolons(written: str) -> list[str]:
    """Return the cells between semicolons; a quote counts only as the first character of one."""
    cells = re.findall(r'((?:"(?:[^"]|"")*(?:"|\Z))?[^;\r\n]*)(?:[;\r\n]|\Z)', written)
    return [re.sub(r'\A"((?:[^"]|"")*)"?', lambda cell: cell[1].replace('""', '"'), cell) for cell in cells]
