#!/bin/bash
# Runs inside the booted container; last line is the verdict.
set -uo pipefail

unit=alibi.service
# shellcheck source=tests/package/inside.sh
. "$(dirname "$0")/inside.sh"

mountpoint -q /sys/fs/bpf || { echo "skip: no BPF file system here"; exit 0; }

echo "-- active, and before everything else"
[ "$(property ActiveState)" = active ] || fail "not active after boot"
own=$(property ActiveEnterTimestampMonotonic)
others=$(systemctl show --property=ActiveEnterTimestampMonotonic --value sysinit.target)
[ "$own" -lt "$others" ] || fail "active at $own us, sysinit.target at $others us"
[ "$(stat -c %a /var/lib/alibi)" = 700 ] || fail "/var/lib/alibi is not 0700"

echo "-- kill -9: back at once, nothing lost"
pid=$(property MainPID)
storm killed 400 kill -9 "$pid"
wait_for 10 runs_as_other_than "$pid" || fail "not restarted"
wait_for 10 all_recorded killed 400 || fail "of 400 programs started around kill -9, $(recorded killed) are recorded once"

echo "-- a recorder that hangs is replaced"
mkdir -p /run/systemd/system/alibi.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/alibi.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart "$unit" || fail "restart"
pid=$(property MainPID)
kill -STOP "$pid"
wait_for 20 runs_as_other_than "$pid" || fail "a stopped recorder was not replaced"
rm /run/systemd/system/alibi.service.d/watchdog.conf
systemctl daemon-reload

"$(dirname "$0")/encrypted_inside.sh" || exit 1

echo "-- stop refused where the owner wants that"
mkdir -p /etc/systemd/system/alibi.service.d
cp /usr/share/doc/alibi/examples/refuse-stop.conf /etc/systemd/system/alibi.service.d/
systemctl daemon-reload
! systemctl stop "$unit" 2>/dev/null || fail "stop was not refused"
! systemctl restart "$unit" 2>/dev/null || fail "restart was not refused"
[ "$(property ActiveState)" = active ] || fail "stopped all the same"

"$(dirname "$0")/gate_inside.sh" || exit 1

echo "-- upgrade: the new program, nothing lost"
pid=$(property MainPID)
export DEBIAN_FRONTEND=noninteractive
storm upgraded 400 dpkg -i /later.deb >/dev/null 2>&1
wait_for 10 runs_as_other_than "$pid" || fail "the upgrade left the old program running"
wait_for 10 all_recorded upgraded 400 || fail "of 400 programs started around the upgrade, $(recorded upgraded) are recorded once"

echo "-- remove: stopped, nothing left in the kernel, the log stays"
dpkg -r alibi >/dev/null 2>&1 || fail "dpkg -r"
! pgrep -x alibi >/dev/null || fail "the recorder still runs"
[ ! -e /sys/fs/bpf/alibi ] || fail "pinned programs are left"
[ -n "$(ls /var/lib/alibi)" ] || fail "the log is gone"
echo "service: all as it should be"
