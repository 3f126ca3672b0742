"""Makes the pictures of the documentation from the demo's line, in a real browser: `scripts/run pictures`.

No test. The demo plays first, which takes half a minute. `pngquant` makes the pictures small.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
from chromium import MISSING, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 720}, "has_touch": True, "is_mobile": True}
TABLE: dict[str, Any] = {"viewport": {"width": 1000, "height": 640}}
COLOURS = "32"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its name, the page that is shown, what is done there first, and how large and bright it is."""

    name: str
    path: str
    size: dict[str, Any]
    scheme: Any = "light"
    first: Callable[["Page"], object] = field(default=lambda _: None)


PICTURES = (
    Picture("now", "/", PHONE),
    Picture("review", "/review", PHONE),
    Picture("contact", "/log", PHONE, first=lambda page: page.get_by_role("link", name="Contact 1,").click()),
    Picture("log", "/log", TABLE),
    Picture("figures", "/stats", TABLE, "dark"),
)


def take(link: str) -> None:
    """Take every picture of the desk that a link leads to."""
    with chromium() as browser:
        entered = browser.new_context()
        page = entered.new_page()
        page.goto(link)
        page.wait_for_url("**/")
        at, state = page.url, entered.storage_state()
        for picture in PICTURES:
            context = browser.new_context(
                base_url=at, storage_state=state, color_scheme=picture.scheme, reduced_motion="reduce", **picture.size
            )
            page = context.new_page()
            page.goto(picture.path)
            picture.first(page)
            page.wait_for_load_state("networkidle")
            target = FOLDER / f"{picture.name}.png"
            page.screenshot(path=target)
            subprocess.run(
                [
                    "pngquant",
                    "--force",
                    "--skip-if-larger",
                    "--strip",
                    "--speed",
                    "1",
                    "--output",
                    target,
                    COLOURS,
                    target,
                ],
                check=True,
            )
            click.echo(f"{target.relative_to(FOLDER.parent.parent)} {target.stat().st_size:,} octets")


@click.command
def main() -> None:
    """Make the pictures of the documentation anew.

    Example: scripts/run pictures
    """
    missing = MISSING + ["pngquant"] * (not shutil.which("pngquant"))
    if missing:
        raise click.ClickException(f"Here is no {' and no '.join(missing)}.")
    FOLDER.mkdir(exist_ok=True)
    demo = subprocess.Popen(
        [sys.executable, "-P", "-m", "hotlined", "demo", "--web"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout
        take(next(line.strip() for line in demo.stdout if line.startswith("http://")))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


if __name__ == "__main__":
    main()
