"""What scenarios print: each check PASS or FAIL, measured figures, and at the end what did not hold."""

failed: list[str] = []


def check(what: str, holds: object) -> None:
    """Print whether a promise holds."""
    print("PASS" if holds else "FAIL", what, flush=True)
    if not holds:
        failed.append(what)


def figure(what: str, value: object) -> None:
    """Print a measured figure; a float is a time in seconds."""
    print(f"     {what}: {f'{value:.1f} s' if isinstance(value, float) else value}", flush=True)


def result() -> int:
    """Print what did not hold; return its number as an exit code."""
    print(f"{len(failed)} failed", *failed, sep="\n  ")
    return min(len(failed), 100)
