"""The mutants of `scripts/mutants`: each breaks a rule that is there."""

import ast

import mutants
import pytest


@pytest.mark.parametrize("module", mutants.TESTS)
def test_each_mutant_finds_its_text_once(module: str) -> None:
    """A changed rule needs a changed mutant, in valid Python."""
    changed = [each for each in mutants.MUTANTS if each.module == module]

    assert changed
    for mutant in changed:
        assert ast.dump(ast.parse(mutants.mutated(mutant))) != ast.dump(ast.parse(mutants.text_of(mutant)))
