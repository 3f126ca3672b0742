"""A file → `Config`, or every problem of it at once; where it lies; `salvage` reads what is sound of a broken one.

`load` and `salvage` read the answer's file, too. One that cannot be used is no error there: nobody is answered, and
`maybe_unusable_answer` says why.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hotlined.causes import CauseCode, CodedCause
from hotlined.config import answer_file
from hotlined.config.judging import RULES
from hotlined.config.keys import KEYS, LINE_NAME, SECTIONS, Where, nearest_key
from hotlined.config.problems import Problem, quoted, refuse
from hotlined.config.reading import Stated, convert, walk
from hotlined.config.syntax import compose
from hotlined.config.values import (
    AlertsConfig,
    AnswerConfig,
    BackupConfig,
    Config,
    CreditConfig,
    FleetConfig,
    ModemConfig,
    PrivacyConfig,
    WebConfig,
)
from hotlined.errors import ConfigError, UsageError, number_of
from hotlined.files import is_missing
from hotlined.language import Language, _, in_digits
from hotlined.policy import Limits, Numbers, Windows

if TYPE_CHECKING:
    from hotlined.config.syntax import Node

SYSTEM_FOLDER = Path("/etc/hotlined")
LARGEST_FILE = 128 * 1024  # octets: thousands of blocked numbers, and read within seconds on a Pi


def _build(values: Mapping[str, Any], path: Path) -> Config:
    def of(section: str) -> dict[str, Any]:
        return {name.rpartition(".")[2]: value for name, value in values.items() if name.rpartition(".")[0] == section}

    answer = of("answer")
    text, steps, delay = answer.pop("text"), answer.pop("texts"), answer.pop("delay")
    numbers = of("numbers")
    if numbers["answer_countries"] is None:
        numbers["answer_countries"] = (numbers["country"],)
    return Config(
        **of(""),
        modem=ModemConfig(**of("modem")),
        answer=AnswerConfig(**answer, steps=steps if text is None else ((text,),), delay=(delay[0], delay[-1])),
        limits=Limits(**of("limits"), segments=Windows(**of("limits.segments"))),
        numbers=Numbers(**numbers),
        credit=CreditConfig(**of("credit")),
        privacy=PrivacyConfig(**of("privacy")),
        alerts=AlertsConfig(**of("alerts")),
        backup=BackupConfig(**of("backup")),
        web=WebConfig(**of("web")),
        fleet=FleetConfig(**of("fleet")),
        path=path.absolute(),
    )


class _Read(NamedTuple):
    """What a text says by key, defaults included, and what is wrong with it."""

    values: dict[str, Any]
    problems: list[Problem]


def _read(roots: Iterable["Node | None"], path: Path) -> _Read:
    problems: list[Problem] = []
    stated = Stated({}, {})
    for root in roots:
        each = walk(root, problems)
        stated = Stated(each.lines | stated.lines, each.nodes | stated.nodes)
    values = {key.path: key.default for key in KEYS.values()}
    where = Where(path.absolute().parent, values["numbers.country"])
    # the country comes first: the numbers are read with it
    for name in sorted(stated.nodes, key=lambda name: name != "numbers.country"):
        value, found = convert(KEYS[name], stated.lines[name], stated.nodes[name], where)
        if found:
            problems += found
            continue
        values[name] = value
        if name == "numbers.country":
            where = Where(where.folder, value)
    if values["line"] is None:
        values["line"] = path.stem
        if not re.fullmatch(LINE_NAME.pattern, path.stem):
            sentence = _(
                "is the file's name where it is not set, and {name} is no name of a line", name=quoted(path.stem)
            )
            problems.append(Problem(stated.lines.get("line", 1), "line", sentence))
    if values["database"] is None:
        values["database"] = Path(f"/var/lib/hotlined-{path.stem}/hotlined.db")
    wrong = {problem.key for problem in problems}
    for names, judge in RULES:
        places = (*names, names[0].rpartition(".")[0], "")
        if wrong.isdisjoint(places):
            line = next((stated.lines[place] for place in places if place in stated.lines), 1)
            problems += (Problem(line, names[0], sentence) for sentence in judge(*map(values.get, names)))
    return _Read(values, problems)


def parse(text: str, path: Path) -> Config:
    """Read a configuration from the text of the file `path`, which is not opened.

    Raises ConfigError with every problem, in the order of their lines.
    """
    read = _read([compose(text, path)], path)
    if read.problems:
        raise refuse(path, read.problems)
    return _build(read.values, path)


class Salvaged(NamedTuple):
    """What is sound in a file that cannot be used; `unknown` are the keys that it may have meant otherwise.

    Those have their defaults. An answer that is unknown is no text at all; one that breaks a rule (it is too long) is
    as it stands there.
    """

    config: Config
    unknown: tuple[str, ...]


def salvage(path: Path) -> Salvaged:
    """Read what can be read of a broken file: nothing may be done by it that needs the rest.

    Raises ConfigError where it cannot be read at all.
    """
    salvaged = salvage_text(_decoded(path), path)
    return salvaged._replace(config=with_answer(salvaged.config))


def _decoded(path: Path) -> str:
    octets = _file_octets(path)[:LARGEST_FILE]
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("latin-1")  # what it most often is; it only has to do until the file is corrected


def salvage_text(text: str, path: Path) -> Salvaged:
    """Read what can be read of the text of a broken file."""
    roots, lost = _sound(text, path)
    read = _read(roots, path)
    meant = [
        problem.key if problem.key in (*KEYS, *SECTIONS) else nearest_key(problem.key)[0] for problem in read.problems
    ]
    unknown = [
        key
        for key in KEYS
        if any(key == place or key.startswith(f"{place}.") for place in (*meant, *lost)) or (lost == [""])
    ]
    values = {**read.values}
    if values["answer.text"] is not None or values["answer.texts"]:
        values["answer.text_file"] = None
    elif values["answer.text_file"] is None:
        values["answer.texts"] = ((NO_TEXT,),)
    if values["answer.texts"] == ((NO_TEXT,),):
        unknown = [key for key in KEYS if key in {*unknown, "answer.text"}]
    elif "answer.text" in unknown:  # too long, or stated twice over: it is known all the same
        unknown.remove("answer.text")
    return Salvaged(_build(values, path), tuple(unknown))


NO_TEXT = "?"
"""What stands for an answer that is not known."""


def maybe_language(path: Path) -> Language | None:
    """Return the language that a file asks for, also a broken one, or by another word; None where that is lost.

    Raises ConfigError where the file cannot be read at all.
    """
    roots, lost = _sound(_decoded(path), path)
    key = KEYS["language"]
    node = next((node for root in roots if (node := walk(root, []).nodes.get(key.path))), None)
    if node is None:
        return None if {"", key.path} & {*lost} else key.default
    word = node.value if node.id == "scalar" else ""
    return Language(word) if word in list(Language) else Language(meant) if (meant := key.kind.meant(word)) else None


def _sound(text: str, path: Path) -> tuple[list["Node | None"], list[str]]:
    """Parse a file whole, or else section by section, and name the sections that are no YAML; '' for all of it."""
    with suppress(ConfigError):
        return [compose(text, path)], []
    roots: list[Node | None] = []
    lost: list[str] = []
    pieces = re.split(r"^(?=[A-Za-z_])", text, flags=re.MULTILINE)
    for piece in pieces:
        try:
            root = compose(piece, path)
        except ConfigError:
            found = re.match(r"[A-Za-z_.]+(?=\s*:)", piece)
            lost.append(found[0] if found else "")
        else:
            if root is not None and root.id == "mapping":
                roots.append(root)
    known = [place if place in (*KEYS, *SECTIONS) else nearest_key(place)[0] for place in lost if place]
    return roots, known if roots else [""]


def _file_octets(path: Path) -> bytes:
    """Return what is in a file, and at most an octet more than may be in it; raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        cause = CodedCause(CauseCode.CONFIG_UNREAD, {"path": str(path), "reason": number_of(error)})
        raise ConfigError(cause.words, (), cause.cure, cause) from error


