// `@openai/agents` for Node on Azure, as its users configure it: a socket of its own with the deployment's URL and the
// key as `api-key`. The package's default model goes along in each session.update.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import WebSocket from 'ws';
import { z } from 'zod';

const { ORIGIN, KEY, QUESTION } = process.env;
const url = `${ORIGIN.replace('https', 'wss')}/openai/v1/realtime?model=weather`;
const answers = [];
let city = null;
let audioBytes = 0;

const getWeather = tool({
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async (given) => {
    city = given.city;
    return 'sunny';
  },
});
const transport = new OpenAIRealtimeWebSocket({
  url,
  createWebSocket: async () => new WebSocket(url, { headers: { 'api-key': KEY } }),
  skipOpenEventListeners: false,
});
const agent = new RealtimeAgent({ name: 'Clerk', instructions: 'Answer questions.', tools: [getWeather] });
const session = new RealtimeSession(agent, { transport });

let words = '';
let answered;
session.on('error', ({ error }) => {
  console.error(error);
  process.exit(1);
});
session.on('audio', (event) => {
  audioBytes += event.data.byteLength;
});
session.on('transport_event', (event) => {
  if (event.type === 'response.output_audio_transcript.done') words = event.transcript;
  if (event.type === 'response.done' && words) {
    answers.push(words);
    words = '';
    answered();
  }
});

/** Do something that the model answers, and wait for the end of the answer. */
function answer(act) {
  return new Promise((resolve) => {
    answered = resolve;
    act();
  });
}

await session.connect({ apiKey: KEY });
await answer(() => session.transport.sendEvent({ type: 'response.create' }));
await answer(() => session.sendMessage(QUESTION));
session.close();
console.log(JSON.stringify({ greeting: answers[0], city, answer: answers.at(-1), audio_ms: Math.round(audioBytes / 48) }));
process.exit(0);
