#!/usr/bin/env python3
"""What a terminal sees: tables that fit, indented JSON, colours, progress, the shell's editing."""
import os
import re
import signal
import stat
import unicodedata
import unittest

from tool import Case, FILMS, Terminal


def width(text):
    """Columns of a line without escapes."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Tables(Case):
    def setUp(self):
        super().setUp()
        self.ok("import", "c", "-", stdin=(
            '{"_id":1,"title":"Amélie","n":7}\n{"_id":2,"title":"七人の侍","n":-12345}\n'
            '{"_id":3,"title":"e\\u0301\\u001b[31m\\u009b\\n","n":null,"more":{"a":[1]}}\n'
            f'{{"_id":4,"title":"{"long " * 60}","n":1.5}}\n'))

    def show(self, *words, columns=60, **more):
        shown, code = Terminal(self, *words, columns=columns, **more).finish()
        return shown, code

    def test_rows_fit(self):
        for columns in (40, 60, 200):
            shown, code = self.show("find", "c", columns=columns)
            self.assertEqual(code, 0)
            lines = shown.splitlines()
            self.assertEqual(len(lines), 6, shown)
            self.assertTrue(all(width(line) <= columns for line in lines), shown)
            head = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]).split()
            self.assertEqual(head, ["_id", "title", "n", "more"])
            self.assertIn("七人の侍", lines[3])
            if columns < 200:
                self.assertIn("…", lines[5])
            else:
                self.assertIn("\\u001b[31m\\u009b\\n", shown)

    def test_columns_stand_under_each_other(self):
        shown, _ = self.show("find", "c", "_id < 3", "--fields", "title,n", "--no-color")
        lines = shown.splitlines()
        ends = {width(line) for line in (lines[0], lines[2], lines[3])}
        self.assertEqual(len(ends), 1, shown)  # numbers stand to the right

    def test_too_many_columns(self):
        body = ",".join(f'"column{i}":"value {i}"' for i in range(20))
        self.ok("put", "wide", "~1", "{" + body + "}")
        shown, _ = self.show("find", "wide", columns=40)
        self.assertRegex(shown, r"\d+ more columns do not fit")
        self.assertTrue(all(width(line) <= 40 for line in shown.splitlines()[:3]), shown)

    def test_colours(self):
        self.assertIn("\x1b[1m", self.show("find", "c")[0])
        self.assertNotIn("\x1b[", self.show("find", "c", NO_COLOR="1")[0])
        self.assertNotIn("\x1b[", self.show("find", "c", TERM="dumb")[0])
        self.assertNotIn("\x1b[", self.show("find", "c", "--no-color")[0])
        self.assertIn("\x1b[1;31merror:", self.show("fnd")[0])

    def test_sentences_and_json(self):
        self.assertIn('created c "x", version 1', self.show("put", "c", "x", "{}")[0])
        self.assertIn('  "title": "Amélie"', self.show("get", "c", "~1")[0])
        self.assertIn("\n4\n", "\n" + self.show("count", "c", "_id > 0")[0])
        self.assertIn('"title":"Amélie"', self.show("get", "c", "~1", "--json")[0])
        self.assertIn("access     ", self.show("explain", "c")[0])
        self.assertIn(": 0 problems", self.show("check")[0])
        self.assertIn("name", self.show("collection", "list")[0])
        self.assertIn("index i: created", self.show(
            "index", "create", "c", "i", "--fields", "n", "--wait")[0])
        self.assertIn("ready", self.show("index", "list", "c", columns=120)[0])


class Progress(Case):
    def test_import_bar(self):
        shown, code = Terminal(self, "import", "films", FILMS).finish()
        self.assertEqual(code, 0)
        self.assertIn("imported 36,273 documents", shown)
        self.assertRegex(shown, r"\rimporting [█░]+ +\d+%  [\d,]+ documents")
        quiet, _ = Terminal(self, "import", "films", FILMS, "-q").finish()
        self.assertNotIn("importing", quiet)
        shown, _ = Terminal(self, "export", "films", stdout=False).finish()
        self.assertRegex(shown, r"exported 36,273 documents in ")

    def test_interrupt_by_key(self):
        path = self.lines(150000)
        terminal = Terminal(self, "import", "c", path)
        terminal.wait_for_pattern(r"[1-9][\d,]* documents")
        terminal.type("\x03")
        shown, code = terminal.finish()
        self.assertEqual(code, 130, shown)
        self.assertIn("--resume", shown)

    def test_interrupt_before_anything(self):
        terminal = Terminal(self, "import", "c", "-")
        terminal.wait_for("importing")
        terminal.type("\x03")
        shown, code = terminal.finish()
        self.assertEqual(code, 130, shown)
        self.assertIn("interrupted: nothing is imported", shown)


class Shell(Case):
    def test_typing(self):
        # libedit does not free the names of functions that are added to it.
        leaky = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        terminal = Terminal(self, "shell", columns=100, **leaky)
        terminal.wait_for("nacre> ")
        terminal.type('put films {"_id":1,\n')
        terminal.wait_for("    -> ")
        terminal.type('"title":"é"}\n')
        terminal.wait_for("version 1")
        terminal.type("cou\tfil\t\n")
        terminal.wait_for("\r\n1\r\n")  # completed to "count films"
        terminal.type("index create films by_title --fields ti\t--wait\n")
        terminal.wait_for("by_title: created")
        terminal.type("index get films by\t--wait\n")
        terminal.wait_for("\"state\": \"ready\"")
        terminal.type('count films "_id > 0 AND ti\t= \'é\'"\n')  # completed in the quotes
        terminal.wait_for("\r\n1\r\n", 2)
        terminal.type("\\?\n")
        terminal.wait_for("Store a document")
        terminal.type("get films {\n")
        terminal.wait_for("    -> ", 2)
        terminal.type("\x03")
        terminal.wait_for("nacre> ", 8)
        terminal.type("fnd\n")
        terminal.wait_for('did you mean "find"?')
        terminal.type(" get films hidden\n")
        terminal.wait_for("document_not_found")
        terminal.type("claim release films ~1 hidden\n")
        terminal.wait_for("lease_lost")
        terminal.type("rm films ~1 --lease hidden\n")
        terminal.wait_for("lease_lost", 2)
        terminal.type("exit\n")
        _, code = terminal.finish()
        self.assertEqual(code, 0)
        path = os.path.join(self.folder.name, "state/nacre/history")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("count", text)
        self.assertNotIn("hidden", text)
        again = Terminal(self, "shell", **leaky)
        again.wait_for("nacre> ")
        again.type("\x1b[A")  # up: the last line of the first shell
        again.wait_for("exit")
        again.type("\n")
        self.assertEqual(again.finish()[1], 0)

    def test_interrupts_at_a_prompt(self):
        """A Ctrl-C as soon as the prompt is there: it may come before the shell reads."""
        leaky = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        terminal = Terminal(self, "shell", **leaky)
        for i in range(1, 101):
            terminal.wait_for("nacre> ", i)
            terminal.type("\x03")
        terminal.wait_for("nacre> ", 101)
        terminal.type("exit\n")
        self.assertEqual(terminal.finish()[1], 0)

    def test_interrupts_between_commands(self):
        """So many that they come everywhere between two prompts, and two at one prompt."""
        leaky = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        terminal = Terminal(self, "shell", **leaky)
        terminal.wait_for("nacre> ")
        while terminal.process.poll() is None and terminal.seen.count("nacre> ") < 300:
            terminal.process.send_signal(signal.SIGINT)
            terminal.read(0)
        terminal.type("version\n")
        terminal.wait_for("RocksDB:")
        terminal.type("exit\n")
        self.assertEqual(terminal.finish()[1], 0)

    def test_first_command_is_cancelled(self):
        """The first command of a shell opens the database, and is cancelled all the same."""
        self.ok("import", "c", self.lines(30000))
        leaky = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        terminal = Terminal(self, "shell", **leaky)
        terminal.wait_for("nacre> ")
        terminal.type("export c\n")
        terminal.wait_for('"n":1,')  # it has begun, and waits until somebody reads
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("nacre> ", 2)
        self.assertIn("cancelled", terminal.seen)
        self.assertNotIn('"n":29999,', terminal.seen)
        terminal.type("exit\n")
        self.assertEqual(terminal.finish()[1], 0)

    def test_pager(self):
        self.ok("put", "films", "heat", '{"year":1995}')
        leaky = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        # One that reads all, one that leaves at once.
        for pager, shown in (("sed s/^/paged:/", "paged:heat"), ("true", "nacre> find")):
            terminal = Terminal(self, "shell", PAGER=pager, **leaky)
            terminal.wait_for("nacre> ")
            terminal.type("find films\n")
            terminal.wait_for(shown)
            terminal.type("count films\n")
            terminal.wait_for("\r\n1\r\n")
            terminal.type("exit\n")
            self.assertEqual(terminal.finish()[1], 0)


if __name__ == "__main__":
    unittest.main()
