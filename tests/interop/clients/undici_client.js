// The client of node `undici`, and so the WebSocket of Node itself, against our echo server: `URL PID DEFLATE`.
'use strict';

const { WebSocket, ping } = require('undici');
const diagnostics = require('node:diagnostics_channel');
const { MAX_MESSAGE, SIZES, CLOSE_CODES, url, pid, deflate, check, equal } = require('./checks.js');
const { w3cChecks, w3cLastConnection } = require('./w3c.js');

// undici shows pongs only to those that watch it work.
function pongs() {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    const heard = ({ payload }) => {
      diagnostics.unsubscribe('undici:websocket:pong', heard);
      socket.onclose = () => resolve(Buffer.from(payload).toString());
      socket.close();
    };
    diagnostics.subscribe('undici:websocket:pong', heard);
    socket.onopen = () => ping(socket, Buffer.from('are you there'));
    socket.onerror = () => reject(new Error('the connection failed'));
  });
}

async function goingAway() {
  const opened = () => process.kill(pid, 'SIGTERM');
  const { code, wasClean } = await w3cLastConnection({ url, WebSocket, opened });
  equal(code, 1001, 'the close code');
  equal(wasClean, true, 'wasClean');
}

async function main() {
  const results = await w3cChecks({ url, deflate, sizes: SIZES, closeCodes: CLOSE_CODES, maxMessage: MAX_MESSAGE, WebSocket });
  for (const [name, wrong] of results) console.log(wrong === null ? `ok - ${name}` : `not ok - ${name}: ${wrong}`);
  await check('a ping is answered with its payload', async () => equal(await pongs(), 'are you there', 'the payload'));
  await check('SIGTERM closes with 1001, cleanly', goingAway);
  console.log('done');
}

// undici may keep a socket it has given up on for half a minute, and Node with it.
main().then(() => process.exit());
