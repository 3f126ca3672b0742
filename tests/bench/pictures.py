"""Makes the pictures of the documentation, in a real browser: `scripts/run pictures`.

The line has a week of traffic: a threat, reactions with some tags, a blocked troll. Each page is taken as a phone and a
table show it, by day and by night, in French. `pngquant` makes the files small.
"""

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
import filled
from chromium import chromium, linked_desk
from filled import KEVIN, Filled

from hotlined.machine.clock import Now
from hotlined.states import ModemState
from hotlined.store.answers import decisions, words_met

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZES: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "table": {"viewport": {"width": 1280, "height": 800}},
}
SCHEMES = ("light", "dark")
COLOURS = "32"
ANSWER = (
    "Non, c'est non. Ce numéro n'est pas le sien : elle te l'a donné pour que tu la laisses tranquille. Ne réponds pas."
)
ABOUT = "Un numéro que l’on donne à Bruxelles à la place du sien, quand quelqu’un insiste."
THREAT = "je sais où tu habites"
FIRST = (
    "Salut, c’est Kevin du bar", "Coucou toi 😊", "On se voit quand ?", "C’était sympa hier", "Slt c Mehdi",
    "tu fais quoi", "Bonsoir, tu te souviens de moi ?", "Enfin ton numéro ^^", "Dag, ken je me nog?",
)  # fmt: skip
REACTIONS = (
    ("ok désolé, je savais pas", "apology"), ("mais elle m’a dit oui", "other"), ("espèce de conne", "insult"),
    ("Pardon, bonne soirée", "apology"), ("t’es qui toi ??", "other"), ("pff", "other"), ("Compris, désolé", "apology"),
)  # fmt: skip
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Said:
    """A received text: its time, its sender, and its tag, if any."""

    at: datetime
    sender: str
    text: str
    tag: str = ""


class Story(Filled):
    """A line whose contacts come at given times."""

    at = datetime.now(UTC)

    def now(self) -> Now:
        """Return the next moment."""
        self.at += timedelta(seconds=5)
        real = self.db.now()
        return Now(self.at, real.limit - (real.utc - self.at).total_seconds(), synchronised=True)

    def tell(self, said: Said) -> int:
        """Receive a text, answer it where a rule says so, and tag it."""
        self.at = said.at
        contact = self.text(said.text, said.sender)
        if THREAT in said.text:
            with self.db.transaction():
                words_met.note(self.db, contact, [THREAT])
        self.at += timedelta(minutes=38)
        if self.judge(contact).answer and self.at < datetime.now(UTC):
            self.send((1,))
        if said.tag:
            decisions.tag(self.db, contact, said.tag, "marie", self.now())
        return contact


def story(now: datetime) -> Iterator[Said]:
    """Yield the texts of five weeks."""
    chance = random.Random(7)
    for ago in range(35, 0, -1):
        for number in range(chance.choice((1, 2, 2, 3, 5))):
            at, sender = now - ago * DAY - timedelta(minutes=97 * number), f"+3247{ago:03}{number}{ago:03}"[:12]
            yield Said(at, sender, chance.choice(FIRST))
            if chance.random() < 0.7:
                text, tag = chance.choice(REACTIONS)
                yield Said(at + timedelta(minutes=50), sender, text, tag if ago > 1 else "")
    for minutes in range(6):
        yield Said(now - DAY + timedelta(minutes=minutes), "+32485556677", f"réponds {minutes}")
    yield Said(now - timedelta(hours=9), KEVIN, "Salut beauté 😍 c’est Kevin, tu m’as donné ton num samedi")
    yield Said(now - timedelta(hours=7), "+32470998877", "Coucou, c’est Léo")
    yield Said(now - timedelta(hours=5), KEVIN, "tu te crois maligne ? " + THREAT)
    yield Said(now - timedelta(minutes=50), "+32470998877", "ok désolé, je savais pas")
    yield Said(now - timedelta(minutes=20), "+32499887766", "Bonjour, on s’est vus au Zinneke")


def tell(folder: Path) -> tuple[Story, int]:
    """Make the line; return it with the contact of the threat."""
    filled.ANSWER = ANSWER
    line = Story(
        folder,
        line="bruxelles",
        language="fr",
        about=ABOUT,
        answer={"text": ANSWER},
        alerts={"words": [THREAT], "sms_to": "+32470123499"},
        web={"ask": "Anna, 0470 12 34 56"},
    )
    for said in sorted(story(datetime.now(UTC)), key=lambda said: said.at):
        line.tell(said)
    decisions.block(line.db, "+32485556677", "anna", line.now())
    line.daemon_runs(modem=ModemState.READY)
    return line, max(words["contact_id"] for words in line.db.all("SELECT contact_id FROM words_met"))


def take(link: str, threat: int) -> None:
    """Take every picture of the desk behind a link."""
    pages = {
        "now": "/",
        "inbox": "/inbox",
        "conversation": f"/contact/{threat}#t{threat}",
        "log": "/log",
        "numbers": "/numbers",
        "figures": "/stats",
    }
    with chromium() as browser:
        entered = browser.new_context()
        page = entered.new_page()
        page.goto(link)
        page.wait_for_url("**/")
        at, state = page.url, entered.storage_state()
        for size, options in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    base_url=at, storage_state=state, color_scheme=scheme, reduced_motion="reduce", **options
                )
                page = context.new_page()
                for name, path in pages.items():
                    page.goto(path)
                    page.wait_for_load_state("networkidle")
                    small(page.screenshot(), FOLDER / f"{name}-{size}-{scheme}.png")


def small(octets: bytes, target: Path) -> None:
    """Write a picture with few colours."""
    target.write_bytes(octets)
    options = ["--force", "--skip-if-larger", "--strip", "--speed", "1", "--output", target]
    subprocess.run(["pngquant", *options, COLOURS, target], check=False)  # 98: the result would be larger
    click.echo(f"{target.relative_to(FOLDER.parent.parent)} {target.stat().st_size:,} octets")


@click.command()
def main() -> None:
    """Make the pictures of the documentation anew.

    Example: scripts/run pictures
    """
    missing = [program for program in ("chromium", "pngquant") if not shutil.which(program)]
    if missing:
        raise click.ClickException(f"Here is no {' and no '.join(missing)}.")
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        line, threat = tell(Path(folder))
        with line.db, linked_desk(line.config) as link:
            take(link, threat)


if __name__ == "__main__":
    main()
