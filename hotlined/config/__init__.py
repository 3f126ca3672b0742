"""config.yaml → immutable values: one table of keys drives reading, defaults, hints and `config show`.

All problems of a file are reported at once, each with its line. Scalars are read as text and converted by key, so that
`0123`, `+32470123456` and `NO` keep their meaning. `policy` says what the limits do; nothing here checks whether a port
or a folder works.
"""

from hotlined.config.answer_file import LARGEST as LARGEST_ANSWER
from hotlined.config.answer_file import octets as answer_octets
from hotlined.config.keys import KEYS, Key
from hotlined.config.loading import (
    LARGEST_FILE,
    SYSTEM_FOLDER,
    alerts_reach_somebody,
    find,
    kept_by_root,
    load,
    maybe_language,
    maybe_missing_pin_file,
    maybe_stated,
    maybe_unusable_answer,
    other_lines,
    parse,
    parse_octets,
    with_answer,
)
from hotlined.config.reading import MOST_KEYS
from hotlined.config.runtime import runtime_dir, wanted_runtime_dir
from hotlined.config.showing import HIDDEN, differences, in_force, show
from hotlined.config.values import (
    AlertsConfig,
    AnswerConfig,
    AnswerEncoding,
    AnswerFile,
    BackupConfig,
    Broken,
    Calls,
    Config,
    CreditConfig,
    Digest,
    LogLevel,
    ModemConfig,
    PrivacyConfig,
    Role,
    Wording,
    format_duration,
    parse_duration,
)

__all__ = [
    "HIDDEN",
    "KEYS",
    "LARGEST_ANSWER",
    "LARGEST_FILE",
    "MOST_KEYS",
    "SYSTEM_FOLDER",
    "AlertsConfig",
    "AnswerConfig",
    "AnswerEncoding",
    "AnswerFile",
    "BackupConfig",
    "Broken",
    "Calls",
    "Config",
    "CreditConfig",
    "Digest",
    "Key",
    "LogLevel",
    "ModemConfig",
    "PrivacyConfig",
    "Role",
    "Wording",
    "alerts_reach_somebody",
    "answer_octets",
    "differences",
    "find",
    "format_duration",
    "in_force",
    "kept_by_root",
    "load",
    "maybe_language",
    "maybe_missing_pin_file",
    "maybe_stated",
    "maybe_unusable_answer",
    "other_lines",
    "parse",
    "parse_duration",
    "parse_octets",
    "runtime_dir",
    "show",
    "wanted_runtime_dir",
    "with_answer",
]
