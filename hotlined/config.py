"""config.yaml → frozen dataclasses: one table of keys drives reading, defaults, hints and `config show`.

Every problem of a file is reported at once, each with its line. Scalars are read as text and
converted by key, so that `0123`, `+32470123456` and `NO` mean what they say. Not here: what the
limits do (policy), and whether a port, a folder or a PIN file works. `salvage` reads what is sound of a broken file,
for those who have to decide something before it is corrected.
Known to be wrong: of broken YAML only the first mistake is reported; a list's entry that is an alias is
reported on its anchor's line.
"""

import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import Enum, StrEnum, auto
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hotlined.errors import AddressError, ConfigError, TextError, UsageError
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.policy import Limits, Numbers, Rules, Windows, fold
from hotlined.status import private_folder

if TYPE_CHECKING:
    import yaml  # at run time only inside `_compose`: what never reads a configuration does without

    _Node = yaml.ScalarNode | yaml.SequenceNode | yaml.MappingNode

SYSTEM_FOLDER = Path("/etc/hotlined")
LARGEST_FILE = 128 * 1024  # octets: thousands of blocked numbers, and read within seconds on a Pi
MOST_KEYS = 100  # of one section: more is no configuration, and every unknown key costs a search
HIDDEN = "***"

_LARGEST = 10**15 - 1  # SQLite's integers end at 2**63

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,8}}){unit})?" for unit in _UNITS))


def parse_duration(text: str) -> timedelta:
    """Read integers with a unit, the largest first: `90s`, `10m`, `24h`, `7d`, `1h30m`, `0s`.

    Raises ValueError for anything else, a number without a unit included.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"expected a duration like 90s, 10m, 24h, 7d or 1h30m, got {_quoted(text)}")
    counts = match.groups(default="0")
    return timedelta(seconds=sum(int(count) * unit for count, unit in zip(counts, _UNITS.values(), strict=True)))


def format_duration(duration: timedelta) -> str:
    """Write a duration of 0 s or more for `parse_duration`; a fraction of a second is dropped."""
    seconds = duration // timedelta(seconds=1)
    if seconds < 0:
        raise ValueError(f"a duration is not negative: {duration}")
    written = ""
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


class Mode(StrEnum):
    """Whether answers are transmitted."""

    LIVE = "live"
    SHADOW = "shadow"


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Calls(StrEnum):
    """What is done with an incoming call."""

    RING = "ring"
    HANG_UP = "hang_up"
    IGNORE = "ignore"


class AnswerEncoding(StrEnum):
    """How a text becomes GSM-7 or UCS-2: the modes of `hotlined.gsm.alphabet.plan`."""

    SMART = "smart"
    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class ModemConfig:
    """The modem: how it is reached and what is asked of it."""

    port: str
    baudrate: int
    pin: str | None = field(repr=False)
    pin_file: Path | None
    poll_interval: timedelta
    send_interval: timedelta
    send_timeout: timedelta
    delivery_reports: bool
    calls: Calls
    ring_for: timedelta


@dataclass(frozen=True, slots=True)
class AnswerConfig:
    """The answer: its texts (the first answer to a number, the second, …; the last repeats) and its times."""

    texts: tuple[str, ...]
    encoding: AnswerEncoding
    max_segments: int
    delay: tuple[timedelta, timedelta]
    max_age: timedelta
    validity: timedelta

    def text_after(self, answers: int) -> str:
        """Return the text for a number that was answered so often before."""
        return self.texts[min(answers, len(self.texts) - 1)]


@dataclass(frozen=True, slots=True)
class CreditConfig:
    """How the balance is asked for, found in the operator's reply, and found too low."""

    ussd: str | None
    pattern: re.Pattern[str] | None
    alert_below: Decimal


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """How long texts and numbers are kept."""

    keep_texts: timedelta
    keep_numbers: timedelta


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """Where alerts go: Apprise URLs, a file of them, a number in E.164, a URL that hears that all is well."""

    urls: tuple[str, ...] = field(repr=False)
    urls_file: Path | None
    sms_to: str | None
    sms_per_day: int
    ping: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Who may speak for others at the desk's socket, as names of users, and the names of hosts that it serves."""

    proxies: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in force, and the file it came from."""

    line: str
    line_number: str | None
    database: Path
    runtime_dir: Path
    mode: Mode
    log_level: LogLevel
    modem: ModemConfig
    answer: AnswerConfig
    limits: Limits
    numbers: Numbers
    credit: CreditConfig
    privacy: PrivacyConfig
    alerts: AlertsConfig
    web: WebConfig
    path: Path

    @property
    def name(self) -> str:
        """What the line is called in paths and units: its file's name without .yaml, 'main' for config.yaml."""
        return "main" if self.path.stem == "config" else self.path.stem

    def rules(
        self, own_number: str | None = None, *, sim_changed: bool = False, earlier_texts: Iterable[str] = ()
    ) -> Rules:
        """Return the rules of the line with what the SIM says of itself; nothing else makes them.

        `earlier_texts` are answers of the last weeks that are not in force any more: they may still come back.
        """
        texts = dict.fromkeys((*self.answer.texts, *earlier_texts))
        return Rules(
            limits=self.limits,
            numbers=self.numbers,
            max_age=self.answer.max_age,
            max_segments=self.answer.max_segments,
            sim_changed=sim_changed,
            answer_calls=self.modem.calls is not Calls.IGNORE,
            own_numbers=frozenset(filter(None, (self.line_number, own_number))),
            our_texts=tuple(map(fold, texts)),
        )


@dataclass(frozen=True, slots=True)
class _Where:
    """What a scalar's meaning may depend on: the file's folder, the country of national numbers."""

    folder: Path
    country: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of scalar: what it looks like, what it becomes, and how that is written again."""

    expected: str
    pattern: str = r"(?s:.+)"
    convert: Callable[[str], Any] = str
    accept: Callable[[Any], bool] = lambda _value: True
    resolve: Callable[[Any, _Where], Any] = lambda value, _where: value
    format: Callable[[Any], str] = str
    meant: Callable[[str], str | None] = lambda _text: None  # what a scalar of no such kind most likely means
    personal: bool = False  # never quoted in a problem: problems end up in the journal
    comment: str | None = None  # what behind a plain value may not be meant as a comment, though YAML takes it for one

    def parse(self, text: str, where: _Where) -> Any:
        """Read a scalar; raises ValueError for another kind's."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        try:
            value = self.convert(text)
            if self.accept(value):
                return self.resolve(value, where)
        except (AddressError, re.error, OverflowError, RecursionError) as error:
            raise ValueError(text) from error
        raise ValueError(text)


