/** Worklet that records both voices, sample by sample: the caller left, the agent right. */
import { StereoInterleaver } from "../stereo-interleaver";

/** A segment of the recording: interleaved samples, or a number of silent frames. */
export type FromRecorder = { stereo: Int16Array<ArrayBuffer> } | { silentFrames: number } | { done: true };
export type ToRecorder = "finish";

class Recorder extends AudioWorkletProcessor {
  private readonly interleaver: StereoInterleaver;
  private recording = true;

  constructor(options: { processorOptions: { startedAt: number } }) {
    super();
    this.interleaver = new StereoInterleaver(sampleRate, options.processorOptions.startedAt, (segment) => {
      if ("stereo" in segment) this.port.postMessage(segment, [segment.stereo.buffer]);
      else this.port.postMessage(segment);
    });
    this.port.onmessage = () => {
      if (!this.recording) return;
      this.recording = false;
      this.interleaver.flush();
      this.port.postMessage({ done: true } satisfies FromRecorder);
    };
  }

  override process(inputs: Float32Array[][]): boolean {
    const [caller, agent] = [inputs[0]?.[0], inputs[1]?.[0]];
    if (this.recording) this.interleaver.add(caller, agent, Date.now());
    return this.recording;
  }
}

registerProcessor("recorder", Recorder);
