#!/usr/bin/env python3
"""The command line as a person and a script meet it.

Usage: cli_test.py ALIBI MAKE_LOG SOURCE_DIR
"""
import csv
import io
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ALIBI, MAKE_LOG, SOURCE = sys.argv[1:4]
COMMANDS = ["run", "record", "status", "show", "who", "tree", "packets", "completion", "version"]
KEYS = ["id", "pid", "exe", "args", "user", "start", "sha256", "package"]


def alibi(*arguments, environment=None, **more):
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm", "TZ": "UTC", **(environment or {})}
    return subprocess.run([ALIBI, *arguments], capture_output=True, text=True, timeout=60, env=variables, **more)


class WithLog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="alibi_cli_"))
        cls.log = str(cls.scratch / "log")
        subprocess.run([MAKE_LOG, cls.log], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch)

    def ask(self, *arguments, status=0, log=None, environment=None):
        result = alibi(*arguments, "--dir", log or self.log, environment=environment)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def objects(self, *arguments):
        return [json.loads(line) for line in self.ask(*arguments, "--json").stdout.splitlines()]

    def copy(self, name):
        return pathlib.Path(shutil.copytree(self.log, self.scratch / name))


class Help(unittest.TestCase):
    def test_overview_names_every_command(self):
        for arguments in (["--help"], ["help"], ["-h"]):
            result = alibi(*arguments)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(result.stderr, "")
            for command in COMMANDS:
                self.assertRegex(result.stdout, rf"(?m)^  {command} ")

    def test_every_command_explains_itself_with_examples(self):
        for command in COMMANDS:
            for arguments in ([command, "--help"], ["help", command], [command, "-h"]):
                result = alibi(*arguments)
                self.assertEqual(result.returncode, 0, command)
                self.assertIn(f"Usage: alibi {command}", result.stdout)
                self.assertIn(f"alibi {command}", result.stdout.split("Examples:")[1])

    def test_nothing_asked(self):
        result = alibi()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("Usage:", result.stderr)

    def test_version(self):
        for arguments in (["--version"], ["version"]):
            self.assertRegex(alibi(*arguments).stdout, r"^alibi \d+\.\d+\.\d+\n$")


class WrongUse(unittest.TestCase):
    def refused(self, *arguments):
        result = alibi(*arguments)
        self.assertEqual(result.returncode, 2, f"{arguments}: {result.stdout}{result.stderr}")
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        return result.stderr

    def test_unknown_command_is_corrected(self):
        self.assertIn("did you mean 'show'", self.refused("shwo"))
        self.assertIn("did you mean 'tree'", self.refused("help", "treee"))
        self.assertIn("no command 'xyzzy'", self.refused("xyzzy"))

    def test_unknown_option_is_corrected(self):
        self.assertIn("did you mean '--proto'", self.refused("who", "1.2.3.4", "--prot", "tcp"))
        self.assertIn("did you mean '--from'", self.refused("show", "--form=-2h"))
        self.assertIn("did you mean '--dir'", self.refused("run", "--dri", "x", "--", "true"))
        self.assertIn("did you mean '--version'", self.refused("--versoin"))

    def test_values(self):
        for value in ("yesterday", "25:00", "2026-02-30", "-2", ""):
            if value:
                self.assertIn("is not a time", self.refused("show", "--from", value))
                self.assertIn("is not a time", self.refused("who", "1.2.3.4", "--at", value))
        self.assertIn("before --from", self.refused("show", "--from", "-1h", "--to", "-2h"))
        self.assertIn("is not an address", self.refused("who", "300.1.2.3"))
        self.assertIn("is not an address", self.refused("show", "--addr", "192.0.2.7:80"))
        self.assertIn("did you mean 'exec'", self.refused("show", "--kind", "exce"))
        self.assertIn("is not a process", self.refused("tree", "init"))
        self.assertIn("not both", self.refused("show", "--csv", "--json"))
        self.refused("show", "--pid", "x")
        self.refused("show", "--port", "70000")
        self.refused("show", "--color", "sometimes")
        self.refused("tree")
        self.refused("who")
        self.refused("run")
        self.refused("run", "--dir")
        self.refused("completion", "tcsh")
        self.refused("version", "now")


