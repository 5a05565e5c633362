// The frame: signing in, the pages, the database and collection they are about.
import { render } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { databasePath, getJson, isSignedIn, signIn, signOut, whenSignedOut } from "./api.js";
import { Changes } from "./changes.jsx";
import { Data } from "./data.jsx";
import { Indexes } from "./indexes.jsx";
import { Overview } from "./overview.jsx";
import { Empty, ErrorBox, go, useLoaded, usePlace } from "./parts.jsx";
import { Running } from "./running.jsx";
import "./style.css";

const PAGES = [["overview", "Overview"], ["data", "Data"], ["indexes", "Indexes"], ["changes", "Changes"], ["running", "Running"]];
const OF_COLLECTION = { data: Data, indexes: Indexes, changes: Changes };

function SignIn({ onIn }) {
  const [key, setKey] = useState("");
  const [error, setError] = useState(null);
  const enter = async (event) => {
    event.preventDefault();
    try {
      await signIn(key);
      onIn();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <main class="signin">
      <form class="card" onSubmit={enter}>
        <h1>Nacre</h1>
        <label for="key">Key</label>
        <input id="key" type="password" autocomplete="off" autofocus value={key} onInput={(e) => setKey(e.target.value)} />
        <p class="faint">The admin key is in the file <code>admin.key</code> of the server's directory. It stays in this tab.</p>
        <ErrorBox error={error} />
        <button class="primary" disabled={!key.trim()}>Sign in</button>
      </form>
    </main>
  );
}

const THEME = "nacre.theme";
function ThemeButton() {
  const [theme, setTheme] = useState(localStorage.getItem(THEME) ?? "");
  useLayoutEffect(() => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    localStorage.setItem(THEME, theme);
  }, [theme]);
  const next = { "": "dark", dark: "light", light: "" }[theme];
  return <button class="quiet" onClick={() => setTheme(next)}>{theme || "system"} theme</button>;
}

function Sidebar({ place, databases, collections }) {
  const page = OF_COLLECTION[place.page] ? place.page : "data";
  return (
    <aside>
      <div class="brand">Nacre</div>
      <nav aria-label="Pages">
        {PAGES.map(([id, label]) => (
          <a key={id} href={`#/${id}/${encodeURIComponent(place.database)}/${encodeURIComponent(place.collection)}`}
            aria-current={place.page === id ? "page" : undefined}>{label}</a>
        ))}
      </nav>
      <label class="faint" for="database">Database</label>
      <select id="database" value={place.database} onChange={(e) => go(page, e.target.value)}>
        {databases.map((d) => <option key={d.name}>{d.name}</option>)}
      </select>
      <nav aria-label="Collections">
        {collections.map((c) => (
          <a key={c.name} href={`#/${page}/${encodeURIComponent(place.database)}/${encodeURIComponent(c.name)}`}
            aria-current={place.collection === c.name ? "true" : undefined}>
            {c.name} <span class="faint">{c.documents.toLocaleString("en")}</span>
          </a>
        ))}
      </nav>
      <div class="foot">
        <ThemeButton />
        <button class="quiet" onClick={signOut}>Sign out</button>
      </div>
    </aside>
  );
}

function Page({ place, databases, collections }) {
  if (place.page === "overview") return <Overview databases={databases} />;
  if (place.page === "running") return <Running />;
  const Of = OF_COLLECTION[place.page];
  if (!Of) return <Empty>There is no such page.</Empty>;
  const collection = place.collection || collections[0]?.name;
  if (!collection) return <Empty>This database has no collections yet.</Empty>;
  return <Of key={`${place.database}/${collection}`} database={place.database} collection={collection} />;
}

const none = [];
function Inside() {
  const place = usePlace();
  const databases = useLoaded(() => getJson("/v1/db"), [], 5000);
  const collections = useLoaded(() => getJson(`${databasePath(place.database)}/collections`), [place.database], 5000);
  const known = { databases: databases.data?.items ?? none, collections: collections.data?.items ?? none };
  return (
    <div class="frame">
      <Sidebar place={place} {...known} />
      <main>
        <ErrorBox error={databases.error ?? collections.error} />
        {collections.data && databases.data && <Page place={place} {...known} />}
      </main>
    </div>
  );
}

function App() {
  const [signedIn, setSignedIn] = useState(isSignedIn);
  useEffect(() => whenSignedOut(() => setSignedIn(false)), []);
  return signedIn ? <Inside /> : <SignIn onIn={() => setSignedIn(true)} />;
}

render(<App />, document.getElementById("app"));
