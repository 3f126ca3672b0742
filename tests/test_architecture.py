"""The rooms of the house: imports, and rules of style that a test can check."""

import ast
import gc
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from hotlined import conditions, states
from hotlined.cli import COMMANDS
from hotlined.cli.settings import SERVICES
from hotlined.control.verbs import VERBS
from hotlined.database_files import EVERY, SECRET
from hotlined.rules import breaker, policy
from hotlined.rules.breaker import Cause, Change, Outcome
from hotlined.rules.policy import AttemptCause, Fate, LineHold, Reason, Share, WaitingFor
from hotlined.states import (
    AlertCondition,
    AnswerState,
    ByHand,
    ContactKind,
    ContactVerdict,
    DatabaseState,
    EventKind,
    HoldReason,
    ModemState,
    NoModemState,
    Refusal,
    RequestState,
    SegmentKind,
    SegmentState,
    SendingState,
    TroubleCode,
    database_event,
    database_trouble,
    modem_event,
)

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hotlined"

# room: the rooms that it may import besides itself; those of GROUND may be imported by all
GROUND = {
    "forms",
    "database_files",
    "errors",
    "states",
    "causes",
    "conditions",
    "status",
    "machine",
    "fleet_files",
    "language",
    "",
}
FLOORS = {
    "cli": {
        "cli",
        "documents",
        "alerts",
        "control",
        "daemon",
        "store",
        "migrations",
        "rules",
        "pseudonym",
        "config",
        "gsm",
        "simulator",
        "words",
        "reports",
        "doctor",
        "statistics",
        "evidence",
        "agekey",
        "sealing",
        "desk",
        "fleet",
    },
    "__main__": {"cli"},
    "alerts": {"documents", "config", "reports", "statistics", "store", "rules", "gsm.alphabet", "words"},
    "statistics": {"documents", "store", "config", "rules", "words"},
    "sealing": {"agekey", "config", "pseudonym", "store", "words"},
    "evidence": {"documents", "pseudonym", "store", "words"},
    "fleet": {"pseudonym"},
    "doctor": {"reports", "store", "config", "gsm", "words"},
    "reports": {"documents", "store", "rules", "config", "gsm.address", "gsm.alphabet", "words"},
    "desk": {
        *("documents", "control", "reports", "statistics", "evidence", "store", "rules", "config", "gsm.address"),
        "words",
    },
    "control": {"store", "config", "rules", "pseudonym"},
    "daemon": {"store", "rules", "config", "gsm", "words"},
    "store": {
        "documents",
        "migrations",
        "rules",
        "pseudonym",
        "gsm.address",
        "gsm.alphabet",
        "gsm.tpdu",
        "gsm.push",
    },
    "forms": set(),
    "documents": {"rules", "gsm.alphabet"},
    "migrations": set(),
    "config": {"agekey", "rules", "gsm.address", "gsm.alphabet"},
    "rules": {"gsm.address"},
    "states": set(),
    "causes": set(),
    "conditions": {"rules"},
    "status": set(),
    "pseudonym": set(),
    "agekey": set(),
    "gsm.modem": {
        *("gsm.at", "gsm.dialogue", "gsm.port", "gsm.profiles", "gsm.responses", "gsm.storages", "gsm.tpdu"),
    },
    "gsm.storages": {"gsm.at", "gsm.dialogue", "gsm.responses"},
    "gsm.dialogue": {"gsm.at", "gsm.port", "gsm.profiles", "gsm.responses"},
    "gsm.responses": {"gsm.at", "gsm.tpdu"},
    "gsm.tpdu": {"gsm.address", "gsm.alphabet", "gsm.push"},
    "gsm.push": set(),
    "gsm.alphabet": set(),
    "gsm.address": set(),
    "gsm.at": {"gsm.profiles"},
    "gsm.profiles": set(),
    "gsm.port": {"gsm.finding"},
    "gsm.anonymous": {"gsm.alphabet", "gsm.at", "gsm.profiles", "gsm.tpdu"},
    "gsm.recording": {"gsm.anonymous", "gsm.at", "gsm.modem", "gsm.port", "gsm.profiles", "gsm.responses"},
    "gsm.finding": {"gsm.sticks"},
    "gsm.sticks": {"gsm.usb_ids"},
    "gsm.usb_ids": set(),
    "gsm.uart": set(),
    "gsm": set(),
    "simulator": {"gsm.alphabet", "gsm.address"},
    "machine": set(),
    "fleet_files": set(),
    "errors": set(),
    "database_files": set(),
    "language": set(),
    "words": {"documents", "agekey", "rules", "gsm.alphabet"},
    "": set(),
}


