/** Parts of AudioWorkletGlobalScope that TypeScript's libraries lack. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}
declare function registerProcessor<Options>(
  name: string,
  processor: new (options: Options) => AudioWorkletProcessor,
): void;
declare const sampleRate: number;
