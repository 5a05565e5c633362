// What is written, as it is written.
import { useEffect, useState } from "preact/hooks";
import { collectionPath, followLines, idText } from "./api.js";
import { Empty, ErrorBox } from "./parts.jsx";

const KEPT = 200;

function useChanges(path, filter, paused) {
  const [rows, setRows] = useState([]);
  const [error, setError] = useState(null);
  useEffect(() => setRows([]), [path, filter]);
  useEffect(() => {
    if (paused) return;
    const abort = new AbortController();
    const words = new URLSearchParams({ follow: "true", int64: "string" });
    if (filter) words.set("filter", filter);
    setError(null);
    followLines(`${path}/changes?${words}`, abort.signal, (change) => {
      if (change.op) setRows((was) => [change, ...was.slice(0, KEPT - 1)]);
    }).catch((problem) => abort.signal.aborted || setError(problem));
    return () => abort.abort();
  }, [path, filter, paused]);
  return { rows, error };
}

export function Changes({ database, collection }) {
  const [filter, setFilter] = useState("");
  const [asked, setAsked] = useState("");
  const [paused, setPaused] = useState(false);
  const { rows, error } = useChanges(collectionPath(database, collection), asked, paused);
  const ask = (event) => (event.preventDefault(), setAsked(filter.trim()));
  return (
    <>
      <h1>Changes of {collection}</h1>
      <form class="query" onSubmit={ask}>
        <input aria-label="Filter" placeholder="Only what fits: year > 2000" value={filter} onInput={(e) => setFilter(e.target.value)} />
        <button class="primary">Follow</button>
        <button type="button" onClick={() => setPaused(!paused)}>{paused ? "Go on" : "Pause"}</button>
      </form>
      <ErrorBox error={error} />
      {rows.length === 0 && !error && <Empty>{paused ? "Paused." : "Waiting for the next write…"}</Empty>}
      {rows.length > 0 && (
        <div class="scroll">
          <table class="rows">
            <thead><tr><th>Time</th><th>What</th><th>_id</th><th class="number">Version</th><th>Document</th></tr></thead>
            <tbody>
              {rows.map((change) => (
                <tr key={change.seq}>
                  <td>{change.time.slice(11, 23)}</td>
                  <td><span class={`op ${change.op}`}>{change.op}</span></td>
                  <td>{idText(change.id)}</td>
                  <td class="number">{change.version}</td>
                  <td><code>{change.document ? JSON.stringify(change.document).slice(0, 300) : ""}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
