/** Recording of both voices for the server, while the audio flows past it: timed chunks, sent as the call runs. */
import { openAudioGraph } from "./audio-graph";
import { CHUNK_MS, type Chunk } from "./stereo-chunker";

/** Chunks that wait for the socket: 30 s. Beyond it, the oldest are dropped. */
const MAX_WAITING = 30_000 / CHUNK_MS;
const MAGIC = "TLA1";
const HEADER_BYTES = 8;

/** Clock of the call in this page, by the times of the server's frames. */
export class CallClock {
  private offsetMs: number | null = null;

  /** Note the time of a frame that has just arrived. The frame with the least delay counts. */
  note(atMs: number, now: number): void {
    this.offsetMs = Math.max(this.offsetMs ?? -Infinity, atMs - now);
  }

  /** Return the call's time at a time of this page; null before the first frame. */
  at(now: number): number | null {
    return this.offsetMs === null ? null : now + this.offsetMs;
  }
}

export class RecordingUpload {
  private waiting: ArrayBuffer[] = [];
  private closed = false;
  private detach: () => void = () => undefined;

  /**
   * @param clock the call's clock, for `Date.now()`.
   * @param send sends a binary frame; false if the socket cannot take it now.
   */
  constructor(
    private readonly clock: CallClock,
    private readonly send: (frame: ArrayBuffer) => boolean,
  ) {
    void openAudioGraph().then((graph) => {
      if (graph === null || this.closed) return;
      const node = new AudioWorkletNode(graph.context, "uploader", {
        numberOfInputs: 2,
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: "explicit",
      });
      node.port.onmessage = ({ data }: MessageEvent<Chunk>) => this.add(data);
      graph.caller.connect(node, 0, 0);
      graph.agent.connect(node, 0, 1);
      this.detach = () => {
        node.port.postMessage("stop");
        node.port.onmessage = null;
        graph.caller.disconnect(node);
        graph.agent.disconnect(node);
      };
    });
  }

  /** Send a chunk, after the waiting ones. */
  add({ codes, at }: Chunk): void {
    const endMs = this.clock.at(at);
    if (endMs === null || endMs < 0) return;
    this.waiting.push(chunkFrame(codes, Math.round(endMs)));
    if (this.waiting.length > MAX_WAITING) this.waiting.shift();
    while (this.waiting[0] !== undefined && this.send(this.waiting[0])) this.waiting.shift();
  }

  close(): void {
    this.closed = true;
    this.detach();
    this.waiting = [];
  }
}

function chunkFrame(codes: Uint8Array, endMs: number): ArrayBuffer {
  const frame = new Uint8Array(HEADER_BYTES + codes.length);
  for (let index = 0; index < MAGIC.length; index += 1) frame[index] = MAGIC.charCodeAt(index);
  new DataView(frame.buffer).setUint32(MAGIC.length, endMs, true);
  frame.set(codes, HEADER_BYTES);
  return frame.buffer;
}