# what a choice is called by whoever writes French or Dutch
_CHOSEN = {
    "ombre": "shadow",
    "schaduw": "shadow",
    "raccrocher": "hang_up",
    "ophangen": "hang_up",
    "sonner": "ring",
    "overgaan": "ring",
    "ignorer": "ignore",
    "negeren": "ignore",
}


def _choice(choices: type[StrEnum]) -> _Kind:
    def meant(text: str) -> str | None:
        word = _CHOSEN.get(fold(text), fold(text))
        return next((choice for choice in choices if fold(choice) == fold(word)), None)

    return _Kind(f"one of {', '.join(choices)}", convert=choices, meant=meant)


def _whole(least: int, most: int = _LARGEST) -> _Kind:
    extent = f"of at least {least}" if most == _LARGEST else f"from {least} to {most}"
    return _Kind(f"a whole number {extent}", "[0-9]{1,15}", int, lambda number: least <= number <= most)


# what a unit is called in French, Dutch and English, as a count of ours; a longer spelling comes first
_SPELLED = (
    ("secondes?|seconden|sec|s", 1, "s"),
    ("minutes?|minuten|minuut|min|m", 1, "m"),
    ("heures?|hours?|uren|uur|u|h", 1, "h"),
    ("jours?|dagen|dag|days?|j|d", 1, "d"),
    ("semaines?|sem|weken|weeks?|w", 7, "d"),
    ("mois|maanden|maand|months?", 30, "d"),
    ("années?|ans?|jaren|jaar|years?", 365, "d"),
)


def _spelled_duration(text: str) -> str | None:
    units = "|".join(names for names, _, _ in _SPELLED)
    word = text.lower()
    if not re.fullmatch(rf"(?:\s*[0-9]{{1,8}}\s*(?:{units})(?![^\W\d]))+", word):
        return None
    written = ""
    for count, name in re.findall(r"([0-9]+)\s*([^\W\d]+)", word):
        size, unit = next((size, unit) for names, size, unit in _SPELLED if re.fullmatch(names, name))
        written += f"{int(count) * size}{unit}"
    return written


def _duration(least: str, most: str) -> _Kind:
    shortest, longest = parse_duration(least), parse_duration(most)

    def meant(text: str) -> str | None:
        written = _spelled_duration(text)
        with suppress(ValueError, OverflowError):
            if written and written != text and shortest <= parse_duration(written) <= longest:
                return written
        return None

    return _Kind(
        f"a duration from {least} to {most}, like 90s, 10m, 24h, 7d or 1h30m",
        convert=parse_duration,
        accept=lambda duration: shortest <= duration <= longest,
        meant=meant,
        format=format_duration,
    )


def _is_country(code: str) -> bool:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  heavy, and a file without countries needs none

    return code in SUPPORTED_REGIONS


def _compile(text: str) -> re.Pattern[str]:
    with warnings.catch_warnings(action="ignore"):
        return re.compile(text)


# in prose any # may be meant, so a comment stands on a line of its own there; in a path or a code one that is glued on
_ANY_HASH, _GLUED_HASH = r"[ \t]+#", r"[ \t]+#(?=[^\s#])"

_FLAG = _Kind(
    "true or false",
    "(?i:true|yes|on|false|no|off)",  # YAML 1.1's words
    lambda text: text.lower() in {"true", "yes", "on"},
    format=lambda flag: str(flag).lower(),
)
# what stands beside a line under /run, /var/lib and in the names of units, and would be taken for one
RESERVED_LINES = ("web", "alerts", "fleet", "control", "power", "backup", "hub", "main", "config")
_NAME = _Kind(
    "1 to 22 of a-z, 0-9, - and _, first a letter or digit, and none of " + ", ".join(RESERVED_LINES),
    rf"(?!(?:{'|'.join(RESERVED_LINES)})\Z)[a-z0-9][a-z0-9_-]{{0,21}}",
)
_TEXT = _Kind("a text that is not blank", convert=str.strip, accept=bool, comment=_ANY_HASH)
# case, accents, blanks and punctuation are put aside: a word of nothing else would match every text
_WORD = _Kind(
    "a word with a letter or a digit in it", accept=lambda word: any(map(str.isalnum, word)), comment=_ANY_HASH
)
_PATH = _Kind(
    "a path, absolute or from this file's folder (~ is not expanded)",
    "(?s:[^~].*)",
    resolve=lambda text, where: where.folder / text,
    comment=_GLUED_HASH,
)
_BARE_PORT = r"tty[A-Za-z]+[0-9]+"  # one of /dev, not of this file's folder
_PORT = _Kind(
    "auto, a device's path such as /dev/ttyUSB0, or a pyserial URL",
    rf"(?s:(?!{_BARE_PORT}\Z)[^~].*)",
    meant=lambda text: f"/dev/{text}" if re.fullmatch(_BARE_PORT, text) else None,
    resolve=lambda text, where: text if text == "auto" or "://" in text else str(where.folder / text),
    comment=_GLUED_HASH,
)
_NUMBER = _Kind(
    "a telephone number with its + or of numbers.country",
    resolve=lambda text, where: parse_number(text, where.country),
    personal=True,
)
# what is written on cars and in addresses, and is no code of ISO 3166
_COUNTRY_CODES = {"UK": "GB", "EN": "GB", "SP": "ES", "B": "BE", "F": "FR", "D": "DE", "L": "LU"}
_COUNTRY_NAMES = {
    "allemagne": "DE",
    "belgie": "BE",
    "belgique": "BE",
    "belgium": "BE",
    "deutschland": "DE",
    "duitsland": "DE",
    "france": "FR",
    "frankrijk": "FR",
    "luxembourg": "LU",
    "luxemburg": "LU",
    "nederland": "NL",
    "paysbas": "NL",
    "suisse": "CH",
}


