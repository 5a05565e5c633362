// Documents of a collection: found by a filter, page by page, edited as text under their version.
import { useEffect, useState } from "preact/hooks";
import { call, collectionPath, documentPath, getJson, idText } from "./api.js";
import { JsonEditor } from "./editor.jsx";
import { layOut } from "./json.js";
import { Empty, ErrorBox, SureButton } from "./parts.jsx";

const PAGE = 50;

function show(value) {
  if (value === undefined) return "";
  if (typeof value?.$int64 === "string") return value.$int64;
  return typeof value === "string" ? value : JSON.stringify(value);
}

const SYSTEM = new Set(["_id", "_version", "_created", "_updated", "_expires", "_lease"]);

// The names to show as columns: those that most rows have, at most so many.
function columnsOf(items) {
  const counts = new Map();
  for (const item of items)
    for (const name of Object.keys(item)) if (!SYSTEM.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([name]) => name);
}

function Rows({ items, onOpen }) {
  const names = columnsOf(items);
  return (
    <div class="scroll">
      <table class="rows">
        <thead><tr><th>_id</th>{names.map((n) => <th key={n}>{n}</th>)}</tr></thead>
        <tbody>
          {items.map((item) => (
            <tr key={show(item._id)} onClick={() => onOpen(item._id)}>
              <td><button class="link">{idText(item._id)}</button></td>
              {names.map((n) => <td key={n}>{show(item[n]).slice(0, 120)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// id undefined: a new document.
function Document({ database, collection, id, onDone }) {
  const [text, setText] = useState(id === undefined ? "{\n  \n}" : null);
  const [etag, setEtag] = useState("");
  const [error, setError] = useState(null);
  const path = id === undefined ? null : documentPath(database, collection, id);
  const load = async () => {
    try {
      const response = await call("GET", path);
      setEtag(response.headers.get("ETag"));
      setText(layOut(await response.text()));
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => void (path && load()), [path]);
  const attempt = (act) => async () => {
    try {
      await act();
      onDone(true);
    } catch (problem) {
      setError(problem);
    }
  };
  const save = attempt(() =>
    path
      ? call("PUT", path, { body: text, headers: { "If-Match": etag } })
      : call("POST", `${collectionPath(database, collection)}/docs`, { body: text }));
  const remove = attempt(() => call("DELETE", path, { headers: { "If-Match": etag } }));
  return (
    <section class="card document" aria-label="Document">
      <header>
        <h2>{id === undefined ? "New document" : idText(id)}</h2>
        {etag && <span class="faint">version {etag.replaceAll('"', "")}</span>}
        <button class="plain" aria-label="Close" onClick={() => onDone(false)}>×</button>
      </header>
      <ErrorBox error={error} onClose={() => setError(null)} />
      {error?.status === 412 && <button onClick={load}>Load what is stored now</button>}
      {text !== null && <JsonEditor text={text} onChange={setText} onSave={save} label="Document as JSON" />}
      <footer>
        <button class="primary" onClick={save} disabled={text === null}>Save</button>
        {path && <SureButton label="Delete" question="Delete this document?" act={remove} />}
      </footer>
    </section>
  );
}

function usePages(database, collection, asked) {
  const [state, setState] = useState({ items: [], cursors: [""], next: "", total: null, error: null, ready: false });
  const load = async (cursors) => {
    const words = new URLSearchParams({ int64: "string", limit: PAGE });
    for (const [name, value] of [["filter", asked.filter], ["sort", asked.sort], ["cursor", cursors.at(-1)]])
      if (value) words.set(name, value);
    try {
      const page = await getJson(`${collectionPath(database, collection)}/docs?${words}`);
      setState((was) => ({ ...was, items: page.items, cursors, next: page.next_cursor ?? "", error: null, ready: true }));
    } catch (error) {
      setState((was) => ({ ...was, error, ready: true }));
    }
  };
  useEffect(() => {
    setState({ items: [], cursors: [""], next: "", error: null, ready: false });
    load([""]);
  }, [database, collection, asked]);
  return { ...state, load };
}

export function Data({ database, collection }) {
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState("");
  const [asked, setAsked] = useState({ filter: "", sort: "" });
  const [open, setOpen] = useState(null); // {id?}
  const pages = usePages(database, collection, asked);
  useEffect(() => setOpen(null), [database, collection]);
  const ask = (event) => (event.preventDefault(), setAsked({ filter: filter.trim(), sort: sort.trim() }));
  const close = (changed) => (setOpen(null), changed && pages.load(pages.cursors));
  return (
    <>
      <h1>{collection} <button onClick={() => setOpen({})}>New document</button></h1>
      <form class="query" onSubmit={ask}>
        <input aria-label="Filter" placeholder={`Filter: year > 2000, or {"year": {"$gt": 2000}}`} value={filter}
          onInput={(e) => setFilter(e.target.value)} spellcheck={false} />
        <input aria-label="Sort" class="short" placeholder="Sort: -year,title" value={sort}
          onInput={(e) => setSort(e.target.value)} spellcheck={false} />
        <button class="primary">Find</button>
      </form>
      <ErrorBox error={pages.error} />
      {open && <Document key={show(open.id)} database={database} collection={collection} id={open.id} onDone={close} />}
      {pages.items.length > 0 && <Rows items={pages.items} onOpen={(id) => setOpen({ id })} />}
      {pages.ready && !pages.error && pages.items.length === 0 && <Empty>No documents fit.</Empty>}
      <nav class="pages" aria-label="Pages">
        <button disabled={pages.cursors.length < 2} onClick={() => pages.load(pages.cursors.slice(0, -1))}>Previous</button>
        <span class="faint">Page {pages.cursors.length}</span>
        <button disabled={!pages.next} onClick={() => pages.load([...pages.cursors, pages.next])}>Next</button>
      </nav>
    </>
  );
}
