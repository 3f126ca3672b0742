"""The table of all keys: the form, default and meaning of each. It drives reading, hints and `config show`."""

import re
import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import Enum, StrEnum, auto
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from hotlined import agekey
from hotlined.config.values import (
    AnswerEncoding,
    Calls,
    Digest,
    LogLevel,
    Role,
    format_duration,
    parse_duration,
)
from hotlined.errors import AddressError
from hotlined.gsm.address import parse_number
from hotlined.language import N_, Language, _
from hotlined.rules.recognition import fold, has_words

_LARGEST = 10**15 - 1  # SQLite's integers end at 2**63


class Where(NamedTuple):
    """The context of a scalar: the file's folder for relative paths, the country for national numbers."""

    folder: Path
    country: str


class Kind(NamedTuple):
    """A kind of scalar: its form, its conversion to a value, and the way back.

    `message` describes the form, with `places`; it is marked with `N_`.
    """

    message: str
    pattern: str = r"(?s:.+)"
    convert: Callable[[str], Any] = str
    accept: Callable[[Any], bool] = lambda _value: True
    resolve: Callable[[Any, Where], Any] = lambda value, _where: value
    format: Callable[[Any], str] = str
    meant: Callable[[str], str | None] = lambda _text: None  # the most likely meaning of a scalar with a wrong form
    personal: bool = False  # never quoted in a problem, because the journal has the problems
    comment: str | None = None  # pattern of a # after a plain value that the writer may not mean as a comment
    places: Mapping[str, object] = MappingProxyType({})

    @property
    def expected(self) -> str:
        """The description of the form, in the current language."""
        return _(self.message, **self.places)

    def parse(self, text: str, where: Where) -> Any:
        """Convert a scalar to its value; raises ValueError if it does not have the form."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        try:
            value = self.convert(text)
            if self.accept(value):
                return self.resolve(value, where)
        except (AddressError, re.error, OverflowError, RecursionError) as error:
            raise ValueError(text) from error
        raise ValueError(text)


def _choice(choices: type[StrEnum]) -> Kind:
    def meant(text: str) -> str | None:
        return next((choice for choice in choices if fold(choice) == fold(text)), None)

    places = {"choices": ", ".join(choices)}
    return Kind(N_("one of {choices}"), convert=choices, meant=meant, places=places)


def _whole(least: int, most: int = _LARGEST) -> Kind:
    return Kind(
        N_("a whole number of at least {least}") if most == _LARGEST else N_("a whole number from {least} to {most}"),
        "[0-9]{1,15}",
        int,
        lambda number: least <= number <= most,
        places={"least": least, "most": most},
    )


def _duration(least: str, most: str) -> Kind:
    shortest, longest = parse_duration(least), parse_duration(most)

    return Kind(
        N_("a duration from {least} to {most}, like 90s, 10m, 24h, 7d or 1h30m"),
        convert=parse_duration,
        accept=lambda duration: shortest <= duration <= longest,
        format=format_duration,
        places={"least": least, "most": most},
    )


def _is_country(code: str) -> bool:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  heavy, and only files with countries need it

    return code in SUPPORTED_REGIONS


def _compile(text: str) -> re.Pattern[str]:
    with warnings.catch_warnings(action="ignore"):
        return re.compile(text)


# in prose the writer may mean any # as text, so a comment needs its own line; in a path or a code only a # without a
# blank after it is suspicious
ANY_HASH, GLUED_HASH = r"[ \t]+#", r"[ \t]+#(?=[^\s#])"

_FLAG = Kind(
    N_("true or false"),
    "(?i:true|yes|on|false|no|off)",  # YAML 1.1's words
    lambda text: text.lower() in {"true", "yes", "on"},
    format=lambda flag: str(flag).lower(),
)
# without hyphens, because in the names of units and sockets a hyphen separates the line's name from an ending
LINE_NAME = Kind(
    N_("1 to 22 of a-z, 0-9 and _, first a letter or digit"),
    "[a-z0-9][a-z0-9_]{0,21}",
)
TEXT = Kind(
    N_("a text that is not blank"),
    convert=str.strip,
    accept=bool,
    comment=ANY_HASH,
)
# only letters are compared, so a word without any would never match
_WORD = Kind(
    N_("a word with a letter in it"),
    accept=lambda word: any(map(str.isalpha, word)),
    comment=ANY_HASH,
)
_SENDER = Kind(
    N_("a name of 1 to 11 characters, as the log shows a sender"),
    r".{1,11}",  # TS 23.040 9.1.2.5: ten octets hold eleven septets
    comment=ANY_HASH,
)
_MET = Kind(
    N_("a word or a phrase with a letter, a digit or a sign in it"),
    accept=has_words,
    comment=ANY_HASH,
)
_PATH = Kind(
    N_("a path, absolute or from this file's folder (~ is not expanded)"),
    "(?s:[^~].*)",
    resolve=lambda text, where: where.folder / text,
    comment=GLUED_HASH,
)
_BARE_PORT = r"tty[A-Za-z]+[0-9]+"  # the name of a port in /dev, not of a file in this folder
_PORT = Kind(
    N_("auto, a device's path such as /dev/ttyUSB0, or a pyserial URL"),
    rf"(?s:(?!{_BARE_PORT}\Z)[^~].*)",
    meant=lambda text: f"/dev/{text}" if re.fullmatch(_BARE_PORT, text) else None,
    resolve=lambda text, where: text if text == "auto" or "://" in text else str(where.folder / text),
    comment=GLUED_HASH,
)
_NUMBER = Kind(
    N_("a telephone number with its + or of numbers.country"),
    resolve=lambda text, where: parse_number(text, where.country),
    personal=True,
)
# codes that people know from cars and addresses, with the code of ISO 3166 for each
_COUNTRY_CODES = {"UK": "GB", "EN": "GB", "SP": "ES", "B": "BE", "F": "FR", "D": "DE", "L": "LU"}


def _meant_country(text: str) -> str | None:
    code = _COUNTRY_CODES.get(text.upper(), text.upper())
    return code if code != text and re.fullmatch("[A-Z]{2}", code) and _is_country(code) else None


COUNTRY = Kind(
    N_("a country as two capitals, like BE"),
    "[A-Z]{2}",
    accept=_is_country,
    meant=_meant_country,
)
_PATTERN = Kind(
    N_("a regular expression with exactly one group"),
    convert=_compile,
    accept=lambda pattern: pattern.groups == 1,
    format=attrgetter("pattern"),
    comment=ANY_HASH,
)
_PIN = Kind(
    N_("4 to 8 digits"),
    "[0-9]{4,8}",
    personal=True,
)  # TS 31.101 clause 9.5.1
_USSD = Kind(
    N_("a USSD code of digits, * and #, like *121#"),
    "[0-9*#]{1,160}",
    comment=GLUED_HASH,
)
_AMOUNT = Kind(
    N_("an amount with a decimal point, like 0.05"),
    r"[0-9]{1,9}(\.[0-9]{1,9})?",
    Decimal,
)
_CURRENCY = Kind(N_("a currency as three capitals, like EUR"), "[A-Z]{3}")
_PERCENT = Kind(
    N_("a percentage from {least} to {most}"),
    "([0-9]{1,2}|100)%",
    lambda text: int(text.removesuffix("%")),
    format="{}%".format,
    places={"least": "0%", "most": "100%"},
)
_URL = Kind(
    N_("an Apprise URL, like mailto://…"),
    r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    personal=True,
    comment=GLUED_HASH,
)
PERSON = Kind(
    N_("a name of 1 to 64 letters, digits and . _ @ + -"),
    "[A-Za-z0-9._@+-]{1,64}",
)
_HEADER = Kind(
    N_("the name of a header, of letters, digits and hyphens, like X-Remote-User"),
    "[A-Za-z][A-Za-z0-9-]{0,63}",
)
_ASK = Kind(
    N_("a name and a telephone number, 80 characters at most"),
    r"[^\x00-\x1f\x7f]{1,80}",
    personal=True,
    comment=ANY_HASH,
)
_ABOUT = Kind(
    N_("a sentence, 200 characters at most"),
    r"[^\x00-\x1f\x7f]{1,200}",
    comment=ANY_HASH,
)
_HOST = Kind(
    N_("the name of a host without port, like desk.example.org"),
    r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?",
    str.lower,
)
_WEB = Kind(
    N_("a URL that starts with http:// or https://"),
    r"https?://\S+",
    personal=True,
    comment=GLUED_HASH,
)


_HUB = Kind(
    N_("a PostgreSQL URL, like postgresql://hub.example.org/hotlined"),
    r"postgres(?:ql)?://\S+",
    personal=True,
    comment=GLUED_HASH,
)
_RECIPIENT = Kind(
    N_("a recipient of age, like age1…, as `hotlined db key` makes it"),
    "age1[0-9a-z]{58}",
    accept=agekey.is_recipient,
)


class Shape(Enum):
    """The number of scalars that a key takes, and their arrangement."""

    ONE = auto()
    MAYBE = auto()  # one, or null
    LIST = auto()  # a list, perhaps empty
    NESTED = auto()  # a list of scalars, or of lists with at least one scalar
    BY_COUNTRY = auto()  # a section whose keys are countries; each has one scalar, or a list of at least one
    BY_PERSON = auto()  # a section whose keys are the names of persons
    SERIES = auto()  # one scalar, or a list of at least one
    RANGE = auto()  # one scalar, or a list of two with the smaller one first


class Key(NamedTuple):
    """A key of config.yaml; the value of a secret key is never shown."""

    path: str
    kind: Kind
    default: Any
    doc: str
    shape: Shape = Shape.ONE
    secret: bool = False


_FOREVER = "3650d"
_S, _M, _H, _D = (timedelta(seconds=seconds) for seconds in (1, 60, 3_600, 86_400))

KEYS = {
    key.path: key
    for key in (
        # default null: the file's name without .yaml; `database` is then /var/lib/hotlined-NAME/hotlined.db
        Key(
            "line",
            LINE_NAME,
            None,
            N_("this line's name: one configuration, database, SIM and daemon a line"),
            Shape.MAYBE,
        ),
        Key("language", _choice(Language), Language.ENGLISH, N_("what people read: en, fr or nl")),
        Key("about", _ABOUT, None, N_("what the line is, in a sentence for the press"), Shape.MAYBE),
        Key("line_number", _NUMBER, None, N_("its own number"), Shape.MAYBE),
        Key("database", _PATH, None, N_("the line's database"), Shape.MAYBE),
        Key("runtime_dir", _PATH, Path("/run/hotlined"), N_("where lines have a folder for their status")),
        Key("log_level", _choice(LogLevel), LogLevel.INFO, N_("how much the log says")),
        Key("modem.port", _PORT, "auto", N_("the modem's port")),
        Key("modem.baudrate", _whole(1), 115_200, N_("the port's speed, in bits a second")),
        Key("modem.pin", _PIN, None, N_("the SIM's PIN"), Shape.MAYBE, secret=True),
        Key("modem.pin_file", _PATH, None, N_("or a file that holds it"), Shape.MAYBE),
        Key("modem.poll_interval", _duration("1s", "1h"), 10 * _S, N_("how often the modem is asked for texts")),
        Key("modem.send_interval", _duration("0s", "1h"), 3 * _S, N_("least time between two segments")),
        Key("modem.send_timeout", _duration("1s", "10m"), 120 * _S, N_("how long to wait for the result of a segment")),
        Key("modem.delivery_reports", _FLAG, False, N_("ask whether answers arrive")),
        Key("modem.calls", _choice(Calls), Calls.RING, N_("what becomes of a call")),
        Key("modem.ring_for", _duration("0s", "5m"), 25 * _S, N_("hang up after this long")),
        Key("answer.text_file", _PATH, None, N_("a plain text: the answer"), Shape.MAYBE),
        Key("answer.text", TEXT, None, N_("or the answer itself"), Shape.MAYBE),
        Key("answer.texts", TEXT, (), N_("or the first answer to a number, the second, …"), Shape.NESTED),
        Key("answer.by_country", TEXT, (), N_("instead, for numbers of a country"), Shape.BY_COUNTRY),
        Key("answer.encoding", _choice(AnswerEncoding), AnswerEncoding.SMART, N_("the alphabet that it is sent in")),
        Key("answer.max_segments", _whole(1, 255), 2, N_("a longer answer is an error")),  # TS 23.040 9.2.3.24.1
        Key("answer.delay", _duration("0s", "30d"), (30 * _M, 60 * _M), N_("its wait, random between"), Shape.RANGE),
        Key("answer.max_age", _duration("1s", _FOREVER), 24 * _H, N_("an answer not begun by then is cancelled")),
        # the steps of the relative validity period, TS 23.040 9.2.3.12.1
        Key("answer.validity", _duration("5m", "441d"), 24 * _H, N_("how long the service centre keeps trying")),
        Key("limits.cooldown", _duration("0s", _FOREVER), (_D, 7 * _D), N_("wait after each answer"), Shape.SERIES),
        Key("limits.per_number", _whole(0), 3, N_("answers a number ever gets")),
        Key("limits.segments.hour", _whole(0), 60, N_("in any 60 minutes")),
        Key("limits.segments.day", _whole(0), 300, N_("in any 24 hours")),
        Key("limits.segments.month", _whole(0), 3_000, N_("in any 30 days")),
        Key("limits.reserve_for_new", _PERCENT, 50, N_("share of each budget for numbers never answered")),
        Key("limits.price_per_segment", _AMOUNT, None, N_("a segment's price, for the figures"), Shape.MAYBE),
        Key("limits.currency", _CURRENCY, "EUR", N_("the currency of that price")),
        Key("numbers.country", COUNTRY, "BE", N_("the country of numbers without +")),
        # default null: only numbers.country
        Key("numbers.answer_countries", COUNTRY, None, N_("who is answered"), Shape.LIST),
        Key("numbers.blocked", _NUMBER, (), N_("never answered"), Shape.LIST),
        Key("numbers.opt_out_words", _WORD, (), N_("words that are a no, besides stop and the like"), Shape.LIST),
        Key("numbers.mms_centres", _SENDER, (), N_("names whose MMS notifications are believed"), Shape.LIST),
        Key("credit.ussd", _USSD, None, N_("asks the operator for the balance"), Shape.MAYBE),
        Key("credit.pattern", _PATTERN, None, N_("finds the amount in the reply"), Shape.MAYBE),
        Key("credit.alert_below", _AMOUNT, Decimal(5), N_("a lower balance is an alert")),
        # 30 days at least, so that two warnings fit in before the end
        Key(
            "credit.valid_for", _duration("30d", _FOREVER), None, N_("how long a SIM lives after a top-up"), Shape.MAYBE
        ),
        Key("privacy.keep_texts", _duration("0s", _FOREVER), 90 * _D, N_("then a text is erased")),
        Key("privacy.keep_numbers", _duration("0s", _FOREVER), 365 * _D, N_("then a number is a pseudonym")),
        Key("alerts.urls", _URL, (), N_("where alerts go"), Shape.LIST, secret=True),
        Key("alerts.urls_file", _PATH, None, N_("or a file that holds them, one a line"), Shape.MAYBE),
        Key("alerts.sms_to", _NUMBER, None, N_("a number that gets them by text"), Shape.MAYBE),
        Key("alerts.sms_per_day", _whole(0), 4, N_("how many segments for that, within the budget")),
        Key("alerts.ping", _WEB, None, N_("asked hourly while all is well"), Shape.MAYBE, secret=True),
        Key("alerts.digest", _choice(Digest), None, N_("daily or weekly: figures and health in a mail"), Shape.MAYBE),
        Key("alerts.words", _MET, (), N_("words or phrases in a text that are an alert"), Shape.LIST),
        Key(
            "alerts.selftest",
            _duration("1h", "90d"),
            7 * _D,
            N_("so long without any text, and it texts itself"),
            Shape.MAYBE,
        ),
        Key("backup.folder", _PATH, None, N_("where sealed backups go"), Shape.MAYBE),
        Key("backup.recipients", _RECIPIENT, (), N_("who can open them"), Shape.LIST),
        Key("backup.keep", _whole(1, 999), 10, N_("how many of the newest are kept there")),
        Key("backup.alert_after", _duration("1h", _FOREVER), 3 * _D, N_("a last one that is older is an alert")),
        Key("web.people", _choice(Role), (), N_("who may come through a proxy, and as what"), Shape.BY_PERSON),
        Key("web.user_header", _HEADER, "X-Remote-User", N_("the header in which the proxy names a person")),
        Key("web.hosts", _HOST, (), N_("names that the desk is reached by, besides localhost"), Shape.LIST),
        Key("web.ask", _ASK, None, N_("whom people at the desk may ask"), Shape.MAYBE),
        Key("fleet.hub", _HUB, None, N_("where lines share whom they refuse"), Shape.MAYBE, secret=True),
    )
}
SECTIONS = tuple(dict.fromkeys(path[: dot.start()] for path in KEYS for dot in re.finditer(r"\.", path)))
NAMES = frozenset(path.rpartition(".")[2] for path in (*KEYS, *SECTIONS))


_LIKENESS = 0.5  # difflib's ratio: "minute" is like "month", and "pays" is not like any key


def nearest_key(path: str) -> tuple[str, bool]:
    """Return the known key that is most like an unknown one, and whether the likeness is enough for a hint."""
    from difflib import SequenceMatcher  # noqa: PLC0415  only mistakes need it

    name = path.rpartition(".")[2]

    def likeness(known: str) -> float:
        whole = known.rpartition(".")[2]
        return 1.0 if whole.startswith(f"{name}_") else SequenceMatcher(None, name[:40], whole).ratio()

    def closeness(known: str) -> float:
        return SequenceMatcher(None, path[:80], known).ratio() + likeness(known)

    nearest = max((*KEYS, *SECTIONS), key=closeness)
    return nearest, likeness(nearest) > _LIKENESS
