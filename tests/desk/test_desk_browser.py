"""The desk in a real browser: on a phone, on a large screen, with the keyboard, and without scripts.

One browser and one desk serve all tests. Playwright and axe are installed only in CI.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from chromium import chromium, linked_desk
from filled import KEVIN, Filled
from needs import needs_browser
from test_hostile import receive

from hotlined.desk.app import PAGES
from hotlined.states import ModemState
from hotlined.store.answers import decisions, words_met

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


pytestmark = needs_browser
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABLE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
KINDS = {"phone": PHONE, "table": TABLE, "without a script": PHONE | {"java_script_enabled": False}}
"""The kinds of windows."""
LONG = "x" * 1600
SHOWN = ("escape sequences", "overrides of direction", "a storm of marks", "HTML", "39 segments")
"""The hostile texts that could break a page."""
WRITERS = [f"+3247055000{each}" for each in range(6)]
REACTIONS = range(len(WRITERS) + 1, 2 * len(WRITERS) + 1)
"""The contacts to be tagged."""


@dataclass
class Windows:
    """One window of each kind, which the tests share: the browser needs long for a new one."""

    browser: "Browser"
    kept: dict[str, "Page"] = field(default_factory=dict)

    def page(self, kind: str) -> "Page":
        """Return the page in the window of a kind."""
        if kind not in self.kept:
            self.kept[kind] = self.new(**KINDS[kind])
        page = self.kept[kind]
        page.set_viewport_size(KINDS[kind]["viewport"])
        page.emulate_media(media="screen", color_scheme="light")
        return page

    def new(self, **options: Any) -> "Page":
        """Return a page in a new window."""
        context = self.browser.new_context(**options)
        context.set_default_timeout(20_000)
        return context.new_page()


@dataclass
class Visit:
    """A line, its desk's address, and windows with its link."""

    line: Filled
    at: str
    windows: Windows
    cookies: Any

    def open(self, path: str = "/", kind: str = "table") -> "Page":
        """Open a page in the window of a kind."""
        return self.go(self.windows.page(kind), path)

    def go(self, page: "Page", path: str) -> "Page":
        """Open a page in a window."""
        page.context.add_cookies(self.cookies)
        page.goto(f"{self.at}{path}")
        return page


@pytest.fixture(scope="module", name="windows")
def _windows() -> Iterator[Windows]:
    """Give the windows of the browser."""
    with chromium() as browser:
        yield Windows(browser)


