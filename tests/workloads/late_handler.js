// A timer whose handler stays away: `spin`, or `read` of a FIFO that nobody writes.
'use strict';
const fs = require('fs');

let turns = 0;

function handleEvent(way, fifo) {
  if (way === 'read') fs.readSync(fifo, Buffer.alloc(1));
  while (way === 'spin') turns++;
  return turns + 1;
}

function serveLoop(way, fifo) {
  return handleEvent(way, fifo) + 1;
}

const [way, path] = process.argv.slice(2);
const fifo = way === 'read' ? fs.openSync(path, 'r+') : 0;
setTimeout(() => {
  fs.writeSync(1, 'away\n');
  serveLoop(way, fifo);
}, 10);
