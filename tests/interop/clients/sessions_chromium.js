// Chromium in resumable sessions: pages of the server's own origin, of an allowed one and of a foreign one: `URL PID`. CHROMIUM and
// BOWLINE are programs' paths.
'use strict';

const { url, pid, check, equal } = require('./checks.js');
const { letting, launch, site } = require('./pages.js');
const { sessionClient } = require('./session.js');

const address = `${url}/session`;
const METHODS = ['GET', 'POST', 'DELETE'];

// What follows runs in a page, and returns what there is to compare.
const inPage = {
  // Comet by `fetch`: each message is sent when the echo of the one before has come; then the stream breaks off, and goes on.
  async streams({ Session }, base) {
    const session = new Session(base);
    const first = await session.comet();
    for (const text of ['one', 'two\nlines', 'κόσμε']) {
      const before = session.inbox.length;
      session.send(text);
      await session.until(() => session.inbox.length > before);
    }
    first.leave();
    session.send('sent in between');
    const second = await session.comet();
    await session.until(() => session.inbox.length === 4);
    const { from } = JSON.parse(second.seen[0].data);
    return { open: first.seen[0].kind, from, inbox: session.inbox.join('|') };
  },

  // What a page of another origin may read besides bodies.
  async headers({ Session }, base) {
    const session = new Session(base);
    await session.poll();
    const other = await fetch(base, { headers: { 'Bowline-Session': 'new', 'Bowline-Version': '2' } });
    const polls = [1, 2].map(() => session.get('?wait=20'));
    const superseded = await Promise.race(polls);
    session.send('for the other poll');
    await Promise.all(polls);
    await session.end();
    return `${other.status} ${other.headers.get('Bowline-Version')} ${superseded.status} ${superseded.headers.get('Bowline-Carrier')}`;
  },

  // From WebSocket to Comet and back while messages are on their way.
  async switches({ Session }, base) {
    const session = new Session(base);
    const sent = [];
    for (let turn = 0; turn < 16; turn++) {
      const moving = turn % 2 === 0 ? session.webSocket() : session.comet();
      for (let i = 0; i < 25; i++) session.send(sent[sent.push(`${sent.length} ${'x'.repeat((sent.length * 7) % 300)}`) - 1]);
      const carrier = await moving;
      if (carrier.socket && carrier.socket.protocol !== 'bowline.v1') throw new Error(`the subprotocol is ${carrier.socket.protocol}`);
      await session.until(() => session.inbox.length >= sent.length - 15);
    }
    await session.until(() => session.inbox.length >= sent.length && session.unacked.length === 0);
    session.send('the last');
    await session.until(() => session.inbox.at(-1) === 'the last');
    await session.end();
    return { same: session.inbox.join('|') === [...sent, 'the last'].join('|'), count: session.inbox.length };
  },

  // Says goodbye when the page goes away.
  async goodbye({ Session }, base) {
    const session = new Session(base);
    await session.comet();
    session.send('here');
    await session.until(() => session.inbox.length === 1);
    addEventListener('pagehide', () => session.end({ keepalive: true }));
    return session.secret;
  },

  // What comes of all that a page that isn't let in can try.
  async nothing({ Session }, base, secret) {
    const outcome = (promise) => promise.then(({ status, type }) => type === 'opaque' ? type : status, () => 'error');
    const headers = { 'Bowline-Session': secret };
    const body = 'id: 2\ndata: foreign\n\n';
    const socket = new WebSocket(base.replace('http', 'ws'), ['bowline.v1', `bowline.session.${secret}`]);
    const tries = [
      new Promise((done) => ((socket.onopen = () => done('open')), (socket.onerror = () => done('error')))),
      outcome(fetch(base, { headers })),
      outcome(fetch(base, { headers: { ...headers, Accept: 'text/event-stream' } })),
      outcome(fetch(base, { headers, method: 'POST', body })),
      outcome(fetch(base, { headers, method: 'DELETE' })),
      outcome(fetch(base, { method: 'POST', body })),
      // These are sent, but without the header.
      outcome(fetch(base, { method: 'POST', body, mode: 'no-cors', headers })),
    ];
    navigator.sendBeacon(base, body);
    return (await Promise.all(tries)).join(' ');
  },

  async closed({ Session }, base) {
    const session = new Session(base);
    const { socket } = await session.webSocket();
    const closed = new Promise((resolve) => (socket.onclose = resolve));
    window.endServer();
    const { code, reason, wasClean } = await closed;
    return { code, reason, wasClean };
  },
};

function run(tab, name, ...given) {
  const values = given.map((value) => JSON.stringify(value)).join(', ');
  return tab.evaluate(`({ ${inPage[name]} }).${name}((${sessionClient})(), ${values})`);
}

async function streams(tab, base) {
  const seen = await run(tab, 'streams', base);
  equal(seen.open, 'open', 'the first event');
  equal(seen.from, 3, 'where the second stream goes on');
  equal(seen.inbox, 'one|two\nlines|κόσμε|sent in between', 'what was heard');
}

