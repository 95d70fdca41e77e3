import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a running server. */
const server = process.env.TRUNKLINE_SERVER ?? "http://127.0.0.1:3000";

export default defineConfig({
  // Relative addresses, so that the console also works where the app is mounted under a path.
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../src/trunkline/web/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's Content-Security-Policy takes scripts from files only.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  worker: { format: "es" },
  server: { proxy: { "/api": { target: server, ws: true, changeOrigin: true, headers: { origin: server } } } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
