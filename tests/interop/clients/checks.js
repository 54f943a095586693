// Checks that print a line each: what the clients in JavaScript share. checks.py has the same for those in Python.
'use strict';

const SECONDS = 20;
const MAX_MESSAGE = 2 << 20;
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];

// `URL PID DEFLATE`, as tests/interop/run starts each client.
const [url, pid, deflate] = [process.argv[2], Number(process.argv[3]), process.argv[4] === '1'];

async function check(name, body) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${SECONDS} s`)), SECONDS * 1000);
  });
  try {
    await Promise.race([body(), late]);
    console.log(`ok - ${name}`);
  } catch (error) {
    console.log(`not ok - ${name}: ${String(error.message ?? error).replace(/\s+/g, ' ')}`);
  } finally {
    clearTimeout(timer);
  }
}

function skip(name, why) {
  console.log(`skip - ${name}: ${why}`);
}

function equal(got, want, what) {
  if (Buffer.isBuffer(want) ? !want.equals(got) : got !== want) {
    const say = (value) => (value?.length > 80 ? `${value.length} long` : JSON.stringify(value));
    throw new Error(`${what} is ${say(got)}, not ${say(want)}`);
  }
}

// A text of `size` bytes that is not the same everywhere, so that a lost or doubled piece shows. Deflate makes it a little
// smaller, not a hundred times: that is what `max_inflate_ratio` refuses.
function textOf(size) {
  return bytesOf(size).map((byte) => 33 + (byte % 94)).toString('latin1');
}

// Bytes that deflate doesn't make smaller: a xorshift generator, the same on every run.
function bytesOf(size) {
  let state = 2463534242;
  return Buffer.alloc(size).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 255;
  });
}

module.exports = { MAX_MESSAGE, SIZES, CLOSE_CODES, url, pid, deflate, check, skip, equal, textOf, bytesOf };
