// Three workers of node_service.js at one port, as the module cluster has them.
'use strict';
const cluster = require('cluster');

if (cluster.isPrimary) {
  for (let worker = 0; worker < 3; worker++) cluster.fork();
} else {
  require('./node_service.js');
}
