/** Short messages that can be put away: what could not be loaded, what went wrong, what to do about it. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { loadProblems } from "../call/catalogue";
import { connection } from "../call/app-state";
import { dismiss, type Notice, notices } from "./notices";
import { outputState } from "../audio/audio-graph";
import { Icon } from "./icons";

export function Notices(): VNode {
  const problemsSeen = useSignal(false);
  const problems = loadProblems.value;
  const isViewer = connection.role.value === "viewer" && ["connected", "reconnecting"].includes(connection.phase.value);
  return (
    <div class="notices" aria-live="polite">
      {isViewer && (
        <Bar tone="info" action={{ label: "Take over", run: () => void connection.takeOver() }}>
          Another tab has this call.
        </Bar>
      )}
      {connection.leg.value && <SoundHint />}
      {notices.value.map((notice) => (
        <Bar key={notice.key} tone={notice.tone} close={() => dismiss(notice.key)} {...(notice.action && { action: notice.action })}>
          {notice.text}
        </Bar>
      ))}
      {problems.length > 0 && !problemsSeen.value && (
        <Bar tone="error" close={() => (problemsSeen.value = true)}>
          <strong>Not everything could be loaded.</strong>
          <ul>
            {problems.map((problem) => (
              <li key={problem.message}>
                {problem.message}
                {problem.file && <code>{problem.line ? `${problem.file}:${problem.line}` : problem.file}</code>}
              </li>
            ))}
          </ul>
        </Bar>
      )}
    </div>
  );
}

function SoundHint(): VNode | null {
  if (outputState.value === "waiting") {
    return (
      <Bar tone="info" icon="sound" action={{ label: "Turn sound on", run: () => undefined }}>
        Click anywhere to hear the call.
      </Bar>
    );
  }
  if (outputState.value === "impossible") {
    return <Bar tone="warning">This browser plays calls only on HTTPS or on this machine (localhost). The transcript goes on.</Bar>;
  }
  return null;
}

interface BarProps {
  tone: Notice["tone"];
  icon?: "sound";
  action?: NonNullable<Notice["action"]>;
  close?: () => void;
  children: ComponentChildren;
}

function Bar({ tone, icon, action, close, children }: BarProps): VNode {
  return (
    <div class={`notice notice-${tone}`} {...(tone === "error" && { role: "alert" })}>
      <Icon name={icon ?? "alert"} />
      <div class="notice-text">{children}</div>
      {action && (
        <button type="button" class="button button-small" onClick={action.run}>
          {action.label}
        </button>
      )}
      {close && (
        <button type="button" class="icon-button" aria-label="Dismiss" onClick={close}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
