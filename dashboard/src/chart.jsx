// Lines over time, drawn by uPlot in the colours of the page.
import uPlot from "uplot";
import { useEffect, useRef } from "preact/hooks";
import "uplot/dist/uPlot.min.css";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8);

function axis(format) {
  const line = { stroke: () => colour("--line"), width: 1 };
  return { stroke: () => colour("--faint"), grid: line, ticks: line, values: (_, ticks) => ticks.map(format) };
}

// columns: [times (Unix seconds), values…]; lines: [{label, colour: "--name"}] one per values.
export function Chart({ title, columns, lines, format }) {
  const host = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const size = () => ({ width: host.current.clientWidth, height: 160 });
    const series = lines.map(({ label, colour: name }) => ({
      label, stroke: () => colour(name), width: 1.5, spanGaps: false,
      value: (_, v) => (v === null || v === undefined ? "–" : format(v)),
    }));
    plot.current = new uPlot(
      {
        ...size(),
        series: [{ label: "at", value: (_, t) => (t === null ? "–" : clock(t)) }, ...series],
        axes: [{ ...axis(clock), space: 90 }, { ...axis(format), size: 70 }],
        scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      },
      columns, host.current);
    const watch = new ResizeObserver(() => plot.current.setSize(size()));
    watch.observe(host.current);
    return () => (watch.disconnect(), plot.current.destroy());
  }, []);
  useEffect(() => plot.current.setData(columns), [columns]);
  return (
    <figure class="card chart">
      <figcaption>{title}</figcaption>
      <div ref={host} />
    </figure>
  );
}
