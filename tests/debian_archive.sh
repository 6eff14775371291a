#!/bin/bash
# For scripts to source: packages of another Debian suite, from the archive that this
# machine itself uses; its sources stay as they are. Functions that cannot go on
# say why and return 77.

view=()

# open_suite SUITE WORK: a view of that suite alone, in the empty directory WORK.
# Afterwards "${view[@]}" are the options of apt-get and apt-cache for it.
open_suite() {
  local suite=$1 work=$2 like=bookworm-security archive
  [ "${suite%-security}" != "$suite" ] || like=bookworm
  # shellcheck disable=SC2016 # apt-get expands
  archive=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
    awk -v like="$like" '$2 == "Debian" && $3 == like { print $1; exit }')
  [ -n "$archive" ] || { echo "skip: no Debian archive with $like is configured on this machine"; return 77; }
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial "$work/unpacked"
  : >"$work/status"
  echo "deb $archive $suite main" >"$work/sources.list"
  view=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::State::status=$work/status"
    -o APT::Sandbox::User=root)
  apt-get "${view[@]}" update -q >"$work/log" 2>&1 ||
    { tail -n 3 "$work/log"; echo "skip: the archive does not offer $suite"; return 77; }
}

# unpack WORK PACKAGE...: of the suite opened in WORK, into WORK/unpacked.
unpack() {
  local work=$1 file
  shift
  (cd "$work" && apt-get "${view[@]}" download -q "$@" >"$work/log" 2>&1) ||
    { tail -n 3 "$work/log"; echo "skip: $* could not be fetched"; return 77; }
  for file in "$work"/*.deb; do dpkg-deb -x "$file" "$work/unpacked"; done
}
