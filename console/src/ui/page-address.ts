/** Pages of the console: the live call at its root, the stored calls, and one stored call. */

export type Page = { name: "live" } | { name: "calls" } | { name: "call"; callId: string };

/** Return the folder of the console. A proxy may add a prefix that the server does not know. */
export function rootUrl(): URL {
  const root = document.querySelector<HTMLMetaElement>('meta[name="root"]')?.content;
  return new URL(root ?? ".", document.baseURI);
}

/** Return an address inside the console, such as `api/health`. */
export function urlOf(path: string): URL {
  return new URL(path, rootUrl());
}

/** Return the page of an address. */
export function pageOf({ pathname }: { pathname: string }, root = rootUrl().pathname): Page {
  const path = pathname.startsWith(root) ? pathname.slice(root.length) : "";
  if (path === "calls") return { name: "calls" };
  const callId = /^calls\/([^/]+)$/.exec(path)?.[1];
  return callId === undefined ? { name: "live" } : { name: "call", callId: decodeURIComponent(callId) };
}

/** Return the address of a stored call; with a seq, at that event. */
export function storedCallUrl(callId: string, seq?: number): string {
  return `${urlOf(`calls/${encodeURIComponent(callId)}`).pathname}${seq === undefined ? "" : `#${seq}`}`;
}
