/** Takes down both voices on the audio thread, sample beside sample: the caller on the left, the agent on the right. */
import { TrackPair } from "../stereo-interleaver";

/** A stretch of the recording: samples of both in turn, or so many frames of silence. */
export type FromRecorder = { stereo: Int16Array<ArrayBuffer> } | { silentFrames: number } | { done: true };
export type ToRecorder = "finish";

class Recorder extends AudioWorkletProcessor {
  private readonly pair: TrackPair;
  private recording = true;

  constructor(options: { processorOptions: { startedAt: number } }) {
    super();
    this.pair = new TrackPair(sampleRate, options.processorOptions.startedAt, (stretch) => {
      if ("stereo" in stretch) this.port.postMessage(stretch, [stretch.stereo.buffer]);
      else this.port.postMessage(stretch);
    });
    this.port.onmessage = () => {
      if (!this.recording) return;
      this.recording = false;
      this.pair.flush();
      this.port.postMessage({ done: true } satisfies FromRecorder);
    };
  }

  override process(inputs: Float32Array[][]): boolean {
    const [caller, agent] = [inputs[0]?.[0], inputs[1]?.[0]];
    if (this.recording) this.pair.add(caller, agent, Date.now());
    return this.recording;
  }
}

registerProcessor("recorder", Recorder);
