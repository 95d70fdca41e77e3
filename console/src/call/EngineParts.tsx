/** The recogniser and the voice of the local engine, and better ones. */
import type { VNode } from "preact";
import { catalogue } from "./catalogue";

export function EngineParts(): VNode | null {
  const engine = catalogue.value?.health.engine;
  if (!engine) return null;
  return (
    <div class="engine-parts">
      <p>
        Hears with {engine.stt} · {engine.tts === null ? "no voice is installed" : `speaks with ${engine.tts}`}
      </p>
      {engine.advice.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}
