// Replaces the microphone by one that plays WAV files on cue, and listens at the loudspeaker.
//
//   await __microphone.say(base64)   plays a WAV file into the microphone, resolves at its end
//   __ear.samples(fromMs)            what came out of the loudspeaker since, as {rate, levels}: RMS of each 10 ms
(() => {
  const microphone = { context: null, destination: null };
  const ensure = () => {
    if (!microphone.context) {
      microphone.context = new AudioContext({ sampleRate: 48000 });
      microphone.destination = microphone.context.createMediaStreamDestination();
      const hush = microphone.context.createConstantSource(); // a live track, silent until it is spoken into
      hush.offset.value = 0;
      hush.connect(microphone.destination);
      hush.start();
    }
    return microphone;
  };
  window.__microphone = {
    async say(base64) {
      const { context, destination } = ensure();
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const buffer = await context.decodeAudioData(bytes.buffer);
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(destination);
      await new Promise((resolve) => {
        source.onended = resolve;
        source.start();
      });
    },
  };
  navigator.mediaDevices.getUserMedia = async () => {
    const { context, destination } = ensure();
    await context.resume();
    return destination.stream.clone();
  };

  const ear = { blocks: [], playedMs: 0 };
  const connect = AudioNode.prototype.connect;
  const tapped = new WeakMap();
  AudioNode.prototype.connect = function (target, ...rest) {
    const result = connect.call(this, target, ...rest);
    if (target instanceof AudioDestinationNode) {
      const context = target.context;
      if (!tapped.has(context)) {
        const tap = context.createScriptProcessor(1024, 1, 1);
        tap.onaudioprocess = (event) => {
          const samples = event.inputBuffer.getChannelData(0);
          let sum = 0;
          for (const sample of samples) sum += sample * sample;
          ear.playedMs += event.inputBuffer.duration * 1000;
          ear.blocks.push({ at: performance.now(), rms: Math.sqrt(sum / samples.length) });
        };
        connect.call(tap, target);
        tapped.set(context, tap);
      }
      connect.call(this, tapped.get(context));
    }
    return result;
  };
  window.__ear = {
    now: () => performance.now(),
    loudest: (from, to = Infinity) =>
      ear.blocks.filter((b) => b.at >= from && b.at <= to).reduce((most, b) => Math.max(most, b.rms), 0),
    lastSound: () => ear.blocks.filter((b) => b.rms > 0.005).reduce((last, b) => Math.max(last, b.at), 0),
    blocks: () => ear.blocks,
    playedMs: () => ear.playedMs,
  };
})();
