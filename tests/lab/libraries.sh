#!/usr/bin/env bash
# Runs the tests on Debian's own libraries, its Python and its pytest, which the package depends on.
#   libraries.sh SUITE [TESTS]...        trixie or bookworm, the bases of Raspberry Pi OS; all tests where none is named
# What Debian lacks, or has too old, comes from PyPI into a folder of its own. Who checks the code itself (ruff, mypy), a
# browser and the release is left out. The last lines say which tests were skipped, why, and how many passed and failed.
set -euo pipefail

suite=$1
shift
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/libraries-$suite
# the program's own; what its tests need of libraries; what they start
packages=python3,python3-click,python3-serial,python3-yaml,python3-rich,sqlite-utils,python3-flask,python3-waitress,apprise,age
packages+=,python3-pytest,python3-pytest-timeout,python3-pytest-xdist,python3-hypothesis,python3-jsonschema,python3-prometheus-client
packages+=,python3-venv,procps,udev,systemd,openssh-client,openssl,tzdata
mkdir -p "$cache"

exec 9>"$base.lock"
flock 9
if [ "$(cat "$base/ready" 2>/dev/null)" != "$packages" ]; then
  echo "making $base: some minutes" >&2
  rm -rf --one-file-system "$base"
  mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$base" http://deb.debian.org/debian >&2
  echo "$packages" >"$base/ready"
fi
flock -u 9

run=$(mktemp -d "$cache/run.XXXXXX")
trap 'rmdir "/run/systemd/nspawn/propagate/libraries$$" 2>/dev/null || true; rm -rf --one-file-system "$run"' EXIT
mkdir "$run/project"
tar -C "$project" --exclude=./.git --exclude=./.venv --exclude=__pycache__ --exclude='./.*_cache' --exclude=./.hypothesis -cf - . |
  tar -C "$run/project" --no-same-owner -xf -
grep -hE '^ +(babel|phonenumbers|python-gsmmodem-new)[<=>]' "$project/setup.cfg" | sort -u >"$run/lacking"
"$project/.venv/bin/pip" install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
  --target "$run/pypi" --requirement "$run/lacking"

# shellcheck disable=SC2016  # $ is for the shell inside
inside='
  dpkg-query --show --showformat "\${Package} \${Version}\n" python3 python3-click python3-rich python3-flask python3-werkzeug \
    python3-jinja2 python3-markupsafe python3-waitress sqlite-utils python3-serial python3-yaml apprise \
    python3-pytest python3-hypothesis
  printf "/opt/project\n/opt/pypi\n" >"$(python3 -c "import site; print(site.getsitepackages()[0])")/lab.pth"
  printf "#!/usr/bin/python3\nfrom hotlined.cli import main\nmain()\n" >/usr/bin/hotlined
  chmod 755 /usr/bin/hotlined
  # the pytest of bookworm knows not every setting of setup.cfg, and its hypothesis warns of a generator that has just gone
  # and what a service of systemd has not is taken away: capabilities that are inherited
  exec setpriv --inh-caps=-all python3 -m pytest -o addopts=--strict-markers -W ignore::pytest.PytestConfigWarning \
    -W ignore::hypothesis.errors.HypothesisWarning -p no:cacheprovider --quiet -rfEs "$@"
'
[ $# -gt 0 ] || set -- --ignore tests/desk/test_desk_browser.py --ignore tests/packaging/test_deb.py
systemd-nspawn --quiet --register=no --keep-unit --pipe --as-pid2 --machine="libraries$$" --directory="$base" --volatile=overlay \
  --private-network --timezone=off --bind="$run/project:/opt/project" --bind-ro="$run/pypi:/opt/pypi" --chdir=/opt/project \
  --setenv=LANG=C.UTF-8 -- sh -c "$inside" libraries -n 4 "$@" </dev/null
