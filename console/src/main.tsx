import { render } from "preact";
import { App } from "./components/App";
import { start } from "./console";
import { applyStoredTheme } from "./theme";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/controls.css";
import "./styles/conversation.css";
import "./styles/measures.css";
import "./styles/agents.css";
import "./styles/events.css";
import "./styles/sound.css";

applyStoredTheme();
const root = document.getElementById("console");
if (root) render(<App />, root);
void start();