def room_of(module: str) -> str:
    """Return the room of a module's dotted name."""
    parts = module.split(".")[1:]
    if parts[:1] == ["gsm"]:
        return ".".join(parts[:2])
    return parts[0] if parts else ""


Nodes = dict[Path, Sequence[ast.AST]]


@pytest.fixture(scope="module")
def modules() -> Nodes:
    """Give the syntax nodes of each module of the program, parsed once."""
    gc.disable()  # the nodes are not garbage, but the collector would search them again and again
    try:
        return {path: tuple(ast.walk(ast.parse(path.read_text()))) for path in sorted(PACKAGE.rglob("*.py"))}
    finally:
        gc.enable()


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """Return every module of ours that a module imports, also inside functions."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}".replace(".", "/")
                is_module = (ROOT / f"{inner}.py").exists() or (ROOT / inner).is_dir()
                names.add(inner.replace("/", ".") if is_module else node.module)
    return {name for name in names if name.split(".")[0] == "hotlined"}


def test_imports_go_down_only(modules: Nodes) -> None:
    """A room imports only the rooms below it in the table."""
    climbing = set()
    for path, nodes in modules.items():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        room = room_of(module)
        allowed = FLOORS[room] | GROUND | {room}
        if "gsm" in allowed:
            allowed |= {name for name in FLOORS if name.startswith("gsm.")}
        climbing |= {(module, name) for name in imported(nodes) if room_of(name) not in allowed}

    assert climbing == set()


TOOLS = {
    "contacts",
    "deciding",
    "group",
    "mistakes",
    "output",
    "service",
    "settings",
    "table",
    "typed",
}


def test_the_command_line_has_two_floors(modules: Nodes) -> None:
    """A command imports only tools; a tool imports neither.

    Shared code is a tool.
    """
    commands = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - TOOLS - {"__init__"}
    targets = [each.target for names in COMMANDS.values() for each in names.values()]

    assert {target.partition(":")[0] for target in (*targets, *SERVICES.values())} == {
        f"hotlined.cli.{name}" for name in commands
    }
    for path in (PACKAGE / "cli").glob("*.py"):
        ours = {
            name.removeprefix("hotlined.cli.") for name in imported(modules[path]) if name.startswith("hotlined.cli")
        }
        assert ours <= (set() if path.stem in TOOLS else TOOLS), path.name


def test_only_the_command_line_prints(modules: Nodes) -> None:
    """Other rooms, except the simulator, neither know click nor write to stdout."""
    printers = set()
    for path, nodes in modules.items():
        for node in nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            prints = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            writes = isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.__stdout__"}
            if prints or writes or any(name.split(".")[0] in {"click", "rich"} for name in names):
                printers.add(path.relative_to(PACKAGE).parts[0])

    assert printers <= {"cli", "simulator"}


_RESULT_CODES = ("+CME ERROR:", "+CMS ERROR:", "NO ANSWER", "NO CARRIER", "NO DIALTONE")
COMPARED = {
    **{
        (f"gsm/{name}.py", code): "a result code of the modem" for name in ("at", "anonymous") for code in _RESULT_CODES
    },
    **{("gsm/recording.py", code): "the same" for code in _RESULT_CODES[:2]},
    ("config/syntax.py", "end of stream"): "PyYAML says it, and has no code for it",
    ("config/syntax.py", "expected <block end>"): "the same",
    ("control/client.py", "other line"): "a code on the wire, which earlier versions know",
    ("daemon/calls.py", "NO CARRIER"): "a result code of the modem",
    ("daemon/receiving.py", "NO CARRIER"): "the same",
    ("desk/pages/stats.py", "<!-- inside -->"): "a mark in a page of its own",
    ("gsm/port.py", "exclusively lock"): "pyserial says it, and has no code for it",
    ("gsm/recording.py", "# hotlined recording 1"): "the first line of a file",
}
"""Texts of several words that are compared with something, by module, each with its reason."""
_PREFIXES = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"}


def test_no_sentence_is_compared(modules: Nodes) -> None:
    """Programs decide by codes, except for texts from outside.

    The test looks at literals and at constants of the module, or of the one that they are imported from.
    """
    texts = {module_of(path): dict(constants(nodes)) for path, nodes in modules.items()}
    found = set()
    for path, nodes in modules.items():
        if "simulator" in path.parts:
            continue  # it uses the words of modems
        names = dict(texts[module_of(path)])
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                there = texts.get(node.module or "", {})
                names |= {each.asname or each.name: there[each.name] for each in node.names if each.name in there}
                for each in node.names:
                    inner = texts.get(f"{node.module}.{each.name}", {})
                    names |= {f"{each.asname or each.name}.{name}": words for name, words in inner.items()}
        operands = itertools.chain.from_iterable(map(compared, nodes))
        literals = {text for operand in operands for text in said_in(operand, names)}
        found |= {(path.relative_to(PACKAGE).as_posix(), text) for text in literals}

    assert sorted(found) == sorted(COMPARED)


def module_of(path: Path) -> str:
    """Return a module's dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def constants(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the module's constants whose values are texts of several words, with these."""
    assert isinstance(nodes[0], ast.Module)
    for node in nodes[0].body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(name)], value=value)
                | ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value)
            ):
                if texts := tuple(said_in(value, {})):
                    yield name, texts


def compared(node: ast.AST) -> Iterable[ast.expr]:
    """Return the operands of a comparison, a case, or the argument of `startswith` and its kin."""
    match node:
        case ast.Compare():
            return (node.left, *node.comparators)
        case ast.MatchValue():
            return (node.value,)
        case ast.Call(func=ast.Attribute(attr=attribute)) if attribute in _PREFIXES:
            return node.args
    return ()


def said_in(node: ast.expr, names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the texts of several words in an expression or a list, marked or not."""
    match node:
        case ast.Constant(value=str(text)) if len(text.split()) > 1:
            yield text
        case ast.Tuple() | ast.List() | ast.Set():
            for each in node.elts:
                yield from said_in(each, names)
        case ast.Call(func=ast.Name("_" | "N_" | "frozenset"), args=[first, *_]):
            yield from said_in(first, names)
        case ast.Name() | ast.Attribute():
            yield from names.get(ast.unparse(node), ())