def load(path: Path) -> Config:
    """Read the configuration from its file, in UTF-8; raises ConfigError with every problem."""
    return with_answer(parse_octets(_file_octets(path), path))


def parse_octets(octets: bytes, path: Path) -> Config:
    """Read a configuration from what is in the file `path`, which is not opened; raises ConfigError as `load` does."""
    if len(octets) > LARGEST_FILE:
        raise refuse(path, [Problem(1, "", _("expected at most {number} octets", number=in_digits(LARGEST_FILE)))])
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "", _("expected UTF-8; save the file in that encoding"))
        raise refuse(path, [problem]) from error
    return parse(text, path)


def with_answer(config: Config) -> Config:
    """Return a configuration with what stands in its answer's file now, where it names one."""
    answer = config.answer
    if answer.text_file is None:
        return config
    file = answer_file.read(answer.text_file, answer.encoding, answer.max_segments)
    steps = (file.variants,) if file.variants and not file.problems else ()
    return config._replace(answer=answer._replace(file=file, steps=steps))


def maybe_unusable_answer(config: Config) -> ConfigError | None:
    """Return what is wrong with the answer's file, as `load` found it; None where it can be used, or is empty."""
    answer = config.answer
    if answer.text_file is None or answer.file is None or not answer.file.problems:
        return None
    return refuse(answer.text_file, list(answer.file.problems))


