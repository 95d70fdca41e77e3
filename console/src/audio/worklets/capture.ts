/** Worklet that splits the microphone's audio into PCM16 frames of 20 ms at 24 kHz. */
import { SAMPLE_RATE } from "../playout-queue";
import { Resampler } from "../resampler";

export interface CapturedFrame {
  pcm: ArrayBuffer;
  peak: number;
}

const FRAME_SAMPLES = SAMPLE_RATE / 50;

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate);
  private frame = new Int16Array(FRAME_SAMPLES);
  private filled = 0;
  private peak = 0;

  override process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (channel === undefined) return true;
    for (const sample of this.resampler.process(channel)) this.addSample(sample);
    return true;
  }

  private addSample(sample: number): void {
    this.peak = Math.max(this.peak, Math.abs(sample));
    this.frame[this.filled] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767)));
    this.filled += 1;
    if (this.filled < FRAME_SAMPLES) return;
    const message: CapturedFrame = { pcm: this.frame.buffer, peak: this.peak };
    this.port.postMessage(message, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = this.peak = 0;
  }
}

registerProcessor("capture", Capture);
