// Serves HTTP on the port that it is given, and says what Node itself measures of its event loop.
//   /         ok
//   /spin     ok, after SPIN_MS of nothing but computing
//   /told     what was measured so far, as JSON: times in ms, but of the delay in ns
'use strict';
const http = require('http');
const { performance, monitorEventLoopDelay } = require('perf_hooks');

const SPIN_MS = 30;
const delay = monitorEventLoopDelay({ resolution: 10 });
let spun = 0;
let spins = 0;

function spin() {
  const start = performance.now();
  while (performance.now() - start < SPIN_MS);
  spun += performance.now() - start;
  spins++;
}

function told() {
  const { idle, active } = performance.eventLoopUtilization();
  return JSON.stringify({ idle, active, spun, spins, delay_max: delay.max, ...performance.nodeTiming.uvMetricsInfo });
}

delay.enable();
setInterval(() => {}, 50);
http
  .createServer((request, response) => {
    if (request.url === '/spin') spin();
    response.end(request.url === '/told' ? told() : 'ok');
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
