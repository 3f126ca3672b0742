"""The page of `hotlined stats --html`: correct, without anybody's data, and complete in one file."""

import base64
import hashlib
import html.parser
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from filled import ANSWER, KEVIN, LEA, Filled
from needs import needs

from hotlined.machine.clock import rfc3339
from hotlined.statistics.page import ready_percent

MONTH = ("--since", "2026-11", "--until", "2026-11")  # the times of `Filled`
FIGURES = [
    "Texts, calls and answers", "Reactions to the answer", "Hours of the week", "New and returning numbers",
    "Not answered, and why", "Service",
]  # fmt: skip
MODEM = ((1, "ready"), (30, "absent"), (31, "ready"), (33, "recovering"), (33.01, "absent"), (34, "ready"))
EMPTY = {"meta", "link", "line", "rect"}  # elements without an end tag here


class Reader(html.parser.HTMLParser):
    """A strict reader of a page: every element has to be closed in order; it keeps all elements and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element that closes itself."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element with a name."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with answers, reactions, reasons, calls, hostile texts and events."""
    filled = Filled(tmp_path, limits={"segments": {"hour": 6, "day": 20, "month": 50}})
    with filled.db:
        filled.judge(filled.text("Salut </h6><script>alert(1)</script>"))
        filled.send()
        filled.text("pardon sans rancune", KEVIN)
        filled.judge(filled.call(LEA))
        filled.judge(filled.text("8850 gagne", "8850"))
        filled.text("anonyme", "Banque")
        filled.db.connection.execute("UPDATE contacts SET originator = '~0123456789ab' WHERE originator = 'Banque'")
        filled.db.connection.execute("""UPDATE contacts SET tags = '["<b>&"]' WHERE id = 2""")
        began = filled.now().utc
        for hours, kind in (
            (1, "ready"),
            (30, "absent"),
            (31, "ready"),
            (33, "recovering"),
            (33.01, "absent"),
            (34, "ready"),
        ):
            at = rfc3339(began + timedelta(hours=hours))
            filled.db.connection.execute("INSERT INTO events (at, kind) VALUES (?, ?)", (at, f"modem_{kind}"))
        yield filled


def written(line: Filled, *arguments: str) -> str:
    """Return the page that the command writes."""
    result = line.run("stats", "--html", "-", *(arguments or MONTH))
    assert result.exit_code == 0, result.output
    (line.folder / "page.html").write_text(result.stdout, "utf-8")
    return result.stdout


def test_the_page_has_no_personal_data(line: Filled) -> None:
    """It has no number, pseudonym, name, text or answer."""
    page = written(line)
    texts = [text for (text,) in line.db.all("SELECT text FROM contacts WHERE text IS NOT NULL")]
    words = {word for text in (*texts, ANSWER) for word in re.findall(r"\w{5,}", text)}

    assert {"Salut", "script", "alert", "pardon", "rancune", "gagne", "anonyme"} <= words
    for word in words:
        assert word not in page
    for number in (KEVIN, LEA, "8850", "0123456789ab", "Banque"):
        assert number[-6:] not in page


def test_the_page_loads_nothing(line: Filled) -> None:
    """It has no script or address; its policy allows only its style."""
    page = written(line)
    reader = Reader(page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(meta["content"] for meta in reader.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")

    assert policy
    assert policy.startswith("default-src 'none';")
    assert f"style-src 'sha256-{hashed}';" in policy
    assert not reader.all("script")
    assert not any(set(attributes) & {"style", "src", "onload", "onclick"} for _, attributes in reader.elements)
    assert "://" not in page
    assert [link["href"] for link in reader.all("link")] == ["data:,"]


def test_every_figure_is_explained_and_has_its_table(line: Filled) -> None:
    """Each drawing refers to a title and a description."""
    page = written(line)
    reader = Reader(page)
    ids = {attributes["id"] for _, attributes in reader.elements if "id" in attributes}
    drawings = reader.all("svg")

    assert re.findall("<h2>(.*?)</h2>", page)[1:] == FIGURES
    assert len(drawings) == len(reader.all("table")) == len(FIGURES)
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set((drawing["aria-labelledby"] or "").split()) <= ids
    assert all(heading.get("scope") in {"col", "row"} for heading in reader.all("th"))


def test_the_page_has_the_figures_of_json(line: Filled) -> None:
    """Tiles, sentences and tables have the same ones."""
    page = written(line)
    told = json.loads(line.run("stats", "--json", *MONTH).stdout)
    tiles = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))

    assert tiles["Texts"] == str(told["total"]["texts"]) == "4"
    assert tiles["Answers"] == "1"
    assert "Estimated cost" not in tiles
    assert tiles["Reactions within a day"] == "1"
    assert re.search("<p>4 texts in [a-z0-9]+ (hours|days)", page)
    assert '<th scope="row">cannot be texted</th><td>1</td><td>no text' in page
    assert "1 tagged &lt;b&gt;&amp;." in page
    assert '<th scope="row">ready</th>' in page


