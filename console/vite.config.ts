import { defineConfig } from "vitest/config";

/** Address of the running server that `npm run dev` uses. */
const server = process.env.TRUNKLINE_SERVER ?? "http://127.0.0.1:3000";

/** Serves the page of a stored call, which is in a folder of its own, as the server does. */
const pageBelow = {
  name: "page-below",
  apply: "serve" as const,
  transformIndexHtml: (html: string, { originalUrl = "/" }: { originalUrl?: string }): string =>
    originalUrl.startsWith("/calls/") ? html.replaceAll('"./', '"../') : html,
};

export default defineConfig({
  plugins: [pageBelow],
  // Relative addresses, since the app may be mounted under a path.
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../src/trunkline/web/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's Content-Security-Policy allows scripts from files only.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  worker: { format: "es" },
  server: {
    // The console shares its colours, type and space with the sign-in page, which works without the built console.
    fs: { allow: [".", "../src/trunkline/web/pages"] },
    proxy: { "/api": { target: server, ws: true, changeOrigin: true, headers: { origin: server } } },
  },
  test: {
    // A test that needs a document names happy-dom in its first line: to set it up costs more than most files' tests.
    environment: "node",
    include: ["tests/**/*.test.{ts,tsx}"],
    // Ends a test that hangs, as pytest's own timeout does; the suite runs beside others that need the processor more.
    testTimeout: 60_000,
  },
});