def _meant_country(text: str) -> str | None:
    code = _COUNTRY_NAMES.get(fold(text)) or _COUNTRY_CODES.get(text.upper(), text.upper())
    return code if code != text and re.fullmatch("[A-Z]{2}", code) and _is_country(code) else None


_COUNTRY = _Kind("a country as two capitals, like BE", "[A-Z]{2}", accept=_is_country, meant=_meant_country)
_PATTERN = _Kind(
    "a regular expression with exactly one group",
    convert=_compile,
    accept=lambda pattern: pattern.groups == 1,
    format=attrgetter("pattern"),
    comment=_ANY_HASH,
)
_PIN = _Kind("4 to 8 digits", "[0-9]{4,8}", personal=True)  # TS 31.101 clause 9.5.1
_USSD = _Kind("a USSD code of digits, * and #, like *121#", "[0-9*#]{1,160}", comment=_GLUED_HASH)
_AMOUNT = _Kind("an amount with a decimal point, like 0.05", r"[0-9]{1,9}(\.[0-9]{1,9})?", Decimal)
_CURRENCY = _Kind("a currency as three capitals, like EUR", "[A-Z]{3}")
_PERCENT = _Kind(
    "a percentage from 0% to 100%",
    "([0-9]{1,2}|100)%",
    lambda text: int(text.removesuffix("%")),
    format="{}%".format,
)
_URL = _Kind("an Apprise URL, like mailto://…", r"[A-Za-z][A-Za-z0-9+.-]*://\S+", personal=True, comment=_GLUED_HASH)
_USER = _Kind("the name of a user of this machine", r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_HOST = _Kind(
    "the name of a host without port, like desk.example.org",
    r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?",
    str.lower,
)
_WEB = _Kind("a URL that starts with http:// or https://", r"https?://\S+", personal=True, comment=_GLUED_HASH)


class _Shape(Enum):
    """How many scalars a key takes."""

    ONE = auto()
    MAYBE = auto()  # one, or null
    LIST = auto()
    SERIES = auto()  # a list of at least one; one alone will do
    RANGE = auto()  # a series of one, or of two and the lesser first


@dataclass(frozen=True, slots=True)
class Key:
    """A key of config.yaml: its path, meaning, default and shape; secret ones are never shown."""

    path: str
    kind: _Kind
    default: Any
    doc: str
    shape: _Shape = _Shape.ONE
    secret: bool = False


_FOREVER = "3650d"
_COUNTRIES = ("BE", "FR", "NL", "LU", "DE")
_STOP = ("stop", "arret", "stoppen")
_S, _M, _H, _D = (timedelta(seconds=seconds) for seconds in (1, 60, 3_600, 86_400))

KEYS = {
    key.path: key
    for key in (
        Key("line", _NAME, "fr", "this line's name: one configuration, database, SIM and daemon a line"),
        Key("line_number", _NUMBER, None, "its own number", _Shape.MAYBE),
        Key("database", _PATH, Path("/var/lib/hotlined/hotlined.db"), "one a line"),
        Key("runtime_dir", _PATH, Path("/run/hotlined"), "where lines have a folder for their status"),
        Key("mode", _choice(Mode), Mode.LIVE, "live, or shadow: everything but transmit"),
        Key("log_level", _choice(LogLevel), LogLevel.INFO, "debug, info, warning or error"),
        Key("modem.port", _PORT, "auto", "auto, a device or a link to one, or a pyserial URL"),
        Key("modem.baudrate", _whole(1), 115_200, "bits a second"),
        Key("modem.pin", _PIN, None, "the SIM's PIN", _Shape.MAYBE, secret=True),
        Key("modem.pin_file", _PATH, None, "or a file that holds it", _Shape.MAYBE),
        Key("modem.poll_interval", _duration("1s", "1h"), 10 * _S, "how often the storages are scanned"),
        Key("modem.send_interval", _duration("0s", "1h"), 3 * _S, "least time between two segments"),
        Key("modem.send_timeout", _duration("1s", "10m"), 120 * _S, "from Ctrl-Z to the result"),
        Key("modem.delivery_reports", _FLAG, False, "ask for status reports"),
        Key("modem.calls", _choice(Calls), Calls.RING, "ring, hang_up or ignore"),
        Key("modem.ring_for", _duration("0s", "5m"), 25 * _S, "hang up after this long"),
        Key("answer.text", _TEXT, None, "the answer", _Shape.MAYBE),
        Key("answer.texts", _TEXT, (), "or the first answer to a number, the second, …", _Shape.LIST),
        Key("answer.encoding", _choice(AnswerEncoding), AnswerEncoding.SMART, "smart, gsm7 or ucs2"),
        Key("answer.max_segments", _whole(1, 255), 2, "a longer answer is an error"),  # TS 23.040 9.2.3.24.1
        Key("answer.delay", _duration("0s", "30d"), (30 * _M, 60 * _M), "random between", _Shape.RANGE),
        Key("answer.max_age", _duration("1s", _FOREVER), 24 * _H, "an answer not begun by then is cancelled"),
        # the steps of the relative validity period, TS 23.040 9.2.3.12.1
        Key("answer.validity", _duration("5m", "441d"), 24 * _H, "how long the service centre keeps trying"),
        Key("limits.cooldown", _duration("0s", _FOREVER), (_D, 7 * _D), "after each answer", _Shape.SERIES),
        Key("limits.per_number", _whole(0), 3, "answers a number ever gets"),
        Key("limits.segments.hour", _whole(0), 60, "in any 3,600 s"),
        Key("limits.segments.day", _whole(0), 300, "in any 86,400 s"),
        Key("limits.segments.month", _whole(0), 3_000, "in any 30 days"),
        Key("limits.reserve_for_new", _PERCENT, 50, "of each window, for numbers never answered"),
        Key("limits.price_per_segment", _AMOUNT, Decimal("0.05"), "for figures"),
        Key("limits.currency", _CURRENCY, "EUR", "ISO 4217"),
        Key("numbers.country", _COUNTRY, "BE", "how national numbers are read"),
        Key("numbers.answer_countries", _COUNTRY, _COUNTRIES, "who is answered", _Shape.LIST),
        Key("numbers.blocked", _NUMBER, (), "never answered", _Shape.LIST),
        Key("numbers.opt_out_words", _WORD, _STOP, "a text of one is a no", _Shape.LIST),
        Key("credit.ussd", _USSD, None, "asks the operator for the balance", _Shape.MAYBE),
        Key("credit.pattern", _PATTERN, None, "finds the amount in the reply", _Shape.MAYBE),
        Key("credit.alert_below", _AMOUNT, Decimal(5), "in the operator's currency"),
        Key("privacy.keep_texts", _duration("0s", _FOREVER), 90 * _D, "then a text is erased"),
        Key("privacy.keep_numbers", _duration("0s", _FOREVER), 365 * _D, "then a number is a pseudonym"),
        Key("alerts.urls", _URL, (), "Apprise URLs", _Shape.LIST, secret=True),
        Key("alerts.urls_file", _PATH, None, "or a file that holds them, one a line", _Shape.MAYBE),
        Key("alerts.sms_to", _NUMBER, None, "a number that is texted", _Shape.MAYBE),
        Key("alerts.sms_per_day", _whole(0), 4, "segments, inside the budget"),
        Key("alerts.ping", _WEB, None, "asked hourly while all is well", _Shape.MAYBE, secret=True),
        Key("web.proxies", _USER, (), "users whose program may speak for people who log in", _Shape.LIST),
        Key("web.hosts", _HOST, (), "names that the desk is reached by, besides localhost", _Shape.LIST),
    )
}
_SECTIONS = tuple(dict.fromkeys(path[: dot.start()] for path in KEYS for dot in re.finditer(r"\.", path)))
_NAMES = frozenset(path.rpartition(".")[2] for path in (*KEYS, *_SECTIONS))


class _Problem(NamedTuple):
    line: int
    key: str
    sentence: str


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def _written(text: str) -> str:
    """Write a scalar for YAML, in quotes where it needs them; nothing that a terminal could obey is left."""
    if re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9/_.%-]*", text) and text.lower() != "null":
        return text
    escaped = "".join(
        character if character.isprintable() and character != "\\" else character.encode("unicode_escape").decode()
        for character in text
    )
    return '"' + escaped.replace('"', r"\"") + '"'


