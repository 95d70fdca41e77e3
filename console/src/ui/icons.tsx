/** Line icons in the colour of the surrounding text. */
import type { VNode } from "preact";

const PATHS = {
  send: "M5 12h13M12.5 6l6 6-6 6",
  stop: "M7.5 7.5h9v9h-9z",
  microphone:
    "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3",
  muted:
    "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3M5 4l14 16",
  audio: "M5 10v4h3l4 3.5v-11L8 10zM15.5 9.5a3.5 3.5 0 0 1 0 5M17.8 7a7 7 0 0 1 0 10",
  tool: "M14.5 6.5a4 4 0 0 0-5 5L4.5 16.5l3 3 5-5a4 4 0 0 0 5-5l-2.5 2.5-2.5-.5-.5-2.5z",
  agent: "M5 12h13M13 7l5 5-5 5",
  calls: "M4.5 6.5h15M4.5 12h15M4.5 17.5h9M17.5 15.5v4M15.5 17.5h4",
  search: "M10.5 5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM14.5 14.5L19 19",
  bin: "M5 7.5h14M9.5 7.5V5h5v2.5M7 7.5l.8 11.5h8.4L17 7.5M10.5 10.5v5.5M13.5 10.5v5.5",
  lock: "M6.5 11h11v8.5h-11zM9 11V8a3 3 0 0 1 6 0v3",
  flag: "M7 20V5h10l-2 3.5 2 3.5H7",
  test: "M9.5 4.5h5M10.5 4.5v5L6 18.5h12l-4.5-9v-5M8.2 14.5h7.6",
  keys: "M4 7.5h16v9H4zM7 10.5h.1M10 10.5h.1M13 10.5h.1M16.5 10.5h.1M8.5 13.5h7",
  previous: "M17.5 6.5L9.5 12l8 5.5zM7 6.5v11",
  next: "M6.5 6.5l8 5.5-8 5.5zM17 6.5v11",
  note: "M9.5 12a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0z",
  alert: "M12 8v4.5M12 15.7v.1M4 12a8 8 0 1 0 16 0 8 8 0 0 0-16 0z",
  down: "M12 5v13M6.5 12.5l5.5 5.5 5.5-5.5",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  chip: "M7.5 7.5h9v9h-9zM10 4v3.5M14 4v3.5M10 16.5V20M14 16.5V20M4 10h3.5M4 14h3.5M16.5 10H20M16.5 14H20",
  document: "M7 4.5h7l3.5 3.5v11.5H7zM13.5 4.5v4h4M9.8 12.5h5M9.8 15.8h5",
  timeline: "M4 7.5h6M13 7.5h7M7 12h9M4 16.5h4M11 16.5h6",
  done: "M5.5 12.5l4.5 4.5 8.5-9.5",
  copy: "M9 9h9.5v10.5H9zM15 9V4.5H5.5V15H9",
  download: "M12 4.5v10M7.5 10.5l4.5 4.5 4.5-4.5M5.5 19h13",
  link: "M10 14l4-4M8.5 11.5l-2 2a3 3 0 0 0 4 4l2-2M15.5 12.5l2-2a3 3 0 0 0-4-4l-2 2",
  pair: "M8 8.5h9M14 5.5l3 3-3 3M16 15.5H7M10 12.5l-3 3 3 3",
  leave: "M13.5 5h-8v14h8M10 12h9.5M16 8.5l3.5 3.5-3.5 3.5",
  settings:
    "M4 8h9M18 8h2M4 16h2M11 16h9M13 8a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0M6 16a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0",
  pause: "M9 6.5v11M15 6.5v11",
  play: "M8.5 6.5l9 5.5-9 5.5z",
  system: "M4.5 6h15v9.5h-15zM9 19.5h6M12 15.5v4",
  light:
    "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM12 3.5v1.8M12 18.7v1.8M3.5 12h1.8M18.7 12h1.8M6 6l1.2 1.2M16.8 16.8L18 18M6 18l1.2-1.2M16.8 7.2L18 6",
  dark: "M18.5 14A7 7 0 0 1 10 5.5a7 7 0 1 0 8.5 8.5z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's logo: two lines that join a third. */
export function Mark(): VNode {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M7 10h18M16 10v13" />
      <circle cx="7" cy="10" r="2.6" />
      <circle cx="25" cy="10" r="2.6" />
      <circle cx="16" cy="23" r="2.6" />
    </svg>
  );
}
