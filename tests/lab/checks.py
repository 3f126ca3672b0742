"""Output of scenarios: each check as PASS or FAIL, measured figures, and the failures at the end."""

failed: list[str] = []


def check(what: str, holds: object) -> None:
    """Print whether a promise holds."""
    print("PASS" if holds else "FAIL", what, flush=True)
    if not holds:
        failed.append(what)


def figure(what: str, value: object) -> None:
    """Print a measured figure; a float is in seconds."""
    print(f"     {what}: {f'{value:.1f} s' if isinstance(value, float) else value}", flush=True)


def result() -> int:
    """Print the failures; return their number as an exit code."""
    print(f"{len(failed)} failed", *failed, sep="\n  ")
    return min(len(failed), 100)
