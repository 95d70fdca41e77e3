/** A call's socket: log events and sound down, commands and sound up. Lost, it comes back by itself where it was. */
import { socketUrl } from "./api";
import { type Frame, parseFrame } from "./frames";

export type Command =
  | { type: "say"; text: string }
  | { type: "interrupt" }
  | { type: "hang_up" }
  | { type: "media_ready" }
  | { type: "push_to_talk"; on: boolean }
  | { type: "press" }
  | { type: "release" }
  | { type: "approve"; call_id: string; approved: boolean }
  | { type: "played"; item_id: string; ms: number };

/** Why a socket is closed for good: the call is over, unknown to the server, in another tab's hands, or not for this page. */
export type Why = "over" | "unknown" | "taken-over" | "refused";

export interface SocketEvents {
  frame(frame: Frame): void;
  sound(pcm: ArrayBuffer): void;
  /** The connection stands, for the first time or again. */
  opened(): void;
  /** The connection was lost and is tried again. */
  lost(): void;
  /** The end, and why; `reason` is the server's own sentence. */
  closed(why: Why, reason: string): void;
}

const FIRST_DELAY_MS = 300;
const LONGEST_DELAY_MS = 5000;
const MOST_BUFFERED_BYTES = 48_000; // One second of sound: what is older than that is no use to a conversation.
const NOBODY = "viewer";
/** Close codes after which it is no use to try again; 4429 says that too many pages are on the call. */
const FOR_GOOD = new Map<number, Why>([
  [1000, "over"],
  [4404, "unknown"],
  [4409, "taken-over"],
  [4429, "refused"],
]);

/**
 * @param leg what proves that this page is the caller; null for a viewer.
 * @param lastSeq the last event that the page has; 0 for none.
 */
export class CallSocket {
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;
  private done = false;
  private readonly online = (): void => this.tryNow();

  constructor(
    private readonly callId: string,
    private readonly leg: string | null,
    private lastSeq: number,
    private readonly events: SocketEvents,
  ) {
    addEventListener("online", this.online);
    this.connect();
  }

  /** Whether a command would go out now. */
  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** The last event that came, to go on from. */
  get seq(): number {
    return this.lastSeq;
  }

  /** Sends a command; false if there is no connection. */
  send(command: Command): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(JSON.stringify(command));
    return true;
  }

  /** Sends a frame of sound, or drops it where the network does not keep up. */
  sendSound(pcm: ArrayBuffer): void {
    if (this.socket && this.isOpen && this.socket.bufferedAmount < MOST_BUFFERED_BYTES) this.socket.send(pcm);
  }

  /** Closes for good; no event follows. */
  close(): void {
    this.done = true;
    clearTimeout(this.retry);
    removeEventListener("online", this.online);
    this.socket?.close(1000);
  }

  private connect(): void {
    const socket = new WebSocket(socketUrl(this.callId, this.lastSeq, this.leg ?? NOBODY));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.attempts > 0 || this.events.opened();
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.receive(socket, data);
    socket.onclose = ({ code, reason }) => this.lose(socket, code, reason);
    this.socket = socket;
  }

  private receive(socket: WebSocket, data: unknown): void {
    if (this.done || socket !== this.socket) return;
    if (this.attempts > 0) {
      // Only now: a server that is going down accepts sockets and closes them at once.
      this.attempts = 0;
      this.events.opened();
    }
    if (data instanceof ArrayBuffer) return this.events.sound(data);
    const frame = typeof data === "string" ? parseFrame(data) : null;
    if (frame === null || (frame.seq !== 0 && frame.seq <= this.lastSeq)) return;
    if (frame.seq !== 0) this.lastSeq = frame.seq;
    this.events.frame(frame);
  }

  private lose(socket: WebSocket, code: number, reason: string): void {
    if (this.done || socket !== this.socket) return;
    const why = FOR_GOOD.get(code);
    if (why !== undefined) {
      this.close();
      this.events.closed(why, reason);
    } else {
      const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.attempts);
      this.attempts += 1;
      this.retry = setTimeout(() => this.connect(), delay);
      this.events.lost();
    }
  }

  private tryNow(): void {
    if (this.attempts === 0 || this.done || this.socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.retry);
    this.connect();
  }
}
