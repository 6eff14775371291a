#!/bin/bash
# What the scripts share that run inside a booted machine, about the unit they name.
unit=${unit:?}

fail() {
  echo "FAILED: $*"
  systemctl status "$unit" --no-pager
  journalctl -u "$unit" --no-pager -n 30
  exit 1
}
property() { systemctl show --property="$1" --value "$unit"; }
wait_for() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}
runs_as_other_than() { [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$1" ]; }
status_of() { sed -n "s/^$1:\s*//p" "/proc/$(property MainPID)/status"; }
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
