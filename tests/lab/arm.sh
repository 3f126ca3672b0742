#!/usr/bin/env bash
# Installs what a Pi gets in a Debian for its processor, emulated, and runs there the tests that need no second process,
# and the demo.
#   arm.sh PROCESSOR SUITE      arm64, armhf (armv7l) or armv6 (Pi Zero and 1); trixie or bookworm
# There is no compiler inside: what has no wheel for the processor has to build without one. The exit code is that of the
# tests. Needs the network, for packages.
set -euo pipefail

processor=$1 suite=$2
case $processor in
  arm64) architecture=arm64 qemu=aarch64 cpu=max ;;
  armhf) architecture=armhf qemu=arm cpu=max ;;
  # what Debian has for it, on a processor that calls itself armv6l, so that pip takes no wheel for armv7l
  armv6) architecture=armel qemu=arm cpu=arm1176 ;;
  *) exit 2 ;;
esac
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/$suite-$architecture

# where no systemd runs, nobody has told the kernel of the emulator
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
[ -e "$binfmt/qemu-$qemu" ] || head -1 "/usr/lib/binfmt.d/qemu-$qemu.conf" >$binfmt/register

mkdir -p "$cache"
if [ ! -e "$base/ready" ]; then
  echo "making $base: some minutes" >&2
  rm -rf --one-file-system "$base"
  mmdebstrap --quiet --variant=minbase --architectures="$architecture" \
    --include=python3,python3-venv,ca-certificates "$suite" "$base" http://deb.debian.org/debian >&2
  cp -L /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
  touch "$base/ready"
fi

run=$(mktemp -d "$cache/run.XXXXXX")
mkdir "$run/upper" "$run/work" "$run/tree"
trap 'umount "$run/tree"; rm -rf --one-file-system "$run"' EXIT
mount -t overlay overlay -o "lowerdir=$base,upperdir=$run/upper,workdir=$run/work" "$run/tree"
mkdir -p "$run/tree/srv/project"
tar -C "$project" --exclude=./.git --exclude=./.venv --exclude=__pycache__ --exclude='./.*_cache' --exclude=./.hypothesis -cf - . |
  tar -C "$run/tree/srv/project" --no-same-owner -xf -

# shellcheck disable=SC2016  # $ is for the shell inside
inside='
  set -e
  begun=$(date +%s)
  python3 -m venv /opt/lab
  pip="/opt/lab/bin/pip install --quiet --disable-pip-version-check --root-user-action=ignore"
  # as scripts/install does it: two are built from their source, for want of a wheel for 32 bits
  grep -v "^\(pyyaml\|markupsafe\)==" scripts/requirements.txt >/tmp/wheels
  grep "^\(pyyaml\|markupsafe\)==" scripts/requirements.txt >/tmp/sources
  $pip --require-hashes --no-deps --only-binary=:all: --requirement /tmp/wheels
  $pip --require-hashes --no-deps --no-binary=:all: --no-build-isolation --requirement /tmp/sources
  $pip --no-deps --no-build-isolation .
  echo "installed on $(uname -m), $(python3 --version), after $(($(date +%s) - begun)) s"
  $pip --no-build-isolation ".[demo]"
  $pip --only-binary=:all: pytest pytest-timeout hypothesis
  cd tests
  /opt/lab/bin/pytest --quiet -p no:cacheprovider test_address.py test_alphabet.py test_at.py test_policy.py test_push.py \
    test_tpdu.py
  # and the whole of it once, against its simulated modem
  /opt/lab/bin/hotlined demo --keep /tmp/demo >/tmp/said || { cat /tmp/said && exit 1; }
  /opt/lab/bin/hotlined --config /tmp/demo/config.yaml log --state sent --json | grep -q .
  tail -n 12 /tmp/said
'
systemd-nspawn --quiet --register=no --keep-unit --pipe --as-pid2 --machine="arm$$" --directory="$run/tree" \
  --chdir=/srv/project --resolv-conf=copy-host --timezone=off --setenv=LANG=C.UTF-8 --setenv=QEMU_CPU=$cpu \
  --setenv=PIP_CERT=/etc/ssl/certs/ca-certificates.crt -- sh -c "$inside" </dev/null
