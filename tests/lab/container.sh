#!/usr/bin/env bash
# Boots a throw-away Debian with its own systemd, without a network, and runs a script of this checkout in it as root.
#   container.sh SUITE SCRIPT [[rw:]HOST-FOLDER:FOLDER | /dev/DEVICE]...
# SUITE is trixie or bookworm, the bases of Raspberry Pi OS; SCRIPT is a path in the checkout, which is at /srv/project
# inside; the folders and devices are bound in. The exit code is the script's; 125 where the lab itself fails. Without a script, Debian is
# made and not booted.
# No udev and no device units in there: machine.py has those.
set -euo pipefail

die() {
  echo "container: $*" >&2
  exit 125
}

suite=$1 script=${2:-}
shift "$(($# < 2 ? $# : 2))"
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
base=$cache/$suite
packages=systemd,systemd-sysv,dbus,udev,procps,bash-completion,sudo,caddy,openssh-client,openssh-server,rsync
# what the package depends on and recommends
packages=$packages,python3-click,python3-rich,python3-serial,python3-yaml,sqlite-utils,usb-modeswitch,age,apprise,python3-flask,python3-psycopg,python3-waitress,postgresql
mkdir -p "$cache"

exec 9>"$base.lock"
flock 9
if [ "$(cat "$base/ready" 2>/dev/null)" != "$packages" ]; then
  rm -rf --one-file-system "$base"
  mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$base" http://deb.debian.org/debian >&2 || die "no Debian could be made"
  : >"$base/etc/machine-id"
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer console-getty.service caddy.service ssh.service ssh.socket postgresql.service; do
    ln -sf /dev/null "$base/etc/systemd/system/$unit"
  done
  echo "$packages" >"$base/ready"
fi
flock -u 9
[ -n "$script" ] || exit 0

# one run: an overlay, so that the base stays as it is
run=$(mktemp -d "$cache/run.XXXXXX")
mkdir "$run/upper" "$run/work" "$run/tree"
nspawn='' leader=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  set +e
  if [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null; then
    kill -RTMIN+4 "$leader" 2>/dev/null # poweroff, systemd(1)
    for _ in $(seq 150); do
      kill -0 "$nspawn" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$leader" "$nspawn" 2>/dev/null
    wait "$nspawn" 2>/dev/null
  fi
  rmdir "/run/systemd/nspawn/propagate/hotlined$$" 2>/dev/null
  ! mountpoint -q "$run/tree" || umount "$run/tree"
  rm -rf --one-file-system "$run"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
mount -t overlay overlay -o "lowerdir=$base,upperdir=$run/upper,workdir=$run/work" "$run/tree" || die "no overlayfs here"
mkdir -p "$run/tree/srv/project"
tar -C "$project" --exclude=./.git --exclude=./.venv --exclude=__pycache__ --exclude='./.*_cache' --exclude=./.hypothesis -cf - . |
  tar -C "$run/tree/srv/project" --no-same-owner -xf -

options=(--quiet --register=no --keep-unit --boot --console=pipe --machine="hotlined$$" --directory="$run/tree"
  --private-network --timezone=off --link-journal=no
  # without these DeviceAllow= is silently not enforced
  "--capability=CAP_BPF,CAP_PERFMON"
  # and adjtimex(2), which a Pi has and a container has not
  "--system-call-filter=bpf adjtimex clock_adjtime")
for folder in "$@"; do
  case $folder in
    rw:*) options+=("--bind=${folder#rw:}") ;;
    /dev/*) options+=("--bind=$folder") ;;
    *) options+=("--bind-ro=$folder") ;;
  esac
done
# nothing but cgroup2 inside, as on a Pi, whatever is mounted here
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn "${options[@]}" </dev/null >"$run/console" 2>&1 9>&- &
nspawn=$!
state=''
for _ in $(seq 600); do
  kill -0 "$nspawn" 2>/dev/null || {
    cat "$run/console" >&2
    die "it ended while it booted"
  }
  leader=$(ps -o pid= --ppid "$nspawn" | head -1 | tr -d ' ') || leader=''
  [ -z "$leader" ] || state=$(nsenter -t "$leader" -a systemctl is-system-running 2>/dev/null || true)
  case $state in running | degraded) break ;; esac
  sleep 0.1
done
case $state in running | degraded) ;; *) die "not booted after 60 s ($state)" ;; esac

code=0
nsenter -t "$leader" -a systemd-run --quiet --pipe --wait --collect --working-directory=/srv/project \
  --setenv=HOME=/root --setenv=LANG=C.UTF-8 python3 "/srv/project/$script" </dev/null || code=$?
exit "$code"
