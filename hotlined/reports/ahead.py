"""The forecast of a line's queue with its configuration: when the next answer leaves, and when one more could."""

from hotlined.config import Config
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.rules.policy import Share
from hotlined.store.line.database import Database
from hotlined.store.reading import forecast
from hotlined.store.reading.forecast import Forecast


def longest(config: Config, answers: int, country: str | None) -> int:
    """Return the segments of the longest text that a number may get after `answers` answers; 0 if there is no text."""
    choices = config.answer.choices(answers, country)
    return max((plan(wording.text, config.answer.encoding).segments for wording in choices), default=0)


def longest_by_step(config: Config) -> list[int]:
    """Return the segments of the first answer, the second and so on, each with the longest text of any country."""
    countries = (None, *config.numbers.answer_countries)
    return [
        max(longest(config, answers, country) for country in countries)
        for answers in range(max(1, len(config.answer.steps)))
    ]


def sizes(config: Config) -> dict[Share, int]:
    """Return, by share, the most segments that an answer takes that is not composed yet."""
    segments = longest_by_step(config)
    return {Share.NEW: segments[0], Share.KNOWN: max(segments[1:] or segments)}


def look_ahead(db: Database, config: Config, now: Now) -> Forecast:
    """Return the forecast: the answers that wait, and when there is room for more."""
    return forecast.forecast(
        db,
        config.limits,
        now,
        max_age=config.answer.max_age,
        send_interval=config.modem.send_interval,
        delay=config.answer.delay[0],
        sizes=sizes(config),
    )
