"""`hotlined demo`: the real daemon and a simulated modem, with traffic to watch.

Simulator and daemon are separate programs, joined by a pseudo-terminal, in a folder that is removed afterwards. The
printed facts come from the database, as in any command.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from hotlined import status
from hotlined.cli.group import TranslatedCommand
from hotlined.cli.output import wrapped
from hotlined.documents import LoggedContact
from hotlined.errors import HotlinedError, UnavailableError, UsageError
from hotlined.language import N_, _, language_of_environment, ngettext, pgettext, speak, spoken
from hotlined.simulator import client as simulation
from hotlined.states import AnswerState, ContactKind, ContactVerdict, ModemState
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database
from hotlined.store.reading import forecast
from hotlined.store.reading import log as contact_log
from hotlined.words.amounts import in_contacts, in_segments
from hotlined.words.harmless import harmless
from hotlined.words.reasons import briefly
from hotlined.words.states import KINDS

ANSWER = (
    "Hey! Non, non, c’est pas qui tu crois. Tu sais, mettre les autres mal à l’aise, c’est pas cool. Quand on te dit "
    "“non”, bah… c’est non en fait. Apprends à respecter les femmes et leurs décisions"
)
KEVIN, LEA, TROLL, LONG = "+32470112233", "+33612345678", "+32485556677", "+32497010203"
PATIENCE_SECONDS = 50.0
LONG_TEXT = (
    "Bonsoir, je ne sais pas si tu te souviens de moi, on a parlé cinq minutes au bar et tu m'as donné ton numéro. "
    "Je voulais juste te dire que j'ai passé un bon moment, et que si tu veux on peut aller boire un verre un de ces "
    "jours, sans pression, vraiment. Réponds-moi quand tu as le temps, j'attends. Ou appelle-moi, c'est encore mieux. "
    "Je suis là tous les vendredis, toujours au fond de la salle. Tu me diras si tu viens, je garde une place pour toi."
)


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One step of the demo: its announcement, and the messages to the simulator."""

    title: str
    messages: tuple[dict[str, Any], ...]
    pause: float = 1.5


def _text(sender: str, text: str, **more: Any) -> dict[str, Any]:
    return {"do": "deliver", "from": sender, "text": text, **more}


STEPS = (
    DemoStep(N_("A man who was given this number writes, with an emoji."),
        (_text(KEVIN, "Salut beauté 😍 c'est Kevin !"),), 4),
    DemoStep(N_("Another one, from France."), (_text(LEA, "Coucou, tu fais quoi ce soir ?"),), 3),
    DemoStep(N_("A long text: three segments, the last one arrives first."),
        (_text(LONG, LONG_TEXT, parts=[3, 1, 2]),), 4),
    DemoStep(
        N_("A troll sends ten texts at once: all are recorded, one is answered."),
        tuple(_text(TROLL, f"réponds {count}") for count in range(1, 11)),
        4,
    ),
    DemoStep(
        N_("The operator's notice, a short code and a country left out are never answered."),
        (
            _text("Proximus", "Votre forfait est presque épuisé."),
            _text("8850", "Gagnez un iPhone, répondez OUI"),
            _text("+447400123456", "hello there"),
        ),
    ),
    DemoStep(N_("Someone calls: it rings, and he gets the text."),
        ({"do": "call", "from": "+32477998877", "rings": 2},), 4),
    DemoStep(N_("A photo message: its sender is read out of the notification."),
        ({"do": "mms", "from": "+32479001122"},), 3),
    DemoStep(N_("Kevin has read the answer. An attack on the terminal does nothing."),
        (_text(KEVIN, "ok désolé..."), _text(TROLL, "\x1b[2J\x1b[31mje sais où tu habites\u202e")), 2),
)  # fmt: skip


@dataclass(slots=True)
class Stage:
    """The programs and files of a running demo, and what has been printed about each contact."""

    folder: Path
    simulator: simulation.Simulation
    daemon: subprocess.Popen[bytes]
    printed: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    """Verdict and state of the answer as last printed, by contact."""


class _Demo(TranslatedCommand):
    """The demo, whose help is in the language of its output: it reads no configuration."""

    def get_help(self, ctx: click.Context) -> str:
        """Return the help."""
        speak(language_of_environment())
        return click.Command.get_help(self, ctx)


