#!/usr/bin/env python3
"""Proves that tools/tidy.py finds each kind of planted fault, and nothing in a clean tree."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import c_source
import tidy

LAYERS = "# rank room headers\n0 base pthread.h\n1 doc -\n1 log -\n2 index -\n8 lib -\n10 cli -\n"
README = "".join(f"## {part}\n" for part in tidy.README_PARTS)
HEADER = "int doc_x(int a);\n"
SOURCE = '#include "doc/doc.h"\n\nint doc_x(int a)\n{\n    return a;\n}\n'
USER = '#include "doc/doc.h"\n\nint main(void)\n{\n    return doc_x(0);\n}\n'
CLEAN = {"src/LAYERS": LAYERS, "src/doc/README.md": README, "src/doc/doc.h": HEADER,
         "src/doc/doc.c": SOURCE, "src/index/README.md": README, "src/index/index.c": USER}


def found(changes):
    """(rule, path, subject) of every problem of the clean tree with these files changed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**CLEAN, **changes}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return {(p.rule, p.path, p.subject) for p in tidy.check(folder).problems}


def body(text):
    return {"src/doc/doc.c": SOURCE.replace("    return a;", f"{text}\n    return a;")}


class Planted(unittest.TestCase):
    def sees(self, rule, subject, changes, path="src/doc/doc.c"):
        self.assertEqual(found(changes), {(rule, path, subject)})

    def test_clean_tree_is_clean(self):
        self.assertEqual(found({}), set())

    def test_upward_include(self):
        text = '#include "index/index.h"\n' + SOURCE
        self.assertIn(("layers", "src/doc/doc.c", "index"),
                      found({"src/doc/doc.c": text, "src/index/index.h": "enum { A = 1 };\n"}))

    def test_include_of_the_same_rank(self):
        text = '#include "log/log.h"\n' + SOURCE
        changes = {"src/doc/doc.c": text, "src/log/log.h": "enum { A = 1 };\n",
                   "src/log/README.md": README}
        self.sees("layers", "log", changes)

    def test_public_header_inside(self):
        self.sees_include("layers", '#include "nacre/errors.h"', "nacre/errors.h")

    def sees_include(self, rule, line, subject):
        self.sees(rule, subject, {"src/doc/doc.c": line + "\n" + SOURCE})

    def test_third_party(self):
        self.sees_include("third-party", "#include <pthread.h>", "pthread.h")
        self.sees_include("third-party", "#include <zlib.h>", "zlib.h")

    def test_include_without_path_and_of_source(self):
        self.sees_include("include", '#include "other.h"', "other.h")
        self.sees_include("include", '#include "doc/other.c"', "doc/other.c")

    def test_test_that_sees_too_much(self):
        self.sees("layers", "index", {
            "tests/unit/doc/test_doc.c": '#include "index/index.h"\n',
            "src/index/index.h": "enum { A = 1 };\n"}, "tests/unit/doc/test_doc.c")

    def test_sizes(self):
        self.sees("file-lines", "-", {"src/doc/doc.c": SOURCE + "\n" * 800})
        self.sees("function-lines", "doc_x", body("\n" * 70))
        self.sees("columns", "-", {"src/doc/doc.c": SOURCE + "// " + "é" * 98 + "\n"})
        self.assertEqual(found({"src/doc/doc.c": SOURCE + "// " + "é" * 97 + "\n"}), set())

    def test_nesting(self):
        deep = "if (a) { for (;;) { while (a) { do { %s } while (a); } } }"
        self.sees("nesting", "doc_x", body(deep % "if (a) { a++; }"))
        self.assertEqual(found(body(deep % "a++;")), set())
        self.assertEqual(found(body(deep % "int b[2][2] = {{1}, {2}}; a += b[0][0];")), set())

    def test_parameters(self):
        seven = "int doc_x(int a, int b, int c, int d, int e, int f, int g)"
        changes = {"src/doc/doc.c": SOURCE.replace("int doc_x(int a)", seven)}
        self.sees("params", "doc_x", changes)

    def test_blanks(self):
        self.sees("tab", "-", body("\ta++;"))
        self.sees("trailing", "-", body("    a++; "))
        self.sees("trailing", "-", {"src/doc/doc.c": SOURCE[:-1]})

    def test_banned_calls(self):
        for name in ("strcpy", "sprintf", "rand", "atoi", "malloc", "free", "assert", "printf",
                     "clock_gettime", "time", "setlocale", "pthread_create", "strtod", "pow",
                     "rocksdb_flush_cf", "system"):
            with self.subTest(name):
                self.sees("banned", name, body(f"    {name} (a);"))

    def test_what_only_looks_banned(self):
        for text in ("// malloc(1)", "/* system(\n    a) */", 'const char *s = "printf(";',
                     "a->free(a);", "my_free(a);", "a = '\"'; // free(\"'", "s.time(a);"):
            with self.subTest(text):
                self.assertEqual(found(body("    " + text)), set())

    def test_reminders(self):
        self.sees("reminder", "TO" + "DO", body("    // TO" + "DO later"))

    def test_must_use(self):
        header = HEADER + "nacre_status doc_y(void);\n"
        source = SOURCE + "nacre_status doc_y(void)\n{\n    return doc_x(1);\n}\n"
        user = USER.replace("doc_x(0)", "doc_y() + doc_x(0)")
        changes = {"src/doc/doc.h": header, "src/doc/doc.c": source, "src/index/index.c": user}
        self.sees("must-use", "doc_y", changes, "src/doc/doc.h")
        changes["src/doc/doc.h"] = HEADER + "MUST_USE nacre_status doc_y(void);\n"
        self.assertEqual(found(changes), set())

    def test_prefixes(self):
        rules = {r for r, _, s in found({"src/doc/doc.c": SOURCE + "int other_y(void)\n{\n}\n"})
                 if s == "other_y"}
        self.assertEqual(rules, {"prefix", "dead"})
        self.assertIn(("prefix", "src/doc/doc.c", "nacre_y"),
                      found({"src/doc/doc.c": SOURCE + "int nacre_y(void)\n{\n}\n"}))
        self.sees("prefix", "open_it", {"include/nacre/a.h": "int open_it(void);\n"},
                  "include/nacre/a.h")

    def test_nouns_of_the_list(self):
        source = SOURCE.replace("doc_x", "row_x")
        changes = {"src/doc/doc.c": source, "src/doc/doc.h": HEADER.replace("doc_x", "row_x"),
                   "src/index/index.c": USER.replace("doc_x", "row_x")}
        self.assertEqual({r for r, _, _ in found(changes)}, {"prefix"})
        self.assertEqual(found({**changes, "tools/tidy_nouns.txt": "doc row\n"}), set())

    def test_readme(self):
        self.sees("readme", "-", {"src/log/log.c": "static int x;\n"}, "src/log/README.md")
        self.sees("readme", "Never", {"src/doc/README.md": README.replace("## Never\n", "")},
                  "src/doc/README.md")

    def test_dead_code(self):
        self.sees("dead", "doc_y", {"src/doc/doc.c": SOURCE + "int doc_y(void)\n{\n}\n"})
        self.sees("undefined", "doc_z", {"src/doc/doc.h": HEADER + "int doc_z(void);\n"},
                  "src/doc/doc.h")
        self.sees("dead", "lone.h", {"src/doc/lone.h": "enum { A = 1 };\n"}, "src/doc/lone.h")

    def test_exceptions_and_their_ratchet(self):
        name = "tools/tidy_exceptions.txt"
        changes = body("\n" * 70)
        lines = 75
        entry = "function-lines src/doc/doc.c doc_x {} # a table\n"
        self.assertEqual(found({**changes, name: entry.format(lines)}), set())
        self.sees("exceptions", "-", {**changes, name: entry.format(lines + 1)}, name)
        self.sees("function-lines", "doc_x", {**changes, name: entry.format(lines - 1)})
        self.sees("exceptions", "-", {name: entry.format(lines)}, name)
        self.sees("exceptions", "-", {name: "tab src/doc/doc.c -\n"}, name)


