"""Writes a configuration as YAML again: for people to read (`show`), and for the daemon's status (`in_force`)."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any

from hotlined.config.keys import ANY_HASH, KEYS, TEXT, Key, Shape
from hotlined.config.problems import in_yaml
from hotlined.config.values import AnswerConfig, Config
from hotlined.language import _

HIDDEN = "***"


def _shown(key: Key, value: Any) -> str:
    if key.shape in {Shape.BY_COUNTRY, Shape.BY_PERSON}:
        return f"{{{', '.join(f'{in_yaml(name)}: {_listed(key, entry)}' for name, entry in value)}}}"
    if key.shape is Shape.NESTED:
        return f"[{', '.join(_listed(key, variants) for variants in value)}]"
    return _listed(key, value)


def _listed(key: Key, value: Any) -> str:
    if key.kind is TEXT and isinstance(value, tuple) and len(value) == 1:
        return _listed(key, value[0])
    if isinstance(value, tuple):
        return f"[{', '.join(_listed(key, item) for item in value)}]"
    if value is None:
        return "null"
    written = in_yaml(HIDDEN if key.secret else key.kind.format(value))
    # prose is always quoted: after plain prose, `load` takes a comment for a cut-off part of it
    return written if written.startswith('"') or key.kind.comment != ANY_HASH else f'"{written}"'


def show(config: Config) -> str:
    """Return a configuration as YAML, with every key; secrets are replaced by `***`, which `load` refuses."""
    texts = _texts(config.answer, resolved=False)
    return _yaml(config, [f"# {in_yaml(str(config.path))}"], KEYS.values(), texts, lambda key: f"  # {_(key.doc)}")


def differences(installed: Config, coming: Config) -> Iterator[tuple[str, str, str]]:
    """Yield each key whose value differs, with the installed and the coming value as YAML; secrets are hidden."""
    texts, others = (_texts(each.answer, resolved=False) for each in (installed, coming))
    for key in KEYS.values():
        old, new = (
            written[key.path] if key.path in written else attrgetter(key.path)(config)
            for written, config in ((texts, installed), (others, coming))
        )
        if old != new:
            yield key.path, _shown(key, old), _shown(key, new)


@lru_cache(maxsize=1)
def in_force(config: Config) -> str:
    """Return a daemon's configuration as YAML for `parse`, without secrets: commands go by it.

    It has the texts of the answer's file, or the path of that file if there are none.
    """
    keys = [key for key in KEYS.values() if not key.secret]
    return _yaml(config, [], keys, _texts(config.answer, resolved=True), lambda _key: "")


def _texts(answer: AnswerConfig, *, resolved: bool) -> dict[str, object]:
    """Return the values of the three keys of the answer; with `resolved`, the texts and not the path of their file."""
    if answer.text_file and not (resolved and answer.steps):
        return {"answer.text_file": answer.text_file, "answer.text": None, "answer.texts": ()}
    is_one = len(answer.steps) == len(answer.steps[0]) == 1
    text, texts = (answer.steps[0][0], ()) if is_one else (None, answer.steps)
    return {"answer.text_file": None, "answer.text": text, "answer.texts": texts}


def _yaml(
    config: Config, lines: list[str], keys: Iterable[Key], texts: dict[str, object], remark: Callable[[Key], str]
) -> str:
    opened: tuple[str, ...] = ()
    for key in keys:
        *sections, name = key.path.split(".")
        for depth, section in enumerate(sections):
            if opened[: depth + 1] != tuple(sections[: depth + 1]):
                lines.append(f"{'  ' * depth}{section}:")
        opened = tuple(sections)
        value = texts[key.path] if key.path in texts else attrgetter(key.path)(config)
        lines.append(f"{'  ' * len(sections)}{name}: {_shown(key, value)}{remark(key)}")
    return "\n".join(lines) + "\n"
