import assert from "node:assert/strict";
import test from "node:test";
import { bytes, duration, parse, quantile, reading, sum } from "../src/metrics.js";

const histogram = (op, ...counts) =>
  ["0.001", "0.01", "+Inf"].map((le, i) => `nacre_request_duration_seconds_bucket{op="${op}",le="${le}"} ${counts[i]}`).join("\n");

test("series, labels and comments", () => {
  const series = parse('# HELP a b\na{x="1",y="q\\"r"} 2\nb 3e3\nnonsense\n');
  assert.deepEqual(series, [
    { name: "a", labels: { x: "1", y: 'q\\"r' }, value: 2 },
    { name: "b", labels: {}, value: 3000 },
  ]);
  assert.equal(sum(series, "a"), 2);
});

test("quantiles of what came between two readings", () => {
  const before = parse(histogram("query", 10, 10, 10));
  const after = parse(histogram("query", 10, 20, 20));
  assert.ok(Math.abs(quantile(before, after, 0.5) - 0.0055) < 1e-12);
  assert.equal(quantile(after, after, 0.5), null);
  assert.equal(quantile(before, parse(histogram("query", 10, 10, 12)), 0.99), 0.01);
});

test("streams without end do not count as slow", () => {
  assert.equal(quantile([], parse(histogram("changes", 0, 0, 5)), 0.5), null);
});

test("rates", () => {
  const before = parse('nacre_requests_total{op="query",code="ok"} 5');
  const after = parse('nacre_requests_total{op="query",code="ok"} 25\nnacre_requests_total{op="query",code="timeout"} 4');
  const row = reading(before, after, 2);
  assert.equal(row.requests, 12);
  assert.equal(row.failures, 2);
});

test("figures for people", () => {
  assert.deepEqual([0, 1023, 1536, 5 * 2 ** 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
  assert.deepEqual([null, 0.00005, 0.0123, 2].map(duration), ["–", "50 µs", "12.3 ms", "2.00 s"]);
});
