// The `openai` package for Node as a caller: `node openai.mjs TURN URL KEY [PCM FILE]` has one turn and prints what
// came of it as JSON. URL is the engine's base address over TLS, because the package speaks nothing else.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';

const [turn, baseURL, apiKey, soundFile] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const realtime = new OpenAIRealtimeWS({ model: 'test' }, client);
const errors = [];
const seen = [];
realtime.on('error', (error) => errors.push(error.message));
realtime.on('event', (event) => seen.push(event));

/** The next event of a type, counted from the last one that was waited for. */
let from = 0;
async function next(type) {
  for (;;) {
    const index = seen.findIndex((event, at) => at >= from && event.type === type);
    if (index >= 0) {
      from = index + 1;
      return seen[index];
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const send = (type, fields = {}) => realtime.send({ type, ...fields });

function say(text) {
  const content = [{ type: 'input_text', text }];
  send('conversation.item.create', { item: { type: 'message', role: 'user', content } });
  send('response.create');
}

function speak() {
  const sound = readFileSync(soundFile);
  for (let at = 0; at < sound.length; at += 9600) {
    send('input_audio_buffer.append', { audio: sound.subarray(at, at + 9600).toString('base64') });
  }
}

function configure(input) {
  send('session.update', { session: { type: 'realtime', audio: { input } } });
  return next('session.updated');
}

async function answer() {
  const { response } = await next('response.done');
  const message = response.output.findLast((item) => item.type === 'message');
  const ofIt = seen.filter((event) => event.response_id === response.id);
  const deltas = ofIt.filter((event) => event.type === 'response.output_audio.delta');
  const bytes = deltas.reduce((total, event) => total + Buffer.from(event.delta, 'base64').length, 0);
  return {
    status: response.status,
    said: message?.content[0]?.transcript ?? null,
    soundMs: Math.round(bytes / 48),
    itemId: message?.id,
  };
}

const turns = {
  async text() {
    say('good morning');
    return answer();
  },

  async voice() {
    await configure({ transcription: { model: 'local' } });
    speak();
    const heard = await next('conversation.item.input_audio_transcription.completed');
    return { heard: heard.transcript.trim(), ...(await answer()) };
  },

  async pushToTalk() {
    await configure({ turn_detection: null, transcription: { model: 'local' } });
    speak();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const early = seen.some((event) => event.type.startsWith('input_audio_buffer.'));
    send('input_audio_buffer.commit');
    send('response.create');
    const heard = await next('conversation.item.input_audio_transcription.completed');
    return { early, heard: heard.transcript.trim(), ...(await answer()) };
  },

  async tool() {
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const tools = [{ type: 'function', name: 'weather', description: 'The weather.', parameters }];
    send('session.update', { session: { type: 'realtime', tools } });
    say('What is the weather in Wanaka?');
    const call = await next('response.function_call_arguments.done');
    await next('response.done');
    const output = { type: 'function_call_output', call_id: call.call_id, output: 'sunny' };
    send('conversation.item.create', { item: output });
    send('response.create');
    return { called: { name: call.name, arguments: JSON.parse(call.arguments) }, ...(await answer()) };
  },

  async cancel() {
    say('Count for ever.');
    await next('response.output_audio.delta');
    send('response.cancel');
    const { status } = await answer();
    say('good morning');
    return { cancelled: status, ...(await answer()) };
  },

  async truncate() {
    say('Count to ten.');
    const { said, itemId, soundMs } = await answer();
    const audioEndMs = Math.round(soundMs / 2);
    send('conversation.item.truncate', { item_id: itemId, content_index: 0, audio_end_ms: audioEndMs });
    await next('conversation.item.truncated');
    send('conversation.item.retrieve', { item_id: itemId });
    const { item } = await next('conversation.item.retrieved');
    return { said, kept: item.content[0].transcript };
  },
};

await once(realtime.socket, 'open');
const result = await turns[turn]();
realtime.close();
console.log(JSON.stringify({ ...result, errors }));
