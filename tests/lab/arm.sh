#!/usr/bin/env bash
# Installs what a Pi gets in a Debian for its processor, emulated, and runs there the tests that need no second process.
#   arm.sh ARCHITECTURE SUITE      arm64 or armhf (armv7l), trixie or bookworm
# There is no compiler inside: what has no wheel for the processor has to build without one. The exit code is that of the
# tests. Needs the network, for packages.
set -euo pipefail

architecture=$1 suite=$2
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/$suite-$architecture
case $architecture in arm64) qemu=aarch64 ;; armhf) qemu=arm ;; *) exit 2 ;; esac

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
mkdir "$run/upper" "$run/work" "$run/root"
trap 'umount "$run/root"; rm -rf --one-file-system "$run"' EXIT
mount -t overlay overlay -o "lowerdir=$base,upperdir=$run/upper,workdir=$run/work" "$run/root"
mkdir -p "$run/root/srv/project"
tar -C "$project" --exclude=./.git --exclude=./.venv --exclude=__pycache__ --exclude='./.*_cache' --exclude=./.hypothesis -cf - . |
  tar -C "$run/root/srv/project" --no-same-owner -xf -

# shellcheck disable=SC2016  # $ is for the shell inside
inside='
  set -e
  begun=$(date +%s)
  python3 -m venv /opt/lab
  pip="/opt/lab/bin/pip install --quiet --disable-pip-version-check --root-user-action=ignore"
  $pip --requirement scripts/requirements.txt
  $pip --no-deps --no-build-isolation .
  echo "installed on $(uname -m), $(python3 --version), after $(($(date +%s) - begun)) s"
  $pip --only-binary=:all: pytest pytest-timeout hypothesis
  cd tests
  /opt/lab/bin/pytest --quiet -p no:cacheprovider test_address.py test_alphabet.py test_at.py test_policy.py test_push.py \
    test_tpdu.py
'
systemd-nspawn --quiet --register=no --keep-unit --pipe --as-pid2 --machine="arm$$" --directory="$run/root" \
  --chdir=/srv/project --resolv-conf=copy-host --timezone=off --setenv=LANG=C.UTF-8 \
  --setenv=PIP_CERT=/etc/ssl/certs/ca-certificates.crt -- sh -c "$inside" </dev/null
