/** Worklet that records both voices in chunks for the server. */
import { StereoChunker } from "../stereo-chunker";

class Uploader extends AudioWorkletProcessor {
  private readonly chunker = new StereoChunker(sampleRate, (chunk) =>
    this.port.postMessage(chunk, [chunk.codes.buffer]),
  );
  private silence = new Float32Array(128);
  private recording = true;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.recording = false;
    };
  }

  override process(inputs: Float32Array[][]): boolean {
    const [caller, agent] = [inputs[0]?.[0], inputs[1]?.[0]];
    const frames = caller?.length ?? agent?.length ?? this.silence.length;
    if (this.silence.length !== frames) this.silence = new Float32Array(frames);
    if (this.recording) this.chunker.add(caller ?? this.silence, agent ?? this.silence, Date.now());
    return this.recording;
  }
}

registerProcessor("uploader", Uploader);
