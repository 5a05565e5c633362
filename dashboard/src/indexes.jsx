// Indexes of a collection: their state, new ones, gone ones.
import { useState } from "preact/hooks";
import { call, collectionPath, getJson } from "./api.js";
import { Empty, ErrorBox, SureButton, useLoaded } from "./parts.jsx";

const term = (field) => (typeof field === "string" ? field : `${field.order === "desc" ? "-" : ""}${field.path}`);

// "a, -b.c" as the fields of an index.
function fieldsOf(text) {
  const words = text.split(",").map((word) => word.trim()).filter(Boolean);
  return words.map((word) => (word.startsWith("-") ? { path: word.slice(1), order: "desc" } : word));
}

function NewIndex({ path, onMade }) {
  const [name, setName] = useState("");
  const [fields, setFields] = useState("");
  const [unique, setUnique] = useState(false);
  const [error, setError] = useState(null);
  const make = async (event) => {
    event.preventDefault();
    const body = JSON.stringify({ type: "btree", fields: fieldsOf(fields), ...(unique && { unique }) });
    try {
      await call("PUT", `${path}/${encodeURIComponent(name.trim())}`, { body });
      setName(""), setFields(""), setError(null);
      onMade();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <form class="query" onSubmit={make}>
      <input class="short" aria-label="Name" placeholder="Name" required value={name} onInput={(e) => setName(e.target.value)} />
      <input aria-label="Fields" placeholder="Fields: year, -title" required value={fields} onInput={(e) => setFields(e.target.value)} />
      <label><input type="checkbox" checked={unique} onChange={(e) => setUnique(e.target.checked)} /> unique</label>
      <button class="primary">Create</button>
      <ErrorBox error={error} onClose={() => setError(null)} />
    </form>
  );
}

function State({ index }) {
  if (index.state === "building")
    return <progress max="1" value={index.progress} title={`${Math.round(index.progress * 100)} %`} />;
  return <span class={index.state === "failed" ? "bad" : "good"} title={index.error?.detail}>{index.state}</span>;
}

export function Indexes({ database, collection }) {
  const path = `${collectionPath(database, collection)}/indexes`;
  const { data, error, reload } = useLoaded(() => getJson(path), [path], 2000);
  const [dropError, setDropError] = useState(null);
  const drop = (name) => async () => {
    try {
      await call("DELETE", `${path}/${encodeURIComponent(name)}`);
      setDropError(null);
    } catch (problem) {
      setDropError(problem);
    }
    reload();
  };
  return (
    <>
      <h1>Indexes of {collection}</h1>
      <ErrorBox error={error ?? dropError} />
      <NewIndex path={path} onMade={reload} />
      {data?.items.length === 0 && <Empty>No index yet: every filter reads the whole collection.</Empty>}
      {data?.items.length > 0 && (
        <table>
          <thead><tr><th>Name</th><th>Fields</th><th>Unique</th><th>Only where</th><th>State</th><th /></tr></thead>
          <tbody>
            {data.items.map((index) => (
              <tr key={index.name}>
                <td>{index.name}</td>
                <td><code>{(index.fields ?? [index.field]).map(term).join(", ")}</code></td>
                <td>{index.unique ? "yes" : ""}</td>
                <td><code>{index.where ? JSON.stringify(index.where) : ""}</code></td>
                <td><State index={index} /></td>
                <td><SureButton label="Drop" question={`Drop ${index.name}?`} act={drop(index.name)} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