_KEPT_BY_ROOT = ("pin", "urls")


def kept_by_root(config: Config) -> tuple[str, ...]:
    """Return which secrets of a line are in files that only root reads, beside the configuration, or may be there.

    `hotlined-setup` writes them, and units get them as credentials of these names.
    """
    return tuple(name for name in _KEPT_BY_ROOT if not is_missing(config.path.with_suffix(f".{name}")))


def maybe_missing_pin_file(config: Config) -> ConfigError | None:
    """Return the error for a `modem.pin_file` that is not there; None where it is, or this user cannot know."""
    if not is_missing(file := config.modem.pin_file):
        return None
    cause = CodedCause(CauseCode.NO_PIN_FILE, {"path": str(file)})
    return ConfigError(cause.words, (), cause.cure, cause)


def other_lines(path: Path) -> list[str]:
    """Return the names of the other configurations in the folder of one: the further lines of this machine."""
    return sorted(other.stem for other in path.parent.glob("*.yaml") if other.name != path.name)


def find(option: Path | None, line: str | None, environ: Mapping[str, str]) -> Path:
    """Find the file: `--config`, `--line`, HOTLINED_CONFIG, /etc/hotlined/main.yaml, the only one there, ./config.yaml.

    A file that was asked for by name is never replaced by another one. Raises ConfigError that names
    the places looked at, and UsageError for a line whose name is none.
    """
    if line is not None and not re.fullmatch(LINE_NAME.pattern, line):
        raise UsageError(
            _("{name} is no line.", name=quoted(line)), _("A line's name has {expected}.", expected=LINE_NAME.expected)
        )
    if option is not None:
        places = [option]
    elif line is not None:
        places = [SYSTEM_FOLDER / f"{line}.yaml"]
    elif environ.get("HOTLINED_CONFIG"):
        places = [Path(environ["HOTLINED_CONFIG"])]
    else:
        first, installed = SYSTEM_FOLDER / "main.yaml", sorted(SYSTEM_FOLDER.glob("*.yaml"))
        places = [first, *(installed if len(installed) == 1 else ()), Path("config.yaml")]
    for place in places:
        if not is_missing(place):  # one that may not be looked at is the one that is meant: `load` says what is wrong
            return place
    sought = (
        _("no configuration: there is no {path}", path=places[0])
        if len(places) == 1
        else _("no configuration: there is no {system} nor {here}", system=places[0], here=places[-1])
    )
    raise ConfigError(
        sought, (), _("Start from the annotated config.yaml that came with hotlined, or name another with --config.")
    )
