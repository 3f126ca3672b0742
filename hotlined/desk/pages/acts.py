"""`/act/…`: what people decide. Each act is a row of a table; asked for it is a question, posted it is done.

The control program carries it out, in the visitor's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import decided, line
from hotlined.gsm.address import parse_number
from hotlined.words.amounts import counted

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """A decision: its verb at the control program, who may take it, and what it takes.

    `takes` reads each argument from a form's field and raises an error of ours where it makes no sense. `question` is
    asked before, `done` says what came of it.
    """

    verb: str
    needs: Role
    title: str
    takes: Mapping[str, Callable[[str], Any]]
    question: Callable[[Arguments], str]
    done: Callable[[Any, Arguments], str]

    @property
    def page(self) -> Page:
        """The page that asks and does it."""
        return Page(f"/act/{self.verb}", f"act_{self.verb}", self.needs, self.show, ("GET", "POST"))

    def show(self) -> str:
        """Ask, or do what was asked for."""
        arguments = {name: read(request.values.get(name, "")) for name, read in self.takes.items()}
        if request.method != "POST":
            return render_template("ask.html", act=self, arguments=arguments, question=self.question(arguments))
        result = decided(self.verb, **arguments)
        return render_template("done.html", act=self, words=self.done(result, arguments))


def _number(text: str) -> str:
    return parse_number(text, line().numbers.country)


def _blocked(cancelled: int, arguments: Arguments) -> str:
    note = f" {counted(cancelled, 'answer')} that waited for it will not be sent." if cancelled else ""
    return f"{arguments['number']} is blocked.{note}"


ACTS = (
    Act(
        "block",
        Role.ADMIN,
        "Block",
        {"number": _number},
        lambda arguments: f"Never answer {arguments['number']} again, and cancel what waits for it?",
        _blocked,
    ),
)
"""Every act."""

PAGES = tuple(act.page for act in ACTS)