@click.command(cls=_Demo)
@click.option(
    "--keep", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep database and configuration in this folder."
)
@click.option("--web", is_flag=True, help="Then show the line in your browser, until Ctrl-C.")
def demo(keep: Path | None, *, web: bool) -> None:
    """Show the daemon at work with a simulated modem. It takes half a minute and leaves nothing behind.

    It needs a checkout of the project, where `scripts/demo` runs it. It speaks French or Dutch if the locale does:
    LANG=fr_BE.UTF-8 scripts/demo.

    Example: hotlined demo
    """
    speak(language_of_environment())  # its line has no configuration yet that names a language
    _require("gsmmodem", "python-gsmmodem-new")
    if web:
        _require("flask", "Flask")
        _require("waitress", "waitress")
    for number in (signal.SIGTERM, signal.SIGHUP):  # closing the terminal or its pane ends the demo like Ctrl-C
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), _folder(keep) as folder, _stage(folder) as stage:
        _play(stage)
        _summary(stage, keep)
        if web:
            _show_desk(stage)


def _require(module: str, package: str) -> None:
    """Raise HotlinedError if a package is not installed; a Pi usually lacks these."""
    if find_spec(module) is None:
        words = _("The demo needs {package}, which is missing.", package=package)
        raise HotlinedError(words, _("In a checkout `scripts/demo` brings it."))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise UsageError(_("{path} is not empty.", path=keep), _("Name a new folder: the demo overwrites nothing."))
        yield keep.resolve()  # the configuration has the port's path, and relative paths are relative to its own folder
    else:
        with tempfile.TemporaryDirectory(prefix="hotlined-demo-") as name:
            yield Path(name)


@contextmanager
def _stage(folder: Path) -> Iterator[Stage]:
    """Start simulator and daemon; whatever happens, end both."""
    with simulation.start(folder, sim_size=10, me_size=0, latency="zero", loops_back=True) as simulator:
        config = folder / "demo.yaml"
        config.write_text(
            json.dumps(
                {
                    "language": spoken(),
                    "database": "hotlined.db",
                    "runtime_dir": "run",
                    "modem": {"port": simulator.port, "send_interval": "1s", "ring_for": "5s", "poll_interval": "5s"},
                    "answer": {"text": ANSWER, "delay": "0s"},
                    "numbers": {"answer_countries": ["BE", "FR"]},
                }
            )
        )
        with (folder / "daemon.log").open("wb") as output:
            daemon = subprocess.Popen(_command(config, "run"), stdout=output, stderr=output, start_new_session=True)
        try:
            yield Stage(folder, simulator, daemon)
        finally:
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _command(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "hotlined", "--config", os.fspath(config), *words]


def _show_desk(stage: Stage) -> None:
    """Serve the desk at a free port until Ctrl-C, while the daemon runs on."""
    _say("")
    _say(_("The desk"), bold=True)
    sys.stdout.flush()
    desk = subprocess.Popen(_command(stage.folder / "demo.yaml", "web", "--port", "0"))
    try:
        desk.wait()
    finally:
        desk.terminate()
        desk.wait()


def _play(stage: Stage) -> None:
    _say(_("A simulated modem, and the real daemon on it. In: texts. Out: answers."))
    database = stage.folder / "hotlined.db"
    _wait(stage, lambda: database.exists() and _ready(stage), _("The daemon does not start."))
    with open_beside_daemon(database) as db:
        for step in STEPS:
            _say("")
            _say(f"-- {_(step.title)}", bold=True)
            for message in step.messages:
                arguments = dict(message)
                stage.simulator.client.do(arguments.pop("do"), **arguments)
            end = time.monotonic() + step.pause
            while time.monotonic() < end:
                _report(stage, db)
                time.sleep(0.1)
        while _busy(db):
            _report(stage, db)
            _wait(stage, lambda: True, _("The answers do not go out."))
            time.sleep(0.1)
        _report(stage, db)


def _ready(stage: Stage) -> bool:
    return status.find(stage.folder / "run", "demo", stage.folder / "hotlined.db").ours.modem.state == ModemState.READY


def _busy(db: Database) -> bool:
    counts = forecast.counted(db, db.now().limit)
    return bool(counts[AnswerState.QUEUED] or counts[AnswerState.SENDING])