def _refuse(path: Path, problems: list[_Problem]) -> ConfigError:
    return ConfigError(
        f"{path} cannot be used: " + ("one problem" if len(problems) == 1 else f"{len(problems)} problems"),
        tuple(
            f"{path}:{line}: {key}: {sentence}" if key else f"{path}:{line}: {sentence}"
            for line, key, sentence in sorted(problems, key=attrgetter("line"))
        ),
        "Correct these lines, then run `hotlined config check`.",
    )


# what PyYAML says, and what the person who wrote the file can do about it
_CURES = (
    (r"'\t'", "YAML indents with spaces, never with tabs"),
    ("cannot start any token", "a value that starts with @, ` or % needs quotes"),
    ("alias", "a value that starts with * needs quotes"),
    ("anchor", "a value that starts with & needs quotes"),
    (
        "mapping values are not allowed",
        "a value with a colon and a blank in it needs quotes; and a key may not stand further in than those beside it",
    ),
    ("entries are not allowed", "a value that starts with - and a blank needs quotes"),
    ("mapping keys are not allowed", "a value that starts with ? and a blank needs quotes"),
    ("scanning a block scalar", "a value that starts with > or | needs quotes"),
    ("unknown escape", r"between double quotes a \ is written \\"),
    ("could not find expected ':'", "a colon is missing behind a key"),
    ("expected ',' or", "a comma is missing between two entries, or a bracket at the end"),
)
_QUOTES = (
    'there are quotes inside the quotes: put the text between "…", and write “ ” or \\" inside; an apostrophe is fine '
    "there"
)
_COMMENT = "what stands behind a blank and # is a comment: put the whole value in quotes"
# how PyYAML says that a value ended earlier than the person who wrote it thought, and went on
_ENDED = ("expected <block end>", "expected ',' or", "expected the node content")


def _ended_early(text: str, index: int, message: str) -> str | None:
    """Say what ended a value too early: a quote of its own, a comment, a bracket that it starts with."""
    if not any(sign in message for sign in _ENDED):
        return None
    before = text[:index].rstrip()
    if re.search(r"[ \t]#[^\n]*\Z", before):
        return _COMMENT
    if "\n" in text[len(before) : index]:  # so it is what begins on a line of its own that is out of place
        return None
    if before.endswith(("'", '"')):
        return _QUOTES
    if before.endswith(("]", "}")) and text[index : index + 1] not in ("", "]", "}"):
        return "a value that starts with [ or { needs quotes"
    return None


_INDENTED = "this line is not indented like the other keys of its section: put the same blanks before all of them"
_OPENED = "the quote that opens here is not closed: put one at the end of the value"


def _maybe_opened(text: str, index: int) -> int | None:
    """Return the line of the quote that opened a value which ended at a place too far on: on a later line."""
    import yaml  # noqa: PLC0415  only for mistakes

    end = len(text[:index].rstrip())
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text):
            if isinstance(token, yaml.ScalarToken) and token.style and token.end_mark.index == end:
                return token.start_mark.line + 1 if token.start_mark.line < token.end_mark.line else None
    return None


def _maybe_glued(text: str, mark: "yaml.Mark", message: str) -> _Problem | None:
    """Find the key whose blank is missing, on lines above a mistake: it is no key, so the next one has no place."""
    if not any(sign in message for sign in ("mapping values are not allowed", "could not find expected ':'")):
        return None
    found = None
    rows = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    for number in range(min(mark.line, len(rows)), 0, -1):
        match = re.match(r"\s*([^\W\d]\w*):(\S)?", rows[number - 1])
        if match and match[2] and (match[1] in _NAMES or fold(match[1]) in _TRANSLATED):
            found = _Problem(number, "", f"a blank is missing behind `{match[1]}:`")
        elif match and not match[2]:
            break
    return found


def _broken(path: Path, line: int, message: str) -> ConfigError:
    cure = next((f"; {cure}" for sign, cure in _CURES if sign in message), "")
    return _refuse(path, [_Problem(line, "", f"this is not YAML: {message}{cure}")])


