/** Where agents stand in the picture of who hands over to whom: round a ring, the first at the top, read clockwise. */

export interface Point {
  x: number;
  y: number;
}

/** A line between two agents, by their indices; an arrow stands at each end that the caller can be handed to. */
export interface Edge {
  from: number;
  to: number;
  forth: boolean;
  back: boolean;
}

export interface Handing {
  name: string;
  handoffs: readonly string[];
}

export const GRAPH_WIDTH = 264;
export const NODE = { width: 118, height: 30 };
const ROW = 60;
const MARGIN = 8;
/** How far a line is pulled towards the ring's middle, so that lines keep clear of the agents between. */
const PULL = 0.42;
/** Between an agent's border and a line's end. */
const GAP = 5;

export function graphHeight(count: number): number {
  return (rows(count) - 1) * ROW + NODE.height + 2 * MARGIN;
}

/** The middles of so many agents, in px. */
export function ring(count: number): Point[] {
  const sides = (count - 1) >> 1;
  const centre = GRAPH_WIDTH / 2;
  const left = NODE.width / 2 + 2;
  const y = (row: number): number => MARGIN + NODE.height / 2 + row * ROW;
  return Array.from({ length: count }, (_, index) => {
    if (index === 0) return { x: centre, y: y(0) };
    if (index <= sides) return { x: GRAPH_WIDTH - left, y: y(index) };
    if (count % 2 === 0 && index === sides + 1) return { x: centre, y: y(sides + 1) };
    return { x: left, y: y(count - index) };
  });
}

/** The lines, each pair of agents once. Handoffs to agents that are not in the list are left out. */
export function edges(agents: readonly Handing[]): Edge[] {
  const index = new Map(agents.map((agent, place) => [agent.name, place]));
  const found = new Map<string, Edge>();
  agents.forEach((agent, from) => {
    for (const name of agent.handoffs) {
      const to = index.get(name);
      if (to === undefined || to === from) continue;
      const known = found.get(`${to} ${from}`);
      if (known) known.back = true;
      else found.set(`${from} ${to}`, { from, to, forth: true, back: false });
    }
  });
  return [...found.values()];
}

/** The curve from one agent to another as an SVG path, from border to border. */
export function pathBetween(from: Point, to: Point, count: number): string {
  const middle = { x: GRAPH_WIDTH / 2, y: graphHeight(count) / 2 };
  const half = mix(from, to, 0.5);
  const control = mix(half, middle, PULL);
  const curve = (t: number): Point => mix(mix(from, control, t), mix(control, to, t), t);
  const start = leaves(curve, from, 0, 1);
  const end = leaves(curve, to, 1, -1);
  if (start >= end) return "";
  // The part of a quadratic curve between two of its points is a quadratic curve again.
  const a = curve(start);
  const b = curve(end);
  const bend = mix(mix(from, control, start), mix(control, to, start), end);
  return `M${point(a)}Q${point(bend)} ${point(b)}`;
}

function rows(count: number): number {
  return 1 + ((count - 1) >> 1) + (count % 2 === 0 ? 1 : 0);
}

/** Where on its way the curve has left an agent's border behind. */
function leaves(curve: (t: number) => Point, node: Point, from: number, direction: 1 | -1): number {
  const inside = ({ x, y }: Point): boolean =>
    Math.abs(x - node.x) < NODE.width / 2 + GAP && Math.abs(y - node.y) < NODE.height / 2 + GAP;
  let t = from;
  while (t >= 0 && t <= 1 && inside(curve(t))) t += direction * 0.01;
  return t;
}

function mix(a: Point, b: Point, t: number): Point {
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}

function point({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
