#!/usr/bin/env bash
# Runs scripts/test as somebody does who has just come: in a Debian that has python3-venv and nothing beside it, in an empty home.
#   newcomer.sh SUITE root|user [ARGUMENT]...    trixie or bookworm, the bases of Raspberry Pi OS; arguments go to scripts/test
# The environment comes from PyPI, as this computer reaches it. Afterwards the machine has to be as it was before, but for the
# checkout, the caches of the home and the tests' own temporary folder. The exit code is that of the tests, or 1 where it is not.
set -euo pipefail

suite=$1 who=$2
shift 2
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/newcomer-alone-$suite
packages=python3-venv,ca-certificates
mkdir -p "$cache"

exec 9>"$base.lock"
flock 9
if [ "$(cat "$base/ready" 2>/dev/null)" != "$packages" ]; then
  echo "making $base: a minute" >&2
  rm -rf --one-file-system "$base"
  mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$base" http://deb.debian.org/debian >&2
  chroot "$base" useradd --create-home newcomer
  echo "$packages" >"$base/ready"
fi
flock -u 9

run=$(mktemp -d "$cache/run.XXXXXX")
trap 'rmdir "/run/systemd/nspawn/propagate/newcomer$$" 2>/dev/null || true; rm -rf --one-file-system "$run"' EXIT
mkdir "$run/project"
# what git has, as an archive has it: here is no git
git -C "$project" ls-files -z | tar -C "$project" --null --files-from=- -cf - | tar -C "$run/project" --no-same-owner -xf -

# shellcheck disable=SC2016  # $ is for the shell inside
inside='
  case $1 in root) home=/root ;; *) home=/home/newcomer ;; esac
  user=$(stat -c %U "$home")
  shift
  cp -r /opt/project "$home/hotlined"
  chown -R "$user" "$home/hotlined"
  cd "$home/hotlined"
  # every name outside with its mode, its owners and, of a file, its time; what is mounted; what runs
  snapshot() {
    find / /run /tmp /var/tmp /dev/shm -xdev \( -path "$PWD" -o -path "$home/.cache" -o -path /proc -o -name "pytest-of-*" \) -prune -o \
      -type f -printf "%M %u %g %T@ %p\n" -o -printf "%M %u %g %p\n" | sort -u
    cat /proc/mounts
    for each in /proc/[0-9]*; do tr "\0\n" "  " <"$each/cmdline" && echo; done 2>/dev/null | grep -vE "^(sh -c|find|grep|sort|tr) " | sort -u
  }
  mkdir -p "$home/.cache"
  chown "$user" "$home/.cache"
  snapshot >"$home/.cache/before"
  code=0
  setpriv --reuid "$user" --regid "$user" --init-groups env HOME="$home" scripts/test "$@" || code=$?
  snapshot >"$home/.cache/after"
  diff "$home/.cache/before" "$home/.cache/after" && echo "The machine is as it was before." || code=1
  exit $code
'
options=()
for each in PIP_INDEX_URL PIP_FIND_LINKS PIP_CONSTRAINT; do
  [ -z "${!each:-}" ] || options+=("--setenv=$each=${!each}")
done
[ ! -d "${PIP_FIND_LINKS:-}" ] || options+=("--bind-ro=$PIP_FIND_LINKS")
certificates=/etc/ssl/certs/ca-certificates.crt
systemd-nspawn --quiet --register=no --keep-unit --pipe --as-pid2 --machine="newcomer$$" --directory="$base" --volatile=overlay \
  --timezone=off --bind-ro="$run/project:/opt/project" --bind-ro="$certificates" --setenv=PIP_CERT="$certificates" "${options[@]}" \
  -- sh -c "$inside" newcomer "$who" "$@" </dev/null