def test_the_page_names_its_periods(line: Filled) -> None:
    """A line that is younger than the period before is not compared."""
    page = written(line)
    assert re.search("<strong>[0-9]+ November[^<]* 2026[^<]*</strong> [(][a-z0-9]+ [a-z]+, by [a-z]+[)][.] All", page)
    assert "before:" not in page
    assert '<th scope="col">Before</th>' not in page

    line.db.connection.execute("UPDATE contacts SET received_at = '2025-11-01T12:00:00.000Z' WHERE id = 1")
    page = written(line, "--since", "2025-11-24", "--until", "2025-11-30")
    assert (
        "<strong>24 to 30 November 2025</strong> (one week, by day). Before: one week, 17 to 23 November 2025." in page
    )
    assert page.count("before:") == 5
    assert '<th scope="col">Before</th>' in page


def test_the_page_begins_with_the_purpose_of_the_line(tmp_path: Path) -> None:
    """It is the configured sentence, escaped, if there is one."""
    line = Filled(tmp_path, about="Un numéro contre le harcèlement <b>.")
    with line.db:
        line.text()
        assert '<p class="about">Un numéro contre le harcèlement &lt;b&gt;.</p>' in written(line)
        line.config.write_text(json.dumps(line.settings | {"about": None}))
        assert 'class="about"' not in written(line).partition("</style>")[2]


def test_a_part_of_a_day_is_marked(line: Filled) -> None:
    """Its bar, the first or the last, is pale."""
    page = written(line, "--since", "2026-11-24T12:00", "--until", "2026-11-26")
    (bars, *_) = re.findall("<svg.*?</svg>", page, re.DOTALL)
    assert len(re.findall('<g class="part"><title>[^<]* \\(in part\\): ', bars)) == 1
    assert "Pale: a time that is only partly in the period." in page
    assert "(in part)" not in written(line, "--since", "2026-11-25", "--until", "2026-11-25")


def test_the_heat_map_has_averages(line: Filled) -> None:
    """Contacts are divided by the days; hours outside the period are blank."""
    line.db.connection.execute("DELETE FROM events")
    for number, day in enumerate((3, 10, 10, 10, 17)):  # Mondays
        at = f"2025-11-{day:02}T12:00:00.000Z"
        line.db.connection.execute("UPDATE contacts SET received_at = ? WHERE id = ?", (at, number + 1))
    page = written(line, "--since", "2025-11-03", "--until", "2025-11-23")
    hours = re.findall(r"<title>Mon [0-9:]+ to [0-9:]+: (1.7 [^<]*)</title>", page)

    assert hours == ["1.7 (5 on 3 days)"]
    assert "strongest colour" not in page  # there is only one field
    line.db.connection.execute("UPDATE contacts SET received_at = '2025-11-04T12:00:00.000Z' WHERE id = 1")
    page = written(line, "--since", "2025-11-03", "--until", "2025-11-23")
    assert "The strongest colour means 2 in an hour." in page  # not 2.0
    assert "An hour without a square" not in page
    assert "An hour without a square" in written(line, "--since", "2025-11-10", "--until", "2025-11-10")


def test_calls_are_drawn_below_their_answers(line: Filled) -> None:
    """A bar would otherwise have more answers than contacts."""
    page = written(line)
    (bars, *_) = re.findall("<svg.*?</svg>", page, re.DOTALL)
    told = json.loads(line.run("stats", "--json", *MONTH).stdout)["total"]

    assert (told["texts"], told["calls"]) == (4, 1)
    assert sum(int(each) for each in re.findall("<title>[^<]*, ([0-9]+) calls?,", bars)) == 1
    assert len(re.findall('<rect[^>]*class="c"', bars)) == 1
    assert "</i>calls</span>" in page


def test_the_page_leaves_out_the_remaining_budget(line: Filled) -> None:
    """Trolls could read how much more the line can spend."""
    assert "udget" not in written(line)
    assert json.loads(line.run("limits", "--json").stdout)["windows"]["hour"]["limit"] == 6
    assert "of 6" not in written(line)


def test_a_reason_is_in_words_for_the_press(line: Filled) -> None:
    """The meaning is beside the short name, also on paper."""
    page = written(line)

    assert re.search(">cannot be texted<tspan[^>]*>no text can reach it: .*?</tspan>", page)
    assert re.search("@media screen[^{]*{.says{display:none}}", page)


