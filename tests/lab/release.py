"""Each file of a release on an empty machine: run as root inside the container of `scripts/lab release`.

The files are in /srv/release, packages of Debian that ours needs in /srv/packages, Python packages in /srv/wheels.
What an installed line does is the matter of service.py: here each way in and out is gone once.
"""

import json
import subprocess
import sys
from pathlib import Path

from checks import check, result

FILES, WHEELS, PACKAGES = Path("/srv/release"), Path("/srv/wheels"), Path("/srv/packages")
WORK = Path("/srv/work")


def sh(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run([*map(str, words)], text=True, capture_output=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


def well(done: subprocess.CompletedProcess[str]) -> bool:
    """Tell whether a command ended well; print what it said where not."""
    if done.returncode:
        print(done.stdout, done.stderr)
    return done.returncode == 0


def works(command: str | Path, version: str, config: Path) -> bool:
    """Tell whether the program is there: it says its version, judges a configuration, makes and checks a database."""
    done = sh(command, "--config", config, "run", "--once")  # no modem for it
    return (
        sh(command, "--version").stdout.split()[-1:] == [version]
        and well(sh(command, "--config", config, "config", "check"))
        and (done.returncode == 69 or print(done.stdout, done.stderr))
        and well(sh(command, "--config", config, "db", "check", "--full"))
    )


def by_pip(file: Path, version: str) -> None:
    """Install a wheel or a source with pip into an environment of its own."""
    place = WORK / file.suffix.strip(".")
    config = place / "config.yaml"
    made = sh(sys.executable, "-m", "venv", place)
    config.write_text(
        json.dumps({"answer": {"text": "Non"}, "database": f"{place}/x.db", "runtime_dir": f"{place}/run"})
    )
    done = sh(place / "bin/pip", "install", "--no-index", "--find-links", WHEELS, f"{file}[alerts,web]")
    check(f"pip installs {file.name}", well(made) and well(done))
    check(f"and {file.name} works", works(place / "bin/hotlined", version, config))


def by_dpkg(file: Path, version: str) -> None:
    """Install the package, with what it needs of Debian, and remove it."""
    others = [path for path in PACKAGES.glob("*.deb") if not path.name.startswith("hotlined_")]
    check("dpkg installs the package", well(sh("dpkg", "--force-unsafe-io", "--install", *others, file)))
    check("the package works", works("/usr/bin/hotlined", version, Path("/etc/hotlined/config.yaml")))
    check("its service is enabled", sh("systemctl", "is-enabled", "hotlined").stdout == "enabled\n")
    check("its pages are there", Path("/usr/share/man/man1/hotlined.1.gz").exists())
    check("it can be purged", well(sh("hotlined-setup", "--purge-data")) and well(sh("dpkg", "--purge", "hotlined")))
    left = [
        path
        for path in ("/usr/lib/hotlined", "/usr/bin/hotlined", "/etc/hotlined", "/var/lib/hotlined")
        if Path(path).exists()
    ]
    check("and nothing is left", not left or print(left))


def by_installer(file: Path, version: str) -> None:
    """Install from the source as from a checkout, and remove it."""
    sh("tar", "-C", WORK, "--no-same-owner", "-xzf", file)
    (project,) = WORK.glob("hotlined-*")
    check("scripts/install of the source installs", well(sh(project / "scripts/install", "--wheels", WHEELS)))
    check("and it works", works("/usr/local/bin/hotlined", version, Path("/etc/hotlined/config.yaml")))
    check("it can be taken away", well(sh(project / "scripts/install", "--uninstall", "--purge-data")))


def main() -> int:
    """Install each; the number of what did not hold is the exit code."""
    WORK.mkdir()
    check("the sums are those of the files", well(sh("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=str(FILES))))
    (package,), (wheel,), (source,) = (list(FILES.glob(pattern)) for pattern in ("*.deb", "*.whl", "*.tar.gz"))
    version = wheel.name.split("-")[1]
    by_pip(wheel, version)
    by_pip(source, version)
    by_dpkg(package, version)
    by_installer(source, version)
    return result()


if __name__ == "__main__":
    sys.exit(main())