def test_a_condition_has_one_wording(modules: Nodes) -> None:
    """No other room repeats a sentence or cure of the catalogue."""
    known = {row.known for row in conditions.TABLE.values()}
    said = {
        path.relative_to(PACKAGE): "\0".join(_constants(nodes))
        for path, nodes in modules.items()
        if path.relative_to(PACKAGE).parts[0] not in {"words", "simulator", "conditions.py"}
    }
    repeated = {
        (path.as_posix(), text)
        for path, texts in said.items()
        for entry in known
        for text in (entry.words, entry.cure)
        if text and text in texts
    }

    assert len(known) > len(conditions.MODEM)
    assert repeated == set()


def test_only_the_port_imports_pyserial(modules: Nodes) -> None:
    """Only gsm.port imports pyserial."""
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        if "simulator" not in path.parts
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(
            name.split(".")[0] == "serial"
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        )
    }

    assert users == {"gsm/port.py"}


def test_sql_is_only_in_the_store(modules: Nodes) -> None:
    """The room that talks to the hub has some, too."""
    words = ("SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "PRAGMA ")
    speakers = {
        path.relative_to(PACKAGE).parts[0]
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lstrip().startswith(words)
    }

    assert speakers <= {"store", "migrations.py", "fleet"}


UNTYPED = {
    "cli/demo.py": "messages to the simulator",
    "config/loading.py": "the table of keys says of what type each value is",
    "config/reading.py": "the same",
    "control/client.py": "JSON over a socket",
    "control/joining.py": "the hub's answers, and the store's questions",
    "control/server.py": "the same",
    "control/verbs.py": "arguments, which the table of verbs checks",
    "desk/pages/acts.py": "the arguments of a verb",
    "desk/pages/log.py": "the fields of a form, each read by its own function",
    "forms.py": "a document by its keys, for JSON and CSV",
    "fleet/hub.py": "options of libpq",
    "fleet/sync.py": "the hub's answers, and the store's questions",
    "status.py": "JSON that a daemon of another version may have written",
    "machine/wire.py": "JSON over a socket",
    "words/requests.py": "what fills the places of a sentence",
}
"""Modules above the store with dictionaries whose values mypy does not see, each with the reason."""


def test_documents_are_types(modules: Nodes) -> None:
    """Above the store only documents from or for outside are untyped."""
    untyped = set()
    for path, nodes in modules.items():
        place = path.relative_to(PACKAGE)
        for node in nodes:
            is_untyped = isinstance(node, ast.Subscript) and ast.unparse(node) in _ANYTHING
            if is_untyped and place.parts[0] not in {"store", "simulator"}:
                untyped.add(place.as_posix())

    assert sorted(untyped) == sorted(UNTYPED)


_ANYTHING = {f"{kind}[str, Any]" for kind in ("dict", "Mapping", "MutableMapping")}


def test_the_state_of_the_line_has_one_owner() -> None:
    """Only store/line/line.py and the schema name the line's row."""
    speakers = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "line_state" in path.read_text()
    }

    assert speakers == {"store/line/line_row.py", "migrations.py"}


