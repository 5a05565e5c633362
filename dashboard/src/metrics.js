// Prometheus' text format, and what the overview works out of two readings of it.

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

// [{name, labels, value}]
export function parse(text) {
  const out = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : SERIES.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(LABEL)) labels[name] = value;
    out.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return out;
}

export const sum = (series, name, fits = () => true) =>
  series.reduce((total, s) => (s.name === name && fits(s.labels) ? total + s.value : total), 0);

// Cumulative counts by upper bound (seconds) of all operations that end by themselves.
function buckets(series) {
  const out = new Map();
  for (const { name, labels, value } of series) {
    if (name !== "nacre_request_duration_seconds_bucket") continue;
    if (["changes", "import", "export"].includes(labels.op)) continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    out.set(bound, (out.get(bound) ?? 0) + value);
  }
  return out;
}

// The quantile of what came between two readings, in seconds: linear within a bucket, as
// histogram_quantile does; null where nothing came.
export function quantile(before, after, q) {
  const old = buckets(before);
  const rows = [...buckets(after)].sort((a, b) => a[0] - b[0]);
  const counts = rows.map(([bound, count]) => [bound, count - (old.get(bound) ?? 0)]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let low = 0;
  let below = 0;
  for (const [bound, count] of counts) {
    if (count >= q * total) {
      if (bound === Infinity) return low;
      return low + ((bound - low) * (q * total - below)) / Math.max(count - below, 1);
    }
    low = bound;
    below = count;
  }
  return low;
}

const isFailure = (labels) => labels.code !== "ok";

// What one reading and the one before it (seconds apart) tell.
export function reading(before, after, seconds) {
  const rate = (name, fits) => (sum(after, name, fits) - sum(before, name, fits)) / seconds;
  return {
    requests: rate("nacre_requests_total"),
    failures: rate("nacre_requests_total", isFailure),
    median: quantile(before, after, 0.5),
    p99: quantile(before, after, 0.99),
    cpu: rate("process_cpu_seconds_total"),
    used: sum(after, "nacre_memory_bytes", (l) => l.part === "used"),
    limit: sum(after, "nacre_memory_bytes", (l) => l.part === "limit"),
    resident: sum(after, "process_resident_memory_bytes"),
    log: sum(after, "nacre_log_bytes"),
    disk: sum(after, "nacre_storage_bytes"),
    documents: sum(after, "nacre_documents"),
  };
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) (n /= 1024), unit++;
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}
export function duration(seconds) {
  if (seconds === null) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${(seconds * 1000).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}
