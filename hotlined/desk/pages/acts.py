"""`/act/…`: decisions of people, one row of a table for each. A GET shows the question, a POST decides.

The control program carries the decision out, in the visitor's name. Then a redirect shows the page that the decision
is about, with a sentence about the result; reloading that page does not decide again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from hotlined.config import Role
from hotlined.desk.notices import Link, Notice, Undo
from hotlined.desk.routes import Page
from hotlined.desk.visit import SAID, decided, line, notify, reading
from hotlined.documents import WholeContact
from hotlined.errors import UsageError
from hotlined.language import N_, _, ngettext
from hotlined.reports import decided as in_words
from hotlined.reports import typed
from hotlined.reports.answer import require_text
from hotlined.reports.number import whom
from hotlined.reports.review import maybe_nearly, nearly_in_words, tag_meant
from hotlined.store.answers.decisions import THREAT, Resumed
from hotlined.store.reading import log
from hotlined.words.tags import tag_in_words

Arguments = Mapping[str, Any]
INBOX = "inbox"
"""The value of a form's field `then` if the inbox shows the next text afterwards."""


@dataclass(frozen=True, slots=True)
class Act:
    """A decision: its verb at the control program, the role that it needs, and its arguments.

    `takes` reads each argument from a field of the form, and raises a HotlinedError for a wrong one. `question` is
    the question before it, with the arguments in it, and `first` what the person should know before answering it.
    `carry_out` decides and returns the sentence about the result. `undo` is the verb that takes it back at once.
    """

    verb: str
    needs: Role
    title: str
    takes: Mapping[str, Callable[[str], Any]]
    question: str
    carry_out: Callable[[Arguments], str | Notice]
    undo: str = ""
    first: Callable[[], str] = str

    @property
    def page(self) -> Page:
        """The page that asks the question and carries the act out."""
        return Page(f"/act/{self.verb}", f"act_{self.verb}", self.needs, self.show, ("GET", "POST"))

    def show(self) -> str | Response:
        """Ask the question, or carry the act out."""
        arguments = {name: read(request.values.get(name, "")) for name, read in self.takes.items()}
        if request.method != "POST":
            meant = arguments | {"word": tag_in_words(arguments["word"])} if "word" in arguments else arguments
            question = f"{self.first()} {_(self.question, **meant)}".lstrip()
            shown = {"question": question, "contact": _maybe_contact(arguments), "back": _back(arguments)}
            return render_template("ask.html", act=self, arguments=arguments, **shown)
        is_of_inbox = request.form.get("then") == INBOX
        done = self.carry_out(arguments)
        notice = done if isinstance(done, Notice) else Notice(done, self._undo(arguments, is_of_inbox=is_of_inbox))
        said = {SAID: notify(notice)}
        where = _on_in_inbox(self.verb, arguments, said) if is_of_inbox else _back(arguments, said)
        return redirect(where, 303)

    def _undo(self, arguments: Arguments, *, is_of_inbox: bool) -> Undo | None:
        if not self.undo:
            return None
        after = {"then": INBOX, "all": request.form.get("all", "")} if is_of_inbox else {}
        return Undo(f"act_{self.undo}", {**arguments, "undo": 1, **after})


def _maybe_contact(arguments: Arguments) -> WholeContact | None:
    """Return the contact that an act is about, whose text is quoted below the question."""
    if "contact_id" not in arguments:
        return None
    with reading() as db:
        return log.maybe_contact(db, arguments["contact_id"])


def _back(arguments: Arguments, said: Mapping[str, Any] | None = None) -> str:
    """Return the path of the page that an act is about."""
    if "contact_id" in arguments:
        contact_id = arguments["contact_id"]
        return url_for("contact", contact_id=contact_id, _anchor=None if said else f"t{contact_id}", **(said or {}))
    if "number" in arguments:
        with reading() as db:
            found = next(log.rows(db, log.Filter(originator=arguments["number"]), 1), None)
        if found:
            return url_for("person", contact_id=found["id"], **(said or {}))
        return url_for("person_of", number=arguments["number"], **(said or {}))
    return url_for("overview", **(said or {}))


_LEAVES = ("tag", "skip")
"""The decisions after which the inbox shows the next text."""


def _on_in_inbox(verb: str, arguments: Arguments, said: Mapping[str, Any]) -> str:
    """Return the path after an act in the inbox: the threat's own page, the next text, or the same text again."""
    if verb == "tag" and arguments["word"] == THREAT:
        contact_id = arguments["contact_id"]
        return url_for("contact", contact_id=contact_id, _anchor=f"t{contact_id}", **said)
    here = None if verb in _LEAVES else arguments["contact_id"]
    return url_for("inbox", here=here, all=request.form.get("all") or None, **said)


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
    return in_words.resumed(line(), Resumed(**decided("resume", drops=False)), was=was)


def _change(verb: str) -> Callable[[Arguments], str]:
    def change(arguments: Arguments) -> str:
        meant = typed.AnswerMeant(arguments["contact_id"], by_hand=False)
        return in_words.changed(line(), verb, meant, decided(verb, **arguments))

    return change


def _requeue(arguments: Arguments) -> str:
    require_text(line(), arguments["contact_id"])
    return _change("requeue")(arguments)


