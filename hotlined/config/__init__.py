"""config.yaml → immutable values: one table of keys drives reading, defaults, hints and `config show`.

Every problem of a file is reported at once, each with its line. Scalars are read as text and converted by key, so that
`0123`, `+32470123456` and `NO` mean what they say. Not here: what the limits do (policy), and whether a port, a folder
or a PIN file works.
"""

from hotlined.config.keys import KEYS, Key
from hotlined.config.loading import (
    LARGEST_FILE,
    NO_TEXT,
    SYSTEM_FOLDER,
    Salvaged,
    find,
    judge,
    load,
    maybe_language,
    other_lines,
    parse,
    salvage,
    salvage_text,
)
from hotlined.config.reading import MOST_KEYS
from hotlined.config.runtime import runtime_dir, wanted_runtime_dir
from hotlined.config.showing import HIDDEN, in_force, show
from hotlined.config.values import (
    AlertsConfig,
    AnswerConfig,
    AnswerEncoding,
    BackupConfig,
    Calls,
    Config,
    CreditConfig,
    Digest,
    LogLevel,
    Mode,
    ModemConfig,
    PrivacyConfig,
    Wording,
    format_duration,
    parse_duration,
)

__all__ = [
    "HIDDEN",
    "KEYS",
    "LARGEST_FILE",
    "MOST_KEYS",
    "NO_TEXT",
    "SYSTEM_FOLDER",
    "AlertsConfig",
    "AnswerConfig",
    "AnswerEncoding",
    "BackupConfig",
    "Calls",
    "Config",
    "CreditConfig",
    "Digest",
    "Key",
    "LogLevel",
    "Mode",
    "ModemConfig",
    "PrivacyConfig",
    "Salvaged",
    "Wording",
    "find",
    "format_duration",
    "in_force",
    "judge",
    "load",
    "maybe_language",
    "other_lines",
    "parse",
    "parse_duration",
    "runtime_dir",
    "salvage",
    "salvage_text",
    "show",
    "wanted_runtime_dir",
]
