// Waits for a child, again and again: each time Node makes an event loop of its own.
'use strict';
const { spawnSync } = require('child_process');

function askChild() {
  return spawnSync('/bin/true').status + 1;
}

function handleRequest() {
  const answer = askChild();
  return answer * 2;
}

setInterval(handleRequest, 50);