def _compose(text: str, path: Path) -> "_Node | None":
    """Parse into nodes, which know their lines; aliases stay shared, so a small file cannot grow."""
    import yaml  # noqa: PLC0415  only a reading of the configuration needs it

    try:
        loader = yaml.SafeLoader(text)  # not libyaml's: its depth is not bounded by Python
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _broken(path, line, f"the character U+{ord(text[error.position]):04X} is not allowed") from error
    try:
        return cast("_Node | None", loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or loader.get_mark()
        if error.context_mark and "end of stream" in str(error.problem):
            raise _refuse(path, [_Problem(error.context_mark.line + 1, "", _OPENED)]) from error
        if early := _ended_early(text, mark.index, str(error.problem)):
            line = text.count("\n", 0, len(text[: mark.index].rstrip())) + 1
            if early == _QUOTES and (opened := _maybe_opened(text, mark.index)):
                line, early = opened, _OPENED
            raise _refuse(path, [_Problem(line, "", early)]) from error
        if glued := _maybe_glued(text, mark, str(error.problem)):
            raise _refuse(path, [glued]) from error
        if "expected <block end>" in str(error.problem):
            raise _refuse(path, [_Problem(mark.line + 1, "", _INDENTED)]) from error
        begun = f"{error.context} from line {error.context_mark.line + 1}, " if error.context_mark else ""
        raise _broken(path, mark.line + 1, f"{begun}{error.problem}") from error
    except RecursionError as error:
        raise _broken(path, loader.get_mark().line + 1, "nested too deeply") from error
    except (ValueError, OverflowError) as error:  # an escape or a directive with an impossible number
        raise _broken(path, loader.get_mark().line + 1, "a number is out of range") from error


def _is_null(node: "_Node") -> bool:
    return node.tag == "tag:yaml.org,2002:null"


def _got(node: "_Node", *, personal: bool = False) -> str:
    if _is_null(node):
        return "nothing"
    if node.id != "scalar":
        size = "a" if node.value else "an empty"
        return f"{size} list" if node.id == "sequence" else f"{size} section"
    return "something else (not shown)" if personal else _quoted(node.value)


_LIKENESS = 0.5  # as difflib counts: minute is like month, and pays like no key at all
# what the keys are called by whoever writes French or Dutch, or shortens them, case and accents aside
_TRANSLATED = {
    "alertes": "alerts",
    "antwoord": "answer",
    "appels": "modem.calls",
    "basededonnees": "database",
    "bloques": "numbers.blocked",
    "codepin": "modem.pin",
    "delai": "answer.delay",
    "devise": "limits.currency",
    "geblokkeerd": "numbers.blocked",
    "land": "numbers.country",
    "landen": "numbers.answer_countries",
    "antwoordlanden": "numbers.answer_countries",
    "paysreponse": "numbers.answer_countries",
    "ligne": "line",
    "lijn": "line",
    "limieten": "limits",
    "limites": "limits",
    "message": "answer.text",
    "munt": "limits.currency",
    "numero": "line_number",
    "numeros": "numbers",
    "nummer": "line_number",
    "nummers": "numbers",
    "oproepen": "modem.calls",
    "pays": "numbers.country",
    "pincode": "modem.pin",
    "price": "limits.price_per_segment",
    "prijs": "limits.price_per_segment",
    "prix": "limits.price_per_segment",
    "reponse": "answer",
    "saldo": "credit",
    "solde": "credit",
    "tekst": "answer.text",
    "texte": "answer.text",
    "textes": "answer.texts",
    "vertraging": "answer.delay",
}


def _nearest(path: str) -> tuple[str, bool]:
    """Return the known key that one is most like, and whether it is like it at all."""
    name = path.rpartition(".")[2]
    if translated := _TRANSLATED.get(fold(name)):
        return translated, True

    def likeness(known: str) -> float:
        return SequenceMatcher(None, name[:40], known.rpartition(".")[2]).ratio()

    def closeness(known: str) -> float:
        return SequenceMatcher(None, path[:80], known).ratio() + likeness(known)

    nearest = max((*KEYS, *_SECTIONS), key=closeness)
    return nearest, likeness(nearest) > _LIKENESS


_INVISIBLE = frozenset({"Zs", "Cf", "Cc"})  # blanks of other widths, formats, controls: none shows itself in an editor


def _maybe_invisible(text: str) -> str | None:
    """Name the first character of a text that nobody sees, or that is taken for a blank and is none."""
    found = next((each for each in text if each != " " and unicodedata.category(each) in _INVISIBLE), None)
    return None if found is None else f"an invisible {unicodedata.name(found, f'U+{ord(found):04X}').lower()}"


def _judge_name(section: str, name: str, value: "_Node", lines: Mapping[str, int]) -> tuple[str, str]:
    """Return the key that is meant by one that is not known, as far as that can be told, and what is wrong with it.

    `lines` has the lines of the keys beside it.
    """
    plain = "".join(each for each in name if each == " " or unicodedata.category(each) not in _INVISIBLE).strip()
    known = [path for path in (*KEYS, *_SECTIONS) if path.rpartition(".")[2] == plain]
    if (invisible := _maybe_invisible(name)) and known:
        path = next((path for path in known if path.rpartition(".")[0] == section), known[0])
        where = "before" if _maybe_invisible(name.partition(plain)[0]) else "in"
        return path, f"{invisible} stands {where} `{plain}`: delete it, and indent with blanks"
    path = f"{section}.{name}" if section else name
    if "." in name and path in KEYS:
        *outer, key = name.split(".")
        hidden = KEYS[path].secret or KEYS[path].kind.personal
        stated = "…" if hidden or value.id != "scalar" else _written(value.value) if len(value.value) <= 40 else "…"
        steps = [f"`{'  ' * depth}{each}:`" for depth, each in enumerate(outer)]
        last = f"`{'  ' * len(outer)}{key}: {stated}`"
        if outer[0] in lines:
            below = "".join(f" {step} and below it" for step in steps[1:])
            return path, f"a dot does not nest: below `{outer[0]}:` on line {lines[outer[0]]} write{below} {last}"
        below = " and below it ".join((*steps, last))
        return path, f"a dot does not nest: write {len(steps) + 1} lines, {below}"
    dotted = " (a dot does not nest)" if "." in name else ""
    nearest, is_like = _nearest(path)
    told = f"the nearest known one is {nearest}" if is_like else "the config.yaml that came with hotlined has them all"
    return _written(path[:80]), f"unknown key{dotted}; {told}"


def _no_section(section: str, node: "_Node") -> str:
    """Say what is wrong with what should be a section; most often a blank is missing, or is no blank."""
    if node.id == "mapping":
        return f"expected a section of at most {MOST_KEYS} keys, got one of {len(node.value)}"
    sentence = f"expected a section: keys on lines of their own, indented; got {_got(node)}"
    found = re.match(r"([a-z_]+):(\S|[^\S ])", node.value) if node.id == "scalar" else None
    if not found and section == "limits.segments":
        windows = (f"{key.rpartition('.')[2]}: {KEYS[key].default}" for key in KEYS if key.startswith(f"{section}."))
        return f"{sentence}; on one line it is {{{', '.join(windows)}}}"
    if not found:
        return sentence
    invisible = _maybe_invisible(found[2])
    return f"{sentence}; " + (
        f"{invisible} stands behind `{found[1]}:`: make it a blank"
        if invisible
        else f"a blank is missing behind `{found[1]}:`"
    )


class _Stated(NamedTuple):
    """What the file says: the line of each key and section, the node of each key."""

    lines: dict[str, int]
    nodes: "dict[str, _Node]"


def _walk(root: "_Node | None", problems: list[_Problem]) -> _Stated:
    stated = _Stated({}, {})
    sections = [("", 1, root)]
    for section, section_line, node in sections:
        if node is None or _is_null(node):  # every key of it is commented out
            continue
        if node.id != "mapping" or len(node.value) > MOST_KEYS:
            problems.append(_Problem(section_line, section, _no_section(section, node)))
            continue
        beside = {key.value: key.start_mark.line + 1 for key, _ in node.value if key.id == "scalar"}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = key.value if key.id == "scalar" else _got(key)
            path = f"{section}.{name}" if section else name
            if "." in name or path not in (*KEYS, *_SECTIONS):
                problems.append(_Problem(line, *_judge_name(section, name, value, beside)))
            elif path in stated.lines:
                problems.append(_Problem(line, path, f"stated twice; first on line {stated.lines[path]}"))
            else:
                stated.lines[path] = line
                if path in KEYS:
                    stated.nodes[path] = value
                else:
                    sections.append((path, line, value))
    return stated


def _scalar(kind: _Kind, node: "_Node", where: _Where) -> Any:
    with suppress(ValueError):
        if node.id == "scalar" and not _is_null(node):
            node.value.encode()  # an escape can make a lone surrogate
            if "\0" not in node.value:
                return kind.parse(node.value, where)
    tagged = "; a value that starts with ! needs quotes" if str(node.tag).startswith("!") else ""
    meant = kind.meant(node.value) if node.id == "scalar" else None
    asked = f"; is {meant} meant?" if meant else ""
    visible = node.value.replace("\0", "") if node.id == "scalar" and not kind.personal else ""
    if invisible := _maybe_invisible(visible):
        asked = f"; {invisible} stands in it: delete it"
    raise ValueError(f"expected {kind.expected}, got {_got(node, personal=kind.personal)}{tagged}{asked}")


def _judge_comment(key: Key, node: "_Node") -> Iterator[str]:
    """Find a value that its writer may have meant to go on where YAML sees a comment.

    A plain value ends at a blank and a #, and nothing else would tell her: half of the answer would be sent.
    """
    plain = node.id == "scalar" and cast("yaml.ScalarNode", node).style is None
    if not plain or key.kind.comment is None or node.end_mark.buffer is None:
        return
    text, at = node.end_mark.buffer, node.end_mark.pointer
    found = re.compile(_GLUED_HASH if _is_null(node) else key.kind.comment).match(text, at)
    if not found:
        return
    end = re.compile("[^\r\n\0\x85\u2028\u2029]*").match(text, at)
    rest = end[0].strip() if end else ""
    what = "" if key.secret or key.kind.personal else f" ({_quoted(rest)})"
    yield (
        f"ends at the #, and what follows{what} is a comment: put the whole value in quotes; a remark goes on a "
        "line of its own"
    )


def _ends_with_lone_quote(text: str) -> bool:
    """Tell whether a quote ends a text that none opens; an apostrophe stands behind a letter."""
    if text.endswith('"'):
        return text.count('"') % 2 == 1
    return bool(re.search(r"[^\w']'\Z", text)) and len(re.findall(r"(?<!\w)'|'(?!\w)", text)) % 2 == 1


def _judge_quote(key: Key, node: "_Node") -> Iterator[str]:
    """Find prose that ends with a quote which never opened: it would be sent with it."""
    plain = node.id == "scalar" and cast("yaml.ScalarNode", node).style is None
    if plain and key.kind.comment == _ANY_HASH and _ends_with_lone_quote(node.value):
        yield f"ends with {node.value[-1]}, and no quote opens it: put the whole value in quotes, or take that one away"


def _no_list(key: Key, node: "_Node") -> str:
    """Say what is wrong with what should be a list; most often its brackets are missing."""
    hidden = key.secret or key.kind.personal
    sentence = f"expected a list ([] for none), got {_got(node, personal=hidden)}"
    if node.id != "scalar" or _is_null(node):
        return sentence
    if hidden or key.kind is _TEXT:  # a text may have commas of its own
        return f'{sentence}; write ["…"], each entry in quotes'
    entries = filter(None, re.split(r"\s*[,;]\s*", node.value.strip()[:80]))
    return f"{sentence}; write [{', '.join(_written(key.kind.meant(entry) or entry) for entry in entries)}]"


def _convert(key: Key, line: int, node: "_Node", where: _Where) -> tuple[Any, list[_Problem]]:
    if key.shape is _Shape.MAYBE and _is_null(node):
        return None, [_Problem(line, key.path, sentence) for sentence in _judge_comment(key, node)]
    listed = node.id == "sequence" and (
        key.shape is _Shape.LIST or (key.shape in {_Shape.SERIES, _Shape.RANGE} and node.value)
    )
    if key.shape is _Shape.LIST and not listed:
        return (), [_Problem(line, key.path, _no_list(key, node))]
    values, problems = [], []
    for place, item in enumerate(node.value if listed else (node,), start=1):
        if cut := next(chain(_judge_comment(key, item), _judge_quote(key, item)), ""):
            problems.append(_Problem(item.end_mark.line + 1, key.path, f"entry {place}: {cut}" if listed else cut))
            continue
        try:
            values.append(_scalar(key.kind, item, where))
        except ValueError as error:
            entry = _Problem(item.start_mark.line + 1, key.path, f"entry {place}: {error}")
            problems.append(entry if listed else _Problem(line, key.path, str(error)))
    if key.shape is _Shape.RANGE and not problems and (len(values) > 2 or values[0] > values[-1]):
        typed = ", ".join(item.value for item in node.value)  # as it is known to her who wrote it
        problems.append(_Problem(line, key.path, f"expected one duration, or two and the shorter first, got {typed}"))
    return (values[0] if values and key.shape in {_Shape.ONE, _Shape.MAYBE} else tuple(values)), problems


def _judge_texts(text: str | None, texts: tuple[str, ...]) -> Iterator[str]:
    if text is None and not texts:
        yield "is missing, and it alone has no default"
    if text is not None and texts:
        yield "answer.text and answer.texts are both set; keep one of them"


def _judge_cost(text: str | None, texts: tuple[str, ...], encoding: str, max_segments: int) -> Iterator[str]:
    for candidate in texts if text is None else (text,):
        try:
            planned = plan(candidate, encoding)
        except TextError as error:
            yield error.message
            continue
        if planned.segments > max_segments:
            forcing = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in planned.forcing)
            because = f", because of {forcing}" if forcing else ""
            most = "1 segment holds" if max_segments == 1 else f"{max_segments} segments (answer.max_segments) hold"
            yield (
                f"{_quoted(candidate)} has {len(planned.text)} characters; {most} {planned.room(max_segments)} in "
                f"{planned.encoding}{because}: {planned.beyond(max_segments)} too many. See `hotlined text check`"
            )


