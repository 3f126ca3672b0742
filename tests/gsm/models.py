"""Make docs/models.md from the answers that owners of modems posted (`scripts/run models`), or add a recording to them.

`scripts/run models --add RECORDING MODEL SOURCE` adds the answers of a recording (`hotlined doctor --record`) to
tests/data/answers.jsonl; test_answers then reads them, too. Without an option the page is written anew.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from answers import DATA, PAIRS, UNASKED, asked, is_final, play

from hotlined.gsm import recording, responses
from hotlined.gsm.at import Response
from hotlined.gsm.responses import REGISTRATIONS

PAGE = Path(__file__).parents[2] / "docs/models.md"
_TESTS = ("gammu tests", "ModemManager test")
_HEAD = """\
# What modems answered

Owners of these modems posted what they answered, or recorded it; nobody here had one in hand. Each row is made from the
answers, and says how hotlined reads them: the maker and model that the modem names, the state of its SIM, the storages
that can be listed (*lists*: the first list of `AT+CPMS=?`), how it was registered (`AT+CREG?` for circuits, `AT+CEREG?`
for LTE, `AT+CGREG?` for packets), the networks that it can use. An empty field was not posted.
[Sticks](sticks.md#what-to-buy) says which to buy. `scripts/run models` makes this page; the answers with their sources
are in `tests/data/answers.jsonl`.

| modem | firmware | USB id | names itself | SIM | lists | registered | networks | answers | source |
|---|---|---|---|---|---|---|---|---|---|
"""


def rows(pairs: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a row of the page for each modem and firmware, in the order of their names."""
    models: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for pair in pairs:
        if not pair["model"].startswith(_TESTS):
            models.setdefault((pair["model"], pair.get("firmware", ""), pair.get("usb", "")), []).append(pair)
    for (model, firmware, usb), of_it in sorted(models.items(), key=lambda item: item[0][0].casefold()):
        answers = {pair["command"]: answer for pair in of_it if (answer := maybe_answer(pair))}
        sources = dict.fromkeys(pair["source"] for pair in of_it)
        urls = dict.fromkeys(url for source in sources for url in re.findall(r"https://\S+", source))
        links = " ".join(f"[{number}]({url})" for number, url in enumerate(urls, 1)) or ", ".join(sources)
        cells = (model, firmware, usb, *read(answers), str(len(of_it)), links)
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def maybe_answer(pair: dict[str, Any]) -> Response | None:
    """Return the answer as the parser reads it; None for an unsolicited line and for an answer without an end."""
    if pair["command"] == UNASKED or not any(map(is_final, pair["answer"])):
        return None
    octets = "".join(f"\r\n{line}\r\n" for line in pair["answer"])
    return next(
        (event for event in play(asked(pair["command"]), octets, singly=False) if isinstance(event, Response)), None
    )


def read(answers: dict[str, Response]) -> tuple[str, str, str, str, str]:
    """Return hotlined's reading of the answers: name, SIM, storages, registration, networks."""
    behind = {
        command: answer.lines[0].text.partition(":")[2].strip()
        for command, answer in answers.items()
        if answer.final.ok and answer.lines
    }
    names = [responses.words(answers[command], command) for command in ("AT+CGMI", "AT+CGMM") if command in behind]
    sim = responses.sim_state(answers["AT+CPIN?"].final, answers["AT+CPIN?"].lines)[0] if "AT+CPIN?" in answers else ""
    storages = responses.offered(behind["AT+CPMS=?"])[0] if "AT+CPMS=?" in behind else []
    registered = {
        f"{name[1:]}: {responses.registration_of(behind[f'AT{name}?'])}"
        for name in REGISTRATIONS
        if f"AT{name}?" in behind
    }
    lte = [answers[command] for command in ("AT+CEREG=?", "AT+CEREG?") if command in answers]
    networks = responses.generation(lte, behind.get("AT+WS46=?", "")) if lte or "AT+WS46=?" in behind else None
    return (
        " / ".join(dict.fromkeys(filter(None, names))),
        str(sim),
        ", ".join(dict.fromkeys(storages)),
        ", ".join(sorted(registered)),
        str(networks or ""),
    )


def page() -> str:
    """Return the text of the page."""
    return _HEAD + "".join(f"{row}\n" for row in rows(PAIRS))


def pairs_of(text: str, model: str, source: str) -> Iterator[dict[str, Any]]:
    """Yield a pair for each command of a recording that was answered."""
    command, answer = "", list[str]()
    for line in recording.parse(text).lines:
        content = line.text.strip("\x1b\r\n\0 ")
        if line.ours:
            command, answer = content, []
        elif content and content != command:
            answer.append(content)
            if command and is_final(content):
                yield {"model": model, "source": source, "command": command, "answer": answer}
                command = ""


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["--add"]:
        path, model, source = sys.argv[2:]
        added = [*pairs_of(Path(path).read_text(encoding="ascii"), model, source)]
        with DATA.open("a") as file:
            file.writelines(json.dumps(pair) + "\n" for pair in added)
        PAIRS.extend(added)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
