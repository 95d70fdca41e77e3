import { render } from "preact";
import { start } from "./call/app-state";
import { followHash } from "./event-log/event-target";
import { App } from "./ui/App";
import { pageOf } from "./ui/page-address";
import { applyStoredTheme } from "./ui/theme";
import "../../src/trunkline/web/pages/tokens.css";
import "./ui/theme.css";
import "./ui/page.css";
import "./ui/controls.css";
import "./transcript/transcript.css";
import "./transcript/metrics.css";
import "./agents/agents.css";
import "./event-log/event-log.css";
import "./audio/audio.css";
import "./timeline/timeline.css";

applyStoredTheme();
const root = document.getElementById("console");
const page = pageOf(location);
if (root && page.name !== "live") {
  void import("./calls/pages").then(({ open }) => open(root, page));
} else {
  if (root) render(<App />, root);
  followHash();
  void start();
}