def _judge_delay(delay: tuple[timedelta, ...], max_age: timedelta) -> Iterator[str]:
    if delay[-1] >= max_age:
        yield f"expected less than answer.max_age ({format_duration(max_age)}): every answer would be stale"


def _judge_pin(pin: str | None, pin_file: Path | None) -> Iterator[str]:
    if pin is not None and pin_file is not None:
        yield "modem.pin and modem.pin_file are both set; keep one of them"


def _judge_retention(keep_texts: timedelta, keep_numbers: timedelta) -> Iterator[str]:
    if keep_texts > keep_numbers:
        yield f"expected at most privacy.keep_numbers ({format_duration(keep_numbers)})"


# what keys owe each other: their paths, and a judge of their values; not asked where one is wrong itself
_RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[str]]], ...] = (
    (("modem.pin", "modem.pin_file"), _judge_pin),
    (("answer.text", "answer.texts"), _judge_texts),
    (("answer.text", "answer.texts", "answer.encoding", "answer.max_segments"), _judge_cost),
    (("answer.delay", "answer.max_age"), _judge_delay),
    (("privacy.keep_texts", "privacy.keep_numbers"), _judge_retention),
)


def _build(values: Mapping[str, Any], path: Path) -> Config:
    def of(section: str) -> dict[str, Any]:
        return {name.rpartition(".")[2]: value for name, value in values.items() if name.rpartition(".")[0] == section}

    answer = of("answer")
    text, texts, delay = answer.pop("text"), answer.pop("texts"), answer.pop("delay")
    return Config(
        **of(""),
        modem=ModemConfig(**of("modem")),
        answer=AnswerConfig(**answer, texts=texts if text is None else (text,), delay=(delay[0], delay[-1])),
        limits=Limits(**of("limits"), segments=Windows(**of("limits.segments"))),
        numbers=Numbers(**of("numbers")),
        credit=CreditConfig(**of("credit")),
        privacy=PrivacyConfig(**of("privacy")),
        alerts=AlertsConfig(**of("alerts")),
        web=WebConfig(**of("web")),
        path=path.absolute(),
    )


