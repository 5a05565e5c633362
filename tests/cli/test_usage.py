#!/usr/bin/env python3
"""Wrong command lines, help, the shell, and what the pages say."""
import json
import os
import re
import shlex
import subprocess
import unittest

from tool import NACRE, ROOT, Case, FILMS


def commands(case):
    """Names of all commands, from the help."""
    part = case.ok("help").out.split("Commands\n")[1].split("\n\n")[0]
    names = [re.split(r" [A-Z\[]|  ", line.strip())[0] for line in part.splitlines()]
    case.assertGreater(len(names), 25)
    return names


class Wrong(Case):
    def test_usage_errors(self):
        cases = [
            ([], None), (["fnd"], 'did you mean "find"?'), (["gte"], 'did you mean "get"?'),
            (["xyzzy"], "unknown command"), (["collection"], "needs to know what to do"),
            (["collection", "lst"], 'did you mean "collection list"?'), (["index", "x"], "index x"),
            (["get", "c"], "needs an argument more: ID"), (["put", "c"], "more: JSON"),
            (["get"], "more: COLLECTION"), (["get", "c", "a", "b"], "one argument too many"),
            (["find", "c", "--feilds", "a"], "did you mean --fields?"),
            (["find", "c", "--unique"], "unknown option --unique"),
            (["find", "c", "-x"], "unknown option -x"), (["find", "c", "-limit"], "unknown option"),
            (["--limit", "3", "find", "c"], "behind its name"),
            (["find", "c", "--limit"], "needs a value"), (["find", "c", "--limit", "x"], "0 to"),
            (["find", "c", "--limit", "10001"], "10000"), (["find", "c", "--limit", "-1"], "0 to"),
            (["find", "c", "--limit", "1.5"], "whole"), (["find", "c", "--limit="], "whole"),
            (["find", "c", "--limit", "99999999999999999999"], "whole"),
            (["find", "c", "--limit", "1", "--limit", "2"], "given twice"),
            (["find", "c", "--total=yes"], "takes no value"),
            (["put", "c", "{}", "--durability", "sync"], "synced|memory"),
            (["import", "c", "-", "--on-error", "skp"], "stop|skip"),
            (["put", "c", "{}", "--if-version", "1,,2"], "--if-version"),
            (["put", "c", "{}", "--if-version", "x"], "--if-version"),
            (["put", "c", "{}", "--if-version", ",".join(["1"] * 65)], "64"),
            (["patch", "c", "a", "{}", "--merge", "--json-patch"], "exclude each other"),
            (["patch", "c", "a", '[{"op":"test"}]'], "a JSON Patch is given with --json-patch"),
            (["patch", "c", "a", "{}", "--json-patch"], "leave out --json-patch"),
            (["db", "create", "d", "--memory-bytes", "9"], "unknown option --memory-bytes"),
            (["help", "fnd"], 'did you mean "find"?'), (["get", "c", "--", "a", "--json"], "many"),
            (["--jsn", "get"], "did you mean --json?"), (["import", "c", "-", "--resume"], "stdin"),
        ]
        for words, told in cases:
            if told is None:
                self.assertIn("Usage", self.ok(*words).out)
                continue
            result = self.fails(2, told, *words)
            self.assertEqual(result.out, "", words)
            self.assertTrue(result.err.startswith("error: "), words)
        self.assertFalse(os.path.exists(self.dir))

    def test_commands_to_come(self):
        for word in ("sql", "search"):
            self.fails(1, "unimplemented", word, "x")

    def test_errors_as_json(self):
        for words in (["find", "c", "--feilds", "a", "--json"], ["get", "c", "a", "--json"],
                      ["--json", "fnd"], ["put", "c", "{", "--json"]):
            result = self.run_tool(*words)
            problem = json.loads(result.err)
            self.assertGreater(result.code, 1)
            for name in ("type", "title", "status", "code", "detail", "retryable"):
                self.assertIn(name, problem, words)

    def test_bytes_that_are_no_text(self):
        self.ok("put", "c", "a", "{}")
        self.assertNotIn("\x1b", self.fails(2, "", "get", "c", b"\xff\x1b[31m").err)
        result = self.run_tool(b"\xff\x1b]0;x\x07", raw=True)
        self.assertNotIn(b"\x1b", result.err)
        self.assertIn(b"\\xff\\u001b", result.err)


