// The server's REST surface, as the pages call it. The key stays in this tab.

const STORED = "nacre.key";
let key = sessionStorage.getItem(STORED) ?? "";
let onSignedOut = () => {};

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.requestId = body.request_id ?? "";
  }
}

export const isSignedIn = () => key !== "";
export const whenSignedOut = (act) => (onSignedOut = act);

export function signOut() {
  key = "";
  sessionStorage.removeItem(STORED);
  onSignedOut();
}

// Keeps the key if the server takes it; throws a Problem otherwise.
export async function signIn(given) {
  key = given.trim();
  try {
    await getJson("/v1");
  } catch (problem) {
    key = "";
    throw problem;
  }
  sessionStorage.setItem(STORED, key);
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return new Problem(response.status, JSON.parse(text));
  } catch {
    return new Problem(response.status, {});
  }
}

// A Response whose status is good. Throws a Problem, or what fetch throws.
export async function call(method, path, { body, headers, signal } = {}) {
  const sent = { Authorization: `Bearer ${key}`, ...headers };
  if (body !== undefined) sent["Content-Type"] ??= "application/json";
  const response = await fetch(path, { method, headers: sent, body, signal, cache: "no-store" });
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && isSignedIn()) signOut();
  throw problem;
}

export const getText = async (path, options) => (await call("GET", path, options)).text();
export const getJson = async (path, options) => (await call("GET", path, options)).json();

// --- paths ---

const segment = encodeURIComponent;
export const databasePath = (database) => `/v1/db/${segment(database)}`;
export const collectionPath = (database, collection) =>
  `${databasePath(database)}/collections/${segment(collection)}`;

// An id as its row has it: a string, a number, or {"$int64": digits}.
export function idText(id) {
  return typeof id === "object" && id ? id.$int64 : String(id);
}
export function documentPath(database, collection, id) {
  const text = idText(id);
  const name = typeof id === "string" ? segment(text.startsWith("~") ? `~${text}` : text) : `~${text}`;
  return `${collectionPath(database, collection)}/docs/${name}`;
}

// Calls act with each line of an NDJSON answer, until it ends or signal aborts.
export async function followLines(path, signal, act) {
  const response = await call("GET", path, { signal, headers: { Accept: "application/x-ndjson" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) act(JSON.parse(line));
  }
}
