/** Dismissible notices: load errors, problems and their fixes. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { audioState } from "../audio/audio-graph";
import { connection } from "../call/app-state";
import { loadProblems } from "../call/catalogue";
import { Icon } from "./icons";
import { dismiss, type Notice, notices } from "./notices";

export function NoticeList(): VNode {
  const problemsSeen = useSignal(false);
  const problems = loadProblems.value;
  const isViewer = connection.role.value === "viewer" && ["connected", "reconnecting"].includes(connection.phase.value);
  return (
    <div class="notices" aria-live="polite">
      {isViewer && <ViewerNotice />}
      {connection.leg.value && <AudioHint />}
      {notices.value.map((notice) => (
        <NoticeBar
          key={notice.key}
          tone={notice.tone}
          close={() => dismiss(notice.key)}
          {...(notice.action && { action: notice.action })}
        >
          {notice.text}
        </NoticeBar>
      ))}
      {problems.length > 0 && !problemsSeen.value && (
        <NoticeBar tone="error" close={() => (problemsSeen.value = true)}>
          <strong>Not everything could be loaded.</strong>
          <ul>
            {problems.map((problem) => (
              <li key={problem.message}>
                {problem.message}
                {problem.file && <code>{problem.line ? `${problem.file}:${problem.line}` : problem.file}</code>}
              </li>
            ))}
          </ul>
        </NoticeBar>
      )}
    </div>
  );
}

function ViewerNotice(): VNode {
  if (!connection.mayTakeOver.value)
    return (
      <NoticeBar tone="info">
        You are watching this call. To speak, open it in the browser that started it, or start a new call.
      </NoticeBar>
    );
  return (
    <NoticeBar tone="info" action={{ label: "Take over", run: () => connection.takeOver() }}>
      Another tab has this call.
    </NoticeBar>
  );
}

function AudioHint(): VNode | null {
  if (audioState.value === "blocked") {
    return (
      <NoticeBar tone="info" icon="audio" action={{ label: "Turn sound on", run: () => undefined }}>
        Click anywhere to hear the call.
      </NoticeBar>
    );
  }
  if (audioState.value === "unsupported") {
    return (
      <NoticeBar tone="warning">
        This page cannot play audio. Open it on HTTPS or localhost; the transcript works without audio.
      </NoticeBar>
    );
  }
  return null;
}

interface NoticeBarProps {
  tone: Notice["tone"];
  icon?: "audio";
  action?: NonNullable<Notice["action"]>;
  close?: () => void;
  children: ComponentChildren;
}

function NoticeBar({ tone, icon, action, close, children }: NoticeBarProps): VNode {
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
