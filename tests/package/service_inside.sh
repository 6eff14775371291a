#!/bin/bash
# Runs inside the booted container; last line is the verdict.
set -uo pipefail

fail() {
  echo "FAILED: $*"
  systemctl status alibi.service --no-pager
  journalctl -u alibi.service --no-pager -n 30
  exit 1
}
property() { systemctl show --property="$1" --value alibi.service; }
wait_for() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}
runs_as_other_than() { [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$1" ]; }
# Starts COUNT programs with arguments that only they have, while COMMAND happens.
storm() { # TAG COUNT COMMAND...
  local tag=$1 count=$2 n
  shift 2
  (for n in $(seq "$count"); do /bin/true "$tag-$n"; done) &
  sleep 0.1
  "$@"
  wait
}
recorded() { # TAG
  alibi show --kind exec --json | grep -o "\"$1-[0-9]*\"" | sort | uniq -c | awk '$1 == 1' | wc -l
}
all_recorded() { [ "$(recorded "$1")" = "$2" ]; }

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
systemctl restart alibi.service || fail "restart"
pid=$(property MainPID)
kill -STOP "$pid"
wait_for 20 runs_as_other_than "$pid" || fail "a stopped recorder was not replaced"
rm /run/systemd/system/alibi.service.d/watchdog.conf

echo "-- stop refused where the owner wants that"
mkdir -p /etc/systemd/system/alibi.service.d
cp /usr/share/doc/alibi/examples/refuse-stop.conf /etc/systemd/system/alibi.service.d/
systemctl daemon-reload
! systemctl stop alibi.service 2>/dev/null || fail "stop was not refused"
! systemctl restart alibi.service 2>/dev/null || fail "restart was not refused"
[ "$(property ActiveState)" = active ] || fail "stopped all the same"

/judge-gate || exit 1

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
