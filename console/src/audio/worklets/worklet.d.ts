/** What an AudioWorkletGlobalScope has that TypeScript's libraries do not name. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}
declare function registerProcessor<Options>(name: string, processor: new (options: Options) => AudioWorkletProcessor): void;
declare const sampleRate: number;
