#!/bin/bash
# Runs inside a booted machine that has the package: the service with an encrypted log, and
# afterwards again with the log it had. Last line is the verdict.
set -uo pipefail
unit=alibi.service
# shellcheck source=tests/package/inside.sh
. "$(dirname "$0")/inside.sh"

log=/var/lib/alibi
live_text() { # what age opens of the blocks on the disk
  find "$log/live" -name 'events-*.age' -exec age -d -i /root/owner.key {} \;
}
sealed() { # TAG
  live_text 2>/dev/null | grep -a ',exec,' | grep -aoE "$1-[0-9]+" | sort -u | wc -l
}
all_sealed() { [ "$(sealed "$1")" = "$2" ]; }
nothing_readable() { # WORD...
  local word
  for word in "$@" 'segment,,,'; do
    ! grep -rlaF --exclude-dir=open "$word" "$log" || fail "$word can be read on the disk"
  done
  [ -z "$(find "$log" -path "$log/open" -prune -o \
    \( -path "$log/events/*" -o -path "$log/packets/*" -o -path "$log/live/*" \) -type f ! -name '*.age' -print)" ] ||
    fail "files that are not encrypted: $(find "$log")"
}
verdict() { # WORDS...
  local said
  said=$(alibi verify "$log" --key "$key" --json "$@")
  case $said in
    *'"verdict":"PASS-UNWITNESSED"'* | *'"verdict":"PASS-GAPS"'*) return 0 ;;
  esac
  fail "verify: $said"
}
memory() { findmnt -n -o ID "$log/open"; }

echo "-- an encrypted log: begun"
systemctl stop "$unit" || fail "stop"
alibi record --detach >/dev/null || fail "detach"
mv $log $log-before
mkdir -m 0700 $log
recipient=$(age-keygen -o /root/owner.key 2>&1 | sed 's/^Public key: //')
key=$(alibi init --recipient "$recipient" | sed -n 's/^log key *//p')
[ -n "$key" ] || fail "alibi init --recipient"
systemctl start "$unit" || fail "start"

echo "-- its memory is mounted by the service, for everybody who looks and for the recorder"
[ "$(findmnt -n -o FSTYPE $log/open)" = tmpfs ] || fail "no memory is mounted: $(findmnt)"
[ "$(stat -c '%a %U' $log/open)" = "700 root" ] || fail "others may look into the memory"
nsenter --mount --target "$(property MainPID)" mountpoint -q $log/open || fail "the recorder does not see it"
[ $((0x$(status_of CapBnd) >> 21 & 1)) = 0 ] || fail "the recorder may have CAP_SYS_ADMIN"
# At shutdown the recorder ends before its memory is taken away.
wait_for 10 eval 'property After | grep -q var-lib-alibi-open.mount' || fail "no order at shutdown: $(property After)"
first=$(memory)

echo "-- kill -9: back at once, nothing lost, the same memory"
pid=$(property MainPID)
storm cipherkilled 200 kill -9 "$pid"
wait_for 20 runs_as_other_than "$pid" || fail "not started again"
wait_for 30 all_recorded cipherkilled 200 || fail "of 200 programs around kill -9, $(recorded cipherkilled) are recorded once"
[ "$(memory)" = "$first" ] || fail "another memory"

echo "-- restart: nothing lost"
storm cipherrestarted 200 systemctl restart "$unit"
wait_for 30 all_recorded cipherrestarted 200 || fail "of 200 programs around a restart, $(recorded cipherrestarted) are recorded once"
[ "$(memory)" = "$first" ] || fail "another memory"

echo "-- on the disk there is only what age opens"
wait_for 30 all_sealed cipherkilled 200 || fail "of 200 programs around kill -9, $(sealed cipherkilled) are in live/"
wait_for 30 all_sealed cipherrestarted 200 || fail "of 200 programs around a restart, $(sealed cipherrestarted) are in live/"
nothing_readable cipherkilled cipherrestarted
verdict --identity /root/owner.key
verdict

echo "-- killed, and the power lost: what is left is sealed, and the next one goes on"
systemctl kill --signal=SIGKILL "$unit"
systemctl stop "$unit" || fail "stop"
umount $log/open || fail "the memory is in use"
verdict --identity /root/owner.key
alibi show --identity /root/owner.key --kind exec --json | grep -q cipherkilled-200 || fail "the identity opens nothing"
systemctl start "$unit" || fail "start"
[ "$(findmnt -n -o FSTYPE $log/open)" = tmpfs ] || fail "no memory is mounted again"
storm cipherlater 50 true
wait_for 30 all_sealed cipherlater 50 || fail "of 50 programs after that, $(sealed cipherlater) are in live/"
nothing_readable cipherkilled cipherrestarted cipherlater
verdict --identity /root/owner.key

echo "-- and back to the log before"
systemctl stop "$unit" || fail "stop"
alibi record --detach >/dev/null || fail "detach"
umount $log/open || fail "the memory is in use"
rm -r $log
mv $log-before $log
systemctl start "$unit" || fail "start"
echo "encrypted: all as it should be"