def test_the_files_of_a_database_have_one_table(modules: Nodes) -> None:
    """Copies, owners, rights and locks choose endings from it."""
    spellers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.Constant) and node.value in {*EVERY, *SECRET} - {""}
    }

    assert "database_files.py" in spellers
    assert spellers <= {"database_files.py", "cli/db.py", "fleet_files.py"}  # files beside a configuration


def test_states_and_outcomes_have_one_writer(modules: Nodes) -> None:
    """Only `lifecycle` inserts or changes answers, attempts and segments."""
    tables = ("answers", "attempts", "answer_segments")
    change = re.compile(
        r"UPDATE (answers|answer_segments) SET\s+state\b|UPDATE attempts SET[^;]*\b(outcome|ended_limit) ="
        rf"|(INSERT|REPLACE)\b[^;]*\bINTO ({'|'.join(tables)})\b"
    )
    writers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        for text in _texts(nodes)
        if change.search(text)
    }
    makers = {
        (path.relative_to(PACKAGE).as_posix(), node.args[0].value)
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "insert"
        if node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value in tables
    }

    assert writers == {"store/answers/lifecycle.py"}
    assert makers == {("store/answers/lifecycle.py", table) for table in tables}


def test_the_name_of_a_setter_says_whether_it_commits(modules: Nodes) -> None:
    """`commit_…` opens a transaction; `note_…` needs an open one.

    `Database.execute` checks that.
    """
    for path, nodes in modules.items():
        if path.relative_to(PACKAGE).parts[0] != "store":
            continue
        for function in nodes:
            if isinstance(function, ast.FunctionDef) and (name := function.name.lstrip("_")).startswith(
                ("note_", "commit_")
            ):
                calls = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                commits = "db.transaction" in calls or any("commit_" in call for call in calls)
                assert commits == name.startswith("commit_"), (path.name, function.name)


def test_consequences_of_a_state_are_requested_by_its_writer(modules: Nodes) -> None:
    """Refiling queued answers and running code before a commit are such."""
    askers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute) and _last_name(node) in {"refile", "before_commit"}
    }

    assert {name.rpartition("/")[2] for name in askers} == {"lifecycle.py", "decisions.py"}


PLACES = {
    "os.open": {"machine/files.py", "pseudonym.py", "store/file/snapshot.py"},
    "os.O_DIRECTORY": {"machine/files.py"},
    "os.fsync": {"machine/files.py", "sealing/shelf.py", "store/people/backup.py"},
    "fcntl.flock": {"machine/files.py"},
    "subprocess.run": {"doctor/machine.py", "sealing/age.py"},
    "subprocess.Popen": {"cli/demo.py", "sealing/age.py"},
    "os.fork": {"control/server.py"},
    "datetime.now": {"machine/clock.py"},
    "datetime.fromisoformat": {"machine/clock.py", "reports/typed.py"},
    "db.connection.execute": {"store/people/erasing.py"},
    "sqlite3.connect": {"migrations.py", "store/file/opening.py", "store/people/backup.py"},
}
"""Calls that have one way, and the modules that may make them; the simulator is another program."""
NOWHERE = re.compile(
    r"os\.(replace|rename|system|popen|spawn\w*|exec\w*|posix_spawn\w*|mkfifo)|fcntl\.lockf|time\.time|date(time)?\.today"
    r"|datetime\.utcnow|tempfile\.(NamedTemporaryFile|mkstemp)|subprocess\.(call|check_\w+|getoutput)"
)


