// A browser, a site that is not the server's, and a server that lets it in.
'use strict';

const http = require('node:http');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const readline = require('node:readline');
const { chromium } = require('playwright-core');
const { equal } = require('./checks.js');

// No sandbox, since it doesn't start as root; nothing that looks for a network in the background.
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS.split(' ') });
}

// A site that is not the server's.
async function site() {
  const server = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>elsewhere</title>'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() || server.closeAllConnections() };
}

// A second server, which lets pages of `origin` in.
async function letting(origin) {
  const flags = ['--listen', '127.0.0.1:0', '--room-history', '10', '--drain-window', '1s', '--drain-deadline', '3s', '--allow-origin', origin];
  const child = spawn(process.env.BOWLINE, ['serve', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(readline.createInterface(child.stdout), 'line');
  const [, address] = /listening on (?:\w+:\/\/)?([\d.:]+)/.exec(line);
  return { url: `http://${address}`, end: async () => child.kill() && equal((await once(child, 'exit'))[0], 0, 'its exit code') };
}

module.exports = { launch, letting, site };
