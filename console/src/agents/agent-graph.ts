/** Layout of the handoff graph: the agents on a ring, the first at the top, then clockwise. */

export interface Point {
  x: number;
  y: number;
}

/** An edge between two agents, by their indices; an arrow marks each end that is the target of a handoff. */
export interface Edge {
  from: number;
  to: number;
  forward: boolean;
  backward: boolean;
}

export interface AgentNode {
  name: string;
  handoffs: readonly string[];
}

export const GRAPH_WIDTH = 280;
export const NODE = { width: 126, height: 30 };
const ROW = 60;
const MARGIN = 8;
/** Curvatures of an edge, towards the ring's centre and beyond, tried until it avoids the agents between. */
const CURVATURES = [0.42, 0.8, 1.2, 1.6, 2] as const;
/** Depth of the control points of an edge that bows below its row. */
const BOW = 42;
/** Number of straight segments of a rendered curve. */
const STEPS = 24;
/** Gap between an agent's border and an edge's end. */
const GAP = 5;

export function graphHeight(count: number): number {
  return (rows(count) - 1) * ROW + NODE.height + 2 * MARGIN;
}

/** Return the centres of a number of agents, in px. */
export function nodePositions(count: number): Point[] {
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

/** Return one edge for each pair of agents. Handoffs to unlisted agents are omitted. */
export function edges(agents: readonly AgentNode[]): Edge[] {
  const index = new Map(agents.map((agent, place) => [agent.name, place]));
  const found = new Map<string, Edge>();
  agents.forEach((agent, from) => {
    for (const name of agent.handoffs) {
      const to = index.get(name);
      if (to === undefined || to === from) continue;
      const known = found.get(`${to} ${from}`);
      if (known) known.backward = true;
      else found.set(`${from} ${to}`, { from, to, forward: true, backward: false });
    }
  });
  return [...found.values()];
}

/** Return whether a short edge between two agents of one row is crossed by an edge between the rows around it. */
export function isCrossed(places: readonly Point[], all: readonly Edge[], { from, to }: Edge): boolean {
  const [a, b] = [places[from], places[to]];
  if (a === undefined || b === undefined || a.y !== b.y) return false;
  const isBetween = ({ x }: Point): boolean => Math.min(a.x, b.x) < x && x < Math.max(a.x, b.x);
  return all.some((other) => {
    const [c, d] = [places[other.from], places[other.to]];
    return c !== undefined && d !== undefined && (c.y - a.y) * (d.y - a.y) < 0 && isBetween(c) && isBetween(d);
  });
}

/**
 * Return the SVG path from one agent's border to another's, around the agents between.
 *
 * @param bowed true for an edge that another one crosses: it bows below the row.
 */
export function pathBetween(places: readonly Point[], from: number, to: number, bowed = false): string {
  const a = places[from];
  const b = places[to];
  if (a === undefined || b === undefined) return "";
  const others = places.filter((_, index) => index !== from && index !== to);
  const below = { x: 0, y: BOW };
  const bow = cubic(a, add(a, below), add(b, below), b);
  const curves = [...(bowed ? [bow] : []), ...candidateCurves(a, b, graphHeight(places.length) / 2)];
  const curve = curves.find((candidate) => isClear(candidate, others)) ?? curves[0];
  if (curve === undefined) return "";
  const start = exitParameter(curve, a, 0, 1);
  const end = exitParameter(curve, b, 1, -1);
  if (start >= end) return "";
  const points = Array.from({ length: STEPS + 1 }, (_, step) => point(curve(start + ((end - start) * step) / STEPS)));
  return `M${points.join("L")}`;
}

type Curve = (t: number) => Point;

/** Return candidate curves, best first: slight bows, wider bows, then curves along the ring's centre. */
function candidateCurves(a: Point, b: Point, middleY: number): Curve[] {
  const x = GRAPH_WIDTH / 2;
  const bows = CURVATURES.map((pull) => {
    const control = mix(mix(a, b, 0.5), { x, y: middleY }, pull);
    return cubic(a, mix(a, control, 2 / 3), mix(b, control, 2 / 3), b);
  });
  const [nearA, nearB] = [
    { x, y: a.y },
    { x, y: b.y },
  ];
  const beyond = ({ x: own, y }: Point): Point => ({ x: x - (own - x) / 2, y });
  return [
    ...bows,
    cubic(a, beyond(a), beyond(b), b),
    cubic(a, nearA, nearB, b),
    cubic(a, nearB, nearB, b),
    cubic(a, nearA, nearA, b),
  ];
}

function cubic(a: Point, c: Point, d: Point, b: Point): Curve {
  return (t) => {
    const [ac, cd, db] = [mix(a, c, t), mix(c, d, t), mix(d, b, t)];
    return mix(mix(ac, cd, t), mix(cd, db, t), t);
  };
}

function isClear(curve: Curve, others: readonly Point[]): boolean {
  for (let t = 0; t <= 1; t += 0.02) {
    const here = curve(t);
    if (others.some((node) => isInside(here, node, 2))) return false;
  }
  return true;
}

function rows(count: number): number {
  return 1 + ((count - 1) >> 1) + (count % 2 === 0 ? 1 : 0);
}

/** Return the curve parameter at which the curve leaves an agent's border. */
function exitParameter(curve: Curve, node: Point, from: number, direction: 1 | -1): number {
  let t = from;
  while (t >= 0 && t <= 1 && isInside(curve(t), node, GAP)) t += direction * 0.01;
  return t;
}

function isInside({ x, y }: Point, node: Point, gap: number): boolean {
  return Math.abs(x - node.x) < NODE.width / 2 + gap && Math.abs(y - node.y) < NODE.height / 2 + gap;
}

function mix(a: Point, b: Point, t: number): Point {
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}

function add(a: Point, b: Point): Point {
  return { x: a.x + b.x, y: a.y + b.y };
}

function point({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