def test_each_thing_has_one_way(modules: Nodes) -> None:
    """Calls of CONTRIBUTING's table stay in the modules named there.

    Other ways of doing it are nowhere.
    """
    found: dict[str, set[str]] = {}
    for path, nodes in modules.items():
        for node in nodes:
            if isinstance(node, ast.Attribute) and "simulator" not in path.parts:
                found.setdefault(ast.unparse(node), set()).add(path.relative_to(PACKAGE).as_posix())

    assert {spelled: found.get(spelled, set()) for spelled in PLACES} == PLACES
    assert {spelled: places for spelled, places in found.items() if NOWHERE.fullmatch(spelled)} == {}


def test_only_the_top_asks_for_the_time(modules: Nodes) -> None:
    """Lower code gets the time handed in, so tests choose it.

    The top is commands, pages and the words for a time.
    """
    askers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"here", "clock.here"}
    }

    assert {path for path in askers if not path.startswith(("cli/", "desk/pages/"))} == {
        "alerts/run.py",
        "doctor/record.py",
        "fleet/sync.py",
        "migrations.py",
        "words/times.py",
    }


def test_a_logger_has_the_name_of_its_module(modules: Nodes) -> None:
    """The name in a record leads to its module."""
    made = {
        ast.unparse(node)
        for nodes in modules.values()
        for node in nodes
        if isinstance(node, ast.Assign) and "getLogger" in ast.unparse(node.value)
    }

    assert made == {"log = logging.getLogger(__name__)"}


def test_exceptions_are_defined_in_errors(modules: Nodes) -> None:
    """Only one that never leaves its module is elsewhere."""
    homes = {
        (path.relative_to(PACKAGE).as_posix(), node.name)
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and "simulator" not in path.parts
        if any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    }

    assert {path for path, _ in homes} == {"errors.py", "daemon/starting.py"}


def test_a_dataclass_has_slots(modules: Nodes) -> None:
    """A misspelled attribute is then an error.

    Only `doctor`'s Host has none, because it caches results.
    """
    loose = {
        (path.relative_to(PACKAGE).as_posix(), node.name)
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("dataclass") and "slots=True" not in ast.unparse(decorator)
    }

    assert loose == {("doctor/host.py", "Host")}


def test_the_decorator_of_a_command_has_parentheses(modules: Nodes) -> None:
    """The click of bookworm, 8.1.3, ends with an assertion without them where a group has a class for its commands."""
    bare = [
        (path.relative_to(PACKAGE).as_posix(), node.name)
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Attribute) and decorator.attr in {"command", "group"}
    ]

    assert bare == []


ESSAYS = {
    "machine/clock.py",
    "rules/breaker.py",
    "store/answers/lifecycle.py",
    "store/lists.py",
    "store/people/erasing.py",
}
"""Modules whose faults would be hard to see: their heads say what could go wrong, and the order of steps."""


def test_a_module_opens_in_ten_lines(modules: Nodes) -> None:
    """A module's docstring is at most ten lines, except the essays."""
    long = set()
    for path, (module, *_nodes) in modules.items():
        assert isinstance(module, ast.Module)
        if len((ast.get_docstring(module) or "").splitlines()) > 10:
            long.add(path.relative_to(PACKAGE).as_posix())

    assert long == ESSAYS


def test_a_list_in_sql_is_one_value(modules: Nodes) -> None:
    """Statements use `:name` and `json_each`, not numbered marks."""
    numbered = re.compile(r"\?\d")
    statements = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|VALUES)\b")
    spelled = {
        (path.relative_to(PACKAGE).as_posix(), text)
        for path, nodes in modules.items()
        if "store" in path.parts
        for text in _texts(nodes)
        if numbered.search(text) and statements.search(text)
    }
    makers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        for node in nodes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and "'?'" in ast.unparse(node)
    }

    assert spelled == set()
    assert makers == {"store/line/database.py"}


def test_a_long_insert_names_its_columns(modules: Nodes) -> None:
    """More than four marks in a row are easily miscounted.

    `Database.insert` takes columns by name.
    """
    inserts = [
        (path.name, text)
        for path, nodes in modules.items()
        for text in _texts(nodes)
        if "INSERT " in text and " INTO " in text
    ]

    assert len(inserts) > 3
    assert [(name, text) for name, text in inserts if text.count("?") > 4] == []


