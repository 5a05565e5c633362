// How the server does: requests, times, memory, disk, collections.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { getJson, getText } from "./api.js";
import { Chart } from "./chart.jsx";
import { bytes, duration, parse, reading } from "./metrics.js";
import { ErrorBox, go } from "./parts.jsx";

const EVERY_MS = 2000;
const KEPT = 300; // ten minutes

function useReadings() {
  const [rows, setRows] = useState([]);
  const [error, setError] = useState(null);
  const last = useRef(null);
  useEffect(() => {
    let stopped = false;
    const read = async () => {
      try {
        const series = parse(await getText("/metrics"));
        const now = performance.now() / 1000;
        const before = last.current ?? { series, now: now - 1 };
        last.current = { series, now };
        const row = { time: Date.now() / 1000, ...reading(before.series, series, now - before.now) };
        if (!stopped) setRows((was) => [...was.slice(1 - KEPT), row]), setError(null);
      } catch (problem) {
        if (!stopped) setError(problem);
      }
    };
    read();
    const timer = setInterval(() => document.hidden || read(), EVERY_MS);
    return () => ((stopped = true), clearInterval(timer));
  }, []);
  return { rows, error };
}

function Tile({ label, value, note }) {
  return (
    <div class="card tile">
      <div class="faint">{label}</div>
      <div class="figure">{value}</div>
      <div class="faint">{note}</div>
    </div>
  );
}

function Tiles({ now }) {
  return (
    <div class="tiles">
      <Tile label="Requests" value={`${now.requests.toFixed(now.requests < 10 ? 1 : 0)}/s`} note={`${now.failures.toFixed(1)}/s refused`} />
      <Tile label="Latency, p99" value={duration(now.p99)} note={`median ${duration(now.median)}`} />
      <Tile label="Memory" value={bytes(now.used)} note={`budget ${bytes(now.limit)} · resident ${bytes(now.resident)}`} />
      <Tile label="Disk" value={now.disk ? bytes(now.disk) : bytes(now.log)} note={now.disk ? `log to replay ${bytes(now.log)}` : "of log to replay"} />
      <Tile label="Documents" value={now.documents.toLocaleString("en")} note="in all collections" />
      <Tile label="Processor" value={`${(now.cpu * 100).toFixed(0)} %`} note="of one core" />
    </div>
  );
}

const columns = (rows, ...names) => [rows.map((r) => r.time), ...names.map((n) => rows.map((r) => r[n]))];

export function Overview({ databases }) {
  const { rows, error } = useReadings();
  const [about, setAbout] = useState(null);
  useEffect(() => void getJson("/v1").then(setAbout, () => {}), []);
  const requests = useMemo(() => columns(rows, "requests", "failures"), [rows]);
  const times = useMemo(() => columns(rows, "median", "p99"), [rows]);
  const memory = useMemo(() => columns(rows, "used", "resident"), [rows]);
  return (
    <>
      <h1>Overview {about && <small class="faint">Nacre {about.version}</small>}</h1>
      <ErrorBox error={error} />
      {rows.length > 0 && <Tiles now={rows.at(-1)} />}
      <div class="charts">
        <Chart title="Requests a second" columns={requests} format={(v) => v.toFixed(v < 10 ? 1 : 0)}
          lines={[{ label: "all", colour: "--accent" }, { label: "refused", colour: "--bad" }]} />
        <Chart title="Latency" columns={times} format={duration}
          lines={[{ label: "median", colour: "--accent" }, { label: "p99", colour: "--second" }]} />
        <Chart title="Memory" columns={memory} format={bytes}
          lines={[{ label: "charged", colour: "--accent" }, { label: "resident", colour: "--second" }]} />
      </div>
      <h2>Databases</h2>
      <table>
        <thead><tr><th>Name</th><th class="number">Documents</th><th class="number">Logical size</th></tr></thead>
        <tbody>
          {databases.map((d) => (
            <tr key={d.name}>
              <td><button class="link" onClick={() => go("data", d.name)}>{d.name}</button></td>
              <td class="number">{d.documents.toLocaleString("en")}</td>
              <td class="number">{bytes(d.storage_bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
