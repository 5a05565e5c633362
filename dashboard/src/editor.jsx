// JSON in CodeMirror. It lives in a shadow root, where its styles need no exception of the page's policy.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--key)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
]);
const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--field)", fontSize: "13px", maxHeight: "60vh" },
  ".cm-scroller": { fontFamily: "var(--mono)", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--field)", color: "var(--faint)", border: "none" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
});

// text: what it shows at first and whenever it changes; onChange is given every later text.
export function JsonEditor({ text, onChange, onSave, label }) {
  const host = useRef(null);
  const view = useRef(null);
  const acts = useRef({});
  acts.current = { onChange, onSave };
  useEffect(() => {
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const save = { key: "Mod-s", preventDefault: true, run: () => (acts.current.onSave?.(), true) };
    view.current = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), history(), indentOnInput(), bracketMatching(), json(),
          linter(jsonParseLinter()), syntaxHighlighting(colours), look,
          EditorView.contentAttributes.of({ "aria-label": label }),
          keymap.of([save, indentWithTab, ...defaultKeymap, ...historyKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) acts.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    return () => view.current.destroy();
  }, []);
  useEffect(() => {
    const now = view.current.state.doc;
    if (now.toString() !== text)
      view.current.dispatch({ changes: { from: 0, to: now.length, insert: text } });
  }, [text]);
  return <div class="editor" ref={host} />;
}