class _Read(NamedTuple):
    """What a text says by key, defaults included, and what is wrong with it."""

    values: dict[str, Any]
    problems: list[_Problem]


def _read(roots: Iterable["_Node | None"], path: Path) -> _Read:
    problems: list[_Problem] = []
    stated = _Stated({}, {})
    for root in roots:
        each = _walk(root, problems)
        stated = _Stated(each.lines | stated.lines, each.nodes | stated.nodes)
    values = {key.path: key.default for key in KEYS.values()}
    where = _Where(path.absolute().parent, values["numbers.country"])
    # the country comes first: the numbers are read with it
    for name in sorted(stated.nodes, key=lambda name: name != "numbers.country"):
        value, found = _convert(KEYS[name], stated.lines[name], stated.nodes[name], where)
        if found:
            problems += found
            continue
        values[name] = value
        if name == "numbers.country":
            where = _Where(where.folder, value)
    wrong = {problem.key for problem in problems}
    for names, judge in _RULES:
        places = (*names, names[0].rpartition(".")[0], "")
        if wrong.isdisjoint(places):
            line = next((stated.lines[place] for place in places if place in stated.lines), 1)
            problems += (_Problem(line, names[0], sentence) for sentence in judge(*map(values.get, names)))
    return _Read(values, problems)


def parse(text: str, path: Path) -> Config:
    """Read a configuration from the text of the file `path`, which is not opened.

    Raises ConfigError with every problem, in the order of their lines.
    """
    read = _read([_compose(text, path)], path)
    if read.problems:
        raise _refuse(path, read.problems)
    return _build(read.values, path)


@dataclass(frozen=True, slots=True)
class Salvaged:
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
    octets = _octets(path)[:LARGEST_FILE]
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")  # what it most often is; it only has to do until the file is corrected
    roots, lost = _sound(text, path)
    read = _read(roots, path)
    meant = [
        problem.key if problem.key in (*KEYS, *_SECTIONS) else _nearest(problem.key)[0] for problem in read.problems
    ]
    unknown = [
        key
        for key in KEYS
        if any(key == place or key.startswith(f"{place}.") for place in (*meant, *lost)) or (lost == [""])
    ]
    values = read.values | {"answer.texts": read.values["answer.texts"] or (NO_TEXT,)}
    if values["answer.text"] is None and values["answer.texts"] == (NO_TEXT,):
        unknown = [key for key in KEYS if key in {*unknown, "answer.text"}]
    elif "answer.text" in unknown:  # too long, or stated twice over: it is known all the same
        unknown.remove("answer.text")
    return Salvaged(_build(values, path), tuple(unknown))