async function switches(tab, base) {
  const seen = await run(tab, 'switches', base);
  equal(seen.count, 401, 'the number of messages');
  equal(seen.same, true, 'whether each came once, in order,');
}

// The session of a page that has gone is gone too, long before its time to live.
async function goodbye(browser, home, base) {
  const tab = await browser.newPage();
  await tab.goto(home);
  const secret = await run(tab, 'goodbye', base);
  equal((await fetch(base, { method: 'POST', headers: { 'Bowline-Session': secret, 'Content-Type': 'text/event-stream' } })).status, 200, 'the status before');
  await tab.goto('about:blank');
  const until = Date.now() + 5000;
  let status = 0;
  while (status !== 404 && Date.now() < until) {
    ({ status } = await fetch(base, { headers: { 'Bowline-Session': secret } }));
  }
  equal(status, 404, 'the status after');
  await tab.close();
}

// A session of another client's, which stays as it was whatever `body` does.
async function untouched(body) {
  const { Session } = sessionClient();
  const session = new Session(address);
  await session.poll();
  session.send('mine');
  while (session.inbox.length < 1) await session.poll(5);
  await body(session.secret);
  const answer = await fetch(address, { headers: { 'Bowline-Session': session.secret, 'Bowline-Cursor': '0' } });
  equal(answer.status, 200, 'the status of a poll');
  const text = await answer.text();
  equal(JSON.parse(/^data: (.*)$/m.exec(text)[1]).ack, 1, 'how many records the server has');
  equal(text.includes('foreign'), false, 'whether something foreign is in it');
  await session.end();
}

// A form needs no permission to be sent; it can't name a session.
async function forms(browser, elsewhere) {
  const tab = await browser.newPage();
  await untouched(async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      await tab.goto(elsewhere.origin);
      const answered = tab.waitForNavigation();
      await tab.evaluate(
        ([action, enctype]) => {
          const form = Object.assign(document.createElement('form'), { method: 'POST', action, enctype });
          form.append(Object.assign(document.createElement('textarea'), { name: 'id: 2\ndata', value: 'foreign\n\n' }));
          document.body.append(form);
          form.submit();
        },
        [address, type],
      );
      const response = await answered;
      equal(response.request().method(), 'POST', 'the method');
      equal(response.status(), 403, `the status of a form in ${type}`);
    }
  });
  await tab.close();
}

async function foreign(browser, elsewhere) {
  const tab = await browser.newPage();
  await tab.goto(elsewhere.origin);
  await untouched(async (secret) => {
    equal(await run(tab, 'nothing', address, secret), 'error error error error error error opaque', 'the outcomes');
    for (const method of [...METHODS, 'OPTIONS']) {
      const preflight = method === 'OPTIONS' ? { 'access-control-request-method': 'POST', 'access-control-request-headers': 'bowline-session' } : {};
      const answer = await fetch(address, { method, headers: { 'Bowline-Session': secret, origin: elsewhere.origin, ...preflight } });
      equal(answer.status, 403, `the status of ${method}`);
      equal([...answer.headers.keys()].filter((name) => name.startsWith('access-control')).join(), '', 'headers of CORS');
    }
  });
  await tab.close();
}

async function allowed(browser, elsewhere) {
  const server = await letting(elsewhere.origin);
  const base = `${server.url}/session`;
  try {
    const tab = await browser.newPage();
    await tab.goto(elsewhere.origin);
    await check('another, allowed origin: Comet by fetch, event by event, and from where it broke off', () => streams(tab, base));
    await check('another, allowed origin: the headers that a client needs', async () => equal(await run(tab, 'headers', base), '400 1 204 superseded', 'what it reads'));
    await check('another, allowed origin: from WebSocket to Comet and back in mid-stream', () => switches(tab, base));
    await tab.close();
    await check('another, allowed origin: a page that goes away ends its session', () => goodbye(browser, elsewhere.origin, base));
  } finally {
    await server.end();
  }
}

async function drained(tab) {
  await tab.exposeFunction('endServer', () => process.kill(pid, 'SIGTERM'));
  const { code, reason, wasClean } = await run(tab, 'closed', address);
  equal(code, 1012, 'the close code');
  equal(/^retry=\d+$/.test(reason), true, 'whether the reason says when to come back');
  equal(wasClean, true, 'wasClean');
}

async function main() {
  const browser = await launch();
  const elsewhere = await site();
  try {
    const tab = await browser.newPage();
    const home = `${url}/healthz`;
    await tab.goto(home);
    await check('its own origin: Comet by fetch', () => streams(tab, address));
    await check('its own origin: from WebSocket to Comet and back in mid-stream', () => switches(tab, address));
    await check('its own origin: a page that goes away ends its session', () => goodbye(browser, home, address));
    await allowed(browser, elsewhere);
    await check('a form of a foreign page touches no session', () => forms(browser, elsewhere));
    await check('a foreign page gets at no session', () => foreign(browser, elsewhere));
    await check('SIGTERM closes with 1012, cleanly', () => drained(tab));
  } finally {
    await browser.close();
    elsewhere.close();
  }
  console.log('done');
}

main().then(() => process.exit());