def test_sql_spells_no_state(modules: Nodes) -> None:
    """States, verdicts, kinds, reasons, outcomes and waits come from enums."""
    of_states = (AnswerState, SegmentState, RequestState, ContactVerdict, ContactKind, SegmentKind, ByHand)
    enums = (*of_states, Reason, AttemptCause, WaitingFor, LineHold, Outcome, Cause)
    words = {word.value for enum in enums for word in enum}
    quoted = re.compile(f"'({'|'.join(sorted(words))})'")
    spelled = [
        (path.name, text)
        for path in (PACKAGE / "store").rglob("*.py")
        if path.name != "lifecycle.py"
        for text in _texts(modules[path])
        if quoted.search(text)
    ]

    assert spelled == []


EVENT_KINDS = {
    *(kind.value for kind in EventKind),
    *map(modem_event, (*ModemState, *NoModemState)),
    *map(database_event, DatabaseState),
}
NO_EVENTS = {
    ("cli/db.py", "backup"): "a command",
    ("cli/stats.py", "unconfirmed"): "a figure",
    ("config/loading.py", "backup"): "a section of the configuration",
    ("daemon/credit.py", "balance"): "a word of operators",
    ("doctor/checks.py", "backup"): "a check",
    ("reports/decided.py", "cancel"): "a command",
    ("reports/decided.py", "requeue"): "the same",
    ("sealing/restoring.py", "block"): "a command",
    ("store/line/line_row.py", "balance"): "a value of an event",
    ("store/reading/log.py", "tag"): "the name of a filter",
}
"""Words that spell a kind of event and mean something else, by module, with their meaning."""


def test_kinds_of_events_are_spelled_in_their_enum(modules: Nodes) -> None:
    """Other code uses `EventKind` or derives a kind from a state.

    A command may have the word of its event in the rooms that take commands from people or programs.
    """
    commands = {*VERBS, *itertools.chain.from_iterable(COMMANDS.values())}
    spelled = set()
    for path, nodes in modules.items():
        module = path.relative_to(PACKAGE)
        if module.as_posix() in {"states.py", "migrations.py"} or "simulator" in module.parts:
            continue
        others = commands if module.parts[0] in {"cli", "config", "control", "desk"} else set()
        words = _words_of_code(nodes) & {*EVENT_KINDS, "modem_", "database_"} - others
        spelled |= {(module.as_posix(), word) for word in words}
        quoted = re.compile(rf"\bevents\b.*'({'|'.join(EVENT_KINDS)})'", re.DOTALL)
        spelled |= {(module.as_posix(), text) for text in _texts(nodes) if quoted.search(text)}

    assert sorted(spelled) == sorted(NO_EVENTS)


NO_CODES = {
    ("cli/demo.py", "send_interval"): "a key of the configuration",
    ("desk/pages/log.py", "by_hand"): "the name of a page",
    ("store/answers/correspondents.py", "opted_out"): "a column",
}
"""Words that spell a code of `states`, `policy` or `breaker` and mean something else, by module, with their meaning."""


def test_a_code_of_several_words_is_spelled_once(modules: Nodes) -> None:
    """A code such as first_contact is spelled in its enum alone."""
    enums = [
        each
        for module in (states, policy, breaker)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, StrEnum) and each.__module__ == module.__name__
    ]
    codes = {member.value for each in enums for member in each if "_" in member.value}
    spelled = {
        (module.as_posix(), word)
        for path, nodes in modules.items()
        for module in (path.relative_to(PACKAGE),)
        if "simulator" not in module.parts and module.name != "migrations.py"
        for word in _words_of_code(nodes) & codes
    }

    assert len(codes) > 50
    assert sorted(spelled) == sorted(NO_CODES)


def _words_of_code(nodes: Sequence[ast.AST]) -> set[str]:
    """Return a module's string constants without its messages, the members of its enums, and names of columns."""
    others = set()
    for node in nodes:
        match node:
            case ast.Subscript():
                others.add(id(node.slice))
            case ast.ClassDef():
                values = [each.value for each in node.body if isinstance(each, ast.Assign)]
                others |= {id(each) for value in values for each in (value, *getattr(value, "elts", ()))}
            case ast.Call(func=ast.Name("_" | "N_" | "NP_")):
                others |= {id(each) for each in node.args}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in others]
    return {node.value for node in constants if isinstance(node.value, str)}


