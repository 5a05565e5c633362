#!/usr/bin/env python3
"""Checks the house rules that a compiler does not know. CONTRIBUTING.md explains each rule.

    tools/tidy.py [--root DIR] [--notes] [PATH...]

With PATHs only what lies under them is reported (everything is read all the same). Exceptions stand
in tools/tidy_exceptions.txt. Exit 1 if there is anything to mend.
"""
import argparse
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import c_source

FILE_LINES, FUNCTION_LINES, NESTING, PARAMS, COLUMNS = 800, 70, 4, 6, 100

C_TREES = ("src", "include", "tests", "fuzz", "bench", "examples")
TEXT_TREES = C_TREES + ("tools", "cmake", "api", "docs", "packaging", ".ci")
C_NAMES = (".c", ".h", ".cc")
CODE_NAMES = C_NAMES + (".py", ".sh")
TEXT_NAMES = CODE_NAMES + (".cmake", ".txt", ".json", ".md", ".map", ".supp")
TOP_FILES = ("CMakeLists.txt", "CMakePresets.json", "dev", "README.md", "ARCHITECTURE.md",
             "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
SKIP = re.compile(r"(^|/)(build[^/]*|__pycache__|corpus|data|fixtures)/")

README_PARTS = ("Purpose", "Never", "Entry points", "Invariants", "Formats",
                "Lifetimes and locks", "How to extend", "Tests")

STANDARD = set("""
assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h limits.h math.h setjmp.h signal.h
stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h
strings.h time.h uchar.h wchar.h aio.h arpa/inet.h dirent.h dlfcn.h execinfo.h fcntl.h fnmatch.h
getopt.h glob.h libgen.h link.h linux/falloc.h linux/fs.h linux/futex.h linux/magic.h locale.h
malloc.h net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h pwd.h sched.h semaphore.h spawn.h
sys/auxv.h sys/epoll.h sys/eventfd.h sys/file.h sys/inotify.h sys/ioctl.h sys/mman.h sys/prctl.h
sys/random.h sys/resource.h sys/sendfile.h sys/signalfd.h sys/socket.h sys/stat.h sys/statfs.h
sys/statvfs.h sys/syscall.h sys/sysinfo.h sys/time.h sys/timerfd.h sys/types.h sys/uio.h sys/un.h
sys/utsname.h sys/vfs.h sys/wait.h sys/xattr.h sysexits.h syslog.h termios.h ucontext.h unistd.h
utime.h wordexp.h
immintrin.h emmintrin.h smmintrin.h tmmintrin.h nmmintrin.h x86intrin.h cpuid.h arm_neon.h
arm_acle.h sanitizer/asan_interface.h
charconv cmath cstddef cstdint cstdio cstring limits string system_error
""".split())
TEST_HEADERS = {"cmocka.h", "bson/bson.h", "sqlite3.h", "lmdb.h", "rocksdb/c.h", "pthread.h"}

# Rooms that apply reaches: the same bits on every machine, so nothing of libm that may round.
APPLY_ROOMS = {"base", "doc", "store", "catalog", "filter", "index", "txn"}

# words: (where they may stand, why not elsewhere); a place is a path prefix.
BANS = [
    ("strcpy strcat sprintf vsprintf gets strtok rand srand alloca atoi atol atof system popen"
     " tmpnam mktemp", (), ("src", "tests", "fuzz", "bench", "examples"), "never"),
    ("malloc calloc realloc free strdup strndup asprintf vasprintf getline posix_memalign"
     " aligned_alloc", ("src/base/mem/", "src/cli/"), ("src",), "memory comes from base/mem"),
    ("rocksdb_flush rocksdb_flush_cf rocksdb_flush_cfs rocksdb_flush_wal", (),
     ("src", "tests", "bench"), "it persists one family only; see store"),
    ("assert", (), ("src",), "use CHECK, DCHECK or SLOW_CHECK of base/err/check.h"),
    ("time clock_gettime gettimeofday clock localtime localtime_r gmtime gmtime_r mktime timegm"
     " strftime nanosleep usleep sleep", ("src/base/os/", "src/cli/"), ("src",),
     "time comes from base/os/world.h"),
    ("getrandom getentropy arc4random random srandom drand48", ("src/base/os/",), ("src",),
     "randomness comes from base/os/world.h"),
    ("localeconv setlocale newlocale uselocale", (), ("src",), "no locale"),
    ("strtod strtof strtold", (), ("src",), "follows the locale: use base/text/num.h"),
    ("printf vprintf puts putchar perror", ("src/cli/",), ("src",), "only the tool prints"),
    ("fprintf vfprintf fputs fputc fwrite", ("src/cli/", "src/base/err/", "src/base/os/"), ("src",),
     "only the tool prints; files are written through base/os/file.h"),
    ("pthread_create thrd_create", ("src/base/os/",), ("src",), "threads come from base/os"),
    ("fork vfork execv execve execvp", (), ("src",), "a database does not fork"),
]
LIBM = set("acos asin atan atan2 cos sin tan cosh sinh tanh exp exp2 expm1 log log10 log1p log2 pow"
           " cbrt hypot tgamma lgamma erf erfc powf expf logf sinf cosf".split())
REMINDER_WORDS = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")
REMINDERS = re.compile(rf"\b({'|'.join(REMINDER_WORDS)})\b")


@dataclass
class Problem:
    rule: str
    path: str
    line: int
    subject: str
    message: str
    value: int = 0


@dataclass
class Room:
    rank: int
    headers: set


@dataclass
class Tree:
    root: Path
    rooms: dict = field(default_factory=dict)
    nouns: dict = field(default_factory=lambda: defaultdict(set))
    texts: dict = field(default_factory=dict)       # path → text
    sources: dict = field(default_factory=dict)     # path → c_source.Source
    problems: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def report(self, rule, path, line, message, subject="-", value=0):
        self.problems.append(Problem(rule, path, line, subject, message, value))

    def room_of(self, path):
        """The room that a file of src belongs to, or None."""
        parts = path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def rows(path):
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def read_layers(tree):
    owners = {}
    for number, line in rows(tree.root / "src/LAYERS"):
        rank, room, *headers = line.split()
        tree.rooms[room] = Room(int(rank), set(headers) - {"-"})
        for header in tree.rooms[room].headers:
            if header in owners:
                tree.report("layers", "src/LAYERS", number,
                            f"{header} belongs to {owners[header]} already", header)
            owners[header] = room
    for _, line in rows(tree.root / "tools/tidy_nouns.txt"):
        room, *nouns = line.split()
        tree.nouns[room] |= set(nouns)


def read_files(tree):
    paths = [tree.root / name for name in TOP_FILES]
    for top in TEXT_TREES:
        paths += sorted((tree.root / top).rglob("*"))
    for path in paths:
        name = path.relative_to(tree.root).as_posix()
        known = path.suffix in TEXT_NAMES or name in TOP_FILES
        if not known or SKIP.search(name) or not path.is_file():
            continue
        try:
            tree.texts[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            tree.report("text", name, 1, "is not UTF-8")
    for name, text in tree.texts.items():
        if name.endswith(C_NAMES):
            tree.sources[name] = c_source.read(text)


# Text.

def check_text(tree, path, text):
    lines = text.split("\n")
    code = path.endswith(CODE_NAMES) or path == "dev"
    if code and len(lines) - 1 > FILE_LINES:
        tree.report("file-lines", path, 1, f"{len(lines) - 1} lines, at most {FILE_LINES}",
                    value=len(lines) - 1)
    for number, line in enumerate(lines, 1):
        if code and len(line) > COLUMNS:
            tree.report("columns", path, number, f"{len(line)} columns, at most {COLUMNS}",
                        value=len(line))
        if "\t" in line:
            tree.report("tab", path, number, "has a tab")
        if line != line.rstrip():
            tree.report("trailing", path, number, "ends in blanks")
        for match in REMINDERS.finditer(line):
            tree.report("reminder", path, number, f"{match.group()}: do it, or write an issue",
                        match.group())
    if text and not text.endswith("\n"):
        tree.report("trailing", path, len(lines), "does not end in a newline")


# Includes.

def check_includes(tree, path, source):
    for line, kind, name in source.includes:
        if name.endswith(".c"):
            tree.report("include", path, line, f"includes {name}: include headers only", name)
        elif kind == "<" and not name.startswith("nacre/"):
            check_system_include(tree, path, line, name)
        else:
            check_own_include(tree, path, line, name)


def check_system_include(tree, path, line, name):
    room = tree.room_of(path)
    owners = [r for r, row in tree.rooms.items() if name in row.headers]
    if owners:
        tests = path.split("/")[0] in ("tests", "fuzz", "bench")
        if owners != [room] and not (tests and name in TEST_HEADERS):
            tree.report("third-party", path, line, f"<{name}> belongs to {owners[0]}", name)
    elif name not in STANDARD and (room or name not in TEST_HEADERS):
        tree.report("third-party", path, line, f"<{name}> is not in src/LAYERS", name)


def check_own_include(tree, path, line, name):
    top = path.split("/")[0]
    room = tree.room_of(path)
    target = name.split("/")[0]
    if "/" not in name:
        tree.report("include", path, line, f"\"{name}\": give the path from src/ or include/", name)
    elif target == "nacre":
        if top == "src" and not may_include_public(room, name):
            tree.report("layers", path, line, f"{room} may not include {name}", name)
    elif target in tree.rooms:
        check_arrow(tree, path, line, target)
        if f"src/{name}" not in tree.texts:
            tree.report("include", path, line, f"{name} does not exist", name)
    elif top in ("src", "include"):
        tree.report("layers", path, line, f"{name}: there is no room {target}", name)


def may_include_public(room, name):
    return room in ("lib", "ops", "server", "cli") or (room == "base" and name == "nacre/errors.h")


def check_arrow(tree, path, line, target):
    parts = path.split("/")
    if parts[0] == "src":
        room = tree.room_of(path)
    elif parts[0] in ("tests", "fuzz") and len(parts) > 3 and parts[2] in tree.rooms:
        room = parts[2]                 # tests/unit/<room>/test_*.c sees what its room sees
    elif parts[0] == "fuzz" and parts[1] in tree.rooms:
        room = parts[1]
    elif parts[0] in ("include", "examples"):
        tree.report("layers", path, line, f"public code may not include {target}", target)
        return
    else:
        return
    if room == target or room not in tree.rooms:
        return
    if room == "cli":
        tree.report("layers", path, line, "cli includes nacre/*.h and its own files only", target)
    elif tree.rooms[target].rank >= tree.rooms[room].rank:
        tree.report("layers", path, line, f"{room} (rank {tree.rooms[room].rank}) may not include "
                    f"{target} (rank {tree.rooms[target].rank})", target)


# Functions.

def check_functions(tree, path, source):
    for f in source.functions:
        if f.params > PARAMS and (f.body or path.endswith(".h")):
            tree.report("params", path, f.line, f"{f.name} has {f.params} parameters, at most "
                        f"{PARAMS}: use an options struct", f.name, f.params)
        if f.body and f.lines > FUNCTION_LINES:
            tree.report("function-lines", path, f.line, f"{f.name} has {f.lines} lines, at most "
                        f"{FUNCTION_LINES}", f.name, f.lines)
        if f.body and f.nesting > NESTING:
            tree.report("nesting", path, f.line, f"{f.name} nests {f.nesting} deep, at most "
                        f"{NESTING}", f.name, f.nesting)
        check_must_use(tree, path, f)


def check_must_use(tree, path, f):
    if not path.endswith(".h") or path.split("/")[0] not in ("src", "include"):
        return
    if path == "src/base/err/err.h" and f.name.startswith("err_"):
        return      # these hand back the status they were given, for `return err_set(…)`
    at = f.head.index(f.name)
    returns = f.head[:at]
    if "nacre_status" in returns and "*" not in returns and "enum" not in returns:
        if not {"MUST_USE", "NACRE_MUST_USE"} & set(returns):
            tree.report("must-use", path, f.line, f"{f.name} returns nacre_status without MUST_USE",
                        f.name)


def room_nouns(tree):
    """Room → what its functions may be called after."""
    nouns = {room: {room} | tree.nouns[room] for room in tree.rooms}
    for path in tree.sources:
        room = tree.room_of(path)
        if room in nouns:
            parts = path.split("/")
            nouns[room] |= set(parts[2:-1]) | {parts[-1].rsplit(".", 1)[0]}
    return nouns


def check_names(tree):
    nouns = room_nouns(tree)
    public = {f.name for path, s in tree.sources.items() if path.startswith("include/")
              for f in s.functions}
    for path, source in tree.sources.items():
        room = tree.room_of(path)
        for f in source.functions:
            if path.startswith("include/") and not f.name.startswith("nacre_"):
                tree.report("prefix", path, f.line, f"{f.name}: public names begin with nacre_",
                            f.name)
            if room not in nouns or f.name in public or f.name == "main":
                continue
            if f.name.startswith("nacre_"):
                tree.report("prefix", path, f.line, f"{f.name} is not in include/nacre: nacre_ is "
                            "for public names", f.name)
            elif (not f.static or path.endswith(".h")) and not named_after(f.name, nouns[room]):
                tree.report("prefix", path, f.line, f"{f.name} is called after no noun of {room} "
                            "(its folders and files, and tools/tidy_nouns.txt)", f.name)


def named_after(name, nouns):
    return any(name == noun or name.startswith(noun + "_") for noun in nouns)


# Calls.

def check_calls(tree, path, source):
    top = path.split("/")[0]
    room = tree.room_of(path)
    for words, homes, tops, why in BANS:
        if top in tops and not path.startswith(homes or ("\n",)):
            for name in words.split():
                report_calls(tree, path, source, name, why)
    if room in APPLY_ROOMS:
        for name in LIBM:
            report_calls(tree, path, source, name, "libm differs between machines; apply may not")


def report_calls(tree, path, source, name, why):
    if name not in source.text:
        return
    for match in re.finditer(rf"(?<![\w.>]){name}\s*\(", source.code):
        line = source.code.count("\n", 0, match.start()) + 1
        tree.report("banned", path, line, f"{name}(): {why}", name)


# What nobody uses.

def words_by_file(tree):
    return {path: set(re.findall(r"[A-Za-z_]\w*", s.code)) for path, s in tree.sources.items()}


def check_dead(tree):
    words = words_by_file(tree)
    users = defaultdict(set)
    for path, names in words.items():
        for name in names:
            users[name].add(path)
    defined = {f.name for s in tree.sources.values() for f in s.functions if f.body}
    for path, source in tree.sources.items():
        if not tree.room_of(path):
            continue
        for f in source.functions:
            if path.endswith(".h") and not f.body and not f.static and f.name not in defined:
                tree.report("undefined", path, f.line, f"{f.name} is declared, never defined",
                            f.name)
            if f.body and (not f.static or path.endswith(".h")):
                check_used(tree, path, f, users[f.name])
    check_headers(tree)


def check_used(tree, path, f, users):
    if f.name == "main":
        return
    declared = {p for p in users if p.endswith(".h") and any(
        d.name == f.name and not d.body for d in tree.sources[p].functions)}
    if any(p.startswith("include/") for p in declared):
        return
    others = users - {p for p in declared | {path} if mentions(tree, p, f.name) < 2} - {path}
    if path.endswith(".h") and mentions(tree, path, f.name) > 1:
        return
    if not others:
        tree.report("dead", path, f.line, f"{f.name} is used by no other file: "
                    "remove it or make it static", f.name)
    elif not any(p.startswith("src/") for p in others):
        tree.notes.append(f"{path}:{f.line}: note: {f.name} is used by tests only")


def mentions(tree, path, name):
    return len(re.findall(rf"\b{name}\b", tree.sources[path].code))


def check_headers(tree):
    included = {name for s in tree.sources.values() for _, _, name in s.includes}
    for path in tree.sources:
        if path.startswith("src/") and path.endswith(".h") and path[4:] not in included:
            tree.report("dead", path, 1, "no file includes this header", path.split("/")[-1])


# Rooms, generated files, exceptions.

def check_readmes(tree):
    for room in tree.rooms:
        path = f"src/{room}/README.md"
        if not any(p.startswith(f"src/{room}/") for p in tree.sources):
            continue
        if path not in tree.texts:
            tree.report("readme", path, 1, "is missing")
            continue
        headings = re.findall(r"^#+\s*(.+?)\s*$", tree.texts[path], re.M)
        for part in README_PARTS:
            if not any(h.lower().startswith(part.lower()) for h in headings):
                tree.report("readme", path, 1, f"has no heading '{part}'", part.replace(" ", "_"))
    for path in tree.sources:
        room = tree.room_of(path)
        if path.startswith("src/") and room not in tree.rooms:
            tree.report("layers", path, 1, f"{room} is no room of src/LAYERS")


def check_generated(tree):
    if not (tree.root / "tools/gen.py").is_file():
        return
    sys.path.insert(0, str(tree.root / "tools"))
    import gen
    for path in gen.stale():
        tree.report("generated", path, 1, "is out of date: run ./dev gen")


def apply_exceptions(tree):
    """Takes away what the list allows, and adds what is wrong with the list itself."""
    listing = "tools/tidy_exceptions.txt"
    allowed = {}
    for number, line in rows(tree.root / listing):
        words = line.split("#")[0].split()
        reason = line.partition("#")[2].strip()
        if len(words) not in (3, 4) or not reason or (len(words) == 4 and not words[3].isdigit()):
            tree.report("exceptions", listing, number, "not: rule path subject [number] # why")
            continue
        allowed[tuple(words[:3])] = [number, int(words[3]) if len(words) == 4 else None, None]
    left = []
    for p in tree.problems:
        entry = allowed.get((p.rule, p.path, p.subject))
        if entry is None or (entry[1] is not None and p.value > entry[1]):
            left.append(p)
        if entry is not None:
            entry[2] = max(entry[2] or 0, p.value)
    for key, (number, most, seen) in allowed.items():
        advice = None
        if seen is None:
            advice = "no longer needed"
        elif most is not None and seen < most:
            advice = f"lower it to {seen}"
        if advice:
            text = f"{' '.join(key)}: {advice}"
            left.append(Problem("exceptions", listing, number, "-", text))
    tree.problems = left


def check(root):
    tree = Tree(Path(root).resolve())
    read_layers(tree)
    read_files(tree)
    for path, text in tree.texts.items():
        check_text(tree, path, text)
    for path, source in tree.sources.items():
        check_includes(tree, path, source)
        check_functions(tree, path, source)
        check_calls(tree, path, source)
    check_names(tree)
    check_dead(tree)
    check_readmes(tree)
    check_generated(tree)
    apply_exceptions(tree)
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--notes", action="store_true", help="also what is used by tests only")
    parser.add_argument("paths", nargs="*", help="report only what lies under these")
    args = parser.parse_args()
    tree = check(args.root)
    wanted = tuple(p.rstrip("/") for p in args.paths)
    shown = [p for p in tree.problems if not wanted or p.path.startswith(wanted)]
    for p in sorted(shown, key=lambda p: (p.path, p.line)):
        print(f"{p.path}:{p.line}: {p.rule}: {p.message}")
    if args.notes:
        print("\n".join(tree.notes))
    print(f"tidy: {len(tree.texts)} files, {len(shown)} to mend")
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
