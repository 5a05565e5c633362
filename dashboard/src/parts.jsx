// What several pages use: loading, errors, a place in the address.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export function ErrorBox({ error, onClose }) {
  if (!error) return null;
  return (
    <div class="error" role="alert">
      <div>
        <strong>{error.message}</strong>
        {error.hint && <div>{error.hint}</div>}
        {error.code && <div class="faint">{error.code} · {error.requestId}</div>}
      </div>
      {onClose && <button class="plain" aria-label="Close" onClick={onClose}>×</button>}
    </div>
  );
}

// Runs load (async) at once, whenever inputs change, and every ms where ms is given. The last
// answer stays until the next one is there; what belongs to older inputs is dropped.
export function useLoaded(load, inputs, ms) {
  const [state, setState] = useState({ data: null, error: null });
  const round = useRef(0);
  const run = useCallback(async () => {
    const mine = ++round.current;
    try {
      const data = await load();
      if (mine === round.current) setState({ data, error: null });
    } catch (error) {
      if (mine === round.current) setState((was) => ({ ...was, error }));
    }
  }, inputs);
  useEffect(() => {
    run();
    const timer = ms ? setInterval(() => document.hidden || run(), ms) : null;
    return () => (clearInterval(timer), round.current++);
  }, [run, ms]);
  return { ...state, reload: run };
}

// --- #/page/database/collection ---

const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

export const go = (...parts) => (location.hash = `#/${parts.map(encodeURIComponent).join("/")}`);

export function usePlace() {
  const [parts, setParts] = useState(read);
  useEffect(() => {
    const follow = () => setParts(read());
    follow(); // it may have changed before this runs
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const [page, database, collection] = parts;
  return { page: page || "overview", database: database || "main", collection: collection || "" };
}

export function Empty({ children }) {
  return <p class="empty">{children}</p>;
}

// Asks before act; act may be async, and its error is told where the button is.
export function SureButton({ label, question, act }) {
  const [asked, setAsked] = useState(false);
  if (!asked) return <button class="quiet danger" onClick={() => setAsked(true)}>{label}</button>;
  return (
    <span class="sure">
      {question} <button class="danger" onClick={() => (setAsked(false), act())}>Yes</button>{" "}
      <button onClick={() => setAsked(false)}>No</button>
    </span>
  );
}
