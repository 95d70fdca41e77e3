/** Value as indented JSON with coloured syntax. Very long values are truncated. */
import type { ComponentChild, VNode } from "preact";

const MAX_CHARACTERS = 40_000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/g;

export function Json({ value }: { value: unknown }): VNode {
  const whole = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "undefined");
  const text = whole.length > MAX_CHARACTERS ? whole.slice(0, MAX_CHARACTERS) : whole;
  return (
    <pre class="json" dir="ltr" tabIndex={0}>
      {typeof value === "string" ? text : coloured(text)}
      {text.length < whole.length && `\n… ${whole.length - text.length} more characters`}
    </pre>
  );
}

function coloured(text: string): ComponentChild[] {
  const parts: ComponentChild[] = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    const [whole, string, colon, word] = match;
    if (string !== undefined && colon !== undefined) parts.push(<span class="json-key">{string}</span>, colon);
    else
      parts.push(
        <span class={string !== undefined ? "json-string" : word !== undefined ? "json-word" : "json-number"}>
          {whole}
        </span>,
      );
    from = match.index + whole.length;
  }
  parts.push(text.slice(from));
  return parts;
}
