// Chromium in the rooms of our server: pages of this origin, of others, and the server's own: `URL PID`. CHROMIUM and BOWLINE are
// programs' paths.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { url, pid, check, equal } = require('./checks.js');
const { launch, letting, site } = require('./pages.js');
const { relay } = require('./relay.js');

const PICTURES = path.join(__dirname, '..', '..', '.cache', 'rooms');

// What follows runs in a page, and returns what the page may see.
const inPage = {
  // Joins by WebSocket and by EventSource, posts by fetch, and waits for it at both.
  async everything(base) {
    const heard = [];
    const both = (resolve) => (from, data) => heard.push(`${from}: ${data}`) === 4 && resolve(heard.sort());
    const socket = new WebSocket(`${base.replace('http', 'ws')}/rooms/browser`);
    const source = new EventSource(`${base}/rooms/browser`);
    const all = new Promise((resolve, reject) => {
      const note = both(resolve);
      socket.onmessage = ({ data }) => note('socket', data);
      source.onmessage = ({ data, lastEventId }) => note('source', `${data} ${/^[\w-]{22}-\d+$/.test(lastEventId)}`);
      socket.onerror = () => reject(new Error('the WebSocket failed'));
      source.onerror = () => reject(new Error('the EventSource failed'));
    });
    await Promise.all([new Promise((done) => (socket.onopen = done)), new Promise((done) => (source.onopen = done))]);
    socket.send('by socket');
    const answer = await fetch(`${base}/rooms/browser`, { method: 'POST', body: 'by fetch' });
    const { position } = await answer.json();
    const poll = await fetch(`${base}/rooms/browser?history=2`);
    const result = { heard: await all, status: answer.status, position, polled: (await poll.text()).includes(`id: ${position}`) };
    const closed = new Promise((done) => (socket.onclose = done));
    socket.close(4000, 'enough');
    source.close();
    const { code, wasClean } = await closed;
    return { ...result, code, wasClean };
  },

  // An EventSource that is cut off three times, before the first event and later: what it hears, and how often it connected.
  async cutOff(base) {
    const source = new EventSource(`${base}/rooms/cut`);
    const heard = [];
    let wake = () => {};
    let opened = 0;
    source.onopen = () => (opened += 1) && wake();
    source.onmessage = ({ data }) => heard.push(data) && wake();
    source.addEventListener('gap', ({ data }) => heard.push(`gap ${data}`) && wake());
    const until = async (holds) => {
      while (!holds()) await new Promise((resolve) => (wake = resolve));
    };
    for (let round = 0; round < 3; round++) {
      await until(() => opened === round + 1);
      // The second connection has had something since, the first had nothing.
      await window.cut();
      await fetch('./rooms/cut', { method: 'POST', body: `one ${round}` });
      await fetch('./rooms/cut', { method: 'POST', body: `two ${round}` });
      await until(() => heard.length >= 2 * (round + 1));
    }
    source.close();
    return heard.join('; ');
  },

  // What a page that isn't let in sees: that each failed.
  async nothing(base) {
    const socket = new WebSocket(`${base.replace('http', 'ws')}/rooms/browser`);
    const source = new EventSource(`${base}/rooms/browser`);
    const outcome = (target) => new Promise((done) => ((target.onopen = () => done('open')), (target.onerror = () => done('error'))));
    const post = fetch(`${base}/rooms/browser`, { method: 'POST', body: 'foreign' }).then(({ status }) => status, () => 'error');
    const get = fetch(`${base}/rooms/browser?history=1`).then(({ status }) => status, () => 'error');
    const seen = await Promise.all([outcome(socket), outcome(source), post, get]);
    source.close();
    return seen.join(' ');
  },
};

function run(tab, name, base) {
  return tab.evaluate(`({ ${inPage[name]} }).${name}(${JSON.stringify(base)})`);
}

async function fromEverywhere(tab, base) {
  const seen = await run(tab, 'everything', base);
  const want = ['socket: by fetch', 'socket: by socket', 'source: by fetch true', 'source: by socket true'];
  equal(seen.heard.join('; '), want.join('; '), 'what was heard');
  equal(seen.status, 200, 'the status of the POST');
  equal(seen.polled, true, 'whether a poll has it');
  equal(seen.code, 4000, 'the answered code');
  equal(seen.wasClean, true, 'wasClean');
}