NO_TEXT = "?"
"""What stands for an answer that is not known."""


def _sound(text: str, path: Path) -> tuple[list["_Node | None"], list[str]]:
    """Parse a file whole, or else section by section, and name the sections that are no YAML; '' for all of it."""
    with suppress(ConfigError):
        return [_compose(text, path)], []
    roots: list[_Node | None] = []
    lost: list[str] = []
    pieces = re.split(r"^(?=[A-Za-z_])", text, flags=re.MULTILINE)
    for piece in pieces:
        try:
            root = _compose(piece, path)
        except ConfigError:
            found = re.match(r"[A-Za-z_.]+(?=\s*:)", piece)
            lost.append(found[0] if found else "")
        else:
            if root is not None and root.id == "mapping":
                roots.append(root)
    known = [place if place in (*KEYS, *_SECTIONS) else _nearest(place)[0] for place in lost if place]
    return roots, known if roots else [""]


def _octets(path: Path) -> bytes:
    """Return what is in a file, and an octet more than may be at most."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        hint = "See that it exists, and that this user may read it (group hotlined, after installation)."
        raise ConfigError(f"{path} cannot be read: {error.strerror}", (), hint) from error


def load(path: Path) -> Config:
    """Read the configuration from its file, in UTF-8; raises ConfigError with every problem."""
    octets = _octets(path)
    if len(octets) > LARGEST_FILE:
        raise _refuse(path, [_Problem(1, "", f"expected at most {LARGEST_FILE} octets")])
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise _refuse(path, [_Problem(line, "", "expected UTF-8; save the file in that encoding")]) from error
    return parse(text, path)


def _is_missing(place: Path) -> bool:
    try:
        place.stat()
    except OSError as error:
        # one that may not be looked at is still the one that is meant: `load` says what is wrong with it
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    return False


def find(option: Path | None, line: str | None, environ: Mapping[str, str]) -> Path:
    """Find the file: `--config`, `--line`, HOTLINED_CONFIG, /etc/hotlined/config.yaml, ./config.yaml.

    A file that was asked for by name is never replaced by another one. Raises ConfigError that names
    the places looked at, and UsageError for a line whose name is none.
    """
    if line is not None and not re.fullmatch(_NAME.pattern, line):
        raise UsageError(f"{_quoted(line)} is no line.", f"A line's name has {_NAME.expected}.")
    if option is not None:
        places = [option]
    elif line is not None:
        places = [SYSTEM_FOLDER / f"{line}.yaml"]
    elif environ.get("HOTLINED_CONFIG"):
        places = [Path(environ["HOTLINED_CONFIG"])]
    else:
        places = [SYSTEM_FOLDER / "config.yaml", Path("config.yaml")]
    for place in places:
        if not _is_missing(place):
            return place
    sought = " nor ".join(map(str, places))
    raise ConfigError(
        f"no configuration: there is no {sought}",
        (),
        "Start from the annotated config.yaml that came with hotlined, or name another with --config.",
    )


def wanted_runtime_dir(config: Config) -> Path:
    """Return where the line's own folder is to be at run time: where systemd made it, else NAME in `runtime_dir`."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else config.runtime_dir / config.name


def runtime_dir(config: Config) -> Path:
    """Make the line's own folder for its status, or hotlined-UID/NAME in the system's temporary folder instead.

    A folder that is a link or somebody else's is not used. The second one is private (0700): raises ConfigError where
    it cannot be used either.
    """
    folder = wanted_runtime_dir(config)
    with suppress(OSError):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if _is_ours(folder):
            return folder
    for folder in (private_folder(), private_folder() / config.name):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            ours = _is_ours(folder)
        except OSError as error:
            raise _no_runtime_dir(config, folder, error.strerror or str(error)) from error
        if not ours:
            raise _no_runtime_dir(config, folder, "a link or somebody else's")
        folder.chmod(0o700)
    return folder


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _no_runtime_dir(config: Config, folder: Path, reason: str) -> ConfigError:
    message = f"{wanted_runtime_dir(config)} cannot be used, and {folder} cannot be used: {reason}"
    return ConfigError(
        message, (f"{config.path}: runtime_dir: {message}",), "Set runtime_dir to a folder of this user."
    )


def _shown(key: Key, value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(key, item) for item in value)}]"
    if value is None:
        return "null"
    written = _written(HIDDEN if key.secret else key.kind.format(value))
    # behind prose a comment would be taken for the rest of it
    return written if written.startswith('"') or key.kind.comment != _ANY_HASH else f'"{written}"'


def show(config: Config) -> str:
    """Write the configuration in force as YAML, every key; secrets are hidden so that `load` refuses them."""
    return _yaml(config, [f"# {_written(str(config.path))}"], KEYS.values(), lambda key: f"  # {key.doc}")


@lru_cache(maxsize=1)
def in_force(config: Config) -> str:
    """Write what a daemon obeys, for those who cannot read its file any more: YAML that `parse` reads.

    Secrets and where alerts go are not in it: no decision needs them.
    """
    keys = [key for key in KEYS.values() if not key.secret and not key.path.startswith("alerts.")]
    return _yaml(config, [], keys, lambda _key: "")


def _yaml(config: Config, lines: list[str], keys: Iterable[Key], remark: Callable[[Key], str]) -> str:
    texts = config.answer.texts
    texts_by_key = {
        "answer.text": texts[0] if len(texts) == 1 else None,
        "answer.texts": () if len(texts) == 1 else texts,
    }
    opened: tuple[str, ...] = ()
    for key in keys:
        *sections, name = key.path.split(".")
        for depth, section in enumerate(sections):
            if opened[: depth + 1] != tuple(sections[: depth + 1]):
                lines.append(f"{'  ' * depth}{section}:")
        opened = tuple(sections)
        value = texts_by_key[key.path] if key.path in texts_by_key else attrgetter(key.path)(config)
        lines.append(f"{'  ' * len(sections)}{name}: {_shown(key, value)}{remark(key)}")
    return "\n".join(lines) + "\n"
