#!/bin/bash
# Boots a fresh Debian 12 with systemd in a container, with the package
# installed, and lets service_inside.sh judge the service there.
set -euo pipefail
source_tree=$1
here=$(dirname "$(readlink -f "$0")")
tests=$(dirname "$here")
if ! command -v systemd-nspawn >/dev/null; then
  echo "skip: systemd-nspawn is not installed"
  exit 77
fi
scratch=$(mktemp -d)
root=$scratch/root
trap 'rm -rf --one-file-system "$scratch"' EXIT
"$tests/debian_root/make" "$root" systemd,systemd-sysv,dbus || exit $?

package=$(find "$source_tree/build/package" -maxdepth 1 -name 'alibi_[0-9]*.deb')
cp "$package" "$root/alibi.deb"
"$here/make_later" "$package" "$root/later.deb"
inside() { MOUNTS="proc dev" "$tests/debian_root/enter" "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get update -q >/dev/null
inside apt-get install -y -q --no-install-recommends /alibi.deb procps iproute2 age >/dev/null

mkdir "$root/judge"
install -m 755 "$here"/*inside.sh "$root/judge/"
cat >"$root/etc/systemd/system/judge.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/judge/service_inside.sh
StandardOutput=append:/verdict
StandardError=append:/verdict
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=graphical.target
UNIT
# systemd mounts this one itself, but not in containers, where it also refuses a unit for it.
cat >"$root/etc/systemd/system/bpffs.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=alibi.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/mkdir -p /sys/fs/bpf
ExecStart=/bin/mount -t bpf bpf /sys/fs/bpf
[Install]
WantedBy=sysinit.target
UNIT
inside systemctl enable -q bpffs.service
inside systemctl enable -q judge.service
ln -sf /lib/systemd/system/graphical.target "$root/etc/systemd/system/default.target"

# A container of its own: its /sys/fs/bpf and its processes are not this machine's.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
timeout 300 systemd-nspawn --quiet --register=no --keep-unit --capability=all --private-network \
  --system-call-filter='bpf perf_event_open' -D "$root" -b >"$scratch/console" 2>&1 ||
  { tail -n 30 "$scratch/console"; echo "the container did not end well"; cat "$root/verdict" || true; exit 1; }
cat "$root/verdict"
if grep -q '^skip:' "$root/verdict"; then exit 77; fi
[ "$(tail -n 1 "$root/verdict")" = "service: all as it should be" ]
