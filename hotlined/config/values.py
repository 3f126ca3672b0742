"""A configuration as values: durations, choices, one immutable class for each section, and the rules made from them."""

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
from hotlined.rules.policy import Limits, Numbers, Rules
from hotlined.rules.recognition import fold

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Units of a duration in seconds."""
PLACES = 8
"""The most digits before a unit."""
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,{PLACES}}}){unit})?" for unit in UNITS))


def parse_duration(text: str) -> timedelta:
    """Read integers with units, the largest unit first: `90s`, `10m`, `24h`, `7d`, `1h30m`, `0s`.

    Raises ValueError for anything else, such as a number without a unit.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(_("expected a duration like 90s, 10m, 24h, 7d or 1h30m, got {got}", got=quoted(text)))
    counts = match.groups(default="0")
    return timedelta(seconds=sum(int(count) * unit for count, unit in zip(counts, UNITS.values(), strict=True)))


def format_duration(duration: timedelta) -> str:
    """Return a duration as text for `parse_duration`, in whole seconds; raises ValueError if it is negative."""
    seconds = duration // timedelta(seconds=1)
    if seconds < 0:
        raise ValueError(_("a duration is not negative: {duration}", duration=duration))
    written = ""
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Calls(StrEnum):
    """The treatment of an incoming call."""

    RING = "ring"
    HANG_UP = "hang_up"
    IGNORE = "ignore"


class Digest(StrEnum):
    """How often a digest of the line is sent."""

    DAILY = "daily"
    WEEKLY = "weekly"


class AnswerEncoding(StrEnum):
    """The choice between GSM-7 and UCS-2, as `hotlined.gsm.alphabet.plan` takes it."""

    SMART = "smart"
    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class ModemConfig:
    """The section `modem`."""

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
    """One text of the answer and its place: which answer to a number (`step`), and which variant of it; both from 0.

    `step` is the number of earlier answers; it is None for the text of a country, which serves for every answer to its
    numbers. `several` tells whether the place has other variants.
    """

    text: str
    step: int | None
    variant: int
    country: str | None
    several: bool


class AnswerFile(NamedTuple):
    """The content of the answer's file: its variants, and the problems that keep it from being used.

    An empty file has neither.
    """

    variants: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_denied: bool = False
    """Whether this user may not read the file; the daemon perhaps may."""


class AnswerConfig(NamedTuple):
    """The answer: its texts and its times.

    `steps` are the first answer to a number, the second, and so on; the last one repeats. Each step has variants, and
    one of them is drawn at random. There are no steps if the answer's file is empty or cannot be used. `by_country` has
    the variants for numbers of a country, for every answer to them.
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
    """The content of `text_file`; None before it is read, and without a `text_file`."""

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """All texts with their places; those for countries come last."""
        places = [(step, None, variants) for step, variants in enumerate(self.steps)]
        countries = [(None, country, variants) for country, variants in self.by_country]
        return tuple(
            Wording(text, step, variant, country, len(variants) > 1)
            for step, country, variants in (*places, *countries)
            for variant, text in enumerate(variants)
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of all `wordings`."""
        return tuple(wording.text for wording in self.wordings)

    def choices(self, answers: int, country: str | None) -> tuple[Wording, ...]:
        """Return the variants for a number of a country with this many earlier answers; there may be none."""
        step = None if country in dict(self.by_country) else min(answers, len(self.steps) - 1)
        place = (step, country if step is None else None)
        return tuple(wording for wording in self.wordings if (wording.step, wording.country) == place)

    def maybe_choose(self, answers: int, country: str | None, draw: int) -> Wording | None:
        """Return one of the `choices` by the random number `draw`; None if there is no text."""
        choices = self.choices(answers, country)
        return choices[draw % len(choices)] if choices else None


class CreditConfig(NamedTuple):
    """The balance: its USSD code, the pattern that finds it in the reply, the amount below which an alert is sent.

    `valid_for` is the time that a top-up lasts.
    """

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
    """The destinations of alerts: Apprise URLs, a file of them, a number in E.164; and other choices about alerts.

    `ping` is a URL that is fetched while all is well. `words` are words and phrases; a text that has one of them raises
    an alert. `selftest` is the time without any text after which the line texts itself.
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
    """Sealed backups: their folder, their recipients, how many are kept, the greatest age of the last."""

    folder: Path | None
    recipients: tuple[str, ...]
    keep: int
    alert_after: timedelta


class Role(StrEnum):
    """The rights of a visitor of the desk; each role includes those before it."""

    FIGURES = "figures"
    """Sees figures, but no numbers and no texts."""
    READER = "reader"
    """Reads the log."""
    VOLUNTEER = "volunteer"
    """Tags contacts and keeps them."""
    ADMIN = "admin"
    """Decides who is answered, and pauses the line."""

    def may(self, needed: "Role") -> bool:
        """Tell whether this role includes the needed one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class WebConfig(NamedTuple):
    """The desk: its visitors through a proxy, and its names.

    `people` has each name with its role; the proxy sends the name in `user_header`. `hosts` are host names besides
    localhost. `ask` names the person whom visitors may ask.
    """

    people: tuple[tuple[str, Role], ...]
    user_header: str
    hosts: tuple[str, ...]
    ask: str | None

    @property
    def others(self) -> tuple[str, ...]:
        """The names under which the people are recorded who are no admins."""
        names = [name for name, role in self.people if role is not Role.ADMIN]
        return (*names, *(f"{name} (proxy)" for name in names))


class FleetConfig(NamedTuple):
    """The fleet: the PostgreSQL URL of its hub; None if joining stored one."""

    hub: str | None


class Broken(NamedTuple):
    """A configuration file that cannot be used: the problem, and since when (RFC 3339)."""

    message: str
    since: str | None


class Config(NamedTuple):
    """The configuration in force, and the file it came from."""

    line: str
    language: Language
    about: str | None
    """A sentence about the line for people who read its figures."""
    line_number: str | None
    database: Path
    runtime_dir: Path
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
    written: "Config | None" = None
    """The content of the file, if a living daemon has not read it; see `reports.in_force`."""
    broken: Broken | None = None
    """The problem of a file that cannot be used; then all of this is what a living daemon has."""

    @property
    def name(self) -> str:
        """The line's name in paths and units: the name of its file without .yaml."""
        return self.path.stem

    def rules(
        self, own_number: str | None = None, *, sim_changed: bool = False, earlier_texts: Iterable[str] = ()
    ) -> Rules:
        """Return the rules of the line; no other function makes them. The first two arguments are facts of the SIM.

        `earlier_texts` are answers of the last weeks that are no longer in force: they may still come back as texts.
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
