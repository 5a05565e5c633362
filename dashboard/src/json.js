// JSON text laid out for reading without being understood: numbers keep every digit and 1.0 stays
// 1.0, which JSON.parse would lose.

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export function layOut(text) {
  const tokens = text.match(TOKENS) ?? [];
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === "{" || token === "[") {
      const closes = tokens[i + 1] === (token === "{" ? "}" : "]");
      out += token;
      if (closes) out += tokens[++i];
      else (depth++, (out += line()));
    } else if (token === "}" || token === "]") {
      depth--;
      out += line() + token;
    } else if (token === ",") out += token + line();
    else if (token === ":") out += ": ";
    else out += token;
  }
  return out;
}