def test_no_state_is_compared_with_a_word(modules: Nodes) -> None:
    """Members of enums are compared, also for reasons and outcomes."""
    of_states = (ModemState, SendingState, AnswerState, SegmentState, RequestState)
    enums = (*of_states, ContactVerdict, ContactKind, SegmentKind, ByHand)
    every = frozenset(word.value for enum in enums for word in enum)
    words = dict.fromkeys(("state", "modem_state", "kind", "verdict", "verb", "by_hand"), every)
    words["database_state"] = frozenset(DatabaseState)
    words["kind"] |= EVENT_KINDS
    words["code"] = frozenset(TroubleCode) | {*map(database_trouble, DatabaseState)}
    words["condition"] = frozenset(AlertCondition)
    words |= dict.fromkeys(("reason", "answer_reason"), frozenset(Reason) | frozenset(HoldReason))
    words |= dict.fromkeys(("cause", "breaker_cause"), frozenset(AttemptCause) | frozenset(Cause))
    words |= {
        "outcome": frozenset(Outcome),
        "fate": frozenset(Fate),
        "share": frozenset(Share),
        "change": frozenset(Change),
        "hold": frozenset(LineHold),
        "waiting_for": frozenset(WaitingFor),
        "answer_waiting_for": frozenset(WaitingFor),
        "result": frozenset(Refusal),
    }
    spelled = [
        (path.relative_to(PACKAGE).as_posix(), ast.unparse(node))
        for path, nodes in modules.items()
        if "simulator" not in path.parts
        for node in nodes
        if isinstance(node, ast.Compare)
        for constant in ast.walk(ast.Tuple(node.comparators))
        if isinstance(constant, ast.Constant) and constant.value in words.get(_last_name(node.left), ())
    ]

    assert spelled == []


def _last_name(node: ast.expr) -> str:
    """Return the last name of an expression: state, for answer.state and answer["state"]."""
    if isinstance(node, ast.Subscript):
        return str(node.slice.value) if isinstance(node.slice, ast.Constant) else ""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _constants(nodes: Iterable[ast.AST]) -> list[str]:
    """Return every string constant of a module."""
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _texts(nodes: Iterable[ast.AST]) -> list[str]:
    """Return every string constant of a module and the text of its f-strings without the values."""
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = [[part for part in node.values if isinstance(part, ast.Constant)] for node in joined]
    inside = {id(part) for each in parts for part in each}
    return ["".join(str(part.value) for part in each) for each in parts] + _constants(
        node for node in nodes if id(node) not in inside
    )


DAEMON = (
    *(
        "watch",
        "shared",
        "database_outage",
        "recovery",
        "starting",
        "connection",
        "credit",
        "breaker_watch",
        "calls",
        "alert_request",
        "mark",
        "receiving",
        "sending",
        "judging",
    ),
    *("reloading", "requesting", "selftest", "status", "opening", "loop", "__init__"),
)
CONFIG = (
    *("problems", "values", "keys", "syntax", "reading", "judging", "answer_file", "loading", "runtime"),
    *("showing", "__init__"),
)
"""The modules of these rooms; each may import those before it."""


@pytest.mark.parametrize(("room", "order"), [("daemon", DAEMON), ("config", CONFIG)])
def test_modules_of_a_room_import_downwards(modules: Nodes, room: str, order: tuple[str, ...]) -> None:
    """No daemon module imports the loop, no table its reader."""
    paths = {path.stem: path for path in (PACKAGE / room).glob("*.py")}
    assert paths.keys() == set(order)
    climbing = {
        (stem, name)
        for stem, path in paths.items()
        for name in imported(modules[path])
        if name.startswith(f"hotlined.{room}.") and order.index(name.split(".")[2]) >= order.index(stem)
    }

    assert climbing == set()


WINGS = ("line", "file", "answers", "reading", "people", "lists")
"""The wings of the store; each imports only those before it."""


def test_wings_of_the_store_import_in_one_direction(modules: Nodes) -> None:
    """Each module is in a wing; wings import only earlier ones."""
    climbing = set()
    for path in (PACKAGE / "store").rglob("*.py"):
        wing = path.relative_to(PACKAGE / "store").parts[0].removesuffix(".py")
        ours = {name.split(".")[2] for name in imported(modules[path]) if name.startswith("hotlined.store.")}
        allowed = () if wing == "__init__" else WINGS[: WINGS.index(wing) + 1]
        climbing |= {(path.name, name) for name in ours if name not in allowed}

    assert climbing == set()


