// The npm package `eventsource` in the rooms of our server, behind a relay that cuts its streams: `URL PID`.
'use strict';

const { EventSource } = require('eventsource');
const { url, pid, check, skip, equal, textOf } = require('./checks.js');
const { relay } = require('./relay.js');

const MANY = 300;

async function publish(room, body, headers = {}) {
  const response = await fetch(`${url}/rooms/${room}`, { method: 'POST', body, headers });
  equal(response.status, 200, 'the status of a POST');
  return response.json();
}

// An EventSource whose events are kept until they are asked for.
async function listen(address) {
  const source = new EventSource(address);
  source.inbox = [];
  source.wake = () => {};
  for (const kind of ['message', 'gap', 'binary', 'text-base64']) {
    source.addEventListener(kind, (event) => source.inbox.push(event) && source.wake());
  }
  await new Promise((resolve) => source.addEventListener('open', resolve, { once: true }));
  source.next = async () => {
    while (source.inbox.length === 0) await new Promise((resolve) => (source.wake = resolve));
    return source.inbox.shift();
  };
  return source;
}

async function receives() {
  const source = await listen(`${url}/rooms/plain`);
  for (const text of ['one', '', 'two\nlines\n', ' a blank first', 'κόσμε, 世界, 🪢', textOf(70000)]) {
    const { position } = await publish('plain', text);
    const event = await source.next();
    equal(event.data, text, 'the data');
    equal(event.lastEventId, position, 'the id');
  }
  source.close();
}

async function otherKinds() {
  const source = await listen(`${url}/rooms/kinds`);
  const bytes = Buffer.from([0, 1, 254, 255]);
  await publish('kinds', bytes, { 'content-type': 'application/octet-stream' });
  const binary = await source.next();
  equal(binary.type, 'binary', 'the event');
  equal(Buffer.from(binary.data, 'base64'), bytes, 'the bytes');
  // An event stream's lines end at CR, too: such a text can't go as it is.
  await publish('kinds', 'a\rb');
  const event = await source.next();
  const text = event.type === 'text-base64' ? Buffer.from(event.data, 'base64').toString() : event.data;
  equal(text, 'a\rb', 'the text');
  source.close();
}

// The stream is cut again and again while messages come: each arrives once, in order.
async function resumes() {
  const cuts = await relay(url);
  const source = await listen(`${cuts.url}/rooms/cut`);
  const sending = (async () => {
    for (let i = 0; i < MANY; i++) {
      await publish('cut', `message ${i}`);
      // Between and under way: the server's answer to the next request is not the measure of what came.
      if (i % 100 === 50) cuts.cut();
    }
  })();
  for (let i = 0; i < MANY; i++) {
    const event = await source.next();
    equal(event.type, 'message', `the kind of event ${i}`);
    equal(event.data, `message ${i}`, `event ${i}`);
  }
  await sending;
  equal(cuts.accepted > 1, true, 'whether it had to connect again');
  source.close();
  cuts.end();
}

async function told() {
  const cuts = await relay(url);
  const source = await listen(`${cuts.url}/rooms/told?since=AAAAAAAAAAAAAAAAAAAAAA-7`);
  const event = await source.next();
  equal(event.type, 'gap', 'the event');
  const { from, reason } = JSON.parse(event.data);
  equal(from, 'AAAAAAAAAAAAAAAAAAAAAA-7', 'where it was');
  equal(reason, 'epoch', 'the reason');
  // Once is enough: the next connection goes on from after the gap.
  cuts.cut();
  await publish('told', 'next');
  const next = await source.next();
  equal(`${next.type} ${next.data}`, 'message next', 'the event after it');
  source.close();
  cuts.end();
}

async function drained() {
  const source = await listen(`${url}/rooms/drain`);
  const interrupted = new Promise((resolve) => source.addEventListener('error', resolve, { once: true }));
  process.kill(pid, 'SIGTERM');
  await interrupted;
  equal(source.readyState, EventSource.CONNECTING, 'its state: it means to come back');
  source.close();
}

async function main() {
  await check('texts, with their places', receives);
  await check('bytes, and text that no line can have', otherKinds);
  await check(`${MANY} messages once each over a stream that is cut`, resumes);
  // The HTML Standard lets an id without data count, and browsers do.
  skip('a stream that is cut before the first event', 'eventsource-parser drops an id that comes without data');
  await check('a gap is told once', told);
  await check('SIGTERM ends the stream, and it means to come back', drained);
  console.log('done');
}

main().then(() => process.exit());
