"""The rules of a line, as its daemon has them in force; commands use them to say what the daemon would do."""

from hotlined.config import Config
from hotlined.rules.policy import Rules
from hotlined.store.answers import verdicts
from hotlined.store.line.database import Database
from hotlined.store.line.line_row import row_of


def rules_of(db: Database, config: Config, *, sim_changed: bool = False) -> Rules:
    """Return the rules from a configuration, the line's own number and the texts of its recent answers."""
    return config.rules(
        row_of(db).own_number, sim_changed=sim_changed, earlier_texts=verdicts.recent_texts(db, db.now())
    )
