// The client of node `ws` in the rooms of our server: `URL PID`.
'use strict';

const { once } = require('node:events');
const WebSocket = require('ws');
const { url, pid, check, equal, textOf, bytesOf } = require('./checks.js');

const MANY = 1000;

async function dial(room, options = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/rooms/${room}`, { perMessageDeflate: false, maxPayload: 0, ...options });
  socket.inbox = [];
  socket.on('message', (data, binary) => socket.inbox.push(binary ? data : data.toString()) && socket.emit('arrived'));
  await once(socket, 'open');
  socket.on('error', () => {});
  socket.gone = new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  return socket;
}

async function next(socket) {
  while (socket.inbox.length === 0) {
    const closed = await Promise.race([once(socket, 'arrived').then(() => null), socket.gone]);
    if (closed && socket.inbox.length === 0) throw new Error(`closed with ${closed.code} before a message came`);
  }
  return socket.inbox.shift();
}

async function hangUp(...sockets) {
  for (const socket of sockets) {
    socket.close(1000);
    equal((await socket.gone).code, 1000, 'the answered code');
  }
}

async function twoMembers() {
  const [ann, bob] = [await dial('two'), await dial('two')];
  for (const message of ['from ann', '', textOf(70000), bytesOf(70000), 'κόσμε, 世界, 🪢']) {
    ann.send(message);
    equal(await next(ann), message, "the sender's copy");
    equal(await next(bob), message, "the other's copy");
  }
  await hangUp(ann, bob);
}

async function manyInOrder() {
  const [ann, bob] = [await dial('many'), await dial('many')];
  for (let i = 0; i < MANY; i++) ann.send(`${i} ${textOf(i % 300)}`);
  for (const member of [ann, bob]) {
    for (let i = 0; i < MANY; i++) equal(await next(member), `${i} ${textOf(i % 300)}`, `message ${i}`);
  }
  await hangUp(ann, bob);
}

// Whoever hears of an open WebSocket may speak to it: what is published from then on comes.
async function inAtOnce() {
  const publisher = await dial('at once');
  for (let i = 0; i < 300; i++) {
    const member = await dial('at once');
    publisher.send(`message ${i}`);
    equal(await next(member), `message ${i}`, 'the first message');
    member.terminate();
  }
  await hangUp(publisher);
}

async function leaves() {
  const [ann, bob] = [await dial('leave'), await dial('leave')];
  await hangUp(bob);
  ann.send('still here');
  equal(await next(ann), 'still here', 'the message');
  equal(bob.inbox.length, 0, 'what came to one that had left');
  // One that is cut off hasn't left properly, and is no member either.
  const eve = await dial('leave');
  eve.terminate();
  ann.send('and here');
  equal(await next(ann), 'and here', 'the message');
  await hangUp(ann);
}

async function refuses(options, status) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/rooms/two`, options);
  const [, response] = await Promise.race([
    once(socket, 'unexpected-response'),
    once(socket, 'open').then(() => Promise.reject(new Error('it was accepted'))),
  ]);
  socket.on('error', () => {});
  socket.terminate();
  equal(response.statusCode, status, 'the status');
}

async function drained() {
  const members = [];
  for (let i = 0; i < 10; i++) members.push(await dial('drain'));
  process.kill(pid, 'SIGTERM');
  for (const member of members) {
    const { code, reason } = await member.gone;
    equal(code, 1012, 'the close code');
    equal(/^retry=\d+$/.test(reason), true, 'whether the reason says when to come back');
  }
}

async function main() {
  await check('what one sends comes to both', twoMembers);
  await check(`${MANY} messages in order, at both`, manyInOrder);
  await check('a member is in the room once its WebSocket is open', inAtOnce);
  await check('who has left gets nothing', leaves);
  await check("the server's own origin is let in", async () => hangUp(await dial('two', { origin: url })));
  await check('a page of another origin, 403', () => refuses({ origin: 'http://elsewhere.example' }, 403));
  await check('a page without an origin, 403', () => refuses({ origin: 'null' }, 403));
  await check('SIGTERM closes with 1012 and a time to come back', drained);
  console.log('done');
}

main();
