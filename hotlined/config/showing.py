"""A configuration as YAML again: for people without secrets (`show`), and for those who need what is in force."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from hotlined.config.keys import ANY_HASH, KEYS, Key
from hotlined.config.problems import in_yaml
from hotlined.config.values import Config

HIDDEN = "***"


def _shown(key: Key, value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(key, item) for item in value)}]"
    if value is None:
        return "null"
    written = in_yaml(HIDDEN if key.secret else key.kind.format(value))
    # behind prose a comment would be taken for the rest of it
    return written if written.startswith('"') or key.kind.comment != ANY_HASH else f'"{written}"'


def show(config: Config) -> str:
    """Write the configuration in force as YAML, every key; secrets are hidden so that `load` refuses them."""
    return _yaml(config, [f"# {in_yaml(str(config.path))}"], KEYS.values(), lambda key: f"  # {key.doc}")


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
