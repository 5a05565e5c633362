// Queries that run and jobs in the background, and their end.
import { useState } from "preact/hooks";
import { call, getJson } from "./api.js";
import { Empty, ErrorBox, SureButton, useLoaded } from "./parts.jsx";

function Table({ title, path, columns, empty }) {
  const { data, error, reload } = useLoaded(() => getJson(path), [path], 1000);
  const [endError, setEndError] = useState(null);
  const end = (id) => async () => {
    try {
      await call("DELETE", `${path}/${encodeURIComponent(id)}`);
      setEndError(null);
    } catch (problem) {
      setEndError(problem);
    }
    reload();
  };
  return (
    <>
      <h2>{title}</h2>
      <ErrorBox error={error ?? endError} />
      {data?.items.length === 0 && <Empty>{empty}</Empty>}
      {data?.items.length > 0 && (
        <table>
          <thead><tr>{columns.map(([name]) => <th key={name}>{name}</th>)}<th /></tr></thead>
          <tbody>
            {data.items.map((item) => (
              <tr key={item.id}>
                {columns.map(([name, of]) => <td key={name}>{of(item)}</td>)}
                <td><SureButton label="Cancel" question="Cancel it?" act={end(item.id)} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

const where = (item) => [item.database, item.collection].filter(Boolean).join("/");
const share = (item) => (item.progress === undefined ? "" : <progress max="1" value={item.progress} />);

export function Running() {
  return (
    <>
      <h1>Running</h1>
      <Table title="Queries" path="/v1/queries" empty="Nothing runs."
        columns={[["What", (q) => q.op], ["On", where], ["For", (q) => `${q.ms} ms`], ["Examined", (q) => q.examined],
          ["Rows", (q) => q.rows], ["Request", (q) => <code>{(q.request ?? "").slice(0, 200)}</code>]]} />
      <Table title="Jobs" path="/v1/jobs" empty="No jobs."
        columns={[["What", (j) => j.kind], ["On", where], ["State", (j) => j.state], ["Progress", share]]} />
    </>
  );
}