@pytest.fixture(scope="module")
def visit(windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Give the desk that the tests share."""
    with visiting(windows, tmp_path_factory.mktemp("line")) as visit:
        yield visit


@contextmanager
def visiting(windows: Windows, folder: Path, **settings: Any) -> Iterator[Visit]:
    """Give a desk of a line that answered six numbers, which replied, and which got hostile texts."""
    line = Filled(folder, **settings)
    with line.db:
        for writer in WRITERS:
            line.judge(line.text(sender=writer))
            line.send()
        for writer in WRITERS:
            line.judge(line.text("pardon, je savais pas", sender=writer))
        for name in SHOWN:
            receive(line, name, KEVIN)
        line.judge(line.text(LONG))
        with linked_desk(line.config) as link:
            page = windows.page("table")
            page.goto(link)
            at = urlsplit(link)
            yield Visit(line, f"{at.scheme}://{at.netloc}", windows, page.context.cookies())
            for kept in windows.kept.values():
                kept.goto("about:blank")


def paths(line: Filled) -> Iterator[str]:
    """Yield every page, one question (all are built alike), and error pages."""
    newest = str(line.newest())
    files = {"enter", "healthz", "stats_style", "stats_picture", "evidence"}
    for page in PAGES:
        if "GET" in page.methods and page.name not in files and "act_" not in page.name:
            yield re.sub("<.*?>", newest, page.path)
    yield from (f"/person?number=%2B{KEVIN[1:]}", f"/act/block?number=%2B{KEVIN[1:]}", "/act/block", "/none")


def tags(line: Filled) -> dict[int, list[str]]:
    """Return the tags of each contact that has some."""
    return {
        row["id"]: json.loads(row["tags"]) for row in line.db.all("SELECT id, tags FROM contacts WHERE tags <> '[]'")
    }


def untagged(line: Filled) -> None:
    """Remove all tags and keepings, for the next test."""
    for command in (f"tag {each} {word} --remove" for each, words in tags(line).items() for word in words):
        assert line.run(*command.split()).exit_code == 0
    for row in line.db.all("SELECT id FROM contacts WHERE kept_at IS NOT NULL"):
        assert line.run("keep", str(row["id"]), "--undo").exit_code == 0


# ---- the day of a volunteer

TO_TAG = ("apology", "insult", "threat", "other")


@pytest.mark.parametrize("kind", KINDS)
def test_a_volunteer_works_through_a_day(visit: Visit, kind: str) -> None:
    """The day is reading, tagging five reactions, pausing and resuming."""
    line = visit.line
    untagged(line)
    page = visit.open(kind=kind)
    is_phone = "has_touch" in KINDS[kind]

    def press(name: str, role: Any = "button") -> None:
        found = page.get_by_role(role, name=name).first
        found.tap() if is_phone else found.click()

    assert page.get_by_role("heading", level=1).inner_text() == "Line fr"
    assert "The line does not answer." in page.locator("#band").inner_text()

    press("Log", "link")
    page.wait_for_url("**/log")
    assert page.locator(".rows li").count() == len(WRITERS) * 2 + len(SHOWN) + 1
    row = page.locator(f'.rows a[href^="/contact/{REACTIONS.start}#"]')
    row.tap(force=True) if is_phone else row.click(force=True)
    page.wait_for_url(f"**/contact/{REACTIONS.start}#t{REACTIONS.start}")
    assert "pardon, je savais pas" in page.locator(".here").inner_text()

    press("Inbox", "link")
    for number, word in zip(reversed(REACTIONS), (*TO_TAG, "keep"), strict=False):
        page.locator(f'h2 a[href^="/contact/{number}#"]').wait_for()
        page.wait_for_load_state()  # with its style sheet
        assert page.locator("kbd").first.is_visible() != is_phone  # a phone has no keys
        if is_phone:
            press(word.capitalize())
        else:
            page.keyboard.press(word[0])
        if word == "threat":  # its own page says what to do
            page.wait_for_url(f"**/contact/{number}?*")
            press("Inbox", "link")
    page.get_by_text("is kept, however old it becomes.").wait_for()
    kept = page.get_by_role("button", name="Kept")
    kept.tap(force=True) if is_phone else page.keyboard.press("k")  # a second press does no harm
    assert tags(line) == dict(zip(reversed(REACTIONS), ([word] for word in TO_TAG), strict=False))
    # and the threat, with the text before it
    assert line.db.value("SELECT count(*) FROM contacts WHERE kept_at IS NOT NULL") == 3

    press("Now", "link")
    for does, then in (("Pause", "Resume"), ("Resume", "Pause")):
        press(does)
        page.get_by_role("heading", name=does).wait_for()
        press(f"Yes: {does.lower()}")
        page.get_by_role("status").wait_for()
        page.get_by_role("heading", name="Line fr").wait_for()
        assert page.get_by_role("button", name=then).is_visible()


TROLL = "+32479000001"
EVENING = [f"+3247066{each:04}" for each in range(40)]


def test_a_volunteer_sorts_an_evening(windows: Windows, tmp_path: Path) -> None:
    """Forty reactions need forty taps, beside a threat and other volunteers."""
    line = Filled(tmp_path, alerts={"words": ["tue"]})
    with line.db, linked_desk(line.config) as link:
        for writer in (*EVENING, TROLL):
            line.judge(line.text(sender=writer))
            line.send()
        for number in range(6):
            line.judge(line.text(f"réponds {number}", sender=TROLL))
        first = line.newest() + 1
        for writer in EVENING:
            line.judge(line.text("pardon, je savais pas", sender=writer))
        line.daemon_runs(modem=ModemState.READY)
        page = windows.new(**PHONE, reduced_motion="reduce")
        page.goto(link)
        taps = 0

        def tap(name: str, role: Any = "button") -> None:
            nonlocal taps
            page.get_by_role(role, name=name).first.tap()
            taps += 1

        def reaches(contact: int) -> None:
            page.locator(f'h2 a[href^="/contact/{contact}#"]').wait_for()
            page.wait_for_load_state()

        page.get_by_text("The line answers.").wait_for()
        tap("Inbox", "link")
        queue = [*range(first + len(EVENING) - 1, first - 1, -1)]
        for contact in queue[:20]:
            reaches(contact)
            tap("Apology")
        reaches(queue[20])
        threat = line.text("je te tue", sender=EVENING[0])  # at 23:10
        with line.db.transaction():
            words_met.note(line.db, threat, ["tue"])
        decisions.pause(line.db, "léa", line.now())
        decisions.tag(line.db, queue[20], "insult", "léa", line.now())
        tap("Apology")
        page.get_by_text(f"léa has sorted contact {queue[20]} meanwhile: insult.").wait_for()
        assert "léa has paused the line." in page.locator("#band").inner_text()
        reaches(threat)
        assert "call 112" in page.locator(".box.threat").inner_text()
        tap("Keep")
        page.get_by_text("is kept, however old it becomes.").wait_for()
        tap("Threat")
        page.wait_for_url(f"**/contact/{threat}?*")
        tap("Inbox", "link")
        for contact in queue[21:]:
            reaches(contact)
            tap("Apology")
        for number in range(5, -1, -1):
            page.get_by_text(f"réponds {number}").wait_for()
            page.wait_for_load_state()
            tap("Other")
        page.get_by_text("Every reaction has its tag.").wait_for()
        assert taps == 1 + 40 + 3 + 6
        assert tags(line)[queue[20]] == ["insult"]
        assert tags(line)[threat] == ["threat"]
        assert [*tags(line).values()].count(["apology"]) == 39

        taps = 0
        tap("Undo")
        page.get_by_text("réponds 0").wait_for()
        page.wait_for_load_state()
        tap(TROLL, "link")
        page.locator(".bubble.here").wait_for()
        tap("Block …")
        tap("Yes: block")
        page.get_by_text(f"{TROLL} is blocked.").wait_for()
        assert taps == 4
        page.context.close()


COVERED = """(place) => {
  const { left, top, width, height } = place.getBoundingClientRect();
  const points = [0.1, 0.5, 0.9].map((part) => [left + part * width, top + part * height]);
  return points.filter(([x, y]) => !place.contains(document.elementFromPoint(x, y))).length;
}"""
"""A script that counts the points of an element that are out of sight or covered."""


@pytest.mark.parametrize(("width", "height"), [(320, 640), (360, 740)])
@pytest.mark.parametrize("language", ["fr", "nl"])
def test_a_threat_is_in_sight(windows: Windows, tmp_path: Path, language: str, width: int, height: int) -> None:
    """A small phone hides neither text, 112 button nor name."""
    line = Filled(tmp_path, language=language, alerts={"words": ["ta gueule"]})
    with line.db, linked_desk(line.config) as link:
        threat = threatened(line, "ta gueule")
        page = windows.new(**PHONE | {"viewport": {"width": width, "height": height}})
        page.goto(link)
        page.wait_for_url("**/")
        at = page.url.rstrip("/")
        page.goto(f"{at}/inbox")
        for place in (".bubble.now > p:last-child", 'a[href="tel:112"]'):
            assert page.locator(place).evaluate(COVERED) == 0, place
        page.goto(f"{at}/contact/{threat}#t{threat}")
        for place in ("h1", ".bubble.here > p"):
            assert page.locator(place).first.evaluate(COVERED) == 0, place
        page.context.close()


SMALL = PHONE | {"viewport": {"width": 360, "height": 740}}
BAR = ".thumb button"
TAPPED = """([button, seconds]) => {
  button.style.animation = "none";
  button.getBoundingClientRect();
  button.style.animation = "";
  const [held] = button.getAnimations();
  held.pause();
  held.currentTime = seconds * 1000;
  const { left, top, width, height } = button.getBoundingClientRect();
  const found = document.elementFromPoint(left + width / 2, top + height / 2);
  return [button.contains(found), found.closest(".thumb") !== null];
}"""
"""A script that tells whether a tap at this moment falls on the button, and whether it falls on the bar.

It begins the animation again: on a busy machine the page's own has ended.
"""


def thumbed(page: "Page", name: str) -> None:
    """Tap a button where it is: it is in sight without scrolling."""
    button = page.get_by_role("button", name=name, exact=True)
    button.wait_for()
    page.wait_for_load_state()
    assert button.evaluate(COVERED.replace("place.contains(", "place.parentElement.contains(")) == 0, name
    button.tap(no_wait_after=False)


@contextmanager
def small_phone(windows: Windows, line: Filled) -> Iterator[tuple["Page", str]]:
    """Give a small phone that shows a line's front page, and the desk's address."""
    with linked_desk(line.config) as link:
        page = windows.new(**SMALL)
        page.goto(link)
        page.wait_for_url("**/")
        yield page, page.url.rstrip("/")
        page.context.close()


def threatened(line: Filled, *words: str) -> int:
    """Let a text that threatens come in after an answer, and return its contact."""
    line.judge(line.text("Salut beauté, c’est Kevin, tu m’as donné ton num samedi"))
    line.send()
    for number in range(9):
        line.judge(line.text(f"réponds {number}"))
    threat = line.text("attends que je te croise, tu verras ta gueule")
    with line.db.transaction():
        words_met.note(line.db, threat, words)
    return threat


@pytest.mark.parametrize("words", [(), ("ta gueule",)])
def test_a_threat_needs_two_taps(windows: Windows, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Two taps lead to the page of a tagged, kept threat, a third tells the admin; no button needs scrolling."""
    line = Filled(tmp_path, alerts={"words": ["ta gueule"], "urls": ["json://localhost"]})
    with line.db:
        threat = threatened(line, *words)
        with small_phone(windows, line) as (page, _at):
            page.get_by_role("link", name="Inbox").first.tap()
            page.locator(f'h2 a[href^="/contact/{threat}#"]').wait_for()
            thumbed(page, "Threat")
            page.wait_for_url(f"**/contact/{threat}?*")
            page.wait_for_load_state()
            assert (tags(line)[threat], line.log("--kept")[-1]["id"]) == (["threat"], threat)
            for place in (".bubble.here > p", ".notice button", 'a[href="tel:112"]'):
                assert page.locator(place).first.evaluate(COVERED) == 0, place
            thumbed(page, "Tell the admin")
            page.get_by_text(f"The admin will hear of contact {threat}").wait_for()
            assert told(line) == [threat]


def told(line: Filled) -> list[int]:
    """Return the contacts that the admin is asked to look at."""
    return [row["contact_id"] for row in line.db.all("SELECT contact_id FROM events WHERE kind = 'told' ORDER BY id")]


def an_evening(line: Filled) -> dict[int, tuple[str, ...]]:
    """Let the 68 texts of an evening come in, 16 of them answered; return the buttons that each reaction wants."""
    for writer, text in FIRST_TEXTS:
        line.judge(line.text(text, sender=writer))
        line.send()
    wanted = {}
    for writer, text, *buttons in REACTIONS_OF_AN_EVENING:
        contact = line.text(text, sender=writer)
        line.judge(contact)
        with line.db.transaction():
            words_met.note(line.db, contact, [word for word in ALERT_WORDS if word in text])
        wanted[contact] = (*buttons,)
    for number in range(31):
        line.judge(line.text("coucou", sender=f"+32478551{number:03}"), delay=1800.0)
    return wanted


ALERT_WORDS = ("où tu habites", "tuer")
NUMBERS = [f"+32478550{number:03}" for number in range(16)]
TELLS = ("Prévenir l’admin", "Autre")
FIRST_TEXTS = [*zip(NUMBERS, (
    "Salut c'est Kevin du bar, tu fais quoi ?",
    "Bonsoir, c'est Sam, ravi de t'avoir rencontrée ce soir !",
    "coucou toi ;)",
    "Hey! Leuk je te ontmoeten, wanneer zien we elkaar?",
    "Coucou ma chérie c'est maman, j'ai un nouveau téléphone. Tu viens dimanche ? Je fais des boulets. Bisous",
    "مرحبا، أنا كريم، هل يمكننا أن نتحدث؟",
    "Bonsoir, je ne sais pas trop comment commencer alors je me lance : on s'est croisés tout à l'heure au parc. " * 6,
    "😍😍😍🔥",
    "Slt",
    "Bonjour, c'est la pharmacie Dubois, votre commande est prête.",
    "tu dors ?",
    *["alors on fait la belle ? réponds"] * 5,
), strict=True)]  # fmt: skip
REACTIONS_OF_AN_EVENING = [
    (NUMBERS[0], "tu te prends pour qui ? je sais où tu habites", "Menace"),
    (NUMBERS[1], "Ah. Désolé, je comprends, je n'insisterai pas. Bonne soirée.", "Excuses"),
    (NUMBERS[2], "STOP", "Autre"),
    (NUMBERS[3], "hou op met sturen", "Autre"),
    (NUMBERS[4], "Mais enfin c'est MAMAN !! c'est quoi ce message ? tu vas bien ??", *TELLS),
    (NUMBERS[5], "من أنت؟", "Autre"),
    (NUMBERS[6], "ok pardon", "Excuses"),
    (NUMBERS[7], "🖕🖕", "Insulte"),
    (NUMBERS[8], "attends que je te croise, tu verras ta gueule", "Menace"),
    (NUMBERS[9], "Arrêtez de m'envoyer des messages s'il vous plaît", *TELLS),
    (NUMBERS[10], "je vais me tuer si tu me réponds pas", *TELLS),
    *(
        (writer, "t'es qu'une sale pute, réponds" + "!" * number, "Insulte")
        for number, writer in enumerate(NUMBERS[11:])
    ),
    (NUMBERS[11], "stop stop stop", "Autre"),
    (NUMBERS[12], "Stop sms svp", "Autre"),
    (NUMBERS[13], "arrête", "Autre"),
    (NUMBERS[14], "ARRÊTER", "Autre"),
    (NUMBERS[15], "foutez-moi la paix", "Autre"),
]
"""Each text with the buttons that a volunteer taps: a threat leads to its page, where the admin is told, too."""


def test_an_evening_needs_no_scrolling(windows: Windows, tmp_path: Path) -> None:
    """Each of 21 reactions needs one tap, a threat three with the way back, telling the admin one more."""
    line = Filled(tmp_path, language="fr", alerts={"words": [*ALERT_WORDS], "urls": ["json://localhost"]})
    with line.db:
        wanted = an_evening(line)
        assert line.db.value("SELECT count(*) FROM contacts") == 68
        with small_phone(windows, line) as (page, _at):
            page.emulate_media(reduced_motion="reduce")
            page.get_by_role("link", name="À trier").first.tap()
            taps, left = 1, dict(wanted)
            while left:
                shown = page.locator('h2 a[href^="/contact/"]')
                contact = int(re.findall(r"\d+", shown.get_attribute("href") or "")[0])
                for button in left.pop(contact):
                    with page.expect_navigation():
                        thumbed(page, button)
                    taps += 1
                if "Menace" in wanted[contact]:
                    assert urlsplit(page.url).path == f"/contact/{contact}"
                    with page.expect_navigation():
                        thumbed(page, "Prévenir l’admin")
                    with page.expect_navigation():
                        page.get_by_role("link", name="À trier").first.tap()
                    taps += 2
            page.get_by_text("Chaque réaction a son étiquette.").wait_for()
        threats = [contact for contact, buttons in wanted.items() if "Menace" in buttons]
        assert taps == 1 + len(wanted) + 3 + 2 * len(threats)
        assert [each for each, its in tags(line).items() if its == ["threat"]] == threats
        assert {*threats} <= {each["id"] for each in line.log("--kept")}
        assert len(told(line)) == len(threats) + 3


def test_the_buttons_that_decide_stay_where_they_are(windows: Windows, tmp_path: Path) -> None:
    """A text's length, its alert word and its page move none of the tags."""
    line = Filled(tmp_path, alerts={"words": ["ta gueule"]})
    with line.db:
        threat = threatened(line, "ta gueule")
        long, short = line.text(LONG), line.text("ok", sender=WRITERS[0])
        with small_phone(windows, line) as (page, at):
            places = set()
            shown = ("/inbox", f"/inbox?all=1&here={long}", f"/inbox?all=1&here={short}")
            for path in (*shown, f"/contact/{long}#t{long}", f"/contact/{threat}", f"/contact/{short}"):
                page.goto(f"{at}{path}")
                tag = page.get_by_role("button", name="Apology", exact=True)
                places.add(tag.evaluate("each => each.getBoundingClientRect().top"))
                assert [each.evaluate("each => each.getBoundingClientRect().bottom < innerHeight")
                        for each in page.locator(BAR).all()].count(False) == 0, path  # fmt: skip
            assert len(places) == 1


def test_a_second_tap_decides_nothing(windows: Windows, tmp_path: Path) -> None:
    """A new page's buttons take no tap for a second, nor does what lies below them."""
    line = Filled(tmp_path)
    with line.db:
        threatened(line)
        with small_phone(windows, line) as (page, at):
            page.goto(f"{at}/inbox")
            button = page.locator(BAR).first.element_handle()
            assert [page.evaluate(TAPPED, [button, at]) for at in (0, 0.99, 1)] == [
                [False, True], [False, True], [True, True],
            ]  # fmt: skip
            page.emulate_media(reduced_motion="reduce")
            assert page.evaluate("document.getAnimations().length") == 0


def test_the_keyboard_is_enough(visit: Visit) -> None:
    """Tab reaches every control with a visible focus; Enter works."""
    page = visit.open()
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for path in ("/", "/log", "/inbox", f"/contact/{REACTIONS.start}", "/numbers", "/stats"):
        visit.go(page, path)
        wanted = set(range(page.evaluate(MARK)))
        reached = set()
        for _ in range(2 * len(wanted)):
            page.keyboard.press("Tab")
            number, is_seen = page.evaluate(FOCUSED)
            assert is_seen, f"{path}: {number}"
            reached.add(number)
            if wanted <= reached:
                break
        assert wanted <= reached, path


MARK = """(() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, summary")].filter(
    (each) => each.checkVisibility() && each.type !== "hidden" && !each.disabled);
  all.forEach((each, number) => { each.dataset.number = number; });
  return all.length;
})()"""
"""A script that numbers the controls of a page and returns their count."""

FOCUSED = """(() => {
  const focused = document.activeElement;
  const isSeen = focused === document.body || getComputedStyle(focused).outlineStyle !== "none";
  return ["number" in focused.dataset ? Number(focused.dataset.number) : null, isSeen];
})()"""
"""A script that returns the number of the focused control, and whether its focus is visible."""


def test_renewal_of_a_page_can_be_stopped(visit: Visit) -> None:
    """New contacts appear by themselves; nothing on any page moves."""
    line = visit.line
    page = visit.windows.new(**TABLE)
    page.clock.install()
    visit.go(page, "/")
    before = page.locator(".rows li").first.inner_text()
    line.text("une nouvelle", sender=WRITERS[0])
    page.clock.run_for(20_000)
    page.get_by_text("une nouvelle").first.wait_for()
    page.get_by_role("button", name="Stop refreshing").click()
    line.text("encore une", sender=WRITERS[0])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []
    assert page.get_by_text("encore une").count() == 0
    assert before != page.locator(".rows li").first.inner_text()
    page.context.close()

    still = visit.windows.page("without a script")
    for path in paths(line):
        visit.go(still, path)
        assert still.locator("meta[http-equiv=refresh], marquee, blink, video, audio, img[src$=gif]").count() == 0, path


# ---- for everyone


SEEN_AS = ((320, "light", {}), (1280, "dark", {"runOnly": ["color-contrast"]}))
"""Widths and colour schemes of the check of each page, and the rules of axe with another result there."""


VIOLATIONS = """async (rules) =>
  (await axe.run(rules)).violations.map((each) => `${each.id}: ${each.nodes[0].html}`)"""
"""A script that returns the findings of axe, each with its first element."""


def test_every_page_is_accessible(visit: Visit) -> None:
    """Axe finds nothing, and no page is wider than its screen.

    This holds in light and dark, on phones and large screens.
    """
    assert unreadable(visit) == []


@pytest.mark.parametrize("language", ["fr", "nl"])
def test_longer_words_fit_every_page(windows: Windows, language: str, tmp_path: Path) -> None:
    """French and Dutch pages fit a phone."""
    with visiting(windows, tmp_path, language=language) as visit:
        page = visit.open()
        page.set_viewport_size({"width": 320, "height": 800})
        wide = [path for path in paths(visit.line) if is_too_wide(visit.go(page, path))]
        assert wide == []


def is_too_wide(page: "Page") -> bool:
    """Tell whether a page is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def unreadable(visit: Visit) -> list[str]:
    """Return the findings of axe on all pages, and the pages that are wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  only CI has it

    script, found = Axe().axe_script, []
    page = visit.open()
    for path in paths(visit.line):
        visit.go(page, path)
        page.evaluate(script)
        for width, scheme, rules in SEEN_AS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            violations = page.evaluate(VIOLATIONS, rules | {"resultTypes": ["violations"]})
            where = f"{path} at {width}, {scheme}"
            found += [f"{where}: {each}" for each in violations]
            if is_too_wide(page):
                found.append(f"{where}: too wide")
    return found


def test_a_page_can_be_printed(windows: Windows, tmp_path: Path) -> None:
    """Its words are dark on white, and it has no buttons."""
    with visiting(windows, tmp_path) as visit:
        page = visit.open("/inbox")
        page.get_by_role("button", name="Keep").click()
        page.get_by_role("button", name="Kept").wait_for()
        prints(visit, page)


def prints(visit: Visit, page: "Page") -> None:
    """Print pages, one of them with the button of a text that is kept already."""
    for path in ("/", "/log", f"/contact/{REACTIONS.start}", "/numbers", "/inbox", "/stats"):
        page.emulate_media(media="screen", color_scheme="dark")
        visit.go(page, path)
        page.emulate_media(media="print")
        assert page.locator("h1").is_visible(), path
        pressed = page.locator("nav, button, input, .button").filter(visible=True)
        assert [each.inner_text() for each in pressed.all()] == [], path
        ink, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (ink, paper) == ("rgb(22, 25, 29)", "rgb(255, 255, 255)"), path
