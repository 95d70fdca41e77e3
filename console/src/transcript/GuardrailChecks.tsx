/** Guardrail results of a message: a chip for each; a click shows the reasons. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import type { GuardrailCheck } from "../call/call-state";
import { Icon, type IconName } from "../ui/icons";
import { duration } from "../ui/time";

const STATUS_LABELS: Record<GuardrailCheck["status"], string> = {
  pending: "Pending",
  pass: "Pass",
  fail: "Fail",
  error: "Error",
};
const STATUS_ICONS: Record<GuardrailCheck["status"], IconName> = {
  pending: "note",
  pass: "done",
  fail: "alert",
  error: "alert",
};

export function GuardrailChecks({ checks }: { checks: readonly GuardrailCheck[] }): VNode {
  const opened = useSignal<string | null>(null);
  const id = useId();
  const shown = checks.find((check) => check.guardrail === opened.value);
  return (
    <div class="checks">
      <ul>
        {checks.map((check) => (
          <li key={check.guardrail}>
            <button
              type="button"
              class={`check check-${check.status}`}
              aria-expanded={check === shown}
              aria-controls={check === shown ? id : undefined}
              onClick={() => (opened.value = check === shown ? null : check.guardrail)}
            >
              <Icon name={STATUS_ICONS[check.status]} />
              <span class="visually-hidden">Guardrail</span>
              <span class="check-name">{check.guardrail}</span>
              <span>{STATUS_LABELS[check.status]}</span>
            </button>
          </li>
        ))}
      </ul>
      {shown && <CheckDetails id={id} check={shown} />}
    </div>
  );
}

function CheckDetails({ id, check }: { id: string; check: GuardrailCheck }): VNode {
  return (
    <dl class="metrics-list check-reasons" id={id}>
      <dt>Category</dt>
      <dd>{check.category ?? (check.status === "pending" ? "check in progress" : "NONE")}</dd>
      {check.rationale !== null && (
        <>
          <dt>Rationale</dt>
          <dd dir="auto">{check.rationale}</dd>
        </>
      )}
      {check.text !== null && (
        <>
          <dt>Offending text</dt>
          <dd dir="auto">
            <q>{check.text}</q>
          </dd>
        </>
      )}
      {check.durationMs !== null && (
        <>
          <dt>Took</dt>
          <dd>{duration(check.durationMs)}</dd>
        </>
      )}
    </dl>
  );
}
