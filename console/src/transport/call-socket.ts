/** WebSocket of a call: it receives log events and audio, sends commands and audio, and reconnects by itself. */
import { socketUrl } from "./api";
import { CallerAudio } from "./caller-audio";
import { type Frame, isPageFrame, parseFrame } from "./frames";

export type Command =
  | { type: "say"; text: string }
  | { type: "show_image"; image_url: string; text: string }
  | { type: "interrupt" }
  | { type: "hang_up" }
  | { type: "media_ready" }
  | { type: "agent_audio"; audible: boolean; since_ms: number }
  | { type: "caller_audio"; flows: boolean; since_ms: number }
  | { type: "push_to_talk"; on: boolean }
  | { type: "press" }
  | { type: "release" }
  | { type: "approve"; call_id: string; approved: boolean }
  | { type: "played"; item_id: string; ms: number }
  | { type: "audio_report"; buffer_ms: number; output_ms: number; echo_cancelled?: boolean }
  | { type: "voice_ended"; ms: number };

/** Reasons for a final close: the call has ended, is unknown, was taken over, has too many pages, or gets too much from this page. */
export type CloseReason = "over" | "unknown" | "taken-over" | "refused";

export interface CallSocketHandlers {
  onFrame(frame: Frame): void;
  onAudio(pcm: ArrayBuffer): void;
  /** Called when the socket opens or has reconnected. */
  onOpen(): void;
  /** Called when the connection was lost; the socket reconnects. */
  onLost(): void;
  /** Called on a final close; `message` is the server's sentence. */
  onClosed(reason: CloseReason, message: string): void;
}

const INITIAL_DELAY_MS = 300;
const MAX_DELAY_MS = 5000;
const JITTER = 0.5;
const MAX_BUFFERED_BYTES = 48_000; // One second of audio: older audio would delay the conversation.
const NO_LEG = "viewer";
/** Close codes after which a reconnect cannot succeed. */
const FINAL_CLOSE_CODES = new Map<number, CloseReason>([
  [1000, "over"],
  [1008, "refused"],
  [4404, "unknown"],
  [4409, "taken-over"],
  [4429, "refused"],
]);

/**
 * @param leg the leg id that proves that this page is the caller; null for a viewer.
 * @param lastSeq the seq of the page's last event; 0 without events.
 */
export class CallSocket {
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;
  private closed = false;
  private readonly audio = new CallerAudio((frame) => {
    const takes = this.isOpen && !this.isSlow;
    if (takes) this.socket?.send(frame);
    return takes;
  });
  private readonly onOnline = (): void => this.reconnectNow();

  constructor(
    private readonly callId: string,
    private readonly leg: string | null,
    private lastSeq: number,
    private readonly handlers: CallSocketHandlers,
  ) {
    addEventListener("online", this.onOnline);
    this.connect();
  }

  /** True while the socket can send commands. */
  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** The seq of the last received event, at which a reconnect continues. */
  get seq(): number {
    return this.lastSeq;
  }

  /** Send a command; false without a connection. */
  send(command: Command): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(JSON.stringify(command));
    return true;
  }

  /** Send an audio frame, or keep it until the connection is back; drop it if the network is too slow. */
  sendAudio(pcm: ArrayBuffer): void {
    if (!this.isSlow || this.audio.isBehind) this.audio.add(pcm);
  }

  /** Send a chunk of the recording; false if the network is too slow for it now. */
  sendRecording(chunk: ArrayBuffer): boolean {
    if (!this.isOpen || this.isSlow) return false;
    this.socket?.send(chunk);
    return true;
  }

  private get isSlow(): boolean {
    return this.isOpen && (this.socket?.bufferedAmount ?? 0) >= MAX_BUFFERED_BYTES;
  }

  /** Close the socket; no handler is called afterwards. */
  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    removeEventListener("online", this.onOnline);
    this.socket?.close(1000);
  }

  private connect(): void {
    this.audio.onConnecting();
    const socket = new WebSocket(socketUrl(this.callId, this.lastSeq, this.leg ?? NO_LEG));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.attempts > 0 || this.handlers.onOpen();
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.onMessage(socket, data);
    socket.onclose = ({ code, reason }) => this.onClose(socket, code, reason);
    this.socket = socket;
  }

  private onMessage(socket: WebSocket, data: unknown): void {
    if (this.closed || socket !== this.socket) return;
    if (this.attempts > 0) {
      // Not in onopen: a server that shuts down accepts sockets and closes them at once.
      this.attempts = 0;
      this.handlers.onOpen();
    }
    if (data instanceof ArrayBuffer) {
      this.handlers.onAudio(data);
      return;
    }
    const frame = typeof data === "string" ? parseFrame(data) : null;
    if (frame === null || (frame.seq !== 0 && frame.seq <= this.lastSeq)) return;
    if (isPageFrame(frame)) this.audio.onPageFrame(frame);
    else this.lastSeq = frame.seq;
    this.handlers.onFrame(frame);
  }

  private onClose(socket: WebSocket, code: number, reason: string): void {
    if (this.closed || socket !== this.socket) return;
    const closeReason = FINAL_CLOSE_CODES.get(code);
    if (closeReason !== undefined) {
      this.close();
      this.handlers.onClosed(closeReason, reason);
    } else {
      const longest = Math.min(MAX_DELAY_MS, INITIAL_DELAY_MS * 2 ** this.attempts);
      const delay = longest * (1 - JITTER * Math.random()); // Pages of one server must not come back all at once.
      this.attempts += 1;
      this.retry = setTimeout(() => this.connect(), delay);
      this.handlers.onLost();
    }
  }

  private reconnectNow(): void {
    if (this.attempts === 0 || this.closed || this.socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.retry);
    this.connect();
  }
}