class Reading(unittest.TestCase):
    def functions(self, text):
        return [(f.name, f.params, f.body, f.static) for f in c_source.read(text).functions]

    def test_heads(self):
        text = '''
struct s { int (*call)(int a, char *b); } y;
typedef int (*fn)(int);
static const int t[] = {1, f(2), 3};
MUST_USE nacre_status a_b(struct c *c, void (*cb)(int, int), ...) PRINTF_LIKE(1, 2);
__attribute__((noinline)) static int
one(void)
{
    char c = '{', d = '\\'';
    return call("}{ \\" /*");
}
extern "C" { int two(void) noexcept { return 1; } }
#ifdef A
int three(int a) {
#else
int three(void) {
#endif
    return 0;
}
struct node *four(int a, int b) { return (struct node *){0}; }
'''
        self.assertEqual(self.functions(text), [
            ("a_b", 3, False, False), ("one", 0, True, True), ("two", 0, True, False),
            ("three", 1, True, False), ("four", 2, True, False)])

    def test_includes_in_comments_do_not_count(self):
        text = '// #include "a.h"\n/*\n#include "b.h"\n*/\n#include "c.h"\n#  include <d.h>\n'
        self.assertEqual(c_source.read(text).includes, [(5, '"', "c.h"), (6, "<", "d.h")])


if __name__ == "__main__":
    unittest.main()
