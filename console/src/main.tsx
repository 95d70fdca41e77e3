import { render } from "preact";
import { start } from "./call/app-state";
import { App } from "./ui/App";
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

applyStoredTheme();
const root = document.getElementById("console");
if (root) render(<App />, root);
void start();
