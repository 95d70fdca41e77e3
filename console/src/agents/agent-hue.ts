/** Colour class of each agent of a scenario; ui/theme.css defines the colours. */

const HUES = 8;

export function hueClass(agents: readonly string[], name: string): string {
  const place = agents.indexOf(name);
  return `hue-${(place === -1 ? hash(name) : place) % HUES}`;
}

function hash(text: string): number {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum;
}
