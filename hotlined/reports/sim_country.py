"""The country of the line's SIM: where the line does not answer it, nobody there is answered, and all else looks well.

Known to be wrong: a SIM of a country that is not in the table has none here.
"""

import sqlite3
from contextlib import suppress

from hotlined.config import Config
from hotlined.errors import StoreError
from hotlined.reports import selftest
from hotlined.store.file.opening import open_beside_daemon
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of
from hotlined.words.countries import sim_country_in_words

# calling codes of ITU-T E.164, mobile country codes of ITU-T E.212 (its list of 15 December 2018)
_COUNTRIES = {
    "AT": ("+43", "232"),
    "BE": ("+32", "206"),
    "CH": ("+41", "228"),
    "DE": ("+49", "262"),
    "DK": ("+45", "238"),
    "ES": ("+34", "214"),
    "FR": ("+33", "208"),
    "GB": ("+44", "234", "235"),
    "IE": ("+353", "272"),
    "IT": ("+39", "222"),
    "LU": ("+352", "270"),
    "NL": ("+31", "204"),
    "PT": ("+351", "268"),
}
"""The beginnings of numbers and of IMSIs, by country."""


def of_sim(config: Config, db: Database | None) -> str | None:
    """Return the country of the line's own number, else of its SIM's IMSI; None if that is not known."""
    number = selftest.own(config, db) if db else config.line_number
    sim = row_of(db).sim if db else None
    known = (_maybe_country(told) for told in (number, sim and sim[1]) if told)
    return next(filter(None, known), None)


def is_unanswered(config: Config, country: str) -> bool:
    """Tell whether a line answers others, but nobody of this country."""
    answered = config.numbers.answer_countries
    return bool(answered) and country not in answered


def maybe_risk(config: Config) -> str | None:
    """Return sentence and cure if the SIM's country is not answered; without a database `line_number` tells it."""
    country = of_sim(config, None)
    with suppress(StoreError, sqlite3.Error), open_beside_daemon(config.database) as db:
        country = of_sim(config, db)
    return " ".join(sim_country_in_words(country)) if country and is_unanswered(config, country) else None


def _maybe_country(beginning: str) -> str | None:
    return next((name for name, begins in _COUNTRIES.items() if beginning.startswith(begins)), None)
