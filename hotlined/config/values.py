"""A configuration as values: durations, choices, one immutable class for each section, and the rules that follow."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from hotlined.config.problems import Problem, quoted
from hotlined.language import Language, _
from hotlined.policy import Limits, Numbers, Rules
from hotlined.recognition import fold
from hotlined.states import Shared

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Units of a duration in seconds."""
PLACES = 8
"""How many digits a count of one unit has at most."""
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,{PLACES}}}){unit})?" for unit in UNITS))


def parse_duration(text: str) -> timedelta:
    """Read integers with a unit, the largest first: `90s`, `10m`, `24h`, `7d`, `1h30m`, `0s`.

    Raises ValueError for anything else, a number without a unit included.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(_("expected a duration like 90s, 10m, 24h, 7d or 1h30m, got {got}", got=quoted(text)))
    counts = match.groups(default="0")
    return timedelta(seconds=sum(int(count) * unit for count, unit in zip(counts, UNITS.values(), strict=True)))


def format_duration(duration: timedelta) -> str:
    """Write a duration of 0 s or more for `parse_duration`; a fraction of a second is dropped."""
    seconds = duration // timedelta(seconds=1)
    if seconds < 0:
        raise ValueError(_("a duration is not negative: {duration}", duration=duration))
    written = ""
    for unit, size in UNITS.items():
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


class Digest(StrEnum):
    """How often a digest of the line is sent."""

    DAILY = "daily"
    WEEKLY = "weekly"


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


class Wording(NamedTuple):
    """One text of the answer and its place, each counted from 0: of which answer to a number it is which variant.

    One for a country is for every answer to its numbers: `step` is None then. `several` tells whether there are others.
    """

    text: str
    step: int | None
    variant: int
    country: str | None
    several: bool


class AnswerFile(NamedTuple):
    """What stands in the answer's file: its variants, and what keeps it from being used; neither where it is empty."""

    variants: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_denied: bool = False
    """Whether this user may not read it: the daemon may."""


class AnswerConfig(NamedTuple):
    """The answer: its texts and its times.

    `steps` are the first answer to a number, the second, …; the last repeats. Each has its variants, of which one is
    drawn. There is none where the answer's file is empty or cannot be used. `by_country` has the variants for numbers
    of a country, whichever answer it is.
    """

    text_file: Path | None
    steps: tuple[tuple[str, ...], ...]
    by_country: tuple[tuple[str, tuple[str, ...]], ...]
    encoding: AnswerEncoding
    max_segments: int
    delay: tuple[timedelta, timedelta]
    max_age: timedelta
    validity: timedelta
    file: AnswerFile | None = None
    """What stands in `text_file`, where that was read."""

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """All texts with their places, those for countries last."""
        places = [(step, None, variants) for step, variants in enumerate(self.steps)]
        countries = [(None, country, variants) for country, variants in self.by_country]
        return tuple(
            Wording(text, step, variant, country, len(variants) > 1)
            for step, country, variants in (*places, *countries)
            for variant, text in enumerate(variants)
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts."""
        return tuple(wording.text for wording in self.wordings)

    def choices(self, answers: int, country: str | None) -> tuple[Wording, ...]:
        """Return the variants for a number of a country that was answered so often before; there may be none."""
        step = None if country in dict(self.by_country) else min(answers, len(self.steps) - 1)
        place = (step, country if step is None else None)
        return tuple(wording for wording in self.wordings if (wording.step, wording.country) == place)

    def maybe_choose(self, answers: int, country: str | None, draw: int) -> Wording | None:
        """Return the variant that a random number draws for a number of a country; None where there is no text."""
        choices = self.choices(answers, country)
        return choices[draw % len(choices)] if choices else None


class CreditConfig(NamedTuple):
    """How the balance is asked for, found in the operator's reply, and found too low; how long a top-up lasts."""

    ussd: str | None
    pattern: re.Pattern[str] | None
    alert_below: Decimal
    valid_for: timedelta | None


class PrivacyConfig(NamedTuple):
    """How long texts and numbers are kept."""

    keep_texts: timedelta
    keep_numbers: timedelta


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """Where alerts go: Apprise URLs, a file of them, a number in E.164, a URL that hears that all is well.

    `words` are words and phrases in a text that are an alert.
    `selftest` is how often the line texts itself.
    """

    urls: tuple[str, ...] = field(repr=False)
    urls_file: Path | None
    sms_to: str | None
    sms_per_day: int
    ping: str | None = field(repr=False)
    digest: Digest | None
    words: tuple[str, ...]
    selftest: timedelta | None


class BackupConfig(NamedTuple):
    """Where sealed backups go, off the card; for whom; how many are kept, and how old the last one may be."""

    folder: Path | None
    send: bool
    recipients: tuple[str, ...]
    keep: int
    alert_after: timedelta

    @property
    def is_wanted(self) -> bool:
        """Whether backups go anywhere."""
        return self.folder is not None or self.send


class Role(StrEnum):
    """What a visitor of the desk may do; each role includes those before it."""

    FIGURES = "figures"
    """No number, and nothing that somebody wrote."""
    READER = "reader"
    """The log."""
    VOLUNTEER = "volunteer"
    """Tags, and keeping contacts."""
    ADMIN = "admin"
    """Decisions about who is answered, and the pause."""

    def may(self, needed: "Role") -> bool:
        """Tell whether this role includes another one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class WebConfig(NamedTuple):
    """Who may come to the desk through a proxy, in which header it names them, and how the desk is reached.

    `people` has each name with its role; `hosts` are names besides localhost; `ask` says whom people there may ask.
    """

    people: tuple[tuple[str, Role], ...]
    user_header: str
    hosts: tuple[str, ...]
    ask: str | None


class FleetConfig(NamedTuple):
    """The hub of a fleet as a PostgreSQL URL, if not where joining stored one, and what is shared there."""

    hub: str | None
    share: tuple[Shared, ...]


class Config(NamedTuple):
    """The configuration in force, and the file it came from."""

    line: str
    language: Language
    about: str | None
    """What the line is, in a sentence for those who read its figures."""
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
    backup: BackupConfig
    web: WebConfig
    fleet: FleetConfig
    path: Path

    @property
    def name(self) -> str:
        """What the line is called in paths and units: its file's name without .yaml."""
        return self.path.stem

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
            text_countries=None if self.answer.steps else frozenset(dict(self.answer.by_country)),
            our_texts=tuple(map(fold, texts)),
        )
