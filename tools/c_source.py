"""Reads C well enough for tools/tidy.py: includes, functions, declarations, calls.

This is no compiler: macros are not expanded and types are not resolved. Comments, strings and
preprocessor lines are told apart exactly, so what is found stands in the code and not in a text.
"""
import re
from dataclasses import dataclass, field

KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else", "case", "typeof",
            "_Alignof", "_Alignas", "_Static_assert", "static_assert", "_Generic", "__attribute__",
            "__asm__", "asm", "defined", "alignas", "decltype", "__typeof__"}
BLOCK_WORDS = {"if", "for", "while", "switch"}
TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|"[^"]*"|\'[^\']*\'|->|\.\.\.|[^\s\w]')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


@dataclass
class Token:
    text: str
    line: int


@dataclass
class Function:
    """A definition (with lines and nesting) or, with body False, a declaration."""
    name: str
    line: int
    head: list          # the words before the name
    params: int
    static: bool
    body: bool
    lines: int = 0
    nesting: int = 0


@dataclass
class Source:
    text: str
    code: str = ""                                   # comments and texts blanked
    includes: list = field(default_factory=list)     # (line, '<' or '"', path)
    functions: list = field(default_factory=list)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def strip_texts(text):
    """Blanks comments and what stands between quotes; lines and columns stay as they are."""
    out = []
    i, n = 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == "/*":
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
            out.append(blank(text[i:end]))
        elif two == "//":
            end = line_end(text, i)
            out.append(blank(text[i:end]))
        elif text[i] in "\"'" and not (text[i] == "'" and digit_separator(text, i)):
            end = quote_end(text, i)
            closed = end <= n and end - i >= 2 and text[end - 1] == text[i]
            out.append(text[i] + blank(text[i + 1:end - 1]) + text[end - 1] if closed
                       else blank(text[i:end]))
        else:
            end = i + 1
            out.append(text[i])
        i = end
    return "".join(out)


def digit_separator(text, i):
    return i > 0 and text[i - 1].isdigit() and i + 1 < len(text) and text[i + 1].isdigit()


def line_end(text, i):
    """The end of a logical line: a backslash before the newline carries on."""
    while True:
        end = text.find("\n", i)
        if end < 0:
            return len(text)
        if not text[:end].endswith("\\"):
            return end
        i = end + 1


def quote_end(text, i):
    quote = text[i]
    j = i + 1
    while j < len(text) and text[j] != quote and text[j] != "\n":
        j += 2 if text[j] == "\\" else 1
    return min(j + 1, len(text)) if j < len(text) and text[j] == quote else min(j, len(text))


def split_directives(code, first_branch_only):
    """Blanks preprocessor lines and, if asked, what stands after #else and #elif."""
    out = []
    skip = []       # one entry for each open #if: are we past its first branch?
    carried = False
    for line in code.split("\n"):
        word = re.match(r"[ \t]*#[ \t]*(\w+)", line)
        directive = carried or word is not None
        if word and not carried:
            name = word.group(1)
            if name.startswith("if"):
                skip.append(False)
            elif name in ("else", "elif") and skip:
                skip[-1] = True
            elif name == "endif" and skip:
                skip.pop()
        carried = directive and line.endswith("\\")
        hidden = directive or (first_branch_only and any(skip))
        out.append("" if hidden else line)
    return "\n".join(out)


def tokens_of(code):
    out = []
    for number, line in enumerate(code.split("\n"), 1):
        out += [Token(m.group(), number) for m in TOKEN.finditer(line)]
    return out


def balanced(tokens):
    depth = 0
    for token in tokens:
        depth += {"{": 1, "}": -1}.get(token.text, 0)
        if depth < 0:
            return False
    return depth == 0


def match_paren(tokens, i):
    """The index of the parenthesis that closes the one at i."""
    depth = 0
    for j in range(i, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[j].text, 0)
        if depth == 0:
            return j
    return len(tokens) - 1


def head_function(head):
    """(name index, params) of the function that these tokens declare, or None."""
    i = 0
    while i < len(head):
        text = head[i].text
        if text in ("=", "typedef") or text == "struct" and len(head) < 3:
            return None
        nxt = head[i + 1].text if i + 1 < len(head) else ""
        if nxt != "(" or not re.match(r"[A-Za-z_]", text):
            i += 1
            continue
        close = match_paren(head, i + 1)
        if text in KEYWORDS or text.isupper():      # an attribute, or a macro that stands for one
            i = close + 1
            continue
        if i == 0 or head[i + 2].text == "*":       # a macro call; a pointer to function
            return None
        return i, count_params(head[i + 2:close])
    return None


def count_params(tokens):
    texts = [t.text for t in tokens]
    if not texts or texts == ["void"]:
        return 0
    depth, count = 0, 1
    for text in texts:
        depth += {"(": 1, ")": -1}.get(text, 0)
        count += text == "," and depth == 0
    return count


def body_metrics(tokens, i):
    """(index of the closing brace, deepest nesting of blocks) for the body that opens at i."""
    kinds = []              # of each open brace: True = a block that nests
    parens = []             # the word before each open parenthesis
    closed_word = ""        # the word before the parenthesis closed last
    deepest = 0
    j = i
    while j < len(tokens):
        text = tokens[j].text
        before = tokens[j - 1].text
        if text == "(":
            parens.append(before)
        elif text == ")" and parens:
            closed_word = parens.pop()
        elif text == "{":
            loop = closed_word in BLOCK_WORDS or "each" in closed_word.lower()
            control = before == ")" and loop
            kinds.append(len(kinds) > 0 and (control or before in ("else", "do")))
            deepest = max(deepest, sum(kinds))
        elif text == "}":
            kinds.pop()
            if not kinds:
                return j, deepest
        j += 1
    return len(tokens) - 1, deepest


def find_functions(tokens):
    found = []
    head = []
    i = 0
    transparent = 0         # open braces of extern "C" and namespaces
    hidden = 0              # of those, the namespaces without a name
    while i < len(tokens):
        text = tokens[i].text
        if text == ";":
            add_function(found, head, hidden > 0)
            head = []
        elif text == "{":
            words = [t.text for t in head]
            if words[:1] == ["extern"] and len(words) == 2 or words[:1] == ["namespace"]:
                transparent += 1
                hidden += words == ["namespace"]
            else:
                i = add_braced(found, head, tokens, i, hidden > 0)
            head = []
        elif text == "}":
            transparent -= 1
            head = []
        else:
            head.append(tokens[i])
        i += 1
    return found


def add_function(found, head, hidden):
    place = head_function(head) if head else None
    if place is None:
        return None
    at, params = place
    words = [t.text for t in head[:at]]
    found.append(Function(head[at].text, head[at].line, [t.text for t in head], params,
                          "static" in words or hidden, False))
    return found[-1]


def add_braced(found, head, tokens, i, hidden):
    close, nesting = body_metrics(tokens, i)
    function = add_function(found, head, hidden)
    if function is not None:
        function.body = True
        function.lines = tokens[close].line - head[0].line + 1
        function.nesting = nesting
    return close


def read(text):
    source = Source(text)
    source.code = strip_texts(text)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        # An include inside a comment is blank in the code.
        if source.code[match.start():match.end()].strip():
            source.includes.append((line, match.group(1), match.group(2)))
    tokens = tokens_of(split_directives(source.code, False))
    if not balanced(tokens):
        tokens = tokens_of(split_directives(source.code, True))
    source.functions = find_functions(tokens)
    return source