class Who(WithLog):
    def test_json_contract(self):
        (answer,) = self.objects("who", "192.0.2.7:8000")
        self.assertEqual(list(answer), ["flow", "process", "ancestors", "grade", "via", "holders"])
        self.assertEqual(list(answer["flow"]), ["id", "community_id", "proto", "local", "remote", "direction", "start",
                                                "end", "state", "bytes_out", "bytes_in", "name"])
        self.assertEqual(answer["flow"]["remote"], {"addr": "192.0.2.7", "port": 8000})
        self.assertEqual(answer["flow"]["start"], "2026-11-22T02:01:10.020000Z")
        self.assertEqual(answer["flow"]["community_id"], "1:G6xU80WuRuC3aMpDVR5MGxO2Psw=")
        self.assertEqual((answer["flow"]["bytes_out"], answer["flow"]["bytes_in"]), (80, 5120))
        for process in [answer["process"], *answer["ancestors"]]:
            self.assertEqual(list(process), KEYS)
        self.assertEqual(answer["process"]["args"], ["curl", "-s", "http://Example.org:8000/"])
        self.assertEqual(answer["process"]["sha256"], "a" * 64)
        self.assertEqual(answer["process"]["package"], "curl")
        self.assertEqual([p["pid"] for p in answer["ancestors"]], [4001, 812, 1])
        self.assertEqual((answer["grade"], answer["via"]), ("proven", "connect"))

    def test_text_answers_in_the_first_line(self):
        text = self.ask("who", "192.0.2.7:8000").stdout
        self.assertEqual(text.splitlines()[0], "/usr/bin/curl (pid 4242, user root) connected to 192.0.2.7:8000 at "
                                               "2026-11-22 02:01:10.020Z - closed")
        for expected in ("curl -s http://Example.org:8000/", "a" * 64, "curl 7.88.1-10", "sshd -D", "proven", "5.0 KiB in"):
            self.assertIn(expected, text)

    def test_several_users_are_all_listed(self):
        (answer,) = self.objects("who", "198.51.100.9")
        self.assertEqual(answer["grade"], "ambiguous")
        roles = {holder["pid"]: holder["roles"] for holder in answer["holders"]}
        self.assertEqual(roles, {3000: ["creator", "holder"], 3001: ["user"], 3002: ["user"]})
        self.assertEqual(answer["holders"][2]["exe"], "/usr/sbin/nginx")

    def test_nobody_is_named_who_is_not_known(self):
        (answer,) = self.objects("who", "203.0.113.5")
        self.assertIsNone(answer["process"])
        self.assertEqual(answer["grade"], "unknown")
        self.assertIn("cannot be named", self.ask("who", "203.0.113.5").stdout)

    def test_names(self):
        for arguments in (["--name", "example.org"], ["EXAMPLE.ORG."], ["example.org:8000"]):
            self.assertEqual(len(self.objects("who", *arguments)), 1, arguments)
        self.ask("who", "example.org:80", status=3)
        (asked,) = self.objects("who", "--name", "only-asked.example")
        self.assertIsNone(asked["flow"])
        self.assertEqual(asked["process"]["pid"], 5000)
        self.assertIn("no connection", self.ask("who", "only-asked.example").stdout)

    def test_time_and_protocol(self):
        self.ask("who", "192.0.2.7", "--at", "2026-11-22 02:01")
        missed = self.ask("who", "192.0.2.7", "--at", "2026-11-22T02:05:00Z", status=3)
        self.assertIn("the nearest began at 2026-11-22 02:01:10", missed.stderr)
        self.ask("who", "192.0.2.7", "--proto", "UDP", status=3)
        local = self.ask("who", "192.0.2.7", "--at", "2026-11-22 03:01", "--local", environment={"TZ": "Europe/Berlin"})
        self.assertIn("03:01:10.020+01:00", local.stdout)

    def test_nothing_found_says_what_was_searched(self):
        result = self.ask("who", "192.0.2.99", status=3)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"the log covers .* \(\d+ records\)")

    def test_directory_from_the_environment(self):
        self.assertEqual(alibi("who", "192.0.2.7", environment={"ALIBI_DIR": self.log}).returncode, 0)


