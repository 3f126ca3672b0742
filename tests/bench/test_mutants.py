"""The mutants of `scripts/mutants`: each breaks a rule that is there."""

import ast

import mutants
import pytest


@pytest.mark.parametrize("module", mutants.TESTS)
def test_each_mutant_finds_its_text_once(module: str) -> None:
    """A change of a rule needs a change of its mutant; the result is valid Python."""
    changed = [each for each in mutants.MUTANTS if each.module == module]

    assert len(changed) > 4
    for mutant in changed:
        assert ast.dump(ast.parse(mutants.mutated(mutant))) != ast.dump(ast.parse(mutants.text_of(mutant)))
