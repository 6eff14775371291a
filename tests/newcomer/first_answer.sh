#!/bin/bash
# In a fresh Debian 12 a clone, `./dev demo` and `./dev test` must work with
# nothing installed before.
set -euo pipefail
source_tree=$1
tests=$(dirname "$(dirname "$(readlink -f "$0")")")
if ! git -C "$source_tree" rev-parse HEAD >/dev/null 2>&1; then
  echo "skip: $source_tree is no git clone"
  exit 77
fi
scratch=$(mktemp -d)
root=$scratch/root
trap 'rm -rf --one-file-system "$scratch"' EXIT
"$tests/debian_root/make" "$root" || exit $?

git clone -q "$source_tree" "$root/root/alibi"
began=$(date +%s)
"$tests/debian_root/enter" "$root" sh -c 'cd /root/alibi && ./dev demo' >"$scratch/demo" 2>"$scratch/demo.log" ||
  { status=$?; cat "$scratch/demo.log" "$scratch/demo"
    [ "$status" != 5 ] || { echo "skip: this machine does not permit BPF"; exit 77; }
    exit 1; }
cat "$scratch/demo"
echo "first answer after $(($(date +%s) - began)) s"
for word in curl update-fonts 127.0.0.1; do
  grep -q -e "$word" "$scratch/demo" || { echo "the demo's answer does not name $word"; exit 1; }
done

"$tests/debian_root/enter" "$root" sh -c "cd /root/alibi && ./dev test --only '^(event|house|wire)[.]'" \
  >"$scratch/test" 2>&1 || { cat "$scratch/test"; exit 1; }
tail -n 1 "$scratch/test" | grep -q '^100% tests passed' || { cat "$scratch/test"; exit 1; }
tail -n 1 "$scratch/test"
