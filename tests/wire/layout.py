#!/usr/bin/env python3
"""Kernel side and user side must see the same records.

    layout.py --cxx G++ --clang CLANG --bpftool BPFTOOL --root ROOT --include DIR OBJECT.bpf.o...

Every struct and enum that wire/*.h defines is compiled for the BPF target. Its
type information (BTF), and that of each real BPF object, becomes a list of
assertions about offsets, sizes and enumerators, which the C++ compiler must
accept. A type that stands in a header is therefore always checked; one that
cannot be (no name) is an error.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

DEFINITION = re.compile(r"^[^/*\n]*\b(struct|union|enum)\s*(\w*)\s*(?::\s*\w+\s*)?\{", re.MULTILINE)


def defined_types(headers):
    """(kind, name) of every type the headers define."""
    types = []
    for header in headers:
        for kind, name in DEFINITION.findall(header.read_text(encoding="utf-8")):
            if not name:
                sys.exit(f"{header}: a {kind} without a name cannot be checked")
            types.append((kind, name))
    return types


def compile_for_kernel(args, headers, types, directory):
    """An object whose BTF holds every type, as the BPF compiler sees it."""
    source = directory / "every_type.c"
    lines = [f'#include "{header.relative_to(args.root)}"' for header in headers]
    lines += [f"{kind} {name} keep_{name};" for kind, name in types]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = directory / "every_type.bpf.o"
    subprocess.run([args.clang, "-target", "bpf", "-g", "-O2", "-I", args.root,
                    "-idirafter", args.include, "-c", source, "-o", target], check=True)
    return target


def read_btf(args, target):
    output = subprocess.run([args.bpftool, "btf", "dump", "file", target, "-j"],
                            check=True, capture_output=True, text=True).stdout
    return {entry["id"]: entry for entry in json.loads(output)["types"]}


def size_of(btf, type_id):
    entry = btf[type_id]
    if entry["kind"] == "ARRAY":
        return entry["nr_elems"] * size_of(btf, entry["type_id"])
    if entry["kind"] in ("TYPEDEF", "CONST", "VOLATILE"):
        return size_of(btf, entry["type_id"])
    return entry["size"]


def struct_assertions(btf, entry):
    name = f"{entry['kind'].lower()} {entry['name']}"
    yield f"sizeof({name}) == {entry['size']}"
    for member in entry["members"]:
        yield f"offsetof({name}, {member['name']}) * 8 == {member['bits_offset']}"
        size = size_of(btf, member["type_id"])
        if size > 0:  # a flexible array member has none
            yield f"sizeof((({name}*)nullptr)->{member['name']}) == {size}"


def assertions(btf, wanted):
    """Assertions about the wanted types, and the names of those found."""
    lines, found = [], set()
    for entry in btf.values():
        if entry.get("name") not in wanted:
            continue
        if entry["kind"] in ("STRUCT", "UNION"):
            lines += struct_assertions(btf, entry)
        elif entry["kind"] in ("ENUM", "ENUM64"):
            lines += [f"{value['name']} == {value['val']}" for value in entry["values"]]
        else:
            continue
        found.add(entry["name"])
    return lines, found


def accepted_by_cxx(args, headers, lines, directory):
    source = directory / "layout.cpp"
    text = ["#include <cstddef>"] + [f'#include "{header.relative_to(args.root)}"' for header in headers]
    text += [f"static_assert({line});" for line in lines]
    source.write_text("\n".join(text) + "\n", encoding="utf-8")
    return subprocess.run([args.cxx, "-std=c++23", "-fsyntax-only", "-I", args.root, source],
                          capture_output=True, text=True, check=False)


def check(args, directory):
    headers = sorted((args.root / "wire").glob("*.h"))
    types = defined_types(headers)
    wanted = {name for _, name in types}
    every_type = compile_for_kernel(args, headers, types, directory)
    lines, found = assertions(read_btf(args, every_type), wanted)
    if wanted - found:
        sys.exit(f"not in the type information, so not checked: {', '.join(sorted(wanted - found))}")
    if not accepted_by_cxx(args, headers, lines + ["false"], directory).returncode:
        sys.exit("a false assertion was accepted: this test cannot fail")
    for target in args.objects:
        more, found = assertions(read_btf(args, target), wanted)
        if not found:
            sys.exit(f"{target}: holds no record type of wire/")
        print(f"{target.name}: {len(found)} types, {len(more)} facts")
        lines += more
    lines = sorted(set(lines))
    result = accepted_by_cxx(args, headers, lines, directory)
    if result.returncode:
        sys.exit(result.stderr)
    print(f"layout: {len(wanted)} types, {len(lines)} facts agree")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--cxx", "--clang", "--bpftool", "--include"):
        parser.add_argument(name, required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("objects", type=pathlib.Path, nargs="+")
    with tempfile.TemporaryDirectory() as directory:
        check(parser.parse_args(), pathlib.Path(directory))


main()