@pytest.mark.parametrize("since", ["2d", "7d", "30d", "50d", "400d"])
def test_labels_are_below_their_bars(line: Filled, since: str) -> None:
    """At most seven are centred, all within a phone's width."""
    page = written(line, "--since", since)
    (bars, *_) = re.findall("<svg.*?</svg>", page, re.DOTALL)
    places = [float(place) for place in re.findall(r'<text x="([0-9.]+)%"[^>]*class="middle', bars)]
    tops = len(re.findall('<th scope="row">', page.partition("</table>")[0]))

    assert 0 < len(places) <= 7
    assert all(place <= 93 for place in places)
    assert all(abs(place * tops / 100 % 1 - 0.5) < 0.01 for place in places)


def test_interruptions_are_drawn_at_their_times(line: Filled) -> None:
    """Adjacent ones are joined; only a time without any is 100 %."""
    page = written(line)
    downs = re.findall(r'class="f"><title>(.*?)</title>', page)

    assert len(downs) == 2
    assert downs[0].startswith("absent: ")
    assert downs[1].startswith("recovering, absent: ")
    assert re.search(r"ready for 9\d\.\d % of the time that is known", page)
    assert "% of the period, as" in written(line, "--since", "2026-11-25T12:00", "--until", "2026-11-27")
    (latest,) = line.db.one("SELECT max(at) FROM events")
    line.db.connection.execute("INSERT INTO events (at, kind) VALUES (?, 'modem_stopped')", (latest,))
    assert "daemon stopped" in written(line)
    line.db.connection.execute("DELETE FROM events WHERE kind <> 'modem_ready'")
    assert "ready for 100.0 % of the time that is known" in written(line)
    line.db.connection.execute("DELETE FROM events")
    assert "Nothing is known of the modem" in written(line)


@pytest.mark.parametrize(
    ("ready", "known", "percent"),
    [(560505.871, 560505.871, 100.0), (560505.0, 560505.871, 99.9), (0.0, 5.0, 0.0), (0.0, 0.0, 0.0)],
)
def test_only_a_time_without_interruption_is_100_percent(ready: float, known: float, percent: float) -> None:
    """The share is rounded down."""
    assert ready_percent(ready, known) == percent


@pytest.mark.parametrize("by", ["hour", "day", "week", "month"])
def test_an_empty_line_has_a_page(tmp_path: Path, by: str) -> None:
    """It has drawings, and the sentence that no text came."""
    with Filled(tmp_path).db:
        pass
    line = Filled(tmp_path)
    with line.db:
        page = written(line, "--since", "7d", "--by", by)

    assert Reader(page).all("svg")
    assert "No text in one week (" in page


def test_a_dash_is_the_standard_output(line: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the page is printed; no file is called `-`."""
    monkeypatch.chdir(line.folder)
    result = line.run("stats", "--html", "-")

    assert result.exit_code == 0
    assert result.stdout.startswith("<!DOCTYPE html>")
    assert result.stdout.endswith("</html>\n")
    assert not (line.folder / "-").exists()


# ---- in a browser


_NO_PAGE = "not an origin"  # the origin in the browser's record of its own requests


def browse(page: Path, folder: Path, *options: str) -> tuple[str, str, list[str]]:
    """Show a page in a browser; return its elements, the console's messages, and its requests."""
    traffic = folder / "net.json"
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={folder / 'browser'}", f"--log-net-log={traffic}", "--enable-logging=stderr", *options,
            "--dump-dom", page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    requests = [event.get("params", {}) for event in json.loads(traffic.read_text())["events"]]
    # the browser itself asks its maker for updates
    visited = [each["url"] for each in requests if each.get("initiator", _NO_PAGE) != _NO_PAGE]
    visited = [url for url in visited if not url.startswith(("file:", "data:", "chrome"))]
    complaints = "\n".join(text for text in done.stderr.splitlines() if "CONSOLE" in text)
    return done.stdout, complaints, visited


@needs("chromium")
@pytest.mark.parametrize("options", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
def test_a_browser_has_no_complaint(line: Filled, options: tuple[str, ...]) -> None:
    """It shows every figure, and requests nothing."""
    written(line)
    shown, complaints, visited = browse(line.folder / "page.html", line.folder, *options)

    assert shown.count("<svg") == len(FIGURES)
    assert complaints == ""
    assert visited == []


@needs("chromium")
def test_a_browser_would_report_a_violation(line: Filled) -> None:
    """It notices even a request that no policy forbids."""
    page = line.folder / "page.html"
    whole = written(line)
    page.write_text(whole.replace("</main>", '<script>alert()</script><p style="color:red"></p></main>'))
    assert "Content Security Policy" in browse(page, line.folder)[1]

    page.write_text('<!DOCTYPE html><img src="http://127.0.0.1:9/x.png">')
    assert "http://127.0.0.1:9/x.png" in browse(page, line.folder)[2]
