/** Worklet that holds the agent's live audio while it is undecided if the caller interrupts. */
import { HoldBuffer } from "../hold-buffer";

export type ToHolder = { type: "hold"; held: boolean } | { type: "clear" };

class Holder extends AudioWorkletProcessor {
  private readonly buffer = new HoldBuffer(sampleRate);
  private silence = new Float32Array(0);

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToHolder>) => {
      if (data.type === "hold") this.buffer.hold(data.held);
      else this.buffer.clear();
    };
  }

  override process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [first, ...others] = outputs[0] ?? [];
    if (first === undefined) return true;
    if (this.silence.length !== first.length) this.silence = new Float32Array(first.length);
    this.buffer.process(inputs[0]?.[0] ?? this.silence, first);
    for (const other of others) other.set(first);
    return true;
  }
}

registerProcessor("holder", Holder);
