#!/usr/bin/env bash
# Installs the package in a Debian for a Pi's processor, emulated, and runs there the tests that need no second process, and the
# demo, on Debian's own libraries.
#   arm.sh PROCESSOR SUITE FOLDER-WITH-THE-PACKAGE      arm64, armhf (armv7l) or armv6 (Pi Zero and 1); trixie or bookworm
# The exit code is that of the tests.
set -euo pipefail

processor=$1 suite=$2 packed=$3
case $processor in
  arm64) architecture=arm64 qemu=aarch64 cpu=max ;;
  armhf) architecture=armhf qemu=arm cpu=max ;;
  # what Debian has for it, on a processor that calls itself armv6l
  armv6) architecture=armel qemu=arm cpu=arm1176 ;;
  *) exit 2 ;;
esac
packages=systemd,python3-click,python3-rich,python3-serial,python3-yaml,sqlite-utils,usb-modeswitch,dbus
packages=$packages,python3-pytest,python3-pytest-timeout,python3-hypothesis
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/$suite-$architecture

# where no systemd runs, nobody has told the kernel of the emulator
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
[ -e "$binfmt/qemu-$qemu" ] || head -1 "/usr/lib/binfmt.d/qemu-$qemu.conf" >$binfmt/register

mkdir -p "$cache"
if [ "$(cat "$base/ready" 2>/dev/null)" != "$packages" ]; then
  echo "making $base: some minutes" >&2
  rm -rf --one-file-system "$base"
  mmdebstrap --quiet --variant=minbase --architectures="$architecture" --include="$packages" "$suite" "$base" http://deb.debian.org/debian >&2
  echo "$packages" >"$base/ready"
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
  dpkg --install /srv/packed/hotlined_*.deb
  echo "installed on $(uname -m), $(python3 --version), after $(($(date +%s) - begun)) s"
  hotlined --version
  export PYTHONPATH=/usr/share/hotlined:/srv/packed/reader
  cd tests
  # the reader has escapes that a newer Python warns of, and the pytest of bookworm knows not every setting of setup.cfg
  python3 -m pytest -o addopts=--strict-markers -W ignore::pytest.PytestConfigWarning -W ignore::SyntaxWarning --quiet -p no:cacheprovider \
    gsm/test_address.py gsm/test_alphabet.py gsm/test_at.py rules/test_policy.py gsm/test_push.py gsm/test_tpdu.py
  # and the whole of it once, against its simulated modem
  cd /
  python3 -m hotlined demo --keep /tmp/demo >/tmp/said || { cat /tmp/said && exit 1; }
  python3 -m hotlined --config /tmp/demo/demo.yaml log --state sent --json | grep -q .
  tail -n 12 /tmp/said
'
systemd-nspawn --quiet --register=no --keep-unit --pipe --as-pid2 --machine="arm$$" --directory="$run/tree" \
  --chdir=/srv/project --private-network --timezone=off --setenv=LANG=C.UTF-8 --setenv=QEMU_CPU=$cpu \
  --bind-ro="$packed:/srv/packed" -- sh -c "$inside" </dev/null
