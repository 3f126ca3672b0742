#!/usr/bin/env bash
# A line with a stick for backups, and after that a new card: two containers, one after the other, and between them nothing
# but the stick, a loop device, and the key on paper.
#   backup.sh SUITE FOLDER-WITH-THE-PACKAGE
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=$1 packed=$2
cache=${HOTLINED_LAB:-/var/tmp/hotlined-lab}
kept=$(mktemp -d "$cache/kept.XXXXXX") loop=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  [ -z "$loop" ] || losetup --detach "$loop" || true
  rm -rf --one-file-system "$kept"
}
trap clean_up EXIT
truncate --size=1G "$kept/stick"
if grep -qw vfat /proc/filesystems || modprobe --quiet vfat 2>/dev/null; then
  mkfs.vfat -n HOTLINED "$kept/stick" >/dev/null
else
  echo "This kernel knows no FAT: the stick has ext4, and its mount unit no owner. scripts/lab usb has another kernel."
  mke2fs -q -t ext4 -L HOTLINED "$kept/stick"
fi
loop=$(losetup --find --show "$kept/stick")
failed=0
for act in before after; do
  echo "$act" >"$kept/act"
  tests/lab/container.sh "$suite" tests/lab/backup.py "$packed:/srv/packed" "rw:$kept:/srv/kept" "$loop" || failed=1
done
exit "$failed"
