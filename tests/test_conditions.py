"""The table of conditions: every code of a trouble has its row, and nothing else grades codes."""

import ast
from pathlib import Path

import pytest

from hotlined import conditions
from hotlined.conditions import Gravity
from hotlined.rules import policy
from hotlined.states import (
    KEPT_BACK,
    AlertCondition,
    DatabaseState,
    ModemState,
    SendingState,
    TroubleCode,
    database_trouble,
)

PACKAGE = Path(conditions.__file__).parent
CODES = {
    *TroubleCode,
    *({*ModemState} - {ModemState.READY}),
    *(database_trouble(state) for state in DatabaseState if state is not DatabaseState.OK),
    *(reason for reason, state in KEPT_BACK.items() if state is not SendingState.PAUSED),
    SendingState.PAUSED,
    *policy.BUDGETS.values(),
}
MOST_CODES = 3
"""In a list of codes outside the table: those that one command treats alike."""


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    """None is missing, none is left over; of several rows of one code each says which it is."""
    assert {key.partition(".")[0] for key in conditions.TABLE} == {str(code) for code in CODES}


def test_a_subject_is_one_of_alerts_or_a_window() -> None:
    """A code without a subject makes no alert."""
    subjects = {row.subject for row in conditions.TABLE.values()} - {""}

    assert subjects <= {*map(str, AlertCondition), *map(str, policy.BUDGETS.values())}
    assert {code for code, row in conditions.TABLE.items() if not row.subject and row.rank} == set()


def test_a_code_of_another_version_is_grave() -> None:
    """It keeps the exit code at 69."""
    assert conditions.row("from_tomorrow").gravity is Gravity.STOPS
    assert conditions.row("database_foreign").plain_message == conditions.row("database_full").plain_message


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_list_of_codes(path: Path) -> None:
    """A set or table of many codes would have to be kept equal by memory."""
    if path.name in ("conditions.py", "states.py"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        entries = (
            node.elts
            if isinstance(node, ast.Set | ast.Tuple | ast.List)
            else [key for key in node.keys if key]
            if isinstance(node, ast.Dict)
            else []
        )
        codes = [ast.unparse(each) for each in entries if ast.unparse(each).startswith("TroubleCode.")]
        assert len(codes) <= MOST_CODES, codes