def _wait(stage: Stage, condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline or stage.daemon.poll() is not None:
            log = (stage.folder / "daemon.log").read_text(errors="replace").splitlines()
            raise UnavailableError(what, _("Its log ends with: {lines}", lines=" / ".join(log[-3:])))
        time.sleep(0.1)


def _report(stage: Stage, db: Database) -> None:
    """Print the contacts and answers that changed since the last call."""
    for entry in contact_log.entries(db, contact_log.Filter(), limit=0):
        answer = entry.answer
        verdict, state = entry.verdict, answer.state if answer else None
        if entry.segments.received < entry.segments.total:
            continue
        printed = stage.printed.get(entry.id)
        if printed == (verdict, state):
            continue
        stage.printed[entry.id] = (verdict, state)
        if printed is None:
            kind = "" if entry.kind == ContactKind.TEXT else f"({KINDS[entry.kind]})"
            what = " ".join(filter(None, (kind, harmless(entry.text or ""))))
            _line(pgettext("demo", "in"), "cyan", entry.originator, what)
        if verdict and (printed is None or printed[0] is None):
            colour = "green" if verdict == ContactVerdict.ANSWER else "yellow"
            _line(pgettext("demo", "why"), colour, "", _verdict(verdict, entry.reason))
        if answer and answer.state is AnswerState.SENT:
            segments, text = in_segments(answer.segments or 0), harmless(answer.text or "")
            words = _("{segments}: {text}", segments=segments, text=text)
            _line(pgettext("demo", "out"), "magenta", entry.originator, words)


def _verdict(verdict: str, reason: str | None) -> str:
    if verdict == ContactVerdict.ANSWER:
        return _("answer: {reason}", reason=briefly(reason))
    return _("no answer: {reason}", reason=briefly(reason))


def _line(mark: str, colour: str, number: str | None, text: str) -> None:
    width = shutil.get_terminal_size().columns - 6
    line = f"{number or '':<14} {text}"
    shortened = line if len(line) <= width else line[: width - 1] + "…"
    click.echo(click.style(f"{mark:>4} ", fg=colour) + shortened)


def _say(text: str, *, bold: bool = False) -> None:
    click.echo(click.style(wrapped(text), bold=bold))


def _summary(stage: Stage, keep: Path | None) -> None:
    with open_beside_daemon(stage.folder / "hotlined.db") as db:
        contacts = list(contact_log.entries(db, contact_log.Filter(), limit=0))
    used = sum(storage["used"] for storage in stage.simulator.client.do("state")["storages"].values())
    _say("")
    _say(_("Summary"), bold=True)
    for sentence in _sentences(contacts, used):
        _say(f"  {sentence}")
    _say("")
    _say(_("Try next"), bold=True)
    for command in _next(keep):  # not wrapped, so that they can be copied
        click.echo(f"  {command}")


def _sentences(contacts: list[LoggedContact], used: int) -> Iterator[str]:
    reasons = Counter(contact.reason for contact in contacts if contact.verdict == ContactVerdict.SUPPRESS)
    answers = [contact.answer for contact in contacts if contact.answer]
    counts = {"contacts": in_contacts(len(contacts)), "answered": len(answers), "not_answered": sum(reasons.values())}
    if unjudged := sum(contact.verdict is None for contact in contacts):
        yield _(
            "{contacts} recorded, {answered} answered, {unjudged} not judged yet, {not_answered} not:",
            unjudged=unjudged,
            **counts,
        )
    else:
        yield _("{contacts} recorded, {answered} answered, {not_answered} not:", **counts)
    yield ", ".join(
        _("{reason}: {number}", reason=briefly(reason), number=count) for reason, count in reasons.most_common()
    )
    segments = ngettext(
        "{number} segment was sent.",
        "{number} segments were sent.",
        sum(answer.segments_sent for answer in answers),
    )
    if used:
        left = ngettext("{number} text is still on the SIM.", "{number} texts are still on the SIM.", used)
    else:
        left = _("Every text that came is stored, and the SIM has room for the next ones.")
    yield f"{segments} {left}"


def _next(keep: Path | None) -> Iterator[str]:
    """Yield commands to try next; their paths are absolute, because scripts/demo runs in another folder."""
    program, installed = Path(sys.argv[0]).resolve(), shutil.which("hotlined")
    invocation = [os.fspath(program)]
    if installed and Path(installed).resolve() == program:
        invocation = ["hotlined"]
    elif not os.access(program, os.X_OK):
        invocation = [sys.executable, "-m", "hotlined"]
    hotlined = shlex.join(invocation)
    if keep:
        chosen = shlex.join(["--config", os.fspath(keep.resolve() / "demo.yaml")])
        yield f"{hotlined} {chosen} log"
        yield f"{hotlined} {chosen} show 3"
        yield f"{hotlined} {chosen} config check"
    else:
        folder = shlex.quote(os.fspath(Path.home() / "NEW_FOLDER"))
        yield f"{hotlined} demo --keep {folder}     " + _("the same, and the log stays")
    yield f"{hotlined} text check 'Hé, arrêtez !'"
