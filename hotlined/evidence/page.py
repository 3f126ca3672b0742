"""The page: one HTML file without scripts, links or other files, to read on a screen and to print on A4.

The text of a stranger cannot change the page: it is escaped, and without control characters. Its direction of writing
(right to left) holds only inside it, and a long word is broken at the margin.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from hotlined import __version__
from hotlined.documents import TextByHand
from hotlined.evidence.facts import EvidenceFacts, local, missing, network, universal
from hotlined.evidence.words import BY_HAND, CHECK, FILES, NONE_MISSING, PERSONAL, SHEET, SUM_OF_SUMS, TITLE
from hotlined.language import N_, NP_, Phrases, _, in_row
from hotlined.states import ContactKind
from hotlined.store.people.stored_evidence import EvidenceContact, EvidencePart, EvidenceReport
from hotlined.words.html import text_in_html, whole_page
from hotlined.words.reasons import SEGMENT_STATES, STATES, problem_in_words, reason_in_words
from hotlined.words.tags import tag_in_words

UNSURE = N_("The clock of the machine was not synchronised then.")
NOT_STORED = N_("not stored any more")

Row = tuple[str, str]
"""A label and its value, as HTML."""

_KINDS = Phrases(
    {
        ContactKind.TEXT: NP_("contact", "Text"),
        ContactKind.CALL: N_("Call"),
        ContactKind.MMS: N_("Notice of a photo message"),
        ContactKind.DATA: N_("Data message"),
        ContactKind.SERVICE: N_("Service message"),
        ContactKind.UNREADABLE: N_("Message that cannot be read"),
    }
)


def draw(facts: EvidenceFacts, sums: Mapping[str, str]) -> str:
    """Return the whole page in HTML; `sums` are the SHA-256 of the other files."""
    title = _(TITLE, number=facts.number)
    body = _BODY.format(
        title=_html(title),
        personal=_html(_(PERSONAL)),
        summary=_rows(_summary(facts)),
        missing=_missing(facts),
        contacts="\n".join(_contact(contact) for contact in facts.contacts),
        by_hand=_by_hand(facts),
        sheet="".join(f"<dt>{_html(_(term))}</dt><dd>{_html(_(words))}</dd>" for term, words in SHEET),
        annex="\n".join(filter(None, map(_annex, facts.contacts))),
        files=_files(sums),
        check=_typed(_html(_(CHECK))),
        by_hand_title=_html(_(BY_HAND)),
        sum_of_sums=_html(_(SUM_OF_SUMS)),
        signed=_html(_("Name and signature")),
        dated=_html(_("Date and place")),
        made=_html(_("Made by hotlined {version}, the program of the line.", version=__version__)),
        **{name: _html(_(heading)) for name, heading in _HEADINGS.items()},
    )
    return whole_page(title, _STYLE.replace("TOP", _top(facts)), body)


def _top(facts: EvidenceFacts) -> str:
    """Return the header of each printed page, which is inside the style sheet.

    It has the number only if this is digits: a sender's name can be any text, and would be read as CSS there.
    """
    number = facts.number if facts.number.removeprefix("+").isdecimal() else "hotlined"
    return f"{number} · {local(facts.made_at)}"


def _html(value: object) -> str:
    """Escape a value so that a browser shows it and does not read it as HTML; line breaks stay."""
    return text_in_html(value, "\n")


def _typed(sentence: str) -> str:
    """Show the parts between backticks as something to type."""
    return re.sub("`([^`]*)`", r"<kbd>\1</kbd>", sentence)


def _stranger(text: str) -> str:
    return f'<bdi class="text">{_html(text)}</bdi>'


def _rows(rows: Iterator[Row]) -> str:
    inside = "".join(f'<tr><th scope="row">{_html(label)}</th><td>{value}</td></tr>' for label, value in rows)
    return f"<table>{inside}</table>"


def _both(moment: str) -> str:
    return f"<strong>{_html(local(moment))}</strong><br>{_html(universal(moment))}"


def _summary(facts: EvidenceFacts) -> Iterator[Row]:
    contacts = facts.contacts
    yield _("From"), f"<strong>{_stranger(facts.number)}</strong>"
    yield _("To the line"), _html(f"{facts.line_number or '–'} ({facts.line})")
    kinds = [contact.kind for contact in contacts]
    counted = (_("{kind}: {number}", kind=_KINDS[kind], number=kinds.count(kind)) for kind in _KINDS if kind in kinds)
    yield _("Contacts"), _html(", ".join(counted))
    yield _("First"), _both(contacts[0].received_at)
    yield _("Last"), _both(contacts[-1].received_at)
    decided = facts.held.decided
    if decided.blocked_at:
        by = _("by {by}, {moment}", by=decided.blocked_by, moment=local(decided.blocked_at))
        yield _("Blocked"), _html(by)
    if decided.opted_out_at:
        yield _("No answers wanted"), _html(local(decided.opted_out_at))
    maker = _("by {who}, with hotlined {version}", who=facts.made_by, version=__version__)
    yield _("Page made"), f"{_both(facts.made_at)}<br>{_html(maker)}"
    clock = _("synchronised when the page was made") if facts.synchronised else _("not synchronised then")
    yield _("The machine's clock"), _html(clock)
    yield (
        _("SIM and modem"),
        _html(f"IMSI {facts.held.line.imsi or '–'}, IMEI {facts.held.line.imei or '–'}"),
    )


def _missing(facts: EvidenceFacts) -> str:
    sentences = [*missing(facts)]
    if not sentences:
        return f"<p>{_html(_(NONE_MISSING))}</p>"
    return "<ul>" + "".join(f"<li>{_typed(_html(sentence))}</li>" for sentence in sentences) + "</ul>"


def _contact(contact: EvidenceContact) -> str:
    heading = _("Contact {number}: {kind}", number=contact.id, kind=_KINDS[contact.kind])
    text = f"<blockquote>{_stranger(contact.text)}</blockquote>" if contact.text is not None else ""
    inside = f"<h3>{_html(heading)}</h3>{text}{_rows(_contact_rows(contact))}"
    return f"<article>{inside}</article>"


def _contact_rows(contact: EvidenceContact) -> Iterator[Row]:
    yield _("From"), _stranger(contact.originator or _("withheld"))
    if contact.other_originator:
        yield _("Other address"), _stranger(contact.other_originator)
    unsure = "" if contact.synchronised else f"<br>{_html(_(UNSURE))}"
    yield _("Received"), _both(contact.received_at) + unsure
    if contact.scts:
        yield _("Network's time"), _html(network(contact.scts))
    if centres := sorted({part.service_centre for part in contact.parts if part.service_centre}):
        yield _("Service centre"), _html(", ".join(centres))
    if contact.kind == ContactKind.TEXT and contact.text is None:
        yield _("Text"), _html(_(NOT_STORED))
    segments = contact.segments
    if segments.total:
        yield _("Segments"), _html(_("{received} of {total}", received=segments.received, total=segments.total))
    if contact.repeats:
        yield _("Copies"), _html(contact.repeats)
    yield from _answer_rows(contact)
    if contact.tags:
        yield _("Tags"), _html(" ".join(f"#{tag_in_words(tag)}" for tag in contact.tags))
    yield _("Kept"), _html(_("by {who}, {moment}", who=contact.kept.by, moment=local(contact.kept.at)))


def _answer_rows(contact: EvidenceContact) -> Iterator[Row]:
    answer = contact.answer
    if answer is None:
        yield _("No answer"), _html(reason_in_words(contact.reason) or _("not decided yet"))
        return
    said = f"<br>{_stranger(answer.text)}" if answer.text else ""
    yield _("Answer"), f"{_html(STATES[answer.state])}{said}"
    for part in answer.parts:
        fate = [SEGMENT_STATES[part.state]]
        fate += [_(words, moment=local(getattr(part, key))) for words, key in _FATES if getattr(part, key)]
        fate += [_("reference {number}", number=part.mr)] if part.mr is not None else []
        yield _("Segment {number}", number=part.sequence), _html(in_row(fate))


_FATES = (
    (N_("given to the modem {moment}"), "submitted_at"),
    (N_("taken by the network {moment}"), "sent_at"),
    (N_("report received {moment}"), "reported_at"),
    (N_("by the network's time {moment}"), "discharged_at"),
)


def _by_hand(facts: EvidenceFacts) -> str:
    """Return the texts that people of the line sent to the number themselves, or nothing."""
    texts = facts.held.by_hand
    if not texts:
        return ""
    rows = ((local(text.answer.queued_at), _sent_by_hand(text)) for text in texts)
    heading = _html(_("Texts that people of the line sent by hand"))
    return f"<section><h2>{heading}</h2>{_rows(iter(rows))}</section>"


def _sent_by_hand(text: TextByHand) -> str:
    state = STATES[text.answer.state]
    said = _stranger(text.answer.text or _(NOT_STORED))
    fate = _("{by}: {fate}", by=text.asked_by or "–", fate=state)
    return f"{_html(fate)}<br>{said}"


def _annex(contact: EvidenceContact) -> str:
    """Return the raw data of a contact; nothing for a call, which has none."""
    if not contact.parts:
        return ""
    inside = "".join(_segment(contact, part) for part in contact.parts)
    reports = "".join(map(_report, contact.answer.reports if contact.answer else ()))
    heading = _html(_("Contact {number}", number=contact.id))
    return f"<h3>{heading}</h3>{inside}{reports}"


def _segment(contact: EvidenceContact, part: EvidencePart) -> str:
    place = f"{part.storage} {part.storage_index}" if part.storage else _("handed over directly")
    deleted = part.deleted_at
    known = [
        _("Segment {number} of {total}", number=part.sequence or "–", total=contact.segments.total),
        _("a copy") if part.repeat else "",
        _("received {moment}", moment=universal(part.received_at)),
        _("network's time {moment}", moment=network(part.scts) if part.scts else "–"),
        _("service centre {number}", number=part.service_centre or "–"),
        _("storage {place}, IMSI {imsi}", place=place, imsi=part.imsi),
        _("deleted there {moment}", moment=universal(deleted)) if deleted else _("not deleted there yet"),
        _("could not be read: {problem}", problem=problem_in_words(part.problem)) if part.problem else "",
    ]
    return _raw(known, part.pdu)


def _report(report: EvidenceReport) -> str:
    known = [
        _("Report of the network about the answer"),
        _("received {moment}", moment=universal(report.received_at)),
        _("service centre {number}", number=report.service_centre or "–"),
    ]
    return _raw(known, report.pdu)


def _raw(known: Sequence[str], pdu: str | None) -> str:
    words = _html(in_row(known))
    return f'<div class="raw"><p>{words}</p><code>{_html(pdu or _(NOT_STORED))}</code></div>'


def _files(sums: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_html(name)}</th><td>{_html(_(words))}<br><code>{sums.get(name, '–')}</code></td></tr>"
        for name, words in FILES.items()
    )
    return f"<table>{rows}</table>"


_STYLE = """@page{size:A4;margin:18mm 16mm 20mm;@bottom-right{content:counter(page) " / " counter(pages);
font:9pt sans-serif;color:#333}@top-left{content:"TOP";font:9pt sans-serif;color:#333}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:48rem;padding:1rem;background:#fff;color:#111;overflow-wrap:anywhere;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
h1{font-size:1.6rem;line-height:1.2}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:2px solid #111}
h3{font-size:1.05rem;margin:1.25rem 0 .35rem}
h1,h2,h3{break-after:avoid}
.personal{border:2px solid #111;padding:.5rem .75rem;font-weight:600}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.2rem .5rem .2rem 0;border-bottom:1px solid #ccc}
th{width:11rem;font-weight:400;color:#444}
tr,li,dt,dd,.raw,.sign{break-inside:avoid}
blockquote{margin:.35rem 0 .6rem;padding:.35rem .75rem;border-left:4px solid #111;background:#f4f4f4;font-size:1.1rem}
.text{white-space:pre-wrap}
blockquote .text{display:block;unicode-bidi:isolate}
dt{font-weight:600;margin-top:.5rem;break-after:avoid}
dd{margin:0}
.raw{margin:.5rem 0}
.raw p{margin:0;font-size:.87rem;break-after:avoid}
code{display:block;font:12px/1.4 "DejaVu Sans Mono",Consolas,monospace;word-break:break-all}
.sign td{height:3rem}
footer{margin-top:2rem;font-size:.87rem;color:#444}
@media print{body{max-width:none;padding:0;font-size:10.5pt}blockquote{background:none}}
"""

_HEADINGS = {
    "about_missing": N_("What is missing or uncertain"),
    "about_contacts": N_("What came, in the order of time"),
    "about_sheet": N_("Where each figure comes from"),
    "about_annex": N_("Annex: raw data"),
    "about_files": N_("The files, and their SHA-256"),
}

_BODY = """<main>
<h1>{title}</h1>
<p class="personal">{personal}</p>
{summary}
<section><h2>{about_missing}</h2>{missing}</section>
<section><h2>{about_contacts}</h2>
{contacts}
</section>
{by_hand}
<section><h2>{about_sheet}</h2><dl>{sheet}</dl></section>
<section><h2>{about_annex}</h2>
{annex}
</section>
<section><h2>{about_files}</h2>
{files}
<p>{check}</p>
<h3>{by_hand_title}</h3>
<table>
<tr class="sign"><th scope="row">{sum_of_sums}</th><td></td></tr>
<tr class="sign"><th scope="row">{dated}</th><td></td></tr>
<tr class="sign"><th scope="row">{signed}</th><td></td></tr>
</table>
</section>
</main>
<footer><p>{made}</p></footer>
"""