async function foreign(browser, elsewhere) {
  const tab = await browser.newPage();
  await tab.goto(elsewhere.origin);
  equal(await run(tab, 'nothing', url), 'error error error error', 'the outcomes');
  // What the page may not see the server must not have done either.
  const poll = await fetch(`${url}/rooms/browser?history=10`);
  equal((await poll.text()).includes('foreign'), false, 'whether it was published');
  const refused = await fetch(`${url}/rooms/browser`, { method: 'POST', body: 'foreign', headers: { origin: elsewhere.origin } });
  equal(refused.status, 403, 'the status of a POST');
  equal([...refused.headers.keys()].filter((name) => name.startsWith('access-control')).join(), '', 'headers of CORS');
  await tab.close();
}

async function listed(browser, elsewhere) {
  const server = await letting(elsewhere.origin);
  try {
    const tab = await browser.newPage();
    await tab.goto(elsewhere.origin);
    await fromEverywhere(tab, server.url);
    await tab.close();
  } finally {
    await server.end();
  }
}

// By way of a relay that breaks; to the server the page's origin is the relay's.
async function cutOff(browser) {
  const way = await relay(url);
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    await tab.exposeFunction('cut', () => way.cut());
    await tab.goto(`${way.url}/healthz`);
    const heard = await run(tab, 'cutOff', way.url);
    equal(heard, [0, 1, 2].map((round) => `one ${round}; two ${round}`).join('; '), 'what was heard');
  } finally {
    await context.close();
    way.end();
  }
}

// The page at `/`: join a room, say something, see it; once by WebSocket, once by EventSource.
async function page(browser, scheme) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 900, height: 700 } });
  const tab = await context.newPage();
  const wrong = [];
  tab.on('pageerror', (error) => wrong.push(String(error)));
  tab.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  await tab.goto(url);
  await tab.waitForFunction("document.getElementById('version').textContent.match(/^\\d/)");
  for (const transport of ['ws', 'es']) {
    const text = `κόσμε by ${transport} in the ${scheme}`;
    await tab.selectOption('#transport', transport);
    await tab.fill('#room', `page ${scheme}`);
    await tab.click('#go');
    await tab.waitForSelector('#text:enabled');
    await tab.fill('#text', text);
    await tab.click('#send');
    await tab.waitForSelector(`#log li span:text-is("${text}")`);
    if (transport === 'ws') await tab.screenshot({ path: path.join(PICTURES, `page-${scheme}.png`) });
    await tab.click('#go');
    await tab.waitForSelector('#text:disabled');
  }
  equal(wrong.join('; '), '', 'what went wrong in the page');
  await context.close();
}

async function drained(tab) {
  await tab.exposeFunction('endServer', () => process.kill(pid, 'SIGTERM'));
  const { code, reason, wasClean } = await tab.evaluate(
    `new Promise((resolve) => {
      const socket = new WebSocket('${url.replace('http', 'ws')}/rooms/drain');
      socket.onopen = () => window.endServer();
      socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    })`,
  );
  equal(code, 1012, 'the close code');
  equal(/^retry=\d+$/.test(reason), true, 'whether the reason says when to come back');
  equal(wasClean, true, 'wasClean');
}

async function main() {
  fs.mkdirSync(PICTURES, { recursive: true });
  const browser = await launch();
  const elsewhere = await site();
  try {
    for (const scheme of ['light', 'dark']) await check(`the page at /, ${scheme}`, () => page(browser, scheme));
    const tab = await browser.newPage();
    // The policy of the page at / lets it use its own server, and so this one, too.
    await tab.goto(`${url}/healthz`);
    await check('WebSocket, EventSource, fetch: from its own origin', () => fromEverywhere(tab, url));
    await check('an EventSource that is cut off comes back to where it was', () => cutOff(browser));
    await check('a page of another origin is refused', () => foreign(browser, elsewhere));
    await check('a page of a listed origin is let in', () => listed(browser, elsewhere));
    await check('SIGTERM closes with 1012, cleanly', () => drained(tab));
  } finally {
    await browser.close();
    elsewhere.close();
  }
  console.log('done');
}

main().then(() => process.exit());
