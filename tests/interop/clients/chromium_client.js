// Chromium's WebSocket, in a page of its own, against our echo server: `URL PID DEFLATE`. CHROMIUM is the program's path.
'use strict';

const http = require('node:http');
const { chromium } = require('playwright-core');
const { MAX_MESSAGE, SIZES, CLOSE_CODES, url, pid, deflate, check, equal } = require('./checks.js');
const { w3cChecks, w3cLastConnection } = require('./w3c.js');

// No sandbox, since it doesn't start as root; nothing that looks for a network in the background.
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

// A page with an origin, as a real one has; a blank one has none.
async function page(browser) {
  const site = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>echo</title>'));
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  const opened = await browser.newPage();
  await opened.goto(`http://127.0.0.1:${site.address().port}/`);
  site.close();
  site.closeAllConnections();
  return opened;
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS.split(' ') });
  try {
    const tab = await page(browser);
    const asked = { url, deflate, sizes: SIZES, closeCodes: CLOSE_CODES, maxMessage: MAX_MESSAGE };
    for (const [name, wrong] of await tab.evaluate(`(${w3cChecks})(${JSON.stringify(asked)})`)) {
      console.log(wrong === null ? `ok - ${name}` : `not ok - ${name}: ${wrong}`);
    }
    await tab.exposeFunction('endServer', () => process.kill(pid, 'SIGTERM'));
    await check('SIGTERM closes with 1001, cleanly', async () => {
      const { code, wasClean } = await tab.evaluate(`(${w3cLastConnection})({ url: '${url}', opened: window.endServer })`);
      equal(code, 1001, 'the close code');
      equal(wasClean, true, 'wasClean');
    });
  } finally {
    await browser.close();
  }
  console.log('done');
}

main();