class Help(Case):
    def test_help_of_every_command(self):
        for name in commands(self):
            words = name.split()
            text = self.ok(*words, "--help").out
            for part in ("Usage", "Options of every command", "Examples", f"nacre {name}"):
                self.assertIn(part, text, name)
            self.assertEqual(self.ok("help", *words).out, text)
            self.assertEqual(self.ok(*words, "one", "two", "three", "-h").out, text)
            self.assertTrue(all(len(line) <= 100 for line in text.splitlines()), name)

    def test_groups(self):
        for group in ("collection", "index", "db"):
            self.assertIn(f"{group} create", self.ok(group, "--help").out)
            self.assertIn(f"{group} create", self.ok("help", group).out)
        self.assertIn("claim release", self.ok("help", "claim").out)
        self.assertEqual(self.ok("--help").out, self.ok("help").out)

    def test_page(self):
        page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
        written = page.split("<!-- nacre help --markdown -->\n")[1]
        self.assertEqual(self.ok("help", "--markdown").out, written,
                         "docs/cli.md: renew the part that `nacre help --markdown` writes")

    def shell(self, script):
        os.makedirs(os.path.join(self.folder.name, "bin"), exist_ok=True)
        link = os.path.join(self.folder.name, "bin/nacre")
        if not os.path.exists(link):
            os.symlink(NACRE, link)
        path = os.path.join(self.folder.name, "bin") + ":" + os.environ["PATH"]
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=500,
                              env=self.environment(PATH=path), cwd=self.folder.name)

    def test_examples_are_commands(self):
        """Every example of the help, run: whatever it finds, it is no wrong usage."""
        data = subprocess.run(["zstdcat", FILMS], capture_output=True, check=True).stdout
        head = b"\n".join(data.split(b"\n")[:50]) + b"\n"
        small = os.path.join(self.folder.name, "films.ndjson.zst")
        subprocess.run(["zstd", "-q", "-o", small], input=head, check=True)
        for name, text in (("heat.json", b'{"title":"Heat"}'), ("old.ndjson.gz", None),
                           ("commands.txt", b"count films\n")):
            path = os.path.join(self.folder.name, name)
            with open(path, "wb") as file:
                file.write(text if text is not None else subprocess.run(
                    ["gzip", "-c"], input=head, capture_output=True, check=True).stdout)
        self.ok("import", "films", small)
        for name in commands(self):
            if name in ("demo", "bench", "shell", "serve"):
                continue
            examples = self.ok("help", *name.split()).out.split("Examples\n")[1]
            examples = examples.split("\nMore commands")[0].replace("\\\n", " ")
            for line in filter(None, map(str.strip, examples.splitlines())):
                if "/var/lib" in line:
                    continue
                done = self.shell(line + " < /dev/null" if "|" not in line and "<" not in line
                                  else line)
                self.assertNotIn("usage:", done.stderr, line)
                self.assertNotIn("invalid_", done.stderr, line)

    def test_quick_start(self):
        """The README's commands, as they stand there."""
        page = (ROOT / "README.md").read_text(encoding="utf-8")
        (block,) = [b for b in re.findall(r"```sh\n(.*?)```", page, re.S) if "nacre import" in b]
        script = block.replace("examples/films.ndjson.zst", shlex.quote(FILMS))
        done = self.shell("set -e\n" + script)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"title":"The Matrix"', done.stdout)


class Shell(Case):
    def test_script(self):
        script = ('# words\nput c {"_id":1,\n "x": [1, "a\\"}",\n3]}\nget c ~1 --fields x\n'
                  'nacre count c "x = 3"\n\nput c \'{"_id":"it\'"\'"\'s"}\'\n'
                  'put c {"_id":"}\\\\"}\n'
                  "count c\nindex create c i --fields x --wait\nexit\ncount c\n")
        out = self.ok("shell", stdin=script).out.splitlines()
        self.assertEqual(json.loads(out[1]), {"_id": 1, "x": [1, 'a"}', 3]})
        self.assertEqual(out[2], "1")
        self.assertEqual(json.loads(out[3])["id"], "it's")
        self.assertEqual(json.loads(out[4])["id"], "}\\")
        self.assertEqual(out[5], "3")
        self.assertEqual(len(out), 7)

    def test_goes_on_and_tells_the_first_failure(self):
        script = "put c a {}\nget c b\nfnd\nget c a --json\ncount c\n"
        result = self.fails(3, "error: line 2: ", "shell", stdin=script)
        self.assertIn("error: line 3: unknown command", result.err)
        self.assertEqual(result.out.splitlines()[-1], "1")
        result = self.fails(3, "line 2", "shell", "--bail", stdin=script)
        self.assertEqual(len(result.out.splitlines()), 1)

    def test_odd_lines(self):
        self.fails(2, "not closed", "shell", stdin="put c {\n")
        self.fails(2, "not closed", "shell", stdin="count 'c\n")
        self.fails(2, "this is the shell", "shell", stdin="shell\n")
        self.fails(2, "one directory", "shell", stdin="count c --dir x\n")
        self.fails(2, "", "shell", stdin='put c {"a":]\n')
        self.fails(2, "too long", "shell", stdin="a " * 100 + "\n")
        self.ok("shell", stdin="")
        self.ok("shell", stdin="\n  \n# nothing\nexit")

    def test_directory(self):
        other = os.path.join(self.folder.name, "other")
        self.ok("shell", other, stdin="put c a {}\n")
        self.assertEqual(self.ok("count", "c", "--dir", other).out, "1\n")


if __name__ == "__main__":
    unittest.main()