class Tree(WithLog):
    def test_reused_pid(self):
        result = self.ask("tree", "4242")
        self.assertIn("used more than once", result.stderr)
        self.assertIn("4242@70000000", result.stderr)
        self.assertIn("true (pid 4242", result.stdout)
        earlier = self.ask("tree", "4242", "--at", "2026-11-22T02:01:20Z").stdout
        self.assertIn("asked for Example.org", earlier)
        self.assertIn("curl (pid 4242", self.ask("tree", "4242@70000000").stdout)

    def test_json(self):
        lines = self.objects("tree", "4001")
        self.assertEqual([(o["relation"], o["process"]["pid"]) for o in lines],
                         [("ancestor", 1), ("ancestor", 812), ("self", 4001), ("descendant", 4242),
                          ("descendant", 6000), ("descendant", 4242)])
        curl = lines[3]
        self.assertEqual(curl["exit"], "7")
        self.assertEqual(curl["names"], {"Example.org": 1})
        self.assertEqual([f["state"] for f in curl["flows"]], ["closed", "refused"])

    def test_not_there(self):
        self.assertIn("no such process", self.ask("tree", "77", status=3).stderr)


class Show(WithLog):
    def test_json_is_one_object_per_record(self):
        records = self.objects("show")
        self.assertEqual([r["seq"] for r in records], list(range(1, len(records) + 1)))
        (trick,) = [r for r in records if r["kind"] == "exec" and r["exe"] == "/usr/bin/printf"]
        self.assertEqual(trick["args"][1], "\x1b[31mred\x1b[0m\r\n\ufffd")
        self.assertEqual(trick["extra"]["ino"], "77")

    def test_filters(self):
        for arguments, count in ((["--kind", "exec", "--pid", "4242"], 2), (["--exe", "curl"], 3),
                                 (["--exe", "/usr/bin/curl"], 3), (["--addr", "2001:db8::7"], 1), (["--port", "443"], 1),
                                 (["--name", "example.ORG"], 2), (["--name", "/usr/bin/curl"], 1),
                                 (["--name", ".example"], 1), (["--process", "4242@70000000"], 7),
                                 (["--kind", "exit", "--from", "2026-11-22 02:01:30", "--to", "2026-11-22 02:01"], 2)):
            self.assertEqual(len(self.objects("show", *arguments)), count, arguments)

    def test_csv_is_the_log(self):
        text = self.ask("show", "--csv").stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(len(rows), len(self.objects("show")))
        (file,) = pathlib.Path(self.log, "events").glob("*.csv")
        self.assertEqual(text, file.read_text())
        self.assertTrue(all(None not in row and None not in row.values() for row in rows))
        self.assertFalse(any(value[:1] in "=+@" for row in rows for value in row.values() if value))

    def test_no_argument_reaches_the_terminal_raw(self):
        for form in ([], ["--csv"], ["--json"]):
            self.assertNotIn("\x1b", self.ask("show", *form).stdout)
        self.assertNotIn("\u202e", self.ask("show").stdout)

    def test_follow_prints_what_comes_and_ends_on_a_signal(self):
        process = subprocess.Popen([ALIBI, "show", "--dir", self.log, "--follow", "--from", "2026-01-01", "--json"],
                                   stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(json.loads(process.stdout.readline())["seq"], 1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, 0)
        finally:
            if process.poll() is None:
                process.kill()

    def test_closed_pipe_is_quiet(self):
        for command in ("show", "show --csv", "show --follow --from 2026-01-01"):
            result = subprocess.run(["bash", "-c", f"timeout 20 '{ALIBI}' {command} --dir '{self.log}' | head -c1"],
                                    capture_output=True, text=True, timeout=30)
            self.assertEqual(result.stderr, "")

    def test_full_device(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([ALIBI, "show", "--dir", self.log], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 6)
        self.assertIn("No space left", result.stderr)


class OddLogs(WithLog):
    def test_missing(self):
        for command in (["show"], ["who", "192.0.2.7"], ["tree", "1"]):
            result = alibi(*command, "--dir", "/nonexistent/log")
            self.assertEqual((result.returncode, result.stdout), (3, ""))
            self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_unreadable(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        result = alibi("show", "--dir", self.log, user=65534, group=65534, extra_groups=[])
        self.assertEqual((result.returncode, result.stdout), (4, ""), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_empty(self):
        empty = self.scratch / "empty"
        empty.mkdir()
        self.assertNotEqual(alibi("who", "192.0.2.7", "--dir", str(empty)).returncode, 0)

    def test_damage_is_told_and_the_rest_is_printed(self):
        log = self.copy("damaged")
        (file,) = (log / "events").glob("*.csv")
        lines = file.read_bytes().split(b"\n")
        at = next(i for i, line in enumerate(lines) if b",exec,4242@70000000," in line)
        lines[at] = lines[at][:lines[at].index(b",exec,")] + b",exec,4242@70000000,and,no,record"
        file.write_bytes(b"\n".join(lines))
        shown = self.ask("show", "--json", status=7, log=str(log))
        self.assertIn("damaged", shown.stderr)
        self.assertEqual(len(shown.stdout.splitlines()), len(self.objects("show")) - 1)
        answer = self.ask("who", "192.0.2.7:8000", status=7, log=str(log))
        # Its exec is lost, so that arguments and user are, and nothing takes their place.
        self.assertIn("/usr/bin/curl (pid 4242) connected", answer.stdout)
        self.assertNotIn("  command", answer.stdout)


class Terminal(WithLog):
    def on_terminal(self, *arguments, environment=None):
        pid, master = pty.fork()
        if pid == 0:
            os.environ.update({"TERM": "xterm", **(environment or {})})
            os.execv(ALIBI, [ALIBI, *arguments, "--dir", self.log])
        output = b""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is gone
                break
            if not piece:
                break
            output += piece
        os.close(master)
        os.waitpid(pid, 0)
        return output.decode()

    def test_colours_only_on_a_terminal(self):
        self.assertIn("\x1b[1m", self.on_terminal("who", "192.0.2.7"))
        self.assertNotIn("\x1b", self.on_terminal("who", "192.0.2.7", environment={"NO_COLOR": "1"}))
        self.assertNotIn("\x1b", self.on_terminal("who", "192.0.2.7", "--color", "never"))
        self.assertNotIn("\x1b", self.on_terminal("who", "192.0.2.7", environment={"TERM": "dumb"}))
        self.assertNotIn("\x1b", self.ask("who", "192.0.2.7").stdout)
        self.assertIn("\x1b[1m", self.ask("who", "192.0.2.7", "--color", "always").stdout)

    def test_only_our_own_escapes_and_no_line_too_long(self):
        output = self.on_terminal("show")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
        self.assertNotIn("\x1b", plain)
        self.assertLessEqual(max(len(line.rstrip("\r")) for line in plain.split("\n")), 80)


class Status(WithLog):
    def test_not_recording(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to try the sensors")
        status = json.loads(self.ask("status", "--json").stdout)
        self.assertEqual((status["recording"], status["since"]), (False, None))
        self.assertEqual(status["records"], len(self.objects("show")))
        self.assertEqual(status["lost"], {"total": 0, "by_reason": {}})
        self.assertGreater(status["disk"]["bytes"], 0)
        self.assertTrue({"name", "state", "hook"} <= set(status["sensors"][0]))
        stale = self.copy("stale")
        (stale / "status.json").write_text('{"recording":true}')
        self.assertFalse(json.loads(self.ask("status", "--json", log=str(stale)).stdout)["recording"])

    def test_recording_without_a_state_file_is_told_from_the_records(self):
        log = self.copy("run")
        holder = subprocess.Popen(["flock", "--exclusive", str(log / "lock"), "sh", "-c", "echo held; read x"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(holder.stdout.readline(), "held\n")
        status = json.loads(self.ask("status", "--json", log=str(log)).stdout)
        holder.communicate("\n")
        self.assertEqual((status["recording"], status["since"]), (True, "2026-11-22T02:00:00.900000Z"))
        self.assertEqual(status["sensors"], [{"name": "exec", "state": "ok", "hook": "tp_btf/sched_process_exec"}])
        self.assertEqual(status["records"], len(self.objects("show")))

    def test_recording(self):
        cases = (({}, 0), ({"sensors": [{"name": "exec", "state": "failed", "hook": "h"}]}, 5),
                 ({"lost": {"total": 3, "by_reason": {"ring_full": 3}}}, 7), ({"disk": {"bytes": 1, "budget": 2, "fault": "ENOSPC"}}, 6))
        log = self.copy("live")
        for change, expected in cases:
            state = {"recording": True, "since": "2026-11-22T00:00:00Z", "sensors": [], "records": 5,
                     "lost": {"total": 0, "by_reason": {}}, "disk": {"bytes": 1, "budget": 2}, **change}
            (log / "status.json").write_text(json.dumps(state))
            with open(log / "lock") as lock:
                holder = subprocess.Popen(["flock", "--exclusive", str(log / "lock"), "sh", "-c", "echo held; read x"],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                self.assertEqual(holder.stdout.readline(), "held\n")
                shown = self.ask("status", "--json", status=expected, log=str(log))
                text = self.ask("status", status=expected, log=str(log)).stdout
                holder.communicate("\n")
            self.assertEqual(json.loads(shown.stdout), state)
            self.assertIn("Recording into", text)


class Completion(unittest.TestCase):
    def test_bash(self):
        script = alibi("completion", "bash").stdout
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        ask = 'COMP_WORDS=(alibi %s) COMP_CWORD=%d; _alibi; printf "%%s\\n" "${COMPREPLY[@]}"'
        for words, index, expected in (("wh", 1, "who"), ("show --ki", 2, "--kind"), ("show --kind dns_q", 3, "dns_query"),
                                       ("completion zs", 2, "zsh"), ("help tr", 2, "tree")):
            result = subprocess.run(["bash", "-c", script + ask % (words, index)], capture_output=True, text=True)
            self.assertIn(expected, result.stdout.split(), words + result.stderr)

    def test_zsh_and_fish_parse(self):
        for shell in ("zsh", "fish"):
            script = alibi("completion", shell).stdout
            for command in COMMANDS:
                self.assertIn(command, script)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, text=True, check=True)


class Configuration(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="alibi_config_"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.file = self.scratch / "alibi.toml"

    def test_print_config(self):
        self.file.write_text('[log]\nbudget = "1GiB"\n')
        printed = alibi("record", "--print-config", "--config", str(self.file), "--dir", "/srv/a")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertIn('budget = "1GiB"', printed.stdout)
        self.assertIn('directory = "/srv/a"', printed.stdout)
        self.file.write_text(printed.stdout)
        self.assertEqual(alibi("record", "--print-config", "--config", str(self.file)).stdout, printed.stdout)

    def test_mistakes(self):
        self.file.write_text('[log]\nbugdet = "1GiB"\n')
        result = alibi("record", "--config", str(self.file))
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn(f"{self.file}:2:", result.stderr)
        self.assertIn("did you mean 'log.budget'", result.stderr)
        self.assertEqual(alibi("record", "--config", "/nonexistent.toml").returncode, 3)


class Manual(unittest.TestCase):
    def pages(self):
        return sorted(pathlib.Path(SOURCE, "man").glob("*.[15]"))

    def test_pages_are_well_formed(self):
        self.assertGreaterEqual(len(self.pages()), 1 + len(COMMANDS))
        for page in self.pages():
            result = subprocess.run(["groff", "-man", "-ww", "-z", "-Kutf8", str(page)], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), page)

    def test_every_option_is_in_its_page(self):
        for command in COMMANDS:
            page = pathlib.Path(SOURCE, "man", f"alibi-{command}.1").read_text().replace("\\-", "-")
            for option in re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)", alibi(command, "--help").stdout):
                self.assertIn(option, page, command)

    def test_overview_names_every_page(self):
        overview = pathlib.Path(SOURCE, "man", "alibi.1").read_text().replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f"alibi-{command}", overview)

    def test_every_configuration_key_is_in_its_page(self):
        page = pathlib.Path(SOURCE, "man", "alibi.toml.5").read_text().replace("\\-", "-")
        section = ""
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as empty:
            for line in alibi("record", "--print-config", "--config", empty.name).stdout.splitlines():
                if line.startswith("["):
                    section = line.strip("[]")
                elif line:
                    self.assertIn(f"{section}.{line.split(' = ')[0]}", page)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
