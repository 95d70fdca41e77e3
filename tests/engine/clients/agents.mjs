// `@openai/agents` as a caller over WebSocket: `node agents.mjs TURN URL KEY [PCM FILE]` has one turn and prints what
// came of it as JSON.

import { readFileSync } from 'node:fs';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import { z } from 'zod';

const [turn, url, apiKey, soundFile] = process.argv.slice(2);
const called = [];
const weather = tool({
  name: 'weather',
  description: 'The weather.',
  parameters: z.object({ city: z.string() }),
  execute: async (given) => {
    called.push({ name: 'weather', arguments: given });
    return 'sunny';
  },
});
const agent = new RealtimeAgent({ name: 'Concierge', instructions: 'Be brief.', tools: [weather] });
const transport = new OpenAIRealtimeWebSocket({ url });
const errors = [];
const seen = [];
let session;
let soundMs = 0;

async function connect(input = {}) {
  session = new RealtimeSession(agent, {
    transport,
    model: 'test',
    config: { audio: { input: { turnDetection: { type: 'server_vad' }, transcription: { model: 'local' }, ...input } } },
  });
  session.on('error', ({ error }) => errors.push(error?.error?.message ?? String(error?.message ?? error)));
  session.on('transport_event', (event) => seen.push(event));
  session.on('audio', ({ data }) => {
    soundMs += data.byteLength / 48;
  });
  await session.connect({ apiKey, url });
}

async function until(found) {
  for (;;) {
    const value = found();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The next event of a type, counted from the last one that was waited for. */
let from = 0;
function next(type) {
  return until(() => {
    const index = seen.findIndex((event, at) => at >= from && event.type === type);
    if (index < 0) return undefined;
    from = index + 1;
    return seen[index];
  });
}

/** What the package itself has understood: its history, not the wire. */
function history(role) {
  const item = session.history.findLast((one) => one.type === 'message' && one.role === role);
  return item && { id: item.itemId, text: (item.content[0].transcript ?? item.content[0].text ?? '').trim() };
}

async function answer() {
  const { response } = await next('response.done');
  return { status: response.status, said: history('assistant')?.text ?? null, soundMs: Math.round(soundMs) };
}

function speak() {
  const sound = readFileSync(soundFile);
  for (let at = 0; at < sound.length; at += 9600) {
    const piece = sound.subarray(at, at + 9600);
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength));
  }
}

const turns = {
  async text() {
    await connect();
    session.sendMessage('good morning');
    return answer();
  },

  async voice() {
    await connect();
    speak();
    const result = await answer();
    return { heard: history('user').text, ...result };
  },

  async pushToTalk() {
    await connect({ turnDetection: null });
    await next('session.updated');
    speak();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const early = seen.some((event) => event.type.startsWith('input_audio_buffer.'));
    session.sendAudio(new ArrayBuffer(0), { commit: true });
    session.transport.sendEvent({ type: 'response.create' });
    const result = await answer();
    return { early, heard: history('user').text, ...result };
  },

  async tool() {
    await connect();
    session.sendMessage('What is the weather in Wanaka?');
    await next('response.done');
    return { called: await until(() => called[0]), ...(await answer()) };
  },

  async cancel() {
    await connect();
    session.sendMessage('Count for ever.');
    await next('response.output_audio.delta');
    session.interrupt();
    const { status } = await answer();
    session.sendMessage('good morning');
    return { cancelled: status, ...(await answer()) };
  },

  async truncate() {
    await connect();
    session.sendMessage('Count to ten.');
    await next('response.output_audio.delta');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    session.interrupt(); // it truncates at the time that has passed since the first sound
    const { item_id } = await next('conversation.item.truncated');
    session.transport.sendEvent({ type: 'conversation.item.retrieve', item_id });
    const { item } = await next('conversation.item.retrieved');
    const whole = seen.find((event) => event.type === 'response.output_audio_transcript.done');
    return { said: whole.transcript, kept: item.content[0].transcript };
  },
};

const result = await turns[turn]();
session.close();
console.log(JSON.stringify({ ...result, errors }));
