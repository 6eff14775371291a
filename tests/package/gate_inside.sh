#!/bin/bash
# Runs inside a booted machine that has the package: the gate's service, with two neighbours
# in network namespaces, `bad` that marks its packets and `good`. Last line is the verdict.
set -uo pipefail

unit=alibi-gate.service
# shellcheck source=tests/package/inside.sh
. "$(dirname "$0")/inside.sh"
# A connection from a neighbour; 0: it came about.
# shellcheck disable=SC2016 # the inner shell expands
connects() { timeout 8 nsenter --net=/run/netns/good bash -c 'exec 3<>/dev/tcp/10.78.0.1/2200' 2>/dev/null; }
# shellcheck disable=SC2016
connects_marked() {
  timeout 8 sh -c 'echo $$ >/sys/fs/cgroup/bad/cgroup.procs
                   exec nsenter --net=/run/netns/bad bash -c "exec 3<>/dev/tcp/10.77.0.1/2200"' 2>/dev/null
}
mark() { nsenter --net=/run/netns/bad alibi mark "$@" --pins /sys/fs/bpf/alibi-bad --dir /nonexistent >/dev/null; }
neighbour() { # NAME NETWORK DEVICE
  ip netns add "$1" && ip link add "$3" type veth peer name eth0 netns "$1" &&
    ip addr add "$2.1/24" dev "$3" && ip link set "$3" up &&
    ip -n "$1" addr add "$2.2/24" dev eth0 && ip -n "$1" link set eth0 up
}
closed_to_marked() { connects || fail "$1: an unmarked connection did not come about"; ! connects_marked || fail "$1: a marked connection came about"; }
policy() { # ACTION
  printf '[marks]\nsticky = "0s"\n[[rule]]\ncategory = "malware"\naction = "%s"\n' "$1" >/etc/alibi/gate.toml
}
status() { alibi gate status --json --dir /var/lib/alibi-gate; }
says() { status | grep -q "$1"; }

modprobe veth 2>/dev/null
neighbour bad 10.77.0 bad0 || fail "no neighbour"
neighbour good 10.78.0 good0 || fail "no neighbour"
mkdir /sys/fs/cgroup/bad
systemd-socket-activate -l 0.0.0.0:2200 --accept cat >/dev/null 2>&1 &
server=$!
mark on --cgroup /sys/fs/cgroup/bad --dev eth0 || fail "alibi mark on"
mark add malware 1 || fail "alibi mark add"
wait_for 30 connects || fail "the neighbour does not reach this machine"
wait_for 30 connects_marked || fail "a marked neighbour does not reach a machine without a gate"

echo "-- the gate's service waits for its settings"
systemctl start "$unit"
[ "$(property ActiveState)" = inactive ] || fail "started without a policy and devices"

echo "-- it starts, and drops"
policy drop
echo DEVICES=bad0,good0 >/etc/default/alibi-gate
systemctl start "$unit" || fail "start"
[ "$(property ActiveState)" = active ] || fail "not active"
closed_to_marked "at work"
wait_for 20 says '"drop"' || fail "status: $(status)"

echo "-- with the privileges it needs and no others"
[ "$(status_of CapBnd)" = 000000c000001004 ] || fail "capabilities: $(status_of CapBnd)"
[ "$(status_of CapEff)" = 000000c000001004 ] || fail "capabilities in effect: $(status_of CapEff)"
[ "$(status_of NoNewPrivs)" = 1 ] || fail "may gain privileges"
[ "$(status_of Seccomp)" = 2 ] || fail "may call what it likes"
! nsenter --mount --target "$(property MainPID)" touch /etc/alibi/by-the-gate 2>/dev/null || fail "may write to /etc"
[ "$(stat -c %a /var/lib/alibi-gate)" = 700 ] || fail "/var/lib/alibi-gate is not 0700"

echo "-- kill -9: closed all the same, back at once"
pid=$(property MainPID)
kill -9 "$pid"
! connects_marked || fail "open while the process was away"
wait_for 20 runs_as_other_than "$pid" || fail "not started again"
closed_to_marked "after kill -9"

echo "-- restart keeps the policy, reload takes the new one, a wrong one changes nothing"
systemctl restart "$unit" || fail "restart"
closed_to_marked "after a restart"
policy strip
systemctl reload "$unit" || fail "reload"
wait_for 20 connects_marked || fail "the new policy lets it pass, the gate does not"
policy burn
systemctl reload "$unit"
wait_for 20 says 'stays\|must be' || fail "nothing is said of a wrong policy: $(status)"
connects_marked || fail "a wrong policy changed something"
policy drop
systemctl reload "$unit"
wait_for 20 eval '! connects_marked' || fail "the policy before was not taken again"

echo "-- stop takes everything away"
systemctl stop "$unit" || fail "stop"
[ "$(property Result)" = success ] || fail "stopped with $(property Result)"
[ -z "$(ls /sys/fs/bpf/alibi-gate 2>/dev/null)" ] || fail "pins are left: $(ls /sys/fs/bpf/alibi-gate)"
connects_marked || fail "closed after the stop"
alibi show --dir /var/lib/alibi-gate --kind mark_seen --json | grep -q '"result": *"drop"' || fail "the log has no mark"

mark off
kill "$server"
ip netns del bad
ip netns del good
rm /etc/alibi/gate.toml /etc/default/alibi-gate
echo "gate: all as it should be"