def _tag(arguments: Arguments) -> str | Notice:
    seen = request.form.get("seen")
    with reading() as db:
        known = maybe_nearly(db, arguments["word"])
    if known:
        raise UsageError(nearly_in_words(arguments["word"], known), _("Choose that one, or another word."))
    news = decided("tag", **arguments, seen=None if seen is None else [tag_meant(word) for word in seen.split()])
    if isinstance(news, str):
        with reading() as db:
            words = in_words.sorted_meanwhile(db, arguments["contact_id"], news)
        return Notice(words, link=_link_to(arguments["contact_id"]))
    return in_words.tagged(**arguments, news=news)


def _link_to(contact_id: int) -> Link:
    return Link(url_for("contact", contact_id=contact_id, _anchor=f"t{contact_id}"), _("See it"), "log")


def _untag(arguments: Arguments) -> str:
    undo = request.form.get("undo") == "1"
    return in_words.untagged(**arguments, news=decided("untag", **arguments, undo=undo))


def _keep(arguments: Arguments) -> str:
    return in_words.kept(line(), arguments["contact_id"], news=decided("keep", **arguments))


def _keep_no_more(arguments: Arguments) -> str:
    return in_words.kept_no_more(arguments["contact_id"], found=decided("keep_no_more", **arguments))


def _skip(arguments: Arguments) -> Notice:
    contact_id = arguments["contact_id"]
    words = in_words.skipped(contact_id, found=decided("skip", **arguments))
    every = request.form.get("all") or None
    return Notice(words, link=Link(url_for("inbox", here=contact_id, all=every), _("Back to it"), "undo", key="u"))


def _tell(arguments: Arguments) -> str:
    contact_id = arguments["contact_id"]
    return in_words.told(line(), contact_id, news=decided("tell", **arguments))


def _seen(arguments: Arguments) -> str:
    return in_words.seen(arguments["contact_id"], found=decided("seen", **arguments))


def _evidence(arguments: Arguments) -> Notice:
    contact_id = arguments["contact_id"]
    with reading() as db:
        contact = log.maybe_contact(db, contact_id)
    if contact is None or contact.originator is None:
        raise NotFound(in_words.no_contact(contact_id).message)
    kept = decided("evidence", name=contact.originator)
    words = ngettext("{number} contact is kept.", "{number} contacts are kept.", kept)
    download = Link(url_for("evidence", contact_id=contact_id), _("Load the file (ZIP)"), "file")
    return Notice(f"{words} " + _("The file is personal data: give it to the police or a lawyer alone."), link=download)


ACTS = (
    Act("pause", Role.ADMIN, N_("Pause"), {},
        N_("Send nothing until somebody resumes? Texts and calls are still recorded."), _pause),
    Act("resume", Role.ADMIN, N_("Resume"), {}, N_("Let answers go out again?"), _resume,
        first=lambda: " ".join(filter(None, (in_words.forgotten(line()), in_words.leaving(line()))))),
    Act("block", Role.ADMIN, N_("Block"), _NUMBER,
        N_("Never answer {number} again, and cancel what waits for it?"), _block, undo="unblock"),
    Act("unblock", Role.ADMIN, N_("Unblock"), _NUMBER, N_("Treat {number} like any other again?"), _unblock),
    Act("requeue", Role.ADMIN, N_("Send again"), _CONTACT,
        N_("Send the answer to contact {contact_id} once more? If it left the first time, it arrives twice."),
        _requeue),
    Act("cancel", Role.ADMIN, N_("Cancel the answer"), _CONTACT,
        N_("Cancel the answer to contact {contact_id} while it waits?"), _change("cancel")),
    Act("tag", Role.VOLUNTEER, N_("Put the tag on"), _TAG, N_("Put the tag {word} on contact {contact_id}?"), _tag,
        undo="untag"),
    Act("untag", Role.VOLUNTEER, N_("Take the tag off"), _TAG,
        N_("Take the tag {word} off contact {contact_id}?"), _untag),
    Act("keep", Role.VOLUNTEER, N_("Keep"), _CONTACT,
        N_("Keep contact {contact_id}: never erase it because of its age?"), _keep),
    Act("keep_no_more", Role.ADMIN, N_("Keep no longer"), _CONTACT,
        N_("Somebody kept contact {contact_id}. Let it be erased when it is old, like any other?"), _keep_no_more),
    Act("skip", Role.VOLUNTEER, N_("Skip"), _CONTACT,
        N_("Skip contact {contact_id}: let it come last in the inbox?"), _skip),
    Act("tell", Role.VOLUNTEER, N_("Tell the admin"), _CONTACT,
        N_("Ask the admin to look at contact {contact_id}?"), _tell),
    Act("seen", Role.ADMIN, N_("Mark as seen"), _CONTACT,
        N_("Say that contact {contact_id} was looked at, as somebody asked?"), _seen),
    Act("evidence", Role.ADMIN, N_("File for the police"), _CONTACT,
        N_("Keep everything that came from the person of contact {contact_id}, and make a file of it for the police?"),
        _evidence),
)  # fmt: skip

PAGES = tuple(act.page for act in ACTS)
