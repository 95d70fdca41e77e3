// Server of a voice app on Azure OpenAI's preview: it serves the page, mints the ephemeral key of a call, and asks text
// models for the page with the `openai` package. It prints its address.

import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { AzureOpenAI } from 'openai';

const { ORIGIN, KEY } = process.env;
const apiVersion = '2025-04-01-preview';
const client = new AzureOpenAI({ endpoint: ORIGIN, apiKey: KEY, apiVersion });
const TYPES = { html: 'text/html; charset=utf-8', mjs: 'text/javascript' };

/** The session that the key of a call is for. */
async function session() {
  const answer = await fetch(`${ORIGIN}/openai/realtimeapi/sessions?api-version=${apiVersion}`, {
    method: 'POST',
    headers: { 'api-key': KEY, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model: 'simpleHandoff', voice: 'sage' }),
  });
  return answer.json();
}

/** The answer of a deployment, as an object with these texts. */
async function decided(deployment, text, names) {
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const schema = { type: 'object', properties, required: names, additionalProperties: false };
  const completion = await client.chat.completions.create({
    model: deployment,
    messages: [{ role: 'user', content: text }],
    response_format: { type: 'json_schema', json_schema: { name: 'decision', strict: true, schema } },
  });
  return JSON.parse(completion.choices[0].message.content);
}

const ROUTES = {
  '/session': session,
  '/moderation': (text) => decided('simpleHandoff/moderation', text, ['category', 'rationale']),
  '/eligibility': (text) =>
    decided('customerServiceRetail/eligibility', text, [
      'rationale',
      'userRequest',
      'isEligible',
      'additionalInformationNeeded',
      'returnNextSteps',
    ]),
};

const server = createServer(async (request, response) => {
  const route = ROUTES[request.url];
  if (!route) {
    const file = new URL(`.${request.url}`, import.meta.url);
    response.setHeader('Content-Type', TYPES[request.url.split('.').at(-1)] ?? 'application/octet-stream');
    createReadStream(file)
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
    return;
  }
  let body = '';
  for await (const piece of request) body += piece;
  try {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(await route(body)));
  } catch (error) {
    response.writeHead(500).end(JSON.stringify({ error: String(error) }));
  }
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
