"""`/act/…`: decisions of people, a row of a table for each. A GET shows the question, a POST decides.

The control program carries it out, in the visitor's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from hotlined.desk.roles import Role
from hotlined.desk.routes import Page
from hotlined.desk.visit import decided, line, reading
from hotlined.errors import UsageError
from hotlined.language import N_, _, pgettext
from hotlined.reports import decided as in_words
from hotlined.reports import typed
from hotlined.reports.answer import require_text
from hotlined.reports.number import whom
from hotlined.reports.review import maybe_nearly, nearly_in_words, tag_meant
from hotlined.words.tags import tag_in_words

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """A decision: its verb at the control program, the role that may take it, and its arguments.

    `takes` reads each argument from a field of the form, and raises an error of ours for a wrong one. `question` is
    asked first, with the arguments in it; `carry_out` decides and returns the sentence about it. A form has a field
    `then` if its page shows the result by itself: `review` leads to the next text, `back` to the page before.
    """

    verb: str
    needs: Role
    title: str
    takes: Mapping[str, Callable[[str], Any]]
    question: str
    carry_out: Callable[[Arguments], str]

    @property
    def page(self) -> Page:
        """The page that asks and does it."""
        return Page(f"/act/{self.verb}", f"act_{self.verb}", self.needs, self.show, ("GET", "POST"))

    def show(self) -> str | Response:
        """Ask, or do what was asked for."""
        arguments = {name: read(request.values.get(name, "")) for name, read in self.takes.items()}
        back, where = _back(arguments)
        if request.method != "POST":
            meant = arguments | {"word": tag_in_words(arguments["word"])} if "word" in arguments else arguments
            question = _(self.question, **meant)
            return render_template("ask.html", act=self, arguments=arguments, question=question, back=back)
        words = self.carry_out(arguments)
        match request.form.get("then"):
            case "review":
                return redirect(_on_in_review(self.verb, arguments), 303)
            case "back":
                return redirect(back, 303)
        return render_template("done.html", act=self, words=words, back=back, where=where)


def _back(arguments: Arguments) -> tuple[str, str]:
    """Return the path of the page that an act is about, and what its link says."""
    if "contact_id" in arguments:
        contact_id = arguments["contact_id"]
        return url_for("contact", contact_id=contact_id), _("To contact {id}", id=contact_id)
    if "number" in arguments:
        return url_for("person_of", number=arguments["number"]), _("To {number}", number=arguments["number"])
    return url_for("overview"), pgettext("link", "To the line")


_LEAVES = ("tag", "skip")
"""The acts by which the text in hand is done with."""


def _on_in_review(verb: str, arguments: Arguments) -> str:
    """Return the path of the next text to tag: the same text again, unless it has got its tag or was skipped."""
    contact_id = arguments["contact_id"]
    here = None if verb in _LEAVES else contact_id
    return url_for("review", here=here, last=contact_id, all=request.form.get("all"))


def _whom(text: str) -> str:
    return whom(line(), text)


_NUMBER = {"number": _whom}
_CONTACT = {"contact_id": typed.contact_id}
_TAG = _CONTACT | {"word": tag_meant}


def _block(arguments: Arguments) -> str:
    return in_words.blocked(arguments["number"], decided("block", **arguments))


def _unblock(arguments: Arguments) -> str:
    return in_words.unblocked(line(), arguments["number"], was=decided("unblock", **arguments))


def _pause(arguments: Arguments) -> str:
    del arguments
    before = in_words.pause_before(line())
    decided("pause")
    return in_words.paused(line(), before)


def _resume(arguments: Arguments) -> str:
    del arguments
    was = in_words.is_ended_by_resume(line())
    return in_words.resumed(line(), was=was, another_key=decided("resume"))


def _change(verb: str) -> Callable[[Arguments], str]:
    def change(arguments: Arguments) -> str:
        meant = typed.AnswerMeant(arguments["contact_id"], by_hand=False)
        return in_words.changed(line(), verb, meant, decided(verb, **arguments))

    return change


def _requeue(arguments: Arguments) -> str:
    require_text(line(), arguments["contact_id"])
    return _change("requeue")(arguments)


def _tag(arguments: Arguments) -> str:
    with reading() as db:
        known = maybe_nearly(db, arguments["word"])
    if known:
        raise UsageError(nearly_in_words(arguments["word"], known), _("Choose that one, or another word."))
    return in_words.tagged(**arguments, news=decided("tag", **arguments))


def _untag(arguments: Arguments) -> str:
    return in_words.untagged(**arguments, news=decided("untag", **arguments))


def _keep(arguments: Arguments) -> str:
    return in_words.kept(line(), arguments["contact_id"], news=decided("keep", **arguments))


def _keep_no_more(arguments: Arguments) -> str:
    return in_words.kept_no_more(arguments["contact_id"], found=decided("keep_no_more", **arguments))


def _skip(arguments: Arguments) -> str:
    return in_words.skipped(arguments["contact_id"], found=decided("skip", **arguments))


ACTS = (
    Act("pause", Role.ADMIN, N_("Pause"), {},
        N_("Send nothing until somebody resumes? Texts and calls are still recorded."), _pause),
    Act("resume", Role.ADMIN, N_("Resume"), {}, N_("Let answers go out again?"), _resume),
    Act("block", Role.ADMIN, N_("Block"), _NUMBER,
        N_("Never answer {number} again, and cancel what waits for it?"), _block),
    Act("unblock", Role.ADMIN, N_("Unblock"), _NUMBER, N_("Treat {number} like any other again?"), _unblock),
    Act("requeue", Role.ADMIN, N_("Send again"), _CONTACT,
        N_("Send the answer to contact {contact_id} once more? If it left the first time, it arrives twice."),
        _requeue),
    Act("cancel", Role.ADMIN, N_("Cancel the answer"), _CONTACT,
        N_("Cancel the answer to contact {contact_id} while it waits?"), _change("cancel")),
    Act("tag", Role.VOLUNTEER, N_("Put the tag on"), _TAG, N_("Put the tag {word} on contact {contact_id}?"), _tag),
    Act("untag", Role.VOLUNTEER, N_("Take the tag off"), _TAG,
        N_("Take the tag {word} off contact {contact_id}?"), _untag),
    Act("keep", Role.VOLUNTEER, N_("Keep"), _CONTACT,
        N_("Keep contact {contact_id}: never erase it because of its age?"), _keep),
    Act("keep_no_more", Role.ADMIN, N_("Keep no longer"), _CONTACT,
        N_("Somebody kept contact {contact_id}. Let it be erased when it is old, like any other?"), _keep_no_more),
    Act("skip", Role.VOLUNTEER, N_("Skip"), _CONTACT,
        N_("Skip contact {contact_id}: let it come last in the review?"), _skip),
)  # fmt: skip
"""Every act."""

PAGES = tuple(act.page for act in ACTS)