@pytest.mark.parametrize("room", ["store", "reports", "gsm"])
def test_modules_of_a_room_import_in_no_circle(modules: Nodes, room: str) -> None:
    """Each module can be read alone."""
    prefix = f"hotlined.{room}."
    below = {
        ".".join(path.relative_to(PACKAGE / room).with_suffix("").parts): {
            name.removeprefix(prefix) for name in imported(modules[path]) if name.startswith(prefix)
        }
        for path in (PACKAGE / room).rglob("*.py")
    }

    assert sum(map(len, below.values())) > len(below) / 2
    assert set(TopologicalSorter(below).static_order()) == below.keys()


def test_each_module_of_the_store_has_a_subject() -> None:
    """CONTRIBUTING.md names each once, and no other."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("| wing | about | modules |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = {row.split("`")[1].strip("/"): re.findall(r"`(\w+)`", row) for row in table.splitlines()}

    assert {wing: sorted(set(named)) for wing, named in rows.items()} == {
        wing: sorted({path.stem for path in (PACKAGE / "store" / wing).glob("*.py")} - {"__init__"}) or [wing]
        for wing in rows
    }
    assert tuple(rows) == WINGS


def test_storages_have_one_owner(modules: Nodes) -> None:
    """One module selects, lists, reads and empties them.

    It alone changes the knowledge about them.

    A recording of a stick may do all that, too, except deleting.
    """
    commands = ("AT+CPMS=", "AT+CMGL", "AT+CMGR", "AT+CMGD")
    texts = {
        (path.relative_to(PACKAGE).as_posix(), text)
        for path, nodes in modules.items()
        if "simulator" not in path.parts
        for text in _texts(nodes)
        if text.startswith(commands)
    }
    changers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        if "simulator" not in path.parts
        for node in nodes
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del)
        if isinstance(node.value, ast.Attribute) and node.value.attr in {"_uses", "_unread", "uses", "unread"}
    }

    assert {name for name, _ in texts} == {"gsm/storages.py", "gsm/recording.py"}
    assert {name for name, text in texts if text.startswith("AT+CMGD")} == {"gsm/storages.py"}
    assert changers == {"gsm/storages.py"}


def test_the_session_of_a_modem_has_one_owner(modules: Nodes) -> None:
    """Others report to the exchange, which alone changes it."""
    fields = {"selected", "is_sim_certain", "has_sim_moved", "was_busy"}
    changers = {
        path.relative_to(PACKAGE).as_posix()
        for path, nodes in modules.items()
        if path.relative_to(PACKAGE).parts[0] in {"gsm", "daemon"}
        for node in nodes
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and node.attr in fields
    }

    assert changers == {"gsm/dialogue.py"}


def test_no_two_classes_have_one_name(modules: Nodes) -> None:
    """Only the simulator may have a class of the same name."""
    rooms: dict[tuple[str, bool], list[str]] = {}
    for path, nodes in modules.items():
        name_of_module = path.relative_to(PACKAGE).as_posix()
        for node in nodes:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rooms.setdefault((node.name, name_of_module.startswith("simulator/")), []).append(name_of_module)

    assert {name: found for (name, _), found in rooms.items() if len(found) > 1} == {}


QUESTIONS = re.compile(r"_?(is|has|maybe|may|can|must|wants|needs|allows|holds)(_|$)")
WRITERS = re.compile(
    r"self(\.\w+)*\.(append|appendleft|add|clear|discard|pop|popleft|remove|setdefault|update)"
    r"|lifecycle\.\w+|events\.record|db\.(insert|transaction)|self(\.\w+)*\.db\.(insert|transaction)"
)


def test_a_question_changes_nothing(modules: Nodes) -> None:
    """Functions named as questions set no attribute and write no row.

    They change no collection of their object, either.
    """
    changing = {
        (path.relative_to(PACKAGE).as_posix(), function.name)
        for path, nodes in modules.items()
        for function in nodes
        if isinstance(function, ast.FunctionDef) and QUESTIONS.match(function.name)
        if any(map(_changes_something, ast.walk(function)))
    }

    assert not changing


def _changes_something(node: ast.AST) -> bool:
    """Tell whether a node assigns or deletes an attribute or its item, calls a writer, or is SQL that writes."""
    if isinstance(node, ast.Attribute):
        return not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call):
        return WRITERS.fullmatch(ast.unparse(node.func)) is not None
    return isinstance(node, ast.Constant) and bool(re.match(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", str(node.value)))
