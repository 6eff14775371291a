#!/bin/bash
# The life of the package in a fresh Debian 12 without systemd.
set -euo pipefail
source_tree=$1
tests=$(dirname "$(dirname "$(readlink -f "$0")")")
if ! command -v lintian >/dev/null; then
  echo "skip: lintian is not installed"
  exit 77
fi
scratch=$(mktemp -d)
root=$scratch/root
trap 'rm -rf --one-file-system "$scratch"' EXIT

fail() { echo "FAILED: $*"; exit 1; }
# Without /sys: the package's scripts must not reach this machine's BPF.
inside() { MOUNTS="proc dev" "$tests/debian_root/enter" "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

package=$(find "$source_tree/build/package" -maxdepth 1 -name 'alibi_[0-9]*.deb')
echo "-- lintian"
lintian --tag-display-limit 0 --fail-on error,warning "$package"

"$tests/debian_root/make" "$root" || exit $?
cp "$package" "$root/alibi.deb"
"$tests/package/make_later" "$package" "$root/later.deb"

echo "-- install"
inside apt-get update -q >/dev/null
inside apt-get install -y -q --no-install-recommends /alibi.deb >/dev/null
inside alibi --version
[ "$(stat -c '%a %U' "$root/var/lib/alibi")" = "700 root" ] || fail "/var/lib/alibi is not 0700 root"
[ "$(stat -c '%a %U' "$root/var/lib/alibi/secret/log.key")" = "600 root" ] || fail "installing made no identity"
identity=$(inside alibi init --show)
[ -L "$root/etc/systemd/system/sysinit.target.wants/alibi.service" ] || fail "the unit is not enabled"
[ -s "$root/usr/share/man/man1/alibi.1.gz" ] || fail "no manual page"
inside sh -c 'bash -n /usr/share/bash-completion/completions/alibi'

echo "-- upgrade: a changed configuration and the log stay"
echo '# changed by the owner' >>"$root/etc/alibi/alibi.toml"
echo evidence >"$root/var/lib/alibi/kept"
inside apt-get install -y -q /later.deb >/dev/null
grep -q 'changed by the owner' "$root/etc/alibi/alibi.toml" || fail "the upgrade replaced the configuration"
[ "$(cat "$root/var/lib/alibi/kept")" = evidence ] || fail "the upgrade touched the log"
[ "$(inside alibi init --show)" = "$identity" ] || fail "the upgrade changed the identity"

echo "-- remove: the configuration and the log stay"
inside apt-get remove -y -q alibi >/dev/null
[ ! -e "$root/usr/bin/alibi" ] || fail "the program is still there"
[ -e "$root/etc/alibi/alibi.toml" ] || fail "removing took the configuration"

echo "-- purge: the log stays"
inside apt-get purge -y -q alibi | grep 'is kept' || fail "purging does not say that the log is kept"
[ ! -e "$root/etc/alibi" ] || fail "purging left the configuration"
[ "$(cat "$root/var/lib/alibi/kept")" = evidence ] || fail "purging touched the log"
[ -z "$(find "$root/etc" "$root/usr" -name '*alibi*')" ] || fail "purging left $(find "$root/etc" "$root/usr" -name '*alibi*')"
echo "installed, upgraded, removed, purged"
