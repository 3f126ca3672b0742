"""Functions that find the configuration's file and read it: `load` returns a `Config` or raises all problems at once.

It reads the answer's file, too. If that cannot be used, it raises nothing: then nobody is answered, and
`maybe_unusable_answer` says why.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotlined.causes import CauseCode, CodedCause
from hotlined.config import answer_file
from hotlined.config.judging import RULES
from hotlined.config.keys import KEYS, LINE_NAME, Where
from hotlined.config.problems import Problem, quoted, refuse
from hotlined.config.reading import convert, walk
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
from hotlined.language import Language, _, in_digits
from hotlined.machine.files import is_missing
from hotlined.rules.policy import Limits, Numbers, Windows

if TYPE_CHECKING:
    from hotlined.config.syntax import Node

SYSTEM_FOLDER = Path("/etc/hotlined")
LARGEST_FILE = 128 * 1024  # bytes: room for thousands of blocked numbers, and a Pi reads it within seconds


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


def _read(root: "Node | None", path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Return the value of every key, by default or as the file states it, and the problems of the file."""
    problems: list[Problem] = []
    stated = walk(root, problems)
    values = {key.path: key.default for key in KEYS.values()}
    where = Where(path.absolute().parent, values["numbers.country"])
    # the country comes first, because national numbers are read with it
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
                "is the file's name where it is not set, and {name} is not a name of a line", name=quoted(path.stem)
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
    return values, problems


def parse(text: str, path: Path) -> Config:
    """Read a configuration from the text of the file `path`, which is not opened.

    Raises ConfigError with every problem, in the order of their lines.
    """
    values, problems = _read(compose(text, path), path)
    if problems:
        raise refuse(path, problems)
    return _build(values, path)


def maybe_language(path: Path) -> Language | None:
    """Return the language that a file asks for, even if the file is broken or the language misspelt; None if unknown.

    Raises ConfigError if the file cannot be read at all.
    """
    word = maybe_stated(path, "language")
    with suppress(ConfigError):
        if word is None and compose(_decoded(path), path):
            word = KEYS["language"].default
    if word is None:
        return None
    meant = word if word in list(Language) else KEYS["language"].kind.meant(word)
    return Language(meant) if meant else None


def maybe_stated(path: Path, key: str) -> str | None:
    """Return the value of a key of the first level, even if the file is no YAML; None if the file does not state it.

    Raises ConfigError if the file cannot be read at all.
    """
    found = re.search(rf"""(?m)(?:^|[{{,] *)["']?{key}["']? *: *["']?([^"',}}#\r\n]+)""", _decoded(path))
    return found[1].strip() if found else None


def _decoded(path: Path) -> str:
    return _file_octets(path)[:LARGEST_FILE].decode("utf-8-sig", "replace")


def _file_octets(path: Path) -> bytes:
    """Return the bytes of a file, at most `LARGEST_FILE` + 1; raises ConfigError."""
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
    """Read a configuration from the bytes of the file `path`, which is not opened; raises ConfigError like `load`."""
    if len(octets) > LARGEST_FILE:
        raise refuse(path, [Problem(1, "", _("the file has more than {number} bytes", number=in_digits(LARGEST_FILE)))])
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "", _("expected UTF-8; save the file in that encoding"))
        raise refuse(path, [problem]) from error
    return parse(text, path)


def with_answer(config: Config) -> Config:
    """Return a configuration with the present content of its answer's file, if it names one."""
    answer = config.answer
    if answer.text_file is None:
        return config
    file = answer_file.read(answer.text_file, answer.encoding, answer.max_segments)
    steps = (file.variants,) if file.variants and not file.problems else ()
    return config._replace(answer=answer._replace(file=file, steps=steps))


def maybe_unusable_answer(config: Config) -> ConfigError | None:
    """Return the problems of the answer's file, as `load` found them; None if it can be used, or is empty."""
    answer = config.answer
    if answer.text_file is None or answer.file is None or not answer.file.problems:
        return None
    return refuse(answer.text_file, list(answer.file.problems))


_KEPT_BY_ROOT = ("pin", "urls")


def kept_by_root(config: Config) -> tuple[str, ...]:
    """Return the secrets of a line, of `pin` and `urls`, that are in a file of their own beside the configuration.

    Only root can read these files, but any user may ask whether they exist; if this user cannot see that, they count as
    there. `hotlined-setup` writes them, and the systemd units get them as credentials of the same names.
    """
    return tuple(name for name in _KEPT_BY_ROOT if not is_missing(config.path.with_suffix(f".{name}")))


def alerts_reach_somebody(config: Config) -> bool:
    """Tell whether alerts have an address or a number to go to."""
    alerts = config.alerts
    return bool(alerts.urls or alerts.urls_file or alerts.sms_to or "urls" in kept_by_root(config))


def maybe_missing_pin_file(config: Config) -> ConfigError | None:
    """Return the error for a `modem.pin_file` that does not exist; None if it exists, or this user cannot see it."""
    if not is_missing(file := config.modem.pin_file):
        return None
    cause = CodedCause(CauseCode.NO_PIN_FILE, {"path": str(file)})
    return ConfigError(cause.words, (), cause.cure, cause)


def other_lines(path: Path) -> list[str]:
    """Return the names of the other lines of this machine: those with a configuration in the same folder."""
    return sorted(other.stem for other in path.parent.glob("*.yaml") if other.name != path.name)


def find(option: Path | None, line: str | None, environ: Mapping[str, str]) -> Path:
    """Return the path of the configuration: the one that the caller names, else the first usual one that exists.

    The caller names it with `--config`, `--line` or HOTLINED_CONFIG, in this order; then no other file is taken. The
    usual ones are /etc/hotlined/main.yaml, the only .yaml file of that folder, and ./config.yaml. Raises ConfigError
    with the places that were looked at, and UsageError for a name that a line cannot have.
    """
    if line is not None and not re.fullmatch(LINE_NAME.pattern, line):
        raise UsageError(
            _("{name} is not a line.", name=quoted(line)),
            _("A line's name has {expected}.", expected=LINE_NAME.expected),
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
        if not is_missing(place):  # a file that this user may not see counts, too: `load` says what is wrong with it
            return place
    sought = (
        _("no configuration: there is no {path}", path=places[0])
        if len(places) == 1
        else _("no configuration: there is no {system} nor {here}", system=places[0], here=places[-1])
    )
    raise ConfigError(
        sought,
        (),
        _("Start from the annotated config.yaml that came with hotlined, or name another with --line or --config."),
    )
