// Bundles the pages: node build.mjs [FOLDER]. Three files, no request to anywhere else.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");

await mkdir(out, { recursive: true });
await build({
  entryPoints: [join(here, "src/app.jsx")],
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "eof",
  logLevel: "warning",
});
await copyFile(join(here, "src/index.html"), join(out, "index.html"));
